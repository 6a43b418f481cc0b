"""Films: each frame of a film as a mix that goes on from the frames before it.

Ruder, Dosovitskiy and Brox 2016, "Artistic style transfer for videos",
arXiv:1604.08610: a frame starts from the ones before, moved along the optical flow, and
is held to them where the flow is consistent. Scenes begin anew. As a departure from the
paper a share of the frames before stays as it is (`inertia`): few steps follow each
other with different random transforms, and what they do not agree on would flicker.
"""

import contextlib
import dataclasses
import functools
import math
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple, Unpack

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.film import FilmSettings, Key, check_keys, settings_at
from vectormix_tf.config.octaves import LARGE, Octave, plan
from vectormix_tf.config.options import FilmOptions
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.filters import flow
from vectormix_tf.filters.flow import Motion
from vectormix_tf.filters.frames import WHITE, Past, in_size, to_bytes, to_floats
from vectormix_tf.io import clips, images
from vectormix_tf.io.clips import Clip
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.masks import read_mask
from vectormix_tf.io.progress import Progress, ProgressBar, check_callback, duration
from vectormix_tf.io.results import PictureResult
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.regularization import hold
from vectormix_tf.objectives.statistics import STATISTICS
from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.optim import estimates
from vectormix_tf.optim.canvas import fourier
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.memory import GIGA
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import draw_transforms
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

# How many frames back a frame is held to. What the first of them does not show is taken
# from the next (equation 10 of the paper).
LAGS = (1, 2, 4)
# Share of the pixels that must have come from the frame before; else a scene begins.
CUT = 0.25

# Frames in which a place that came into view gets its strokes, before it is held.
SETTLING = 8
# Exponent of the Fourier canvas of frames that go on: less than in a mix, whose large
# shapes must change first. Here they have come with the frame before, and fine strokes
# must be made again, as each move takes some of their sharpness.
FURTHER_DECAY = 1.0
# Pixels of motion per frame up to which a place counts as still, and the share of
# `inertia` where it moves faster.
STILL, MOVING = 0.25, 1 / 3


@dataclasses.dataclass(kw_only=True, repr=False)
class FilmFrame(PictureResult[FilmSettings]):
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


def film(
    video: str | os.PathLike[str] | Clip | Sequence[ImageLike],
    style: ImageLike | Sequence[ImageLike],
    *,
    mask: ImageLike | Clip | None = None,
    keys: Sequence[Key | str] = (),
    made: int = 0,
    past: Sequence[Past] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    settings: FilmSettings | None = None,
    **options: Unpack[FilmOptions],
) -> Iterator[FilmFrame]:
    """Makes the frames of a film in the style of a painting, without flicker.

    Args:
        video: Path of a video or of a folder of pictures, a `Clip`, or the frames.
        style: As of `mix`.
        mask: Image or film: white is mixed, black keeps the film, gray blends the two.
            As a departure from `mix` the statistics are those of whole frames.
        keys: Values that settings have at some frames (`Key`, or texts as
            "25:alpha=0.3"); between them they change evenly.
        made: How many frames are done already: the film continues after them.
        past: `FilmFrame.past` of the last one of them.
        on_progress: Called with a `Progress` about every second, in which the frames
            count as octaves; "bar" shows a progress bar, None shows nothing.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `FilmSettings`. They
            take precedence over `settings`.

    Returns:
        An iterator over the frames that are not done yet; each is made when it is
        requested. With `past`, the bytes are those of a film that was not interrupted.

    Raises:
        InputError: If a picture or a setting cannot be used.
        KeyboardInterrupt: By the iterator, after Ctrl-C. There are no unfinished
            frames.
    """
    check_caller()
    check_callback(on_progress)
    flow.check_opencv()
    styles = images.several(style, "style")
    settings = FilmSettings.of(options, True, len(styles), settings)
    keys = [Key.parse(key) if isinstance(key, str) else key for key in keys]
    check_keys(keys, settings, len(styles))
    if isinstance(video, str | os.PathLike):
        video = clips.read(os.fspath(video), clips.FPS, settings.max_pixels)
    numbers = _numbers(video)[made:]
    inputs = zip(
        numbers,
        _frames(video, made, settings),
        _masks(mask, video, made, settings),
        strict=False,
    )
    first = _frames(video, 0, settings)
    count, picture = len(numbers), None if isinstance(mask, Clip) else mask
    return _made(
        inputs, count, first, styles, picture, keys, past, on_progress, settings
    )


