"""Photographs and paintings that people send, before and after a job uses them."""

import dataclasses
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import blobs, leases, schema
from vectormix_tf.studio.database import new_id, now, reads, writes
from vectormix_tf.studio.errors import not_found

UNUSED_SECONDS = 24 * 3600.0  # for which an upload waits for a job


@dataclasses.dataclass(frozen=True)
class Upload:
    """A picture that a person sent.

    Attributes:
        id: What jobs name it by.
        picture: Key of its pixels in the store.
        small: Key of its thumbnail, or None.
        width: In pixels.
        height: In pixels.
        created_at: Seconds since 1970.
    """

    id: str
    picture: str
    small: str | None
    width: int
    height: int
    created_at: float


@writes
def add(
    source: Connection,
    user: str,
    picture: blobs.Kept,
    small: blobs.Kept | None,
    width: int,
    height: int,
    quota: int,
) -> Upload:
    """Makes kept pixels an upload of a person.

    Args:
        source: The database.
        user: Who sent it.
        picture: Its pixels, re-encoded, a kept file of the kind "upload".
        small: Its thumbnail.
        width: In pixels.
        height: In pixels.
        quota: Bytes that a person may have; the person's own limit goes before it.

    Raises:
        Refusal: "out_of_space"; "not_found" if the account is gone.
    """
    kept = [each for each in (picture, small) if each is not None]
    _check_space(source, user, quota, sum(each.bytes for each in kept))
    blobs.attach(source, user, kept)
    upload = Upload(
        new_id(), picture.key, small and small.key, width, height, now(source)
    )
    row = dataclasses.asdict(upload) | {"user_id": user}
    source.execute(sa.insert(schema.uploads).values(row))
    return upload


@reads
def find(source: Connection, user: str, upload: str) -> Upload:
    """A person's own upload.

    Raises:
        Refusal: "not_found".
    """
    uploads = schema.uploads.c
    own = sa.and_(uploads.id == upload, uploads.user_id == user)
    row = source.execute(_select().where(own)).mappings().first()
    if row is None:
        raise not_found("picture")
    return Upload(**row)


@reads
def mine(source: Connection, user: str) -> list[Upload]:
    """A person's uploads, the latest first."""
    uploads = schema.uploads.c
    query = _select().where(uploads.user_id == user)
    rows = source.execute(query.order_by(uploads.created_at.desc())).mappings()
    return [Upload(**row) for row in rows]


@writes
def drop_unused(source: Connection, ids: Iterable[str]) -> None:
    """Deletes those of some uploads that no job refers to."""
    uploads, inputs = schema.uploads.c, schema.inputs.c
    used = sa.exists().where(inputs.upload_id == uploads.id)
    gone = source.execute(
        sa.delete(schema.uploads)
        .where(uploads.id.in_(list(ids)), ~used)
        .returning(uploads.picture, uploads.small)
    ).all()
    blobs.condemn(source, (key for row in gone for key in row))


@writes
def expire(source: Connection) -> None:
    """Deletes uploads that no job has used for a day."""
    uploads = schema.uploads.c
    used = sa.exists().where(schema.inputs.c.upload_id == uploads.id)
    old = sa.and_(uploads.created_at < now(source) - UNUSED_SECONDS, ~used)
    rows = source.execute(sa.select(uploads.id, uploads.user_id).where(old)).all()
    for user in sorted({row.user_id for row in rows}):
        leases.changed(source, user)  # who may be ordering with it right now
        drop_unused(source, [row.id for row in rows if row.user_id == user])


def _select() -> sa.Select:
    fields = dataclasses.fields(Upload)
    return sa.select(*(schema.uploads.c[field.name] for field in fields))


def _check_space(connection: Connection, user: str, quota: int, more: int) -> None:
    users = schema.users.c
    query = sa.select(users.used_bytes, users.bytes_limit).where(
        users.id == user, users.state == "active"
    )
    row = connection.execute(query.with_for_update(key_share=True)).first()
    if row is None:
        raise not_found("account")
    limit = quota if row.bytes_limit is None else row.bytes_limit
    blobs.check_space(row.used_bytes, limit, more)
