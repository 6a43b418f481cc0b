"""Styles that all or one may use: the package's own and those of people, credited."""

import dataclasses
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import blobs, leases, schema, uploads
from vectormix_tf.studio.database import insert, new_id, now, reads, writes
from vectormix_tf.studio.errors import Refusal, not_found

LONGEST_TITLE = 100  # characters
LISTED = 60


@dataclasses.dataclass(frozen=True)
class Style:
    """A style as people see it.

    Attributes:
        id: What orders name it by.
        builtin: Name of a style of this package, or None.
        person: Name of who shared it, or None.
        picture: Key of its pixels in the store, or None.
        small: Key of its thumbnail, or None.
        title: What it is called.
        credit: Who painted it.
        visibility: "private" or "public".
        uses: How many pictures of jobs are this one.
        mine: Whether it is the viewer's own.
    """

    id: str
    builtin: str | None
    person: str | None
    picture: str | None
    small: str | None
    title: str
    credit: str
    visibility: str
    uses: int
    mine: bool


@writes
def install(source: Connection, builtin: Mapping[str, tuple[str, str]]) -> None:
    """Enters the package's own styles, `{name: (title, credit)}`; again is no harm."""
    for name, (title, credit) in builtin.items():
        new = insert(source, schema.styles).values(
            id=new_id(),
            builtin=name,
            title=title,
            credit=credit,
            visibility="public",
            created_at=now(source),
        )
        same = {"title": title, "credit": credit}
        known = [schema.styles.c.builtin]
        source.execute(new.on_conflict_do_update(index_elements=known, set_=same))


@writes
def share(
    source: Connection,
    user: str,
    upload: str,
    title: str,
    credit: str,
    visibility: str,
) -> Style:
    """Makes an upload of a person a style; jobs that used it use the style now.

    Raises:
        Refusal: "not_found"; "bad_input"; "not_possible" for a guest.
    """
    _check_words(title, credit, visibility)
    leases.changed(source, user)
    if not source.scalar(sa.select(_is_member(user))):
        raise Refusal("not_possible", "make an account to share a style.")
    found = uploads.find(source, user, upload)
    style = new_id()
    inputs = schema.inputs.c
    source.execute(
        sa.insert(schema.styles).values(
            id=style,
            user_id=user,
            picture=found.picture,
            small=found.small,
            title=title,
            credit=credit,
            visibility=visibility,
            created_at=now(source),
        )
    )
    moved = sa.update(schema.inputs).where(inputs.upload_id == upload)
    uses = source.execute(moved.values(upload_id=None, style_id=style)).rowcount
    count = sa.update(schema.styles).where(schema.styles.c.id == style)
    source.execute(count.values(uses=uses))
    source.execute(sa.delete(schema.uploads).where(schema.uploads.c.id == upload))
    return find(source, user, style)


@writes
def edit(
    source: Connection,
    user: str,
    style: str,
    title: str,
    credit: str,
    visibility: str,
) -> Style:
    """Changes a person's own style.

    Raises:
        Refusal: "not_found"; "bad_input".
    """
    _check_words(title, credit, visibility)
    styles = schema.styles.c
    own = sa.update(schema.styles).where(styles.id == style, styles.user_id == user)
    values = {"title": title, "credit": credit, "visibility": visibility}
    if source.execute(own.values(**values)).rowcount == 0:
        raise not_found("style")
    return find(source, user, style)


@writes
def delete(source: Connection, user: str, style: str) -> None:
    """Deletes a person's own style; works that were made with it stay.

    Raises:
        Refusal: "not_found".
    """
    styles = schema.styles.c
    query = sa.select(styles.id).where(styles.id == style, styles.user_id == user)
    if source.scalar(query) is None:
        raise not_found("style")
    erase(source, [style])


@reads
def find(source: Connection, viewer: str | None, style: str) -> Style:
    """A style that someone may use.

    Args:
        source: The database.
        viewer: Who looks; None for a visitor.
        style: Its id.

    Raises:
        Refusal: "not_found".
    """
    return _one(source, viewer, schema.styles.c.id == style)


@reads
def find_builtin(source: Connection, name: str) -> Style:
    """One of the package's own styles.

    Raises:
        Refusal: "not_found".
    """
    return _one(source, None, schema.styles.c.builtin == name)


