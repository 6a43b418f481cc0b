"""Cells: what a statistic is, and the sums over cells that statistics are made of.

A statistic sees a layer as cells [n, c]: n places, each with a vector of c channels.
Weights in [0, 1] say how much a cell counts, so masks and borders need no code of their
own. Everything is float32, whatever the features are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

Distance = Callable[[Any, Any], tf.Tensor]  # (value, target) -> scalar

TINY = 1e-12  # keeps a relative distance to something that is all zero finite

# So much of the mean square is added to the unit of distances that are relative to a
# variance: a style of one color has none, except for what rounding makes of it.
FLAT = 1e-4


class Statistic(NamedTuple):
    """What is compared, and how.

    The distance of x to a target is `apart(sums_for(x, weights, prepared), prepared)`,
    with `prepared = prepare(statistic(target))`.

    Attributes:
        summarize: (cells [n, c], weights [n, 1] or None) -> sums, a tuple of tensors.
            No weights means 1 for every cell.
        finish: sums -> value, a tensor or a tuple of tensors.
        distance: (value, prepared) -> scalar; 0 is equal, 1 is about the size of the
            target or of its variance, in whatever unit the cells are. Where there is
            `against`, its sums take the place of the value.
        blends: Whether sums add up over parts of a picture, the last of them being the
            total weight, and `blend` may mix those of several pictures.
        prepare: value of the target -> what `distance` compares with; done once.
        keeps_arrangement: Whether the value says where things are; what is compared
            must then have the same size, and follow every shift.
        against: (cells, weights, prepared) -> sums, where the distance to a target
            known beforehand needs less than the whole value.
    """

    summarize: Callable[[tf.Tensor, tf.Tensor | None], Any]
    finish: Callable[[Any], Any]
    distance: Distance
    blends: bool = False
    prepare: Callable[[Any], Any] = lambda value: value
    keeps_arrangement: bool = False
    against: Callable[[tf.Tensor, tf.Tensor | None, Any], Any] | None = None

    def __call__(self, activations, weights=None):
        """Value of activations [1, h, w, c]; weights [1, h, w, 1] or None."""
        return self.finish(self.sums(activations, weights))

    def sums(self, activations, weights=None):
        """Sums of activations [1, h, w, c]; weights [1, h, w, 1] or None."""
        return self.summarize(*_flat(activations, weights))

    def sums_for(self, activations, weights, prepared):
        """Sums of activations [1, h, w, c] for `apart` from a prepared target."""
        if self.against is None:
            return self.sums(activations, weights)
        return self.against(*_flat(activations, weights), prepared)

    def apart(self, sums, prepared):
        """Distance of what `sums_for` returned to the target."""
        value = self.finish(sums) if self.against is None else sums
        return self.distance(value, prepared)


def _flat(activations, weights):
    """Both as cells: [h*w, c], [h*w, 1]."""
    cells = tf.reshape(activations, [-1, activations.shape[-1]])
    return cells, weights if weights is None else tf.reshape(weights, [-1, 1])


ratio = tf.math.divide_no_nan  # where nothing counts, a mask's mean is 0 and no NaN


def means(sums):
    """Every sum but the last, per weight."""
    return [ratio(each, sums[-1]) for each in sums[:-1]]


def blend(sums: Sequence[tuple], shares: Sequence[float]) -> tuple:
    """Sums of a mixture of pictures, for statistics that blend.

    Args:
        sums: Of each picture, from one statistic's `summarize`.
        shares: Of each picture, at least 0; only their ratios count. A picture in which
            no cell counts leaves its share to the others.

    Returns:
        Sums for a total weight of 1.
    """
    total = sum(shares)
    parts = [
        [share / total * mean for mean in (*means(each), ratio(each[-1], each[-1]))]
        for each, share in zip(sums, shares, strict=True)
    ]
    return tuple(tf.add_n(tensors) for tensors in zip(*parts, strict=True))


def weighted(cells, weights):
    """Both in float32: products of 16-bit features overflow."""
    cells = tf.cast(cells, tf.float32)
    weights = tf.ones_like(cells[:, :1]) if weights is None else weights
    return cells, tf.cast(weights, tf.float32)


def weighted_sum(cells, weights):
    """Weighted sum of cells, [c]; TensorFlow is slow at sums over the first axis."""
    return tf.matmul(weights, cells, transpose_a=True)[0]


def weighted_squares(cells, weights):
    """Weighted sum of the squares of cells, [c]."""
    return doubled(weighted_sum(cells * tf.stop_gradient(cells), weights))


def doubled(tensor):
    """The same tensor with twice its gradient."""
    return 2 * tensor - tf.stop_gradient(tensor)


def weighted_products(cells, weights):
    """Weighted sum of the outer products of cells with themselves, [c, c].

    Its gradient by hand, weighted @ (upstream + its transpose), costs one product of
    matrices; TensorFlow's rule for a matrix times its own transpose costs two. (A
    `tf.custom_gradient` would keep every graph that it was in forever.)
    """
    weighted = tf.stop_gradient(cells * weights)  # [n, c]
    products = tf.matmul(weighted, cells, transpose_a=True)
    change = products - tf.stop_gradient(products)  # 0, with its gradient
    return tf.stop_gradient(products) + change + tf.transpose(change)
