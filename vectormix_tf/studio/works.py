"""Works: pictures that jobs became. Private until their person shows them.

All people see a work that is public, not held by a moderator, and whose person is not
banned; `shown_at` says since when, and is set only while the first two hold. Who has
its link sees an unlisted one. Its person and moderators see it always.
"""

import dataclasses
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from vectormix_tf.config.studio import DAY, StudioSettings
from vectormix_tf.studio import blobs, ingredients, leases, schema, styles
from vectormix_tf.studio.database import insert, now, reads, writes
from vectormix_tf.studio.errors import Refusal, not_found
from vectormix_tf.studio.moderation import ALLOW, Verdict, moderates

LISTED = 30  # works of a page
LONGEST_TITLE = 100  # characters
TOKEN_BYTES = 18  # 144 bits
CONTENT = "content"  # slot of the photograph that is shown only if chosen


@dataclasses.dataclass(frozen=True)
class Source:
    """A picture that a work was made of, as far as the viewer may see it.

    Attributes:
        slot: "content", "style", ...
        style: Id of a style, or None for an upload or a style that is gone.
        title: Of the style, or "".
        credit: Who painted it, or "".
        person: Name of who shared the style, or None.
        picture: Key in the store, or None where it is not shown or is `builtin`.
        builtin: Name of a style of this package, or None.
    """

    slot: str
    style: str | None
    title: str
    credit: str
    person: str | None
    picture: str | None
    builtin: str | None


@dataclasses.dataclass(frozen=True)
class Work:
    """A work as a viewer sees it.

    Attributes:
        id: In its address.
        person: Name of who made it.
        title: Or "".
        kind: "mix" or "dream".
        settings: Of the mix or dream, by name.
        sources: What it was made of.
        picture: Key of the whole picture; None when it was removed.
        large: Key of the thumbnail for its page, or None.
        small: Key of the thumbnail for lists, or None.
        width: In pixels.
        height: In pixels.
        visibility: One of `schema.VISIBILITIES`.
        moderation: One of `schema.MODERATIONS`.
        shows_content: Whether the photograph is shown with it.
        shown_at: Since when all people see it, in seconds since 1970; or None.
        likes: How many people like it.
        liked: Whether the viewer does.
        mine: Whether it is the viewer's own.
        created_at: Seconds since 1970.
        share_token: Of its link when it is unlisted; None for all but its person.
        job: Id of its job; None for all but its person.
    """

    id: str
    person: str
    title: str
    kind: str
    settings: Mapping[str, Any]
    sources: tuple[Source, ...]
    picture: str | None
    large: str | None
    small: str | None
    width: int
    height: int
    visibility: str
    moderation: str
    shows_content: bool
    shown_at: float | None
    likes: int
    liked: bool
    mine: bool
    created_at: float
    share_token: str | None
    job: str | None


@dataclasses.dataclass(frozen=True)
class Cursor:
    """A place in a list of works that stays where it is when new ones come.

    Attributes:
        time: Of the last work of the page before.
        id: The same.
    """

    time: float
    id: str


@dataclasses.dataclass(frozen=True)
class Disclosure:
    """What becomes visible when a work is published.

    Attributes:
        person: Name that stands beside it.
        settings: All of them.
        styles: What its styles will be credited as.
        content: Key of the photograph, which is shown only if chosen; None if there is
            none.
        needs_approval: Whether a moderator has to see it first.
    """

    person: str
    settings: Mapping[str, Any]
    styles: tuple[Source, ...]
    content: str | None
    needs_approval: bool


# --- Reading --------------------------------------------------------------------------


@reads
def find(
    source: Connection, viewer: str | None, work: str, share_token: str | None = None
) -> Work:
    """A work that someone may see.

    Args:
        source: The database.
        viewer: Who looks; None for a visitor.
        work: Its id.
        share_token: Of an unlisted work's link.

    Raises:
        Refusal: "not_found".
    """
    here = sa.and_(schema.works.c.id == work, visible(viewer, share_token))
    found = _works(source, viewer, here)
    if not found:
        raise not_found("work")
    return found[0]


@reads
def find_shared(source: Connection, viewer: str | None, share_token: str) -> Work:
    """The unlisted work of a link.

    Raises:
        Refusal: "not_found".
    """
    works = schema.works.c
    here = sa.and_(works.share_token == share_token, visible(viewer, share_token))
    found = _works(source, viewer, here)
    if not found:
        raise not_found("work")
    return found[0]


