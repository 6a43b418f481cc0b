"""Patches: whether small parts of a picture look like parts of a style."""

import numpy as np

from vectormix_tf.filters.smoothing import reduced

SIDE = 9  # of a patch, pixels
COUNT, STYLE_COUNT = 1500, 6000  # patches drawn of a picture, and of a style
SEED, STYLE_SEED = 0, 1
TINY = 1e-9  # squared distance that is none


def sample(image: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Returns patches from random places of an image.

    Args:
        image: [H, W, 3]; its sides are longer than `SIDE`.
        count: How many.
        seed: Of the places.

    Returns:
        [count, SIDE * SIDE * 3].
    """
    drawn, (height, width) = np.random.default_rng(seed), image.shape[:2]
    y, x = (drawn.integers(0, side - SIDE, count) for side in (height, width))
    within = np.arange(SIDE)
    rows, columns = y[:, None, None] + within[:, None], x[:, None, None] + within
    return image[rows, columns].reshape(count, -1)


def distance(image: np.ndarray, style: np.ndarray) -> float:
    """Mean squared distance of patches of an image to the nearest ones of a style."""
    own, others = sample(image, COUNT, SEED), sample(style, STYLE_COUNT, STYLE_SEED)
    squares = np.sum(others**2, axis=1)[:, None] - 2 * others @ own.T
    return float(np.mean(np.sum(own**2, axis=1) + np.min(squares, axis=0)))


def own_distance(style: np.ndarray) -> float:
    """Mean of `distance` between the left half of a style and the right one."""
    left, right = np.array_split(style, 2, axis=1)
    return (distance(left, right) + distance(right, left)) / 2


def relative_distance(image: np.ndarray, style: np.ndarray, factor: int) -> float:
    """`distance` relative to `own_distance`: 1 is as near as the style is to itself.

    Args:
        image: [H, W, 3].
        style: [h, w, 3].
        factor: By which both are made smaller first.
    """
    image, style = reduced(image, factor), reduced(style, factor)
    return distance(image, style) / (own_distance(style) + TINY)
