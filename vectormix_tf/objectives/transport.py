"""Transport: distances of sorted cells, which is optimal transport along a line."""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from vectormix_tf.objectives.sums import FLAT, TINY, Statistic, ratio, weighted

MOST_CELLS = 16384  # of more a sample is taken; shifts make all count over time


def _transport(directions: Callable[[int], np.ndarray] | None) -> Statistic:
    """Optimal transport along directions, c -> [c, d]; None takes each channel."""

    def summarize(cells, weights):
        cells, weights = weighted(cells, weights)
        if directions is not None:
            cells = tf.matmul(cells, directions(cells.shape[-1]))
        # Cells of no weight change nothing; as zeros they let sums of parts add up.
        cells = tf.where(weights > 0, cells, 0.0)
        return tf.transpose(cells), tf.transpose(weights)  # [d, n], [1, n]

    return Statistic(
        *(summarize, _sort, _transport_distance),
        prepare=_transport_prepare,
        most=MOST_CELLS,
    )


def _sort(sums):
    """(sorted cells, their positions in (0, 1), shares of weight), all [d, n].

    Cells without weight end up behind the others, as copies of the greatest at 1, where
    they change nothing.
    """
    cells, weights = sums
    weights = tf.broadcast_to(weights, tf.shape(cells))
    least = tf.reduce_min(cells, axis=1, keepdims=True)
    greatest = tf.reduce_max(tf.where(weights > 0, cells, least), axis=1, keepdims=True)
    order = tf.argsort(tf.where(weights > 0, cells, math.inf))
    cells, weights = (tf.gather(t, order, batch_dims=1) for t in (cells, weights))
    total = tf.reduce_sum(weights, axis=1, keepdims=True)
    # Sums first, for those of zeros and ones are exact and so are equal positions.
    positions = ratio(tf.cumsum(weights, axis=1) - weights / 2, total)
    cells = tf.where(weights > 0, cells, tf.stop_gradient(greatest))
    return cells, tf.stop_gradient(positions), ratio(weights, total)


def _transport_prepare(value):
    cells, positions, shares = value
    mean = tf.reduce_sum(shares * cells, axis=1, keepdims=True)
    variance = shares * ((cells - mean) ** 2 + FLAT * cells**2)
    return cells, positions, tf.reduce_mean(tf.reduce_sum(variance, axis=1)) + TINY


def _transport_distance(value, target):
    """Mean over directions of the squared 1-D Wasserstein distance, relative.

    It is exact for as many cells of equal weight; else the target's quantiles are
    interpolated at the positions of the cells.
    """
    (cells, positions, shares), (knots, known, unit) = value, target
    after = tf.searchsorted(known, positions)  # [d, n]
    high, low = tf.minimum(after, tf.shape(known)[1] - 1), tf.maximum(after - 1, 0)
    begin, begun = (tf.gather(t, low, batch_dims=1) for t in (known, knots))
    end, ended = (tf.gather(t, high, batch_dims=1) for t in (known, knots))
    part = ratio(positions - begin, end - begin)  # 0 beyond both ends
    wanted = tf.stop_gradient(begun + part * (ended - begun))
    return tf.reduce_mean(tf.reduce_sum(shares * (cells - wanted) ** 2, axis=1)) / unit


def sliced(seed: int = 0) -> Statistic:
    """Sorted cells along random directions: the sliced Wasserstein distance.

    Heitz et al. 2021, arXiv:2006.07229, over the variance. They draw new
    directions for every step; here they are orthonormal, and fixed by the seed, so that
    the target is sorted once.

    Args:
        seed: Of the directions.

    Returns:
        A `Statistic` of (cells, positions, shares), each [c, n].
    """

    @functools.lru_cache
    def directions(channels):
        drawn = np.random.default_rng(seed).normal(size=[channels, channels])
        return np.linalg.qr(drawn)[0].astype(np.float32)

    return _transport(directions)


histogram = _transport(None)
"""The distribution of every channel, as sorted cells, positions and shares [c, n].

The histogram loss of Risser et al. 2017, arXiv:1701.08893, without bins.
"""