@reads
def several(source: Connection, viewer: str | None, ids: Sequence[str]) -> list[Work]:
    """Those of some works that someone may see, in the order of the ids."""
    here = sa.and_(schema.works.c.id.in_(list(ids)), visible(viewer))
    found = {each.id: each for each in _works(source, viewer, here)}
    return [found[work] for work in ids if work in found]


@reads
def feed(
    source: Connection,
    viewer: str | None = None,
    before: Cursor | None = None,
    limit: int = LISTED,
    person: str | None = None,
) -> tuple[list[Work], Cursor | None]:
    """Works that all people see, the latest shown first.

    Args:
        source: The database.
        viewer: Who looks; None for a visitor.
        before: Where the page before ended.
        limit: Most works.
        person: Name of the one whose works to list; None for all people's.

    Returns:
        The works, and where the next page begins; None at the end.
    """
    works, users = schema.works.c, schema.users.c
    here = [_shown()]
    if before is not None:
        place = sa.tuple_(works.shown_at, works.id)
        here.append(place < sa.tuple_(sa.literal(before.time), sa.literal(before.id)))
    if person is not None:
        here.append(users.name_key == person.lower())
    order = (works.shown_at.desc(), works.id.desc())
    found = _works(source, viewer, sa.and_(*here), order, limit)
    if len(found) < limit:
        return found, None
    return found, Cursor(found[-1].shown_at, found[-1].id)


@reads
def best(
    source: Connection, viewer: str | None = None, days: int = 7, limit: int = LISTED
) -> list[Work]:
    """The most liked works among those that were shown in the last days."""
    works = schema.works.c
    new = sa.and_(_shown(), works.shown_at > now(source) - days * DAY)
    order = (works.likes.desc(), works.shown_at.desc(), works.id)
    return _works(source, viewer, new, order, limit)


@reads
def mine(
    source: Connection, user: str, before: Cursor | None = None, limit: int = LISTED
) -> tuple[list[Work], Cursor | None]:
    """A person's own works, the latest made first; as `feed`."""
    works = schema.works.c
    own = works.user_id == user
    if before is not None:
        place = sa.tuple_(works.created_at, works.id)
        last = sa.tuple_(sa.literal(before.time), sa.literal(before.id))
        own = sa.and_(own, place < last)
    order = (works.created_at.desc(), works.id.desc())
    found = _works(source, user, own, order, limit)
    if len(found) < limit:
        return found, None
    return found, Cursor(found[-1].created_at, found[-1].id)


@reads
def disclosure(
    source: Connection, settings: StudioSettings, user: str, work: str
) -> Disclosure:
    """What becomes visible when a person publishes a work of theirs.

    Raises:
        Refusal: "not_found".
    """
    own = sa.and_(schema.works.c.id == work, schema.works.c.user_id == user)
    found = _works(source, user, own)
    if not found:
        raise not_found("work")
    users, seen = schema.users.c, found[0].sources
    approved = source.scalar(sa.select(users.approved).where(users.id == user))
    content = [each.picture for each in seen if each.slot == CONTENT]
    return Disclosure(
        person=found[0].person,
        settings=found[0].settings,
        styles=tuple(each for each in seen if each.style is not None),
        content=content[0] if content else None,
        needs_approval=approved < settings.approvals,
    )


# --- What its person does with it -----------------------------------------------------


