"""Masks: by how much each pixel of a picture counts, and each cell of a layer."""

from typing import Any

import tensorflow as tf

from vectormix_tf.io.masks import FLOOR, read_mask


def read(
    source: Any, size: tuple[int, int], max_pixels: int, what: str = "mask"
) -> tf.Tensor:
    """Reads a mask as `io.masks.read_mask` does; [1, height, width, 1] in [0, 1]."""
    return tf.constant(read_mask(source, size, max_pixels, what))


def at(mask: str, layer: str) -> str:
    """Returns the name under which a mask's weights of a layer's cells are observed."""
    return f"{mask}/{layer}"


def cells(mask: tf.Tensor, size: Any) -> tf.Tensor:
    """Returns the weights of a layer's cells, [1, h, w, 1].

    Args:
        mask: [1, H, W, 1] in [0, 1], of the size of the image that was observed.
        size: h and w of the layer.
    """
    means = tf.image.resize(mask, size, method="area")
    return FLOOR + (1 - FLOOR) * means
