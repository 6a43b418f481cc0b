"""How long the line is, and what a person may still have."""

import dataclasses

from vectormix_tf.studio import outlook
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


def test_who_finds_a_free_worker_does_not_wait():
    assert Line(0, 1, 2, 0.0, 50.0).wait(0) == 0.0
    assert Line(4, 2, 2, 80.0, 40.0).wait(2) == 40.0


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
