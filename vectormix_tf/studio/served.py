"""The engine `served`: model servers compute, a few seconds with each request."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vectormix_tf.client import runs
from vectormix_tf.client.connection import Connection, connect
from vectormix_tf.errors import InputError, ServerError
from vectormix_tf.studio import leases, pictures, schema
from vectormix_tf.studio.errors import MissingObject
from vectormix_tf.studio.shift import FIRST_PAUSE, LONGEST_PAUSE, Shift, Verdict
from vectormix_tf.studio.worker import EngineAway, Interrupted, Outcome, Refused

log = logging.getLogger("vectormix.studio.worker")

# Of a request. After each there is news; each packs and sends the whole state, which on
# a slow machine takes as long as two steps.
CHUNK_SECONDS = 6.0
CHUNK_GROWTH = 4  # largest factor from the steps of one request to those of the next
WARM_UP_SIZE = 256  # pixels: enough for all scales at which styles are compared
PATIENCE = 120.0  # seconds for which a job waits for a server that is away
LOSSES = 3  # of a server by the same request, after which the request is to blame
# What a server may get over, by itself or by a restart.
PASSING = (
    *("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED"),
    *("CANCELLED", "INTERNAL", "UNKNOWN"),
)
TOO_HARD = "the model could not compute it; please tell the operator."
PERSONS = ("FAILED_PRECONDITION", "INVALID_ARGUMENT", "OUT_OF_RANGE")


class Served:
    """Runs on one or several model servers with the same model.

    Args:
        address: Of them, as of `client.connect`.
        timeout: Seconds that one request may take.
    """

    name = "served"

    def __init__(self, address: str, timeout: float = 60.0):
        self.address, self._timeout = address, timeout
        self._connection = connect(address, timeout)
        self._pinned: dict[int, Connection] = {}
        self._version = 0
        self._warm = 0  # version whose server has built its graphs

    def describe(self, name: str) -> leases.Worker:
        """See `worker.Engine`."""
        try:
            self._version = self._connection.version or self._connection.status()
            size = self._of_version().about("limits")["size"]
        except ServerError as error:
            self._warm = 0
            raise EngineAway(str(error)) from error
        version = f"{self._connection.model}/{self._version}"
        return leases.Worker(
            name, (self.name,), int(size), dict.fromkeys(schema.JOB_KINDS, version)
        )

    def warm_up(self) -> None:
        """See `worker.Engine`: a small mix, for which a server builds its graphs."""
        if self._warm == self._version:
            return
        begun, connection = time.monotonic(), self._of_version()
        try:
            size = min(WARM_UP_SIZE, int(connection.about("limits")["size"]))
            content, style = np.random.default_rng(0).random([2, size, size, 3])
            settings = {"size": size, "steps": 1}
            mix = runs.prepare_mix(connection, content, style, settings=settings)
            runs.Run(connection, "mix", mix.inputs).advance()
        except (InputError, ServerError) as error:
            if getattr(error, "code", "") in PASSING:
                raise EngineAway(str(error)) from error
            log.warning("the model cannot make a mix of noise: %s", error)
        self._warm = self._version
        log.info("the model is ready after %.1f s", time.monotonic() - begun)

    def work(self, shift: Shift) -> Outcome:
        """See `worker.Engine`."""
        try:
            return _Job(shift, self._of_version()).work()
        except InputError as error:
            raise Refused(_for_people(error, self._connection.address)) from error
        except ServerError as error:
            if error.code in PERSONS:
                raise Refused(_for_people(error, self._connection.address)) from error
            raise EngineAway(str(error)) from error  # NOT_FOUND: the version is gone

    def _of_version(self) -> Connection:
        """A connection that no newer model answers, while a job has this one's."""
        if self._version not in self._pinned:
            model = self._connection.model
            roots = self._connection.address.split(",")
            places = ",".join(f"{root}/{model}/{self._version}" for root in roots)
            self._pinned = {self._version: connect(places, self._timeout)}
        return self._pinned[self._version]


