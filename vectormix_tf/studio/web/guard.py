"""What every request passes: forms of other sites and too large bodies are refused.

Forms of other sites: a browser says with `Sec-Fetch-Site` where a request comes from,
and older ones name their site in `Origin`. A request that changes something must come
from this site by the first, or by the second where the first is missing. One that has
neither is of no browser of these days. It is taken if it brings no cookie, or if it is
one that no form can send: of the API, by another method than POST, or with another
content than a form's.
"""

import logging
import math
import time
import urllib.parse
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectormix_tf.studio import pages
from vectormix_tf.studio.web import answers, sessions
from vectormix_tf.studio.web.logs import WEB
from vectormix_tf.studio.web.options import Options, origin_of
from vectormix_tf.studio.web.site import Ask, Site

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
METHODS = (*SAFE, "POST", "PUT", "PATCH", "DELETE")
OWN = ("same-origin", "none")  # of Sec-Fetch-Site: this site, or typed by hand
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
UPLOADS = ("/new", "/try", "/api/uploads")  # that bring pictures
TWO_PICTURES = 2  # that a form may bring
SMALL_BODY = 1 << 18  # bytes of all others, and of what is around pictures
# Bytes of a body too large that are read and dropped, so that its sender hears why.
DRAINED = 1 << 28
MOST_DIGITS = 16  # of a length
ROUTE = "vectormix.route"  # in a scope: template of the route
QUIET = ("/static", "/healthz", "/readyz")  # that are not logged


class TooLarge(Exception):
    """A body is larger than it may be."""


class Guard:
    """Around the application.

    Args:
        app: The application.
        site: What all requests share.
    """

    def __init__(self, app: ASGIApp, site: Site):
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()
        request, status = Request(scope, receive), 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message)
            await send(message)

        try:
            await self._answer(request, scope, receive, send_on)
        finally:
            _note(self._site, scope, status, time.monotonic() - begun)

    async def _answer(
        self, request: Request, scope: Scope, receive: Receive, send: Send
    ) -> None:
        limit = most_bytes(self._site, request.url.path)
        length = request.headers.get("content-length", "0")
        if not is_own(request, self._site.options):
            await _drain(receive, limit)
            answer = await self._refuse(request, 403, "other_site")
        elif _number(length) > limit:
            await _drain(receive, DRAINED)
            answer = await self._refuse(request, 413, "too_large")
        else:
            await self._app(scope, counted(receive, limit), send)
            return
        await answer(scope, receive, send)

    async def _refuse(self, request: Request, status: int, code: str) -> Response:
        ask = Ask(self._site, request)
        return await run_in_threadpool(answers.refused, ask, status, code)


def _number(length: str) -> float:
    """What a length tells; more than any limit if it is none, or is so long itself."""
    short = length.isascii() and length.isdecimal() and len(length) < MOST_DIGITS
    return int(length) if short else math.inf


def most_bytes(site: Site, path: str) -> int:
    """The largest body of a path."""
    if path not in UPLOADS:
        return SMALL_BODY
    return SMALL_BODY + TWO_PICTURES * site.limits.bytes


def is_own(request: Request, options: Options) -> bool:
    """Whether a request may change something; see the module."""
    if request.method in SAFE:
        return True
    where = request.headers.get("sec-fetch-site")
    if where is not None:
        return where in OWN
    origin = request.headers.get("origin")
    if origin is not None:
        host = f"{request.url.scheme}://{request.headers.get('host', '')}"
        own = origin_of(options.public_url or host)
        return own is not None and origin_of(origin) == own
    return not sessions.cookie_token(request, options) or _is_no_form(request)


def _is_no_form(request: Request) -> bool:
    if not request.url.path.startswith("/api/"):
        return False
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.method != "POST" or kind not in FORMS


def counted(receive: Receive, limit: int) -> Receive:
    """Counts what is received, and raises `TooLarge` beyond the limit."""
    left = limit

    async def receive_some() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            if message.get("more_body"):
                await _drain(receive, DRAINED)
            raise TooLarge
        return message

    return receive_some


async def _drain(receive: Callable[[], Awaitable[Message]], limit: int) -> None:
    while limit > 0:
        message = await receive()
        limit -= max(1, len(message.get("body", b"")))
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def _add_headers(message: Message) -> None:
    headers = message.setdefault("headers", [])
    known = {name.lower() for name, _ in headers}
    message["headers"] = [
        *headers,
        *(
            (name.encode(), value.encode())
            for name, value in pages.HEADERS.items()
            if name.encode() not in known
        ),
    ]


def _note(site: Site, scope: Scope, status: int, seconds: float) -> None:
    route = scope.get(ROUTE) or _other(scope["path"])
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    site.metrics.seconds.labels(route, method, str(status)).observe(seconds)
    if route in QUIET:
        return
    facts = {
        "route": route,
        "method": method,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    logging.getLogger(WEB).info("request", extra={"facts": facts})


def _other(path: str) -> str:
    is_static = urllib.parse.unquote(path).startswith("/static/")
    return "/static" if is_static else "other"
