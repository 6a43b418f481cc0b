"""All that the studio has of a person: a ZIP file that is made while it is sent."""

import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import Database, reads
from vectormix_tf.studio.errors import MissingObject, not_found
from vectormix_tf.studio.store import Store

TYPES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
# What is told of each table: all but secrets and what only this program needs.
HIDDEN = {
    "password",
    "name_key",
    "token_hash",
    "digest",
    "fence",
    "worker",
    "lease_until",
    "lease_slice",
    "checkpoint",
    "vtime",
}


@dataclasses.dataclass(frozen=True)
class _Member:
    name: str
    key: str


def export(database: Database, store: Store, user: str) -> Iterator[bytes]:
    """Yields a ZIP file: `account.json` and a person's pictures.

    One picture at a time is in memory.

    Raises:
        Refusal: "not_found", before the first bytes.
        Unavailable: If the store or the database is away.
    """
    record, members = _collect(database, user)
    return _zip(store, record, members)


def _zip(store: Store, record: dict, members: list[_Member]) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        text = json.dumps(record, indent=2, ensure_ascii=False, sort_keys=True)
        archive.writestr("account.json", text)
        yield sink.taken()
        for member in members:
            try:
                data = store.get(member.key)
            except MissingObject:  # deleted since the record was made
                continue
            archive.writestr(member.name, data)  # stored: pictures are compressed
            yield sink.taken()
    yield sink.taken()


@reads
def _collect(source: Connection, user: str) -> tuple[dict[str, Any], list[_Member]]:
    users = schema.users.c
    alive = sa.and_(users.id == user, users.state != "deleted")
    person = source.execute(sa.select(schema.users).where(alive)).mappings().first()
    if person is None:
        raise not_found("account")
    owned = (
        *(schema.sessions, schema.tokens, schema.uploads, schema.styles),
        *(schema.jobs, schema.works, schema.likes),
    )
    record: dict[str, Any] = {"account": _told(person)}
    for table in owned:
        rows = source.execute(sa.select(table).where(table.c.user_id == user))
        record[table.name] = [_told(row) for row in rows.mappings()]
    reports = schema.reports
    said = sa.select(reports).where(reports.c.reporter_id == user)
    record["reports"] = [_told(row) for row in source.execute(said).mappings()]
    inputs, jobs = schema.inputs, schema.jobs.c
    made_of = sa.select(inputs).join(schema.jobs, jobs.id == inputs.c.job_id)
    rows = source.execute(made_of.where(jobs.user_id == user)).mappings()
    record["inputs"] = [_told(row) for row in rows]
    return record, _members(source, user, record)


def _members(
    connection: Connection, user: str, record: dict[str, Any]
) -> list[_Member]:
    blobs = schema.blobs.c
    query = sa.select(blobs.key, blobs.media_type).where(blobs.user_id == user)
    types = dict(connection.execute(query).all())
    return [
        _Member(f"{table}/{row['id']}{TYPES.get(types[row['picture']], '')}", key)
        for table in ("uploads", "styles", "works")
        for row in record[table]
        if (key := row["picture"]) is not None
    ]


def _told(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in HIDDEN}


class _Sink(io.RawIOBase):
    """A file that is written only, and whose bytes are taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
