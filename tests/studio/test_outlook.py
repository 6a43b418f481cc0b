"""How long the line is, what jobs still take, and what a person may still have."""

import dataclasses

import pytest
from studio_town import WORKER

from vectormix_tf.studio import leases, outlook, queue
from vectormix_tf.studio.database import now
from vectormix_tf.studio.outlook import Line


def test_the_line_is_what_all_wait_for(town):
    ann, bob = town.person("ann"), town.person("bob")
    for user in (ann, bob, ann):
        town.submit(user, cost=60.0)
    line = outlook.line(town.database)
    assert (line.waiting, line.running, line.workers) == (3, 0, 0)
    assert line.wait(0) is None
    town.beat(town.claim(), 0.5)
    line = outlook.line(town.database)
    assert (line.waiting, line.running, line.workers) == (2, 1, 1)
    assert (line.waiting_seconds, line.running_seconds) == (120.0, 30.0)
    assert line.wait(0) == 30.0
    assert line.wait(2) == 150.0


def test_a_worker_that_is_gone_or_has_left_makes_no_one_s_picture(town):
    ann = town.person("ann")
    for end in (
        lambda: town.pass_time(leases.GONE_SECONDS + 1),
        lambda: leases.leave(town.database, WORKER.id),
    ):
        assert town.claim() is None
        town.submit(ann)
        assert outlook.line(town.database).wait(0) == 0.0
        end()
        assert outlook.line(town.database).wait(0) is None
        town.finish(town.claim())


def test_who_finds_a_free_worker_does_not_wait():
    assert Line(0, 1, 2, 0.0, 50.0).wait(0) == 0.0
    assert Line(4, 2, 2, 80.0, 40.0).wait(2) == 40.0


RUNNING = queue.Job(
    id="j",
    kind="mix",
    settings={},
    size=512,
    state="running",
    cancel=False,
    step=0,
    steps=100,
    fraction=0.0,
    cost=60.0,
    fence=1,
    error=None,
    version=1,
    work=None,
    created_at=0.0,
    started_at=1000.0,
    ended_at=None,
)


@pytest.mark.parametrize(
    ("fraction", "passed", "left"),
    [
        (0.0, 0, 60),
        (0.0, 60, 60),
        (0.0, 61, None),
        (0.09, 50, 54.6),
        (0.09, 61, None),
        (0.1, 61, 549),
        (0.5, 10, 30),  # faster than predicted
        (0.5, 30, 30),
        (0.5, 300, 300),
        (0.75, 300, 100),
        (1.0, 300, 0),
        (0.05, -3600, 57),  # the clock was set back
        (0.5, -3600, 30),
    ],
)
def test_a_job_goes_on_at_its_own_pace_where_that_is_slower(fraction, passed, left):
    job = dataclasses.replace(RUNNING, fraction=fraction)
    found = outlook.seconds_left(job, 1000.0 + passed)
    assert found == (left if left is None else pytest.approx(left))


def test_the_pace_of_a_job_is_measured_by_the_clock_that_wrote_its_start(town, wall):
    ann = town.person("ann")
    job = town.submit(ann, cost=60.0)

    def left():
        found = queue.find(town.database, ann, job)
        return outlook.seconds_left(found, town.database.read(now))

    wall.time += 500
    assert left() is None  # it waits
    lease = town.claim()
    assert left() == 60.0
    wall.time += 100
    town.beat(lease, 0.05)
    assert left() is None
    town.beat(lease, 0.2)
    assert left() == pytest.approx(400, abs=0.1)
    wall.time += 100
    town.beat(lease, 0.8)
    assert left() == pytest.approx(50, abs=0.1)
    town.finish(lease)
    assert left() is None


def test_of_a_job_that_was_put_down_only_the_prediction_is_known(town, wall):
    ann = town.person("ann")
    job = town.submit(ann, cost=60.0)
    leases.release(town.database, town.claim())
    wall.time += 500  # which it waits
    town.beat(town.claim(), 0.5)
    found = queue.find(town.database, ann, job)
    assert found.fence == 2
    assert outlook.seconds_left(found, town.database.read(now)) == 30.0


def test_all_states_are_counted(town):
    ann = town.person("ann")
    town.work(ann)
    town.submit(ann)
    told = outlook.states(town.database)
    assert told == {"queued": 1, "running": 0, "done": 1, "stopped": 0, "failed": 0}


def test_what_a_person_has_and_may_have(town):
    ann, bob = town.person("ann"), town.person("bob")
    town.work(ann)
    town.submit(ann)
    town.submit(bob)
    settings = dataclasses.replace(town.settings, waiting=7, daily=9, quota=2)
    have = outlook.allowance(town.database, settings, ann)
    assert (have.waiting, have.waiting_limit) == (1, 7)
    assert (have.today, have.daily_limit) == (2, 9)
    assert (have.busy, have.works, have.bytes_limit) == (1, 1, 2_000_000)
    assert 0 < have.bytes < 1000
