"""Workers, zombies, the database are killed at random: nothing is lost or doubled."""

import collections
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa
from studio_places import opened
from studio_town import Town
from studio_worker import LEASE_SECONDS, SAVED_EVERY, SETTINGS, STEP_SECONDS

from vectormix_tf.studio import blobs, invariants, leases, queue, schema
from vectormix_tf.studio.migrations.upgrade import upgrade

WORKERS = 3
PROGRAM = pathlib.Path(__file__).parent.parent / "studio_worker.py"
# A worker that dies loses the steps since its checkpoint, and the one it was in.
LOST_STEPS = SAVED_EVERY + 1


class Crew:
    """Worker processes that are started again when they die."""

    def __init__(self, address, folder, seed):
        self.address, self.folder = address, folder
        self.chance, self.kills, self.stops = random.Random(seed), 0, 0
        self.crew = [self.start(number) for number in range(WORKERS)]

    def start(self, number):
        command = [sys.executable, PROGRAM, self.address, self.folder, f"w{number}"]
        root = str(PROGRAM.parent.parent)
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root})

    def harm(self):
        """Kills one, or stops it until its lease is over."""
        number = self.chance.randrange(WORKERS)
        victim = self.crew[number]
        if self.chance.random() < 0.7:
            victim.kill()
            victim.wait()
            self.kills += 1
            self.crew[number] = self.start(number)
        else:
            victim.send_signal(signal.SIGSTOP)
            self.stops += 1
            wakes = threading.Timer(
                1.5 * LEASE_SECONDS, victim.send_signal, (signal.SIGCONT,)
            )
            wakes.start()

    def end(self):
        for worker in self.crew:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()

    def steps(self):
        """How often each step of each job was made."""
        lines = [
            line
            for path in pathlib.Path(self.folder).parent.glob("*.log")
            for line in path.read_text().splitlines()
            if not line.startswith("#")
        ]
        return collections.Counter(lines)


def check_all_ended_once(town, crew, jobs):
    """Each job has one work with its own picture; little was made twice."""
    for job, user in jobs.items():
        found = queue.find(town.database, user, job)
        assert (found.state, found.work is not None) == ("done", True), found
    while blobs.purge(town.database, town.store):
        pass
    assert invariants.check(town.database) == []
    assert invariants.check_store(town.database, town.store) == []
    repeated = sum(count - 1 for count in crew.steps().values())
    claims = sa.select(sa.func.sum(schema.jobs.c.fence))
    again = town.database.read(lambda c: c.scalar(claims)) - len(jobs)
    assert repeated <= LOST_STEPS * again


def survive(town, address, folder, jobs_each, steps, every, seconds, harm=None):
    """Orders jobs, harms workers now and then, and waits for the end of all."""
    people = [town.person(name) for name in ("ann", "ben", "cat")]
    jobs = {
        town.submit(user, cost=steps * STEP_SECONDS, steps=steps): user
        for _ in range(jobs_each)
        for user in people
    }
    crew = Crew(address, folder, seed=7)
    try:
        end, due = time.monotonic() + seconds, time.monotonic() + 2
        while time.monotonic() < end:
            time.sleep(0.2)
            leases.reap(town.database)
            found = [queue.find(town.database, user, job) for job, user in jobs.items()]
            if all(each.ended_at is not None for each in found):
                break
            if time.monotonic() > due:
                crew.harm()
                if harm is not None:
                    harm()
                due = time.monotonic() + every
        check_all_ended_once(town, crew, jobs)
        return crew
    finally:
        crew.end()


@pytest.fixture
def short_leases(monkeypatch):
    monkeypatch.setattr(leases, "LEASE_SECONDS", LEASE_SECONDS)


def test_workers_that_are_killed_lose_nothing(
    empty_sqlite, tmp_path, store, short_leases
):
    path = tmp_path / "crash.sqlite"
    shutil.copy(empty_sqlite, path)
    # A worker may be stopped while it writes: SQLite then waits for it.
    with opened(f"sqlite:///{path}", patience=60) as database:
        town = Town(database, store, SETTINGS)
        crew = survive(town, database.address, store.address, 4, 20, 1.5, 60)
        assert crew.kills + crew.stops > 0


@pytest.mark.slow
def test_sqlites_workers_that_are_killed_often_lose_nothing(
    empty_sqlite, tmp_path, store, short_leases
):
    path = tmp_path / "crash.sqlite"
    shutil.copy(empty_sqlite, path)
    # A worker may be stopped while it writes: SQLite then waits for it.
    with opened(f"sqlite:///{path}", patience=60) as database:
        town = Town(database, store, SETTINGS)
        crew = survive(town, database.address, store.address, 40, 30, 3, 600)
        assert crew.kills + crew.stops > 5


@pytest.mark.slow
def test_a_killed_postgresql_and_killed_workers_lose_nothing(
    own_cluster, tmp_path, store, short_leases
):
    chance = random.Random(7)

    def harm():
        if chance.random() < 0.2:
            own_cluster.stop("immediate")
            own_cluster.start()

    with opened(own_cluster.address, patience=60) as database:
        upgrade(database)
        town = Town(database, store, SETTINGS)
        crew = survive(town, database.address, store.address, 40, 30, 3, 600, harm)
        assert crew.kills + crew.stops > 5
