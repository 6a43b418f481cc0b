"""The routes of the page.

An order takes three kinds of requests: `POST /runs` with the settings, `PUT
/runs/ID/SLOT` for each picture that is not from the gallery, and `GET /runs/ID`, which
waits for news (long polling): so progress passes through proxies that buffer responses,
and a visitor who sends no more requests has left. Nothing is written to disk.
"""

import asyncio
import contextlib
import ipaddress
import json
import pathlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import uploads
from desk import PICTURES, Desk, Options, Order, RequestError, for_visitors, log
from gallery import Gallery
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import (
    InputError,
    VectormixError,
    check_choice,
    check_integer,
    check_number,
)

STATIC = pathlib.Path(__file__).parent / "static"
SETTINGS_BYTES = 4096  # largest JSON of an order, which has a few numbers
HEALTH_SECONDS = 1.0  # for which a status of the model is reused
_VERSION = re.compile(r"-?[0-9]{1,18}")  # of an order
PREFIX = 64  # bits of an IPv6 address that identify a visitor's network

# All content comes from this server; blobs are the visitor's pictures and previews.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src"
    " 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action"
    " 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Headers:
    """ASGI middleware that adds `HEADERS` to every response, errors included."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        """Passes a request on; see the ASGI specification."""

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(k.encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Model:
    """The connection to the model's server, made at its first use."""

    def __init__(self, connect: Callable):
        self._connect, self._lock, self._connection = connect, threading.Lock(), None
        self._asking = asyncio.Lock()
        self._health: tuple[float, dict[str, Any]] = (-HEALTH_SECONDS, {})

    def connection(self):
        """Returns the connection; blocks."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            return self._connection

    async def about(self, key: str) -> dict[str, Any]:
        """Returns `Connection.about(key)`; raises `RequestError` if that fails."""
        try:
            return await run_in_threadpool(lambda: self.connection().about(key))
        except VectormixError as error:
            log.warning("%s", error)
            raise RequestError(for_visitors(error), 503, 10) from error

    async def health(self) -> dict[str, Any]:
        """Returns `{"model": version}` or `{"error": code}`, at most a second old."""
        async with self._asking:
            measured, health = self._health
            if time.monotonic() - measured >= HEALTH_SECONDS:
                try:
                    call = run_in_threadpool(lambda: self.connection().status())
                    health = {"model": await call}
                except VectormixError as error:
                    log.warning("%s", error)
                    health = {"error": getattr(error, "code", "UNKNOWN")}
                self._health = time.monotonic(), health
            return health

    def close(self) -> None:
        """Closes the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()


