"""Anything in any order: after each step no invariant is broken, and charges are exact.

What happens to each job is modelled beside the database, in a few lines.
"""

import dataclasses

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from studio_places import Wall, clean
from studio_town import WORKER, Town

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import (
    accounts,
    blobs,
    clock,
    invariants,
    leases,
    moderation,
    queue,
    styles,
    takeout,
    works,
)
from vectormix_tf.studio.errors import LostLease, Refusal
from vectormix_tf.studio.store import Store

NUMBER = st.integers(0, 1 << 16)
FRACTION = st.integers(0, 100).map(lambda number: number / 100)
WORKERS = [
    dataclasses.replace(WORKER, id="w1"),
    dataclasses.replace(WORKER, id="w2", versions={"mix": "a", "dream": "b"}),
    dataclasses.replace(WORKER, id="w3", engines=("library",), size=4096),
]
SETTINGS = StudioSettings(
    waiting=4, running=2, daily=1000, queue=30, reports=2, approvals=1, size=4096
)


@dataclasses.dataclass
class Model:
    """What a job should be."""

    user: str
    cost: int  # ms
    state: str = "queued"
    saved: float = 0.0
    attempts: int = 0

    @property
    def charged(self):
        return self.cost if self.state == "done" else round(self.cost * self.saved)


