"""Frequencies of the two-dimensional Fourier transform of an image."""

import tensorflow as tf


def frequencies(height: tf.Tensor | int, width: tf.Tensor | int) -> tf.Tensor:
    """Magnitudes of the frequencies of `tf.signal.rfft2d`.

    Args:
        height: H of the image, int32 scalar.
        width: W of the image, int32 scalar.

    Returns:
        Cycles per pixel, float32 [H, W // 2 + 1]. That of the mean is not 0 but one
        cycle per longer side, the lowest of the others, so that one can divide by it.
    """
    h, w = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    rows = tf.cast(tf.range(height), tf.float32)
    rows = tf.minimum(rows, h - rows) / h  # without its sign
    columns = tf.cast(tf.range(width // 2 + 1), tf.float32) / w
    frequency = tf.sqrt(rows[:, tf.newaxis] ** 2 + columns**2)
    return tf.maximum(frequency, 1.0 / tf.maximum(h, w))
