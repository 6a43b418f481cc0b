"""DeepDream: increases the activations of a network's layers in an image."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Unpack

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.backbone.extractor import Extractor, shared_extractor
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.octaves import LARGE, plan
from vectormix_tf.config.options import DreamOptions
from vectormix_tf.config.setting import combined, files, named_files
from vectormix_tf.errors import InputError
from vectormix_tf.io import drawings, images
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.results import PictureResult
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import fit_padded
from vectormix_tf.ops.chroma import limit_chroma, palette
from vectormix_tf.ops.color import color_with, hold_light, soften
from vectormix_tf.ops.resize import resize, to_size
from vectormix_tf.optim.canvas import Canvas, adjusted
from vectormix_tf.optim.checkpoint import check_place
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.optimizers import normalized_descent, smoothed
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transforms, draw_transforms
from vectormix_tf.recipes.amplify import build_amplify, read_guide
from vectormix_tf.recipes.objectives import (
    check_objectives,
    layers_of,
    objective_digests,
)
from vectormix_tf.recipes.run import KEPT, OnProgress, plan_size, run

# Number of random transforms. Many, because no target of a dream depends on them.
DREAM_TRANSFORMS = 256

# Of `smoothed`: gradient ascent without it covers the image with speckles.
DREAM_DECAY, DREAM_CUTOFF = 0.5, 0.25  # exponent; cycles per pixel

# How far colors may be from the mean color of the image at their lightness; see
# `limit_chroma`. Dreams have what their image has not, so more than in a mix.
DREAM_SPREADS = 3.0


def dream(
    image: ImageLike,
    *,
    guide: ImageLike | None = None,
    mask: ImageLike | None = None,
    objectives: Sequence[Objective] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    settings: DreamSettings | None = None,
    **options: Unpack[DreamOptions],
) -> PictureResult[DreamSettings]:
    """Increases the activations of layers in an image (DeepDream, inceptionism).

    Mordvintsev et al. 2015, "Inceptionism: Going deeper into neural networks". The
    octaves, which get back the detail that smaller ones lack, the jitter and the guide
    follow google/deepdream's notebook. The color of the image is held: each channel
    keeps its mean and standard deviation, and `ops.chroma` removes colored fringes.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        guide: Image, as `image`: activations are drawn towards those of the guide.
        mask: Image: white is changed, black keeps the image, gray blends the two. It is
            resized to the result.
        objectives: Objectives from `vectormix_tf.objectives`. They take the place of
            the default `layers`, or are added if `layers` is given.
        on_progress: Called with a `Progress` about every second; "bar" shows a progress
            bar, None shows nothing.
        pause_every: If not 0, `on_progress` is also called at each multiple of this
            number of steps.
        checkpoint: Path of a file to which the state of the run is saved every few
            seconds, and at its end.
        resume: Whether to continue from the file `checkpoint`. The result has the same
            bytes as that of a run without interruption.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `DreamSettings`. They
            take precedence over `settings`.

    Returns:
        The dream: `image` is float32 [H, W, 3] in [0, 1]. After Ctrl-C it is the image
        so far, with `finished` False.

    Raises:
        InputError: If an image or a setting cannot be used.
    """
    check_caller()
    if objectives and settings is None:
        options = {"layers": ""} | {k: v for k, v in options.items() if v is not None}
    settings = combined(DreamSettings, settings, options)
    user_objectives = _check_objectives(objectives, settings, guide is not None)
    check_place(checkpoint, [image, guide, mask, *files(settings)], resume)
    picture = drawings.read(image, settings.max_pixels)
    size = plan_size(settings, picture.pixels.shape[1:3])
    picture = images.fit(picture, size)
    source = Source.read(settings, picture.pixels, mask)
    guide_image = read_guide(settings, guide)
    layers = [*_layers(settings), *layers_of(user_objectives)]
    settings = resolve_precision(settings, layers)
    octaves = plan(size, settings, min(size))
    steps = [octave.steps for octave in octaves]
    canvas = source.canvas()
    # The graph of a large dream is not kept: its picture would be kept with it.
    is_like_others = guide is None and not objectives and max(size) <= LARGE
    inputs = {"image": picture.pixels, "guide": guide_image, "mask": source.mask}
    inputs |= named_files(settings)
    problem = build_problem(settings, canvas, steps, guide_image, user_objectives)
    key = repr(settings), tuple(steps)
    if is_like_others:
        identity = problem.observe.extractor.identity("dream", *key)
        problem = dataclasses.replace(problem, identity=identity)
    return run(
        problem,
        functools.partial(source.start, settings.octave_mode),
        octaves,
        settings,
        picture.transparency,
        on_progress,
        pause_every,
        source.build_finish(settings.color, settings.chroma),
        checkpoint,
        resume,
        lambda: fingerprint("dream", _run_record(settings, user_objectives), inputs),
        _traces(*key) if is_like_others else None,
    )


@functools.lru_cache(KEPT)
def _traces(settings: str, steps: tuple[int, ...]) -> dict:
    """Returns what dreams of the same settings share: their graphs; see `optimize`."""
    return {}


def _check_objectives(
    objectives: Sequence[Objective], settings: DreamSettings, has_guide: bool
) -> list[Objective]:
    """Returns the user's objectives; refuses a dream without any objective."""
    names = ["guide" if has_guide else "amplify"] if settings.layers else []
    user_objectives = check_objectives(objectives, settings, names)
    if not settings.layers and not user_objectives:
        raise InputError("`layers` is empty; name a layer, or give `objectives`.")
    if has_guide and not settings.layers:
        raise InputError("`guide` needs `layers`: those in which it is matched.")
    return user_objectives


