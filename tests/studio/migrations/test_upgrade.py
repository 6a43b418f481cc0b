import pathlib
import shutil
import sqlite3

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from vectormix_tf.errors import InputError
from vectormix_tf.studio import schema
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.migrations import upgrade as migrations

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    with op.batch_alter_table("works") as batch:
        batch.add_column(sa.Column("mood", sa.Text(), server_default="calm"))
        batch.alter_column("title", nullable=True)
"""


@pytest.fixture
def next_version(tmp_path, monkeypatch):
    """A program that is one revision further."""
    folder = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, folder)
    (folder / "versions/v0003_mood.py").write_text(NEXT)
    monkeypatch.setattr(migrations, "FOLDER", folder)
    return "0003"


@pytest.fixture
def stays_as_it_was(database, monkeypatch):
    """Tests share a database."""
    yield
    monkeypatch.undo()

    def work(connection):
        schema.metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE alembic_version"))

    database.transaction(work)
    migrations.upgrade(database)


def test_the_revisions_make_the_tables_that_the_program_uses(database):
    def differences(connection):
        context = MigrationContext.configure(connection)
        return compare_metadata(context, schema.metadata)

    assert database.read(differences) == []


def test_sqlite_has_the_same_constraints_as_the_program(empty_sqlite, tmp_path):
    """Alembic compares no checks and defaults; the text of the tables does."""
    other = Database(f"sqlite:///{tmp_path}/other.sqlite")
    other.transaction(schema.metadata.create_all)
    query = sa.text("SELECT sql FROM sqlite_master WHERE tbl_name != 'alembic_version'")

    def lines(database):
        texts = database.read(lambda c: c.scalars(query).all())
        return {
            line.strip().rstrip(",")
            for text in texts
            for line in (text or "").splitlines()
        }

    first = Database(f"sqlite:///{empty_sqlite}")
    assert lines(first) == lines(other)
    first.close()
    other.close()


def test_a_current_schema_is_taken_and_upgraded_to_itself(database):
    migrations.check(database)
    assert migrations.upgrade(database) is None
    migrations.check(database)


def test_an_empty_database_says_what_to_do(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/new.sqlite")
    with pytest.raises(InputError, match="no schema yet.*vectormix studio upgrade"):
        migrations.check(database)
    assert migrations.upgrade(database) is None
    migrations.check(database)
    database.close()


def test_an_older_schema_says_what_to_do(database, next_version):
    with pytest.raises(InputError, match="schema 0002.*0003.*vectormix studio upgrade"):
        migrations.check(database)


@pytest.mark.parametrize("call", [migrations.check, migrations.upgrade])
def test_a_newer_schema_is_refused(database, call):
    stamp = "UPDATE alembic_version SET version_num = '{}'"
    database.transaction(lambda c: c.execute(sa.text(stamp.format("9999"))))
    with pytest.raises(InputError, match="schema 9999, which a newer program made"):
        call(database)
    database.transaction(lambda c: c.execute(sa.text(stamp.format("0002"))))


def test_an_upgrade_keeps_what_is_there(stays_as_it_was, town, next_version):
    ann = town.person("ann")
    work = town.work(ann)
    backup = migrations.upgrade(town.database)
    migrations.check(town.database)
    query = sa.text("SELECT id, mood FROM works")
    rows = town.database.read(lambda c: c.execute(query).all())
    assert [tuple(row) for row in rows] == [(work, "calm")]
    if town.database.is_sqlite:
        with sqlite3.connect(backup) as copy:
            assert copy.execute("SELECT id FROM works").fetchall() == [(work,)]
            assert "mood" not in str(copy.execute("SELECT * FROM works").description)
        copy.close()
        assert pathlib.Path(backup).name.startswith("studio.sqlite.before-0003-")
    else:
        assert backup is None


def test_an_upgrade_that_fails_changes_nothing(town, next_version, monkeypatch):
    broken = migrations.FOLDER / "versions/v0004_broken.py"
    text = NEXT.replace("0002", "0003", 1).replace('"0003"\ndown', '"0004"\ndown')
    broken.write_text(text + "    op.execute('SELECT * FROM nowhere')\n")
    with pytest.raises(sa.exc.DBAPIError):
        migrations.upgrade(town.database)
    current = town.database.read(
        lambda c: MigrationContext.configure(c).get_current_revision()
    )
    assert current == "0002"
