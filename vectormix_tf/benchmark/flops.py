"""FLOPs: what a look at a picture costs, counted layer by layer."""

import functools
import math

import keras

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.benchmark.workloads import Subject
from vectormix_tf.config.backbones import parse_layers, whole_layers
from vectormix_tf.ops.border import PADDING
from vectormix_tf.recipes.mix import levels_within


def convolutions(model: keras.Model, side: int) -> int:
    """Counts the multiplications and additions of a network's convolutions.

    What else there is (pools, biases, ReLUs) is about a hundredth of that.

    Args:
        model: Of images [1, H, W, 3].
        side: H and W.

    Returns:
        2 kh kw c_in c_out h w, summed over all `Conv2D`.
    """
    layers = {x.name: x for x in model.layers if isinstance(x, keras.layers.Conv2D)}
    reach = keras.Model(model.input, {n: x.output for n, x in layers.items()})
    shapes = reach.compute_output_shape((1, side, side, 3))
    return sum(
        2 * math.prod(layer.kernel.shape) * math.prod(shapes[name][1:3])
        for name, layer in layers.items()
    )


def forward(subject: Subject, side: int, margin: int = PADDING) -> int:
    """Counts what a subject's network does to look once at its picture.

    Args:
        subject: What looks.
        side: Of the picture in pixels; an octave of the subject has another one than
            the subject.
        margin: Pixels around the picture.
    """
    return sum(
        _of_layers(tuple(layers), (side + 2 * margin) // scale)
        for scale, layers in _looks(subject).items()
    )


@functools.cache
def _of_layers(layers: tuple[str, ...], side: int) -> int:
    """Counted once for all precisions, margins and octaves."""
    return convolutions(Extractor(layers).model, side)


def margins(subject: Subject) -> float:
    """The share of `forward` that margins add."""
    return 1 - forward(subject, subject.size, margin=0) / forward(subject, subject.size)


def _looks(subject: Subject) -> dict[int, list[str]]:
    """The layers that are looked at, by the factor that the picture is reduced by."""
    chosen = subject.chosen()
    if subject.recipe == "dream":
        return {1: whole_layers([chosen.layers], chosen.backbone)}
    looks = {1: whole_layers([chosen.f1, chosen.f2], chosen.backbone)}
    levels = min(chosen.style_levels, levels_within(subject.size, chosen.backbone))
    f2 = list(parse_layers(chosen.f2, backbone=chosen.backbone))
    return looks | {2**level: f2 for level in range(1, levels)}
