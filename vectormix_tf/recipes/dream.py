"""Dreaming: the network exaggerates what it sees in a picture (inceptionism)."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.precision import resolve_precision
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.octaves import plan
from vectormix_tf.config.settings import build
from vectormix_tf.io import images
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.io.results import PictureResult
from vectormix_tf.ops import masks
from vectormix_tf.ops import resize as resizing
from vectormix_tf.ops.border import fitted, to_size
from vectormix_tf.ops.color import color_with, hold_light, soften
from vectormix_tf.optim import optimizers
from vectormix_tf.optim.canvas import Canvas, touched_up
from vectormix_tf.optim.observer import Observer, draw_views
from vectormix_tf.optim.problem import Problem
from vectormix_tf.recipes.amplify import amplified, read_guide
from vectormix_tf.recipes.run import OnProgress, check_size, run

DREAM_VIEWS = 256  # a dream has no target that moves, so it may have many

# A dream's gradient loses its finest waves: the speckles of the plain recipe.
DREAM_DECAY, DREAM_CUTOFF = 0.5, 0.25


def dream(
    image: Any,
    *,
    guide: Any = None,
    mask: Any = None,
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    **settings,
) -> PictureResult:
    """Lets the network exaggerate what it sees in a picture (inceptionism).

    Mordvintsev et al. 2015, "Inceptionism: Going deeper into neural networks"; octaves
    with lost detail given back, jitter and guides are those of google/deepdream's
    notebook.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        guide: Likewise: a picture whose patterns are dreamt.
        mask: A picture: white is dreamt, black stays the photograph, gray is between.
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        checkpoint: A file that keeps, every few seconds, where the run stands.
        resume: Whether to go on from there, to the very same bytes.
        **settings: Those of `DreamSettings`.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    chosen = build(DreamSettings, settings)
    picture = images.read(image, chosen.max_pixels)
    size = images.fitted_size(*picture.pixels.shape[1:3], chosen.size)
    check_size(size, "picture", chosen.backbone)
    picture = images.fit(picture, size)
    strength = masks.read(mask, size, chosen.max_pixels) if mask is not None else None
    stage = Stage(tf.constant(picture.pixels), strength)
    guided = read_guide(chosen, guide)
    chosen = resolve_precision(chosen, whole_layers([chosen.layers], chosen.backbone))
    planned = plan(size, chosen, min(size))

    inputs = {"image": picture.pixels, "guide": guided, "mask": strength}
    return run(
        dreamer(
            chosen,
            stage.canvas(),
            [octave.steps for octave in planned],
            guided,
        ),
        functools.partial(stage.start, chosen.octave_mode),
        planned,
        chosen,
        picture.transparency,
        on_progress,
        pause_every,
        functools.partial(stage.finish, chosen.color),
        checkpoint,
        resume,
        lambda: fingerprint("dream", dataclasses.asdict(chosen), inputs),
    )


def dreamer(
    chosen: DreamSettings,
    canvas: Canvas,
    steps: int | Sequence[int],
    guided: tf.Tensor | None = None,
) -> Problem:
    """The problem that a dream solves, of framed images.

    Args:
        chosen: How it dreams.
        canvas: Of framed images.
        steps: As those of a `Problem`.
        guided: From `amplify.read_guide`, or None.
    """
    observer = Observer(dream_extractor(chosen), tile=chosen.tile_side)
    views = draw_views(chosen.seed, DREAM_VIEWS, chosen.jitter)
    return reverie(chosen, canvas, observer, views, steps, guided)


def dream_extractor(chosen: DreamSettings) -> Extractor:
    """What looks at the picture of a dream."""
    return Extractor(
        whole_layers([chosen.layers], chosen.backbone),
        chosen.weights,
        chosen.backbone,
        chosen.pooling,
        precision=chosen.precision,
        xla=chosen.xla,
        redirect_relu=chosen.neuron
        or "#" in chosen.layers,  # what is raised may be dead
    )


def reverie(
    chosen: DreamSettings,
    canvas: Canvas,
    observer: Observer,
    views: np.ndarray,
    steps: int | Sequence[int] | tf.Tensor,
    guided: tf.Tensor | None = None,
) -> Problem:
    """That of `dreamer`, seen by some observer from some views.

    In a graph settings may be `settings.opened`: seed and step size as tensors.
    """
    return Problem(
        observe=observer,
        terms=[amplified(chosen, "layers", observer.extractor, guided)],
        canvas=canvas,
        rule=optimizers.smoothed(
            optimizers.normalized_descent(chosen.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        shifts=views,
        seed=chosen.seed,
        steps=steps,
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
        return now + resizing.resize(dreamt, size)

    def canvas(self) -> Canvas:
        """Of framed images, in the scene's light."""
        pictures = [self.scene] if self.strength is None else list(self)
        return touched_up(
            _lit, lambda shape: [fitted(each, shape) for each in pictures]
        )

    def finish(self, color, image):
        """The last touch to what leaves."""
        if color == "dream":
            return image
        return color_with(image, to_size(self.scene, tf.shape(image)[1:3]))


def _lit(values, scene, strength=None):
    """Values in the scene's light; where a mask is black they are the scene; framed."""
    if strength is None:
        return soften(hold_light(values, scene))
    lit = soften(hold_light(values, scene, strength))
    return strength * lit + (1 - strength) * scene
