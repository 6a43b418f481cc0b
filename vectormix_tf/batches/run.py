"""Runs of batches: which item is made when and by whom, and what became of it."""

import collections
import contextlib
import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from vectormix_tf.batches import storage
from vectormix_tf.batches.bar import Bar, BatchProgress, BatchResult
from vectormix_tf.batches.items import Item, Record, parse, plain
from vectormix_tf.batches.pools import Event, Pool, ProcessPool
from vectormix_tf.batches.storage import Storage
from vectormix_tf.batches.worker import UNWRITTEN, Task
from vectormix_tf.errors import InputError, ServerError, check_integer
from vectormix_tf.io import records, threads
from vectormix_tf.io.progress import check_callback

REPORT = "report.jsonl"
REPORT_SECONDS = 5.0  # between two times that the report is written
ATTEMPTS = 3  # at an item whose worker dies, or that cannot be written
MOST_WORKERS = 1024
WAIT_SECONDS = 0.5
SILENT_SECONDS = 300.0  # after which nobody is there: workers tell of themselves often


class _Queued(NamedTuple):
    """An item that is to be made."""

    task: Task
    item: Item


def batch(
    items: Iterable[Record],
    output: str | os.PathLike[str],
    *,
    workers: int = 1,
    ray: str | None = None,
    max_failures: int | None = None,
    cores: int = 0,
    on_progress: Callable[[BatchProgress], None] | Literal["bar"] | None = "bar",
) -> Iterator[BatchResult]:
    """Makes many pictures and films, and yields what becomes of them as they come.

    The file of an item is called by its name and a hash of its inputs, its settings and
    the versions of the packages. So what is there is not made again, and a batch that
    was stopped in any way goes on when it is called again, also in the middle of an
    item. An item that cannot be made stops no other.

    Args:
        items: A mapping each: `command` ("mix", "dream" or "film"; "mix" by default),
            the flags of that command by their names, and `output`, the name of the file
            (to which the hash is added).
        output: A folder or s3://BUCKET/PREFIX. In report.jsonl each item has a line.
        workers: Processes that share the cores of this machine; with `ray` actors, of
            one core each, 0 for as many as there are cores.
        ray: "local" makes workers Ray actors of this machine, an address those of a
            cluster, whose nodes must reach inputs and `output`; None needs no Ray.
        max_failures: So many items may fail; with one more the batch ends. None allows
            any number.
        cores: How many cores of this machine are used; 0 takes all.
        on_progress: Called with a `BatchProgress` about every second; "bar" shows a
            progress bar, None shows nothing.

    Returns:
        An iterator over `BatchResult`s. When it is closed, or ended by Ctrl-C, what has
        been begun is kept.

    Raises:
        InputError: If `output` or an argument cannot be used.
    """
    check_integer("workers", workers, 0 if ray else 1, MOST_WORKERS)
    check_callback(on_progress)
    if max_failures is not None:
        check_integer("max_failures", max_failures, 0, 10**9)
    store = Storage(os.fspath(output))
    found = store.names()
    items = list(items)
    if not items:
        raise InputError("`items` is empty; give one at least.")

    def pool() -> Pool:
        if ray is None:
            return ProcessPool(workers, cores or threads.cores())
        from vectormix_tf.batches.cluster import RayPool

        return RayPool(ray, workers)

    run = _Run(store, items, found, max_failures)
    return run.results(pool, on_progress)


