"""Tone: an objective that keeps large areas as light or dark as they are."""

from collections.abc import Callable

import tensorflow as tf

from vectormix_tf.config.octaves import LARGE
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops.border import crop_padding, unpadded_size
from vectormix_tf.ops.resize import at_most

# Areas along the long side of the picture: lightness is averaged over each of them.
AREAS = 32
LUMA = (0.2126, 0.7152, 0.0722)  # of R'G'B', ITU-R BT.709
# Variance that is added to that of the reference: a foggy or empty picture has none.
FLAT = 1e-3


def tone(reference: Callable[[tf.Tensor], tf.Tensor]) -> Objective:
    """Keeps the lightness of large areas: that of a reference.

    Statistics of a style do not say where it is light. So the optimization is free to
    darken a sky in order to get as much dark as the style has, and does.

    Args:
        reference: (height and width as int32 [2]) -> sRGB [1, height, width, 3] in
            [0, 1] whose lightness is kept.

    Returns:
        An `Objective`, named tone: the mean squared difference of the areas' luma,
        relative to its variance; 0 is a perfect match.
    """

    def target(observe, x):
        size = unpadded_size(x)
        # Of a large picture a smaller one has the same areas.
        areas = _areas(reference(at_most(size, LARGE)), size)
        return areas, tf.math.reduce_variance(areas) + FLAT

    def sums(x, observed, target):
        return _areas(crop_padding(x))

    def loss(areas, target):
        return tf.reduce_mean((areas - target[0]) ** 2) / target[1]

    return Objective("tone", target, sums, loss)


def _areas(image: tf.Tensor, size: tf.Tensor | None = None) -> tf.Tensor:
    """Mean luma of the areas of an image [1, H, W, 3]; [1, rows, columns].

    There are as many as in an image of `size`, height and width; None takes its own.
    """
    luma = tf.tensordot(image, tf.constant(LUMA), 1)
    own = tf.shape(image)[1:3]
    size = own if size is None else size
    sides = tf.cast(size, tf.float32)
    counts = tf.maximum(1.0, tf.round(AREAS * sides / tf.reduce_max(sides)))
    rows, columns = (_means(own[i], counts[i]) for i in (0, 1))
    return rows @ luma @ tf.transpose(columns)


def _means(length: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Matrix [count, length] that takes means of equal parts of a side."""
    pixels = tf.cast(length, tf.float32)
    each = pixels / count
    begin = tf.range(count)[:, tf.newaxis] * each
    pixel = tf.range(pixels)
    inside = tf.minimum(pixel + 1, begin + each) - tf.maximum(pixel, begin)
    return tf.maximum(inside, 0.0) / each
