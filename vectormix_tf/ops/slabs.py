"""Slabs: functions of pixels, some rows at a time."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

SLAB = 2**20  # pixels; a picture with no more is not cut


# Pixels [B, H, W, c], or a function that makes some rows of them (None: all rows).
Image = tf.Tensor | np.ndarray | Callable[[slice | None], tf.Tensor]


def by_rows(
    function: Callable[..., tf.Tensor], *images: Image
) -> tf.Tensor | np.ndarray:
    """Applies a function of pixels with less memory for what it computes in between.

    Outside of a graph, the intermediate values of a function are as large as its image:
    a dozen of them for a conversion of colors, each 200 MB at 4096 x 4096.

    Args:
        function: Pixels [B, h, W, c], one or several -> pixels [B, h, W, d]; each
            depends on the pixels at its place alone.
        *images: Its arguments, of the same B, H and W; the first one is no function.

    Returns:
        What the function returns for whole images, [B, H, W, d]: an array if they were
        cut, as putting tensors together would take twice the memory.
    """
    slabs = _slabs(images[0])
    if len(slabs) == 1:
        return function(*(_rows_of(image, None) for image in images))
    whole = None
    for rows in slabs:
        found = function(*(_rows_of(image, rows) for image in images))
        if whole is None:
            shape = found.shape[0], images[0].shape[1], *found.shape[2:]
            whole = np.empty(shape, found.dtype.as_numpy_dtype)
        whole[:, rows] = found
    return whole


def spans(count: int, length: int) -> list[slice]:
    """Cuts `count` rows of some length into slabs of at most `SLAB` pixels, in order.

    A row is never cut. For columns, count them and give their length.
    """
    rows = max(1, SLAB // length)
    return [slice(top, min(top + rows, count)) for top in range(0, count, rows)]


def cut(*images: tf.Tensor) -> list[tuple[tf.Tensor, ...]]:
    """Returns some rows of each image at a time; in a graph all of them at once."""
    slabs = _slabs(images[0])
    return [tuple(_rows_of(image, rows) for image in images) for rows in slabs]


def _slabs(image) -> list[slice | None]:
    """The rows of each slab of an image; None are all."""
    slabs = spans(*image.shape[1:3]) if tf.executing_eagerly() else []
    return slabs if len(slabs) > 1 else [None]


def _rows_of(image, rows):
    if callable(image):
        return image(rows)
    return image if rows is None else image[:, rows]
