"""Startup time and peak memory of a workload, measured in a new process.

In a process that has already run something, TensorFlow is loaded, and the peak of its
memory is that of all runs so far.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from vectormix_tf.benchmark.workloads import Workload
from vectormix_tf.io.python_process import PythonProcess

STEPS = 2  # per octave: what the first leaves in memory adds to the peak of the second
CODE = "from vectormix_tf.benchmark import processes; processes.run_and_print({})"
# Words that the new process prints.
WORDS = IMPORTED, FIRST_STEP, PEAK = "imported", "first_step", "peak_memory"
# Peak memory of a process on Linux. `getrusage` is of no use there: it includes the
# memory of the parent, which a process shares until `exec` (`exec_mmap` in the kernel's
# fs/exec.c).
STATUS, PEAK_FIELD = pathlib.Path("/proc/self/status"), "VmHWM:"
KIB = 1024


class Startup(NamedTuple):
    """What was measured of one process; None for what could not be.

    Attributes:
        imported: Seconds from its start until this package was imported.
        first_step: Seconds from its start until the first step was done.
        memory: Peak memory in bytes.
    """

    imported: float | None = None
    first_step: float | None = None
    memory: int | None = None


def measure(
    workload: Workload,
    announce: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Startup:
    """Takes a few steps of a workload in a new process.

    Args:
        workload: What the process runs.
        announce: Called with a line of text if the process fails, such as for lack of
            memory.
        clock: Returns seconds.
    """
    begin, values = clock(), {}
    with PythonProcess(CODE.format(tuple(workload))) as process:
        for line in process.lines():
            word, _, value = line.partition(" ")
            if word in WORDS:  # what Python is told to load at its start may print too
                values[word] = json.loads(value) if value else clock() - begin
        failure = process.failure()
    if failure:
        announce(f"{workload} failed in a new process: {failure}")
        return Startup(imported=values.get(IMPORTED))
    return Startup(values[IMPORTED], values[FIRST_STEP], values[PEAK])


def run_and_print(workload: tuple) -> None:
    """Runs in the new process: takes steps and prints a line at each milestone.

    Args:
        workload: The fields of a `Workload`.
    """
    from vectormix_tf.recipes import dream as dream_recipe  # noqa: F401

    print(IMPORTED, flush=True)
    steps = []

    def on_progress(progress):
        if progress.step == 0:  # no step is taken yet
            return
        if not steps:
            print(FIRST_STEP, flush=True)
        steps.append(progress.step)

    Workload(*workload).run(on_progress, steps=STEPS)
    print(PEAK, json.dumps(peak_memory()), flush=True)


def peak_memory() -> int | None:
    """Returns the peak memory of this process in bytes; None on Windows."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith(PEAK_FIELD):
                return int(line.split()[1]) * KIB
    try:
        import resource
    except ImportError:
        return None
    # In bytes on macOS, in kibibytes elsewhere: getrusage(2).
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