@reads
def popular(source: Connection, viewer: str | None, limit: int = LISTED) -> list[Style]:
    """Styles that someone may use, the most used first."""
    return _select(source, viewer, sa.true(), limit)


@reads
def shared_by(source: Connection, viewer: str | None, person: str) -> list[Style]:
    """Styles that a person shares with all, the most used first."""
    styles = schema.styles.c
    shared = sa.and_(styles.user_id == person, styles.visibility == "public")
    return _select(source, viewer, shared, LISTED)


@reads
def mine(source: Connection, user: str) -> list[Style]:
    """A person's own styles, the most used first."""
    return _select(source, user, schema.styles.c.user_id == user)


def use(connection: Connection, user: str, style: str) -> None:
    """Counts a style as a picture of a job, if a person may use it."""
    styles = schema.styles.c
    counted = sa.update(schema.styles).where(styles.id == style, _may_use(user))
    if connection.execute(counted.values(uses=styles.uses + 1)).rowcount == 0:
        raise not_found("style")


def forget_inputs(connection: Connection, jobs: Iterable[str]) -> None:
    """Drops the pictures of jobs: uses no longer count, unused uploads are deleted."""
    inputs = schema.inputs.c
    gone = connection.execute(
        sa.delete(schema.inputs)
        .where(inputs.job_id.in_(list(jobs)))
        .returning(inputs.upload_id, inputs.style_id)
    ).all()
    used = [row.style_id for row in gone if row.style_id is not None]
    for style in sorted(set(used)):
        counted = sa.update(schema.styles).where(schema.styles.c.id == style)
        uses = schema.styles.c.uses - used.count(style)
        connection.execute(counted.values(uses=uses))
    ids = {row.upload_id for row in gone if row.upload_id is not None}
    uploads.drop_unused(connection, ids)


def erase(connection: Connection, ids: list[str]) -> None:
    """Deletes styles and their bytes; jobs that are to use them find nothing."""
    inputs, styles = schema.inputs.c, schema.styles.c
    used = sa.update(schema.inputs).where(inputs.style_id.in_(ids))
    connection.execute(used.values(style_id=None))
    gone = connection.execute(
        sa.delete(schema.styles)
        .where(styles.id.in_(ids))
        .returning(styles.picture, styles.small)
    ).all()
    blobs.condemn(connection, (key for row in gone for key in row))


def _is_member(user: str) -> sa.ColumnElement[bool]:
    users = schema.members.c
    return sa.exists().where(
        users.id == user, users.state == "active", users.role != "guest"
    )


def _may_use(viewer: str | None) -> sa.ColumnElement[bool]:
    """Condition for styles: one's own, and the public ones of active people."""
    styles, owners = schema.styles.c, schema.owners.c
    active = sa.exists().where(owners.id == styles.user_id, owners.state == "active")
    offered = sa.or_(styles.user_id.is_(None), active)
    public = sa.and_(styles.visibility == "public", offered)
    return sa.or_(public, styles.user_id == viewer)


def _one(
    source: Connection, viewer: str | None, which: sa.ColumnElement[bool]
) -> Style:
    """The style that a condition is true of."""
    found = _select(source, viewer, which)
    if not found:
        raise not_found("style")
    return found[0]


def _select(
    connection: Connection,
    viewer: str | None,
    condition: sa.ColumnElement[bool],
    limit: int | None = None,
) -> list[Style]:
    styles, users = schema.styles.c, schema.users.c
    query = (
        sa.select(schema.styles, users.name.label("person"))
        .select_from(schema.styles)
        .outerjoin(schema.users, users.id == styles.user_id)
        .where(_may_use(viewer), condition)
        .order_by(styles.uses.desc(), styles.id)
        .limit(limit)
    )
    names = [each.name for each in dataclasses.fields(Style) if each.name != "mine"]
    return [
        Style(
            **{name: row[name] for name in names},
            mine=viewer is not None and row["user_id"] == viewer,
        )
        for row in connection.execute(query).mappings()
    ]


def _check_words(title: str, credit: str, visibility: str) -> None:
    if not 0 < len(title) <= LONGEST_TITLE or len(credit) > LONGEST_TITLE:
        text = f"a title needs 1 to {LONGEST_TITLE} characters; a credit has no more."
        raise Refusal("bad_input", text)
    if visibility not in ("private", "public"):
        raise Refusal("bad_input", "`visibility` must be private or public.")
