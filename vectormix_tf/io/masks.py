"""Stencils: pictures that say where something counts; nothing heavy."""

import warnings
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images

# So little counts even where a mask is black: the statistic of a mask that a layer's
# cells do not meet would be 0 / 0.
FLOOR = 1e-4
SAME_ASPECT = 0.01  # relative difference up to which two pictures have one aspect


def read(
    source: Any, size: tuple[int, int], max_pixels: int, what: str = "mask"
) -> np.ndarray:
    """Reads a mask: white counts, black does not, gray counts in part.

    Args:
        source: Whatever `images.read` takes; colors are averaged, and what is
            transparent is black.
        size: (height, width) that it is brought to.
        max_pixels: See `images.read`.
        what: Its name in errors and notices.

    Returns:
        [1, height, width, 1] in [0, 1].

    Raises:
        InputError: If it cannot be read or is black everywhere.
    """
    picture = images.read(source, max_pixels, what)
    values = picture.pixels.mean(axis=-1, keepdims=True)
    if picture.alpha is not None:
        values = values * picture.alpha
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
            f"the {what} is black everywhere, so nothing would count; paint white where"
            " it is to count."
        )
    return values.astype(np.float32)
