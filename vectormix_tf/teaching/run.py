"""A run of a lesson: its clock, its files, its progress, and how it ends."""

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vectormix_tf.backbone import folded
from vectormix_tf.config.teach import STATE_ENDING
from vectormix_tf.errors import NotFiniteError, Notice, OutputError
from vectormix_tf.io import output
from vectormix_tf.io.completion import complete
from vectormix_tf.io.progress import MINUTE, Progress
from vectormix_tf.teaching import state
from vectormix_tf.teaching.lesson import Lesson

PARTS, HUNDRED = 20, 100  # of a lesson, and of each part, for the progress
EVERY_STATE = 180  # seconds between states: each is half a gigabyte
EVERY_GOOD = 16  # batches between weights to go back to
SMOOTH = 0.05  # share of a step's losses in those that are shown


class Run:
    """Teaches until the clock or the number of steps is reached.

    Args:
        lesson: To teach, from its start or its state.
        fingerprint: Of the run.
        output: Path of the weights.
        seconds: How long the lesson was taught before.

    Attributes:
        losses: Of all steps lately, in the order of `lesson.names`; None before any.
    """

    def __init__(
        self,
        lesson: Lesson,
        fingerprint: Mapping[str, Any],
        output: str,
        seconds: float = 0.0,
    ):
        self.lesson, self.output, self.losses = lesson, output, None
        self.state = f"{output}{STATE_ENDING}"
        self._fingerprint = fingerprint
        self._before, self._start = seconds, time.monotonic()
        self._working = threading.Lock()
        self._recovered = False  # whether nothing was good since then
        self._good = self._values()
        self._part = None  # of the last record

    @property
    def seconds(self) -> float:
        """How long the lesson has been taught."""
        return self._before + time.monotonic() - self._start

    @property
    def share(self) -> float:
        """How much of the lesson is done; 1 at its end."""
        settings = self.lesson.settings
        if settings.steps is not None:
            return min(self.lesson.step / settings.steps, 1)
        return min(self.seconds / (settings.minutes * MINUTE), 1)

    def teach(self, on_progress: Callable[[Progress], None]) -> bool:
        """Teaches to the end and writes the weights.

        Args:
            on_progress: Gets a record after each batch.

        Returns:
            False if it was interrupted: the weights so far and the state are written.

        Raises:
            NotFiniteError: If losses became NaN or infinite twice in a row; what was
                learnt before is written, if anything was.
            KeyboardInterrupt: If there was nothing to write.
        """
        saved, finished = time.monotonic(), True
        try:
            while (share := self.share) < 1 and finished:
                finished = complete(self._batch, share)
                self._tell(on_progress)
                if time.monotonic() - saved > EVERY_STATE:
                    finished = complete(self._try_state) and finished
                    saved = time.monotonic()
        except KeyboardInterrupt:  # between two batches
            if self.losses is None:
                raise
            finished = False
        except NotFiniteError as error:
            if self.losses is not None:
                complete(self._keep, False)
                error.result = self.output
            raise
        finished = finished or self.share >= 1
        complete(self._keep, finished)
        return finished

    def _batch(self, share: float) -> None:
        with self._working:
            steps = self.lesson.settings.steps
            most = self.lesson.settings.replays
            if steps is not None:
                most = min(most, steps - self.lesson.step)
            rows = self.lesson.teach(share, most)
            if not np.isfinite(rows).all():
                self._go_back()
                return
            for row in rows[:, :-1]:
                before = row if self.losses is None else self.losses
                self.losses = before + SMOOTH * (row - before)
            if self.lesson.batch % EVERY_GOOD == 0:
                self._good, self._recovered = self._values(), False

    # --- Weights to go back to --------------------------------------------------------

    def _values(self) -> dict[str, Any]:
        return {k: each.read_value() for k, each in self.lesson.variables().items()}

    def _go_back(self) -> None:
        """Takes the last good weights, and a new optimizer at half the rate."""
        for name, variable in self.lesson.variables().items():
            variable.assign(self._good[name])
        for variable in self.lesson.optimizer.variables:
            variable.assign(np.zeros(variable.shape, np.float32))
        self.lesson.slower /= 2
        what = f"the losses of step {self.lesson.step} are NaN or infinite"
        if self._recovered:
            raise NotFiniteError(
                f"{what}, again, at half the rate; choose a smaller `learning_rate`."
            )
        self._recovered = True
        text = f"{what}; the lesson goes on from earlier weights at half the rate."
        warnings.warn(Notice(text), stacklevel=2)

    # --- Files ------------------------------------------------------------------------

    def _save_state(self) -> None:
        state.save(self.state, self.lesson, self.seconds, self._fingerprint)

    def _try_state(self) -> None:
        """Writes the state, or tells that it cannot: that must not end a lesson."""
        try:
            self._save_state()
        except OutputError as error:  # a full disk
            warnings.warn(Notice(f"{error} The lesson goes on."), stacklevel=2)

    def _keep(self, finished: bool) -> None:
        """Writes the weights, and the state, ten times as large, unless finished."""
        with self._working:
            data = folded.encode(self.lesson.folded())
            output.write_bytes(self.output, data, overwrite=True)
            if not finished:
                self._save_state()
            else:
                with contextlib.suppress(OSError):
                    os.unlink(self.state)

    # --- Progress ---------------------------------------------------------------------

    def _tell(self, show: Callable[[Progress], None]) -> None:
        """Shows a record, and before it the last one of a part that has ended."""
        if self.losses is None:
            return
        part, place = divmod(self.share * PARTS, 1)
        if self.share >= 1:
            part, place = PARTS - 1, 1
        if self._part is not None and part > self._part:
            show(self._progress(self._part, 1))
        self._part = part
        show(self._progress(part, place))

    def _progress(self, part: float, place: float) -> Progress:
        share = max(self.share, 1e-9)
        settings = self.lesson.settings
        total = self.seconds / share
        if settings.steps is None:
            total = settings.minutes * MINUTE
        *errors, classes = map(float, self.losses)
        return Progress(
            octave=int(part) + 1,
            octaves=PARTS,
            step=int(HUNDRED * place),
            steps=HUNDRED,
            losses={"features": float(np.mean(errors)), "classes": classes},
            seconds_left=max(total - self.seconds, 0),
            preview=lambda: None,
        )
