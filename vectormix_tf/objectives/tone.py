"""Tone: an objective that keeps large areas as light or dark as they are."""

from collections.abc import Callable

import tensorflow as tf

from vectormix_tf.config.octaves import LARGE
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops.border import PADDING, crop_padding, unpadded_size
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

    return Objective("tone", target, sums, loss, rows=_areas_of_rows)


def _areas(image: tf.Tensor, size: tf.Tensor | None = None) -> tf.Tensor:
    """Mean luma of the areas of an image [1, H, W, 3]; [1, rows, columns].

    There are as many as in an image of `size`, height and width; None takes its own.
    """
    luma = tf.tensordot(image, tf.constant(LUMA), 1)
    own = tf.shape(image)[1:3]
    counts = _counts(own if size is None else size)
    rows, columns = (_means(own[i], counts[i]) for i in (0, 1))
    return rows @ luma @ tf.transpose(columns)


def _areas_of_rows(rows: tf.Tensor, first: tf.Tensor, height: tf.Tensor) -> tf.Tensor:
    """What some rows add to `_areas` of a padded image, without its padding.

    Args:
        rows: [1, h, W, 3].
        first: Number of the first one.
        height: Of the image.
    """
    pixels = rows[:, :, PADDING:-PADDING]
    size = tf.stack([height - 2 * PADDING, tf.shape(pixels)[2]])
    counts = _counts(size)
    down = _means(size[0], counts[0], first - PADDING, tf.shape(rows)[1])
    luma = tf.tensordot(pixels, tf.constant(LUMA), 1)
    return down @ luma @ tf.transpose(_means(size[1], counts[1]))


def _counts(size: tf.Tensor) -> tf.Tensor:
    """Rows and columns of the areas of an image of that size, float32 [2]."""
    sides = tf.cast(size, tf.float32)
    return tf.maximum(1.0, tf.round(AREAS * sides / tf.reduce_max(sides)))


def _means(
    length: tf.Tensor,
    count: tf.Tensor,
    first: tf.Tensor | int = 0,
    pixels: tf.Tensor | None = None,
) -> tf.Tensor:
    """Matrix [count, length] that takes means of equal parts of a side.

    Only its columns of some `pixels` from the first on; those beyond the side are 0.
    """
    each = tf.cast(length, tf.float32) / count
    begin = tf.range(count)[:, tf.newaxis] * each
    pixel = tf.range(tf.cast(length if pixels is None else pixels, tf.float32))
    pixel += tf.cast(first, tf.float32)
    inside = tf.minimum(pixel + 1, begin + each) - tf.maximum(pixel, begin)
    return tf.maximum(inside, 0.0) / each
