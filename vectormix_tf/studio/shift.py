"""One job in the hands of a worker, from its claim to its end.

A thread of its own extends the lease every few seconds, whatever the engine does: a
request that takes a minute, a graph that is built, a server or a store that is away.
The engine tells how far it is, and hears what to do, by `Shift.report`.
"""

import contextlib
import dataclasses
import enum
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.studio import blobs, leases
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import LostLease, MissingObject, Unavailable
from vectormix_tf.studio.store import Store

log = logging.getLogger("vectormix.studio.worker")
T = TypeVar("T")

HEARTBEAT_SECONDS = 3.0
PREVIEW_SECONDS = 3.0  # between two pictures for the page
CHECKPOINT_SECONDS = 30.0  # between two: what a crash may cost
RETRY_SECONDS = 5.0  # until a checkpoint is tried again that could not be written
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 15.0  # seconds between two tries of what is away
# Seconds without a report after which the engine is taken for dead: the lease is no
# longer extended, and another worker gets the job. A step of a poster takes minutes.
STALLED_SECONDS = 900.0


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all jobs of a worker share.

    Attributes:
        database: Where the queue is.
        store: Where pictures are.
        settings: With how many jobs of a person may run at once.
        stopping: Set when the worker is to end.
    """

    database: Database
    store: Store
    settings: StudioSettings
    stopping: threading.Event


class Verdict(enum.Enum):
    """What an engine hears when it reports."""

    GO_ON = "go on"
    CANCEL = "cancel"  # the person wants no more of it
    GIVE_WAY = "give way"  # someone else's turn
    SHUT_DOWN = "shut down"  # the worker ends


class Shift:
    """A job in work.

    Attributes:
        bench: What the worker has.
        lease: The job.
        progress: The latest that was reported.
        saved: That of the latest checkpoint.
    """

    def __init__(self, bench: Bench, lease: leases.Lease):
        self.bench, self.lease = bench, lease
        self.progress = self.saved = leases.Progress(lease.step, lease.fraction)
        self._orders = leases.Orders(False, False)
        self._lost = False
        self._preview: bytes | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        begun = time.monotonic()
        self._reported = begun
        self._shown = -PREVIEW_SECONDS
        self._tried, self._pause = begun, CHECKPOINT_SECONDS

    @contextlib.contextmanager
    def lasting(self) -> Iterator[None]:
        """Extends the lease while the block lasts."""
        thread = threading.Thread(target=self._extend, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # Not joined: what it may still write has an old fence.
            self._ended.set()

    def report(
        self,
        progress: leases.Progress,
        preview: Callable[[], bytes] | None = None,
        state: Callable[[], bytes | None] | None = None,
    ) -> Verdict:
        """Tells how far the job is; shows and saves it when it is time to.

        Args:
            progress: Of now.
            preview: Returns a small JPEG of now.
            state: Returns what `leases.Lease.checkpoint` leads to later; None if there
                is nothing new.

        Raises:
            LostLease: If the job is another's by now.
        """
        now = time.monotonic()
        with self._lock:
            self.progress, self._reported = progress, now
        if preview is not None and now - self._shown >= PREVIEW_SECONDS:
            self.show(preview())
        verdict = self.verdict()
        due = now - self._tried >= self._pause
        if verdict == Verdict.GO_ON and state is not None and due:
            self._try_to_save(state)
        return verdict

    def show(self, preview: bytes) -> None:
        """Gives the page a small JPEG with the next heartbeat."""
        with self._lock:
            self._preview, self._shown = preview, time.monotonic()

    def verdict(self) -> Verdict:
        """What to do.

        Raises:
            LostLease: If the job is another's by now.
        """
        if self._lost:
            raise LostLease(self.lease.job)
        if self._orders.cancel:
            return Verdict.CANCEL
        if self.bench.stopping.is_set():
            return Verdict.SHUT_DOWN
        return Verdict.GIVE_WAY if self._orders.give_way else Verdict.GO_ON

    def wait(self, seconds: float) -> Verdict:
        """Waits while something is away; ends early where there is something to do."""
        end = time.monotonic() + seconds
        with self._lock:
            self._reported = time.monotonic()  # waiting is no stall
        while True:
            verdict, left = self.verdict(), end - time.monotonic()
            if verdict != Verdict.GO_ON or left <= 0:
                return verdict
            self.bench.stopping.wait(min(left, FIRST_PAUSE))

    def patiently(self, call: Callable[[], T]) -> T:
        """Calls again with growing pauses while database or store are away.

        The lease is extended meanwhile, and only the worker's end gives up.

        Raises:
            Unavailable: If they are away and the worker is to end.
            LostLease: If the job is another's by now.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                return call()
            except Unavailable as error:
                if self._lost:
                    raise LostLease(self.lease.job) from error
                log.warning("job %s waits: %s", self.lease.job, error)
                if self.bench.stopping.wait(pause):
                    raise
            with self._lock:
                self._reported = time.monotonic()
            pause = min(2 * pause, LONGEST_PAUSE)

    def read(self, key: str) -> bytes:
        """Bytes of the store; waits while it is away.

        Raises:
            MissingObject: If there are none of this key.
        """
        return self.patiently(lambda: self.bench.store.get(key))

    def read_state(self) -> bytes | None:
        """What the job goes on from; None to begin, also if the store lost it."""
        if self.lease.checkpoint is None:
            return None
        try:
            return self.read(self.lease.checkpoint)
        except MissingObject:
            log.warning("job %s: its checkpoint is gone; it begins", self.lease.job)
            return None

    def keep(self, files: Sequence[blobs.File]) -> list[blobs.Kept]:
        """Puts files into the store for the job's owner; see `blobs.keep`."""
        bench = self.bench
        return blobs.keep(bench.database, bench.store, self.lease.user, files)

    def keep_state(self, state: bytes) -> blobs.Kept:
        """Puts a checkpoint into the store, which no row refers to yet."""
        file = blobs.File("checkpoint", state, "application/octet-stream")
        return self.keep([file])[0]

    def _try_to_save(self, state: Callable[[], bytes | None]) -> None:
        """Saves a checkpoint; the job goes on without one where it cannot."""
        try:
            data = state()
            if data is not None:
                kept = self.keep_state(data)
                leases.checkpoint(self.bench.database, self.lease, self.progress, kept)
                self.saved = self.progress
            self._pause = CHECKPOINT_SECONDS
        except Unavailable as error:
            log.warning("job %s: no checkpoint: %s", self.lease.job, error)
            self._pause = min(RETRY_SECONDS, CHECKPOINT_SECONDS)
        self._tried = time.monotonic()

    def _extend(self) -> None:
        """Tells of the job every few seconds, until it ends or is lost."""
        while not self._ended.wait(HEARTBEAT_SECONDS):
            with self._lock:
                progress, preview, self._preview = self.progress, self._preview, None
                stalled = time.monotonic() - self._reported
            if stalled > STALLED_SECONDS:
                log.error("job %s: nothing for %.0f s", self.lease.job, stalled)
                return
            try:
                self._orders = leases.heartbeat(
                    self.bench.database,
                    self.lease,
                    progress,
                    self.bench.settings,
                    preview,
                )
            except LostLease:
                self._lost = True
                return
            except Unavailable as error:
                log.warning("job %s: no heartbeat: %s", self.lease.job, error)
                with self._lock:
                    self._preview = self._preview or preview
            except Exception:  # a mistake here must not cost the job
                log.exception("job %s: no heartbeat", self.lease.job)