@writes
def publish(
    source: Connection,
    settings: StudioSettings,
    user: str,
    work: str,
    visibility: str,
    shows_content: bool = False,
    title: str | None = None,
    verdict: Verdict = ALLOW,
) -> Work:
    """Says who may see a person's work.

    A public work may be held until a moderator has seen it: then its `shown_at` stays
    None.

    Args:
        source: The database.
        settings: With how many first works must be approved.
        user: Whose it is.
        work: Its id.
        visibility: One of `schema.VISIBILITIES`.
        shows_content: Whether the photograph is shown with it.
        title: A new one, or None.
        verdict: What the operator's filter says of the picture.

    Raises:
        Refusal: "not_found"; "bad_input"; "not_possible" when it was removed, or for a
            guest; "refused_by_filter".
    """
    _check_words(visibility, title)
    leases.changed(source, user)
    row = _own(source, user, work)
    if visibility != "private":
        _check_may_show(row, verdict)
    held_for = _hold(row, visibility, settings, verdict)
    moderation = "clear" if held_for is None else "held"
    if row.moderation == "removed":
        moderation = "removed"
    shown = visibility == "public" and moderation == "clear"
    token = secrets.token_urlsafe(TOKEN_BYTES) if visibility == "unlisted" else None
    own = sa.update(schema.works).where(schema.works.c.id == work)
    source.execute(
        own.values(
            visibility=visibility,
            shows_content=shows_content and visibility != "private",
            title=row.title if title is None else title,
            share_token=token and (row.share_token or token),
            moderation=moderation,
            held_for=held_for,
            shown_at=(row.shown_at or now(source)) if shown else None,
        )
    )
    return find(source, user, work)


@writes
def like(
    source: Connection, user: str, work: str, share_token: str | None = None
) -> int:
    """Likes a work that a person sees; returns how many do. Again is no harm.

    Args:
        source: The database.
        user: Who likes it.
        work: Its id.
        share_token: Of an unlisted work's link.

    Raises:
        Refusal: "not_found"; "not_possible" for a guest.
    """
    _check_member(source, user)
    find(source, user, work, share_token)
    new = insert(source, schema.likes).values(
        user_id=user, work_id=work, created_at=now(source)
    )
    done = source.execute(
        new.on_conflict_do_nothing().returning(schema.likes.c.work_id)
    )
    return _count_likes(source, work, len(done.all()))


@writes
def unlike(
    source: Connection, user: str, work: str, share_token: str | None = None
) -> int:
    """Takes a person's like back; returns how many like the work. Again is no harm.

    Args:
        source: The database.
        user: Whose like.
        work: Its id.
        share_token: Of an unlisted work's link.

    Raises:
        Refusal: "not_found", also for a work that the person neither liked nor sees.
    """
    likes = schema.likes.c
    own = sa.and_(likes.user_id == user, likes.work_id == work)
    done = source.execute(sa.delete(schema.likes).where(own))
    if done.rowcount == 0:
        find(source, user, work, share_token)
    return _count_likes(source, work, -done.rowcount)


@writes
def delete(source: Connection, user: str, work: str) -> None:
    """Deletes a person's work with its bytes, its likes, and its job's pictures.

    Uploads stay that another job uses.

    Raises:
        Refusal: "not_found".
    """
    news = leases.changed(source, user)
    row = _own(source, user, work)
    source.execute(sa.delete(schema.works).where(schema.works.c.id == work))
    blobs.condemn(source, (row.picture, row.large, row.small))
    styles.forget_inputs(source, [row.job_id])
    job = sa.update(schema.jobs).where(schema.jobs.c.id == row.job_id)
    source.execute(job.values(erased=True, settings="{}", version=news))


# --- Inside ---------------------------------------------------------------------------


def visible(
    viewer: str | None, share_token: str | None = None
) -> sa.ColumnElement[bool]:
    """Condition for works, joined with their people, that someone may see."""
    works, users = schema.works.c, schema.users.c
    ways = [_shown(), works.user_id == viewer, moderates(viewer)]
    if share_token is not None:
        ways.append(
            sa.and_(
                works.share_token == share_token,
                works.moderation == "clear",
                users.state == "active",
            )
        )
    return sa.or_(*ways)


def _shown() -> sa.ColumnElement[bool]:
    shown = schema.works.c.shown_at.is_not(None)
    return sa.and_(shown, schema.users.c.state == "active")


