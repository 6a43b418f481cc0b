"""Sums: what a statistic is, and the sums over cells that statistics are made of.

A statistic sees a layer as cells [n, c]: n places, each with a vector of c channels.
Weights in [0, 1] say how much a cell counts, so masks and borders need no code of their
own. Everything is float32, whatever the features are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.ops.regions import Place, whole

Distance = Callable[[Any, Any], tf.Tensor]  # (value, target) -> scalar

TINY = 1e-12  # keeps a relative distance to something that is all zero finite

# So much of the mean square is added to the unit of distances that are relative to a
# variance: a style of one color has none, except for what rounding makes of it.
FLAT = 1e-4


class Statistic(NamedTuple):
    """What is compared, and how.

    The distance of x to a target is `apart(sums_for(x, ...), prepared)`, with
    `prepared = prepare(statistic(target))`. Sums of parts of a picture add up.

    Attributes:
        summarize: (cells [n, c], weights [n, 1] or None) -> sums, a tuple of tensors.
            No weights means 1 for every cell.
        finish: sums -> value, a tensor or a tuple of tensors.
        distance: (value, prepared) -> scalar; 0 is equal, 1 is about the size of the
            target or of its variance, in whatever unit the cells are. Where there is
            `against`, its sums take the place of the value.
        blends: Whether `blend` may mix the sums of several pictures; the last of them
            is the total weight.
        prepare: value of the target -> what `distance` compares with; done once.
        keeps_arrangement: Whether cells are compared one by one with the target's,
            which must then have the same size, and follow every shift.
        against: (cells, weights, prepared) -> sums, where the distance to a target
            known beforehand needs less than the whole value, or (cells, weights,
            prepared, cells of the target) if it keeps the arrangement.
        counts_channels: Whether `sums_for` needs to know how many channels there are
            when its graph is built. Where not, one graph serves all layers.
        most: Of a layer with more cells a fixed sample is taken; 0 takes all.
        check: Number of channels -> None, called before a run; raises an `InputError`
            if the statistic cannot be used.
        made_from: What decides the values of a statistic that is not one of this
            package's, for checkpoints; else empty.
    """

    summarize: Callable[[tf.Tensor, tf.Tensor | None], Any]
    finish: Callable[[Any], Any]
    distance: Distance
    blends: bool = False
    prepare: Callable[[Any], Any] = lambda value: value
    keeps_arrangement: bool = False
    against: Callable[..., Any] | None = None
    counts_channels: bool = True
    most: int = 0
    check: Callable[[int], None] = lambda channels: None
    made_from: tuple = ()

    def __call__(self, activations, weights=None):
        """Value of activations [1, h, w, c]; weights [1, h, w, 1] or None."""
        return self.finish(self.sums(activations, weights))

    def sums(self, activations, weights=None, at: Place | None = None):
        """Sums of activations [1, h, w, c]; weights [1, h, w, 1] or None.

        Args:
            activations: Of a layer, or of a part of it.
            weights: Of the cells; 0 for those of a part that another one owns.
            at: Where the part is; None if it is whole.
        """
        return self.summarize(*self._cells(activations, weights, at))

    def sums_for(self, activations, weights, prepared, at=None, wanted=()):
        """Sums for `apart` from a prepared target; `wanted` holds its cells [n, c]."""
        if self.against is None:
            return self.sums(activations, weights, at)
        cells = self._cells(activations, weights, at)
        return self.against(*cells, prepared, *wanted)

    def apart(self, sums, prepared):
        """Distance of what `sums_for` returned to the target."""
        value = self.finish(sums) if self.against is None else sums
        return self.distance(value, prepared)

    def _cells(self, activations, weights, at):
        """Both as cells: [n, c], [n, 1]."""
        cells = flat(activations)
        weights = weights if weights is None else tf.reshape(weights, [-1, 1])
        if not self.most:
            return cells, weights
        if at is None:  # all of them, in a column
            at, columns = whole(tf.stack([tf.shape(cells)[0], 1])), 1
        else:
            columns = tf.shape(activations)[2]
        numbers, owned = at.sample(self.most, columns)
        owned = tf.cast(owned, tf.float32)[:, tf.newaxis]
        if weights is not None:
            owned *= tf.cast(tf.gather(weights, numbers), tf.float32)
        return tf.gather(cells, numbers), owned


def flat(activations):
    """Cells [n, c] of activations [..., c]."""
    channels = activations.shape[-1] or tf.shape(activations)[-1]
    return tf.reshape(activations, [-1, channels])


def add(sums, others):
    """Sums of two parts together; either may lack what is in the other's dictionary."""
    if isinstance(sums, dict) and isinstance(others, dict):
        both = {key: add(sums[key], others[key]) for key in sums.keys() & others.keys()}
        return sums | others | both
    return tf.nest.map_structure(tf.add, sums, others)


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
