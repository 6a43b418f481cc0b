"""Children: what a process of its own tells: how soon it starts, what memory it takes.

A process that has run before has everything loaded, and its memory is that of all runs
so far.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

from vectormix_tf.subjects import Subject

STEPS = 2  # of each octave: what a first step leaves behind is still there in a second
IMPORTED, STEPPED, PEAK = "imported", "stepped", "peak"  # what a child says
CODE = "from vectormix_tf import children; children.work({})"
# The peak of a process in Linux. `getrusage` knows that of its parent too, whose memory
# a new process has for an instant (`exec_mmap` in the kernel's fs/exec.c).
STATUS, HIGHEST = pathlib.Path("/proc/self/status"), "VmHWM:"
KIB = 1024


class Start(NamedTuple):
    """What was measured of one process; None where that could not be.

    Attributes:
        imported: Seconds from its start until this package could be called.
        stepped: Seconds from its start until the first step was done.
        memory: Most bytes of memory that it had.
    """

    imported: float | None = None
    stepped: float | None = None
    memory: int | None = None


def measure(
    subject: Subject,
    announce: Callable[[str], None] = lambda text: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Start:
    """Runs a few steps of a subject in a new process.

    Args:
        subject: What runs there.
        announce: Called with a line if it ends early, as where memory is short.
        clock: Tells seconds.
    """
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    argv = [sys.executable, "-c", CODE.format(tuple(subject))]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        begun = clock()
        with subprocess.Popen(
            argv, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            try:
                said = {}
                for line in process.stdout:
                    word, _, value = line.strip().partition(" ")
                    said[word] = json.loads(value) if value else clock() - begun
            except BaseException:  # Ctrl-C, of which a child may not know
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            last = errors.read().strip().rpartition("\n")[2]
            why = last or f"exit code {process.returncode}"
            announce(f"{subject} failed in a process of its own: {why}")
            return Start(imported=said.get(IMPORTED))
    return Start(said.get(IMPORTED), said.get(STEPPED), said.get(PEAK))


def work(subject: tuple) -> None:
    """What a child does.

    Args:
        subject: The parts of a `Subject`.
    """
    from vectormix_tf import dreaming, mixing  # noqa: F401

    print(IMPORTED, flush=True)
    seen = []

    def tell(progress):
        if not seen:
            print(STEPPED, flush=True)
        seen.append(progress.step)

    Subject(*subject).run(tell, steps=STEPS)
    print(PEAK, json.dumps(peak_memory()), flush=True)


def peak_memory() -> int | None:
    """Returns the most bytes that this process has had; None on Windows."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith(HIGHEST):
                return int(line.split()[1]) * KIB
    try:
        import resource
    except ImportError:
        return None
    # macOS counts bytes, others kibibytes: getrusage(2).
    unit = 1 if sys.platform == "darwin" else KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
