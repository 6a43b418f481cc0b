"""Distances by a network: of a picture's structure, and of its texture.

The network is the one that mixes are optimized with, so it flatters them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.io import images
from vectormix_tf.ops.matrix_root import symmetric_root

LEAST = BACKBONES[DEFAULT].minimum  # pixels a side that the network takes
STRUCTURE = ("mixed2", "mixed4")
TEXTURE = ("conv2b", "conv4a", "mixed0", "mixed2", "mixed4")
# The picture and the style are seen at these parts of their size, so that broad strokes
# count as much as fine grain; but never smaller than the network takes.
PARTS = (1, 2, 4)
LEAST_DEVIATION = 1e-5  # of a channel that is not silent
TINY = 1e-8  # length of a cell in which all channels are silent


class Texture(NamedTuple):
    """Distribution of the cells of a layer, in float64.

    Attributes:
        mean: [c].
        covariance: [c, c].
    """

    mean: tf.Tensor
    covariance: tf.Tensor


def texture(activations: tf.Tensor) -> Texture:
    """Returns the mean and covariance of the cells of a layer [1, h, w, c]."""
    cells = _cells(activations)
    mean = tf.reduce_mean(cells, axis=0)
    cells -= mean
    products = tf.matmul(cells, cells, transpose_a=True)
    return Texture(mean, products / len(cells))


def frechet(one: Texture, other: Texture, root: tf.Tensor) -> float:
    """Squared Frechet distance of two Gaussians over the variance of the second.

    |m - n|^2 + tr(C + D - 2 (D^1/2 C D^1/2)^1/2), over tr D: Dowson and Landau 1982,
    "The Frechet distance between multivariate normal distributions". All directions
    count, unlike in the loss of a mix (`objectives.statistics`).

    Args:
        one: m and C.
        other: n and D.
        root: D^1/2.
    """
    overlap = tf.linalg.eigvalsh(root @ one.covariance @ root)
    variance = tf.linalg.trace(other.covariance)
    spread = tf.linalg.trace(one.covariance) + variance
    spread -= 2 * tf.reduce_sum(tf.sqrt(tf.maximum(overlap, 0.0)))  # against rounding
    shift = tf.reduce_sum((one.mean - other.mean) ** 2)
    return float(tf.maximum(shift + spread, 0.0) / (variance + TINY))


def standardized(activations: tf.Tensor) -> tf.Tensor:
    """Returns cells [n, c] of length 1, after each channel was standardized.

    Args:
        activations: Of a layer, [1, h, w, c].
    """
    cells = _cells(activations)
    mean, deviation = tf.reduce_mean(cells, 0), tf.math.reduce_std(cells, 0)
    cells = (cells - mean) / (deviation + LEAST_DEVIATION)
    return cells / (tf.norm(cells, axis=1, keepdims=True) + TINY)


def _cells(activations):
    """Cells [n, c] of [1, h, w, c], in float64 for what is left of differences."""
    return tf.cast(tf.reshape(activations, [-1, activations.shape[-1]]), tf.float64)


class Network:
    """Compares pictures with one style; what is the style's is computed once.

    Args:
        style: Picture [1, H, W, 3] in [0, 1], both sides at least `LEAST`.
    """

    def __init__(self, style: np.ndarray):
        self._extract = Extractor({*STRUCTURE, *TEXTURE})
        self._wanted = []
        for image in _in_parts(style):
            found = _textures(self._extract(image))
            roots = [symmetric_root(each.covariance) for each in found]
            self._wanted.append(list(zip(found, roots, strict=True)))

    def distances(self, image: np.ndarray, content: np.ndarray) -> tuple[float, float]:
        """Returns how far an image is from the style, and from a content.

        Args:
            image: [1, H, W, 3] in [0, 1], as large as the style must be.
            content: [1, H, W, 3], of the same size.

        Returns:
            Mean of `frechet` over layers and sizes; and 1 - mean cosine of the cells of
            `standardized`, over layers.
        """
        apart, first = [], {}
        for small, wanted in zip(_in_parts(image), self._wanted, strict=True):
            activations = self._extract(small)
            first = first or activations
            found = _textures(activations)
            apart += [
                frechet(own, *style) for own, style in zip(found, wanted, strict=True)
            ]
        goal = self._extract(content, STRUCTURE)
        alike = [
            tf.reduce_sum(standardized(first[name]) * standardized(goal[name]), -1)
            for name in STRUCTURE
        ]
        return float(np.mean(apart)), 1 - float(np.mean([*map(np.mean, alike)]))


def _textures(activations):
    return [texture(activations[name]) for name in TEXTURE]


def _in_parts(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yields an image at each of its `PARTS`."""
    height, width = image.shape[1:3]
    long, short = max(height, width), min(height, width)
    least = images.least_size(short, long, LEAST)
    for part in PARTS:
        size = images.fitted_size(height, width, max(long // part, least))
        yield images.resize(image, size)
