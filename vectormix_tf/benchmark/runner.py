"""A run that pauses between measurements."""

import queue
import threading
from collections.abc import Callable

from vectormix_tf.io.progress import Progress

# Seconds. On Windows a thread that waits without a timeout does not receive Ctrl-C.
POLL = 0.2

Run = Callable[[Callable[[Progress], None]], object]


class _ClosedError(Exception):
    """Ends a run after `Runner.close`."""


class Runner:
    """A run in a thread of its own that takes a number of steps on request.

    It reads its pictures, makes its targets and traces its graphs only once, as every
    run does. Between requests it waits, while other functions are measured.
    """

    def __init__(self, run: Run, steps: int):
        """Starts the thread, which waits for the first `advance`.

        Args:
            run: Called with its `on_progress`, which it must call after at most `steps`
                steps, and after every multiple of them.
            steps: That `advance` takes.
        """
        self._steps = steps
        self._requests, self._replies = queue.SimpleQueue(), queue.SimpleQueue()
        self._closed = False
        # A daemon, so that a second Ctrl-C does not wait for it.
        self._thread = threading.Thread(target=self._work, args=[run], daemon=True)
        self._thread.start()

    def advance(self) -> None:
        """Takes the next steps; raises the exception by which the run ends, if any."""
        self._requests.put(None)
        while True:
            try:
                error = self._replies.get(timeout=POLL)
            except queue.Empty:
                continue
            if error is not None:
                raise error
            return

    def close(self) -> None:
        """Ends the run at its next step, and waits for its thread."""
        self._closed = True
        self._requests.put(None)
        self._thread.join()

    def _work(self, run: Run) -> None:
        try:
            self._wait()
            run(self._on_progress)
            self._replies.put(None)
        except _ClosedError:
            pass
        except BaseException as error:  # raised again by `advance`
            self._replies.put(error)

    def _on_progress(self, progress: Progress) -> None:
        if progress.step == 0:  # no step is taken yet
            return
        if progress.step % self._steps == 0:
            self._replies.put(None)
            self._wait()
        elif self._closed:
            raise _ClosedError

    def _wait(self) -> None:
        self._requests.get()
        if self._closed:
            raise _ClosedError
