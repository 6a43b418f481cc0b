"""From a request of HTTP to a function of an `Ask` that runs in a thread, and back."""

import dataclasses
import inspect
import json
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vectormix_tf.studio import accounts
from vectormix_tf.studio.errors import Refusal
from vectormix_tf.studio.intake import UploadError
from vectormix_tf.studio.web import answers, sessions
from vectormix_tf.studio.web.guard import ROUTE, SMALL_BODY, TooLarge, most_bytes
from vectormix_tf.studio.web.site import DECODERS, MOST_UPLOADS, Ask, Site

Handler = Callable[[Ask], Response]
Waiting = Callable[[Ask], Awaitable[Response]]
# "none": it is not looked up who asks; "guest": or a member.
Who = Literal["none", "all", "guest", "member"]
Body = Literal["none", "form", "json", "bytes"]
MULTIPART = "multipart/form-data"
MOST_FILES, MOST_FIELDS = 4, 40


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A route.

    Attributes:
        path: Its template.
        handler: What answers, in a thread; or a coroutine, which holds none.
        method: Of HTTP.
        who: Who may ask; all others sign in first.
        body: What is read of a request.
        brings_picture: Whether its body is large.
    """

    path: str
    handler: Handler | Waiting
    method: str = "GET"
    who: Who = "all"
    body: Body = "none"
    brings_picture: bool = False

    def route(self, site: Site) -> Route:
        """The route of Starlette."""

        async def answer(request: Request) -> Response:
            request.scope[ROUTE] = self.path
            return await _answer(self, site, request)

        return Route(self.path, answer, methods=[self.method])


async def _answer(endpoint: Endpoint, site: Site, request: Request) -> Response:
    ask = Ask(site, request)
    try:
        known = endpoint.who != "none"
        token = sessions.token_of(request, site.options) if known else ""
        account = await run_in_threadpool(_account, site, token)
        ask = Ask(site, request, account, token)
        if not _may(endpoint.who, account):
            await _skip(request)
            return await run_in_threadpool(answers.signed_out, ask)
        async with _place(endpoint, site):
            ask = await _read(endpoint, ask)
            return await _call(endpoint, ask)
    except TooLarge:
        return await run_in_threadpool(answers.refused, ask, 413, "too_large")
    except Exception as error:
        return await run_in_threadpool(answers.failed, ask, error)


def _account(site: Site, token: str) -> accounts.Account | None:
    return accounts.account_of(site.database, token) if token else None


def _may(who: Who, account: accounts.Account | None) -> bool:
    if who in ("none", "all"):
        return True
    return account is not None and (who == "guest" or account.role != "guest")


async def _call(endpoint: Endpoint, ask: Ask) -> Response:
    handler: Any = endpoint.handler
    if endpoint.brings_picture:
        site = ask.site
        if site.decoders is None:  # a limiter belongs to a loop
            site.decoders = anyio.CapacityLimiter(DECODERS)
        return await anyio.to_thread.run_sync(handler, ask, limiter=site.decoders)
    if inspect.iscoroutinefunction(handler):
        return await handler(ask)
    return await run_in_threadpool(handler, ask)


def at_one_moment(handler: Handler) -> Handler:
    """A handler that reads in one transaction, and writes nothing."""

    def answer(ask: Ask) -> Response:
        replace = dataclasses.replace
        return ask.site.database.read(lambda c: handler(replace(ask, moment=c)))

    return answer


@asynccontextmanager
async def _place(endpoint: Endpoint, site: Site) -> AsyncIterator[None]:
    """Of those that have a picture in memory; refused before it is read."""
    if not endpoint.brings_picture:
        yield
        return
    if site.uploading >= MOST_UPLOADS:
        raise UploadError("busy")
    site.uploading += 1
    try:
        yield
    finally:
        site.uploading -= 1


# --- Bodies ---------------------------------------------------------------------------


async def _read(endpoint: Endpoint, ask: Ask) -> Ask:
    request = ask.request
    if endpoint.body == "bytes":
        return dataclasses.replace(ask, body=await request.body())
    if endpoint.body == "json":
        return dataclasses.replace(ask, fields=_values(await request.body()))
    if endpoint.body == "form":
        return dataclasses.replace(ask, fields=await _fields(ask.site, request))
    return ask


def _values(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal("bad_input", "the body is no JSON.") from error
    if not isinstance(values, dict):
        raise Refusal("bad_input", 'the body must be a JSON object: {"name": ...}.')
    return values


async def _fields(site: Site, request: Request) -> dict[str, Any]:
    """Fields of a form: texts, and bytes of files; what is empty is left out."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        text = (await request.body()).decode("utf-8", "replace")
        pairs = urllib.parse.parse_qsl(text, max_num_fields=None)
        return dict(reversed(pairs[:MOST_FIELDS]))
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
        max_part_size=SMALL_BODY,
    )
    # What people send is never written to a disk as it came.
    parser.spool_max_size = most_bytes(site, request.url.path) + 1
    try:
        form = await parser.parse()
    except (MultiPartException, LookupError, ValueError) as error:
        raise Refusal("bad_input", "the form cannot be read.") from error
    found: dict[str, Any] = {}
    for name, value in form.multi_items():
        read = await value.read() if isinstance(value, UploadFile) else value
        if read and name not in found:
            found[name] = read
    await form.close()
    return found


async def _skip(request: Request) -> None:
    """Reads a body away: a browser that still sends it would not hear the answer."""
    async for _ in request.stream():
        pass


# --- Shorthands -----------------------------------------------------------------------


def page(path: str, handler: Handler, who: Who = "all") -> Endpoint:
    """A page, of one moment of the database."""
    return Endpoint(path, at_one_moment(handler), "GET", who)


def file(path: str, handler: Handler, who: Who = "all") -> Endpoint:
    """What is fetched and is no page."""
    return Endpoint(path, handler, "GET", who)


def form(
    path: str, handler: Handler, who: Who = "member", brings_picture: bool = False
) -> Endpoint:
    """What a form is sent to."""
    return Endpoint(path, handler, "POST", who, "form", brings_picture)


def api(
    method: str, path: str, handler: Handler | Waiting, who: Who = "member"
) -> Endpoint:
    """What programs ask."""
    body: Body = "none" if method == "GET" else "json"
    return Endpoint(path, handler, method, who, body)


async def http_error(request: Request, error: Exception) -> Response:
    """Answers what no route knows."""
    assert isinstance(error, HTTPException)
    site: Site = request.app.state.site
    ask = Ask(site, request)
    try:
        token = sessions.token_of(request, site.options)
        ask = Ask(site, request, await run_in_threadpool(_account, site, token), token)
    except Exception as other:
        error = other if not isinstance(other, HTTPException) else error
    return await run_in_threadpool(answers.failed, ask, error)