def _works(
    connection: Connection,
    viewer: str | None,
    condition: sa.ColumnElement[bool],
    order: Sequence[Any] = (),
    limit: int | None = None,
) -> list[Work]:
    works, users, jobs = schema.works.c, schema.users.c, schema.jobs.c
    likes = schema.likes.c
    liked = sa.exists().where(likes.work_id == works.id, likes.user_id == viewer)
    query = (
        sa.select(
            schema.works,
            users.name.label("person"),
            jobs.kind,
            jobs.settings,
            liked.label("liked"),
        )
        .select_from(schema.works)
        .join(schema.users, users.id == works.user_id)
        .join(schema.jobs, jobs.id == works.job_id)
        .where(condition)
        .order_by(*order)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    sources = _sources(connection, [row.job_id for row in rows])
    return [_work(row, viewer, sources.get(row.job_id, [])) for row in rows]


def _work(row: Row, viewer: str | None, sources: Sequence[Source]) -> Work:
    mine = viewer is not None and row.user_id == viewer
    if not mine:
        sources = [_public(each, row.shows_content) for each in sources]
    columns = row._asdict()
    values = {name: columns[name] for name in _FIELDS if name in columns}
    return Work(
        **values
        | {
            "settings": json.loads(row.settings),
            "sources": tuple(sources),
            "mine": mine,
            "liked": bool(row.liked),
            "share_token": row.share_token if mine else None,
            "job": row.job_id if mine else None,
        }
    )


_FIELDS = [field.name for field in dataclasses.fields(Work)]


def _public(source: Source, shows_content: bool) -> Source:
    """What others see of a picture: shared styles, and the photograph if chosen."""
    chosen = source.slot == CONTENT and shows_content
    if source.style is not None or chosen:
        return source
    return dataclasses.replace(source, picture=None)


def _sources(connection: Connection, jobs: list[str]) -> dict[str, list[Source]]:
    inputs, uploads = schema.inputs.c, schema.uploads.c
    known, users = schema.styles.c, schema.users.c
    query = (
        sa.select(
            inputs.job_id,
            inputs.slot,
            inputs.style_id,
            known.title,
            known.credit,
            users.name,
            sa.func.coalesce(uploads.picture, known.picture).label("picture"),
            known.builtin,
        )
        .select_from(ingredients.TABLES)
        .where(inputs.job_id.in_(jobs))
        .order_by(inputs.slot)
    )
    found: dict[str, list[Source]] = {}
    for job, slot, style, title, credit, *others in connection.execute(query):
        source = Source(slot, style, title or "", credit or "", *others)
        found.setdefault(job, []).append(source)
    return found


def _own(connection: Connection, user: str, work: str) -> Row:
    works, users = schema.works.c, schema.users.c
    query = (
        sa.select(schema.works, users.role, users.approved)
        .join(schema.users, users.id == works.user_id)
        .where(works.id == work, works.user_id == user, users.state == "active")
        .with_for_update(of=schema.works)
    )
    row = connection.execute(query).first()
    if row is None:
        raise not_found("work")
    return row


def _check_may_show(row: Row, verdict: Verdict) -> None:
    if row.moderation == "removed":
        raise Refusal("not_possible", "a moderator removed this picture.")
    if row.role == "guest":
        raise Refusal("not_possible", "make an account to publish a picture.")
    if verdict.action == "refuse":
        reason = verdict.reason or "this picture cannot be published here."
        raise Refusal("refused_by_filter", reason)


def _hold(
    row: Row, visibility: str, settings: StudioSettings, verdict: Verdict
) -> str | None:
    """Why a work is held, or None."""
    if row.held_for == "reports":  # also when it is hidden and published again
        return "reports"
    if visibility != "public" or row.reviewed or row.moderation == "removed":
        return None
    if verdict.action == "hold":
        return "filter"
    if row.held_for is not None:
        return row.held_for
    return "approval" if row.approved < settings.approvals else None


def _check_member(connection: Connection, user: str) -> None:
    users = schema.users.c
    query = sa.select(users.role).where(users.id == user, users.state == "active")
    role = connection.scalar(query)
    if role is None:
        raise not_found("account")
    if role == "guest":
        raise Refusal("not_possible", "make an account first.")


def _count_likes(connection: Connection, work: str, more: int) -> int:
    works = schema.works.c
    own = sa.update(schema.works).where(works.id == work)
    count = own.values(likes=works.likes + more).returning(works.likes)
    likes = connection.scalar(count)
    if likes is None:
        raise not_found("work")
    return likes


def _check_words(visibility: str, title: str | None) -> None:
    if visibility not in schema.VISIBILITIES:
        names = ", ".join(schema.VISIBILITIES)
        raise Refusal("bad_input", f"`visibility` must be one of {names}.")
    if title is not None and len(title) > LONGEST_TITLE:
        text = f"a title has at most {LONGEST_TITLE} characters."
        raise Refusal("bad_input", text)
