"""A web page that mixes two pictures and shows the result while it is computed.

python examples/serving/app.py --server=grpc://localhost:8500 --port=8000
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import warnings
from typing import NoReturn

import uvicorn
from desk import Options
from page import make_app

from vectormix_tf.errors import Notice, VectormixError, check_number

GRACE_SECONDS = 10  # for responses that are being sent at shutdown


class Server(uvicorn.Server):
    """A server that closes the desk at a signal, so that no request delays the end."""

    def __init__(self, app, **options):
        """Creates the server.

        Args:
            app: From `page.make_app`.
            **options: Options of `uvicorn.Config`.
        """
        config = uvicorn.Config(
            app,
            access_log=False,  # it would have visitors' addresses and ids of pictures
            log_config=None,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
            **options,
        )
        super().__init__(config)
        self._desk = app.state.desk

    def handle_exit(self, sig, frame):
        """Closes the desk in the event loop, then does what uvicorn does."""
        asyncio.get_running_loop().call_soon_threadsafe(self._desk.close)
        super().handle_exit(sig, frame)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"app.py: {message}\n")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add, usual = parser.add_argument, Options()
    add("--server", required=True, help="grpc://HOST:8500 or http://HOST:8501[/MODEL]")
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all")
    add("--port", type=int, default=8000)
    add(
        "--proxies",
        default="127.0.0.1",
        help="proxies whose X-Forwarded-For is trusted",
    )
    helps = {
        "places": "pictures computed at the same time",
        "waiting": "most pictures in the queue",
        "per_visitor": "most pictures of one visitor at the same time",
        "rate": "most pictures of one visitor in ten minutes",
        "upload_bytes": "most bytes of a file",
        "pixels": "most pixels of a picture",
        "run_seconds": "most seconds for one picture",
        "patience": "seconds without a request after which a picture is deleted",
    }
    for name, text in helps.items():
        default = getattr(usual, name)
        add(f"--{name}", type=type(default), default=default, help=text)
    values = parser.parse_args(argv)
    for name, low in [*((name, 1) for name in helps), ("port", 0)]:
        high = 65535 if name == "port" else 2**40
        check_number(name, getattr(values, name), low, high)
    values.options = Options(**{name: getattr(values, name) for name in helps})
    return values


def main(argv: list[str] | None = None) -> int:
    """Serves the page until SIGINT or SIGTERM; returns the exit code."""
    try:
        values = _arguments(argv)
        from vectormix_tf.client import Run, connect

        connect(values.server).close()  # checks the address; nothing is sent yet
    except VectormixError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore", Notice)  # visitors' pictures are not logged
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    app = make_app(lambda: connect(values.server), Run, values.options)
    server = Server(
        app,
        host=values.host,
        port=values.port,
        forwarded_allow_ips=values.proxies,
    )
    # uvicorn raises the signal again after shutdown; exit with 0 all the same.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
