"""Brings a database to the schema of this program, and refuses one of another."""

import contextlib
import pathlib
import sqlite3
import time

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from vectormix_tf.errors import InputError
from vectormix_tf.studio.database import Database

FOLDER = pathlib.Path(__file__).parent
LOCK = 7_306_651  # PostgreSQL's advisory lock of upgrades: any number, always the same


def version() -> str:
    """The schema that this program needs."""
    head = ScriptDirectory(FOLDER).get_current_head()
    assert head is not None  # the first revision is a part of the program
    return head


def check(database: Database) -> None:
    """Makes sure that a database has the schema of this program.

    Raises:
        InputError: If it has another one; one line says what to do.
    """
    found, needed = database.read(_current), version()
    if found == needed:
        return
    _check_not_newer(found)
    has = "no schema yet" if found is None else f"schema {found}"
    raise InputError(
        f"the database has {has}, and this program needs {needed}: run vectormix studio"
        " upgrade."
    )


def upgrade(database: Database) -> pathlib.Path | None:
    """Brings a database to the schema of this program, as a whole or not at all.

    Args:
        database: An empty one, or one of an older program. Stop web and workers first.

    Returns:
        The copy that was made before, if it is SQLite and not empty; else None.

    Raises:
        InputError: If a newer program made it.
    """
    found = database.read(_current)
    _check_not_newer(found)
    backup = None
    if database.is_sqlite and found not in (None, version()):
        backup = _copy(pathlib.Path(database.engine.url.database))
    if database.is_sqlite:
        _upgrade_sqlite(database)
    else:
        database.transaction(_upgrade)
    return backup


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # two that start at once take turns
        lock = sa.func.pg_advisory_xact_lock(LOCK)
        connection.execute(sa.select(lock))
    script = ScriptDirectory(FOLDER)
    context = MigrationContext.configure(connection)
    ahead = script.iterate_revisions("head", _current(connection) or "base")
    for revision in reversed(list(ahead)):
        with Operations.context(context):
            revision.module.upgrade()
        context.stamp(script, revision.revision)


def _upgrade_sqlite(database: Database) -> None:
    """Batches make tables anew, which foreign keys would notice in the meantime."""

    def work(connection: Connection) -> None:
        _upgrade(connection)
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken is not None:
            raise InputError(f"the upgrade would break a reference: {tuple(broken)}.")

    def relax(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA foreign_keys = OFF")

    database.close()  # so that all connections are new
    sa.event.listen(database.engine, "connect", relax)
    try:
        database.transaction(work)
    finally:
        sa.event.remove(database.engine, "connect", relax)
        database.close()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _check_not_newer(found: str | None) -> None:
    known = {each.revision for each in ScriptDirectory(FOLDER).walk_revisions()}
    if found is not None and found not in known:
        raise InputError(
            f"the database has schema {found}, which a newer program made: install that"
            " one, or restore the copy that it wrote before."
        )


def _copy(path: pathlib.Path) -> pathlib.Path:
    """Copies a database that others may be reading; returns where."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    target = path.with_name(f"{path.name}.before-{version()}-{stamp}")
    with (
        contextlib.closing(sqlite3.connect(path)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
    return target
