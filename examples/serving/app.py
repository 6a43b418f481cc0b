"""The demo page: two pictures in, their mix out, watched while it is made.

python examples/serving/app.py --server=grpc://localhost:8500 --port=8000
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from typing import NoReturn

import uvicorn
from desk import Options
from page import make_app

from vectormix_tf.errors import VectormixError, check_number

GRACE_SECONDS = 10  # for answers under way, at the end


class Server(uvicorn.Server):
    """At a signal tells the desk at once, so that no question holds the end up."""

    def __init__(self, app, **options):
        """`options` are uvicorn's."""
        config = uvicorn.Config(
            app,
            access_log=False,  # addresses and ids of pictures are nobody's business
            log_config=None,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=GRACE_SECONDS,
            **options,
        )
        super().__init__(config)
        self._desk = app.state.desk

    def handle_exit(self, sig, frame):
        """Called in the loop's own thread, between two of its steps."""
        asyncio.get_running_loop().call_soon_threadsafe(self._desk.close)
        super().handle_exit(sig, frame)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"app.py: {message}\n")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = _Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    add, usual = parser.add_argument, Options()
    add("--server", required=True, help="grpc://HOST:8500 or http://HOST:8501[/MODEL]")
    add("--host", default="127.0.0.1", help="address to listen at; 0.0.0.0 for all")
    add("--port", type=int, default=8000)
    add("--proxies", default="127.0.0.1", help="whose X-Forwarded-For is believed")
    helps = {
        "places": "pictures made at once",
        "waiting": "visitors in line at most",
        "per_visitor": "pictures of one visitor at once",
        "rate": "pictures of one visitor in ten minutes",
        "upload_bytes": "of a file at most",
        "pixels": "of a picture at most",
        "run_seconds": "for one picture at most",
        "patience": "seconds until what nobody asks for is forgotten",
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
    """Serves the page until a signal comes; returns the exit code."""
    try:
        values = _arguments(argv)
        from vectormix_tf.client import Run, connect

        connect(values.server).close()  # an address that is none; nothing is sent yet
    except VectormixError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    app = make_app(lambda: connect(values.server), Run, values.options)
    server = Server(
        app,
        host=values.host,
        port=values.port,
        forwarded_allow_ips=values.proxies,
    )
    # uvicorn raises a signal again when all is done; to have been asked is no failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
