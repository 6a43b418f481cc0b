"""Turns: what is compared is measured a little of each, over and over.

A machine is now faster, now slower. What takes turns meets both.
"""

import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping

from vectormix_tf.io.progress import Progress

Clock = Callable[[], float]
POLL = 0.2  # seconds: Windows shows Ctrl-C to a thread that waits only between waits


def in_turns(
    contestants: Mapping[Hashable, Callable[[], object]],
    rounds: int,
    announce: Callable[[str], None] = lambda text: None,
    clock: Clock = time.perf_counter,
) -> dict[Hashable, list[float]]:
    """Measures each contestant once a round.

    Args:
        contestants: What to call for a turn, by name.
        rounds: How many; one more comes first, and does not count: it holds what is
            done but once, such as tracing.
        announce: Called with a line about what comes next.
        clock: Tells seconds.

    Returns:
        The seconds of each one's turns, in the order of rounds.
    """
    seconds = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, turn in contestants.items():
            announce(f"round {number} of {rounds}: {name}" if number else f"{name}")
            begun = clock()
            turn()
            if number:
                seconds[name].append(clock() - begun)
    return seconds


class _OverError(Exception):
    """Ends a run that has had its turns."""


class Runner:
    """A run that goes on only when it is told to, in a thread of its own.

    So its pictures are looked at once and its loop is traced once, as in any run, and
    between its turns others have theirs.
    """

    def __init__(self, run: Callable[[Callable[[Progress], None]], object], steps: int):
        """`run` is called with what to call after steps; a turn has `steps`."""
        self._steps = steps
        self._go, self._done = queue.SimpleQueue(), queue.SimpleQueue()
        self._over = False
        # A daemon: a second Ctrl-C does not wait for it.
        self._thread = threading.Thread(target=self._work, args=[run], daemon=True)
        self._thread.start()

    def turn(self) -> None:
        """Lets the run take its next steps; raises what it ends with."""
        self._go.put(None)
        while True:
            try:
                error = self._done.get(timeout=POLL)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            return

    def close(self) -> None:
        """Ends the run and waits for it."""
        self._over = True
        self._go.put(None)
        self._thread.join()

    def _work(self, run) -> None:
        try:
            self._wait()
            run(self._tell)
            self._done.put(None)
        except _OverError:
            pass
        except BaseException as error:  # belongs to whoever waits for the turn
            self._done.put(error)

    def _tell(self, progress: Progress) -> None:
        if progress.step % self._steps == 0:
            self._done.put(None)
            self._wait()
        elif self._over:
            raise _OverError

    def _wait(self) -> None:
        self._go.get()
        if self._over:
            raise _OverError
