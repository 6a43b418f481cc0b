"""What the web process does by itself: leases that ended, what is over, numbers."""

import asyncio
import logging
import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool

from vectormix_tf.studio import leases, outlook
from vectormix_tf.studio.errors import Unavailable
from vectormix_tf.studio.web import paintings
from vectormix_tf.studio.web.site import Site
from vectormix_tf.studio.worker import keep_house

log = logging.getLogger("vectormix.studio.web")

REAP_SECONDS = 1.0
LINE_SECONDS = 5.0
JOBS_SECONDS = 60.0
HOUSE_SECONDS = 60.0


def duties(site: Site) -> list[tuple[float, Callable[[], object]]]:
    """What is done, and every how many seconds."""
    database, metrics = site.database, site.metrics
    return [
        (REAP_SECONDS, lambda: leases.reap(database)),
        (LINE_SECONDS, lambda: metrics.tell_line(outlook.line(database))),
        (JOBS_SECONDS, lambda: metrics.tell_jobs(outlook.states(database))),
        (HOUSE_SECONDS, lambda: keep_house(database, site.store)),
        (HOUSE_SECONDS, _once(lambda: paintings.install(database))),
    ]


def _once(duty: Callable[[], object]) -> Callable[[], None]:
    """Does something until it has succeeded."""
    done = []

    def do() -> None:
        if not done:
            duty()
            done.append(True)

    return do


async def keep(site: Site) -> None:
    """Does them, for ever, one at a time."""
    known = duties(site)
    due = [0.0 for _ in known]
    while True:
        for i, (seconds, duty) in enumerate(known):
            if time.monotonic() >= due[i]:
                await _do(duty)
                due[i] = time.monotonic() + seconds
        site.metrics.pollers.set(site.news.waiting)
        await asyncio.sleep(REAP_SECONDS / 2)


async def _do(duty: Callable[[], object]) -> None:
    try:
        await run_in_threadpool(duty)
    except Unavailable as error:
        log.warning("keeping: %s", error)
    except Exception:
        log.exception("keeping")
