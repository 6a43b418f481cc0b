"""Colors: one picture's in another's."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.ops.matrix_root import symmetric_root

TINY = 1e-5  # keeps the covariance of a picture of few colors invertible

# Oklab (Ottosson 2020, "A perceptual color space for image processing"): linear RGB ->
# cone responses -> lightness and two opponent colors.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
FROM_CONES, FROM_LAB = np.linalg.inv(TO_CONES), np.linalg.inv(TO_LAB)
KNEE = 0.04  # of what a screen can show: where `soften` begins to bend
HALVINGS = 10  # of the search for the strongest color that a screen can show
ROUNDING = 1e-6  # by which a color that can be shown may lie outside


def recolor(
    image: tf.Tensor,
    palettes: tf.Tensor | Sequence[tf.Tensor],
    shares: Sequence[float] = (1.0,),
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Gives image [1, H, W, 3] the mean and covariance of the colors of `palettes`.

    The linear map of Monge and Kantorovich: of all that do so, it moves colors least
    (Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping",
    equation 4). Values are clipped to [0, 1].

    Args:
        image: What is recolored.
        palettes: One picture of any size, or several, whose moments are averaged.
        shares: Weight of each; at least one above 0.
        weights: [1, H, W, 1], how much each pixel of the image counts; None counts all.
    """
    palettes = [palettes] if tf.is_tensor(palettes) else palettes
    mean, covariance = _moments(image, weights)
    goals = [_moments(palette) for palette in palettes]
    shares = np.array(shares) / np.sum(shares)
    goal = sum(s * m for s, (m, _) in zip(shares, goals, strict=True))
    goal_covariance = sum(s * c for s, (_, c) in zip(shares, goals, strict=True))
    root = symmetric_root(covariance)
    inverse = tf.linalg.inv(root)
    matrix = inverse @ symmetric_root(root @ goal_covariance @ root) @ inverse
    colors = (tf.cast(image, tf.float64) - mean) @ matrix + goal
    return tf.cast(tf.clip_by_value(colors, 0.0, 1.0), tf.float32)


def gray(image: tf.Tensor) -> tf.Tensor:
    """Image [1, H, W, 3] without its colors, of the same lightness to the eye."""
    return from_oklab(to_oklab(image) * [1.0, 0.0, 0.0])


def color_with(image: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """The lightness of image [1, H, W, 3] with the colors of `reference`.

    Gatys et al. 2016, arXiv:1606.05897, section 5.1 ("luminance only"), in Oklab
    instead of YIQ. Where a screen cannot show the color at that lightness it is made
    weaker, its hue stays.
    """
    lightness = to_oklab(image)[..., :1]
    color = to_oklab(reference)[..., 1:]

    def shown(strength):
        return tf.concat([lightness, strength * color], axis=-1)

    # The strongest that can be shown, pixel by pixel, between gray and as it is.
    low, high = tf.zeros_like(lightness), 2 * tf.ones_like(lightness)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        linear = _to_linear_rgb(shown(tf.minimum(middle, 1.0)))
        inside = (linear > -ROUNDING) & (linear < 1 + ROUNDING)
        fits = tf.reduce_all(inside, -1, keepdims=True)
        low, high = tf.where(fits, middle, low), tf.where(fits, high, middle)
    return from_oklab(shown(tf.minimum(low, 1.0)))


def to_oklab(image: tf.Tensor) -> tf.Tensor:
    """Image [1, H, W, 3], sRGB in [0, 1], as Oklab: lightness in [0, 1], a, b."""
    low, high = image / 12.92, ((tf.maximum(image, 0.04045) + 0.055) / 1.055) ** 2.4
    linear = tf.where(image <= 0.04045, low, high)  # IEC 61966-2-1
    cones = linear @ TO_CONES.T.astype(np.float32)
    return tf.maximum(cones, 0.0) ** (1 / 3) @ TO_LAB.T.astype(np.float32)


def from_oklab(lab: tf.Tensor) -> tf.Tensor:
    """Undoes `to_oklab`; clipped to [0, 1]."""
    linear = tf.clip_by_value(_to_linear_rgb(lab), 0.0, 1.0)
    low, high = linear * 12.92, 1.055 * tf.maximum(linear, 0.0031308) ** (1 / 2.4)
    return tf.where(linear <= 0.0031308, low, high - 0.055)


def _to_linear_rgb(lab):
    cones = lab @ FROM_LAB.T.astype(np.float32)
    return cones**3 @ FROM_CONES.T.astype(np.float32)


def hold_light(
    image: tf.Tensor, reference: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Gives each channel of image [1, H, W, 3] its mean and spread in `reference`.

    What an amplified picture burns into black and white comes back from there.

    Args:
        image: What is changed.
        reference: Of the same size.
        weights: [1, H, W, 1], how much each pixel counts; None counts all.
    """
    weights = tf.ones_like(image[..., :1]) if weights is None else weights
    mean, variance = tf.nn.weighted_moments(image, [1, 2], weights, keepdims=True)
    goal, goal_variance = tf.nn.weighted_moments(
        reference, [1, 2], weights, keepdims=True
    )
    scale = tf.sqrt((goal_variance + TINY) / (variance + TINY))
    return (image - mean) * scale + goal


def soften(image: tf.Tensor) -> tf.Tensor:
    """Brings image [1, H, W, 3] into [0, 1] without a hard clip.

    What lies between `KNEE` and 1 - `KNEE` stays; beyond, values are pressed together
    the more the further they are out (by a hyperbolic tangent), so that light and dark
    parts keep their drawing.
    """

    def pressed(beyond):  # from 0 up; its slope there is 1
        return KNEE * tf.tanh(beyond / KNEE)

    low, high = tf.maximum(KNEE - image, 0.0), tf.maximum(image - (1 - KNEE), 0.0)
    return tf.clip_by_value(image, KNEE, 1 - KNEE) - pressed(low) + pressed(high)


def _moments(image, weights=None):
    # Inverses of nearly gray pictures' covariances need the digits of float64.
    cells = tf.reshape(tf.cast(image, tf.float64), [-1, 3])
    if weights is None:
        weights = tf.ones_like(image[..., :1])
    weights = tf.reshape(tf.cast(weights, tf.float64), [-1, 1])
    total = tf.reduce_sum(weights)
    mean = tf.reduce_sum(weights * cells, axis=0) / total  # [3]
    cells -= mean
    covariance = tf.matmul(weights * cells, cells, transpose_a=True) / total
    return mean, covariance + TINY * tf.eye(3, dtype=tf.float64)
