"""What pages show, made of what the studio knows."""

import datetime
import urllib.parse
from collections.abc import Mapping, Sequence

from vectormix_tf.studio import (
    blobs,
    contexts,
    ingredients,
    outlook,
    queue,
    styles,
    thumbnails,
    uploads,
    works,
)
from vectormix_tf.studio.contexts import JobCard, Picture, StyleCard, Thumb, WorkCard
from vectormix_tf.studio.database import new_id, now, reads
from vectormix_tf.studio.web import paintings, words
from vectormix_tf.studio.web.site import Ask

REMOVED = "/static/removed.svg"  # in the place of a picture that is gone
SQUARE = (thumbnails.SIDES[0],) * 2  # pages cut styles to squares


def moment(seconds: float) -> datetime.datetime:
    """A time of the database as one of a page."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


# --- Pictures -------------------------------------------------------------------------


def file_url(key: str, share_token: str | None = None) -> str:
    """The address of bytes of the store."""
    query = f"?s={urllib.parse.quote(share_token)}" if share_token else ""
    return f"/files/{key}{query}"


def picture(
    whole: str,
    large: str | None,
    small: str | None,
    sides: tuple[int, int],
    alt: str = "",
    share_token: str | None = None,
) -> Picture:
    """A picture of the store and its thumbnails, or the whole in their place.

    Args:
        whole: Key of it.
        large: Key of the large thumbnail, or None.
        small: Key of the small one, or None.
        sides: (width, height) of the whole in pixels.
        alt: What it is, in words.
        share_token: Of the link by which someone came.
    """
    url, (width, height) = file_url(whole, share_token), sides

    def thumb(key: str | None, side: int) -> Thumb:
        share = min(1.0, side / max(width, height)) if key else 1.0
        address = file_url(key, share_token) if key else url
        return Thumb(
            address, max(1, round(width * share)), max(1, round(height * share))
        )

    least, most = thumbnails.SIDES
    return Picture(url, width, height, thumb(small, least), thumb(large, most), alt)


def painting(name: str, alt: str = "") -> Picture:
    """One of the package's own styles."""
    width, height = paintings.sizes(name)
    thumbs = [
        Thumb(f"/files/paintings/{name}/{side}", round(width * s), round(height * s))
        for side in thumbnails.SIDES
        for s in [min(1.0, side / max(width, height))]
    ]
    return Picture(thumbs[1].url, width, height, *thumbs, alt)


def upload_picture(upload: uploads.Upload, alt: str = "") -> Picture:
    """A photograph that its person sent."""
    sides = upload.width, upload.height
    return picture(upload.picture, None, upload.small, sides, alt)


def _style_picture(
    builtin: str | None, whole: str | None, small: str | None, title: str
) -> Picture | None:
    if builtin is not None:
        return painting(builtin, title)
    return picture(whole, None, small, SQUARE, title) if whole else None


# --- Styles and works -----------------------------------------------------------------


def style_card(style: styles.Style) -> StyleCard:
    """A style to choose."""
    shown = _style_picture(style.builtin, style.picture, style.small, style.title)
    credit = _credit(style.credit, style.person)
    return StyleCard(
        style.id, style.title, credit, shown, style.uses, style.person or ""
    )


def source_card(source: works.Source) -> StyleCard | None:
    """The style of a work; None for what is not shown, or is gone."""
    if source.style is None:
        return None
    shown = _style_picture(source.builtin, source.picture, None, source.title)
    credit = _credit(source.credit, source.person)
    return StyleCard(source.style, source.title, credit, shown)


def _credit(credit: str, person: str | None) -> str:
    shared = f"shared by {person}" if person else ""
    return ", ".join(each for each in (credit, shared) if each)


def source_of(work: works.Work, slot: str) -> works.Source | None:
    """One of the pictures that a work was made of."""
    return next((each for each in work.sources if each.slot == slot), None)


def style_title(work: works.Work) -> str:
    """What the style of a work is called; "" if it has no name, or no style."""
    source = source_of(work, "style")
    return source.title if source is not None and source.style is not None else ""


def work_picture(work: works.Work, share_token: str | None = None) -> Picture:
    """The picture of a work."""
    alt = work.title or f"A {work.kind} by {work.person}"
    sides = work.width, work.height
    if work.picture is None:
        thumb = Thumb(REMOVED, *sides)
        return Picture(REMOVED, *sides, thumb, thumb, "A removed picture")
    return picture(work.picture, work.large, work.small, sides, alt, share_token)


