"""Everything dies at bad moments, and each job ends exactly once.

Workers are processes of their own, with an engine of quick steps or with a model
server, and with leases of a few seconds; so is the web process.
"""

import collections
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest
import sqlalchemy as sa
import studio_child
from requests_of_toy import PAIR
from studio_child import CHECKPOINT, LEASE, SETTINGS, STEP
from studio_places import opened
from studio_site import photograph
from studio_town import PASSWORD, Town

from vectormix_tf.studio import children, invariants, leases, ports, queue, schema
from vectormix_tf.studio.migrations.upgrade import upgrade
from vectormix_tf.studio.store import Store

RECOVERY = LEASE + 5.0  # seconds in which a dead worker's job is another's
# Steps that a crash may repeat: those since the checkpoint before, and what a worker
# that woke up does until it hears that it lost its job.
REPEATED = (CHECKPOINT + LEASE / 8) / STEP
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    studio_child.hurry(monkeypatch.setattr)


class Storm:
    """People, jobs and workers, and what befalls them.

    Attributes:
        kills: Workers that were killed.
        zombies: Workers that were stopped for longer than a lease.
        port: Of the web process, once it was opened.
        closures: How often the web process was killed.
        slowest: Seconds until a dead worker's job was taken from it, at most.
    """

    def __init__(self, address, folder, workers, server="-", seed=0):
        self.address, self.folder, self.server = address, folder, server
        self.store_folder, self.full = folder / "store", folder / "FULL"
        self.diary = folder / "diary"
        self.store = Store(str(self.store_folder), free_bytes=0)
        self.random = random.Random(seed)
        self.workers = [self.start() for _ in range(workers)]
        self.web, self.port = None, ports.free_port()
        self.dead = {}  # process id -> when it died
        self.kills = self.zombies = self.closures = 0
        self.away, self.slowest = 0.0, 0.0  # seconds

    def start(self):
        return self.child("worker", self.diary, self.server)

    def child(self, kind, *rest):
        words = [kind, self.address, self.store_folder, *rest]
        words = [sys.executable, studio_child.__file__, *map(str, words)]
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(words, stderr=log, stdout=log)

    def open_web(self):
        self.web = self.child("web", self.port)

    def kill_web(self):
        """The web process dies, and is started again."""
        self.web.kill()
        self.web.wait()
        self.open_web()
        self.closures += 1

    def kill(self):
        """A worker dies, and another one is started."""
        i = self.random.randrange(len(self.workers))
        self.workers[i].kill()
        self.workers[i].wait()
        self.dead[self.workers[i].pid] = time.monotonic()
        self.workers[i] = self.start()
        self.kills += 1

    def freeze(self):
        """A worker sleeps for longer than its lease, and wakes up."""
        frozen = self.random.choice(self.workers)
        frozen.send_signal(signal.SIGSTOP)
        self.wait(LEASE * 1.5)
        frozen.send_signal(signal.SIGCONT)
        self.zombies += 1

    def lose_store(self):
        """The store's folder is gone for a moment."""
        hidden = self.store_folder.with_name("hidden")
        self.store_folder.rename(hidden)
        self.wait(1.5)
        hidden.rename(self.store_folder)
        self.away += 1.5

    def fill_disk(self):
        """Nothing can be written to the store for a moment."""
        self.full.touch()
        self.wait(1.5)
        self.full.unlink()
        self.away += 1.5

    def wait(self, seconds):
        """Lets time pass, and looks at the jobs of the dead meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(0.1)

    def look(self):
        """Returns how many jobs have not ended."""
        jobs = schema.jobs.c
        query = sa.select(jobs.worker).where(jobs.ended_at.is_(None))
        with opened(self.address, patience=PATIENCE) as database:
            names = database.read(lambda c: c.scalars(query).all())
        holders = {int(name.rsplit("-", 2)[1]) for name in names if name}
        for pid in holders & self.dead.keys():
            waited = time.monotonic() - self.dead[pid]
            self.slowest = max(self.slowest, waited)
        return len(names)

    def stop(self):
        for process in filter(None, [*self.workers, self.web]):
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def repeated(self):
        """Steps that were taken more than once."""
        lines = self.diary.read_text().splitlines()
        return len(lines) - len(set(lines))


@contextlib.contextmanager
def storm(*args, **options):
    made = Storm(*args, **options)
    try:
        yield made
    finally:
        made.stop()


def submit_all(address, folder, jobs, steps, picture=b"photograph", size=40):
    with opened(address) as database:
        town = Town(database, Store(str(folder / "store"), free_bytes=0), SETTINGS)
        people = [town.person(name) for name in ("ann", "bob", "cyd", "dan")]
        for i in range(jobs):
            user = people[i % len(people)]
            inputs = {
                slot: queue.Picked(upload=town.upload(user, picture))
                for slot in ("content", "style")
            }
            cost = steps * STEP
            shared = {"size": size, "steps": steps, "settings": {"steps": steps}}
            town.submit(user, cost=cost, inputs=inputs, **shared)


def check_all(address, folder, jobs, steps):
    """Each job ended, once, with all of its steps, and nothing is broken.

    Returns:
        How many were given up, because three attempts from one checkpoint died with
        their workers.
    """
    store = Store(str(folder / "store"), free_bytes=0)
    found = schema.jobs.c
    query = sa.select(found.id, found.state, found.error, found.attempts)
    works = sa.select(sa.func.count()).select_from(schema.works)
    with opened(address) as database:
        rows = database.read(lambda c: c.execute(query).all())
        made = database.read(lambda c: c.scalar(works))
        assert invariants.check(database) == []
        assert invariants.check_store(database, store) == []
    done = {row.id for row in rows if (row.state, row.error) == ("done", None)}
    lost = [row for row in rows if row.id not in done]
    assert (len(rows), made) == (jobs, len(done))
    assert {(row.state, row.attempts) for row in lost} <= {("failed", leases.ATTEMPTS)}
    taken = collections.Counter(
        line.split()[0] for line in set((folder / "diary").read_text().splitlines())
    )
    assert {taken[job] for job in done} == {steps}
    return len(lost)


def report(made, jobs, lost, seconds):
    print(
        f"{jobs} jobs in {seconds:.0f} s, {lost} given up: {made.kills} kills,"
        f" {made.zombies} zombies, web killed {made.closures} times,"
        f" {made.away:.0f} s without a store;"
        f" {made.repeated()} steps repeated;"
        f" slowest recovery {made.slowest:.1f} s"
    )


def test_jobs_end_once_whatever_dies(address, tmp_path):
    jobs, steps = 12, 40
    submit_all(address, tmp_path, jobs, steps)
    begun = time.monotonic()
    with storm(address, tmp_path, workers=2) as made:
        while not made.diary.exists():
            made.wait(0.1)
        for each in (made.kill, made.lose_store, made.freeze, made.kill):
            each()
            made.wait(0.5)
        while made.look():
            made.wait(0.1)
            assert time.monotonic() < begun + PATIENCE
    lost = check_all(address, tmp_path, jobs, steps)
    report(made, jobs, lost, time.monotonic() - begun)
    assert lost == 0
    assert made.slowest < RECOVERY
    crashes = made.kills + made.zombies
    assert made.repeated() <= crashes * REPEATED + made.away / STEP


class Customer(threading.Thread):
    """Orders mixes of a web process that may die, each until it is answered.

    Attributes:
        answered: Ids of the jobs, one per order.
        refused: How often there was no answer, or "503 Service Unavailable".
    """

    def __init__(self, url, name, orders, steps):
        super().__init__(name=name)
        self.url, self.orders, self.steps = url, orders, steps
        self.answered, self.refused, self.ends = [], 0, False

    def run(self):
        account = {"name": self.name, "password": PASSWORD}
        with httpx.Client(base_url=self.url, timeout=PATIENCE) as client:
            # If the answer was lost, the name is taken: by this very customer.
            self.ask(client, "POST", "/api/accounts", json=account, but={409})
            self.ask(client, "POST", "/api/sessions", json=account)
            for i in range(self.orders):
                upload = self.ask(client, "PUT", "/api/uploads", content=photograph())
                job = {"kind": "mix", "content": upload["id"], "style": "harvest"}
                job |= {"alpha": 0.5, "size": 256, "steps": self.steps, "seed": i}
                key = {"idempotency-key": f"{self.name}-{i}"}
                said = self.ask(client, "POST", "/api/jobs", json=job, headers=key)
                self.answered.append(said["id"])
                time.sleep(0.2)

    def ask(self, client, method, path, but=(), **options):
        while not self.ends:
            with contextlib.suppress(httpx.TransportError):
                answer = client.request(method, path, **options)
                if answer.is_success or answer.status_code in but:
                    return answer.json()
                assert answer.status_code == 503, answer.text
            self.refused += 1
            time.sleep(0.2)
        raise SystemExit  # of this thread


@contextlib.contextmanager
def customers(url, count, orders, steps):
    """People who order at the same time, until all orders are answered."""
    made = [Customer(url, f"person{i}", orders, steps) for i in range(count)]
    for each in made:
        each.start()
    try:
        yield made
    finally:
        for each in made:
            each.ends = True
        for each in made:
            each.join()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_orders_end_once_in_a_long_storm(kind, tmp_path, request):
    people, orders, steps = 4, 30, 100
    events = [Storm.kill, Storm.kill, Storm.freeze, Storm.lose_store, Storm.fill_disk]
    events.append(Storm.kill_web)
    if kind == "postgresql":
        cluster = request.getfixturevalue("own_cluster")
        address = cluster.address
        events.append(lambda made: crash(cluster))
    else:
        address = f"sqlite:///{tmp_path}/studio.sqlite"
    with opened(address) as database:
        upgrade(database)
    Store(str(tmp_path / "store"), free_bytes=0)
    begun, jobs = time.monotonic(), people * orders
    with storm(address, tmp_path, workers=3, seed=7) as made:
        made.open_web()
        url = f"http://127.0.0.1:{made.port}"
        with customers(url, people, orders, steps) as crowd:
            while any(each.is_alive() for each in crowd) or made.look():
                made.wait(made.random.uniform(0.5, 3))
                made.random.choice(events)(made)
                assert time.monotonic() < begun + 30 * PATIENCE
    assert len({job for each in crowd for job in each.answered}) == jobs
    lost = check_all(address, tmp_path, jobs, steps)
    report(made, jobs, lost, time.monotonic() - begun)
    assert lost <= made.kills // leases.ATTEMPTS
    print(f"{sum(each.refused for each in crowd)} requests had to be sent again")
    assert made.closures > 0
    assert made.slowest < RECOVERY
    crashes = made.kills + made.zombies
    assert made.repeated() <= crashes * REPEATED + made.away / STEP


def crash(cluster):
    """PostgreSQL is killed, and started again a moment later."""
    with open(f"{cluster.folder}/data/postmaster.pid") as file:
        os.kill(int(file.readline()), signal.SIGKILL)
    time.sleep(1)
    for _ in range(10):  # until its orphans have let go of the shared memory
        with contextlib.suppress(AssertionError):
            return cluster.start()
        time.sleep(1)
    raise AssertionError("PostgreSQL does not start again")


@pytest.mark.slow
def test_jobs_end_once_while_model_servers_are_killed(toy_model, tmp_path):
    jobs, steps = 100, 200
    address = f"sqlite:///{tmp_path}/studio.sqlite"
    with opened(address) as database:
        upgrade(database)
    submit_all(address, tmp_path, jobs, steps, PAIR["content_bytes"], size=80)
    port = ports.free_port()
    words = ["studio", "server", f"--model={toy_model}", f"--port={port}"]
    servers, begun = [children.start(words, {})], time.monotonic()

    def end_server():
        servers[-1].kill()
        servers[-1].wait()
        servers[-1].stdin.close()

    def lose_server():
        end_server()
        servers.append(children.start(words, {}))

    place = f"grpc://127.0.0.1:{port}"
    with storm(address, tmp_path, workers=2, server=place) as made:
        blows, last = [made.kill, lose_server] * 3, time.time()
        while made.look():
            made.wait(made.random.uniform(0.2, 1))
            # Only once steps are taken again: without a server nobody takes a job over.
            if blows and made.diary.exists() and made.diary.stat().st_mtime > last:
                blows.pop()()
                last = time.time()
            assert time.monotonic() < begun + 10 * PATIENCE
    end_server()
    lost = check_all(address, tmp_path, jobs, steps)
    report(made, jobs, lost, time.monotonic() - begun)
    assert (len(servers), made.kills, lost) == (4, 3, 0)
    assert made.slowest < RECOVERY
