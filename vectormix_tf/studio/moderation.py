"""What moderators do, and what people tell them. Each of their acts is audited."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.errors import InputError
from vectormix_tf.studio import accounts, blobs, leases, queue, schema, styles
from vectormix_tf.studio.database import insert, new_id, now, reads, writes
from vectormix_tf.studio.errors import Refusal, not_found

LONGEST_REASON = 1000  # characters
LISTED = 100
MODERATORS = ("moderator", "administrator")


# --- The operator's filter ------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a filter says of a picture that someone wants to publish.

    Attributes:
        action: "allow"; "hold", until a moderator has seen it; or "refuse".
        reason: A sentence for the person, or "".
    """

    action: Literal["allow", "hold", "refuse"]
    reason: str = ""


ALLOW = Verdict("allow")
Filter = Callable[[bytes], Verdict]


def load_filter(place: str | None) -> Filter:
    """The operator's filter: a function of a picture's bytes, a PNG file.

    Args:
        place: "module:function"; None for one that allows all.

    Raises:
        InputError: If there is no such function.
    """
    if place is None:
        return lambda data: ALLOW
    module, _, name = place.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        text = f"`filter` must be MODULE:FUNCTION; there is no {place!r}: {error}"
        raise InputError(text) from error
    if not callable(function):
        raise InputError(f"`filter` must name a function; {place!r} is none.")
    return function


# --- People ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Report:
    """What someone said against a work.

    Attributes:
        id: Of the report.
        work: Id of the work.
        reporter: Name of who said it; None when the account is gone.
        reason: In their words.
        created_at: Seconds since 1970.
    """

    id: str
    work: str
    reporter: str | None
    reason: str
    created_at: float


@dataclasses.dataclass(frozen=True)
class PasswordLink:
    """A link by which a person sets a new password.

    Attributes:
        token: Of the link.
        email: Of the person, who gave it for this; None if there is none.
    """

    token: str
    email: str | None


@dataclasses.dataclass(frozen=True)
class Act:
    """What a moderator did.

    Attributes:
        id: Of the act.
        created_at: Seconds since 1970.
        actor_id: Who.
        action: "restore", "dismiss", "remove", "remove_style", "ban", "unban",
            "set_role", "password_link".
        target_id: To what or whom.
        note: Why.
    """

    id: str
    created_at: float
    actor_id: str
    action: str
    target_id: str
    note: str


@writes
def report(
    source: Connection, settings: StudioSettings, user: str, work: str, reason: str
) -> None:
    """Tells the moderators of a work; with `settings.reports` open ones it is hidden.

    Again by the same person is no harm.

    Raises:
        Refusal: "not_found"; "bad_input"; "not_possible" for a guest, or of one's own.
    """
    if not 0 < len(reason) <= LONGEST_REASON:
        text = f"say why, in at most {LONGEST_REASON} characters."
        raise Refusal("bad_input", text)
    row = _reportable(source, user, work)
    reports = schema.reports.c
    new = insert(source, schema.reports).values(
        id=new_id(),
        work_id=work,
        reporter_id=user,
        reason=reason,
        created_at=now(source),
    )
    source.execute(new.on_conflict_do_nothing())
    open_ = sa.and_(reports.work_id == work, reports.state == "open")
    count = source.scalar(sa.select(sa.func.count()).where(open_))
    if count >= settings.reports and row.moderation == "clear":
        hidden = {"moderation": "held", "held_for": "reports", "shown_at": None}
        own = sa.update(schema.works).where(schema.works.c.id == work)
        source.execute(own.values(**hidden))


# --- Moderators -----------------------------------------------------------------------


@reads
def reports(source: Connection, moderator: str, limit: int = LISTED) -> list[Report]:
    """Open reports, the oldest first.

    Raises:
        Refusal: "not_found" for all but moderators; so do all functions below.
    """
    _check(source, moderator)
    known, users = schema.reports.c, schema.users.c
    query = (
        sa.select(
            known.id,
            known.work_id.label("work"),
            users.name.label("reporter"),
            known.reason,
            known.created_at,
        )
        .select_from(schema.reports)
        .outerjoin(schema.users, users.id == known.reporter_id)
        .where(known.state == schema.OPEN)
        .order_by(known.created_at)
        .limit(limit)
    )
    return [Report(**row) for row in source.execute(query).mappings()]


@reads
def held(source: Connection, moderator: str, limit: int = LISTED) -> list[str]:
    """Ids of works that wait for a moderator, the oldest first."""
    _check(source, moderator)
    works = schema.works.c
    query = sa.select(works.id).where(works.moderation == schema.HELD)
    return list(source.scalars(query.order_by(works.created_at).limit(limit)))


