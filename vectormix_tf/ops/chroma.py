"""Chroma of a mix: fine color noise is removed, and colors stay within a style's own.

Layers of a network hold a picture's fine colors only loosely, so an optimized picture
has colored noise and fringes that no paint has. `limit_chroma` takes them away.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.filters.placement import TINY
from vectormix_tf.filters.smoothing import LEAST_VARIANCE, LONG_SIDE, REACH
from vectormix_tf.ops.border import extend
from vectormix_tf.ops.color import from_oklab, to_oklab
from vectormix_tf.ops.resize import reduced
from vectormix_tf.ops.slabs import by_rows

# All lengths below are in pixels of a picture whose long side has `LONG_SIDE`; a larger
# picture is smoothed at that size, by the fast guided filter.
SMOOTHING = 4.0  # standard deviation of the guided filter's windows
NEIGHBORHOOD = 6.0  # standard deviation of the windows in which saturation is compared
BINS = 8  # of the style's lightness, each with as many pixels
SPREAD_QUANTILE = 0.9  # of the distances from a bin's mean color: its spread
MAX_SPREADS = 1.6  # distance from the mean color that is allowed, in spreads
PEAK_QUANTILE = 0.97  # of the style's chroma: what saturation is restored up to
MAX_GAIN = 1.5  # by which saturation is restored
VIVIDNESS = 0.5  # of the palest colors, the share of their saturation that is added
# A style is colorful if the distances of its colors from their mean have this quantile.
COLORFUL_QUANTILE, COLORFUL = 0.8, 0.06
LEVELS = 256  # of lightness, in a palette's table


class Palette(NamedTuple):
    """The colors of a style, as Oklab's a and b.

    Attributes:
        table: [LEVELS, 3]: mean a, mean b and spread at lightness 0 to 1.
        peak: Scalar: chroma of its most saturated colors.
        colorful: Scalar in [0, 1]: 0 is a style in one hue, 1 one of many colors.
    """

    table: tf.Tensor
    peak: tf.Tensor
    colorful: tf.Tensor


def palette(style: tf.Tensor) -> Palette:
    """Returns the palette of a style, sRGB [1, h, w, 3] in [0, 1]."""
    lab = tf.reshape(to_oklab(reduced(style)), [-1, 3])
    lab = tf.gather(lab, tf.argsort(lab[:, 0], stable=True))  # from dark to light
    count = tf.shape(lab)[0]
    knots, rows = [], []
    for i in range(BINS):
        start = i * count // BINS
        cells = lab[start : tf.maximum(start + 1, (i + 1) * count // BINS)]
        mean = tf.reduce_mean(cells, axis=0)
        spread = _quantile(tf.norm(cells[:, 1:] - mean[1:], axis=-1), SPREAD_QUANTILE)
        knots.append(mean[0])
        rows.append(tf.stack([mean[1], mean[2], spread]))
    away = tf.norm(lab[:, 1:] - tf.reduce_mean(lab[:, 1:], axis=0), axis=-1)
    return Palette(
        _table(tf.stack(knots), tf.stack(rows)),
        _quantile(tf.norm(lab[:, 1:], axis=-1), PEAK_QUANTILE),
        tf.minimum(_quantile(away, COLORFUL_QUANTILE) / COLORFUL, 1.0),
    )


def limit_chroma(
    image: tf.Tensor,
    palettes: Sequence[Palette],
    weights: Sequence[float | tf.Tensor] = (1.0,),
    periodic: bool = False,
    spreads: float = MAX_SPREADS,
    vividness: float = VIVIDNESS,
) -> tf.Tensor:
    """Removes fine color noise, and keeps colors within those of styles.

    In four steps, in Oklab (Ottosson 2020) at unchanged lightness:

    1. Chroma becomes a locally linear function of lightness: the guided filter of He,
       Sun and Tang 2010, "Guided image filtering", equations 5, 6 and 8 with Gaussian
       windows, at a reduced size (He and Sun 2015, arXiv:1505.00996).
    2. A color is at most `spreads` spreads from the mean color that the styles have at
       its lightness.
    3. Saturation that step 1 averaged away comes back, as far as the styles have it.
    4. Chroma c becomes c + `vividness` c (1 - c / peak), where the peak is that of the
       most saturated colors of the styles; what is above it stays.

    Args:
        image: sRGB [1, H, W, 3] in [0, 1].
        palettes: Those of the styles.
        weights: Of each, a number or [1, H, W, 1]; their sum is above 0 everywhere.
        periodic: Whether opposite borders of the image touch; otherwise it is mirrored.
        spreads: How far colors may be from the mean.
        vividness: In [0, 1]; 0 leaves step 4 out.

    Returns:
        sRGB [1, H, W, 3] in [0, 1].
    """
    lab = by_rows(to_oklab, image)
    size = tf.shape(image)[1:3]
    small = reduced(lab)
    unit = tf.cast(tf.reduce_max(tf.shape(small)[1:3]), tf.float32) / LONG_SIDE

    def blurred(planes, sigma=SMOOTHING):
        return _blurred(planes, sigma * unit, periodic)

    shares = [weight / sum(weights) for weight in weights]
    maps = [share for share in shares if tf.is_tensor(share)]

    def limit(lab, slope, offset, *maps):
        lightness, own = lab[..., :1], iter(maps)
        here = [next(own) if tf.is_tensor(share) else share for share in shares]
        rows = _averaged([_row(each, lightness) for each in palettes], here)
        limited = slope * lightness + offset
        limited = _within(limited, rows[..., :2], spreads * rows[..., 2:])
        # As far as a screen shows it.
        return to_oklab(from_oklab(tf.concat([lightness, limited], -1)))[..., 1:]

    peak = _averaged([each.peak for each in palettes], shares)
    colorful = _averaged([each.colorful for each in palettes], shares)
    extremes = (peak, colorful) if maps else (lambda _: peak, lambda _: colorful)

    fit = _guided(small[..., :1], small[..., 1:], blurred)
    limited = by_rows(limit, lab, *(_enlarged(each, size) for each in fit), *maps)
    before, after = (
        _enlarged(blurred(reduced(by_rows(_chroma, image)), NEIGHBORHOOD), size)
        for image in (lab, limited)
    )
    restored = functools.partial(_restored, vividness=vividness)
    return by_rows(restored, lab, limited, before, after, *extremes)


def _restored(lab, color, before, after, peak, colorful, vividness):
    """Gives limited colors back their saturation and more, and returns them in sRGB.

    Args:
        lab: Oklab, for the lightness.
        color: Limited a and b.
        before: Mean chroma near each pixel before they were limited.
        after: And after it.
        peak: Chroma up to which it is restored.
        colorful: How much it is restored, in [0, 1].
        vividness: As of `limit_chroma`.
    """
    gain = tf.minimum(before, peak) / (after + TINY)
    color *= 1 + (tf.clip_by_value(gain, 1.0, MAX_GAIN) - 1) * colorful
    color *= 1 + vividness * tf.maximum(1 - _length(color) / (peak + TINY), 0.0)
    return from_oklab(tf.concat([lab[..., :1], color], -1))


def _enlarged(image, size):
    """Returns a function that makes some rows of an enlarged image, or all (None)."""

    def made(rows):
        if rows is None:
            return tf.image.resize(image, size, method="bilinear")
        # In float32 and in the order of `tf.image.resize`, which gives the same bits:
        # first along the rows, then between two of them.
        height, half = image.shape[1], np.float32(0.5)
        scale = np.float32(height) / np.float32(size[0])
        at = (np.arange(rows.start, rows.stop) + half).astype(np.float32) * scale - half
        low = np.maximum(np.floor(at), 0).astype(np.int32)
        high = np.minimum(np.ceil(at), height - 1).astype(np.int32)
        near = image[:, low[0] : high[-1] + 1]
        wide = tf.image.resize(near, [near.shape[1], size[1]], method="bilinear")
        above, below = (tf.gather(wide, each - low[0], axis=1) for each in (low, high))
        return above + (at - np.floor(at))[:, np.newaxis, np.newaxis] * (below - above)

    return made


def _guided(guide, values, blurred):
    """Slope and offset of `values` as a linear function of `guide` near each pixel."""
    planes = [guide, values, guide * guide, guide * values]
    means = blurred(tf.concat(planes, -1))
    guide, values, square, product = tf.split(means, [1, 2, 1, 2], axis=-1)
    slope = (product - guide * values) / (square - guide**2 + LEAST_VARIANCE)
    fit = tf.concat([slope, values - slope * guide], -1)
    return tf.split(blurred(fit), 2, axis=-1)


def _blurred(image, sigma, periodic):
    """Gaussian blur of [1, H, W, c]."""
    reach = tf.cast(tf.math.ceil(REACH * sigma), tf.int32)
    offsets = tf.cast(tf.range(-reach, reach + 1), tf.float32)
    kernel = tf.exp(-(offsets**2) / (2 * sigma**2))
    kernel = (kernel / tf.reduce_sum(kernel))[:, None, None, None]
    planes = tf.transpose(image, [3, 1, 2, 0])  # [c, H, W, 1]
    for axis, window in ((1, kernel), (2, tf.transpose(kernel, [1, 0, 2, 3]))):
        planes = extend(planes, axis, reach, periodic)
        planes = tf.nn.conv2d(planes, window, 1, "VALID")
    return tf.transpose(planes, [3, 1, 2, 0])


def _row(palette, lightness):
    """Mean color and spread that a style has at a lightness, [1, H, W, 3]."""
    position = tf.clip_by_value(lightness[..., 0], 0.0, 1.0) * (LEVELS - 1)
    low = tf.clip_by_value(tf.cast(position, tf.int32), 0, LEVELS - 2)  # also of a NaN
    share = (position - tf.cast(low, tf.float32))[..., None]
    row = (1 - share) * tf.gather(palette.table, low)
    return row + share * tf.gather(palette.table, low + 1)


def _averaged(values, shares):
    return sum(value * share for value, share in zip(values, shares, strict=True))


def _within(color, center, radius):
    """Moves colors that are further than `radius` from `center` onto that circle."""
    away = color - center
    return center + away * tf.minimum(1.0, radius / (_length(away) + 1e-9))


def _chroma(planes):
    """Length of the color in Oklab's a and b, also if lightness comes before them."""
    return _length(planes[..., -2:])


def _length(color):
    return tf.norm(color, axis=-1, keepdims=True)


def _quantile(values, share):
    """Quantile of values [n], interpolated linearly."""
    values = tf.sort(values)
    last = tf.shape(values)[0] - 1
    position = share * tf.cast(last, tf.float32)
    low = tf.cast(position, tf.int32)
    part = position - tf.cast(low, tf.float32)
    return (1 - part) * values[low] + part * values[tf.minimum(low + 1, last)]


def _table(knots, rows):
    """Rows [n, 3] at increasing knots [n], interpolated at `LEVELS` lightnesses."""
    lightness = np.linspace(0, 1, LEVELS, dtype=np.float32)
    right = tf.searchsorted(knots, lightness, side="right")
    low = tf.clip_by_value(right - 1, 0, BINS - 2)
    gap = tf.gather(knots, low + 1) - tf.gather(knots, low)
    share = tf.math.divide_no_nan(lightness - tf.gather(knots, low), gap)
    share = tf.clip_by_value(share, 0.0, 1.0)[:, None]
    return (1 - share) * tf.gather(rows, low) + share * tf.gather(rows, low + 1)
