"""Masks: where in a picture something counts, and how much."""

from typing import Any

import tensorflow as tf

from vectormix_tf.io.masks import FLOOR, read_mask


def read(
    source: Any, size: tuple[int, int], max_pixels: int, what: str = "mask"
) -> tf.Tensor:
    """Reads a mask as `io.masks.read_mask` does; [1, height, width, 1] in [0, 1]."""
    return tf.constant(read_mask(source, size, max_pixels, what))


def at(mask: str, layer: str) -> str:
    """The name under which it is observed how much a layer's cells count."""
    return f"{mask}/{layer}"


def cells(mask: tf.Tensor, size: Any) -> tf.Tensor:
    """How much each cell of a layer counts, [1, h, w, 1].

    Args:
        mask: [1, H, W, 1] over what the layer looked at.
        size: h and w.
    """
    means = tf.image.resize(mask, size, method="area")
    return FLOOR + (1 - FLOOR) * means
