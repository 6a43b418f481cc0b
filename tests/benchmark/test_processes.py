"""What processes of their own tell, and how they end."""

import itertools
import sys
import types

import pytest

from vectormix_tf.benchmark import processes
from vectormix_tf.benchmark.processes import Child, Start
from vectormix_tf.benchmark.workloads import Subject

SUBJECT = Subject("dream", 96, "float32")


def test_a_dream_in_a_process_of_its_own_tells_start_and_memory():
    start = processes.measure(SUBJECT, clock=itertools.count().__next__)
    # Looks at the clock: at the beginning, and for each of two words.
    assert (start.imported, start.stepped) == (1, 2)
    assert 2e8 < start.memory < 2e10


def test_the_memory_is_the_child_s_and_not_that_of_this_process():
    """The tests that ran here before may have taken more than a child ever has."""
    kept = bytearray(3 * 10**8)
    with Child("from vectormix_tf import children as c; print(c.peak_memory())") as it:
        told = int(next(it.lines()))
    assert 1e6 < told < 2e8 < len(kept) < processes.peak_memory()


def test_a_child_that_fails_says_why_in_a_line(monkeypatch):
    code = "print('imported', flush=True); raise SystemExit({})"
    monkeypatch.setattr(processes, "CODE", code)
    lines = []
    start = processes.measure(SUBJECT, lines.append, itertools.count().__next__)
    assert start == Start(imported=1)
    why = "('dream', 96, 'float32')"
    assert lines == [f"dream 96 px float32 failed in a process of its own: {why}"]


def test_a_child_that_is_killed_tells_its_exit_code():
    with Child("import os; os._exit(3)") as child:
        assert child.failure() == "exit code 3"


def test_a_child_answers_until_it_has_ended():
    with Child("print(input() + 'yes', flush=True)") as child:
        assert child.ask() == "yes\n"
        assert child.failure() == ""
        assert child.ask() == ""


def test_a_child_ends_with_its_block():
    with pytest.raises(KeyboardInterrupt), Child("input()") as child:
        raise KeyboardInterrupt
    assert child._process.returncode not in (None, 0)


@pytest.mark.parametrize(
    ("platform", "unit"), [("linux", 1024), ("darwin", 1)], ids=["linux", "macos"]
)
def test_without_linux_s_files_the_memory_is_getrusage_s(platform, unit, monkeypatch):
    usage = types.SimpleNamespace(ru_maxrss=5)
    resource = types.SimpleNamespace(getrusage=lambda who: usage, RUSAGE_SELF=0)
    monkeypatch.setattr(processes, "STATUS", processes.pathlib.Path("no such file"))
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "resource", resource)
    assert processes.peak_memory() == 5 * unit


def test_on_windows_the_memory_is_unknown(monkeypatch):
    monkeypatch.setattr(processes, "STATUS", processes.pathlib.Path("no such file"))
    monkeypatch.setitem(sys.modules, "resource", None)
    assert processes.peak_memory() is None
