"""Crews of processes: what they tell, and that one that dies is there again."""

import os
import signal
import time

import pytest
from mistakes import refusal

from vectormix_tf.batches import crews
from vectormix_tf.batches.crews import Processes
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
def crew(monkeypatch):
    monkeypatch.setattr(crews, "CODE", ECHO)
    made = Processes(2, 8)
    yield made
    made.close()


def until(crew, state, seconds=60):
    """Events up to one of a state."""
    found, last = [], time.monotonic() + seconds
    while time.monotonic() < last:
        found += crew.events(0.5)
        if any(event.state == state for event in found):
            return found
    raise AssertionError(f"nothing is {state}: {found}")


def test_workers_are_ready_and_share_the_cores(crew):
    ready = until(crew, "ready") + crew.events(0.1)
    assert {event.worker for event in ready} == {"1", "2"}
    crew.give("2", TASK)
    events = until(crew, "made")
    assert [event.state for event in events][-2:] == ["working", "made"]
    assert {event.worker for event in events} - {"1"} == {"2"}
    assert events[-1].about["threads"] == "4"


def test_a_worker_that_dies_is_told_and_is_there_again(crew):
    crew.give("1", TASK)
    pid = until(crew, "made")[-1].about["pid"]
    os.kill(pid, signal.SIGKILL)
    events = until(crew, "died")
    died = next(event for event in events if event.state == "died")
    assert died.worker == "1" and "signal 9" in died.about["error"]
    assert until(crew, "ready")[-1].worker == "1"
    crew.give("1", TASK)
    assert until(crew, "made")[-1].about["pid"] != pid


def test_a_task_for_a_worker_that_has_just_died_is_no_error(crew):
    crew.give("1", TASK)
    pid = until(crew, "made")[-1].about["pid"]
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)
    crew.give("1", TASK)
    crew.give("1", TASK)
    assert until(crew, "died")


def test_closing_ends_all_workers_and_tells_nothing(crew):
    pids = []
    for worker in "12":
        crew.give(worker, TASK)
        pids.append(until(crew, "made")[-1].about["pid"])
    crew.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert [event for event in crew.events(0.2) if event.state == "died"] == []


def test_a_worker_that_does_not_end_is_ended(monkeypatch):
    monkeypatch.setattr(crews, "CODE", "import time; time.sleep(600)")
    monkeypatch.setattr(crews, "STOP_SECONDS", 0.2)
    crew = Processes(1, 1)
    began = time.monotonic()
    crew.close()
    assert time.monotonic() - began < 30


def test_a_machine_that_starts_no_process_is_told(monkeypatch):
    def fail(*_):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(crews, "PythonProcess", fail)
    assert "no worker can be started: Resource" in refusal(Processes, 1, 1)
