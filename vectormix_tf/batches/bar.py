"""What a batch tells while it runs: results, how far it is, and a bar of both."""

import contextlib
import dataclasses
from typing import Any

from tqdm.auto import tqdm

from vectormix_tf.io.progress import is_interactive, print_line


@dataclasses.dataclass
class BatchResult:
    """What became of an item.

    Attributes:
        number: Of the item, from 1.
        state: "made", "found" (it was there) or "failed".
        output: Path or address of its file; None if it failed.
        error: Why it failed, in one line; "" if it did not.
        seconds: That it took; 0 if it was found.
        worker: Name of the worker that made it; "" if it was found.
        notices: What the user may want to know, a line each.
        record: The item as it was given.
    """

    number: int
    state: str
    output: str | None = None
    error: str = ""
    seconds: float = 0.0
    worker: str = ""
    notices: tuple[str, ...] = ()
    record: Any = None


@dataclasses.dataclass(frozen=True)
class BatchProgress:
    """How far a batch is.

    Attributes:
        done: Items that are made, found or failed.
        count: All items.
        failed: Those that failed.
        per_minute: Items that are made per minute, so far.
        workers: {name of a worker: (file that it makes, how much of it is done)}.
    """

    done: int
    count: int
    failed: int
    per_minute: float
    workers: dict[str, tuple[str, float]]


class Bar:
    """Shows a batch on stderr: a bar for the whole and each worker, or lines in a file.

    What is found or fails is a line of its own; what is made is one only in a file.
    """

    def __init__(self):
        self._bar = None

    def __call__(self, progress: BatchProgress) -> None:
        """Shows how far a batch is."""
        with contextlib.suppress(OSError, ValueError):
            if self._bar is None and is_interactive():
                self._bar = tqdm(
                    total=progress.count,
                    bar_format="{n_fmt}/{total_fmt} |{bar}| {postfix}",
                )
            if self._bar is not None:
                works = [
                    f"{worker}: {file.rpartition('-')[0]} {share:.0%}"
                    for worker, (file, share) in progress.workers.items()
                ]
                rate = f"{progress.per_minute:.1f} a minute"
                self._bar.set_postfix_str("; ".join([rate, *works]), refresh=False)
                self._bar.update(progress.done - self._bar.n)
                self._bar.refresh()

    def tell(self, result: BatchResult, done: int, count: int) -> None:
        """Tells what became of an item."""
        if result.state == "failed":
            print_line(f"{done}/{count} item {result.number} failed: {result.error}")
        elif self._bar is None and result.state == "made":
            took = f"{result.seconds:.0f} s, worker {result.worker}"
            print_line(f"{done}/{count} {result.output} ({took})")

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.close()
