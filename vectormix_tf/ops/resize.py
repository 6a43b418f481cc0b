"""Resizing of images."""

import tensorflow as tf

from vectormix_tf.filters.smoothing import LONG_SIDE


def resize(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resizes an image with an antialiased Lanczos kernel of radius 3.

    Args:
        image: [1, H, W, c].
        size: Height and width, int32 [2].

    Returns:
        [1, height, width, c]. As the kernel has negative lobes, values may exceed the
        range of the image by a little; `to_size` clips them.
    """
    return tf.image.resize(image, size, method="lanczos3", antialias=True)


def to_size(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resizes an image [1, H, W, c] to `size` (int32 [2]) and clips it to [0, 1]."""
    return tf.clip_by_value(resize(image, size), 0.0, 1.0)


def long_side(image: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Resizes an image [1, H, W, c] so that its longer side has `length` pixels."""
    sides = tf.cast(tf.shape(image)[1:3], tf.float32)
    scale = tf.cast(length, tf.float32) / tf.reduce_max(sides)
    return resize(image, tf.cast(tf.maximum(1.0, tf.round(sides * scale)), tf.int32))


def reduced(image: tf.Tensor) -> tf.Tensor:
    """Reduces an image [1, H, W, c] to a long side of `LONG_SIDE`, if it is larger."""
    small = at_most(tf.shape(image)[1:3], LONG_SIDE)
    return tf.image.resize(image, small, method="area")


def at_most(size: tf.Tensor, longest: int) -> tf.Tensor:
    """Returns a size (int32 [2]) as it is, or with `longest` as its long side."""
    share = tf.minimum(1.0, longest / tf.cast(tf.reduce_max(size), tf.float32))
    return tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) * share), tf.int32))


def cover(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Fills a size with the middle of an image, which keeps its aspect ratio.

    Args:
        image: [1, H, W, 3] in [0, 1].
        size: Height and width, int32 [2].

    Returns:
        [1, height, width, 3] in [0, 1].
    """
    have, want = tf.cast(tf.shape(image)[1:3], tf.float32), tf.cast(size, tf.float32)
    scale = tf.reduce_max(want / have)
    whole = resize(image, tf.maximum(size, tf.cast(tf.round(have * scale), tf.int32)))
    top, left = tf.unstack((tf.shape(whole)[1:3] - size) // 2)
    middle = whole[:, top : top + size[0], left : left + size[1]]
    return tf.clip_by_value(middle, 0.0, 1.0)