class _Job:
    """A job on a server."""

    def __init__(self, shift: Shift, connection: Connection):
        self._shift, self._connection = shift, connection
        self._kind = shift.lease.kind
        self._pictures: dict[str, bytes] = {}
        self._settings: Mapping[str, Any] = {}

    def work(self) -> Outcome:
        run = self._begun()
        about = self._patiently(lambda: self._connection.about(self._kind))
        self._settings = about["open"] | about["fixed"] | self._shift.lease.settings
        chunk = 1
        while True:
            verdict = self._report(run)
            if run.finished or verdict != Verdict.GO_ON:
                return self._outcome(run, Verdict.GO_ON if run.finished else verdict)
            begun = time.monotonic()
            try:
                self._patiently(lambda steps=chunk: run.advance(steps))
            except EngineAway as error:
                log.warning("job %s: %s", self._shift.lease.job, error)
                return self._outcome(run, Verdict.SHUT_DOWN)
            except _Ended as end:
                return self._outcome(run, end.verdict)
            seconds = max(time.monotonic() - begun, 1e-3)
            ideal = chunk * CHUNK_SECONDS / seconds
            chunk = max(1, min(round(ideal), CHUNK_GROWTH * chunk))

    def _begun(self) -> runs.Run:
        shift = self._shift
        data = shift.read_state()
        if data is not None:
            return runs.Run.from_checkpoint(self._connection, data)
        self._read()
        given = self._pictures
        settings = dict(shift.lease.settings) | {"size": shift.lease.size}
        content, mask = pictures.content_of(self._kind, given), given.get("mask")

        def prepare() -> runs.Prepared:
            if self._kind == "mix":
                style = given.get("style")
                if content is None or style is None:
                    raise InputError("a mix needs a content and a style.")
                return runs.prepare_mix(
                    *(self._connection, content, style, mask),
                    settings=settings,
                )
            if content is None:
                raise InputError("a dream needs a picture.")
            guide = given.get("guide")
            return runs.prepare_dream(
                self._connection, content, guide, mask, settings=settings
            )

        prepared = self._patiently(prepare)
        if self._kind == "mix":  # before the server has built its first graph
            shift.show(pictures.small_jpeg_of(prepared.preview()))
        return self._patiently(
            lambda: runs.Run(self._connection, self._kind, prepared.inputs)
        )

    def _read(self) -> None:
        if not self._pictures:
            inputs = self._shift.lease.inputs
            self._pictures = pictures.read(inputs, self._shift.read)

    def _report(self, run: runs.Run) -> Verdict:
        taken = len(run.losses) > 0 or self._kind == "dream"
        preview = (lambda: pictures.small_jpeg(run.preview)) if taken else None
        return self._shift.report(self._progress(run), preview, self._state_of(run))

    def _state_of(self, run: runs.Run) -> Callable[[], bytes | None]:
        """Returns what returns the checkpoint of a run, if it is a new one."""
        return lambda: (
            None if len(run.losses) == self._shift.saved.step else run.checkpoint()
        )

    def _progress(self, run: runs.Run) -> leases.Progress:
        place = run.octave, run.octaves, run.step, run.steps
        done = 1.0 if run.finished else fraction_done(self._settings, *place)
        return leases.Progress(len(run.losses), done)

    def _outcome(self, run: runs.Run, verdict: Verdict) -> Outcome:
        def picture() -> bytes:
            with contextlib.suppress(FileNotFoundError, MissingObject):
                self._read()
            content = pictures.content_of(self._kind, self._pictures)
            limits = self._connection.about("limits")
            most = self._settings.get("max_pixels") or limits.get("pixels", 1 << 24)
            return pictures.with_transparency(run.image, content, most)

        return Outcome(verdict, self._progress(run), picture, self._state_of(run))

    def _patiently(self, call: Callable[[], Any]) -> Any:
        """Calls again with growing pauses while the server is away.

        Raises:
            EngineAway: If it stays away.
            Interrupted: If there is something else to do meanwhile.
            ServerError: If it refuses, or if this call ends one server after another.
        """
        begun, pause, losses = time.monotonic(), FIRST_PAUSE, 0
        while True:
            try:
                return call()
            except ServerError as error:
                if error.code not in PASSING:
                    raise
                log.warning("job %s waits: %s", self._shift.lease.job, error)
                if time.monotonic() - begun > PATIENCE:
                    raise EngineAway(str(error)) from error
                losses += self._is_back()
                if losses >= LOSSES:
                    raise RuntimeError(f"{losses} times: {error}") from error
            verdict = self._shift.wait(pause)
            if verdict != Verdict.GO_ON:
                raise _Ended(verdict)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _is_back(self) -> bool:
        """Whether the server answers others, so that this call is what it cannot do."""
        try:
            self._connection.status()
        except ServerError:
            return False
        return True


class _Ended(Interrupted):
    """There is something else to do than to wait for a server."""

    def __init__(self, verdict: Verdict):
        super().__init__(verdict.value)
        self.verdict = verdict


def fraction_done(
    settings: Mapping[str, Any], octave: int, octaves: int, step: int, steps: int
) -> float:
    """Returns the share of a run's work that is done, in [0, 1].

    The cost of a step is proportional to the pixels of its octave.

    Args:
        settings: Of the run, with `octave_scale` and `octave_steps`.
        octave: Number of the octave, from 1.
        octaves: How many there are.
        step: Steps done in this octave.
        steps: Of this octave; what the others have follows from it.
    """
    scale, growth = settings.get("octave_scale", 1.0), settings.get("octave_steps", 1.0)
    costs = [
        max(1.0, steps * growth ** (i - octave)) * scale ** (2 * (i - octave))
        for i in range(1, octaves + 1)
    ]
    return min(1.0, (sum(costs[: octave - 1]) + step) / sum(costs))


def _for_people(error: Exception, address: str) -> str:
    """The text of an error without the address of the server."""
    text = str(error)
    for each in address.split(","):
        text = text.replace(f"the server at {each} refused: ", "")
        text = text.replace(f" at {each}", "")
    hidden = address.split(",") + [each.split("//")[-1] for each in address.split(",")]
    return TOO_HARD if any(each in text for each in hidden) else text
