"""PostgreSQL clusters, clocks and databases of the studio's tests."""

import contextlib
import dataclasses
import glob
import os
import pathlib
import shutil
import socket
import subprocess

import pytest
import sqlalchemy as sa

from vectormix_tf.studio import schema
from vectormix_tf.studio.database import Database

PROGRAMS = "/usr/lib/postgresql/*/bin"  # of Debian, which has several versions
# Wherever `.ci/run` could install it, these tests fail and do not skip.
NEEDED = "VECTORMIX_NEEDS_POSTGRESQL"


def programs():
    """The folder of PostgreSQL's programs, or None."""
    found = sorted(glob.glob(PROGRAMS), key=lambda path: int(path.split("/")[-2]))
    here = shutil.which("initdb")
    return found[-1] if found else here and str(pathlib.Path(here).parent)


@dataclasses.dataclass
class Cluster:
    """A private PostgreSQL; its server can be killed and started."""

    folder: pathlib.Path
    bin: str
    port: int

    @property
    def address(self):
        return f"postgresql://studio@127.0.0.1:{self.port}/postgres"

    def control(self, *arguments):
        """Runs pg_ctl, as another user where we are root, whom it refuses."""
        command = [f"{self.bin}/pg_ctl", "-D", f"{self.folder}/data", *arguments]
        self.run(*command)

    def run(self, *command):
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(
            command,
            user=user,
            group=user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()

    def start(self):
        # Not `fsync=off`: it is killed in tests, and must keep its promises.
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1"
        log = f"{self.folder}/log"
        self.control("-w", "-l", log, "-o", options, "start")

    def stop(self, mode="immediate"):
        with contextlib.suppress(AssertionError):
            self.control("-m", mode, "stop")


def new_cluster(folder):
    """Makes and starts a PostgreSQL, or skips the test where there is none."""
    found = programs()
    if found is None:
        text = "PostgreSQL is not installed: no initdb"
        pytest.fail(text) if os.environ.get(NEEDED) else pytest.skip(text)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        cluster = Cluster(folder, found, free.getsockname()[1])
    data = f"{folder}/data"
    how = ("-U", "studio", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    cluster.run(f"{found}/initdb", "-D", data, *how)
    cluster.start()
    return cluster


class Wall:
    """A wall clock that tests set."""

    MICROSECOND = 1e-6
    START = 1_800_000_000.0

    def __init__(self):
        self.time = self.START

    def __call__(self):
        self.time += self.MICROSECOND  # no two moments are the same
        return self.time


def clean(database):
    """Empties all tables, and sets the clock to its beginning."""

    def work(connection):
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        connection.execute(sa.insert(schema.clock).values(id=1, wall_time=0))

    database.transaction(work)


def hurried(connection, record):
    """Tests that kill nothing need not wait for the disk."""
    if hasattr(connection, "isolation_level") and not hasattr(connection, "pgconn"):
        connection.execute("PRAGMA synchronous = OFF")
    else:
        connection.execute("SET synchronous_commit = off")
        connection.commit()


@contextlib.contextmanager
def opened(address, clock=None, patience=5):
    database = Database(address, patience=patience, clock=clock)
    sa.event.listen(database.engine, "connect", hurried)
    yield database
    database.close()
