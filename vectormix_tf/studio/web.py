"""The web process of the studio."""

import dataclasses
import signal

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import clock
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.store import Store

GRACE_SECONDS = 10  # for requests that are being answered at the end
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Where the web process listens, and who it believes.

    Attributes:
        host: Address to listen on.
        port: To listen on.
        public_url: What people type, e.g. "https://studio.example"; None for
            http://HOST:PORT.
        proxies: Addresses of proxies whose X-Forwarded-For is believed.
        metrics_port: Of Prometheus' metrics; None for none.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    proxies: tuple[str, ...] = ()
    metrics_port: int | None = None


def serve(
    database: Database, store: Store, settings: StudioSettings, options: Options
) -> None:
    """Serves until SIGINT or SIGTERM; a second one does not wait for requests.

    Args:
        database: With the schema of this program.
        store: Where pictures are.
        settings: Of the studio.
        options: Of this process.
    """

    async def healthy(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        def look() -> None:
            clock.read(database)
            store.check_writable()

        try:
            await run_in_threadpool(look)
        except Unavailable as error:
            return JSONResponse({"status": "away", "error": str(error)}, 503)
        return JSONResponse({"status": "ok"})

    routes = [Route("/healthz", healthy), Route("/readyz", ready)]
    config = uvicorn.Config(
        Starlette(routes=routes),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    for number in SIGNALS:  # uvicorn raises them again once it has ended
        signal.signal(number, lambda *_: None)
    uvicorn.Server(config).run()
