"""Smoothing of pictures as NumPy arrays: Gaussian blur, and means of blocks."""

import numpy as np

REACH = 3.0  # at which a Gaussian is cut off, in standard deviations


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
