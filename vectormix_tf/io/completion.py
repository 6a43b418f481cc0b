"""Work that Ctrl-C does not break off, such as writing what a long run has made."""

import contextlib
import threading
from collections.abc import Callable
from concurrent import futures


def complete(work: Callable[..., object], *arguments: object) -> bool:
    """Calls a function to its end, also if there is a `KeyboardInterrupt` meanwhile.

    That is raised in the main thread only, by Ctrl-C or what counts like it, so the
    function is called in another one. A second one is raised here, and the function
    ends all the same.

    Args:
        work: What to call.
        *arguments: Its arguments.

    Returns:
        False if it was interrupted, and has ended nevertheless.
    """
    outcome, claim = futures.Future(), threading.Lock()

    def run() -> None:
        if not claim.acquire(blocking=False):
            return
        try:
            outcome.set_result(work(*arguments))
        except BaseException as error:  # raised again below
            outcome.set_exception(error)

    interrupted = False
    try:
        with contextlib.suppress(RuntimeError):  # there is no thread to be had
            threading.Thread(target=run).start()
            futures.wait([outcome])
    except KeyboardInterrupt:
        interrupted = True
    run()  # unless the thread has begun it
    outcome.result()
    return not interrupted
