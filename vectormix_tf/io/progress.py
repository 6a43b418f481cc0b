"""Bars: show how far a run has come, on a terminal, in a notebook, or line by line."""

import dataclasses
import io
import sys
from collections.abc import Callable, Mapping

import numpy as np
from tqdm.auto import tqdm

MINUTE = 60
MINUTES_FROM = 120  # seconds; from here on minutes are told


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come, after each chunk of steps.

    Attributes:
        octave: From 1 to `octaves`.
        step: Steps done in this octave, up to `steps`.
        losses: The weighted loss of each term at the last step, by name.
        seconds_left: Estimate for the rest of the run; None before the first steps.
        preview: Returns what there is now, an image [1, H, W, 3] in [0, 1] (or the
            vector); decoded only when called.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    seconds_left: float | None
    preview: Callable[[], np.ndarray]

    @property
    def loss(self) -> float:
        """Sum of the terms' losses."""
        return sum(self.losses.values())


class Bar:
    """Shows `Progress` records: a bar where someone looks, else one line per octave.

    On a terminal and in notebooks the bar has loss and time left; a file or a pipe gets
    a line on stderr at the end of each octave.
    """

    def __init__(self, what: str = "octave"):
        """`what` is what a record calls an octave."""
        self._what, self._bar = what, None
        self._last, self._before = None, 0  # record; steps of the octaves before it

    def __call__(self, progress: Progress) -> None:
        """Shows one record."""
        if self._bar is None and _someone_looks():
            self._bar = tqdm(
                total=0,
                bar_format="{desc} {n_fmt}/{total_fmt} |{bar}| {postfix}",
            )
        if self._bar is None:
            if progress.step == progress.steps:
                text = describe(progress, self._what)
                print(text, file=sys.stderr, flush=True)
            return
        self._bar.set_description_str(_place(progress, self._what))
        self._bar.set_postfix_str(_state(progress), refresh=False)
        if self._last is None:  # of a run that goes on, perhaps
            self._before = (progress.octave - 1) * progress.steps
        elif self._last.octave != progress.octave:
            self._before += self._last.steps
        self._last = progress
        further = progress.octaves - progress.octave + 1
        self._bar.total = self._before + further * progress.steps
        self._bar.update(self._before + progress.step - self._bar.n)

    def close(self) -> None:
        """Leaves the bar as it stands; what comes next starts on a line of its own."""
        if self._bar is not None:
            self._bar.close()


def announce(text: str) -> None:
    """A line on stderr about what comes next; a bar that stands stays whole."""
    tqdm.write(text, file=sys.stderr)


def describe(progress: Progress, what: str = "octave") -> str:
    """One line: octave, step, losses, time left."""
    step = f"step {progress.step}/{progress.steps}"
    return f"{_place(progress, what)} {step}: {_state(progress)}"


def _place(progress, what):
    return f"{what} {progress.octave}/{progress.octaves}"


def _state(progress: Progress) -> str:
    state = f"loss {progress.loss:.4f}"
    if len(progress.losses) > 1:
        parts = (f"{name} {loss:.4f}" for name, loss in progress.losses.items())
        state += f" ({', '.join(parts)})"
    if progress.seconds_left is not None:
        minutes, seconds = divmod(round(progress.seconds_left), 60)
        state += f", {minutes}:{seconds:02d} left"
    return state


def _someone_looks() -> bool:
    notebook = "ipykernel" in sys.modules
    return notebook or (sys.stderr is not None and sys.stderr.isatty())


class Held(io.TextIOBase):
    """Writes to stderr, where progress belongs, but for what comes first.

    That waits for the second: of a download that fails at once, an announcement would
    be a line beside the one that says so.
    """

    def __init__(self):
        self._first = None

    def write(self, text: str) -> int:
        """Keeps the first text back, or writes what there is."""
        if self._first is None:
            self._first = text
        else:
            sys.stderr.write(self._first + text)
            self._first = ""
        return len(text)

    def flush(self) -> None:
        """That of stderr."""
        sys.stderr.flush()


def duration(seconds: float) -> str:
    """Returns a length of time as one would say it."""
    if seconds >= MINUTES_FROM:
        return f"{seconds / MINUTE:.0f} minutes"
    digits = 0 if seconds >= 10 else 1
    return f"{seconds:.{digits}f} seconds"
