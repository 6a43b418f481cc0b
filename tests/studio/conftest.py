"""The studio's databases and stores: SQLite and PostgreSQL, a folder and S3."""

import functools
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import argon2
import pytest
import studio_site
from s3 import S3_KEY, S3_SECRET, new_bucket
from studio_places import Wall, clean, new_cluster, opened
from studio_town import Town

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import accounts, intake, invariants
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.migrations.upgrade import upgrade
from vectormix_tf.studio.store import Store


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    """As argon2id as the real ones, and a hundred times as fast."""
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "PASSWORDS", cheap)


@pytest.fixture(scope="session")
def cluster():
    # Not in pytest's folder, which only its owner may enter.
    with tempfile.TemporaryDirectory(prefix="studio") as folder:
        made = new_cluster(pathlib.Path(folder))
        yield made
        made.stop()


@pytest.fixture
def own_cluster():
    """One that a test may kill."""
    with tempfile.TemporaryDirectory(prefix="studio") as folder:
        made = new_cluster(pathlib.Path(folder))
        yield made
        made.stop()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    """A file with the schema, to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.sqlite"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def wall():
    """The clock of `database`."""
    return Wall()


# One engine for all tests: it compiles each statement once.
@pytest.fixture(scope="session")
def sqlite(empty_sqlite, wall, tmp_path_factory):
    path = tmp_path_factory.mktemp("studio") / "studio.sqlite"
    shutil.copy(empty_sqlite, path)
    with opened(f"sqlite:///{path}", wall) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql(cluster, wall):
    with opened(cluster.address, wall) as found:
        upgrade(found)
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, wall):
    """Of each kind, with the schema and nothing else in it, and the test's clock."""
    found = request.getfixturevalue(request.param)
    wall.time = Wall.START
    clean(found)
    return found


@pytest.fixture
def address(database):
    return database.address


@pytest.fixture
def settings():
    return StudioSettings()


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "store"), free_bytes=0)


@pytest.fixture(scope="session")
def rclone(tmp_path_factory):
    """URL of a real server of S3, which keeps objects as files."""
    program = pathlib.Path(sys.executable).with_name("rclone")
    if not program.exists():
        pytest.skip("there is no rclone for this machine")
    folder = tmp_path_factory.mktemp("rclone")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program, "serve", "s3", folder, f"--addr={address}"]
    command += [f"--config={folder}.conf", f"--auth-key={S3_KEY},{S3_SECRET}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_port(address)
            yield f"http://{address}"
        finally:
            server.terminate()


def wait_for_port(address, seconds=30):
    end = time.monotonic() + seconds
    host, _, port = address.partition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
            return
        except OSError:
            assert time.monotonic() < end, f"nothing listens at {address}"
            time.sleep(0.05)


@pytest.fixture(params=["folder", "moto", "rclone"])
def any_store(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return Store(str(tmp_path / "store"), free_bytes=0)
    return Store(new_bucket(request.getfixturevalue(request.param), monkeypatch))


@pytest.fixture
def town(database, store, settings):
    """An empty town on each database; after the test no invariant is broken."""
    made = Town(database, store, settings)
    yield made
    assert invariants.check(database) == []
    assert invariants.check_store(database, store) == []


@pytest.fixture(scope="session")
def portal():
    """A thread with a loop, in which applications run."""
    with studio_site.portal() as made:
        yield made


_accept = functools.cache(intake.accept)


@pytest.fixture
def decoded_once(monkeypatch):
    """A child decodes each picture for all tests."""
    monkeypatch.setattr(intake, "accept", lambda data, limits: _accept(data, limits))


@pytest.fixture
def web(portal, town, decoded_once):
    """The web process of an empty town, on each database."""
    with studio_site.Web(portal, town).living() as made:
        yield made


@pytest.fixture
def quick_web(portal, sqlite, store, settings, wall, decoded_once):
    """On SQLite alone, for what does not depend on the database."""
    wall.time = Wall.START
    clean(sqlite)
    with studio_site.Web(portal, Town(sqlite, store, settings)).living() as made:
        yield made