class _Run:
    """A batch that runs."""

    def __init__(
        self,
        store: Storage,
        items: Sequence[Any],
        found: set[str],
        max_failures: int | None,
    ):
        self._store, self._items, self._found = store, items, found
        self._most = len(items) if max_failures is None else max_failures
        self._on_progress: Any = None
        self._waiting = _Queue()
        self._free: list[str] = []  # workers that are ready and have no task
        self._given: dict[str, _Queued] = {}  # by worker
        self._fractions: dict[str, float] = {}
        self._attempts: collections.Counter[int] = collections.Counter()
        self._same: dict[str, list[int]] = {}  # numbers of items by file
        self._results: dict[int, BatchResult] = {}
        self._made, self._begun, self._reported = 0, time.monotonic(), 0.0

    def results(
        self, pool: Callable[[], Pool], on_progress: Any
    ) -> Iterator[BatchResult]:
        """Yields what becomes of items; the report is written meanwhile and at last."""
        bar = Bar() if on_progress == "bar" else None
        self._on_progress = bar or on_progress
        try:
            for result in self._all(pool):
                if bar:
                    bar.tell(result, len(self._results), len(self._items))
                yield result
        finally:
            if bar:
                bar.close()
            if self._results:
                self._report()

    def _all(self, pool: Callable[[], Pool]) -> Iterator[BatchResult]:
        yield from self._plan()
        if self._waiting and not self._is_over():
            yield from self._work(pool())

    def _is_over(self) -> bool:
        failed = sum(each.state == "failed" for each in self._results.values())
        return failed > self._most

    # --- What is to be made -----------------------------------------------------------

    def _plan(self) -> Iterator[BatchResult]:
        """Yields what needs no work: files that are there, and items that are none."""
        digest = functools.cache(storage.digest)
        for number, record in enumerate(self._items, 1):
            try:
                if isinstance(record, InputError):
                    raise record
                record = plain(record)
                item = parse(record)
                key = item.key(digest)
            except (InputError, ServerError) as error:
                yield self._end(number, BatchResult(number, "failed", error=str(error)))
                if self._is_over():
                    return
                continue
            file = f"{item.name}-{key}{item.ending}"
            if file in self._found:
                where = self._store.where(file)
                yield self._end(number, BatchResult(number, "found", where))
            elif file in self._same:
                self._same[file].append(number)
            else:
                self._same[file] = [number]
                task = Task(number, record, key, self._store.address, file)
                self._waiting.add(_Queued(task, item))

    # --- Work -------------------------------------------------------------------------

    def _work(self, pool: Pool) -> Iterator[BatchResult]:
        """Gives tasks to workers, and yields their results."""
        heard = time.monotonic()
        with contextlib.closing(pool):
            while self._waiting or self._given:
                events = pool.events(WAIT_SECONDS)
                if any(event.state != "died" for event in events):
                    heard = time.monotonic()
                if time.monotonic() - heard > SILENT_SECONDS:
                    raise InputError(
                        f"no worker has answered for {SILENT_SECONDS / 60:.0f} minutes;"
                        " see whether the cluster is there. The same batch goes on."
                    )
                results = [each for event in events for each in self._after(event)]
                if not self._is_over():
                    self._give(pool)
                if self._on_progress is not None:
                    self._on_progress(self._progress())
                if time.monotonic() - self._reported > REPORT_SECONDS:
                    with contextlib.suppress(*UNWRITTEN):  # the last one must succeed
                        self._report()
                yield from results  # workers do not wait for who takes them
                if self._is_over():
                    return

    def _give(self, pool: Pool) -> None:
        """Gives tasks to workers that have none."""
        while self._free and self._waiting:
            worker = self._free.pop(0)
            queued = self._waiting.next(worker)
            self._given[worker], self._fractions[worker] = queued, 0.0
            pool.give(worker, queued.task)

    def _after(self, event: Event) -> list[BatchResult]:
        """Takes note of an event; returns results of items that have ended by it."""
        worker, state = event.worker, event.state
        if state == "working":
            self._fractions[worker] = event.about["fraction"]
            return []
        if state == "ready":
            self._free.append(worker)
            return []
        queued = self._given.pop(worker, None)
        if state == "died":
            self._free = [each for each in self._free if each != worker]
        else:
            self._free.append(worker)
        return self._ended(queued, event) if queued else []

    def _ended(self, queued: _Queued, event: Event) -> list[BatchResult]:
        """Returns the results of an item whose worker has ended it, or itself."""
        number, about = queued.task.number, event.about
        self._attempts[number] += 1
        again = event.state in ("died", "retry", "stopped")
        if again and self._attempts[number] < ATTEMPTS:
            self._waiting.add(queued)
            return []
        result = BatchResult(
            number,
            "failed",
            seconds=about.get("seconds", 0.0),
            worker=event.worker,
            notices=tuple(about.get("notices", ())),
        )
        if event.state == "made":
            self._made += 1
            result.state = "made"
            result.output = self._store.where(queued.task.file)
        else:
            result.error = about.get("error") or "it was broken off"
            if event.state == "died":
                result.error = f"its worker ended {ATTEMPTS} times: {result.error}"
        state = "found" if event.state == "made" else "failed"
        twins = [
            dataclasses.replace(result, number=other, state=state, seconds=0.0)
            for other in self._same[queued.task.file][1:]
        ]
        return [self._end(each.number, each) for each in (result, *twins)]

    def _end(self, number: int, result: BatchResult) -> BatchResult:
        record = self._items[number - 1]
        result.record = None if isinstance(record, InputError) else record
        self._results[number] = result
        return result

    # --- What is told -----------------------------------------------------------------

    def _progress(self) -> BatchProgress:
        results = self._results.values()
        minutes = (time.monotonic() - self._begun) / 60
        return BatchProgress(
            len(results),
            len(self._items),
            sum(each.state == "failed" for each in results),
            self._made / max(minutes, 1e-9),
            {
                worker: (queued.task.file, self._fractions[worker])
                for worker, queued in sorted(self._given.items())
            },
        )

    def _report(self) -> None:
        """Writes a line for each item that is done."""
        lines = [
            records.line(dataclasses.asdict(self._results[number]))
            for number in sorted(self._results)
        ]
        self._store.put(REPORT, b"".join(lines))
        self._reported = time.monotonic()


class _Queue:
    """Items that wait, by what they have in common: a worker keeps to what is warm."""

    def __init__(self):
        self._groups: dict[tuple, collections.deque[_Queued]] = {}
        self._warm: dict[str, tuple] = {}  # what each worker made last

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, queued: _Queued) -> None:
        """Adds an item."""
        group = self._groups.setdefault(queued.item.affinity, collections.deque())
        group.append(queued)

    def next(self, worker: str) -> _Queued:
        """Takes an item for a worker: of its last group, else of the fullest one."""
        warm = self._warm.get(worker)
        if warm not in self._groups:
            others = collections.Counter(self._warm.values())
            warm = max(
                self._groups,
                key=lambda group: len(self._groups[group]) / (1 + others[group]),
            )
        self._warm[worker] = warm
        queued = self._groups[warm].popleft()
        if not self._groups[warm]:
            del self._groups[warm]
        return queued
