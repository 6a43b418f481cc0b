"""Frames of films: what those before say of a frame, and how it follows from them.

Ruder, Dosovitskiy and Brox 2016, "Artistic style transfer for videos",
arXiv:1604.08610: a frame starts from the ones before, moved along the optical flow, and
is held to them where the flow is consistent. Scenes begin anew. As a departure from the
paper a share of the frames before stays as it is (`inertia`): few steps follow each
other with different random transforms, and what they do not agree on would flicker.
"""

import dataclasses
import math
import time
import warnings
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from vectormix_tf.config.film import DreamFilmSettings, FilmSettings
from vectormix_tf.config.octaves import Octave
from vectormix_tf.errors import Notice
from vectormix_tf.filters import flow
from vectormix_tf.filters.flow import Motion
from vectormix_tf.filters.frames import WHITE, Past, in_size, to_bytes, to_floats
from vectormix_tf.io import images
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.masks import read_mask
from vectormix_tf.io.progress import Progress, duration
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.ops.border import crop_padding
from vectormix_tf.optim import estimates
from vectormix_tf.optim.memory import GIGA
from vectormix_tf.optim.problem import Problem
from vectormix_tf.recipes.run import ImageFunction, OnProgress

# How many frames back a frame is held to. What the first of them does not show is taken
# from the next (equation 10 of the paper).
LAGS = (1, 2, 4)
# Share of the pixels that must have come from the frame before; else a scene begins.
CUT = 0.25

# Frames in which a place that came into view gets its strokes, before it is held.
SETTLING = 8
# Pixels of motion per frame up to which a place counts as still, and the share of
# `inertia` where it moves faster.
STILL, MOVING = 0.25, 1 / 3


@dataclasses.dataclass(kw_only=True, repr=False)
class FilmFrame(PictureResult[FilmSettings | DreamFilmSettings]):
    """A `PictureResult` that is a frame of a film.

    Attributes:
        number: From 1.
        begins: Whether it begins a scene.
        error: Mean squared difference from the frame before along the optical flow,
            where that is consistent (Lai et al. 2018, arXiv:1808.00449, equation 6);
            NaN where a scene begins, or goes on after a flash.
        source_error: The same of the film that it was made from.
        past: All that later frames depend on: the last frames, this one at the end.
    """

    number: int
    begins: bool
    error: float
    source_error: float
    past: tuple[Past, ...]


class Expected(NamedTuple):
    """What the frames before say of a frame; float32.

    Attributes:
        x: What is optimized, moved along the flow, [1, H, W, 3] in [0, 1].
        weights: How surely, [1, H, W, 1] in [0, 1]; where it is 0 the others have no
            meaning.
        settled: How finished it is, [1, H, W, 1] in [0, 1].
        strength: `Past.strength` of its scene.
    """

    x: np.ndarray
    weights: np.ndarray
    settled: np.ndarray
    strength: float


