"""Dreaming: the network exaggerates what it sees in a picture (inceptionism)."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from vectormix_tf import images, masks, octaves, rules
from vectormix_tf.amplifying import amplified, read_guide
from vectormix_tf.canvas import Canvas, touched_up
from vectormix_tf.colors import color_with, hold_light, soften
from vectormix_tf.dream_settings import DreamSettings
from vectormix_tf.features import Extractor
from vectormix_tf.fingerprints import fingerprint
from vectormix_tf.frames import fitted, to_size
from vectormix_tf.layers import whole_layers
from vectormix_tf.pictures import OnProgress, check_size, run
from vectormix_tf.plans import plan
from vectormix_tf.precision import settled
from vectormix_tf.problem import Problem
from vectormix_tf.results import PictureResult
from vectormix_tf.settings import build
from vectormix_tf.views import Observer, draw_views

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
    scene = tf.constant(picture.pixels)
    strength = masks.read(mask, size, chosen.max_pixels) if mask is not None else None
    guided = read_guide(chosen, guide)
    chosen = settled(chosen, whole_layers([chosen.layers], chosen.backbone))
    planned = plan(size, chosen, min(size))

    def start(size, before):
        now = to_size(scene, size)
        if before is None:
            return now
        if chosen.octave_mode == "enlarge":
            return to_size(before, size)
        # What was dreamt so far, on a picture that has this octave's detail.
        dreamt = before - to_size(scene, tf.shape(before)[1:3])
        return now + octaves.resize(dreamt, size)

    def hold(shape):
        pictures = [scene] if strength is None else [scene, strength]
        return [fitted(each, shape) for each in pictures]

    def finish(image):
        if chosen.color == "dream":
            return image
        return color_with(image, to_size(scene, tf.shape(image)[1:3]))

    inputs = {"image": picture.pixels, "guide": guided, "mask": strength}
    return run(
        dreamer(
            chosen,
            touched_up(_lit, hold),
            [octave.steps for octave in planned],
            guided,
        ),
        start,
        planned,
        chosen,
        picture.alpha,
        on_progress,
        pause_every,
        finish,
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
        guided: From `amplifying.read_guide`, or None.
    """
    extractor = Extractor(
        whole_layers([chosen.layers], chosen.backbone),
        chosen.weights,
        chosen.backbone,
        chosen.pooling,
        precision=chosen.precision,
        xla=chosen.xla,
        wakes=chosen.neuron or "#" in chosen.layers,  # what is raised may be dead
    )
    return Problem(
        observe=Observer(extractor, tile=chosen.tile_side),
        terms=[amplified(chosen, "layers", extractor, guided)],
        canvas=canvas,
        rule=rules.smoothed(
            rules.normalized_descent(chosen.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        shifts=draw_views(chosen.seed, DREAM_VIEWS, chosen.jitter),
        seed=chosen.seed,
        steps=steps,
    )


def _lit(values, scene, strength=None):
    """Values in the scene's light; where a mask is black they are the scene; framed."""
    if strength is None:
        return soften(hold_light(values, scene))
    lit = soften(hold_light(values, scene, strength))
    return strength * lit + (1 - strength) * scene
