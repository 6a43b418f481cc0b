"""Masks: pictures that say how much each pixel of another picture counts."""

import warnings
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images

# Least weight of a cell, also where a mask is black: without it, a statistic over a
# mask that misses all cells of a layer would be 0 / 0.
FLOOR = 1e-4
SAME_ASPECT = 0.01  # relative difference up to which two aspects count as equal


def read_mask(
    source: Any, size: tuple[int, int], max_pixels: int, what: str = "mask"
) -> np.ndarray:
    """Reads a mask: white counts fully, black not at all, gray in part.

    Args:
        source: Whatever `images.read` takes. Colors are averaged, and transparency
            multiplies them, so clear pixels are black.
        size: (height, width) to resize it to; a `Notice` warns of another aspect.
        max_pixels: Largest H * W; see `images.read`.
        what: Name of the mask in errors and notices.

    Returns:
        [1, height, width, 1] in [0, 1], float32.

    Raises:
        InputError: If it cannot be read, or is black everywhere.
    """
    picture = images.read(source, max_pixels, what)
    values = picture.pixels.mean(axis=-1, keepdims=True)
    if picture.transparency is not None:
        values = values * picture.transparency
    height, width = values.shape[1:3]
    if abs(np.log(width / height * size[0] / size[1])) > SAME_ASPECT:
        warnings.warn(
            f"the {what} is {width} x {height} pixels, of another aspect than the"
            f" picture; it was stretched to {size[1]} x {size[0]}.",
            Notice,
            stacklevel=3,
        )
    values = images.resize(values, size)
    if not np.any(values > FLOOR):
        raise InputError(
            f"the {what} is black everywhere; paint white where it shall count."
        )
    return values.astype(np.float32)
