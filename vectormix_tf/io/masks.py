"""Masks: pictures that say how much each pixel of another picture counts."""

import warnings
from collections.abc import Sequence
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


def read_style_masks(
    sources: Sequence[Any],
    count: int,
    size: tuple[int, int],
    max_pixels: int,
    mask: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Reads where styles are applied: each style's mask times that of the mix.

    Args:
        sources: Of each what `read_mask` takes; may be empty.
        count: How many styles there are.
        size: (height, width) to resize them to.
        max_pixels: Largest H * W; see `images.read`.
        mask: That of the mix, [1, height, width, 1] in [0, 1]; None is everywhere.

    Returns:
        Each [1, height, width, 1] in [0, 1], float32.

    Raises:
        InputError: If one cannot be read or applies nowhere, or there are not as many
            as styles.
    """
    if sources and len(sources) != count:
        raise InputError(
            f"there are {count} styles and {len(sources)} style masks; give"
            " one mask for each style, in their order."
        )
    applied = []
    for i, source in enumerate(sources, start=1):
        own = read_mask(source, size, max_pixels, f"style mask {i}")
        if mask is not None:
            own = own * mask
            if not np.any(own > FLOOR):
                raise InputError(
                    f"style mask {i} is black wherever the mask is white, so style {i}"
                    " applies nowhere; let the two overlap."
                )
        applied.append(own)
    return applied
