"""Slabs: functions of pixels, some rows at a time."""

from collections.abc import Callable

import tensorflow as tf

SLAB = 2**20  # pixels; a picture with no more is not cut


def by_rows(function: Callable[..., tf.Tensor], *images: tf.Tensor) -> tf.Tensor:
    """Applies a function of pixels with less memory for what it computes in between.

    Outside of a graph, the intermediate values of a function are as large as its image:
    a dozen of them for a conversion of colors, each 200 MB at 4096 x 4096.

    Args:
        function: Pixels [B, h, W, c], one or several -> pixels [B, h, W, d]; each
            depends on the pixels at its place alone.
        *images: Its arguments, [B, H, W, c] of the same B, H and W.

    Returns:
        What the function returns for whole images, [B, H, W, d].
    """
    slabs = [function(*slab) for slab in cut(*images)]
    return slabs[0] if len(slabs) == 1 else tf.concat(slabs, axis=1)


def spans(count: int, length: int) -> list[slice]:
    """Cuts `count` rows of some length into slabs of at most `SLAB` pixels, in order.

    A row is never cut. For columns, count them and give their length.
    """
    rows = max(1, SLAB // length)
    return [slice(top, min(top + rows, count)) for top in range(0, count, rows)]


def cut(*images: tf.Tensor) -> list[tuple[tf.Tensor, ...]]:
    """Returns some rows of each image at a time; in a graph all of them at once."""
    if not tf.executing_eagerly():
        return [images]
    height, width = images[0].shape[1:3]
    slabs = spans(height, width)
    if len(slabs) == 1:
        return [images]
    return [tuple(image[:, rows] for image in images) for rows in slabs]
