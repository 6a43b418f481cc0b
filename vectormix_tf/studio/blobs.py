"""Bytes of people: each blob has one owner and one row that refers to it.

An object gets into the store in three steps: `keep` writes its key to the outbox, to
be deleted in an hour, and then the object; `attach`, in the transaction that writes the
row that refers to it, takes the key out of the outbox again. It gets out of the store
in two: `condemn`, in the transaction that drops the row that refers to it, writes its
key to the outbox, and `purge` deletes it. So whenever a process dies, each object of
the store is in `blobs` or in the outbox, and none is in both. The outbox goes by the
clock of leases: a wall clock that is set back would keep what must go.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import clock, schema
from vectormix_tf.studio.database import Database, insert, new_id, now, writes
from vectormix_tf.studio.errors import Refusal, Unavailable
from vectormix_tf.studio.store import Store, new_key

ATTACH_SECONDS = 3600.0  # within which an object must get its row
UNCOUNTED = ("checkpoint",)  # kinds of blobs that a person is not asked to pay for
PURGED_AT_ONCE = 100
MEGABYTE = 1_000_000


@dataclasses.dataclass(frozen=True)
class File:
    """Bytes that are to be kept.

    Attributes:
        kind: One of `schema.BLOB_KINDS`.
        data: The bytes.
        media_type: E.g. "image/png".
    """

    kind: str
    data: bytes
    media_type: str


@dataclasses.dataclass(frozen=True)
class Kept:
    """An object in the store that no row refers to yet.

    Attributes:
        key: Where it is.
        kind: One of `schema.BLOB_KINDS`.
        media_type: E.g. "image/png".
        bytes: How many.
    """

    key: str
    kind: str
    media_type: str
    bytes: int


def keep(
    database: Database, store: Store, user: str, files: Sequence[File]
) -> list[Kept]:
    """Writes files of a person to the store, for rows that are about to refer to them.

    Without `attach` within `ATTACH_SECONDS`, `purge` deletes them.

    Returns:
        Where each is, in the order of `files`.

    Raises:
        Unavailable: If the store cannot be written.
    """
    kept = [
        Kept(new_key(user), file.kind, file.media_type, len(file.data))
        for file in files
    ]
    _enter(database, [each.key for each in kept], ATTACH_SECONDS)
    for each, file in zip(kept, files, strict=True):
        store.put(each.key, file.data)
    return kept


@writes
def attach(source: Connection, user: str, kept: Iterable[Kept]) -> None:
    """Makes kept objects blobs of a person; part of a transaction that refers to them.

    Raises:
        Unavailable: If one was kept too long ago, and is being deleted.
    """
    kept = list(kept)
    keys = [each.key for each in kept]
    outbox = schema.outbox.c
    waiting = sa.and_(outbox.subject.in_(keys), sa.not_(outbox.taken))
    released = source.execute(sa.delete(schema.outbox).where(waiting))
    if released.rowcount != len(kept):
        raise Unavailable("this took too long; try again.")
    time = now(source)
    for each in kept:
        values = dataclasses.asdict(each) | {"user_id": user, "created_at": time}
        source.execute(sa.insert(schema.blobs).values(values))
    _count(source, user, sum(each.bytes for each in kept if _counts(each.kind)))


@writes
def condemn(source: Connection, keys: Iterable[str | None]) -> None:
    """Hands blobs to the purge; part of a transaction that no longer refers to them."""
    keys = [key for key in keys if key is not None]
    blobs = schema.blobs.c
    gone = source.execute(
        sa.delete(schema.blobs)
        .where(blobs.key.in_(keys))
        .returning(blobs.key, blobs.user_id, blobs.kind, blobs.bytes)
    ).all()
    for user in {each.user_id for each in gone}:
        own = (each for each in gone if each.user_id == user and _counts(each.kind))
        _count(source, user, -sum(each.bytes for each in own))
    _enter(source, [each.key for each in gone], 0)


def purge(database: Database, store: Store, limit: int = PURGED_AT_ONCE) -> int:
    """Deletes objects whose time has come, and returns how many.

    Any number of processes may do so at any time; what one leaves is another's.

    Args:
        database: Where the outbox is.
        store: Where the objects are.
        limit: Most objects of this call.

    Raises:
        Unavailable: If the store is away: the objects stay in the outbox.
    """
    keys = _take(database, limit)
    for key in keys:
        store.delete(key)
    _strike(database, keys)
    return len(keys)


def check_space(account_bytes: int, limit: int, more: int = 0) -> None:
    """Refuses what would not fit a person's quota of bytes."""
    if account_bytes + more > limit:
        raise Refusal(
            "out_of_space",
            f"your pictures take {account_bytes / MEGABYTE:.0f} of"
            f" {limit / MEGABYTE:.0f} MB; delete some of them first.",
        )


@writes
def _take(source: Connection, limit: int) -> list[str]:
    outbox = schema.outbox.c
    due = (
        sa.select(outbox.subject)
        .where(outbox.kind == "delete", outbox.lease_due <= clock.read(source))
        .order_by(outbox.lease_due)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    keys = list(source.scalars(due))
    taken = sa.update(schema.outbox).where(outbox.subject.in_(keys))
    source.execute(taken.values(taken=True))
    return keys


@writes
def _strike(source: Connection, keys: list[str]) -> None:
    source.execute(sa.delete(schema.outbox).where(schema.outbox.c.subject.in_(keys)))


@writes
def _enter(source: Connection, keys: list[str], seconds: float) -> None:
    """Writes keys to the outbox, to be deleted in some seconds."""
    due = clock.read(source) + seconds
    rows = [
        {"id": new_id(), "kind": "delete", "subject": key, "lease_due": due}
        for key in keys
    ]
    if rows:
        # After a commit whose answer was lost, they are there.
        source.execute(insert(source, schema.outbox).on_conflict_do_nothing(), rows)


def _count(connection: Connection, user: str, more: int) -> None:
    users = schema.users.c
    owner = sa.update(schema.users).where(users.id == user)
    connection.execute(owner.values(used_bytes=users.used_bytes + more))


def _counts(kind: str) -> bool:
    return kind not in UNCOUNTED
