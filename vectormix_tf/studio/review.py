"""What moderators look at, and what authors and reporters are told of it."""

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import leases, schema
from vectormix_tf.studio.database import reads
from vectormix_tf.studio.errors import not_found
from vectormix_tf.studio.moderation import moderates

LISTED = 30  # works, or people, of a page
_OF_PERSON = ("id", "name", "name_key", "created_at", "role", "state")


@dataclasses.dataclass(frozen=True)
class Case:
    """A work that a moderator should look at.

    Attributes:
        work: Its id.
        state: "reported"; "hidden", after several reports; or "held".
        since: When it was first reported, or made; seconds since 1970.
        reports: What people said of it.
    """

    work: str
    state: str
    since: float
    reports: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Person:
    """A person in a moderator's list.

    Attributes:
        id: Of the account; not to be shown.
        name: Of the account.
        created_at: Seconds since 1970.
        works: Number of works.
        removed: Number of works that were removed.
        role: One of `schema.ROLES`.
        state: One of `schema.USER_STATES`.
    """

    id: str
    name: str
    created_at: float
    works: int
    removed: int
    role: str
    state: str


@reads
def count(source: Connection, moderator: str) -> int:
    """How many works wait for a moderator."""
    _check(source, moderator)
    works = sa.select(sa.func.count()).select_from(schema.works)
    return source.scalar(works.where(_waits()))


@reads
def cases(source: Connection, moderator: str, limit: int = LISTED) -> list[Case]:
    """Works that wait for a moderator, the oldest first.

    Raises:
        Refusal: "not_found" for all but moderators; so do all functions here that take
            one.
    """
    _check(source, moderator)
    works, reports = schema.works.c, schema.reports.c
    query = sa.select(works.id, works.moderation, works.held_for, works.created_at)
    query = query.where(_waits()).order_by(works.created_at).limit(limit)
    rows = source.execute(query).all()
    said = (
        sa.select(reports.work_id, reports.created_at, reports.reason)
        .where(
            reports.work_id.in_([row.id for row in rows]), reports.state == schema.OPEN
        )
        .order_by(reports.created_at)
    )
    found: dict[str, list[tuple[float, str]]] = {}
    for work, time, reason in source.execute(said):
        found.setdefault(work, []).append((time, reason))
    return [
        Case(
            row.id,
            _state(row.moderation, row.held_for),
            min([time for time, _ in found.get(row.id, ())], default=row.created_at),
            tuple(reason for _, reason in found.get(row.id, ())),
        )
        for row in rows
    ]


@reads
def people(
    source: Connection,
    moderator: str,
    part: str = "",
    after: str = "",
    limit: int = LISTED,
) -> list[Person]:
    """People by name; `after` is the last name of the page before.

    Args:
        source: The database.
        moderator: Who looks.
        part: Of their names; "" for all.
        after: As said.
        limit: Most of them.
    """
    _check(source, moderator)
    users = schema.users.c
    found = sa.and_(
        users.state != "deleted",
        users.role != "guest",
        users.name_key.contains(part.lower(), autoescape=True),
        users.name_key > after.lower(),
    )
    query = _people().where(found).order_by(users.name_key).limit(limit)
    return [Person(*row) for row in source.execute(query)]


@reads
def find_person(source: Connection, moderator: str, name: str) -> str:
    """Id of the person of a name, who may be banned."""
    _check(source, moderator)
    users = schema.users.c
    known = sa.and_(users.name_key == name.lower(), users.state != "deleted")
    found = source.scalar(sa.select(users.id).where(known, users.role != "guest"))
    if found is None:
        raise not_found("person")
    return found


@reads
def names(source: Connection, moderator: str, ids: Iterable[str]) -> dict[str, str]:
    """Names of people, and of the people of works, by id of the one or the other."""
    _check(source, moderator)
    users, works, ids = schema.users.c, schema.works.c, list(ids)
    people_ = sa.select(users.id, users.name).where(users.id.in_(ids))
    authors = sa.select(works.id, users.name).where(works.id.in_(ids))
    authors = authors.join_from(schema.works, schema.users, users.id == works.user_id)
    rows = [*source.execute(people_), *source.execute(authors)]
    return {id_: name for id_, name in rows if name is not None}


@reads
def figures(source: Connection, moderator: str) -> dict[str, int]:
    """Numbers of the service: workers, people and bytes."""
    _check(source, moderator)
    users, blobs = schema.users.c, schema.blobs.c
    members = sa.and_(users.state == "active", users.role != "guest")
    count_ = sa.select(sa.func.count())
    bytes_ = sa.select(sa.func.coalesce(sa.func.sum(blobs.bytes), 0))
    return {
        "workers": leases.alive(source),
        "people": source.scalar(count_.where(members)),
        "bytes": int(source.scalar(bytes_)),
    }


# --- For others -----------------------------------------------------------------------


@reads
def has_reported(source: Connection, user: str, work: str) -> bool:
    """Whether a person has reported a work."""
    reports = schema.reports.c
    said = sa.exists().where(reports.work_id == work, reports.reporter_id == user)
    return bool(source.scalar(sa.select(said)))


@reads
def why_removed(source: Connection, user: str, work: str) -> str:
    """What a moderator wrote when a work of this person was removed, or ""."""
    works, audit = schema.works.c, schema.audit.c
    own = sa.exists().where(works.id == work, works.user_id == user)
    acts = sa.and_(audit.target_id == work, audit.action == "remove", own)
    query = sa.select(audit.note).where(acts).order_by(audit.created_at.desc())
    return source.scalar(query.limit(1)) or ""


# --- Inside ---------------------------------------------------------------------------


def _people() -> sa.Select:
    users, works = schema.users.c, schema.works.c
    removed = sa.case((works.moderation == "removed", 1), else_=0)
    query = sa.select(
        users.id,
        users.name,
        users.created_at,
        sa.func.count(works.id),
        sa.func.coalesce(sa.func.sum(removed), 0),
        users.role,
        users.state,
    )
    joined = query.outerjoin_from(schema.users, schema.works, works.user_id == users.id)
    return joined.group_by(*(users[name] for name in _OF_PERSON))


def _waits() -> sa.ColumnElement[bool]:
    works, reports = schema.works.c, schema.reports.c
    said = sa.exists().where(reports.work_id == works.id, reports.state == schema.OPEN)
    return sa.or_(works.moderation == schema.HELD, said)


def _state(moderation: str, held_for: str | None) -> str:
    if moderation != "held":
        return "reported"
    return "hidden" if held_for == "reports" else "held"


def _check(source: Connection, viewer: str) -> None:
    if not source.scalar(sa.select(moderates(viewer))):
        raise not_found("page")
