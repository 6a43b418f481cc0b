"""Processes of a studio on one machine: how they are started, and end with it.

A child ends when the process that started it does, however that happens: it holds the
reading end of a pipe that nobody writes to, and on Linux the kernel tells it as well.
"""

import ctypes
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence

import vectormix_tf

PARENT = "VECTORMIX_STUDIO_PARENT"  # environment variable: who started a child
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until a child is started again
STEADY_SECONDS = 60.0  # after which a child's earlier ends are forgotten
NICE = 10  # added to the niceness of processes that compute
LAST_SECONDS = 45.0  # that a child has left when its parent is gone
_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl(2)
# So that a child shows as `vectormix studio web` in lists of processes, has this very
# interpreter and this very package, and takes no module from the current folder.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv.pop(1));"
    " from vectormix_tf.cli.main import main; sys.exit(main(sys.argv[2:]))"
)


def command(words: Sequence[str]) -> list[str]:
    """The command line of `vectormix WORDS`."""
    folder = pathlib.Path(vectormix_tf.__file__).parent.parent
    return [sys.executable, "-P", "-c", _PROGRAM, str(folder), "vectormix", *words]


def start(words: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen:
    """Starts `vectormix WORDS` in a process group of its own, so that Ctrl-C is ours.

    Call it in the main thread: the kernel takes the end of a thread for the parent's.
    """
    variables = {**os.environ, **environment, PARENT: str(os.getpid())}
    group = {} if os.name == "nt" else {"process_group": 0}
    return subprocess.Popen(
        command(words),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=variables,
        **group,
    )


def adopt() -> None:
    """Makes this process end with the one that started it, if that asked for it."""
    parent = os.environ.pop(PARENT, None)
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it ended before the kernel knew
            sys.exit(0)
    threading.Thread(target=_watch, name="parent", daemon=True).start()


def give_way() -> None:
    """Lets others of this machine go first: pages do not wait for pictures.

    Not for who writes to the database: others would wait for its turn to end.
    """
    if hasattr(os, "nice"):
        os.nice(NICE)


def _watch() -> None:
    try:
        while os.read(0, 1):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(1)


@dataclasses.dataclass
class Child:
    """A process that is started again when it ends.

    Attributes:
        name: For messages.
        words: Its command.
        environment: Variables that it gets besides our own.
        grace: Seconds that it has to end.
        process: The one that runs, or ran last.
        ends: How often it ended in a row.
        due: When it may be started again, by the monotonic clock.
        born: When it was started.
    """

    name: str
    words: Sequence[str]
    environment: Mapping[str, str]
    grace: float
    process: subprocess.Popen | None = None
    ends: int = 0
    due: float = 0.0
    born: float = 0.0

    def tend(self) -> int | None:
        """Starts it if it is time to; returns the exit code if it has just ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due:
                self.process, self.born = start(self.words, self.environment), now
            return None
        code = self.process.poll()
        if code is not None:
            self._bury()
            self.ends = 0 if now - self.born > STEADY_SECONDS else self.ends
            self.due = now + min(FIRST_PAUSE * 2**self.ends, LONGEST_PAUSE)
            self.ends += 1
        return code

    def stop(self) -> None:
        """Asks it to end, and ends it if it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.grace)
            except subprocess.TimeoutExpired:
                self.kill()
        self._bury()

    def kill(self) -> None:
        """Ends it at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _bury(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        self.process = None