@reads
def acts(
    source: Connection,
    moderator: str,
    before: float | None = None,
    limit: int = LISTED,
) -> list[Act]:
    """What moderators did, the latest first; `before` is the last one's time."""
    _check(source, moderator)
    created = schema.audit.c.created_at
    older = sa.true() if before is None else created < before
    query = sa.select(schema.audit).where(older).order_by(created.desc())
    return [Act(**row) for row in source.execute(query.limit(limit)).mappings()]


@writes
def restore(source: Connection, moderator: str, work: str, note: str) -> None:
    """Lets a held work be seen again, or for the first time; its reports are closed.

    Raises:
        Refusal: "not_found", also if it is not held.
    """
    _check(source, moderator)
    row = _locked(source, work)
    if row.moderation != "held":
        raise not_found("held work")
    public = row.visibility == "public"
    own = sa.update(schema.works).where(schema.works.c.id == work)
    source.execute(
        own.values(
            moderation="clear",
            held_for=None,
            reviewed=True,
            shown_at=now(source) if public else None,
        )
    )
    _close_reports(source, work, "dismissed")
    if row.held_for == "approval":
        users = schema.users.c
        owner = sa.update(schema.users).where(users.id == row.user_id)
        source.execute(owner.values(approved=users.approved + 1))
    _audit(source, moderator, "restore", work, note)


@writes
def dismiss(source: Connection, moderator: str, work: str, note: str) -> None:
    """Closes the reports of a work that is still seen: nothing is wrong with it.

    Raises:
        Refusal: "not_found"; "not_possible" for one that was removed: its bytes are
            gone.
    """
    _check(source, moderator)
    row = _locked(source, work)
    if row.moderation == "removed":
        raise Refusal("not_possible", "it was removed, and its picture is gone.")
    if _close_reports(source, work, "dismissed"):  # or it is a second click
        _audit(source, moderator, "dismiss", work, note)


@writes
def remove(source: Connection, moderator: str, work: str, note: str) -> None:
    """Removes a work: its bytes go, and those of its pictures that no other job uses.

    Its person sees that it was removed, and can only delete what is left.

    Raises:
        Refusal: "not_found".
    """
    _check(source, moderator)
    row = _locked(source, work)
    if row.moderation == "removed":
        return
    own = sa.update(schema.works).where(schema.works.c.id == work)
    source.execute(
        own.values(
            moderation="removed",
            held_for=None,
            visibility="private",
            share_token=None,
            shows_content=False,
            shown_at=None,
            picture=None,
            large=None,
            small=None,
            likes=0,
        )
    )
    liked = schema.likes.c.work_id == work
    source.execute(sa.delete(schema.likes).where(liked))
    blobs.condemn(source, (row.picture, row.large, row.small))
    styles.forget_inputs(source, [row.job_id])
    _close_reports(source, work, "upheld")
    _audit(source, moderator, "remove", work, note)


@writes
def remove_style(source: Connection, moderator: str, style: str, note: str) -> None:
    """Removes a person's style and its bytes.

    Raises:
        Refusal: "not_found".
    """
    _check(source, moderator)
    known = schema.styles.c
    query = sa.select(known.id).where(known.id == style, known.builtin.is_(None))
    if source.scalar(query.with_for_update()) is None:
        raise not_found("style")
    styles.erase(source, [style])
    _audit(source, moderator, "remove_style", style, note)


@writes
def ban(source: Connection, moderator: str, user: str, note: str) -> None:
    """Shuts a person out: sessions end, jobs stop, works and styles are hidden.

    Raises:
        Refusal: "not_found"; "not_possible" for an administrator or oneself.
    """
    _check(source, moderator)
    users = schema.users.c
    query = sa.select(users.role).where(users.id == user, users.state != "deleted")
    role = source.scalar(query.with_for_update(key_share=True))
    if role is None:
        raise not_found("person")
    if role == "administrator" or user == moderator:
        raise Refusal("not_possible", "an administrator, or oneself, is not banned.")
    own = sa.update(schema.users).where(users.id == user)
    source.execute(own.values(state="banned"))
    for table in (schema.sessions, schema.tokens):
        source.execute(sa.delete(table).where(table.c.user_id == user))
    queue.stop_all(source, user)
    _audit(source, moderator, "ban", user, note)


