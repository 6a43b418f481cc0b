"""Frames: the reflected border that a picture has while it runs through the loop."""

import tensorflow as tf

from vectormix_tf.ops import resize as resizing

# Reflected pixels around every picture; what the network sees there counts nowhere.
MARGIN = 24


def frame(image: tf.Tensor) -> tf.Tensor:
    """Puts the reflected border around image [1, H, W, 3]."""
    return resizing.reflect(image, MARGIN)


def unframe(image: tf.Tensor) -> tf.Tensor:
    """Undoes `frame`."""
    return resizing.crop(image, MARGIN)


def inner_size(framed: tf.Tensor) -> tf.Tensor:
    """Height and width of a framed image without its border, int32 [2]."""
    return tf.shape(framed)[1:3] - 2 * MARGIN


def to_size(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns an image at `size` (int32 [2]), in [0, 1]."""
    return tf.clip_by_value(resizing.resize(image, size), 0.0, 1.0)


def fitted(image: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Returns an image as large as framed ones of a shape (int32 vector), framed."""
    return frame(to_size(image, shape[1:3] - 2 * MARGIN))
