"""The engine `library`: this package computes, in the worker itself.

For what no model server does: several styles, masks of styles, sizes beyond the limit
of an exported model; and for all jobs while no model is served yet. TensorFlow is
loaded with the first job.
"""

import os
import pathlib
import tempfile
import warnings
from collections.abc import Mapping

import numpy as np

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_SIZE, MAX_STEPS
from vectormix_tf.errors import InputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import version
from vectormix_tf.io.progress import Progress
from vectormix_tf.io.results import PictureResult
from vectormix_tf.studio import leases, pictures, schema
from vectormix_tf.studio.errors import LostLease
from vectormix_tf.studio.served import fraction_done
from vectormix_tf.studio.shift import Shift, Verdict
from vectormix_tf.studio.worker import Interrupted, Outcome

CHECKPOINT = "checkpoint.npz"


class Library:
    """Runs in this process.

    Args:
        size: Largest long side in pixels.
        stands_in: Whether it takes the jobs of model servers too.
    """

    name = "library"

    def __init__(self, size: int = MAX_SIZE, stands_in: bool = False):
        self._size = size
        self._engines = schema.ENGINES if stands_in else (self.name,)

    def describe(self, name: str) -> leases.Worker:
        """See `worker.Engine`."""
        model = f"library/{version('vectormix_tf')}"
        versions = dict.fromkeys(schema.JOB_KINDS, model)
        return leases.Worker(name, self._engines, self._size, versions)

    def warm_up(self) -> None:
        """See `worker.Engine`; nothing: TensorFlow is loaded with the first job."""

    def work(self, shift: Shift) -> Outcome:
        """See `worker.Engine`."""
        with tempfile.TemporaryDirectory(prefix="vectormix-") as folder:
            return _Job(shift, pathlib.Path(folder) / CHECKPOINT).work()


class _Job:
    """A job in this process."""

    def __init__(self, shift: Shift, path: pathlib.Path):
        self._shift, self._path = shift, path
        self._verdict, self._lost = Verdict.GO_ON, False
        self._progress = shift.progress
        self._octave, self._before, self._steps = 0, 0, 0  # steps of earlier octaves
        # Times of the checkpoint's file that is in the store, and that was last read.
        self._saved: int | None = None
        self._offered: int | None = None
        kind = MixSettings if shift.lease.kind == "mix" else DreamSettings
        self._settings = vars(kind(**shift.lease.settings))

    def work(self) -> Outcome:
        shift = self._shift
        if shift.verdict() != Verdict.GO_ON:
            raise Interrupted("there is something else to do")
        given = pictures.read(shift.lease.inputs, shift.read)
        state = shift.read_state()
        if state is not None:
            self._path.write_bytes(state)
            self._saved = self._time()
            self._before = None
        result = self._result(given, state is not None)
        if self._lost:
            raise LostLease(shift.lease.job)
        verdict = Verdict.GO_ON if result.finished else self._verdict
        data = self._state() if not result.finished else None
        png = output.encode(result.image[None], ".png", _batched(result.transparency))
        return Outcome(verdict, self._progress, lambda: png, lambda: data)

    def _result(self, given: Mapping[str, bytes], resume: bool) -> PictureResult:
        import vectormix_tf

        lease = self._shift.lease
        options = dict(lease.settings) | {"size": lease.size}
        options |= {"checkpoint": self._path, "resume": resume}
        content, mask = pictures.content_of(lease.kind, given), given.get("mask")
        guide = given.get("guide")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # notices are for the command line
                if lease.kind == "dream":
                    if content is None:
                        raise InputError("a dream needs a picture.")
                    return vectormix_tf.dream(
                        content,
                        guide=guide,
                        mask=mask,
                        on_progress=self._report,
                        **options,
                    )
                return vectormix_tf.mix(
                    content,
                    _numbered(given, "style"),
                    mask=mask,
                    style_mask=_numbered(given, "style_mask"),
                    guide=guide,
                    on_progress=self._report,
                    **options,
                )
        except KeyboardInterrupt:  # before its first step
            if self._lost:
                raise LostLease(lease.job) from None
            raise Interrupted("there is something else to do") from None

    def _report(self, progress: Progress) -> None:
        """Reports; raises `KeyboardInterrupt` to end the run with what there is."""
        self._progress = self._position(progress)

        def preview() -> bytes:
            return pictures.small_jpeg_of(progress.preview())

        before = self._shift.saved
        try:
            verdict = self._shift.report(self._progress, preview, self._state)
        except LostLease:
            self._lost = True
            raise KeyboardInterrupt from None
        if self._shift.saved is not before:
            self._saved = self._offered
        if verdict != Verdict.GO_ON:
            self._verdict = verdict
            raise KeyboardInterrupt

    def _position(self, progress: Progress) -> leases.Progress:
        if self._before is None:  # a resumed run, which may begin in a later octave
            self._before = max(0, self._shift.lease.step - progress.step)
        elif progress.octave > self._octave > 0:
            self._before += self._steps
        self._octave, self._steps = progress.octave, progress.steps
        place = progress.octave, progress.octaves, progress.step, progress.steps
        done = fraction_done(self._settings, *place)
        return leases.Progress(min(self._before + progress.step, MAX_STEPS**2), done)

    def _state(self) -> bytes | None:
        """The checkpoint's file, if it is newer than what was uploaded."""
        time = self._time()
        if time is None or time == self._saved:
            return None
        self._offered = time
        return self._path.read_bytes()

    def _time(self) -> int | None:
        try:
            return os.stat(self._path).st_mtime_ns
        except FileNotFoundError:
            return None


def _numbered(given: Mapping[str, bytes], slot: str) -> list[bytes] | None:
    """Pictures of "style", "style_2", "style_3", ... in their order."""
    found = [
        (int(name.rpartition("_")[2]) if name != slot else 1, data)
        for name, data in given.items()
        if name == slot or name.removeprefix(f"{slot}_").isdecimal()
    ]
    return [data for _, data in sorted(found, key=lambda each: each[0])] or None


def _batched(transparency: np.ndarray | None) -> np.ndarray | None:
    return None if transparency is None else transparency[None]
