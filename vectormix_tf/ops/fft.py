"""The two-dimensional Fourier transform of an image: frequencies, and by parts.

`forward` and `inverse` are `tf.signal.rfft2d` and `irfft2d` of one plane that is too
large to be copied: besides its waves, of half as many complex numbers as the plane has
pixels, they take the memory of some rows or columns.
"""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from vectormix_tf.ops.slabs import spans


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


def forward(
    plane: Callable[[slice], np.ndarray | tf.Tensor], height: int, width: int
) -> np.ndarray:
    """Returns the waves of a plane, complex64 [H, W // 2 + 1].

    Args:
        plane: Rows -> their pixels, float32 [rows, W]; called once for each.
        height: H.
        width: W.
    """
    waves = np.empty([height, width // 2 + 1], np.complex64)
    for rows in spans(height, width):
        waves[rows] = tf.signal.rfft(plane(rows))
    _transform_columns(waves, tf.signal.fft)
    return waves


def inverse(waves: np.ndarray, width: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields rows of the plane of some waves, and their pixels [rows, W].

    Args:
        waves: complex64 [H, W // 2 + 1]; overwritten.
        width: W.
    """
    _transform_columns(waves, tf.signal.ifft)
    for rows in spans(len(waves), width):
        yield rows, tf.signal.irfft(waves[rows], [width]).numpy()


def fold(height: int, width: int) -> np.ndarray:
    """Factors of the adjoint of `inverse` after `forward`, float32 [W // 2 + 1].

    All waves but those of the first column, and of the last one of an even width, stand
    for two: themselves and their conjugates, which are left out.
    """
    counts = np.full([width // 2 + 1], 2, np.float32)
    counts[0] = 1
    if width % 2 == 0:
        counts[-1] = 1
    return counts / (height * width)


def _transform_columns(waves, transform):
    """Applies a Fourier transform to the columns of waves, in place."""
    height, width = waves.shape
    for columns in spans(width, height):
        rows = tf.transpose(waves[:, columns])
        waves[:, columns] = tf.transpose(transform(rows))
