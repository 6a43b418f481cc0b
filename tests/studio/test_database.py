import sqlite3
import threading
import time

import pytest
import sqlalchemy as sa
from studio_places import opened

from vectormix_tf.errors import InputError
from vectormix_tf.studio import schema
from vectormix_tf.studio.database import Database, now, reads, writes
from vectormix_tf.studio.errors import Refusal, Unavailable


def clocks(connection):
    return connection.scalar(sa.select(sa.func.count()).select_from(schema.clock))


def add_limit(connection, key="a"):
    values = {"key": key, "level": 0, "updated_at": 0}
    connection.execute(sa.insert(schema.limits).values(values))


@pytest.mark.parametrize(
    "address", ["", "studio.db", "sqlite://", "mysql://a/b", "postgresql+asyncpg://a/b"]
)
def test_an_address_of_neither_kind_is_refused(address):
    with pytest.raises(InputError, match="`database` must be sqlite:///PATH or"):
        Database(address)


def test_a_refused_address_does_not_tell_its_password():
    with pytest.raises(InputError) as caught:
        Database("mysql://me:secret@host/name")
    assert "secret" not in str(caught.value)


def test_a_transaction_that_fails_leaves_nothing(database):
    def work(connection):
        add_limit(connection)
        raise Refusal("bad_input", "no.")

    with pytest.raises(Refusal):
        database.transaction(work)
    query = sa.select(schema.limits)
    assert database.read(lambda c: c.execute(query).all()) == []


def test_foreign_keys_hold(database):
    row = sa.insert(schema.likes).values(user_id="no", work_id="no", created_at=0)
    with pytest.raises(sa.exc.IntegrityError):
        database.transaction(lambda c: c.execute(row))


def test_a_reader_sees_one_moment_and_does_not_wait(database):
    def work(connection):
        before = clocks(connection)
        database.transaction(add_limit)
        query = sa.select(sa.func.count()).select_from(schema.limits)
        return before, connection.scalar(query)

    assert database.read(work) == (1, 0)


def locked():
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return sa.exc.OperationalError("", {}, error)


def test_a_conflict_is_tried_again(database):
    tries = []

    def work(connection):
        tries.append(1)
        if len(tries) < 3:
            raise locked()
        return clocks(connection)

    assert database.transaction(work) == 1
    assert len(tries) == 3


def test_a_mistake_of_the_program_is_not_tried_again(database):
    tries = []

    def work(connection):
        tries.append(1)
        connection.execute(sa.text("SELECT * FROM no_such_table"))

    with pytest.raises(sa.exc.DBAPIError):
        database.transaction(work)
    assert len(tries) == 1


def test_a_full_disk_is_told_at_once(database):
    def work(connection):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise sa.exc.OperationalError("", {}, error)

    began = time.monotonic()
    with pytest.raises(Unavailable, match="disk of the database is full"):
        database.transaction(work)
    assert time.monotonic() - began < database.patience / 2


def test_a_database_that_is_away_is_told_in_one_line_after_its_patience():
    away = Database("postgresql://studio@127.0.0.1:9/studio", patience=0.3)
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        away.transaction(clocks)
    assert time.monotonic() - began < 3
    assert "has not answered for 0.3 seconds" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_busy_database_is_waited_for(address):
    with opened(address) as one, opened(address) as other:
        began, done = threading.Event(), []

        def long(connection):
            add_limit(connection, "one")
            began.set()
            time.sleep(0.3)

        thread = threading.Thread(target=lambda: one.transaction(long))
        thread.start()
        began.wait()
        other.transaction(lambda c: done.append(add_limit(c, "other")))
        thread.join()
        query = sa.select(schema.limits.c.key).order_by(schema.limits.c.key)
        assert one.read(lambda c: c.scalars(query).all()) == ["one", "other"]


def test_it_goes_on_after_the_server_was_killed(own_cluster):
    database = Database(own_cluster.address, patience=20)
    database.transaction(lambda c: c.execute(sa.text("CREATE TABLE kept (a int)")))
    own_cluster.stop("immediate")
    starts = threading.Timer(0.5, own_cluster.start)
    starts.start()
    add = sa.text("INSERT INTO kept VALUES (1)")
    database.transaction(lambda c: c.execute(add))
    starts.join()
    count = sa.text("SELECT count(*) FROM kept")
    assert database.read(lambda c: c.scalar(count)) == 1
    database.close()


def test_its_own_clock_is_the_time(address):
    with opened(address) as database:
        assert database.read(now) == pytest.approx(time.time(), abs=5)


def test_a_function_is_a_transaction_or_a_part_of_one(database):
    @writes
    def add(source, key):
        add_limit(source, key)
        return key

    @reads
    def count(source):
        return source.scalar(sa.select(sa.func.count()).select_from(schema.limits))

    def both(connection):
        add(connection, "b")
        add(connection, "c")
        raise Refusal("bad_input", "no.")

    assert add(database, "a") == "a"
    with pytest.raises(Refusal):
        database.transaction(both)
    assert count(database) == 1


def test_sqlite_survives_a_power_failure(empty_sqlite):
    database = Database(f"sqlite:///{empty_sqlite}")

    def pragmas(connection):
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert database.read(pragmas) == ["wal", 2, 1]
    database.close()


def test_threads_that_write_take_turns_and_wait_no_longer_than_they_may(empty_sqlite):
    database = Database(f"sqlite:///{empty_sqlite}", patience=0.3)
    inside, go = threading.Event(), threading.Event()

    def hold(connection):
        inside.set()
        assert go.wait(10)

    thread = threading.Thread(target=database.transaction, args=[hold])
    thread.start()
    assert inside.wait(10)
    with pytest.raises(Unavailable, match="0.3 seconds: others write"):
        database.transaction(lambda connection: None)
    assert database.read(lambda connection: 7) == 7  # who reads need not wait
    go.set()
    thread.join()
    assert database.transaction(lambda connection: 8) == 8
    database.close()


def test_the_wait_for_threads_counts_for_the_wait_for_other_processes(
    empty_sqlite, monkeypatch
):
    database = Database(f"sqlite:///{empty_sqlite}", patience=10)
    passed, tries = [0.0], []

    class Turn:
        def acquire(self, timeout):
            passed[0] += 0.9 * timeout
            return True

        def release(self):
            pass

    def work(connection):
        tries.append(1)
        passed[0] += 0.6
        raise locked()

    monkeypatch.setattr(database, "_turn", Turn())
    monkeypatch.setattr("time.monotonic", lambda: passed[0])
    with pytest.raises(Unavailable, match="10 seconds: database is locked"):
        database.transaction(work)
    assert len(tries) == 2
    database.close()
