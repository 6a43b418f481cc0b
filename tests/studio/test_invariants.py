"""Each invariant finds a row that breaks it, or else it would hold nothing."""

import pytest
import sqlalchemy as sa
from studio_town import Town

from vectormix_tf.studio import accounts, invariants, schema, works
from vectormix_tf.studio.store import new_key

# {invariant: what breaks it}. Where a constraint or trigger does not, SQL does.
BREAKS = {
    "a finished job has one work, unless that was deleted": ["DELETE FROM works"],
    "a work is of a job that is done, or stopped with a picture": [
        "UPDATE jobs SET state = 'failed', error = 'x' WHERE state = 'done'"
    ],
    "a job is charged for what is done and kept": [
        "UPDATE jobs SET charged_ms = 7 WHERE state = 'queued'"
    ],
    "a person is charged what their jobs are charged": [
        "UPDATE users SET charged_ms = charged_ms + 1"
    ],
    "a blob has one row that refers to it, of its owner": [
        "UPDATE works SET large = NULL, small = NULL, picture = NULL, shown_at = NULL,"
        " moderation = 'removed', visibility = 'private'"
    ],
    "no row refers to another person's blob": [
        "UPDATE blobs SET user_id = (SELECT id FROM users WHERE name = 'ben')"
    ],
    "used bytes are the sum of the blobs that count": [
        "UPDATE users SET used_bytes = used_bytes + 1"
    ],
    "no blob is about to be deleted": [
        "INSERT INTO outbox (id, kind, subject, lease_due)"
        " SELECT key, 'delete', key, 4e9 FROM blobs"
    ],
    "bytes are gone within the promised hour": [
        "INSERT INTO outbox (id, kind, subject, lease_due)"
        " VALUES ('a', 'delete', 'b', -9999)"
    ],
    "likes are the number of people who like": ["UPDATE works SET likes = 7"],
    "uses of a style are the pictures of jobs that are it": [
        "INSERT INTO styles (id, builtin, title, credit, uses, created_at)"
        " VALUES ('a', 'b', 'c', '', 1, 0)"
    ],
    "a job uses its person's own uploads": [
        "UPDATE uploads SET user_id = (SELECT id FROM users WHERE name = 'ben')"
    ],
    "an erased job has no settings, pictures or work": [
        "UPDATE jobs SET erased = true WHERE state = 'done'"
    ],
    "a removed work's job has no pictures": [
        "UPDATE works SET large = NULL, small = NULL, picture = NULL, shown_at = NULL,"
        " moderation = 'removed', visibility = 'private'"
    ],
    "only a job that has not ended has a preview": [
        "INSERT INTO previews (job_id, jpeg)"
        " SELECT id, CAST('x' AS {bytes}) FROM jobs WHERE state = 'done'"
    ],
    "a banned person has no waiting job, no session and no link": [
        "UPDATE users SET state = 'banned'"
    ],
    "a deleted person has nothing": [
        "UPDATE users SET state = 'deleted', name = NULL, password = NULL"
    ],
    "a link for a new password is one member's, who has no other": [
        "INSERT INTO tokens (token_hash, purpose, user_id, expires_at)"
        " SELECT 'a', 'password', id, 4e9 FROM users WHERE name = 'ann'",
        "INSERT INTO tokens (token_hash, purpose, user_id, expires_at)"
        " SELECT 'b', 'password', id, 4e9 FROM users WHERE name = 'ann'",
    ],
    "guests show and share nothing": [
        "UPDATE users SET role = 'guest', expires_at = 4e9",
        "UPDATE works SET visibility = 'public', shown_at = 0",
    ],
    "a job's latest change is among its person's news": ["UPDATE users SET news = 0"],
    "no lease is longer than a lease": [
        "UPDATE jobs SET lease_until = 4e9 WHERE state = 'running'"
    ],
    "the virtual clock is not before zero, and there is one clock": [
        "UPDATE clock SET virtual_time = -1"
    ],
    "a job is given up when its attempts are used up": ["UPDATE jobs SET attempts = 3"],
}