class Page:
    """The handlers of all routes."""

    def __init__(self, connect: Callable, run: Callable, options: Options):
        self.model, self.gallery = Model(connect), Gallery()
        self.desk, self.options = Desk(self.model.connection, run, options), options

    @contextlib.asynccontextmanager
    async def lifespan(self, app):
        """Deletes abandoned orders while the page runs, and all orders at its end."""
        sweeping = asyncio.create_task(self.desk.sweep())
        yield
        sweeping.cancel()
        await self.desk.finish()
        self.model.close()

    async def index(self, request: Request) -> Response:
        """Returns the HTML of the page."""
        return FileResponse(
            STATIC / "index.html", headers={"cache-control": "no-cache"}
        )

    async def health(self, request: Request) -> Response:
        """Returns whether the model answers, and the numbers of orders."""
        health = await self.model.health()
        busy = {"running": self.desk.running, "waiting": len(self.desk.line)}
        state = "down" if "error" in health or self.desk.closed else "ok"
        status = 200 if state == "ok" else 503
        return _json({"status": state} | health | busy, status)

    async def about(self, request: Request) -> Response:
        """Returns what the page can set: limits, defaults, the gallery."""
        limits = await self.model.about("limits")
        least, defaults = 0, {}
        for kind in PICTURES:
            about = await self.model.about(kind)
            least = max(least, _least_size(about))
            defaults[kind] = _defaults(kind, about, limits)
        return _json(
            {
                "size": [least, limits["size"]],
                "steps": [1, limits["steps"]],
                "bytes": self.options.upload_bytes,
                "megapixels": self.options.pixels / uploads.MEGA,
                "types": list(uploads.TYPES),
                "defaults": defaults,
                "gallery": self.gallery.listing,
            }
        )

    async def picture_of_gallery(self, request: Request) -> Response:
        """Returns a picture of the gallery, "small" or "whole"."""
        kinds = {"small": self.gallery.thumbs, "whole": self.gallery.files}
        path = request.path_params
        data = kinds.get(path["kind"], {}).get(f"{path['role']}/{path['name']}")
        if data is None:
            raise HTTPException(404, "there is no such picture.")
        day = {"cache-control": "public, max-age=86400"}
        return Response(data, media_type="image/jpeg", headers=day)

    async def open(self, request: Request) -> Response:
        """Creates an order from its settings; its other pictures are uploaded next."""
        _check_type(request, "application/json")
        visitor = _visitor(request)
        self.desk.admit(visitor)
        wanted = _parse(await self._body(request, SETTINGS_BYTES, "order"))
        kind = wanted.pop("kind", None)
        check_choice("kind", kind, PICTURES)
        chosen = {slot: wanted.pop(slot, None) for slot in PICTURES[kind]}
        files = {slot: self._file(slot, name) for slot, name in chosen.items() if name}
        settings = await self._settings(kind, wanted)
        order = self.desk.open(visitor, kind, settings)
        try:
            for slot, data in files.items():
                await self.desk.add(order, slot, data, MAX_PIXELS)
        except BaseException:  # also if the visitor has disconnected
            self.desk.drop(order)
            raise
        return _json({"id": order.id} | self._state(order), 201)

    async def upload(self, request: Request) -> Response:
        """Adds an uploaded picture to an order."""
        order, slot = self._order(request), request.path_params["slot"]
        if order.state != "uploading" or slot not in order.missing:
            raise HTTPException(409, "this order takes no such picture.")
        try:
            _check_type(request, *uploads.TYPES)
            data = await self._body(request, self.options.upload_bytes, "picture")
            await self.desk.add(order, slot, data, self.options.pixels)
        except BaseException:  # also if the visitor has disconnected
            self.desk.drop(order)
            raise
        return _json(self._state(order))

    async def ask(self, request: Request) -> Response:
        """Returns the state of an order; waits until its version is above `after`."""
        order = self._order(request)
        after = request.query_params.get("after", "-1")
        if not _VERSION.fullmatch(after):
            raise InputError(f"`after` must be a whole number; received {after!r}.")
        await order.news(int(after), self.options.hold)
        return _json(self._state(order))

    async def preview(self, request: Request) -> Response:
        """Returns the picture so far, as JPEG."""
        return _picture(self._order(request).preview, "image/jpeg")

    async def picture(self, request: Request) -> Response:
        """Returns the result, as PNG; the browser then deletes the order."""
        return _picture(self._order(request).picture, "image/png")

    async def stop(self, request: Request) -> Response:
        """Stops an order; the picture so far is kept."""
        order = self._order(request)
        self.desk.stop(order)
        return _json(self._state(order))

    async def delete(self, request: Request) -> Response:
        """Deletes an order."""
        self.desk.drop(self._order(request))
        return Response(status_code=204)

    def _order(self, request: Request) -> Order:
        order = self.desk.orders.get(request.path_params["id"])
        if order is None:
            raise HTTPException(404, "this picture is gone; please start again.")
        order.seen = time.monotonic()
        return order

    def _state(self, order: Order) -> dict[str, Any]:
        return order.progress | {
            "state": order.state,
            "version": order.version,
            "missing": sorted(order.missing),
            "ahead": self.desk.ahead(order),
            "stopping": order.stopping,
            "preview": order.preview is not None,
            "picture": order.picture is not None,
            "error": order.error,
        }

    def _file(self, slot: str, name: object) -> bytes:
        works = [each["name"] for each in self.gallery.listing[slot]]
        check_choice(slot, name, works)
        return self.gallery.files[f"{slot}/{name}"]

    async def _settings(self, kind: str, wanted: dict[str, Any]) -> dict[str, Any]:
        limits, about = await self.model.about("limits"), await self.model.about(kind)
        defaults = _defaults(kind, about, limits)
        for name in wanted:
            check_choice("setting", name, defaults)
        settings = defaults | wanted
        check_integer("size", settings["size"], _least_size(about), limits["size"])
        check_integer("steps", settings["steps"], 1, limits["steps"])
        if "alpha" in settings:
            check_number("alpha", settings["alpha"], 0, 1)
            settings["alpha"] = float(settings["alpha"])
        return settings

    async def _body(self, request: Request, most: int, what: str) -> bytes:
        refusal = RequestError(
            f"the {what} has over {_size(most)}; choose a smaller one.", 413
        )
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > most:
            raise refusal
        data = bytearray()
        try:
            async with asyncio.timeout(self.options.upload_seconds):
                async for part in request.stream():
                    data += part
                    if len(data) > most:
                        raise refusal
        except TimeoutError as error:
            text = f"the upload of the {what} took too long; try a smaller one."
            raise RequestError(text, 408) from error
        return bytes(data)


