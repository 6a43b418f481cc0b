"""Classification: which of ImageNet's 1000 classes an image belongs to."""

import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from vectormix_tf.config import classes
from vectormix_tf.config.backbones import LOGITS, check_weights
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import Notice, check_integer
from vectormix_tf.io import drawings, images
from vectormix_tf.io.images import ImageLike

SIDE = 299  # pixels; side of InceptionV3's training images (Szegedy et al. 2016)
TOP = 5  # the ImageNet challenge counts the top-5 error

# Measured on photographs kept out of the weights' lesson: examples/WEIGHTS.md.
BUNDLED_ARE_RIGHT = (
    "the bundled weights were taught in minutes: their first class is right for 3 of"
    " 50 photographs, one of their first five for 14; the download is right more often:"
    ' `weights="imagenet"`.'
)

Guess = tuple[str, float]  # name of a class, and its probability


def classify(
    image: ImageLike,
    weights: str = "bundled",
    top: int = TOP,
) -> list[Guess]:
    """Returns the classes that InceptionV3 assigns to an image.

    Szegedy et al. 2016, arXiv:1512.00567. The network gets the central square of the
    image, resized to 299 x 299 pixels. A departure from TF-slim's evaluation, which
    keeps only the central 87.5 percent of each side.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        weights: "bundled", which are seldom right: a notice says how often;
            "imagenet" (a download of 96 MB); or the path of a weights file that
            includes the classification layer.
        top: How many classes are returned, in [1, 1000].

    Returns:
        `(name, probability)` of the most probable classes, in falling order.

    Warns:
        Notice: How often the bundled weights are right, if they are used.

    Raises:
        InputError: If the image cannot be read, or the weights cannot be loaded or lack
            the classification layer.
    """
    check(weights, top)
    return next(classify_each([middle_square(image)], weights, top))


def check(weights: str, top: int) -> None:
    """Checks the arguments `weights` and `top` of `classify`; loads nothing.

    Raises:
        InputError: If one of them cannot be used.
    """
    check_integer("top", top, 1, len(classes.names()))
    check_weights(weights)


def middle_square(image: ImageLike, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the central square of an image, resized to 299 x 299 pixels.

    Args:
        image: As of `classify`.
        max_pixels: Largest H * W; a larger file is not decoded.

    Returns:
        [1, 299, 299, 3] in [0, 1].

    Raises:
        InputError: If the image cannot be read.
    """
    picture = drawings.read(image, max_pixels)
    height, width = picture.pixels.shape[1:3]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    pixels, transparency = (
        None if array is None else array[:, y : y + side, x : x + side]
        for array in (picture.pixels, picture.transparency)
    )
    return images.fit(images.Picture(pixels, transparency), (SIDE, SIDE)).pixels


def classify_each(
    squares: Iterable[np.ndarray], weights: str, top: int
) -> Iterator[list[Guess]]:
    """Yields the result of `classify` for each image; the network is loaded once.

    Args:
        squares: From `middle_square`.
        weights: As of `classify`.
        top: As of `classify`.
    """
    from vectormix_tf.backbone.environment import check_caller
    from vectormix_tf.backbone.extractor import Extractor

    check_caller()
    if weights == "bundled":
        warnings.warn(BUNDLED_ARE_RIGHT, Notice, stacklevel=2)
    extractor, names = Extractor([LOGITS], weights), classes.names()
    for square in squares:
        probabilities = _softmax(np.ravel(extractor(square)[LOGITS]))  # [1000]
        best = np.argsort(-probabilities, kind="stable")[:top]
        yield [(names[i], float(probabilities[i])) for i in best]


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the softmax of logits [n] in float64; it does not overflow."""
    powers = np.exp(np.float64(logits) - np.max(logits))
    return powers / np.sum(powers)
