"""The application: all routes, and what is around them."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectormix_tf.studio import clock, pages
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.web import (
    admin,
    api,
    files,
    keeper,
    mine,
    new,
    paintings,
    people,
    walls,
    work,
)
from vectormix_tf.studio.web.endpoints import Endpoint, file, http_error
from vectormix_tf.studio.web.guard import Guard
from vectormix_tf.studio.web.site import Ask, Site

log = logging.getLogger("vectormix.studio.web")

STATIC = "public, max-age=300"  # after an upgrade, old scripts are used no longer


def healthy(ask: Ask) -> Response:
    """`/healthz`: the process answers."""
    return JSONResponse({"status": "ok"})


def ready(ask: Ask) -> Response:
    """`/readyz`: database and store do, too."""
    try:
        clock.read(ask.site.database)
        ask.site.store.check_writable()
    except Unavailable:
        return JSONResponse({"status": "away"}, 503)
    return JSONResponse({"status": "ok"})


MODULES = (walls, work, new, mine, people, admin, api, files)
ENDPOINTS: tuple[Endpoint, ...] = (
    file("/healthz", healthy, "none"),
    file("/readyz", ready, "none"),
    *(endpoint for module in MODULES for endpoint in module.ENDPOINTS),
)


def application(site: Site, keeps: bool = True) -> ASGIApp:
    """The application of a web process.

    Args:
        site: What all requests share.
        keeps: Whether it reaps leases, and deletes what is over.
    """

    @contextlib.asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        await _install(site)
        tasks = [asyncio.create_task(site.news.run())]
        if keeps:
            tasks.append(asyncio.create_task(keeper.keep(site)))
        try:
            yield
        finally:
            site.news.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    static = Mount("/static", _cached(StaticFiles(directory=pages.STATIC)))
    app = Starlette(
        routes=[*(endpoint.route(site) for endpoint in ENDPOINTS), static],
        exception_handlers={HTTPException: http_error},
        lifespan=life,
    )
    app.state.site = site
    return Guard(app, site)


async def _install(site: Site) -> None:
    """Enters the package's own styles; `keeper` does if the database is away."""
    try:
        await run_in_threadpool(paintings.install, site.database)
    except Unavailable as error:
        log.warning("styles: %s", error)


def _cached(app: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (b"cache-control", STATIC.encode())
                message["headers"] = [*message["headers"], header]
            await send(message)

        await app(scope, receive, send_on)

    return answer
