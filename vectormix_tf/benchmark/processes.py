"""Children: what a process of its own tells: how soon it starts, what memory it takes.

A process that has run before has everything loaded, and its memory is that of all runs
so far.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from vectormix_tf.benchmark.workloads import Subject

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


class Child:
    """A new Python that runs a line of code; it ends with the `with` block at latest.

    What it says on stderr is kept: of Ctrl-C, which it may get too, nothing is shown.
    """

    def __init__(self, code: str):
        """`code` may import this package."""
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._errors = tempfile.TemporaryFile(  # noqa: SIM115 - `__exit__` closes it
            "w+", errors="replace"
        )
        self._process = subprocess.Popen(
            # Without the current folder in the path, where any file may lie.
            [sys.executable, "-P", "-c", code],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):  # what was not sent to one that has ended
            self._process.stdin.close()
        self._process.stdout.close()
        self._errors.close()

    def lines(self) -> Iterator[str]:
        """Yields what it says until it ends."""
        return map(str.strip, self._process.stdout)

    def ask(self) -> str:
        """Sends it a line; returns the one it answers, "" if it has ended."""
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except OSError:
            return ""
        return self._process.stdout.readline()

    def failure(self) -> str:
        """Waits for its end; returns why it failed, "" if it did not."""
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().strip().rpartition("\n")[2]
        return (last or f"exit code {code}") if code else ""


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
    begun, said = clock(), {}
    with Child(CODE.format(tuple(subject))) as child:
        for line in child.lines():
            word, _, value = line.partition(" ")
            said[word] = json.loads(value) if value else clock() - begun
        why = child.failure()
    if why:
        announce(f"{subject} failed in a process of its own: {why}")
        return Start(imported=said.get(IMPORTED))
    return Start(said[IMPORTED], said[STEPPED], said[PEAK])


def work(subject: tuple) -> None:
    """What a child does.

    Args:
        subject: The parts of a `Subject`.
    """
    from vectormix_tf.recipes import dream as dream_recipe  # noqa: F401

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