@pytest.fixture
def busy(database, store, settings):
    """A town with something of everything, in which nothing is broken yet."""
    town = Town(database, store, settings)
    ann, ben = town.person("ann"), town.person("ben")
    work = town.work(ann)
    works.publish(database, settings, ann, work, "public")
    works.like(database, ben, work)
    town.submit(ann)
    assert town.claim() is not None
    town.submit(ann)
    assert invariants.check(database) == []
    assert invariants.check_store(database, store) == []
    return town


@pytest.mark.parametrize("name", invariants.INVARIANTS)
def test_a_broken_invariant_is_found(busy, name):
    kind = "BLOB" if busy.database.is_sqlite else "BYTEA"
    for line in BREAKS[name]:
        statement = sa.text(line.format(bytes=kind))
        busy.database.transaction(lambda c, s=statement: c.execute(s))
    found = {each.invariant: each.rows for each in invariants.check(busy.database)}
    assert found[name]


ONE_LINK = "a link for a new password is one member's, who has no other"


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        (ONE_LINK, "UPDATE tokens SET user_id = NULL"),
        (ONE_LINK, "UPDATE users SET role = 'guest', expires_at = 4e9"),
        (
            "a banned person has no waiting job, no session and no link",
            "UPDATE users SET state = 'banned'",
        ),
        (
            "a deleted person has nothing",
            "UPDATE users SET state = 'deleted', name = NULL, password = NULL",
        ),
    ],
)
def test_a_link_of_who_may_have_none_is_found(database, store, settings, name, broken):
    ann = Town(database, store, settings).person("ann")
    accounts.new_link(database, "password", ann)
    assert invariants.check(database) == []
    database.transaction(lambda c: c.execute(sa.text(broken)))
    assert [each.invariant for each in invariants.check(database)] == [name]


def test_lost_bytes_and_bytes_of_no_one_are_found(busy):
    query = sa.select(schema.blobs.c.key).where(schema.blobs.c.kind == "picture")
    lost = busy.database.read(lambda c: c.scalar(query))
    busy.store.delete(lost)
    stray = new_key("ann")
    busy.store.put(stray, b"one")
    found = invariants.check_store(busy.database, busy.store)
    assert [[row[0] for row in each.rows] for each in found] == [[lost], [stray]]


@pytest.mark.parametrize(
    "broken",
    [
        "UPDATE jobs SET lease_until = NULL WHERE state = 'running'",
        "UPDATE jobs SET fraction = 1.1",
        "UPDATE jobs SET charged_ms = cost_ms + 1",
        "UPDATE jobs SET state = 'paused'",
        "UPDATE jobs SET step = steps + 1",
        "UPDATE works SET shown_at = NULL",
        "UPDATE works SET moderation = 'held', held_for = 'reports'",
        "UPDATE works SET share_token = 'x'",
        "UPDATE works SET picture = NULL",
        "UPDATE works SET likes = -1",
        "UPDATE users SET weight = 0",
        "UPDATE users SET used_bytes = -1",
        "UPDATE users SET state = 'deleted'",
        "UPDATE users SET name_key = 'ann'",
        "UPDATE inputs SET style_id = 'none'",
        "INSERT INTO clock (id, wall_time) VALUES (2, 0)",
        "DELETE FROM blobs",
        "INSERT INTO likes SELECT * FROM likes",
    ],
)
def test_a_constraint_refuses_what_one_row_can_show(busy, broken):
    with pytest.raises(sa.exc.IntegrityError):
        busy.database.transaction(lambda c: c.execute(sa.text(broken)))


def test_what_is_written_meanwhile_is_not_taken_for_broken(busy, monkeypatch):
    """The store is listed at another moment than the database."""
    listed = busy.store.list

    def list_then_write():
        found = list(listed())
        busy.finish(busy.claim())
        return iter(found)

    monkeypatch.setattr(busy.store, "list", list_then_write)
    assert invariants.check_store(busy.database, busy.store) == []
