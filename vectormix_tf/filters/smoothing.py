"""Smoothing of pictures as NumPy arrays: blurs, and what keeps edges."""

from collections.abc import Callable

import numpy as np

# Lengths in pixels that grow with a picture are given for this long side.
LONG_SIDE = 512

REACH = 3.0  # at which a Gaussian is cut off, in standard deviations
LEAST_VARIANCE = 1e-3  # of a guide: below it, values are averaged, not fitted

SHARPNESS = 8  # exponent q of Papari et al. 2007; see `ops.abstraction`
# Standard deviation of the colors of a window that counts 1 / 2^q of an even one.
EVEN = 8 / 255


def blurred(planes: np.ndarray, sigma: float) -> np.ndarray:
    """Returns a Gaussian blur of planes; beyond their borders they are mirrored.

    Args:
        planes: [H, W] or [H, W, c].
        sigma: Standard deviation, pixels.
    """
    reach = int(np.ceil(REACH * sigma))
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    kernel = np.asarray(kernel / np.sum(kernel), planes.dtype)
    beside = [(reach, reach)] + [(0, 0)] * (planes.ndim - 1)
    for _ in range(2):  # down the columns, then along the rows
        padded, count = np.pad(planes, beside, "symmetric"), len(planes)
        shifted = (padded[i : i + count] * part for i, part in enumerate(kernel))
        planes = sum(shifted, np.zeros_like(planes)).swapaxes(0, 1)
    return planes


def reduced(image: np.ndarray, factor: int) -> np.ndarray:
    """Returns means of blocks of factor x factor pixels.

    Args:
        image: [H, W, c]; what is left over at its right and lower border is left out.
        factor: Side of a block, pixels, at most the sides of the image.

    Returns:
        [H // factor, W // factor, c].
    """
    height, width = (side // factor for side in image.shape[:2])
    kept = image[: height * factor, : width * factor]
    blocks = kept.reshape(height, factor, width, factor, -1)
    return np.mean(blocks, axis=(1, 3))


def boxed(planes: np.ndarray, reach: int) -> np.ndarray:
    """Returns means over squares, in a time that does not depend on their size.

    Args:
        planes: [H, W, c]; beyond their borders they are mirrored.
        reach: Pixels of a square on each side of the one in its middle.
    """
    side = 2 * reach + 1
    for _ in range(2):  # down the columns, then along the rows
        padded = np.pad(planes, [(reach + 1, reach), (0, 0), (0, 0)], "symmetric")
        sums = np.cumsum(padded, axis=0, dtype=np.float64)
        means = (sums[side:] - sums[:-side]) / side
        planes = means.astype(planes.dtype).swapaxes(0, 1)
    return planes


def following(
    guide: np.ndarray, values: np.ndarray, smooth: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Returns what of values is a linear function of a guide near each pixel.

    The guided filter of He, Sun and Tang 2010, "Guided image filtering", equations 5, 6
    and 8.

    Args:
        guide: [H, W, 1].
        values: [H, W, c].
        smooth: Means over the windows of planes [H, W, any], e.g. `blurred`.

    Returns:
        [H, W, c].
    """
    mean, goal = smooth(guide), smooth(values)
    variance = smooth(guide * guide) - mean**2
    covariance = smooth(guide * values) - mean * goal
    slope = covariance / (variance + LEAST_VARIANCE)
    offset = goal - slope * mean
    return smooth(slope) * guide + smooth(offset)


def evened(image: np.ndarray, reach: int) -> np.ndarray:
    """Returns patches of even color with crisp edges, as brushes leave.

    The filter of Kuwahara et al. 1976, "Processing of RI-angiocardiographic images",
    with the weights of `ops.abstraction`: each pixel becomes the mean of nine squares
    that touch it, of which the most even ones count most.

    Args:
        image: [H, W, c] in [0, 1].
        reach: Of a square on each side of its middle, pixels.

    Returns:
        [H, W, c] in [0, 1].
    """
    beside = [(reach, reach), (reach, reach), (0, 0)]
    image = np.pad(image, beside, "symmetric")
    square = np.sum(image**2, axis=-1, keepdims=True)
    means = boxed(np.concatenate([image, square], axis=-1), reach)
    means, square = means[..., :-1], means[..., -1:]
    variance = square - np.sum(means**2, axis=-1, keepdims=True)
    weight = (1 + np.sqrt(np.maximum(variance, 0)) / EVEN) ** -SHARPNESS
    planes = np.concatenate([weight * means, weight], axis=-1)
    for _ in range(2):  # the three rows of squares, then the three of each row
        count = len(planes) - 2 * reach
        planes = sum(planes[i : i + count] for i in (0, reach, 2 * reach))
        planes = planes.swapaxes(0, 1)
    return planes[..., :-1] / planes[..., -1:]
