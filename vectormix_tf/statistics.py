"""Statistics: what of a layer is compared.

A statistic sees a layer as cells [n, c]: n places, each with a vector of c channels.
Sums over parts of a picture add up, and weights say how much a cell counts, so tiles,
masks and blends need no code of their own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf


class Statistic(NamedTuple):
    """A pair of functions.

    Attributes:
        summarize: (cells [n, c], weights [n, 1] or None) -> sums, a tuple of tensors
            that add up over parts of a picture. No weights means 1 for every cell.
        finish: sums -> value, the tensor that is compared.
        keeps_arrangement: Whether the value says where things are; what is compared
            must then have the same size, and follow every shift.
    """

    summarize: Callable[[tf.Tensor, tf.Tensor | None], Any]
    finish: Callable[[Any], tf.Tensor]
    keeps_arrangement: bool = False

    def __call__(self, activations, weights=None):
        """Value of activations [1, h, w, c]; weights [1, h, w, 1] or None."""
        cells = tf.reshape(activations, [-1, activations.shape[-1]])  # [h*w, c]
        if weights is not None:
            weights = tf.reshape(weights, [-1, 1])
        return self.finish(self.summarize(cells, weights))


def _identity_summarize(cells, weights):
    return (cells if weights is None else cells * weights,)


identity = Statistic(_identity_summarize, lambda sums: sums[0], keeps_arrangement=True)
"""The cells themselves, [n, c]: the only statistic that sees where things are."""


@tf.custom_gradient
def _products(cells, weights):
    """Weighted sum of the outer products of cells with themselves, [c, c].

    Its gradient by hand costs one product of matrices; TensorFlow's rule for a matrix
    times its own transpose costs two.
    """
    weighted = cells * weights  # [n, c]

    def gradient(upstream):
        return tf.matmul(weighted, upstream + tf.transpose(upstream)), None

    return tf.matmul(weighted, cells, transpose_a=True), gradient


def _gram_summarize(cells, weights):
    cells = tf.cast(cells, tf.float32)  # products of 16-bit features overflow
    if weights is None:
        weights = tf.ones_like(cells[:, :1])
    return _products(cells, weights), tf.reduce_sum(weights)  # [c, c], []


gram = Statistic(_gram_summarize, lambda sums: sums[0] / sums[1])
"""Gram matrix [c, c] (Gatys et al. 2015, arXiv:1508.06576, equation 3).

Gatys et al. sum over cells; the mean keeps one weight usable at every size.
"""
