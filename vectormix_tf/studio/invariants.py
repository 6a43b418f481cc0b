"""What must always hold between rows, as queries that find the rows where it does not.

What one row or index can hold is a constraint of `schema`.
"""

import dataclasses
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.studio import clock, leases, schema
from vectormix_tf.studio.blobs import UNCOUNTED
from vectormix_tf.studio.database import Database, reads
from vectormix_tf.studio.store import Store

ROWS = 20  # that are told of each broken invariant
PROMISED_SECONDS = 3600.0  # within which bytes are gone
_REFERRERS = " UNION ALL ".join(
    f"SELECT {column} AS blob_key, {owner} AS user_id, '{table}' AS place"
    f" FROM {table} WHERE {column} IS NOT NULL"
    for table, columns, owner in (
        ("uploads", ("picture", "small"), "user_id"),
        ("styles", ("picture", "small"), "user_id"),
        ("jobs", ("checkpoint",), "user_id"),
        ("works", ("picture", "large", "small"), "user_id"),
    )
    for column in columns
)
_COUNTED = ", ".join(f"'{kind}'" for kind in UNCOUNTED)

# {name: query that returns offending rows}; the name is the sentence that is broken.
INVARIANTS: Mapping[str, str] = {
    "a finished job has one work, unless that was deleted": """
        SELECT j.id FROM jobs j LEFT JOIN works w ON w.job_id = j.id
        WHERE j.state = 'done' AND NOT j.erased AND w.id IS NULL""",
    "a work is of a job that is done, or stopped with a picture": """
        SELECT w.id, j.state FROM works w JOIN jobs j ON j.id = w.job_id
        WHERE j.state NOT IN ('done', 'stopped') OR j.erased""",
    "a job is charged for what is done and kept": """
        SELECT id, state, cost_ms, charged_ms, saved_fraction FROM jobs
        WHERE (state <> 'running'
               AND abs(charged_ms - cost_ms * saved_fraction) > 1)
           OR (state = 'running' AND charged_ms < cost_ms * saved_fraction - 1)
           OR (state = 'done' AND charged_ms <> cost_ms)""",
    "a person is charged what their jobs are charged": """
        SELECT u.id, u.charged_ms FROM users u
        LEFT JOIN (SELECT user_id, sum(charged_ms) AS total FROM jobs
                   GROUP BY user_id) j ON j.user_id = u.id
        WHERE u.charged_ms <> coalesce(j.total, 0)""",
    "a blob has one row that refers to it, of its owner": f"""
        SELECT b.key, count(r.blob_key) FROM blobs b
        LEFT JOIN ({_REFERRERS}) r
          ON r.blob_key = b.key AND r.user_id = b.user_id
        GROUP BY b.key HAVING count(r.blob_key) <> 1""",
    "no row refers to another person's blob": f"""
        SELECT r.blob_key, r.place FROM ({_REFERRERS}) r
        LEFT JOIN blobs b ON b.key = r.blob_key AND b.user_id = r.user_id
        WHERE b.key IS NULL""",
    "used bytes are the sum of the blobs that count": f"""
        SELECT u.id, u.used_bytes FROM users u
        LEFT JOIN (SELECT user_id, sum(bytes) AS total FROM blobs
                   WHERE kind NOT IN ({_COUNTED}) GROUP BY user_id) b
          ON b.user_id = u.id
        WHERE u.used_bytes <> coalesce(b.total, 0)""",
    "no blob is about to be deleted": """
        SELECT b.key FROM blobs b JOIN outbox o ON o.subject = b.key""",
    "bytes are gone within the promised hour": f"""
        SELECT o.subject FROM outbox o, clock c WHERE o.kind = 'delete'
        AND o.lease_due < c.lease_time - {PROMISED_SECONDS}""",
    "likes are the number of people who like": """
        SELECT w.id, w.likes FROM works w
        LEFT JOIN (SELECT work_id, count(*) AS total FROM likes
                   GROUP BY work_id) l ON l.work_id = w.id
        WHERE w.likes <> coalesce(l.total, 0)""",
    "uses of a style are the pictures of jobs that are it": """
        SELECT s.id, s.uses FROM styles s
        LEFT JOIN (SELECT style_id, count(*) AS total FROM inputs
                   GROUP BY style_id) i ON i.style_id = s.id
        WHERE s.uses <> coalesce(i.total, 0)""",
    "a job uses its person's own uploads": """
        SELECT i.job_id, i.slot FROM inputs i
        JOIN jobs j ON j.id = i.job_id JOIN uploads u ON u.id = i.upload_id
        WHERE u.user_id <> j.user_id""",
    "an erased job has no settings, pictures or work": """
        SELECT j.id FROM jobs j WHERE j.erased AND (
            j.settings <> '{}'
            OR EXISTS (SELECT 1 FROM inputs i WHERE i.job_id = j.id))""",
    "a removed work's job has no pictures": """
        SELECT w.id FROM works w JOIN inputs i ON i.job_id = w.job_id
        WHERE w.moderation = 'removed'""",
    "only a job that has not ended has a preview": """
        SELECT p.job_id FROM previews p JOIN jobs j ON j.id = p.job_id
        WHERE j.state NOT IN ('queued', 'running')""",
    "a banned person has no waiting job, no session and no link": """
        SELECT u.id FROM users u WHERE u.state = 'banned' AND (
            EXISTS (SELECT 1 FROM jobs j WHERE j.user_id = u.id
                    AND (j.state = 'queued'
                         OR (j.state = 'running' AND NOT j.cancel)))
            OR EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id)
            OR EXISTS (SELECT 1 FROM tokens t WHERE t.user_id = u.id))""",
    "a deleted person has nothing": f"""
        SELECT u.id, r.place FROM users u
        JOIN ({
        " UNION ALL ".join(
            f"SELECT user_id, '{table}' AS place FROM {table}"
            for table in (
                *("sessions", "tokens", "blobs", "uploads", "styles", "jobs"),
                *("works", "likes"),
            )
        )
    }) r ON r.user_id = u.id WHERE u.state = 'deleted'""",
    "a link for a new password is one member's, who has no other": """
        SELECT u.id, count(*) FROM tokens t LEFT JOIN users u ON u.id = t.user_id
        WHERE t.purpose = 'password' GROUP BY u.id, u.role
        HAVING count(*) > 1 OR u.id IS NULL OR u.role = 'guest'""",
    "guests show and share nothing": """
        SELECT u.id FROM users u WHERE u.role = 'guest' AND (
            EXISTS (SELECT 1 FROM works w WHERE w.user_id = u.id
                    AND w.visibility <> 'private')
            OR EXISTS (SELECT 1 FROM styles s WHERE s.user_id = u.id))""",
    "a job's latest change is among its person's news": """
        SELECT j.id, j.version, u.news FROM jobs j JOIN users u ON u.id = j.user_id
        WHERE j.version > u.news""",
    "no lease is longer than a lease": """
        SELECT j.id FROM jobs j, clock c
        WHERE j.state = 'running' AND j.lease_until > c.lease_time + :lease""",
    "the virtual clock is not before zero, and there is one clock": """
        SELECT max(virtual_time), count(*) FROM clock
        HAVING count(*) <> 1 OR max(virtual_time) < 0""",
    "a job is given up when its attempts are used up": f"""
        SELECT id, attempts FROM jobs
        WHERE state <> 'failed' AND attempts >= {leases.ATTEMPTS}""",
}