def _made(
    inputs: Iterable[tuple[int, np.ndarray, np.ndarray | None]],
    count: int,
    frames: Iterator[np.ndarray],
    styles: Sequence[ImageLike],
    mask: ImageLike | None,
    keys: Sequence[Key],
    past: Sequence[Past],
    on_progress: OnProgress | Literal["bar"] | None,
    settings: FilmSettings,
) -> Iterator[FilmFrame]:
    """Yields frames; see `film`.

    Args:
        inputs: Number and frame of each, and its mask if that is a film.
        count: How many there are.
        frames: All frames of the film, of which the first one is read.
        styles: As of `film`, as a list.
        mask: That of all frames, if it is a picture.
        keys: All keys.
        past: Of the frame before the first of them.
        on_progress: As of `film`.
        settings: All settings.
    """
    maker = None
    bar = ProgressBar("frame") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        for number, frame, own_mask in inputs:
            if maker is None:
                maker = _FrameMaker(settings, next(frames), styles, mask, keys, count)
                maker.past = list(past)
                maker.announce()
            yield maker.make(frame, own_mask, number, bar or on_progress)


def _numbers(video: Clip | Sequence[ImageLike]) -> list[int]:
    """Numbers of the frames, from 1; those of a part of a film are as in the film."""
    if not isinstance(video, Clip):
        return list(range(1, len(video) + 1))
    return [number + 1 for number in video.numbers or range(len(video.times))]


def _frames(video, made, settings) -> Iterator[np.ndarray]:
    """Yields the frames of a film after those that are done, uint8 [H, W, 3]."""
    if isinstance(video, Clip):
        yield from video.frames(range(made, len(video.times)))
        return
    for frame in video[made:]:
        pixels = images.read(frame, settings.max_pixels, "frame").pixels
        yield to_bytes(pixels[0])


def _masks(mask, video, made, settings) -> Iterator[np.ndarray | None]:
    """Yields the mask of each of these frames, [1, h, w, 1] in [0, 1].

    None, if they do not have one each.
    """
    if isinstance(mask, Clip):
        if isinstance(video, Clip):
            times = video.times
        else:
            times = tuple(Fraction(i) / Fraction(clips.FPS) for i in range(len(video)))
        for frame in mask.frames([mask.at(time) for time in times[made:]]):
            yield np.float32(frame).mean(axis=2)[np.newaxis, ..., np.newaxis] / WHITE
        return
    while True:
        yield None


class _Expected(NamedTuple):
    """What the frames before say of a frame; float32 in [0, 1].

    Attributes:
        x: What they show, moved, [1, H, W, 3].
        weights: How surely, [1, H, W, 1]; where it is 0 the others have no meaning.
        settled: How finished it is, [1, H, W, 1].
    """

    x: np.ndarray
    weights: np.ndarray
    settled: np.ndarray


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


