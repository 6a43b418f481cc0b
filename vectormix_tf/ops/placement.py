"""Placement: colors lie where those of a painting do, its sky's in the sky."""

from collections.abc import Sequence

import tensorflow as tf

from vectormix_tf.ops.chroma import reduced
from vectormix_tf.ops.color import from_oklab, to_oklab

# Lightness is compared in standard deviations from its mean, at most this far from it:
# the lamps of a night would otherwise get colors that no painting has.
MAX_DEVIATIONS = 2.0
# A color this many spreads from the fit is changed by half.
STANDS_OUT = 2.0
TINY = 1e-4  # chroma that no screen shows
FLAT = 1e-3  # is added to the variance of lightness
# Added to the diagonal of the normal equations, per pixel: a picture of one lightness,
# or of one row, does not determine all coefficients.
RIDGE = 1e-4


def place_colors(
    image: tf.Tensor,
    styles: Sequence[tf.Tensor],
    shares: Sequence[float] = (1.0,),
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Changes colors by height and lightness, so that they lie as those of styles do.

    Oklab's a and b are fitted by least squares as c1 + c2 y + c3 y^2 + c4 t + c5 t y
    at height y and lightness t, in the image and in each style. The difference of the
    fits is added to the image, but hardly to colors that are far from the image's own
    fit: a red tower stays red where the sky behind it turns orange. Lightness stays.

    Args:
        image: sRGB [1, H, W, 3] in [0, 1].
        styles: Pictures of any size, [1, h, w, 3] in [0, 1].
        shares: Weight of each style's fit; at least one above 0.
        weights: Of the image's pixels in its fit, [1, H, W, 1]; None weighs all alike.

    Returns:
        sRGB [1, H, W, 3] in [0, 1].
    """
    small = to_oklab(reduced(image))
    weights = tf.ones_like(image[..., :1]) if weights is None else weights
    light, own, spread = _fit(small, reduced(weights))
    change = -own
    for style, share in zip(styles, shares, strict=True):
        lab = to_oklab(reduced(style))
        change += share / sum(shares) * _fit(lab, tf.ones_like(lab[..., :1]))[1]
    lab = to_oklab(image)
    lightness, color = lab[..., :1], lab[..., 1:]
    terms = _terms(lightness, light)
    away = tf.norm(color - terms @ tf.cast(own, tf.float32), axis=-1, keepdims=True)
    share = 1 / (1 + (away / (STANDS_OUT * spread)) ** 4)
    color += share * (terms @ tf.cast(change, tf.float32))
    return from_oklab(tf.concat([lightness, color], -1))


def _fit(lab, weights):
    """Fits a and b.

    Returns:
        Mean and deviation of lightness; coefficients [5, 2] of a and b; root mean
        square of the distances of colors from the fit.
    """
    mean, variance = tf.nn.weighted_moments(lab[..., :1], [0, 1, 2, 3], weights)
    light = mean, tf.sqrt(variance + FLAT)
    terms = tf.cast(tf.reshape(_terms(lab[..., :1], light), [-1, 5]), tf.float64)
    weights = tf.cast(tf.reshape(weights, [-1, 1]), tf.float64)
    colors = tf.cast(tf.reshape(lab[..., 1:], [-1, 2]), tf.float64)
    weights /= tf.reduce_sum(weights)
    products = tf.matmul(weights * terms, terms, transpose_a=True)
    products += RIDGE * tf.eye(5, dtype=tf.float64)
    values = tf.matmul(weights * terms, colors, transpose_a=True)
    coefficients = tf.linalg.solve(products, values)
    away = tf.reduce_sum((colors - terms @ coefficients) ** 2, -1, keepdims=True)
    spread = tf.sqrt(tf.reduce_sum(weights * away)) + TINY
    return light, coefficients, tf.cast(spread, tf.float32)


def _terms(lightness, light):
    """What a and b are fitted by: [1, h, w, 5] of lightness [1, h, w, 1]."""
    mean, deviation = light
    t = (lightness - mean) / deviation
    t = tf.clip_by_value(t, -MAX_DEVIATIONS, MAX_DEVIATIONS)
    height = tf.cast(tf.shape(lightness)[1], tf.float32)
    y = (tf.range(height) + 0.5) / height - 0.5  # -1/2 is the top
    y = y[:, tf.newaxis, tf.newaxis] * tf.ones_like(t)
    return tf.concat([tf.ones_like(t), y, y**2, t, t * y], -1)