@writes
def unban(source: Connection, moderator: str, user: str, note: str) -> None:
    """Lets a banned person in again; their works are seen as before.

    Raises:
        Refusal: "not_found", also if they are not banned.
    """
    _check(source, moderator)
    users = schema.users.c
    banned = sa.and_(users.id == user, users.state == "banned")
    again = sa.update(schema.users).where(banned).values(state="active")
    if source.execute(again).rowcount == 0:
        raise not_found("banned person")
    _audit(source, moderator, "unban", user, note)


@writes
def set_role(
    source: Connection, administrator: str, user: str, role: str, note: str
) -> None:
    """Makes a person a member, moderator or administrator.

    Raises:
        Refusal: "not_found"; "bad_input"; "not_possible" for oneself, so that there is
            always an administrator.
    """
    _check(source, administrator, ("administrator",))
    if role not in schema.ROLES or role == "guest":
        raise Refusal("bad_input", "`role` must be member, moderator or administrator.")
    if user == administrator:
        raise Refusal("not_possible", "you cannot change your own role.")
    users = schema.users.c
    active = sa.and_(users.id == user, users.state == "active", users.role != "guest")
    changed = sa.update(schema.users).where(active).values(role=role)
    if source.execute(changed).rowcount == 0:
        raise not_found("person")
    _audit(source, administrator, "set_role", user, f"{role}: {note}")


@writes
def link_for_password(
    source: Connection, administrator: str, user: str, note: str
) -> PasswordLink:
    """A link by which a person sets a new password; see `accounts`.

    Administrators make none for each other, nor for themselves: whoever has one has the
    account.

    Raises:
        Refusal: "not_found"; "not_possible" for an administrator, or who is banned.
    """
    _check(source, administrator, ("administrator",))
    users = schema.users.c
    member = sa.and_(users.state != "deleted", users.role != "guest")
    columns = (users.role, users.state, users.email)
    query = sa.select(*columns).where(users.id == user, member)
    row = source.execute(query.with_for_update(key_share=True)).first()
    if row is None:
        raise not_found("person")
    if row.role == "administrator" or row.state == "banned":
        text = "there is no such link for an administrator, or for who is banned."
        raise Refusal("not_possible", text)
    _audit(source, administrator, "password_link", user, note)
    token = accounts.new_link(source, "password", user)
    return PasswordLink(token, row.email)


def moderates(viewer: str | None) -> sa.ColumnElement[bool]:
    """Condition: someone is a moderator."""
    users = schema.moderators.c
    return sa.exists().where(
        users.id == viewer, users.state == "active", users.role.in_(MODERATORS)
    )


# --- Inside ---------------------------------------------------------------------------


def _check(
    connection: Connection, moderator: str, roles: tuple[str, ...] = MODERATORS
) -> None:
    """The same answer as for an address that there is not."""
    users = schema.users.c
    query = sa.select(users.role).where(users.id == moderator, users.state == "active")
    if connection.scalar(query) not in roles:
        raise not_found("page")


def _locked(connection: Connection, work: str) -> Row:
    """Locks the person of a work, and the work."""
    works = schema.works.c
    owner = connection.scalar(sa.select(works.user_id).where(works.id == work))
    if owner is None:
        raise not_found("work")
    leases.changed(connection, owner)
    query = sa.select(schema.works).where(works.id == work).with_for_update()
    row = connection.execute(query).first()
    if row is None:  # deleted in the meantime
        raise not_found("work")
    return row


def _reportable(connection: Connection, user: str, work: str) -> Row:
    """Locks a work that a member may report."""
    users, works = schema.users.c, schema.works.c
    own = sa.select(users.role).where(users.id == user, users.state == "active")
    role = connection.scalar(own)
    # One who has the link of an unlisted work names its id as well.
    seen = sa.or_(works.shown_at.is_not(None), works.visibility == "unlisted")
    again = works.held_for == "reports"
    query = sa.select(schema.works).where(works.id == work, sa.or_(seen, again))
    row = connection.execute(query.with_for_update()).first()
    if role is None or row is None:
        raise not_found("work")
    if role == "guest" or row.user_id == user:
        text = "make an account to report; your own works you can delete."
        raise Refusal("not_possible", text)
    return row


def _close_reports(connection: Connection, work: str, state: str) -> int:
    """Closes the open reports of a work, and returns how many there were."""
    reports_ = schema.reports.c
    open_ = sa.and_(reports_.work_id == work, reports_.state == "open")
    closed = sa.update(schema.reports).where(open_).values(state=state)
    return connection.execute(closed).rowcount


def _audit(
    connection: Connection, actor: str, action: str, target: str, note: str
) -> None:
    act = Act(new_id(), now(connection), actor, action, target, note)
    connection.execute(sa.insert(schema.audit).values(**dataclasses.asdict(act)))
