"""Classifying: what the network takes a picture for, of ImageNet's 1000 classes."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from vectormix_tf.config import classes
from vectormix_tf.config.backbones import LOGITS, check_weights
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.io import images

SIDE = 299  # of the squares that InceptionV3 is taught on; Szegedy et al. 2016
TOP = 5  # as in the challenge's top-5 error

Guess = tuple[str, float]  # the name of a class, and its probability


def classify(image: Any, weights: str = "imagenet", top: int = TOP) -> list[Guess]:
    """Returns what a picture shows, as InceptionV3 sees it.

    As in ImageNet's evaluation, only the middle square is looked at, at 299 pixels a
    side; the whole of it here, while TF-slim leaves out an eighth of each side.

    Args:
        image: Path, Pillow image, or array [H, W, 3] of uint8 or of floats in [0, 1].
        weights: "imagenet" (a download) or the path of a file that has the classes.
        top: How many classes.

    Returns:
        `(name, probability)` of the likeliest classes, the first one first.

    Raises:
        InputError: If the picture cannot be read, or the weights cannot be had or have
            no classes.
    """
    check(weights, top)
    return next(classify_each([middle_square(image)], weights, top))


def check(weights: str, top: int) -> None:
    """Refuses what nothing could be classified with."""
    check_integer("top", top, 1, len(classes.names()))
    check_weights(weights)
    if weights == "bundled":
        raise InputError(
            'the bundled weights have no classes; give `weights="imagenet"` (a'
            ' download) or `weights="FILE"`.'
        )


def middle_square(image: Any, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the middle of a picture as an image [1, 299, 299, 3]."""
    picture = images.read(image, max_pixels)
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
    """Yields what `classify` returns, for each middle square; reads weights once."""
    from vectormix_tf.backbone.extractor import Extractor

    extractor, names = Extractor([LOGITS], weights), classes.names()
    for square in squares:
        likely = _softmax(np.ravel(extractor(square)[LOGITS]))  # [1000]
        best = np.argsort(-likely, kind="stable")[:top]
        yield [(names[i], float(likely[i])) for i in best]


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(np.float64(logits) - np.max(logits))
    return powers / np.sum(powers)
