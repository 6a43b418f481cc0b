"""Progress of a run: the record that callbacks get, and a bar that shows it."""

import contextlib
import dataclasses
import io
import math
import sys
from collections.abc import Callable, Mapping

import numpy as np
from tqdm.auto import tqdm

from vectormix_tf.errors import InputError

MINUTE = 60
MINUTES_FROM = 120  # seconds; longer durations are given in minutes


@dataclasses.dataclass(frozen=True)
class Progress:
    """State of a run after some steps.

    The first one of a mix comes before the network is loaded: its `step` is 0, it has
    no losses, and its picture is what `vectormix_tf.preview` makes.

    Attributes:
        octave: Number of the octave, from 1.
        octaves: How many octaves the run has.
        step: Steps done in this octave.
        steps: Steps of this octave.
        losses: Weighted loss of each term before the last step, by name.
        seconds_left: Estimate for the rest of the run; None if there is none yet.
        preview: Returns the picture so far, [H, W, 3] in [0, 1] (a batch
            [B, H, W, 3] in `visualize`, the vector in `mix_vectors`). It is decoded
            when called.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    seconds_left: float | None
    preview: Callable[[], np.ndarray]

    @classmethod
    def first(
        cls, octaves: int, steps: int, preview: Callable[[], np.ndarray]
    ) -> "Progress":
        """Returns that of a run in which no step is taken yet."""
        return cls(1, octaves, 0, steps, {}, None, preview)

    @property
    def loss(self) -> float:
        """Sum of the terms' losses; NaN if there are none yet."""
        return sum(self.losses.values()) if self.losses else math.nan


class ProgressBar:
    """Shows `Progress` records on stderr.

    On a terminal and in notebooks as a bar with loss and time left; a file or a pipe
    gets one line at the end of each octave. A terminal that was closed, or a pipe that
    nobody reads, ends no run: nothing is shown then. Nor does a stderr that the caller
    closed, or that cannot write some letter.
    """

    def __init__(self, what: str = "octave"):
        """Creates a bar; nothing is shown before the first record.

        Args:
            what: What the octaves of a record are called, e.g. "frame" or "batch".
        """
        self._what, self._bar = what, None
        self._last, self._before = None, 0  # record; steps of the octaves before it

    def __call__(self, progress: Progress) -> None:
        """Shows a record."""
        with contextlib.suppress(OSError, ValueError):
            self._show(progress)

    def _show(self, progress: Progress) -> None:
        if self._bar is None and is_interactive():
            self._bar = tqdm(
                total=0,
                bar_format="{desc} {n_fmt}/{total_fmt} |{bar}| {postfix}",
            )
        if self._bar is None:
            if progress.step == progress.steps:
                text = progress_line(progress, self._what)
                print_line(text)
            return
        self._bar.set_description_str(_place(progress, self._what))
        self._bar.set_postfix_str(_state(progress), refresh=False)
        if self._last is None:  # a resumed run starts in a later octave
            self._before = (progress.octave - 1) * progress.steps
        elif self._last.octave != progress.octave:
            self._before += self._last.steps
        self._last = progress
        octaves_left = progress.octaves - progress.octave + 1
        self._bar.total = self._before + octaves_left * progress.steps
        self._bar.update(self._before + progress.step - self._bar.n)
        if progress.step == 0:  # no update to tqdm, which then shows nothing
            self._bar.refresh()

    def close(self) -> None:
        """Leaves the bar as it is; the next output starts on a new line."""
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                self._bar.close()


def check_callback(on_progress: object, words: tuple[str, ...] = ("bar",)) -> None:
    """Refuses what is no `on_progress`.

    Args:
        on_progress: The argument of a public function.
        words: Names that it may be, besides a function and None.
    """
    is_word = isinstance(on_progress, str) and on_progress in words
    if not (on_progress is None or is_word or callable(on_progress)):
        names = "".join(f'"{word}", ' for word in words)
        raise InputError(
            f"`on_progress` must be {names}a function or None; received"
            f" {on_progress!r}."
        )


def print_line(text: str) -> None:
    """Prints a line on stderr, if it is open, above a progress bar if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            tqdm.write(text, file=sys.stderr)


def progress_line(progress: Progress, what: str = "octave") -> str:
    """Returns octave, step, losses and time left in one line."""
    step = f"step {progress.step}/{progress.steps}"
    return f"{_place(progress, what)} {step}: {_state(progress)}"


def _place(progress, what):
    return f"{what} {progress.octave}/{progress.octaves}"


def _state(progress: Progress) -> str:
    if not progress.losses:
        return "starting"
    state = f"loss {progress.loss:.4f}"
    if len(progress.losses) > 1:
        parts = (f"{name} {loss:.4f}" for name, loss in progress.losses.items())
        state += f" ({', '.join(parts)})"
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        state += f", {minutes}:{seconds:02d} left"
    return state


def is_interactive() -> bool:
    """Whether stderr shows bars: a terminal, or a notebook."""
    notebook = "ipykernel" in sys.modules
    return notebook or (sys.stderr is not None and sys.stderr.isatty())


class DelayedWriter(io.TextIOBase):
    """Writes to stderr, but delays the first text until a second one follows.

    Keras announces a download before it starts. If the download fails at once, nothing
    follows, and the error is the only line that the user sees.
    """

    def __init__(self):
        self._delayed = None

    def write(self, text: str) -> int:
        """Keeps the first text back; writes it in front of the second."""
        if self._delayed is None:
            self._delayed = text
        else:
            sys.stderr.write(self._delayed + text)
            self._delayed = ""
        return len(text)

    def flush(self) -> None:
        """Flushes stderr."""
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Returns e.g. "2.5 seconds", "40 seconds" or "3 minutes"."""
    if seconds >= MINUTES_FROM:
        return f"{seconds / MINUTE:.0f} minutes"
    digits = 0 if seconds >= 10 else 1
    return f"{seconds:.{digits}f} seconds"
