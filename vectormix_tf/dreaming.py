"""Dreaming: the network exaggerates what it sees in a picture (inceptionism)."""

import dataclasses
import os
from typing import Any

import tensorflow as tf

from vectormix_tf import images, octaves, rules
from vectormix_tf.canvas import pixels
from vectormix_tf.colors import hold_light
from vectormix_tf.features import Extractor
from vectormix_tf.fingerprints import fingerprint
from vectormix_tf.layers import parse_layers
from vectormix_tf.loop import Problem
from vectormix_tf.objectives import amplify
from vectormix_tf.pictures import (
    OnProgress,
    PictureResult,
    check_size,
    draw_views,
    inside,
    observer,
    plan,
    run,
    to_size,
)
from vectormix_tf.settings import DreamSettings, build

DREAM_VIEWS = 256  # a dream has no target that moves, so it may have many

# A dream's gradient loses its finest waves: the speckles of the plain recipe.
DREAM_DECAY, DREAM_CUTOFF = 0.5, 0.25


def dream(
    image: Any,
    *,
    on_progress: OnProgress | None | str = "bar",
    pause_every: int = 0,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    **settings,
) -> PictureResult:
    """Lets the network exaggerate what it sees in a picture (inceptionism).

    Mordvintsev et al. 2015, "Inceptionism: Going deeper into neural networks"; octaves
    with lost detail given back and jitter are those of google/deepdream's notebook.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        on_progress: Called with a `Progress` about every second; "bar" shows a bar.
        pause_every: `on_progress` is called at each multiple of so many steps as well.
        checkpoint: A file that keeps, every few seconds, where the run stands.
        resume: Whether to go on from there, to the very same bytes.
        **settings: Those of `DreamSettings`.

    Returns:
        A `PictureResult`; after Ctrl-C the one that there was then.

    Raises:
        InputError: If the picture or a setting cannot be used; one line says why.
    """
    chosen = build(DreamSettings, settings)
    picture = images.read(image, chosen.max_pixels)
    size = images.fitted_size(*picture.pixels.shape[1:3], chosen.size)
    check_size(size, "picture", chosen.backbone)
    picture = images.fit(picture, size)
    scene = tf.constant(picture.pixels)
    sizes = plan(size, chosen, min(size))

    layers = parse_layers(chosen.layers, "layers", chosen.backbone)
    extractor = Extractor(layers, chosen.weights, chosen.backbone, chosen.pooling)
    problem = Problem(
        observe=observer(extractor),
        terms=[amplify(layers, where=inside(extractor))],
        canvas=pixels(),
        rule=rules.smoothed(
            rules.normalized_descent(chosen.step_size), DREAM_DECAY, DREAM_CUTOFF
        ),
        shifts=draw_views(chosen.seed, DREAM_VIEWS, chosen.jitter),
        seed=chosen.seed,
        steps=chosen.steps,
    )

    def start(size, before):
        now = to_size(scene, size)
        if before is None:
            return now
        # What was dreamt so far, on a picture that has this octave's detail.
        dreamt = light(before) - to_size(scene, tf.shape(before)[1:3])
        return tf.clip_by_value(now + octaves.resize(dreamt, size), 0.0, 1.0)

    def light(image):
        return hold_light(image, to_size(scene, tf.shape(image)[1:3]))

    inputs = {"image": picture.pixels}
    return run(
        problem,
        start,
        sizes,
        chosen,
        picture.alpha,
        on_progress,
        pause_every,
        light,
        checkpoint,
        resume,
        lambda: fingerprint("dream", dataclasses.asdict(chosen), inputs),
    )