def make_app(
    connect: Callable, run: Callable, options: Options | None = None
) -> Starlette:
    """Creates the page.

    Args:
        connect: Returns a `vectormix_tf.client.Connection`, or raises `InputError`.
            Called when the model is first needed, and again if that failed.
        run: `vectormix_tf.client.Run`, or a class with the same interface.
        options: The page's limits.

    Returns:
        An ASGI app; `app.state.desk` holds the orders.
    """
    page = Page(connect, run, options or Options())
    routes = [
        Route("/", page.index),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/health", page.health),
        Route("/about", page.about),
        Route("/gallery/{kind}/{role}/{name}", page.picture_of_gallery),
        Route("/runs", page.open, methods=["POST"]),
        Route("/runs/{id}", page.ask, methods=["GET"]),
        Route("/runs/{id}", page.delete, methods=["DELETE"]),
        Route("/runs/{id}/preview", page.preview),
        Route("/runs/{id}/picture", page.picture),
        Route("/runs/{id}/stop", page.stop, methods=["POST"]),
        Route("/runs/{id}/{slot}", page.upload, methods=["PUT"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=page.lifespan,
        exception_handlers={VectormixError: _refused, HTTPException: _not_found},
    )
    app.state.desk = page.desk
    app.add_middleware(Headers)
    return app


def _refused(request: Request, error: VectormixError) -> Response:
    response = _json({"error": str(error)}, getattr(error, "status", 400))
    if getattr(error, "retry_after", None):
        response.headers["retry-after"] = str(error.retry_after)
    return response


def _not_found(request: Request, error: HTTPException) -> Response:
    return _json({"error": error.detail}, error.status_code)


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"cache-control": "no-store"})


def _picture(data: bytes | None, kind: str) -> Response:
    if data is None:
        raise HTTPException(404, "there is no picture yet.")
    return Response(data, media_type=kind, headers={"cache-control": "no-store"})


def _parse(data: bytes) -> dict[str, Any]:
    try:
        wanted = json.loads(data)
    except (ValueError, RecursionError) as error:  # JSON or UTF-8; lists in lists
        raise InputError("an order must be JSON.") from error
    if not isinstance(wanted, dict):
        raise InputError("an order must be an object of settings.")
    return wanted


def _check_type(request: Request, *allowed: str) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in allowed:
        text = f"the content type must be {' or '.join(allowed)}; received {kind!r}."
        raise RequestError(text, 415)


def _visitor(request: Request) -> str:
    """Returns the address, or IPv6 network, that identifies a visitor."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((address.packed, PREFIX), strict=False))


def _defaults(kind: str, about: dict[str, Any], limits: dict[str, Any]) -> dict:
    """Returns the model's defaults for what the page can set, within its limits."""
    known = about["fixed"] | about["open"]
    defaults = {name: min(known[name], limits[name]) for name in ("size", "steps")}
    return defaults | ({"alpha": known["alpha"]} if kind == "mix" else {})


def _least_size(about: dict[str, Any]) -> int:
    known = about["fixed"] | about["open"]
    return BACKBONES[known.get("backbone", DEFAULT)].minimum


def _size(count: int) -> str:
    return f"{count / 2**20:.0f} MB" if count >= 2**20 else f"{count} bytes"
