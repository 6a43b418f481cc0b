"""A worker: claims jobs and does them with an engine, until it is told to end.

Whatever happens to a job ends in one of these: `finish`, `stop` with the picture so
far, `release` with a checkpoint (someone else's turn, the worker's end, an engine that
is away), `fail`, or nothing at all where its lease was lost.
"""

import contextlib
import dataclasses
import io
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from PIL import Image

from vectormix_tf.config.studio import StudioSettings
from vectormix_tf.errors import InputError, NotFiniteError, VectormixError, lacks_memory
from vectormix_tf.studio import accounts, blobs, costs, leases, thumbnails, uploads
from vectormix_tf.studio.database import Database
from vectormix_tf.studio.errors import LostLease, MissingObject, Unavailable
from vectormix_tf.studio.shift import FIRST_PAUSE, LONGEST_PAUSE, Bench, Shift, Verdict
from vectormix_tf.studio.store import Store

log = logging.getLogger("vectormix.studio.worker")

ASK_SECONDS = 1.0  # between two claims while there is no job
KEEPING_SECONDS = 60.0  # between two rounds of housekeeping
GRACE_SECONDS = 8.0  # for the engine to come to a checkpoint when the worker ends
FRESH_SECONDS = blobs.ATTACH_SECONDS / 2  # for which a kept picture can be attached
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
HURT = 1  # exit code where an engine did not end in time

WRONG = "something went wrong here; please tell the operator."
NO_MEMORY = "there is not enough memory for this picture here; choose a smaller size."
NO_INPUT = "one of its pictures was deleted; choose another one."


class EngineAway(VectormixError):
    """The engine cannot work now; the job is unharmed."""


class Refused(VectormixError):
    """The engine refuses a job for good; the text is a sentence for the person."""


class Interrupted(VectormixError):
    """A job that must be put down before its engine has begun."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Where an engine left a job.

    Attributes:
        verdict: Why it ended; GO_ON if it is finished.
        progress: How far it came.
        picture: Returns the picture so far, a PNG file.
        state: Returns what to go on from; None if the latest checkpoint is all there
            is.
    """

    verdict: Verdict
    progress: leases.Progress
    picture: Callable[[], bytes]
    state: Callable[[], bytes | None]


class Engine(Protocol):
    """What takes the steps."""

    def describe(self, name: str) -> leases.Worker:
        """Returns what a worker of this name can do with it now.

        Raises:
            EngineAway: If it cannot do anything now.
        """

    def warm_up(self) -> None:
        """Does what would delay the first job; called while there is none.

        It is called often, and does nothing where that was done.

        Raises:
            EngineAway: If it can do nothing now.
        """

    def work(self, shift: Shift) -> Outcome:
        """Takes the steps of a job until it is finished, or the shift says otherwise.

        Raises:
            EngineAway: If it can do nothing for the job now.
            Refused: If the job cannot be done at all.
            Interrupted: If it had to end before there was anything to keep.
        """


class Worker:
    """A loop that claims jobs and does them.

    Args:
        database: Where the queue is.
        store: Where pictures are.
        settings: Of the studio.
        engine: What takes the steps.
        until: Ends it, between two jobs, once another worker has this engine.
    """

    def __init__(
        self,
        database: Database,
        store: Store,
        settings: StudioSettings,
        engine: Engine,
        until: str | None = None,
    ):
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.bench = Bench(database, store, settings, threading.Event())
        self._engine, self._until = engine, until
        self._shift: Shift | None = None

    def run(self) -> None:
        """Works until `stop`, or `until`."""
        keeping = threading.Thread(target=self._keep_house, name="house", daemon=True)
        keeping.start()
        pause, told = FIRST_PAUSE, ""
        while not self.bench.stopping.is_set():
            try:
                if self._is_replaced():
                    break
                busy = self.work_once()
                pause, told = FIRST_PAUSE, ""
            except (EngineAway, Unavailable) as error:
                if str(error) != told:
                    log.warning("waiting: %s", error)
                told = str(error)
                self.bench.stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            if not busy:
                self.bench.stopping.wait(ASK_SECONDS)
        with contextlib.suppress(Unavailable):
            leases.leave(self.bench.database, self.name)

    def _is_replaced(self) -> bool:
        database, engine = self.bench.database, self._until
        return engine is not None and leases.has_other(database, self.name, engine)

    def work_once(self) -> bool:
        """Does one job, if there is one, or prepares for one; returns whether.

        Raises:
            EngineAway: If there is nothing to work with.
            Unavailable: If the database is away.
        """
        who = self._engine.describe(self.name)
        lease = leases.claim(self.bench.database, who, self.bench.settings)
        if lease is None:
            self._engine.warm_up()
            return False
        log.info("job %s: %s of %d px by %s", *_words(lease))
        begun = time.monotonic()
        self._shift = Shift(self.bench, lease)
        try:
            with self._shift.lasting():
                end = self._do(self._shift)
        except LostLease:
            end = "lost"
        except Unavailable as error:  # and the worker ends, or it would go on trying
            end = f"left to its lease: {error}"
        finally:
            self._shift = None
        log.info("job %s: %s after %.1f s", lease.job, end, time.monotonic() - begun)
        return True

    def stop(self) -> None:
        """Ends the loop: the job is put down at its next step."""
        self.bench.stopping.set()

    def abandon(self) -> None:
        """Gives the job back as its latest checkpoint is, whatever the engine does."""
        shift = self._shift
        if shift is not None:
            with contextlib.suppress(LostLease, Unavailable):
                leases.release(self.bench.database, shift.lease)

    def _do(self, shift: Shift) -> str:
        """Does a job; returns a word for the log."""
        lease, database = shift.lease, self.bench.database
        if any(each == leases.Input(None, None) for each in lease.inputs.values()):
            return _fail(shift, NO_INPUT, final=True)
        begun = time.monotonic()
        try:
            outcome = self._engine.work(shift)
        except (EngineAway, Interrupted) as error:
            shift.patiently(lambda: leases.release(database, lease))
            if isinstance(error, EngineAway):
                log.warning("job %s: %s", lease.job, error)
            return "released"
        except MissingObject:
            return _fail(shift, NO_INPUT, final=True)
        except (LostLease, Unavailable):
            raise
        except (Refused, NotFiniteError, InputError) as error:
            return _fail(shift, NO_MEMORY if lacks_memory(error) else str(error), True)
        except Exception as error:
            if lacks_memory(error):
                return _fail(shift, NO_MEMORY, final=True)
            log.exception("job %s", lease.job)
            return _fail(shift, WRONG)
        seconds = time.monotonic() - begun
        end = _end(shift, outcome)
        if outcome.verdict == Verdict.GO_ON:
            self._tell_pace(shift, outcome, seconds)
        return end

    def _tell_pace(self, shift: Shift, outcome: Outcome, seconds: float) -> None:
        """Tells predictions how long this took; they can do without it."""
        lease = shift.lease
        with (
            contextlib.suppress(InputError, Unavailable),
            Image.open(io.BytesIO(outcome.picture())) as image,
        ):
            work = costs.work_of(lease.kind, lease.settings, image.size[::-1])
            done = work * (1 - lease.fraction)
            left = seconds - costs.STARTS[lease.engine]
            database = self.bench.database
            costs.measured(database, lease.kind, lease.engine, done, left)

    def _keep_house(self) -> None:
        """Deletes what is to be deleted, once a minute; any worker may."""
        while not self.bench.stopping.is_set():
            try:
                keep_house(self.bench.database, self.bench.store)
            except Unavailable as error:
                log.warning("housekeeping: %s", error)
            except Exception:
                log.exception("housekeeping")
            self.bench.stopping.wait(KEEPING_SECONDS)


