"""Color: statistics of colors, and the Oklab color space."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.filters.color import TINY
from vectormix_tf.io.colorimetry import FROM_CONES, FROM_OKLAB, TO_CONES, TO_OKLAB
from vectormix_tf.ops.matrix_root import symmetric_root
from vectormix_tf.ops.slabs import cut

KNEE = 0.04  # distance from 0 and 1 at which `soften` starts to compress values
HALVINGS = 10  # of the bisection for the greatest chroma inside the sRGB gamut
ROUNDING = 1e-6  # tolerance of linear RGB at the borders of the gamut


def recolor(
    image: tf.Tensor,
    palettes: tf.Tensor | Sequence[tf.Tensor],
    shares: Sequence[float] = (1.0,),
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Gives an image the mean and covariance of the colors of other pictures.

    By the linear map of Monge and Kantorovich: of all linear maps that do so, it moves
    colors least (Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour
    mapping", equation 4).

    Args:
        image: [1, H, W, 3] in [0, 1].
        palettes: A picture of any size, or several, whose moments are averaged.
        shares: Weight of each in the average; at least one above 0.
        weights: Of the image's pixels, [1, H, W, 1]; None weighs all alike.

    Returns:
        [1, H, W, 3], clipped to [0, 1].
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
    """Returns image [1, H, W, 3] without color, at its lightness in Oklab."""
    return from_oklab(to_oklab(image) * [1.0, 0.0, 0.0])


def color_with(image: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Combines the lightness of one image with the colors of another.

    Gatys et al. 2016, arXiv:1606.05897, section 5.1 ("luminance only"), in Oklab
    instead of YIQ. Colors outside of the sRGB gamut at their new lightness keep their
    hue, and get the greatest chroma that is inside.

    Args:
        image: sRGB [1, H, W, 3] in [0, 1], for the lightness.
        reference: Likewise, for the colors.

    Returns:
        sRGB [1, H, W, 3] in [0, 1].
    """
    lightness = to_oklab(image)[..., :1]
    color = to_oklab(reference)[..., 1:]

    def shown(strength):
        return tf.concat([lightness, strength * color], axis=-1)

    # Bisection for the greatest factor in [0, 1] of each pixel that is in the gamut.
    low, high = tf.zeros_like(lightness), 2 * tf.ones_like(lightness)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        linear = _to_linear_rgb(shown(tf.minimum(middle, 1.0)))
        inside = (linear > -ROUNDING) & (linear < 1 + ROUNDING)
        fits = tf.reduce_all(inside, -1, keepdims=True)
        low, high = tf.where(fits, middle, low), tf.where(fits, high, middle)
    return from_oklab(shown(tf.minimum(low, 1.0)))


def to_oklab(image: tf.Tensor) -> tf.Tensor:
    """Converts sRGB [1, H, W, 3] in [0, 1] to Oklab: lightness in [0, 1], a and b."""
    low, high = image / 12.92, ((tf.maximum(image, 0.04045) + 0.055) / 1.055) ** 2.4
    linear = tf.where(image <= 0.04045, low, high)  # IEC 61966-2-1
    cones = linear @ TO_CONES.T.astype(np.float32)
    return tf.maximum(cones, 0.0) ** (1 / 3) @ TO_OKLAB.T.astype(np.float32)


def from_oklab(lab: tf.Tensor) -> tf.Tensor:
    """Inverts `to_oklab`; clipped to [0, 1]."""
    linear = tf.clip_by_value(_to_linear_rgb(lab), 0.0, 1.0)
    low, high = linear * 12.92, 1.055 * tf.maximum(linear, 0.0031308) ** (1 / 2.4)
    return tf.where(linear <= 0.0031308, low, high - 0.055)


def _to_linear_rgb(lab):
    cones = lab @ FROM_OKLAB.T.astype(np.float32)
    return cones**3 @ FROM_CONES.T.astype(np.float32)


def hold_light(
    image: tf.Tensor, reference: tf.Tensor, weights: tf.Tensor | None = None
) -> tf.Tensor:
    """Gives each channel of an image its mean and standard deviation in another.

    So a picture whose activations are amplified does not drift to black and white.

    Args:
        image: [1, H, W, 3].
        reference: [1, H, W, 3].
        weights: Of the pixels, [1, H, W, 1]; None weighs all alike.

    Returns:
        [1, H, W, 3], of any range.
    """
    weights = tf.ones_like(image[..., :1]) if weights is None else weights
    mean, variance = tf.nn.weighted_moments(image, [1, 2], weights, keepdims=True)
    goal, goal_variance = tf.nn.weighted_moments(
        reference, [1, 2], weights, keepdims=True
    )
    scale = tf.sqrt((goal_variance + TINY) / (variance + TINY))
    return (image - mean) * scale + goal


def soften(image: tf.Tensor) -> tf.Tensor:
    """Maps image [1, H, W, 3] into [0, 1] by a soft clip.

    Values between `KNEE` and 1 - `KNEE` stay. Those beyond are compressed by a
    hyperbolic tangent whose slope at the knee is 1, so that light and dark parts keep
    their details.
    """

    def compressed(beyond):
        return KNEE * tf.tanh(beyond / KNEE)

    low, high = tf.maximum(KNEE - image, 0.0), tf.maximum(image - (1 - KNEE), 0.0)
    return tf.clip_by_value(image, KNEE, 1 - KNEE) - compressed(low) + compressed(high)


def _moments(image, weights=None):
    """Mean and covariance of colors, with some rows at a time in float64."""

    def cells_of(planes):
        # float64, as the covariance of a nearly gray picture is inverted.
        return tf.reshape(tf.cast(planes, tf.float64), [-1, planes.shape[-1]])

    if weights is None:
        weights = tf.ones_like(image[..., :1])
    slabs = cut(image, weights)
    total = tf.add_n([tf.reduce_sum(cells_of(share)) for _, share in slabs])
    sums = [tf.reduce_sum(cells_of(w) * cells_of(colors), 0) for colors, w in slabs]
    mean = tf.add_n(sums) / total  # [3]
    products = []
    for colors, share in slabs:
        cells = cells_of(colors) - mean
        products.append(tf.matmul(cells_of(share) * cells, cells, transpose_a=True))
    covariance = tf.add_n(products) / total
    return mean, covariance + TINY * tf.eye(3, dtype=tf.float64)
