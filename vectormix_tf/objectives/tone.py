"""Tone: an objective that keeps large areas as light or dark as they are."""

from collections.abc import Callable

import tensorflow as tf

from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops.border import crop_padding, unpadded_size

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
        areas = _areas(reference(unpadded_size(x)))
        return areas, tf.math.reduce_variance(areas) + FLAT

    def sums(x, observed, target):
        return _areas(crop_padding(x))

    def loss(areas, target):
        return tf.reduce_mean((areas - target[0]) ** 2) / target[1]

    return Objective("tone", target, sums, loss)


def _areas(image: tf.Tensor) -> tf.Tensor:
    """Mean luma of the areas of an image [1, H, W, 3]; [1, rows, columns, 1]."""
    luma = tf.tensordot(image, tf.constant(LUMA), 1)[..., tf.newaxis]
    size = tf.cast(tf.shape(image)[1:3], tf.float32)
    size = tf.round(size * (AREAS / tf.reduce_max(size)))
    size = tf.maximum(1, tf.cast(size, tf.int32))
    return tf.image.resize(luma, size, "bilinear", antialias=True)