def work_card(work: works.Work, share_token: str | None = None) -> WorkCard:
    """A work in a feed, or by its link."""
    return WorkCard(
        id=work.id,
        url=f"/s/{share_token}" if share_token else f"/w/{work.id}",
        title=work.title,
        author=work.person,
        picture=work_picture(work, share_token),
        kind=work.kind,
        style=style_title(work),
        likes=work.likes,
        is_liked=work.liked,
        visibility=work.visibility,
        is_held=work.moderation == "held",
    )


# --- Jobs -----------------------------------------------------------------------------


def job_cards(ask: Ask, jobs: Sequence[queue.Job]) -> list[JobCard]:
    """Some of a person's jobs."""
    if not jobs:
        return []
    database, user = ask.database, ask.me.id
    ids = [job.id for job in jobs]
    made_of = ingredients.find(database, user, ids)
    previewed = ingredients.previewed(database, user, ids)
    ahead: Mapping[str, int] = {}
    line, time = None, 0.0
    states = {job.state for job in jobs}
    if "queued" in states:
        ahead, line = queue.ahead(database, user), outlook.line(database)
    if "running" in states:  # what else has no time left
        time = reads(now)(database)
    return [
        _job_card(job, made_of.get(job.id, {}), job.id in previewed, ahead, line, time)
        for job in jobs
    ]


def _job_card(
    job: queue.Job,
    made_of: Mapping[str, ingredients.Ingredient],
    has_preview: bool,
    ahead: Mapping[str, int],
    line: outlook.Line | None,
    time: float,
) -> JobCard:
    place = ahead.get(job.id) if job.state == "queued" else None
    style = made_of.get("style")
    return JobCard(
        id=job.id,
        url=f"/me/jobs/{job.id}",
        title=words.title_of(job.kind, style.title if style else None),
        state=job.state,
        ahead=place,
        wait_seconds=None if place is None or line is None else line.wait(place),
        has_worker=line is None or line.workers > 0,
        fraction=job.fraction,
        step=job.step,
        steps=job.steps,
        seconds_left=outlook.seconds_left(job, time),
        preview=_preview(job, made_of.get("content"), has_preview),
        is_stopping=job.cancel,
        error=_sentence(job.error or ""),
        work_url=f"/w/{job.work}" if job.work else None,
        key=new_id(),
    )


def _preview(
    job: queue.Job, content: ingredients.Ingredient | None, has_preview: bool
) -> Picture | None:
    if content is None or content.picture is None:
        return None
    sides = (content.width, content.height) if content.width else SQUARE
    alt = "The picture so far" if has_preview else "Your photograph"
    if not has_preview:
        return picture(content.picture, None, content.small, sides, alt)
    thumb = Thumb(f"/me/jobs/{job.id}/preview?at={job.version}", *sides)
    return Picture(thumb.url, *sides, thumb, thumb, alt)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def ingredient_picture(made: ingredients.Ingredient | None) -> Picture | None:
    """A picture that a job begins with, for its person."""
    if made is None or (made.picture is None and made.builtin is None):
        return None
    if made.width and made.picture:
        return picture(
            made.picture, None, made.small, (made.width, made.height or made.width)
        )
    return _style_picture(made.builtin, made.picture, made.small, made.title)


def ingredient_style(made: ingredients.Ingredient | None) -> StyleCard | None:
    """The style that a job begins with, for its person."""
    shown = ingredient_picture(made)
    if made is None or shown is None:
        return None
    title = made.title or "A painting of your own"
    credit = _credit(made.credit, made.person)
    return StyleCard(made.style or "", title, credit, shown)


def cursor_text(cursor: works.Cursor | None) -> str | None:
    """A place in a list of works, for an address."""
    return None if cursor is None else f"{cursor.time!r}_{cursor.id}"


# --- Numbers --------------------------------------------------------------------------


def usage(have: outlook.Allowance) -> tuple[contexts.Usage, ...]:
    """What a person has and may have."""
    megabytes = have.bytes / blobs.MEGABYTE, have.bytes_limit / blobs.MEGABYTE
    return (
        _usage("Pictures in line", have.waiting, have.waiting_limit),
        _usage("Pictures today", have.today, have.daily_limit),
        contexts.Usage(
            "Room",
            f"{megabytes[0]:.0f} MB",
            f"{megabytes[1]:.0f} MB",
            min(1.0, megabytes[0] / max(megabytes[1], 1e-6)),
        ),
    )


def _usage(name: str, used: int, most: int) -> contexts.Usage:
    share = min(1.0, used / most) if most else 1.0
    return contexts.Usage(name, str(used), str(most), share)