class Frame(Protocol):
    """A frame of a film: a mix or a dream.

    Attributes:
        settings: Its own.
    """

    settings: FilmSettings | DreamFilmSettings

    def begin(self, on_progress: OnProgress | None) -> PictureResult:
        """Makes the first frame of a scene, without `finish`."""

    def go_on(self, expected: Expected, on_progress: OnProgress | None) -> Result:
        """Makes a frame from those before it, without `finish`; no padding."""

    def finish(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the result of what is optimized, [1, H, W, 3]."""


class FilmRecipe(Protocol):
    """How the frames of a film are made: as mixes or as dreams.

    Attributes:
        settings: Of the film.
        size: Height and width of the result.
        octaves: Of the first frame of a scene.
    """

    settings: FilmSettings | DreamFilmSettings
    size: tuple[int, int]
    octaves: list[Octave]

    def problem(self) -> Problem:
        """Returns the problem of the first frame of a scene."""

    def frame(self, number: int, source: np.ndarray) -> Frame:
        """Returns a frame, by its number from 1.

        Args:
            number: Of the frame.
            source: The frame of the film, uint8 [H, W, 3].
        """

    def base(self, source: np.ndarray) -> np.ndarray | float:
        """Returns what a frame adds its own to, [H, W, 3]: only that part moves on.

        Args:
            source: The frame of the film, uint8 [H, W, 3].
        """


class FrameMaker:
    """Makes one frame of a film after another.

    Attributes:
        past: The last frames, as `FilmFrame.past`.
    """

    def __init__(self, recipe: FilmRecipe, mask: ImageLike | None, count: int):
        """Prepares.

        Args:
            recipe: How frames are made.
            mask: That of all frames; None changes all of them everywhere.
            count: How many frames there are, for estimates of the time.
        """
        self._recipe, self._count = recipe, count
        self._mask = None
        if mask is not None:
            self._mask = read_mask(mask, recipe.size, recipe.settings.max_pixels)
        self.past: list[Past] = []
        self._done = 0
        self._seconds: list[float] = []  # that frames took which begin no scene

    def announce(self) -> None:
        """Tells how long the frames take, and how much memory.

        Warns:
            Notice: In one line.

        Raises:
            InputError: If there is too little memory.
        """
        recipe = self._recipe
        cost = estimates.step_cost(recipe.problem(), recipe.settings.precision)
        estimates.check_memory(cost, recipe.octaves)
        peaks = estimates.peaks(cost.precision)
        own = Octave(recipe.size, recipe.settings.further_steps)
        each = own.steps * cost.seconds(own, peaks)
        seconds = estimates.seconds(cost, recipe.octaves, peaks)
        height, width = recipe.size
        warnings.warn(
            f"{self._count} frames of {width} x {height} pixels take about"
            f" {duration(seconds + (self._count - 1) * each)} and"
            f" {estimates.memory(cost, recipe.octaves) / GIGA:.1f} GB of memory, if"
            " there is one scene.",
            Notice,
            stacklevel=4,
        )

    def make(
        self,
        picture: np.ndarray,
        mask: np.ndarray | None,
        number: int,
        on_progress: OnProgress | None,
    ) -> FilmFrame:
        """Returns the result of a frame.

        Args:
            picture: The frame of the film, uint8 [H, W, 3].
            mask: Its own, [1, h, w, 1] in [0, 1]; None takes that of all frames.
            number: From 1.
            on_progress: Called with a `Progress` of the whole film.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
        """
        begun = time.monotonic()
        source = in_size(picture, self._recipe.size)
        frame = self._recipe.frame(number, source)
        motions = self._motions(source)
        callback = on_progress and self._of_film(on_progress, frame)
        if motions:
            expected = self._expected(motions, source)
            result = self._go_on(frame, motions, expected, callback)
            settled = np.minimum(1, expected.weights * expected.settled + 1 / SETTLING)
            scene, strength = self.past[-min(motions)].scene, expected.strength
        else:
            result = frame.begin(callback)
            settled = np.ones([1, *self._recipe.size, 1], np.float32)
            scene = 1 + max((past.scene for past in self.past), default=0)
            strength = float(np.std(result.x - self._recipe.base(source)))
        if not result.finished:
            raise KeyboardInterrupt
        image = self._masked(np.asarray(frame.finish(result.x)), source, mask)
        pictures = (to_bytes(each[0]) for each in (result.x, image, settled))
        now = Past(source, *pictures, scene, strength)
        errors = self._errors(now, motions)
        self.past = [*self.past, now][-max(LAGS) :]
        self._done += 1
        self._seconds += [time.monotonic() - begun] * bool(motions)
        fields = {**vars(result), "x": image, "settings": frame.settings}
        fields |= {"error": errors[0], "source_error": errors[1]}
        return FilmFrame(
            **fields, number=number, begins=not motions, past=tuple(self.past)
        )

    def _go_on(
        self,
        frame: Frame,
        motions: Mapping[int, Motion],
        expected: Expected,
        on_progress: OnProgress | None,
    ) -> Result:
        """Makes a frame from those before it, of which a share stays."""
        result = frame.go_on(expected, on_progress)
        share = frame.settings.inertia * _stillness(motions[min(motions)])
        share = share * expected.weights * expected.settled
        x = result.x + share * (expected.x - result.x)
        return dataclasses.replace(result, x=x)

    def _masked(
        self, image: np.ndarray, source: np.ndarray, mask: np.ndarray | None
    ) -> np.ndarray:
        """Gives back the film where its mask is black; [1, H, W, 3] in [0, 1]."""
        share = self._mask
        if mask is not None:
            share = images.resize(mask, self._recipe.size)
        if share is not None:
            image = share * image + (1 - share) * to_floats(source)
        return np.clip(image, 0, 1)

    # --- What the frames before say ---------------------------------------------------

    def _motions(self, source: np.ndarray) -> dict[int, Motion]:
        """How a frame has come from earlier ones, by how many frames back they are.

        They are all of one scene: that of the latest frame which the frame has come
        from. So a scene goes on after a flash. If there is none, the frame begins one.
        """
        motions = {
            lag: flow.motion(source, self.past[-lag].source)
            for lag in LAGS
            if lag <= len(self.past)
        }
        near = (lag for lag, each in motions.items() if each.weights.mean() >= CUT)
        latest = next(near, None)
        if latest is None:
            return {}
        scene = self.past[-latest].scene
        return {n: each for n, each in motions.items() if self.past[-n].scene == scene}

    def _expected(self, motions: Mapping[int, Motion], source: np.ndarray) -> Expected:
        """What the frames before say of a frame."""
        base = self._recipe.base
        total = np.zeros([*self._recipe.size, 1], np.float32)
        carried = np.zeros([*self._recipe.size, 3], np.float32)
        settled = np.zeros_like(total)
        for lag, motion in motions.items():
            past = self.past[-lag]
            share = np.maximum(motion.weights[..., np.newaxis] - total, 0)
            own = to_floats(past.x)[0] - base(past.source)
            carried += share * flow.warp(own, motion.flow)
            moved = flow.warp(to_floats(past.settled)[0], motion.flow)
            settled += share * moved.reshape(share.shape)
            total += share
        known = np.maximum(total, 1 / WHITE**2)
        x = np.clip(carried / known + base(source), 0, 1)
        strength = self.past[-min(motions)].strength
        parts = (each[np.newaxis] for each in (x, total, settled / known))
        return Expected(*parts, strength)

    def _errors(self, now: Past, motions: Mapping[int, Motion]) -> tuple[float, float]:
        """Warping errors of a frame and of the frame it was made from."""
        if 1 not in motions:
            return math.nan, math.nan
        back, weights = motions[1]
        pairs = ("image", "source")
        own, source = (
            flow.warping_error(
                to_floats(getattr(now, name))[0],
                to_floats(getattr(self.past[-1], name))[0],
                back,
                weights,
            )
            for name in pairs
        )
        return own, source

    # --- Progress ---------------------------------------------------------------------

    def _of_film(self, callback: OnProgress, frame: Frame) -> OnProgress:
        """Wraps a callback so that it gets the progress of the film, not of a frame."""

        def on_progress(progress: Progress) -> None:
            seconds = None
            if self._seconds:
                left = self._count - self._done - progress.step / progress.steps
                seconds = left * sum(self._seconds) / len(self._seconds)
            preview = progress.preview
            callback(
                dataclasses.replace(
                    progress,
                    octave=self._done + 1,
                    octaves=self._count,
                    seconds_left=seconds,
                    preview=lambda: _finished(frame.finish, preview()),
                )
            )

        return on_progress


def _stillness(motion: Motion) -> np.ndarray:
    """How much of `inertia` applies, [1, H, W, 1]: less where something moves.

    To be moved by a part of a pixel takes sharpness from a picture, which steps give
    back; where nothing moves only steps would change it.
    """
    still = np.exp(-np.square(motion.flow / STILL).sum(axis=2))
    return (MOVING + (1 - MOVING) * still)[np.newaxis, ..., np.newaxis]


def _finished(finish: ImageFunction, x: np.ndarray) -> np.ndarray:
    """Returns the picture of what is optimized, [H, W, 3]."""
    if x.ndim == 4:  # with padding, as the loop has it
        x = crop_padding(x)[0]
    image = finish(tf.constant(x[np.newaxis]))
    return np.clip(np.asarray(image)[0], 0, 1)