class _FrameMaker:
    """Makes one frame after another, all with the same traced functions."""

    def __init__(
        self,
        settings: FilmSettings,
        first: np.ndarray,
        styles: Sequence[ImageLike],
        mask: ImageLike | None,
        keys: Sequence[Key],
        count: int,
    ):
        layers = [settings.f1, settings.f2, *filter(None, [settings.amplify])]
        settings = resolve_precision(settings, whole_layers(layers, settings.backbone))
        self._settings, self._keys, self._count = settings, keys, count
        self._scene = read_scene(settings, to_floats(first)[0], styles, None, [])
        self._check_style_keys()
        self._mask = None
        if mask is not None:
            self._mask = read_mask(mask, self._scene.size, settings.max_pixels)
        # Of the first frame of a scene.
        self._octaves = plan(self._scene.size, settings, self._scene.shortest)
        extractor = build_extractor(settings)
        self._observer = Observer(extractor, {}, settings.tile_side)
        self._transforms = draw_transforms(
            settings.seed, MIX_TRANSFORMS, settings.jitter, settings.flips
        )
        self._kept = self._shared()
        self.past: list[Past] = []
        self._done = 0
        self._seconds: list[float] = []  # that frames took which begin no scene

    def _shared(self) -> "_Kept":
        """What this film shares with others of the same settings.

        Nothing, if pictures are large, as these would be kept too, or if the statistic
        is the caller's, which may be another one next time.
        """
        own = STATISTICS[self._settings.statistic].made_from
        if own or max(self._scene.size) > LARGE:
            return _Kept({}, {}, {})
        return _kept(
            repr(self._settings),
            max_style_levels(self._scene.shortest, self._settings.backbone),
            len(self._scene.styles),
            tuple(sorted({key.name for key in self._keys})),
        )

    def _check_style_keys(self) -> None:
        blends = STATISTICS[self._settings.statistic].blends
        if not blends and any(key.name == "style_weights" for key in self._keys):
            raise InputError(
                f"`statistic` {self._settings.statistic} cannot blend styles, so that a"
                " `key` of style_weights has no effect; choose covariance or gram."
            )

    def announce(self) -> None:
        """Tells how long the frames take, and how much memory.

        Warns:
            Notice: In one line.

        Raises:
            InputError: If there is too little memory.
        """
        octaves = self._octaves
        problem = self._problem(self._settings, self._scene, octaves)
        cost = estimates.step_cost(problem, self._settings.precision)
        estimates.check_memory(cost, octaves)
        peaks = estimates.peaks(cost.precision)
        own = Octave(self._scene.size, self._settings.further_steps)
        each = own.steps * cost.seconds(own, peaks)
        seconds = estimates.seconds(cost, octaves, peaks) + (self._count - 1) * each
        height, width = self._scene.size
        warnings.warn(
            f"{self._count} frames of {width} x {height} pixels take about"
            f" {duration(seconds)} and {estimates.memory(cost, octaves) / GIGA:.1f} GB"
            " of memory, if there is one scene.",
            Notice,
            stacklevel=4,
        )

    def make(
        self,
        frame: np.ndarray,
        mask: np.ndarray | None,
        number: int,
        on_progress: OnProgress | None,
    ) -> FilmFrame:
        """Returns the result of a frame.

        Args:
            frame: uint8 [H, W, 3].
            mask: Its own, [1, h, w, 1] in [0, 1]; None takes that of all frames.
            number: From 1.
            on_progress: Called with a `Progress` of the whole film.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
        """
        begun = time.monotonic()
        settings = settings_at(self._settings, self._keys, number)
        source = in_size(frame, self._scene.size)
        scene = self._scene_of(settings, source)
        motions = self._motions(source)
        callback = on_progress and self._of_film(on_progress, settings, scene)
        if motions:
            expected = self._expected(motions)
            result = self._go_on(settings, scene, motions, expected, number, callback)
            settled = np.minimum(1, expected.weights * expected.settled + 1 / SETTLING)
            of_scene = self.past[-min(motions)].scene
        else:
            result = self._begin(settings, scene, callback)
            settled = np.ones([1, *scene.size, 1], np.float32)
            of_scene = 1 + max((past.scene for past in self.past), default=0)
        if not result.finished:
            raise KeyboardInterrupt
        image = np.asarray(self._finish_of(settings, scene)(tf.constant(result.x)))
        share = self._mask
        if mask is not None:
            share = images.resize(mask, self._scene.size)
        if share is not None:
            image = share * image + (1 - share) * to_floats(source)
        image = np.clip(image, 0, 1)
        pictures = (to_bytes(each[0]) for each in (result.x, image, settled))
        now = Past(source, *pictures, of_scene)
        errors = self._errors(now, motions)
        self.past = [*self.past, now][-max(LAGS) :]
        self._done += 1
        self._seconds += [time.monotonic() - begun] * bool(motions)
        fields = {**vars(result), "x": image, "settings": settings}
        fields |= {"error": errors[0], "source_error": errors[1]}
        return FilmFrame(
            **fields, number=number, begins=not motions, past=tuple(self.past)
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

    def _finish_of(self, settings: FilmSettings, scene: Scene) -> ImageFunction:
        """The function from what is optimized to the result, [1, H, W, 3]."""
        if self._keys or settings.color == "content":
            return build_finish(settings, scene)
        return self._finish

    @functools.cached_property
    def _finish(self) -> ImageFunction:
        """That of all frames: the palettes of the styles are made once."""
        return build_finish(self._settings, self._scene)

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

    def _expected(self, motions: Mapping[int, Motion]) -> _Expected:
        """What the frames before say of a frame."""
        total = np.zeros([*self._scene.size, 1], np.float32)
        x = np.zeros([*self._scene.size, 3], np.float32)
        settled = np.zeros_like(total)
        for lag, motion in motions.items():
            past = self.past[-lag]
            share = np.maximum(motion.weights[..., np.newaxis] - total, 0)
            x += share * flow.warp(to_floats(past.x)[0], motion.flow)
            moved = flow.warp(to_floats(past.settled)[0], motion.flow)
            settled += share * moved.reshape(share.shape)
            total += share
        known = np.maximum(total, 1 / WHITE**2)
        return _Expected(
            *(each[np.newaxis] for each in (x / known, total, settled / known))
        )

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

    # --- The optimization -------------------------------------------------------------

    def _problem(
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
            return dataclasses.replace(build(values), known=self._kept.targets)
        parameters = {name: tf.constant(getattr(values, name)) for name in names}
        return dataclasses.replace(
            build(values._replace(**parameters)),
            parameters=parameters,
            bind=lambda parameters: build(values._replace(**parameters)),
            known=self._kept.targets,
        )

    def _begin(self, settings, scene, on_progress) -> PictureResult:
        """Makes the first frame of a scene, as a mix."""
        octaves = self._octaves
        first, further = build_start(settings, scene), build_further(settings, scene)
        return run(
            self._problem(settings, scene, octaves),
            lambda size, image: first(size) if image is None else further(image, size),
            octaves,
            settings,
            None,
            on_progress,
            0,
            traces=self._kept.first,
        )

    def _go_on(
        self, settings, scene, motions, expected, number, on_progress
    ) -> PictureResult:
        """Makes a frame from those before it, of which `_Expected` tells."""
        settings = dataclasses.replace(settings, learning_rate=settings.further_rate)
        before, weights, settled = expected
        base = build_start(settings, scene)(tf.constant(scene.size))
        start = pad(weights * before + (1 - weights) * base)
        sure = weights * settled
        kept = pad(tf.constant(before)), pad(tf.constant(sure))
        held = [hold(lambda: kept).times(settings.hold)] if settings.hold else []
        octaves = [Octave(scene.size, settings.further_steps)]
        result = optimize(
            self._problem(settings, scene, octaves, held, FURTHER_DECAY),
            lambda octave, previous: start,
            [1.0] * number,
            on_progress,
            first=number - 1,  # the transforms of a step depend on it
            traces=self._kept.further,
        )
        x = crop_padding(result.x)
        x = x + settings.inertia * _stillness(motions[min(motions)]) * sure * (
            before - x
        )
        fields = {**vars(result), "x": x, "settings": settings}
        return PictureResult(**fields)

    # --- Progress ---------------------------------------------------------------------

    def _of_film(
        self,
        callback: OnProgress,
        settings: FilmSettings,
        scene: Scene,
    ) -> OnProgress:
        """Wraps a callback so that it gets the progress of the film, not of a frame."""
        finish = functools.partial(_finished, self._finish_of(settings, scene))

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
                    preview=lambda: finish(preview()),
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
