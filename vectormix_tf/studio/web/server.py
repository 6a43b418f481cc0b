"""Runs the web process until a signal ends it."""

import contextlib
import gc
import signal
import socket
from collections.abc import Iterator

import uvicorn

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.errors import InputError
from vectormix_tf.studio import ports
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.store import Store
from vectormix_tf.studio.web import logs
from vectormix_tf.studio.web.app import application
from vectormix_tf.studio.web.options import Options
from vectormix_tf.studio.web.site import Site

GRACE_SECONDS = 10  # for requests that are being answered at the end
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """Lets those go who wait for news, before it waits for all answers."""

    def __init__(self, config: uvicorn.Config, site: Site):
        super().__init__(config)
        self._site = site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._site.news.close()
        await super().shutdown(sockets)


def serve(
    database: Database, store: Store, settings: StudioSettings, options: Options
) -> None:
    """Serves until SIGINT or SIGTERM; a second one does not wait for requests.

    Args:
        database: With the schema of this program.
        store: Where pictures are.
        settings: Of the studio.
        options: Of this process.

    Raises:
        InputError: If the port, or that of the metrics, is taken.
    """
    logs.install()
    site = Site(database, store, settings, options)
    for name in site.environment.list_templates():  # of this version, not of a later
        site.environment.get_template(name)
    config = uvicorn.Config(
        application(site),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `sessions.address_of` believes named proxies alone
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    for number in SIGNALS:  # uvicorn raises them again once it has ended
        signal.signal(number, lambda *_: None)
    # What is there for good is not searched for garbage: each time, all requests wait.
    gc.collect()
    gc.freeze()
    with _metrics(site):
        _Server(config, site).run(_shared_port(options))


def _shared_port(options: Options) -> list[socket.socket] | None:
    """The socket of a port that is shared; None where the server opens its own.

    A name such as localhost may stand for several addresses, which it opens all.
    """
    if not options.share_port:
        ports.listen(options.host, options.port).close()  # or it would only log it
        return None
    return [ports.listen(options.host, options.port, shared=True)]


@contextlib.contextmanager
def _metrics(site: Site) -> Iterator[None]:
    options = site.options
    if options.metrics_port is None:
        yield
        return
    try:
        listener = site.metrics.listen(options.host, options.metrics_port)
    except OSError as error:
        raise InputError(
            f"cannot listen at port {options.metrics_port}: {error.strerror or error};"
            " choose another `metrics_port`."
        ) from error
    try:
        yield
    finally:
        listener.close()
