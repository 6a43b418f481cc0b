"""Placement: colors lie where those of a painting do, its sky's in the sky."""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.filters.placement import (
    FLAT,
    LAYOUTS,
    MAX_DEVIATIONS,
    RIDGE,
    STANDS_OUT,
    TINY,
)
from vectormix_tf.ops.color import from_oklab, to_oklab
from vectormix_tf.ops.resize import reduced


class Fit(NamedTuple):
    """How the colors of a picture depend on height and lightness.

    Attributes:
        light: Mean and standard deviation of its lightness.
        coefficients: [5, 2] of a and b.
        spread: Root mean square of the distances of its colors from the fit.
        layout: Share of the variance of its lightness that height explains: near 0 in
            a portrait, and large where a sky lies over a ground.
    """

    light: tuple[tf.Tensor, tf.Tensor]
    coefficients: tf.Tensor
    spread: tf.Tensor
    layout: tf.Tensor


def place_colors(
    image: tf.Tensor,
    styles: Sequence[tf.Tensor],
    shares: Sequence[float] = (1.0,),
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Changes colors by height and lightness, so that they lie as those of styles do.

    Oklab's a and b are fitted by least squares as c1 + c2 y + c3 y^2 + c4 t + c5 t y
    at height y and lightness t, in the image and in each style. The difference of the
    fits is added to the image, as far as both have light over dark or dark over light:
    a portrait has no sky. Colors that are far from the image's own fit hardly change: a
    red tower stays red where the sky behind it turns orange. Lightness stays.

    Args:
        image: sRGB [1, H, W, 3] in [0, 1].
        styles: Pictures of any size, [1, h, w, 3] in [0, 1].
        shares: Weight of each style's fit; at least one above 0.
        weights: Of the image's pixels in its fit, [1, H, W, 1]; None weighs all alike.

    Returns:
        sRGB [1, H, W, 3] in [0, 1].
    """
    weights = tf.ones_like(image[..., :1]) if weights is None else weights
    own = _fit(to_oklab(reduced(image)), reduced(weights))
    change = tf.zeros_like(own.coefficients)
    for style, share in zip(styles, shares, strict=True):
        lab = to_oklab(reduced(style))
        wanted = _fit(lab, tf.ones_like(lab[..., :1]))
        agreement = tf.minimum(own.layout * wanted.layout / LAYOUTS, 1.0)
        share = share / sum(shares) * agreement
        change += share * (wanted.coefficients - own.coefficients)
    lab = to_oklab(image)
    lightness, color = lab[..., :1], lab[..., 1:]
    terms = _terms(lightness, own.light)
    away = color - terms @ tf.cast(own.coefficients, tf.float32)
    away = tf.norm(away, axis=-1, keepdims=True) / (STANDS_OUT * own.spread)
    color += terms @ tf.cast(change, tf.float32) / (1 + away**4)
    return from_oklab(tf.concat([lightness, color], -1))


def _fit(lab: tf.Tensor, weights: tf.Tensor) -> Fit:
    """Fits Oklab [1, h, w, 3], by the weights of pixels, [1, h, w, 1]."""
    mean, variance = tf.nn.weighted_moments(lab[..., :1], [0, 1, 2, 3], weights)
    light = mean, tf.sqrt(variance + FLAT)
    weights, lab, terms = (
        tf.cast(tf.reshape(planes, [-1, planes.shape[-1]]), tf.float64)
        for planes in (weights, lab, _terms(lab[..., :1], light))
    )
    weights /= tf.reduce_sum(weights)
    coefficients, rest = _least_squares(terms, lab[:, 1:], weights)
    variance = tf.cast(variance, tf.float64)
    _, unexplained = _least_squares(terms[:, :3], lab[:, :1], weights)
    layout = tf.maximum(variance - unexplained, 0.0) / (variance + FLAT)
    spread = tf.cast(tf.sqrt(rest), tf.float32) + TINY
    return Fit(light, coefficients, spread, layout)


def _least_squares(terms, values, weights):
    """(coefficients [k, c], mean square of what is left) of values [n, c]."""
    products = tf.matmul(weights * terms, terms, transpose_a=True)
    products += RIDGE * tf.eye(terms.shape[-1], dtype=tf.float64)
    goal = tf.matmul(weights * terms, values, transpose_a=True)
    coefficients = tf.linalg.solve(products, goal)
    rest = tf.reduce_sum((values - terms @ coefficients) ** 2, -1, keepdims=True)
    return coefficients, tf.reduce_sum(weights * rest)


def _terms(lightness, light):
    """What a and b are fitted by: [1, h, w, 5] of lightness [1, h, w, 1]."""
    mean, deviation = light
    t = (lightness - mean) / deviation
    t = tf.clip_by_value(t, -MAX_DEVIATIONS, MAX_DEVIATIONS)
    height = tf.cast(tf.shape(lightness)[1], tf.float32)
    y = (tf.range(height) + 0.5) / height - 0.5  # -1/2 is the top
    y = y[:, tf.newaxis, tf.newaxis] * tf.ones_like(t)
    return tf.concat([tf.ones_like(t), y, y**2, t, t * y], -1)
