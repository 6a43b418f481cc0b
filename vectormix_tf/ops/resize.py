"""Octaves: what happens to a picture from one size to the next."""

import tensorflow as tf


def resize(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns image [1, H, W, c] at `size` (int32 [2]), antialiased.

    Values may leave the range of the image by a little (Lanczos has negative lobes).
    """
    return tf.image.resize(image, size, method="lanczos3", antialias=True)


def long_side(image: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Returns image [1, H, W, c] resized so that its long side has `length` pixels."""
    sides = tf.cast(tf.shape(image)[1:3], tf.float32)
    scale = tf.cast(length, tf.float32) / tf.reduce_max(sides)
    return resize(image, tf.cast(tf.maximum(1.0, tf.round(sides * scale)), tf.int32))


def cover(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns the middle of image [1, H, W, 3] in its own aspect, filling `size`."""
    have, want = tf.cast(tf.shape(image)[1:3], tf.float32), tf.cast(size, tf.float32)
    scale = tf.reduce_max(want / have)
    whole = resize(image, tf.maximum(size, tf.cast(tf.round(have * scale), tf.int32)))
    top, left = tf.unstack((tf.shape(whole)[1:3] - size) // 2)
    part = whole[:, top : top + size[0], left : left + size[1]]
    return tf.clip_by_value(part, 0.0, 1.0)


def reflect(image: tf.Tensor, margin: int) -> tf.Tensor:
    """Returns image [1, H, W, c] with `margin` reflected pixels around it.

    The network pads its layers with zeros and the Fourier canvas is periodic: without
    the margin both draw a frame. A side must be longer than `margin`.
    """
    return tf.pad(
        image, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "REFLECT"
    )


def crop(image: tf.Tensor, margin: int) -> tf.Tensor:
    """Undoes `reflect`: takes `margin` pixels off each side of image [1, H, W, c]."""
    return image[:, margin:-margin, margin:-margin]
