"""Color: noise of colors that no paint has, and clouds of foreign color.

In NumPy, so that nothing here needs TensorFlow; `ops.color` and `ops.chroma` have the
same color space and the same filter for the graph of a mix.
"""

import numpy as np

from vectormix_tf.evaluation.smoothing import blurred, reduced
from vectormix_tf.io.colorimetry import TO_CONES, TO_OKLAB

TINY = 1e-5  # keeps the covariance of a picture of one color invertible
LEAST_VALUE = 1e-9  # of the eigenvalues whose roots are taken, against rounding

# Noise: the window in which colors may follow lightness, and the variance of lightness
# below which they are averaged instead. Those of `ops.chroma`, which removes the noise.
NOISE_SIGMA = 4.0  # pixels
LEAST_VARIANCE = 1e-3
LEAST_NOISE = 0.002  # of the style's, so that one in black and white divides by it

# Clouds: larger than 8 pixels, smaller than 40; at a quarter of the size, to be fast.
CLOUD_FACTOR = 4
CLOUD_SIGMAS = (2.0, 10.0)
STYLE_SHARE = 0.1  # of a style's own clouds, which a mix may have anywhere
LEAST_CLOUDS = 0.005


def to_oklab(image: np.ndarray) -> np.ndarray:
    """Converts sRGB [H, W, 3] in [0, 1] to Oklab: lightness in [0, 1], a and b."""
    low, high = image / 12.92, ((image + 0.055) / 1.055) ** 2.4
    linear = np.where(image <= 0.04045, low, high)  # IEC 61966-2-1
    return np.cbrt(linear @ TO_CONES.T) @ TO_OKLAB.T


def recolored(image: np.ndarray, style: np.ndarray) -> np.ndarray:
    """Returns an image with the mean and covariance of a style's colors.

    By the linear map of Monge and Kantorovich (Pitie and Kokaram 2007, "The linear
    Monge-Kantorovitch linear colour mapping", equation 4).

    Args:
        image: [H, W, 3] in [0, 1].
        style: [h, w, 3] in [0, 1].

    Returns:
        [H, W, 3], clipped to [0, 1].
    """
    colors, wanted = (np.float64(each).reshape(-1, 3) for each in (image, style))
    half = _root(np.cov(colors.T) + TINY * np.eye(3))
    inverse = np.linalg.inv(half)
    matrix = inverse @ _root(half @ np.cov(wanted.T) @ half) @ inverse
    moved = (image - np.mean(colors, axis=0)) @ matrix + np.mean(wanted, axis=0)
    return np.clip(moved, 0, 1).astype(np.float32)


def _root(matrix: np.ndarray) -> np.ndarray:
    """Symmetric root of a symmetric positive matrix [c, c]."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, LEAST_VALUE))) @ vectors.T


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
    own = clouds(recolored(content, style), plain)
    usual = own + STYLE_SHARE * clouds(style, np.ones(style.shape[:2]))
    return clouds(image, plain) / (usual + LEAST_CLOUDS)


def following(guide: np.ndarray, values: np.ndarray, sigma: float) -> np.ndarray:
    """Returns what of values is a linear function of a guide near each pixel.

    The guided filter of He, Sun and Tang 2010, "Guided image filtering", equations 5, 6
    and 8, with Gaussian windows.

    Args:
        guide: [H, W, 1].
        values: [H, W, c].
        sigma: Of the windows, pixels.

    Returns:
        [H, W, c].
    """
    mean, goal = blurred(guide, sigma), blurred(values, sigma)
    variance = blurred(guide * guide, sigma) - mean**2
    covariance = blurred(guide * values, sigma) - mean * goal
    slope = covariance / (variance + LEAST_VARIANCE)
    offset = goal - slope * mean
    return blurred(slope, sigma) * guide + blurred(offset, sigma)


def noise(image: np.ndarray) -> float:
    """Root mean square of the fine detail of Oklab's a and b that no lightness has.

    Args:
        image: [H, W, 3] in [0, 1].
    """
    lab = to_oklab(np.float64(image))  # of squares a small difference is taken
    lightness, color = lab[..., :1], lab[..., 1:]
    rest = color - following(lightness, color, NOISE_SIGMA)
    return float(np.sqrt(np.mean(np.sum(rest**2, axis=-1))))


def relative_noise(image: np.ndarray, style: np.ndarray) -> float:
    """`noise` of an image relative to a style's: 1 is as much as the style has."""
    return noise(image) / (noise(style) + LEAST_NOISE)