def _run_record(
    settings: DreamSettings, user_objectives: Sequence[Objective]
) -> dict[str, Any]:
    """What determines the bytes of a dream besides its images, for checkpoints."""
    return dataclasses.asdict(settings) | objective_digests(user_objectives)


class Values(NamedTuple):
    """Settings that may be tensors: an exported graph gets them with each request.

    Attributes:
        step_size: Standard deviation of a step; a number, or a float32 scalar tensor.
        seed: Of all random numbers; a number, or an int32 scalar tensor.
    """

    step_size: float | tf.Tensor
    seed: int | tf.Tensor


def build_problem(
    settings: DreamSettings,
    canvas: Canvas,
    steps: int | Sequence[int] | tf.Tensor,
    guide_image: tf.Tensor | None = None,
    user_objectives: Sequence[Objective] = (),
    observer: Observer | None = None,
    transforms: Transforms | None = None,
    values: Values | None = None,
) -> Problem:
    """Returns the optimization problem of a dream, of padded images.

    Args:
        settings: Settings of the dream.
        canvas: Of padded images; most often from `Source.canvas`.
        steps: Steps of each octave; see `Problem.steps`.
        guide_image: From `amplify.read_guide`, [1, h, w, 3], or None.
        user_objectives: Objectives that are added to that of the settings.
        observer: Computes the activations of x; None builds it from the settings.
        transforms: Of which each step takes one; None draws them by the seed.
        values: None takes those of the settings.
    """
    values = values or Values(settings.step_size, settings.seed)
    if observer is None:
        extractor = build_extractor(settings, user_objectives)
        observer = Observer(extractor, tile=settings.tile_side)
    if transforms is None:
        transforms = draw_transforms(settings.seed, DREAM_TRANSFORMS, settings.jitter)
    objectives = []
    if settings.layers:
        extractor = observer.extractor
        objectives.append(build_amplify(settings, "layers", extractor, guide_image))
    return Problem(
        observe=observer,
        objectives=[*objectives, *user_objectives],
        canvas=canvas,
        optimizer=smoothed(
            normalized_descent(values.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        transforms=transforms,
        seed=values.seed,
        steps=steps,
    )


def build_extractor(
    settings: DreamSettings, user_objectives: Sequence[Objective] = ()
) -> Extractor:
    """Returns the extractor of all layers that a dream and `user_objectives` need."""
    few_activations = settings.neuron or "#" in settings.layers
    return shared_extractor(
        settings,
        [*_layers(settings), *layers_of(user_objectives)],
        # A single channel or cell may be 0 all over the image. ReLU has no gradient
        # there, so that nothing would ever increase it.
        redirect_relu=few_activations or any(each.wakes for each in user_objectives),
    )


def _layers(settings: DreamSettings) -> list[str]:
    """Returns the layers that the settings name; none if `layers` is empty."""
    return whole_layers([settings.layers] if settings.layers else [], settings.backbone)


class Source(NamedTuple):
    """The image that a dream is made of.

    Attributes:
        image: [1, H, W, 3] in [0, 1], in the size of the result.
        mask: Where it is changed, [1, H, W, 1] in [0, 1]; None is everywhere.
    """

    image: tf.Tensor
    mask: tf.Tensor | None

    @classmethod
    def read(
        cls, settings: DreamSettings, pixels: np.ndarray, mask: ImageLike | None
    ) -> "Source":
        """Makes a source of pixels [1, H, W, 3], and of a mask as `dream` takes it."""
        if mask is not None:
            mask = masks.read(mask, pixels.shape[1:3], settings.max_pixels)
        return cls(tf.constant(pixels), mask)

    def start(
        self, mode: str, size: tf.Tensor, previous: tf.Tensor | None
    ) -> tf.Tensor:
        """Returns the initial image of an octave, [1, height, width, 3].

        Args:
            mode: "enlarge" resizes the image of the octave before. "detail" resizes
                only what that octave has changed, and adds it to the source, which has
                the full detail of this size.
            size: Height and width of the octave, int32 [2].
            previous: Image at the end of the octave before, or None.
        """
        image = to_size(self.image, size)
        if previous is None:
            return image
        if mode == "enlarge":
            return to_size(previous, size)
        change = previous - to_size(self.image, tf.shape(previous)[1:3])
        return image + resize(change, size)

    def canvas(self) -> Canvas:
        """Returns the canvas of padded images that have the source's brightness."""
        pictures = [self.image] if self.mask is None else list(self)
        return adjusted(
            _with_brightness_of,
            lambda shape: [fit_padded(each, shape) for each in pictures],
        )

    def build_finish(self, color: str, chroma: str) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns the function from the optimized image to the result, [1, H, W, 3].

        Args:
            color: "content" gives it the colors of the source; "dream" does not.
            chroma: With "dream": "image" removes fringes, and keeps colors near those
                of the source; "free" keeps all as it is.
        """
        if color == "content":
            return self._in_own_colors
        if chroma == "free":
            return lambda image: image
        return functools.partial(self._in_palette, palette(self.image))

    def _in_own_colors(self, image):
        return color_with(image, to_size(self.image, tf.shape(image)[1:3]))

    def _in_palette(self, own, image):
        limited = limit_chroma(image, [own], spreads=DREAM_SPREADS, vividness=0.0)
        if self.mask is None:
            return limited
        return image + to_size(self.mask, tf.shape(image)[1:3]) * (limited - image)


def _with_brightness_of(
    x: tf.Tensor, image: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """Gives x the channels' means and deviations of an image, in [0, 1].

    Args:
        x: [1, H, W, 3], padded, as the other two.
        image: [1, H, W, 3].
        mask: [1, H, W, 1]: where it is 0, the result is `image`; None is 1 everywhere.
    """
    if mask is None:
        return soften(hold_light(x, image))
    held = soften(hold_light(x, image, mask))
    return mask * held + (1 - mask) * image
