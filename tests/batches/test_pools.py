"""Pools of processes: what they tell, and that one that dies is there again."""

import os
import signal
import time

import pytest
from mistakes import refusal

from vectormix_tf.batches import pools
from vectormix_tf.batches.pools import ProcessPool
from vectormix_tf.batches.worker import Task

TASK = Task(1, {"style": "no.png"}, "k", "out", "x.png")
# A worker that answers each task at once, with what its environment says.
ECHO = """
import json, os, sys
for line in sys.stdin:
    record = json.loads(line)
    print("what a library prints")
    print(json.dumps({"number": record["number"], "fraction": 0.5}))
    about = {"state": "made", "threads": os.environ["TF_NUM_INTRAOP_THREADS"]}
    print(json.dumps({**about, "pid": os.getpid()}), flush=True)
"""


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(pools, "CODE", ECHO)
    made = ProcessPool(2, 8)
    yield made
    made.close()


def until(pool, state, seconds=60):
    """Events up to one of a state."""
    found, last = [], time.monotonic() + seconds
    while time.monotonic() < last:
        found += pool.events(0.5)
        if any(event.state == state for event in found):
            return found
    raise AssertionError(f"nothing is {state}: {found}")


def test_workers_are_ready_and_share_the_cores(pool):
    ready = until(pool, "ready") + pool.events(0.1)
    assert {event.worker for event in ready} == {"1", "2"}
    pool.give("2", TASK)
    events = until(pool, "made")
    assert [event.state for event in events][-2:] == ["working", "made"]
    assert {event.worker for event in events} - {"1"} == {"2"}
    assert events[-1].about["threads"] == "4"


def test_a_worker_that_dies_is_told_and_is_there_again(pool):
    pool.give("1", TASK)
    pid = until(pool, "made")[-1].about["pid"]
    os.kill(pid, signal.SIGKILL)
    events = until(pool, "died")
    died = next(event for event in events if event.state == "died")
    assert died.worker == "1" and "signal 9" in died.about["error"]
    assert until(pool, "ready")[-1].worker == "1"
    pool.give("1", TASK)
    assert until(pool, "made")[-1].about["pid"] != pid


def test_a_task_for_a_worker_that_has_just_died_is_no_error(pool):
    pool.give("1", TASK)
    pid = until(pool, "made")[-1].about["pid"]
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    pool.give("1", TASK)
    pool.give("1", TASK)
    assert until(pool, "died")


def test_closing_ends_all_workers_and_tells_nothing(pool):
    pids = []
    for worker in "12":
        pool.give(worker, TASK)
        pids.append(until(pool, "made")[-1].about["pid"])
    pool.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert [event for event in pool.events(0.2) if event.state == "died"] == []


def test_a_worker_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(pools, "CODE", "import time; time.sleep(600)")
    monkeypatch.setattr(pools, "STOP_SECONDS", 0.2)
    pool = ProcessPool(1, 1)
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 30


def test_a_machine_that_starts_no_process_is_told(monkeypatch):
    def fail(*_):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(pools, "PythonProcess", fail)
    assert "no worker can be started: Resource" in refusal(ProcessPool, 1, 1)
