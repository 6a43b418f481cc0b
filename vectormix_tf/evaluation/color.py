"""Color: noise of colors that no paint has, and clouds of foreign color.

In NumPy, so that nothing here needs TensorFlow.
"""

import functools

import numpy as np

from vectormix_tf.filters.color import recolored, to_oklab
from vectormix_tf.filters.smoothing import blurred, following, reduced

# Noise: the window in which colors may follow lightness. That of `ops.chroma`, which
# removes the noise.
NOISE_SIGMA = 4.0  # pixels
LEAST_NOISE = 0.002  # of the style's, so that one in black and white divides by it

# Clouds: larger than 8 pixels, smaller than 40; at a quarter of the size, to be fast.
CLOUD_FACTOR = 4
CLOUD_SIGMAS = (2.0, 10.0)
STYLE_SHARE = 0.1  # of a style's own clouds, which a mix may have anywhere
LEAST_CLOUDS = 0.005


def clouds(image: np.ndarray, weights: np.ndarray) -> float:
    """Standard deviation of Oklab's a and b between 8 and 40 pixels.

    Args:
        image: [H, W, 3] in [0, 1].
        weights: Of the pixels, [H, W].
    """
    color = reduced(to_oklab(image)[..., 1:], CLOUD_FACTOR)
    weights = reduced(weights[..., None], CLOUD_FACTOR)
    fine, coarse = (blurred(color, sigma) for sigma in CLOUD_SIGMAS)
    return float(np.sqrt(np.sum((fine - coarse) ** 2 * weights) / np.sum(weights)))


def foreign_clouds(
    image: np.ndarray, content: np.ndarray, style: np.ndarray, plain: np.ndarray
) -> float:
    """Clouds of color in the plain parts, relative to those that one would expect.

    These are the content's in the style's colors, a tenth of the style's, and a little.

    Args:
        image: [H, W, 3] in [0, 1].
        content: [H, W, 3] in [0, 1].
        style: [h, w, 3] in [0, 1].
        plain: Which parts these are, [H, W]; see `light.plain_parts`.
    """
    own = clouds(recolored(content, [style]), plain)
    usual = own + STYLE_SHARE * clouds(style, np.ones(style.shape[:2]))
    return clouds(image, plain) / (usual + LEAST_CLOUDS)


def noise(image: np.ndarray) -> float:
    """Root mean square of the fine detail of Oklab's a and b that no lightness has.

    Args:
        image: [H, W, 3] in [0, 1].
    """
    lab = to_oklab(np.float64(image))  # of squares a small difference is taken
    lightness, color = lab[..., :1], lab[..., 1:]
    smooth = functools.partial(blurred, sigma=NOISE_SIGMA)
    rest = color - following(lightness, color, smooth)
    return float(np.sqrt(np.mean(np.sum(rest**2, axis=-1))))


def relative_noise(image: np.ndarray, style: np.ndarray) -> float:
    """`noise` of an image relative to a style's: 1 is as much as the style has."""
    return noise(image) / (noise(style) + LEAST_NOISE)
