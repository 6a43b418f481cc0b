"""Light: whose fine edges a picture has, and how strong and how directed they are.

Light is split into bands, differences of two Gaussian blurs each: grain, hairlines,
strokes, shapes. A photograph with a texture engraved into it keeps its own edges in the
fine bands, and a painting of it has the strokes of its painter there.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vectormix_tf.filters.smoothing import blurred

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, 2.5.1
# Standard deviations of the blurs between which bands lie, pixels; an octave apart.
SIGMAS = (0.7, 1.4, 2.8, 5.6, 11.2)
BANDS = len(SIGMAS) - 1
FINE = 3  # bands in which edges should be the style's; the last one has the shapes
# Of the fine bands' strengths, in octaves: what a picture may be off and still be
# compared by its edges. Further away it is blurred, or noisy.
MOST_OFF = 0.35
FAINT = 1e-6  # deviation of light that is none

EDGE_SIGMA = 1.0  # of the light whose gradient is taken
STROKE_SIGMA = 6.0  # of the window in which strokes have one direction
SHAPE_SIGMA = 4.0  # of the window in which a photograph is plain or busy
PLAIN_SHARE = 0.4  # of a photograph's pixels, the least busy ones
TINY = 1e-9  # squared gradient that is none


def luma(image: np.ndarray) -> np.ndarray:
    """Returns the light of an image, [H, W, 3] -> [H, W]."""
    return image @ LUMA


def bands(light: np.ndarray) -> list[np.ndarray]:
    """Splits light [H, W] into `BANDS` planes [H, W], from fine to coarse."""
    levels = [blurred(light, sigma) for sigma in SIGMAS]
    return [fine - coarse for fine, coarse in pairwise(levels)]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two planes over all pixels, in [-1, 1]; 0 if one is flat."""
    one, other = (plane - np.mean(plane, dtype=np.float64) for plane in (one, other))
    size = np.sqrt(np.mean(one**2)) * np.sqrt(np.mean(other**2))
    return float(np.mean(one * other) / size) if size > FAINT**2 else 0.0


def strength(band: np.ndarray, wanted: np.ndarray) -> float:
    """Standard deviation of a band relative to another's, in octaves."""
    one, other = (np.std(plane, dtype=np.float64) + FAINT for plane in (band, wanted))
    return float(np.log2(one / other))


def shared(correlations: Sequence[float]) -> float:
    """How much of the fine light follows the content's, in [0, 1].

    Args:
        correlations: Of each band with the content's, from fine to coarse.
    """
    return float(np.mean(np.maximum(correlations[:FINE], 0.0) ** 2))


def is_comparable(strengths: Sequence[float]) -> bool:
    """Whether the fine bands are about as strong as the style's, see `strength`."""
    return all(abs(each) <= MOST_OFF for each in strengths[:FINE])


def edges(light: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Difference and sum of the eigenvalues of the structure tensor at each pixel.

    Bigun and Granlund 1987, "Optimal orientation detection of linear symmetry".

    Args:
        light: [H, W].
        sigma: Of the window, pixels.

    Returns:
        Two planes [H, W], both at least 0.
    """
    down, along = np.gradient(blurred(light, EDGE_SIGMA))
    products = (along * along, along * down, down * down)
    xx, xy, yy = (blurred(product, sigma) for product in products)
    return np.hypot(xx - yy, 2 * xy), xx + yy


def plain_parts(light: np.ndarray) -> np.ndarray:
    """Where a photograph has the fewest edges: 1 there, 0 elsewhere, [H, W]."""
    busy = edges(light, SHAPE_SIGMA)[1]
    return np.float32(busy <= np.quantile(busy, PLAIN_SHARE))


def coherence(light: np.ndarray, weights: np.ndarray | float = 1.0) -> float:
    """How much edges within a window have one direction: 0 is grain, 1 are stripes.

    Args:
        light: [H, W].
        weights: Of the pixels, [H, W]; 1 weighs all alike.
    """
    difference, total = edges(light, STROKE_SIGMA)
    return float(np.sum(difference * weights) / (np.sum(total * weights) + TINY))
