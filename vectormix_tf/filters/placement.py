"""Placement: colors lie where those of a painting do; `ops.placement` in NumPy."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vectormix_tf.filters.color import from_oklab, to_oklab
from vectormix_tf.filters.smoothing import LONG_SIDE, reduced

# Lightness is compared in standard deviations from its mean, at most this far from it:
# the lamps of a night would otherwise get colors that no painting has.
MAX_DEVIATIONS = 2.0
# A color this many spreads from the fit is changed by half.
STANDS_OUT = 2.0
# Product of the layouts of image and style from which colors are placed in full.
LAYOUTS = 0.1
TINY = 1e-4  # chroma that no screen shows
FLAT = 1e-3  # is added to the variance of lightness
# Added to the diagonal of the normal equations, per pixel: a picture of one lightness,
# or of one row, does not determine all coefficients.
RIDGE = 1e-4


class _Fit(NamedTuple):
    """How the colors of a picture depend on height and lightness."""

    light: tuple[float, float]  # mean and standard deviation of lightness
    coefficients: np.ndarray  # [5, 2] of a and b
    spread: float  # root mean square of the distances of colors from the fit
    layout: float  # share of the variance of lightness that height explains


def placed(
    image: np.ndarray,
    styles: Sequence[np.ndarray],
    shares: Sequence[float] = (1.0,),
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Changes colors by height and lightness, as `ops.placement.place_colors` does.

    Args:
        image: sRGB [H, W, 3] in [0, 1].
        styles: Pictures of any size, [h, w, 3] in [0, 1].
        shares: Weight of each style's fit; they sum to 1.
        weights: Of the image's pixels in its fit, [H, W, 1]; None weighs all alike.

    Returns:
        sRGB [H, W, 3] in [0, 1].
    """
    lab = to_oklab(image)
    own = _fit(lab, weights)
    change = np.zeros_like(own.coefficients)
    for style, share in zip(styles, shares, strict=True):
        wanted = _fit(to_oklab(style))
        agreement = min(own.layout * wanted.layout / LAYOUTS, 1.0)
        change += share * agreement * (wanted.coefficients - own.coefficients)
    terms = _terms(lab[..., :1], own.light)
    away = lab[..., 1:] - terms @ np.float32(own.coefficients)
    away = np.sum(away**2, axis=-1, keepdims=True) / (STANDS_OUT * own.spread) ** 2
    lab[..., 1:] += terms @ np.float32(change) / (1 + away**2)
    return from_oklab(lab)


def _fit(lab: np.ndarray, weights: np.ndarray | None = None) -> _Fit:
    """Fits Oklab [h, w, 3], by the weights of pixels, [h, w, 1]."""
    weights = np.ones_like(lab[..., :1]) if weights is None else weights
    # Of a larger picture, means of blocks are fitted.
    factor = -(-max(lab.shape[:2]) // LONG_SIDE)
    factor = min(factor, *lab.shape[:2])
    if factor > 1:
        lab, weights = reduced(lab, factor), reduced(weights, factor)
    lightness = lab[..., :1]
    weights = np.float64(weights) / np.sum(weights, dtype=np.float64)
    mean = np.sum(weights * lightness)
    variance = np.sum(weights * (lightness - mean) ** 2)
    light = float(mean), float(np.sqrt(variance + FLAT))
    weights, lab, terms = (
        np.float64(planes).reshape(-1, planes.shape[-1])
        for planes in (weights, lab, _terms(lightness, light))
    )
    coefficients, rest = _least_squares(terms, lab[:, 1:], weights)
    _, unexplained = _least_squares(terms[:, :3], lab[:, :1], weights)
    layout = max(variance - unexplained, 0.0) / (variance + FLAT)
    return _Fit(light, coefficients, float(np.sqrt(rest)) + TINY, float(layout))


def _least_squares(terms, values, weights):
    """(coefficients [k, c], mean square of what is left) of values [n, c]."""
    weighted = (weights * terms).T
    products = weighted @ terms + RIDGE * np.eye(terms.shape[-1])
    coefficients = np.linalg.solve(products, weighted @ values)
    return coefficients, np.sum(weights * (values - terms @ coefficients) ** 2)


def _terms(lightness, light):
    """What a and b are fitted by: [h, w, 5] of lightness [h, w, 1]."""
    mean, deviation = light
    t = np.clip((lightness - mean) / deviation, -MAX_DEVIATIONS, MAX_DEVIATIONS)
    height = len(lightness)
    y = (np.arange(height, dtype=np.float32) + 0.5) / height - 0.5  # -1/2 is the top
    y = y[:, None, None] * np.ones_like(t)
    return np.concatenate([np.ones_like(t), y, y**2, t, t * y], axis=-1)
