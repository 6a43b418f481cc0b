"""Dreaming: the network exaggerates what it sees in a picture (inceptionism)."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.octaves import plan
from vectormix_tf.config.setting import combined
from vectormix_tf.errors import InputError
from vectormix_tf.io import images
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.io.results import PictureResult
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import fit_padded
from vectormix_tf.ops.color import color_with, hold_light, soften
from vectormix_tf.ops.resize import resize, to_size
from vectormix_tf.optim.canvas import Canvas, adjusted
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.optimizers import normalized_descent, smoothed
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transforms, draw_transforms
from vectormix_tf.recipes.amplify import amplified, read_guide
from vectormix_tf.recipes.objectives import check_objectives, layers_of, record
from vectormix_tf.recipes.run import OnProgress, check_size, run

DREAM_TRANSFORMS = 256  # many, as no target of a dream depends on the transform

# A dream's gradient loses its finest waves: the speckles of the plain recipe.
DREAM_DECAY, DREAM_CUTOFF = 0.5, 0.25


def dream(
    image: Any,
    *,
    guide: Any = None,
    mask: Any = None,
    objectives: Sequence[Objective] = (),
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    settings: DreamSettings | None = None,
    **options,
) -> PictureResult:
    """Lets the network exaggerate what it sees in a picture (inceptionism).

    Mordvintsev et al. 2015, "Inceptionism: Going deeper into neural networks"; octaves
    with lost detail given back, jitter and guides are those of google/deepdream's
    notebook.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        guide: Likewise: a picture whose patterns are dreamt.
        mask: A picture: white is dreamt, black stays the photograph, gray is between.
        objectives: From `vectormix_tf.objectives`: what is dreamt in place of the
            default `layers`, or together with them if `layers` is given too.
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        checkpoint: A file that keeps, every few seconds, where the run stands.
        resume: Whether to go on from there, to the very same bytes.
        settings: All settings as an object; None starts from the defaults.
        **options: Settings by name, those of `DreamSettings`; they win.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    if objectives and settings is None:
        options = {"layers": ""} | {k: v for k, v in options.items() if v is not None}
    settings = combined(DreamSettings, settings, options)
    names = ["guide" if guide is not None else "amplify"] if settings.layers else []
    own = check_objectives(objectives, settings, names)
    if not settings.layers and not own:
        raise InputError("`layers` is empty; name a layer, or give `objectives`.")
    if guide is not None and not settings.layers:
        raise InputError("a guide needs `layers`: those in which it leads.")
    picture = images.read(image, settings.max_pixels)
    size = images.fitted_size(*picture.pixels.shape[1:3], settings.size)
    check_size(size, "picture", settings.backbone)
    picture = images.fit(picture, size)
    strength = masks.read(mask, size, settings.max_pixels) if mask is not None else None
    stage = Stage(tf.constant(picture.pixels), strength)
    guided = read_guide(settings, guide)
    layers = [*_layers(settings), *layers_of(own)]
    settings = resolve_precision(settings, layers)
    planned = plan(size, settings, min(size))

    inputs = {"image": picture.pixels, "guide": guided, "mask": strength}
    return run(
        build_problem(
            settings,
            stage.canvas(),
            [octave.steps for octave in planned],
            guided,
            own,
        ),
        functools.partial(stage.start, settings.octave_mode),
        planned,
        settings,
        picture.transparency,
        on_progress,
        pause_every,
        functools.partial(stage.finish, settings.color),
        checkpoint,
        resume,
        lambda: fingerprint(
            "dream", dataclasses.asdict(settings) | record(own), inputs
        ),
    )


class Values(NamedTuple):
    """Numbers of a dream that an exported graph knows only when it runs.

    Attributes:
        step_size: Of every step; a number, or in a graph a float32 scalar tensor.
        seed: Of everything random; a number or an int32 scalar tensor.
    """

    step_size: float | tf.Tensor
    seed: int | tf.Tensor


def build_problem(
    settings: DreamSettings,
    canvas: Canvas,
    steps: int | Sequence[int] | tf.Tensor,
    guided: tf.Tensor | None = None,
    own: Sequence[Objective] = (),
    observer: Observer | None = None,
    transforms: Transforms | None = None,
    values: Values | None = None,
) -> Problem:
    """Returns the problem that a dream solves, of padded images.

    Args:
        settings: Of the dream.
        canvas: Of padded images.
        steps: As those of a `Problem`.
        guided: The guide, from `amplify.read_guide`, or None.
        own: Objectives of the user's.
        observer: What observes x; None makes it from the settings.
        transforms: Of x, one for each step; None draws them by the seed.
        values: None takes those of the settings.
    """
    values = values or Values(settings.step_size, settings.seed)
    if observer is None:
        observer = Observer(build_extractor(settings, own), tile=settings.tile_side)
    if transforms is None:
        transforms = draw_transforms(settings.seed, DREAM_TRANSFORMS, settings.jitter)
    raised = []
    if settings.layers:
        raised = [amplified(settings, "layers", observer.extractor, guided)]
    return Problem(
        observe=observer,
        objectives=[*raised, *own],
        canvas=canvas,
        optimizer=smoothed(
            normalized_descent(values.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        transforms=transforms,
        seed=values.seed,
        steps=steps,
    )


def _layers(settings: DreamSettings) -> list[str]:
    """What a dream raises besides objectives of the user's; may be nothing."""
    return whole_layers([settings.layers] if settings.layers else [], settings.backbone)


def build_extractor(
    settings: DreamSettings, own: Sequence[Objective] = ()
) -> Extractor:
    """What looks at the picture of a dream; `own` are objectives of the user's."""
    channels = settings.neuron or "#" in settings.layers
    return Extractor(
        [*_layers(settings), *layers_of(own)],
        settings.weights,
        settings.backbone,
        settings.pooling,
        precision=settings.precision,
        xla=settings.xla,
        # What is raised may be dead.
        redirect_relu=channels or any(objective.wakes for objective in own),
    )


class Stage(NamedTuple):
    """What is dreamt of.

    Attributes:
        scene: The photograph at full size, [1, H, W, 3].
        strength: Where it is dreamt, [1, H, W, 1], or None.
    """

    scene: tf.Tensor
    strength: tf.Tensor | None

    def start(self, mode, size, before):
        """What an octave of a size (int32 [2]) starts from; `before` may be None."""
        now = to_size(self.scene, size)
        if before is None:
            return now
        if mode == "enlarge":
            return to_size(before, size)
        # What was dreamt so far, on a picture that has this octave's detail.
        dreamt = before - to_size(self.scene, tf.shape(before)[1:3])
        return now + resize(dreamt, size)

    def canvas(self) -> Canvas:
        """Of padded images, in the scene's light."""
        pictures = [self.scene] if self.strength is None else list(self)
        return adjusted(
            _lit, lambda shape: [fit_padded(each, shape) for each in pictures]
        )

    def finish(self, color, image):
        """The last touch to what leaves."""
        if color == "dream":
            return image
        return color_with(image, to_size(self.scene, tf.shape(image)[1:3]))


def _lit(values, scene, strength=None):
    """Values in the scene's light; where a mask is black they are the scene; padded."""
    if strength is None:
        return soften(hold_light(values, scene))
    lit = soften(hold_light(values, scene, strength))
    return strength * lit + (1 - strength) * scene
