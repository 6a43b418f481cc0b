"""Pools: workers that make items at the same time, as processes of this machine."""

import contextlib
import dataclasses
import functools
import json
import queue
import subprocess
import threading
import time
from typing import Any, NamedTuple, Protocol

from vectormix_tf.batches.worker import Task
from vectormix_tf.errors import InputError
from vectormix_tf.io import threads
from vectormix_tf.io.python_process import PythonProcess
from vectormix_tf.optim import memory

CODE = "from vectormix_tf.batches.worker import serve; serve()"
STOP_SECONDS = 30.0  # that workers have to keep what they have begun


class Event(NamedTuple):
    """What a pool tells of one of its workers.

    Attributes:
        worker: Its name.
        state: "ready" (it can be given a task), "working" (with `fraction`), "died"
            (with `error`), or a state of `ItemRunner.make`.
        about: What belongs to the state.
    """

    worker: str
    state: str
    about: dict[str, Any]


class Pool(Protocol):
    """Workers by name. A worker that dies is started again, and is ready anew."""

    def give(self, worker: str, task: Task) -> None:
        """Gives a task to a worker that is ready and has none."""

    def events(self, seconds: float) -> list[Event]:
        """Returns what has happened; waits for so long if nothing has."""

    def close(self) -> None:
        """Ends all workers; what they have begun is kept."""


class ProcessPool:
    """A pool of processes that share the cores of this machine."""

    def __init__(self, count: int, cores: int):
        """Starts them.

        Args:
            count: How many.
            cores: How many cores they share.

        Raises:
            InputError: If a process cannot be started, or there is too little memory.
        """
        _check_memory(count)
        self._variables = threads.variables(max(1, cores // count))
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._processes: dict[str, PythonProcess] = {}
        self._closed = False
        for i in range(count):
            self._start(str(i + 1))

    def _start(self, worker: str) -> None:
        try:
            process = PythonProcess(CODE, self._variables)
        except OSError as error:
            raise InputError(
                f"no worker can be started: {error.strerror or error}; use fewer"
                " --workers."
            ) from error
        self._processes[worker] = process
        listen = functools.partial(self._listen, worker, process)
        threading.Thread(target=listen, daemon=True).start()
        self._events.put(Event(worker, "ready", {}))

    def give(self, worker: str, task: Task) -> None:
        """See `Pool`."""
        stream = self._processes[worker].popen.stdin
        with contextlib.suppress(OSError):  # it has died, of which an event tells
            stream.write(json.dumps(dataclasses.asdict(task)) + "\n")
            stream.flush()

    def events(self, seconds: float) -> list[Event]:
        """See `Pool`."""
        found = []
        with contextlib.suppress(queue.Empty):
            found.append(self._events.get(timeout=seconds))
            while True:
                found.append(self._events.get_nowait())
        for event in found:
            if event.state == "died":
                self._processes[event.worker].__exit__()
                self._start(event.worker)
        return found

    def close(self) -> None:
        """See `Pool`."""
        self._closed = True
        for process in self._processes.values():
            with contextlib.suppress(OSError):
                process.popen.stdin.close()
        last = time.monotonic() + STOP_SECONDS
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(0.1, last - time.monotonic()))
            process.__exit__()

    def _listen(self, worker: str, process: PythonProcess) -> None:
        """Passes on what a worker tells, in a thread of its own."""
        for line in process.lines():
            with contextlib.suppress(ValueError):
                record = json.loads(line)
                state = record.pop("state", "working")
                self._events.put(Event(worker, state, record))
        if not self._closed:
            self._events.put(Event(worker, "died", {"error": process.failure()}))


def _check_memory(count: int) -> None:
    """Refuses more workers than there is memory for."""
    room = memory.room()
    if room is None or count == 1 or count * memory.LEAST <= room.free:
        return
    raise InputError(
        f"`workers` {count} take at least {count * memory.LEAST / memory.GIGA:.1f} GB"
        f" of memory, and {room.free / memory.GIGA:.1f} GB are free{room.where};"
        f" `workers={max(1, int(room.free / memory.LEAST))}` fits."
    )