class Studio(RuleBasedStateMachine):
    """People, workers, moderators and a clock that is set."""

    database = store_folder = wall = None  # of the test

    def __init__(self):
        super().__init__()
        self.wall.time = Wall.START
        clean(self.database)
        store = Store(self.store_folder, free_bytes=0)
        for key, _ in list(store.list()):
            store.delete(key)
        self.town = Town(self.database, store, SETTINGS)
        self.boss = self.town.administrator()
        self.people = [self.boss, self.town.person("ann"), self.town.person("ben")]
        self.names, self.jobs, self.held, self.zombies = 0, {}, [], []
        self.gone = set()

    # --- Choosing ---

    def pick(self, things, number):
        return things[number % len(things)]

    def person(self, number):
        return self.pick(self.people, number)

    def work(self, number):
        found = [
            each for user in self.people for each in works.mine(self.database, user)[0]
        ]
        return self.pick(found, number).id if found else "none"

    def lose(self, lease):
        self.held.remove(lease)
        self.zombies.append(lease)

    def sync(self):
        """Jobs whose lease ended were reaped: tells the model of it."""
        for lease in list(self.held):
            model = self.jobs.get(lease.job)
            found = self.find(model.user, lease.job) if model else None
            if found is None or found.state == "running":
                continue
            self.lose(lease)
            model.attempts += found.state != "stopped"
            model.state = found.state
            expected = "failed" if model.attempts >= leases.ATTEMPTS else "queued"
            assert found.state in (expected, "stopped")

    def find(self, user, job):
        try:
            return queue.find(self.database, user, job)
        except Refusal:
            return None

    # --- People ---

    @precondition(lambda self: len(self.people) < 6)
    @rule()
    def sign_up(self):
        self.names += 1
        self.people.append(self.town.person(f"person{self.names}"))

    @rule(
        who=NUMBER, cost=st.integers(1, 200), library=st.booleans(), dream=st.booleans()
    )
    def order(self, who, cost, library, dream):
        user = self.person(who)
        try:
            job = self.town.submit(
                user,
                cost=cost,
                size=2048 if library else 512,
                engine="library" if library else "served",
                kind="dream" if dream else "mix",
            )
        except Refusal as refusal:
            assert refusal.code in ("too_many_waiting", "queue_full", "not_found")
            return
        self.jobs[job] = Model(user, cost * 1000)

    @rule(who=NUMBER, which=NUMBER)
    def cancel(self, who, which):
        if not self.jobs:
            return
        job = self.pick(list(self.jobs), which)
        model, user = self.jobs[job], self.person(who)
        try:
            found = queue.cancel(self.database, user, job)
        except Refusal:
            assert user != model.user or self.find(user, job) is None
            return
        assert user == model.user
        if model.state == "queued":
            model.state = "stopped"
        if model.state == "running" and found.state == "stopped":  # its lease is over
            model.state = "stopped"
            self.lose(next(each for each in self.held if each.job == job))
        assert found.state == model.state

    @rule(
        who=NUMBER, which=NUMBER, to=st.sampled_from(("private", "unlisted", "public"))
    )
    def publish(self, who, which, to):
        try:
            works.publish(
                self.database, SETTINGS, self.person(who), self.work(which), to, True
            )
        except Refusal as refusal:
            assert refusal.code in ("not_found", "not_possible")

    @rule(who=NUMBER, which=NUMBER, up=st.booleans())
    def like(self, who, which, up):
        act = works.like if up else works.unlike
        try:
            act(self.database, self.person(who), self.work(which))
        except Refusal as refusal:
            assert refusal.code == "not_found"

    @rule(who=NUMBER, which=NUMBER)
    def delete_work(self, who, which):
        try:
            works.delete(self.database, self.person(who), self.work(which))
        except Refusal as refusal:
            assert refusal.code == "not_found"

    @rule(who=NUMBER, public=st.booleans())
    def share_style(self, who, public):
        user = self.person(who)
        try:
            upload = self.town.upload(user)
            visibility = "public" if public else "private"
            styles.share(self.database, user, upload, "title", "", visibility)
        except Refusal as refusal:
            assert refusal.code == "not_found"  # banned

    @rule(who=NUMBER, which=NUMBER)
    def use_style(self, who, which):
        user = self.person(who)
        found = styles.popular(self.database, user)
        if not found:
            return
        inputs = {"style": queue.Picked(style=self.pick(found, which).id)}
        try:
            job = self.town.submit(user, cost=10, inputs=inputs)
            self.jobs[job] = Model(user, 10_000)
        except Refusal as refusal:
            assert refusal.code in ("too_many_waiting", "queue_full", "not_found")

    @rule(who=NUMBER, which=NUMBER)
    def delete_style(self, who, which):
        user = self.person(who)
        found = styles.mine(self.database, user)
        if found:
            styles.delete(self.database, user, self.pick(found, which).id)

    @precondition(lambda self: len(self.people) > 2)
    @rule(who=NUMBER)
    def leave(self, who):
        user = self.people.pop(1 + who % (len(self.people) - 1))
        list(takeout.export(self.database, self.town.store, user))
        accounts.erase(self.database, user)
        self.gone.add(user)
        self.jobs = {job: m for job, m in self.jobs.items() if m.user != user}
        for lease in [each for each in self.held if each.user == user]:
            self.lose(lease)

    # --- Workers ---

    @rule(which=st.sampled_from(WORKERS))
    def claim(self, which):
        lease = self.town.claim(which)
        self.sync()
        if lease is None:
            return
        model = self.jobs[lease.job]
        assert model.state == "queued"
        if lease.checkpoint is None:  # begun, or begun anew with another model
            model.saved = 0.0
        assert lease.fraction == model.saved
        model.state = "running"
        self.held.append(lease)

    @precondition(lambda self: self.held)
    @rule(which=NUMBER, fraction=FRACTION)
    def beat(self, which, fraction):
        lease = self.pick(self.held, which)
        self.town.beat(lease, max(fraction, self.jobs[lease.job].saved), b"jpeg")

    @precondition(lambda self: self.held)
    @rule(which=NUMBER, fraction=FRACTION)
    def save(self, which, fraction):
        lease = self.pick(self.held, which)
        model = self.jobs[lease.job]
        self.town.save(lease, fraction)
        model.attempts = 0 if fraction > model.saved else model.attempts
        model.saved = fraction

    @precondition(lambda self: self.held)
    @rule(which=NUMBER)
    def release(self, which):
        lease = self.pick(self.held, which)
        cancelled = self.find(lease.user, lease.job).cancel
        leases.release(self.database, lease)
        self.jobs[lease.job].state = "stopped" if cancelled else "queued"
        self.lose(lease)

    @precondition(lambda self: self.held)
    @rule(which=NUMBER, final=st.booleans())
    def fail(self, which, final):
        lease = self.pick(self.held, which)
        model = self.jobs[lease.job]
        cancelled = self.find(lease.user, lease.job).cancel
        leases.fail(self.database, lease, "an error.", final)
        model.attempts += 1
        if final or model.attempts >= leases.ATTEMPTS:
            model.state = "failed"
        else:
            model.state = "stopped" if cancelled else "queued"
        self.lose(lease)

    @precondition(lambda self: self.held)
    @rule(which=NUMBER)
    def finish(self, which):
        lease = self.pick(self.held, which)
        self.town.finish(lease)
        self.jobs[lease.job].state = "done"
        self.lose(lease)

    @precondition(lambda self: self.held)
    @rule(which=NUMBER, fraction=FRACTION, picture=st.booleans())
    def stop(self, which, fraction, picture):
        lease = self.pick(self.held, which)
        result = self.town.result(lease.user) if picture else None
        leases.stop(self.database, lease, fraction, result)
        model = self.jobs[lease.job]
        model.state, model.saved = "stopped", fraction
        self.lose(lease)

    @precondition(lambda self: self.zombies)
    @rule(which=NUMBER, act=st.sampled_from(("beat", "save", "finish")))
    def zombie(self, which, act):
        lease = self.pick(self.zombies, which)
        with pytest.raises(LostLease):
            if lease.user in self.gone:  # whose bytes no one keeps
                self.town.beat(lease)
            elif act == "save":
                self.town.save(lease, 0.5)
            else:
                {"beat": self.town.beat, "finish": self.town.finish}[act](lease)

    # --- Moderators, time and housekeeping ---

    @rule(who=NUMBER, which=NUMBER)
    def report(self, who, which):
        try:
            user, work = self.person(who), self.work(which)
            moderation.report(self.database, SETTINGS, user, work, "spam")
        except Refusal as refusal:
            assert refusal.code in ("not_found", "not_possible")

    @rule(which=NUMBER, act=st.sampled_from((moderation.restore, moderation.remove)))
    def review(self, which, act):
        try:
            act(self.database, self.boss, self.work(which), "a note")
        except Refusal as refusal:
            assert refusal.code == "not_found"

    @rule(who=NUMBER)
    def ban(self, who):
        user = self.person(who)
        try:
            moderation.ban(self.database, self.boss, user, "a note")
        except Refusal as refusal:
            assert refusal.code == "not_possible" and user == self.boss
            return
        for model in self.jobs.values():
            if model.user == user and model.state == "queued":
                model.state = "stopped"
        for lease in [each for each in self.held if each.user == user]:
            if self.find(user, lease.job).state == "stopped":  # its lease is over
                self.jobs[lease.job].state = "stopped"
                self.lose(lease)

    @rule(who=NUMBER)
    def unban(self, who):
        try:
            moderation.unban(self.database, self.boss, self.person(who), "a note")
        except Refusal as refusal:
            assert refusal.code == "not_found"

    @rule(seconds=st.sampled_from((1, 5, 31, 61)))
    def wait(self, seconds):
        for _ in range(0, seconds, 9):
            self.wall.time += 9
            clock.tick(self.database)

    @rule(seconds=st.sampled_from((-1e7, -100, 100, 3000)))
    def set_clock(self, seconds):
        before = clock.tick(self.database)
        self.wall.time += seconds
        assert 0 <= clock.tick(self.database) - before <= clock.LONGEST_STEP

    @rule()
    def reap(self):
        leases.reap(self.database)
        self.sync()

    @rule()
    def purge(self):
        while blobs.purge(self.database, self.town.store):
            pass

    # --- What always holds ---

    @invariant()
    def nothing_is_broken(self):
        # Many waits, and no purge between them, break the promise.
        late = "bytes are gone within the promised hour"
        found = invariants.check(self.database)
        assert [each for each in found if each.invariant != late] == []

    @invariant()
    def each_job_is_what_it_should_be(self):
        for job, model in self.jobs.items():
            found = self.find(model.user, job)
            if found is None:  # its work was deleted
                assert model.state in ("done", "stopped")
                continue
            assert found.state == model.state, (found, model)
            if found.state == "done":
                assert found.work is not None

    @invariant()
    def people_are_charged_what_was_done_for_them(self):
        query = "SELECT id, charged_ms FROM users WHERE state <> 'deleted'"
        charged = self.database.read(
            lambda c: dict(tuple(row) for row in c.exec_driver_sql(query))
        )
        for user in self.people:
            own = [each for each in self.jobs.values() if each.user == user]
            if all(each.state != "running" for each in own):
                assert charged[user] == sum(each.charged for each in own)

    def teardown(self):
        assert invariants.check_store(self.database, self.town.store) == []
        for user in self.people[1:]:
            accounts.erase(self.database, user)
        accounts.erase(self.database, self.boss)
        self.town.pass_time(blobs.ATTACH_SECONDS + 1)
        while blobs.purge(self.database, self.town.store):
            pass
        assert list(self.town.store.list()) == []


def walk(database, wall, tmp_path, examples, steps):
    found = type("Found", (Studio,), {})
    found.database, found.wall = database, wall
    found.store_folder = str(tmp_path / "machine")
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=list(hypothesis.HealthCheck),
        # A step takes milliseconds: a failure is told as it was found, not shortened.
        phases=[hypothesis.Phase.generate],
    )
    hypothesis.stateful.run_state_machine_as_test(found, settings=settings)


def test_no_order_of_events_breaks_an_invariant(database, wall, tmp_path):
    walk(database, wall, tmp_path, examples=6, steps=40)


@pytest.mark.slow
def test_no_long_order_of_events_breaks_an_invariant(database, wall, tmp_path):
    walk(database, wall, tmp_path, examples=200, steps=80)
