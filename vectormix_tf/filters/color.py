"""Color of pictures as NumPy arrays: the Oklab color space, statistics of colors.

`ops.color` is the same for the graph of a mix.
"""

from collections.abc import Sequence

import numpy as np

from vectormix_tf.io.colorimetry import FROM_CONES, FROM_OKLAB, TO_CONES, TO_OKLAB

TINY = 1e-5  # keeps the covariance of a picture of one color invertible


def to_oklab(image: np.ndarray) -> np.ndarray:
    """Converts sRGB [H, W, 3] in [0, 1] to Oklab: lightness in [0, 1], a and b."""
    low, high = image / 12.92, ((image + 0.055) / 1.055) ** 2.4
    linear = np.where(image <= 0.04045, low, high)  # IEC 61966-2-1
    cones = linear @ TO_CONES.T.astype(image.dtype)
    return np.cbrt(cones) @ TO_OKLAB.T.astype(image.dtype)


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Inverts `to_oklab`; clipped to [0, 1]."""
    cones = (lab @ FROM_OKLAB.T.astype(lab.dtype)) ** 3
    linear = np.clip(cones @ FROM_CONES.T.astype(lab.dtype), 0, 1)
    low, high = linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high)


def recolored(
    image: np.ndarray,
    styles: Sequence[np.ndarray],
    shares: Sequence[float] = (1.0,),
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Returns an image with the mean and covariance of the colors of styles.

    By the linear map of Monge and Kantorovich (Pitie and Kokaram 2007, "The linear
    Monge-Kantorovitch linear colour mapping", equation 4).

    Args:
        image: [H, W, 3] in [0, 1].
        styles: Pictures of any size, [h, w, 3] in [0, 1], whose moments are averaged.
        shares: Weight of each in the average; they sum to 1.
        weights: Of the image's pixels, [H, W, 1]; None weighs all alike.

    Returns:
        [H, W, 3], clipped to [0, 1], float32.
    """
    mean, covariance = _moments(image, weights)
    goals = [_moments(style) for style in styles]
    goal, wanted = (
        sum(share * moment for share, moment in zip(shares, moments, strict=True))
        for moments in zip(*goals, strict=True)
    )
    half = _root(covariance)
    inverse = np.linalg.inv(half)
    matrix = inverse @ _root(half @ wanted @ half) @ inverse
    moved = image @ np.float32(matrix) + np.float32(goal - mean @ matrix)
    return np.clip(moved, 0, 1).astype(np.float32)


def _moments(image, weights=None):
    # float64, as the covariance of a nearly gray picture is inverted.
    colors = np.float64(image).reshape(-1, 3)
    weights = np.ones([len(colors), 1]) if weights is None else weights.reshape(-1, 1)
    weights = np.float64(weights) / np.sum(weights, dtype=np.float64)
    mean = np.sum(weights * colors, axis=0)
    colors = colors - mean
    return mean, (weights * colors).T @ colors + TINY * np.eye(3)


def _root(matrix):
    """Symmetric root of a symmetric positive matrix [c, c]."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T  # against rounding