def keep_house(database: Database, store: Store) -> None:
    """Deletes bytes, uploads, guests, sessions and links whose time is over.

    Raises:
        Unavailable: If database or store are away; what is left is another's.
    """
    uploads.expire(database)
    accounts.expire(database)
    while blobs.purge(database, store) == blobs.PURGED_AT_ONCE:
        pass


@contextlib.contextmanager
def ending_by_signals(worker: Worker) -> Iterator[None]:
    """The first signal ends a worker within seconds, the second one at once."""

    def handle(number: int, frame: object) -> None:
        if worker.bench.stopping.is_set():
            os._exit(128 + number)
        worker.stop()
        timer = threading.Timer(GRACE_SECONDS, _give_up, [worker])
        timer.daemon = True
        timer.start()

    before = {}
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None:
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up(worker: Worker) -> None:
    log.warning("the engine did not end in time; its job goes on from its checkpoint")
    worker.abandon()
    os._exit(HURT)


# --- The end of a job -----------------------------------------------------------------


def _end(shift: Shift, outcome: Outcome) -> str:
    database, lease = shift.bench.database, shift.lease
    if outcome.verdict in (Verdict.GIVE_WAY, Verdict.SHUT_DOWN):
        _release(shift, outcome)
        return f"released to {outcome.verdict.value}"
    pictures = _Pictures(shift, outcome.picture())
    if outcome.verdict == Verdict.CANCEL:
        fraction = min(outcome.progress.fraction, 1.0)
        shift.patiently(lambda: leases.stop(database, lease, fraction, pictures.kept()))
        return "stopped"
    shift.patiently(lambda: leases.finish(database, lease, pictures.kept()))
    return "done"


def _release(shift: Shift, outcome: Outcome) -> None:
    """Gives a job back with a checkpoint, or without where it cannot be written."""
    lease, database = shift.lease, shift.bench.database
    try:
        data = outcome.state()
        if data is not None:
            kept = shift.keep_state(data)
            leases.release(database, lease, outcome.progress, kept)
            return
    except Unavailable as error:
        log.warning("job %s: no checkpoint: %s", lease.job, error)
    shift.patiently(lambda: leases.release(database, lease))


def _fail(shift: Shift, text: str, final: bool = False) -> str:
    database, text = shift.bench.database, text.replace("`", "")
    shift.patiently(lambda: leases.fail(database, shift.lease, text, final))
    return f"failed: {text}"


class _Pictures:
    """A result and its thumbnails, put into the store once, and again if it is late."""

    def __init__(self, shift: Shift, png: bytes):
        self._shift, self._kept, self._until = shift, None, 0.0
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            image.load()
            small, large = thumbnails.make(image)
            self._size = image.size
        self._files = [
            blobs.File("picture", png, "image/png"),
            blobs.File("large", large.data, large.media_type),
            blobs.File("small", small.data, small.media_type),
        ]

    def kept(self) -> leases.Result:
        if self._kept is None or time.monotonic() > self._until:
            self._until = time.monotonic() + FRESH_SECONDS
            kept = {each.kind: each for each in self._shift.keep(self._files)}
            width, height = self._size
            self._kept = leases.Result(**kept, width=width, height=height)
        return self._kept


def _words(lease: leases.Lease) -> tuple[str, str, int, str]:
    return lease.job, lease.kind, lease.size, lease.worker.id
