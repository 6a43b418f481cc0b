"""Frames of films as bytes, and those that lie between two others."""

from typing import NamedTuple

import numpy as np

from vectormix_tf.filters import flow
from vectormix_tf.io import images

WHITE = 255
FAINT = 1e-3  # weight of what neither of two frames shows


class Past(NamedTuple):
    """A frame that is done, as later ones see it; pictures are uint8.

    Attributes:
        source: The frame of the film that it was made from, in the size of the result,
            [H, W, 3].
        x: What was optimized, [H, W, 3].
        image: The result, [H, W, 3].
        settled: How finished each place is, [H, W, 1]: 255 in the first frame of a
            scene, little where it came into view of late.
        scene: Number of its scene.
        strength: Standard deviation of `x` in the first frame of its scene; in a dream
            that of what it adds to `source`.
    """

    source: np.ndarray
    x: np.ndarray
    image: np.ndarray
    settled: np.ndarray
    scene: int = 0
    strength: float = 0.0


def to_bytes(image: np.ndarray) -> np.ndarray:
    """Rounds pixels in [0, 1] to uint8."""
    return np.rint(np.clip(image, 0, 1) * WHITE).astype(np.uint8)


def to_floats(image: np.ndarray) -> np.ndarray:
    """Returns uint8 [H, W, c] as float32 [1, H, W, c] in [0, 1]."""
    return np.float32(image)[np.newaxis] / WHITE


def in_size(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes uint8 [h, w, c] to a (height, width)."""
    return to_bytes(images.resize(to_floats(image), size)[0])


def between(source: np.ndarray, before: Past, after: Past, share: float) -> np.ndarray:
    """Returns a frame between two that are done, moved along the optical flow.

    Args:
        source: The frame of the film, uint8 [h, w, 3].
        before: The frame that is done before it.
        after: The one after it.
        share: How near it is to the latter, in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    source = in_size(source, before.source.shape[:2])
    total, image = 0.0, 0.0
    for past, near in ((before, 1 - share), (after, share)):
        motion = flow.motion(source, past.source)
        weights = (near * (motion.weights + FAINT))[..., np.newaxis]
        image += weights * flow.warp(to_floats(past.image)[0], motion.flow)
        total += weights
    return to_bytes(image / total)
