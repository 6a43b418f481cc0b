"""Startup and memory of new processes, and how these end."""

import itertools
import sys
import types

import pytest

from vectormix_tf.benchmark import processes
from vectormix_tf.benchmark.processes import PythonProcess, Startup
from vectormix_tf.benchmark.workloads import Workload

WORKLOAD = Workload("dream", 96, "float32")


def test_a_dream_in_a_new_process_has_startup_and_memory():
    startup = processes.measure(WORKLOAD, clock=itertools.count().__next__)
    # Readings of the clock: at the beginning, and for each of two words.
    assert (startup.imported, startup.first_step) == (1, 2)
    assert 2e8 < startup.memory < 2e10


def test_the_memory_is_that_of_the_new_process_and_not_of_this_one():
    """The tests that ran here before may have taken more than the new one ever has."""
    kept = bytearray(3 * 10**8)
    code = "from vectormix_tf.benchmark import processes as p; print(p.peak_memory())"
    with PythonProcess(code) as process:
        peak = int(next(process.lines()))
    assert 1e6 < peak < 2e8 < len(kept) < processes.peak_memory()


def test_a_process_that_fails_is_announced_with_its_last_line(monkeypatch):
    code = "print('imported', flush=True); raise SystemExit({})"
    monkeypatch.setattr(processes, "CODE", code)
    lines = []
    startup = processes.measure(WORKLOAD, lines.append, itertools.count().__next__)
    assert startup == Startup(imported=1)
    why = "('dream', 96, 'float32')"
    assert lines == [f"dream 96 px float32 failed in a new process: {why}"]


def test_lines_of_others_are_no_measurements(monkeypatch):
    """As a `sitecustomize.py` prints them, which Python loads at its start."""
    code = r"print('hello world\nimported\nfirst_step\npeak_memory 7\nbye', flush=True)"
    code += r"; import os; os.write(1, b'\xff')"
    monkeypatch.setattr(processes, "CODE", code.replace("{}", ""))
    lines = []
    startup = processes.measure(WORKLOAD, lines.append, itertools.count().__next__)
    assert (startup, lines) == (Startup(1, 2, 7), [])


def test_a_process_needs_no_folder_for_temporary_files(monkeypatch):
    def refuse(*_, **__):
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with PythonProcess("import sys; sys.exit('why')") as process:
        assert process.failure() == "exit code 1"


def test_a_process_that_says_nothing_fails_with_its_exit_code():
    with PythonProcess("import os; os._exit(3)") as process:
        assert process.failure() == "exit code 3"


def test_a_process_ends_with_its_block():
    with pytest.raises(KeyboardInterrupt), PythonProcess("input()") as process:
        raise KeyboardInterrupt
    assert process.popen.returncode not in (None, 0)


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
