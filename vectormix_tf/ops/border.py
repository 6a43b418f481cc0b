"""Padding: the reflected border that a picture has while it is optimized.

The network pads its layers with zeros and the Fourier canvas is periodic. Both draw a
visible edge; with reflected pixels around the picture it is drawn on these, which the
objectives leave out and the result does not have.
"""

import numpy as np
import tensorflow as tf

from vectormix_tf.ops.resize import to_size
from vectormix_tf.ops.slabs import spans

# Pixels on each side of every picture.
PADDING = 24


def pad(image: tf.Tensor, width: int = PADDING) -> tf.Tensor:
    """Pads images with reflected pixels.

    Args:
        image: [B, H, W, c]; both sides longer than `width`.
        width: Pixels on each side.

    Returns:
        [B, H + 2 width, W + 2 width, c].
    """
    return tf.pad(image, [[0, 0], [width, width], [width, width], [0, 0]], "REFLECT")


def clip_and_pad(image: tf.Tensor) -> tf.Tensor | np.ndarray:
    """Clips an image [1, H, W, c] to [0, 1] and pads it.

    Returns:
        [1, H + 2 PADDING, W + 2 PADDING, c]; of a large image an array, so that there
        are never more than these two.
    """
    if not tf.executing_eagerly() or len(spans(*image.shape[1:3])) == 1:
        return pad(tf.clip_by_value(image, 0.0, 1.0))
    _, height, width, channels = image.shape
    sides = height + 2 * PADDING, width + 2 * PADDING
    padded = np.empty([1, *sides, channels], np.float32)
    for rows in spans(height, width):
        clipped = tf.clip_by_value(image[0, rows], 0.0, 1.0)
        beside = [[0, 0], [PADDING, PADDING], [0, 0]]
        inner = slice(rows.start + PADDING, rows.stop + PADDING)
        padded[0, inner] = tf.pad(clipped, beside, "REFLECT")
    padded[:, :PADDING] = padded[:, 2 * PADDING : PADDING : -1]
    padded[:, -PADDING:] = padded[:, -PADDING - 2 : -2 * PADDING - 2 : -1]
    return padded


def crop_padding(image: tf.Tensor, width: int = PADDING) -> tf.Tensor:
    """Undoes `pad`: removes `width` pixels from each side of images [B, H, W, c]."""
    return image[:, width:-width, width:-width]


def unpadded_size(padded: tf.Tensor) -> tf.Tensor:
    """Height and width that a padded image [1, H, W, c] has without it, int32 [2]."""
    return tf.shape(padded)[1:3] - 2 * PADDING


def fit_padded(image: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Resizes an image and pads it, so that the result has a given size.

    Args:
        image: [1, H, W, c] in [0, 1], without padding.
        shape: That of a padded image, int32 [4], of which height and width are taken.

    Returns:
        [1, shape[1], shape[2], c] in [0, 1].
    """
    return pad(to_size(image, shape[1:3] - 2 * PADDING))


def extend(
    image: tf.Tensor, axis: int, width: tf.Tensor | int, periodic: bool = False
) -> tf.Tensor:
    """Adds pixels at both ends of an axis, which may be shorter than they are many.

    Args:
        image: Tensor of any shape.
        axis: The axis.
        width: Pixels at each end.
        periodic: Whether they are those of the other end; otherwise the image is
            mirrored, its last pixel included.
    """
    count = tf.shape(image)[axis]
    index = tf.range(-width, count + width)
    mirrored = index % (2 * count)
    mirrored = tf.minimum(mirrored, 2 * count - 1 - mirrored)
    return tf.gather(image, index % count if periodic else mirrored, axis=axis)