@dataclasses.dataclass(frozen=True)
class Finding:
    """An invariant that does not hold.

    Attributes:
        invariant: The sentence that is broken.
        rows: Up to `ROWS` of the rows that break it.
    """

    invariant: str
    rows: tuple[tuple, ...]


@reads
def check(source: Connection) -> list[Finding]:
    """What is broken in the database; nothing, if all is well."""
    # A heartbeat reads the clock up to a step before the clock's row is written.
    longest = leases.LEASE_SECONDS + clock.LONGEST_STEP
    values = {"lease": longest}
    found = []
    for name, query in INVARIANTS.items():
        statement = sa.text(query)
        given = {key: values[key] for key in statement.compile().params}
        rows = source.execute(statement, given).fetchmany(ROWS)
        if rows:
            found.append(Finding(name, tuple(tuple(row) for row in rows)))
    return found


def check_store(database: Database, store: Store) -> list[Finding]:
    """What is broken between database and store: lost bytes, and bytes of no one.

    Others may write meanwhile: what seems broken is looked at once more.
    """
    there = dict(store.list())
    blobs, outbox = database.read(_keys)
    known = blobs.keys() | outbox
    found = {
        "a blob's bytes are in the store": [
            (key, size, there.get(key))
            for key, size in blobs.items()
            if there.get(key) != size and store.size(key) != size
        ],
        "an object of the store is a blob, or about to be deleted": [
            (key, size)
            for key, size in there.items()
            if key not in known and store.size(key) is not None
        ],
    }
    return [Finding(name, tuple(rows[:ROWS])) for name, rows in found.items() if rows]


def _keys(connection: Connection) -> tuple[dict[str, int], set[str]]:
    blobs, outbox = schema.blobs.c, schema.outbox.c
    sizes = connection.execute(sa.select(blobs.key, blobs.bytes))
    doomed = sa.select(outbox.subject).where(outbox.kind == "delete")
    return dict(sizes.all()), set(connection.scalars(doomed))
