"""Films of dreams: how a frame is dreamt, from itself or from the frames before it.

What a dream adds to a frame moves on along the flow, not the frame itself: so light and
detail are always those of the film.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.film import DreamFilmSettings
from vectormix_tf.config.octaves import Octave, plan
from vectormix_tf.filters.frames import to_floats
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import draw_transforms
from vectormix_tf.recipes.amplify import read_guide
from vectormix_tf.recipes.dream import (
    DREAM_TRANSFORMS,
    Source,
    build_extractor,
    build_problem,
)
from vectormix_tf.recipes.film_frames import Expected
from vectormix_tf.recipes.run import OnProgress, plan_size, run

FAINT = 1e-6  # standard deviation of what counts as no dream at all


class DreamFilm:
    """Frames that are dreams; a `film_frames.FilmRecipe`.

    Attributes:
        settings, size, octaves: See there.
    """

    def __init__(
        self, settings: DreamFilmSettings, first: np.ndarray, guide: ImageLike | None
    ):
        """Reads the guide.

        Args:
            settings: Of the film.
            first: A frame of the film, uint8 [H, W, 3].
            guide: As of `dream`.

        Raises:
            InputError: If it or a setting cannot be used.
        """
        layers = whole_layers([settings.layers], settings.backbone)
        self.settings = settings = resolve_precision(settings, layers)
        self.size = plan_size(settings, first.shape[:2])
        self.octaves = plan(self.size, settings, min(self.size))
        self._guide = read_guide(settings, guide)
        self._observer = Observer(build_extractor(settings), tile=settings.tile_side)
        self._transforms = draw_transforms(
            settings.seed, DREAM_TRANSFORMS, settings.jitter
        )
        self._first = Source(tf.zeros([1, *self.size, 3]), None)
        self.traces: dict[str, dict] = {"first": {}, "further": {}}

    def frame(self, number: int, source: np.ndarray) -> "_DreamFrame":
        """See `FilmRecipe`."""
        return _DreamFrame(self, source, number)

    def base(self, source: np.ndarray) -> np.ndarray:
        """See `FilmRecipe`: what is dreamt moves, and not the film."""
        return to_floats(source)[0]

    def problem(self) -> Problem:
        """See `FilmRecipe`."""
        return self.problem_of(self._first, self.octaves, self.settings.step_size)

    def problem_of(self, source: Source, octaves: list[Octave], step: float) -> Problem:
        """Returns the problem of a frame, whose graph serves all of them."""
        return build_problem(
            dataclasses.replace(self.settings, step_size=step),
            source.canvas(),
            [octave.steps for octave in octaves],
            self._guide,
            observer=self._observer,
            transforms=self._transforms,
        )


class _DreamFrame:
    """A frame; see `film_frames.Frame`."""

    def __init__(self, film: DreamFilm, source: np.ndarray, number: int):
        self._film, self._number = film, number
        self._source = Source(tf.constant(to_floats(source)), None)
        self.settings = film.settings

    def begin(self, on_progress: OnProgress | None) -> PictureResult:
        octaves, settings = self._film.octaves, self.settings
        return run(
            self._film.problem_of(self._source, octaves, settings.step_size),
            functools.partial(self._source.start, settings.octave_mode),
            octaves,
            settings,
            None,
            on_progress,
            0,
            traces=self._film.traces["first"],
        )

    def go_on(self, expected: Expected, on_progress: OnProgress | None) -> Result:
        settings, source = self.settings, self._source.image
        octaves = [Octave(self._film.size, settings.further_steps)]
        start = source + expected.weights * (expected.x - source)
        result = optimize(
            self._film.problem_of(self._source, octaves, settings.further_step_size),
            lambda octave, previous: pad(start),
            [1.0] * self._number,
            on_progress,
            first=self._number - 1,  # the transforms of a step depend on it
            traces=self._film.traces["further"],
        )
        change = crop_padding(result.x) - source.numpy()
        # Else a dream goes ever deeper, and the film is lost in it.
        change *= min(1.0, expected.strength / max(float(np.std(change)), FAINT))
        return dataclasses.replace(result, x=source.numpy() + change)

    @functools.cached_property
    def finish(self):
        return self._source.build_finish(self.settings.color, self.settings.chroma)
