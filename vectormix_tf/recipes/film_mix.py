"""Films of mixes: how a frame is mixed, from nothing or from the frames before it."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.film import FilmSettings, Key, settings_at
from vectormix_tf.config.octaves import LARGE, Octave, plan
from vectormix_tf.errors import InputError
from vectormix_tf.filters.frames import to_floats
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.results import PictureResult, Result
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.regularization import hold
from vectormix_tf.objectives.statistics import STATISTICS
from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.optim.canvas import fourier
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import draw_transforms
from vectormix_tf.recipes.film_frames import Expected
from vectormix_tf.recipes.mix import (
    FOURIER_DECAY,
    MIX_TRANSFORMS,
    Values,
    build_extractor,
    build_finish,
    build_further,
    build_problem,
    build_start,
    max_style_levels,
)
from vectormix_tf.recipes.run import KEPT, ImageFunction, OnProgress, run
from vectormix_tf.recipes.scene import Scene, adjust_colors, read_scene

# Exponent of the Fourier canvas of frames that go on: less than in a mix, whose large
# shapes must change first. Here they have come with the frame before, and fine strokes
# must be made again, as each move takes some of their sharpness.
FURTHER_DECAY = 1.0


class _Kept(NamedTuple):
    """What films of the same settings share.

    Attributes:
        first: Traced functions of the first frames of scenes; see `optimize`.
        further: Those of the others.
        targets: See `Problem.known`.
    """

    first: dict
    further: dict
    targets: dict


@functools.lru_cache(KEPT)
def _kept(*key) -> _Kept:
    return _Kept({}, {}, {})


class MixFilm:
    """Frames that are mixes; a `film_frames.FilmRecipe`.

    Attributes:
        settings, size, octaves: See there.
        kept: Graphs and targets of all frames.
    """

    def __init__(
        self,
        settings: FilmSettings,
        first: np.ndarray,
        styles: Sequence[ImageLike],
        keys: Sequence[Key],
    ):
        """Reads the styles.

        Args:
            settings: Of the film.
            first: A frame of the film, uint8 [H, W, 3].
            styles: As of `mix`, as a list.
            keys: All keys.

        Raises:
            InputError: If a picture or a setting cannot be used.
        """
        layers = [settings.f1, settings.f2, *filter(None, [settings.amplify])]
        settings = resolve_precision(settings, whole_layers(layers, settings.backbone))
        self.settings, self._keys = settings, keys
        self._scene = read_scene(settings, to_floats(first)[0], styles, None, [])
        self._check_style_keys()
        self.size = self._scene.size
        self.octaves = plan(self.size, settings, self._scene.shortest)
        self._observer = Observer(build_extractor(settings), {}, settings.tile_side)
        self._transforms = draw_transforms(
            settings.seed, MIX_TRANSFORMS, settings.jitter, settings.flips
        )
        self.kept = self._shared()

    def frame(self, number: int, source: np.ndarray) -> "_MixFrame":
        """See `FilmRecipe`."""
        settings = settings_at(self.settings, self._keys, number)
        return _MixFrame(self, settings, self._scene_of(settings, source), number)

    def base(self, source: np.ndarray) -> float:
        """See `FilmRecipe`: all of it moves."""
        return 0.0

    def finish_of(self, settings: FilmSettings, scene: Scene) -> ImageFunction:
        """Returns the function from what is optimized to the result, [1, H, W, 3]."""
        if self._keys or settings.color == "content":
            return build_finish(settings, scene)
        return self._finish

    @functools.cached_property
    def _finish(self) -> ImageFunction:
        """That of all frames: the palettes of the styles are made once."""
        return build_finish(self.settings, self._scene)

    def problem(self) -> Problem:
        """See `FilmRecipe`."""
        return self.problem_of(self.settings, self._scene, self.octaves)

    def problem_of(
        self,
        settings: FilmSettings,
        scene: Scene,
        octaves: Sequence[Octave],
        objectives: Sequence[Objective] = (),
        decay: float = FOURIER_DECAY,
    ) -> Problem:
        """Returns the problem of a frame, whose graph serves all of them.

        Args:
            settings: Of the frame.
            scene: Its pictures.
            octaves: With their steps.
            objectives: Beside those of the settings.
            decay: Exponent of the Fourier canvas.
        """
        values = Values.of(settings)
        names = ["alpha"] + ["tv"] * (settings.tv > 0)

        def build(values):
            problem = build_problem(
                settings,
                scene,
                [octave.steps for octave in octaves],
                user_objectives=objectives,
                observer=self._observer,
                transforms=self._transforms,
                values=values,
            )
            if settings.canvas != "fourier":
                return problem
            return dataclasses.replace(problem, canvas=fourier(decay))

        if not any(key.name in names for key in self._keys):
            return dataclasses.replace(build(values), known=self.kept.targets)
        parameters = {name: tf.constant(getattr(values, name)) for name in names}
        return dataclasses.replace(
            build(values._replace(**parameters)),
            parameters=parameters,
            bind=lambda parameters: build(values._replace(**parameters)),
            known=self.kept.targets,
        )

    def _scene_of(self, settings: FilmSettings, source: np.ndarray) -> Scene:
        """The scene of a frame: its content, and its shares of the styles.

        Styles in the colors of the content have those of the first frame.
        """
        original = tf.constant(to_floats(source))
        content, _ = adjust_colors(settings.color, original, [])
        shares = settings.shares(len(self._scene.styles))
        styles = [
            style._replace(share=share)
            for style, share in zip(self._scene.styles, shares, strict=True)
        ]
        return dataclasses.replace(
            self._scene, content=content, original=original, styles=styles
        )

    def _shared(self) -> _Kept:
        """What this film shares with others of the same settings.

        Nothing, if pictures are large, as these would be kept too, or if the statistic
        is the caller's, which may be another one next time.
        """
        own = STATISTICS[self.settings.statistic].made_from
        if own or max(self.size) > LARGE:
            return _Kept({}, {}, {})
        return _kept(
            repr(self.settings),
            max_style_levels(self._scene.shortest, self.settings.backbone),
            len(self._scene.styles),
            tuple(sorted({key.name for key in self._keys})),
        )

    def _check_style_keys(self) -> None:
        blends = STATISTICS[self.settings.statistic].blends
        if not blends and any(key.name == "style_weights" for key in self._keys):
            raise InputError(
                f"`statistic` {self.settings.statistic} cannot blend styles, so that a"
                " `key` of style_weights has no effect; choose covariance or gram."
            )


class _MixFrame:
    """A frame; see `film_frames.Frame`."""

    def __init__(
        self, film: MixFilm, settings: FilmSettings, scene: Scene, number: int
    ):
        self._film, self._scene, self._number = film, scene, number
        self.settings = settings
        self.finish = film.finish_of(settings, scene)

    def begin(self, on_progress: OnProgress | None) -> PictureResult:
        octaves, scene = self._film.octaves, self._scene
        first = build_start(self.settings, scene)
        further = build_further(self.settings, scene)
        return run(
            self._film.problem_of(self.settings, scene, octaves),
            lambda size, image: first(size) if image is None else further(image, size),
            octaves,
            self.settings,
            None,
            on_progress,
            0,
            traces=self._film.kept.first,
        )

    def go_on(self, expected: Expected, on_progress: OnProgress | None) -> Result:
        size, rate = self._film.size, self.settings.further_rate
        settings = dataclasses.replace(self.settings, learning_rate=rate)
        weights, sure = expected.weights, expected.weights * expected.settled
        base = build_start(settings, self._scene)(tf.constant(size))
        start = pad(weights * expected.x + (1 - weights) * base)
        kept = pad(tf.constant(expected.x)), pad(tf.constant(sure))
        held = [hold(lambda: kept).times(settings.hold)] if settings.hold else []
        octaves = [Octave(size, settings.further_steps)]
        result = optimize(
            self._film.problem_of(settings, self._scene, octaves, held, FURTHER_DECAY),
            lambda octave, previous: start,
            [1.0] * self._number,
            on_progress,
            first=self._number - 1,  # the transforms of a step depend on it
            traces=self._film.kept.further,
        )
        return dataclasses.replace(result, x=crop_padding(result.x))
