"""A person's own pictures, and those that are made now."""

import asyncio
import contextlib
import functools
import random

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from vectormix_tf.studio import contexts, ingredients, outlook, queue, works
from vectormix_tf.studio.database import new_id
from vectormix_tf.studio.web import answers, cards, new, walls, words
from vectormix_tf.studio.web.endpoints import (
    Endpoint,
    api,
    at_one_moment,
    file,
    form,
    page,
)
from vectormix_tf.studio.web.site import Ask

LATELY = 24 * 3600.0  # seconds for which a job that failed is listed
JOBS = 50  # of the page
POLL_SECONDS = 25.0  # proxies end requests that wait for 30 or 60
EARLIEST = 0.8  # share of them after which the first ones end
MOST_NUMBER = 2**62


def mine(ask: Ask) -> Response:
    """`/me`."""
    database, user = ask.database, ask.me.id
    before = walls.cursor(ask.query("before"))
    after = queue.counters(database, [user]).get(user, 0)
    jobs = [] if before else _shown(ask)
    found, older = works.mine(database, user, before)
    have = outlook.allowance(database, ask.site.settings, user)
    text = cards.cursor_text(older)
    content = contexts.MinePage(
        jobs=tuple(cards.job_cards(ask, jobs)),
        works=tuple(cards.work_card(work) for work in found),
        after=after,
        usage=() if before else cards.usage(have),
        older=text and f"/me?before={text}",
    )
    return answers.page(ask, "mine.html", content)


def _shown(ask: Ask) -> list[queue.Job]:
    """Jobs that wait or run, and those that ended lately without a picture."""
    found = queue.mine(ask.database, ask.me.id, limit=JOBS)
    if not found:
        return []
    since = found[0].created_at - LATELY
    return [
        job
        for job in found
        if job.state in ("queued", "running")
        or (job.work is None and job.state != "done" and (job.ended_at or 0) > since)
    ]


def job(ask: Ask) -> Response:
    """`/me/jobs/ID`."""
    database, user = ask.database, ask.me.id
    after = queue.counters(database, [user]).get(user, 0)
    found = queue.find(database, user, ask.place("id"))
    made_of = ingredients.find(database, user, [found.id]).get(found.id, {})
    (card,) = cards.job_cards(ask, [found])
    content = contexts.JobPage(
        job=card,
        facts=words.facts(found.kind, found.settings, (found.size, 0)),
        content=cards.ingredient_picture(made_of.get("content")),
        style=cards.ingredient_style(made_of.get("style")),
        after=after,
        is_trial=ask.member is None,
    )
    return answers.page(ask, "job.html", content)


def preview(ask: Ask) -> Response:
    """`/me/jobs/ID/preview`: what it looks like now."""
    jpeg = queue.preview(ask.site.database, ask.me.id, ask.place("id"))
    headers = {"cache-control": "private, no-store"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def cancel(ask: Ask) -> Response:
    """`POST /me/jobs/ID/cancel`."""
    found = queue.cancel(ask.site.database, ask.me.id, ask.place("id"))
    return answers.go(f"/me/jobs/{found.id}")


def again(ask: Ask) -> Response:
    """`POST /me/jobs/ID/again`."""
    made = new.again(ask, ask.place("id"), ask.text("key") or new_id())
    return answers.go(f"/me/jobs/{made.id}")


async def news(ask: Ask) -> Response:
    """`GET /api/news?after=N`: waits until a job of the person changes, or for long.

    Jobs that wait are told of in any case, for their place in line may be another one.
    """
    after = walls.number(ask.query("after", "0"), 0, MOST_NUMBER, "after")
    user = ask.me.id
    known = await run_in_threadpool(queue.counters, ask.site.database, [user])
    if known.get(user, 0) == after and not await _waited(ask, user, after):
        return answers.told({"after": after, "jobs": []})  # which nobody reads
    tell = at_one_moment(functools.partial(_news, after=after))
    return await run_in_threadpool(tell, ask)


def _news(ask: Ask, after: int) -> Response:
    number, jobs = queue.changes(ask.database, ask.me.id, after)
    made = cards.job_cards(ask, jobs)
    return answers.told({"after": number, "jobs": [each.news() for each in made]})


async def _waited(ask: Ask, user: str, after: int) -> bool:
    """Waits for news for a while; returns whether the page is still there."""
    await ask.request.body()
    # Not all pages that began together ask again together.
    seconds = POLL_SECONDS * random.uniform(EARLIEST, 1)
    waiting = asyncio.ensure_future(ask.site.news.wait(user, after, seconds))
    leaving = asyncio.ensure_future(ask.request.receive())
    try:
        await asyncio.wait((waiting, leaving), return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        for each in (waiting, leaving):
            each.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await each


ENDPOINTS: tuple[Endpoint, ...] = (
    page("/me", mine, "member"),
    page("/me/jobs/{id}", job, "guest"),
    file("/me/jobs/{id}/preview", preview, "guest"),
    form("/me/jobs/{id}/cancel", cancel, "guest"),
    form("/me/jobs/{id}/again", again, "guest"),
    api("GET", "/api/news", news, "guest"),
)
