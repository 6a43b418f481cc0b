"""Cells: what a statistic is, and the sums over cells that statistics are made of.

A statistic sees a layer as cells [n, c]: n places, each with a vector of c channels.
Weights in [0, 1] say how much a cell counts, so masks and borders need no code of their
own. Everything is float32, whatever the features are.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

Distance = Callable[[Any, Any], tf.Tensor]  # (value, target) -> scalar

TINY = 1e-12  # keeps a relative distance to something that is all zero finite

# So much of the mean square is added to the unit of distances that are relative to a
# variance: a style of one color has none, except for what rounding makes of it.
FLAT = 1e-4


class Place(NamedTuple):
    """Where the cells of a part of a layer are in the whole layer.

    Attributes:
        whole: Rows and columns of the whole layer, int32 [2].
        start: First row and column that the part has, int32 [2].
        first: First row and column that it owns, int32 [2]: parts overlap, and every
            cell of the whole is owned by one of them.
        last: The row and column behind the last ones that it owns, int32 [2].
    """

    whole: tf.Tensor
    start: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor

    def inner(self, activations: tf.Tensor, margin: int = 0) -> tf.Tensor:
        """Weights [1, h, w, 1]: 1 for cells that the part owns, and no margin is.

        The middle of the whole counts even where `margin` cells of a side would leave
        nothing: a mean of nothing is NaN.
        """

        def along(axis, length):
            at = self.start[axis] + tf.range(length)
            side = tf.minimum(margin, (self.whole[axis] - 1) // 2)
            first = tf.maximum(self.first[axis], side)
            last = tf.minimum(self.last[axis], self.whole[axis] - side)
            return tf.cast((at >= first) & (at < last), activations.dtype)

        return self._both(along, activations)

    def middle(self, activations: tf.Tensor) -> tf.Tensor:
        """Weights [1, h, w, 1]: 1 for the cell in the middle of the whole."""

        def along(axis, length):
            at, middle = self.start[axis] + tf.range(length), self.whole[axis] // 2
            here = (middle >= self.first[axis]) & (middle < self.last[axis])
            return tf.cast((at == middle) & here, activations.dtype)

        return self._both(along, activations)

    def own(self, activations: tf.Tensor) -> tf.Tensor:
        """What the part owns of its activations [1, h, w, c]."""
        top, left = tf.unstack(self.first - self.start)
        bottom, right = tf.unstack(self.last - self.start)
        return activations[:, top:bottom, left:right]

    def around(self, own: tf.Tensor, activations: tf.Tensor) -> tf.Tensor:
        """Undoes `own`, with zeros for what the part does not own."""
        before = self.first - self.start
        after = tf.shape(activations)[1:3] - before - tf.shape(own)[1:3]
        sides = tf.stack([before, after], axis=1)
        padded = tf.pad(own, tf.concat([[[0, 0]], sides, [[0, 0]]], axis=0))
        return tf.ensure_shape(padded, activations.shape)

    def _both(self, along, activations):
        shape = tf.shape(activations)
        rows, columns = along(0, shape[1]), along(1, shape[2])
        return (rows[:, tf.newaxis] * columns)[tf.newaxis, :, :, tf.newaxis]

    def sample(self, most: int, columns: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Draws at most `most` cells of the whole, evenly spread; always the same.

        Args:
            most: Where the whole has more, one is drawn of every so many in a row.
            columns: That the part has, int32 scalar.

        Returns:
            Numbers of the cells in the part [n], and whether it owns them [n]; the
            number of one that it does not own is that of some other cell.
        """
        count = self.whole[0] * self.whole[1]
        every = (count + most - 1) // most
        blocks = every * tf.range((count + every - 1) // every)
        shape = tf.shape(blocks)
        drawn = tf.random.stateless_uniform(shape, SAMPLE_SEED, 0, every, tf.int32)
        number = tf.minimum(blocks + drawn, count - 1)
        row, column = number // self.whole[1], number % self.whole[1]
        owned = (row >= self.first[0]) & (row < self.last[0])
        owned &= (column >= self.first[1]) & (column < self.last[1])
        here = (row - self.start[0]) * columns + column - self.start[1]
        return tf.where(owned, here, 0), owned


SAMPLE_SEED = (0, 0)


class Observed(dict):
    """`{layer: activations}` of a picture, or of a part of it.

    Attributes:
        places: `{layer: Place}`; a layer that is not in it is whole.
        kept: In what cells are kept that x is compared with, one by one.
    """

    def __init__(self, activations=(), places=(), kept: tf.DType = tf.float32):
        super().__init__(activations)
        self.places: dict[str, Place] = dict(places)
        self.kept = kept


def part(layer: str, observed) -> Place | None:
    """Where a layer's cells [1, h, w, c] are; None if they are all there are.

    `observed` may be any mapping.
    """
    return getattr(observed, "places", {}).get(layer)


def whole(shape: tf.Tensor) -> Place:
    """The place of all cells of a layer of so many rows and columns, int32 [2]."""
    return Place(shape, tf.zeros_like(shape), tf.zeros_like(shape), shape)


def place(layer: str, observed) -> Place:
    """Where a layer's cells [1, h, w, c] are."""
    found = part(layer, observed)
    return whole(tf.shape(observed[layer])[1:3]) if found is None else found


def keep(layer: str, observed) -> tf.Tensor | np.ndarray:
    """Cells of a target for `kept` to give back; those of a part as an array."""
    at = part(layer, observed)
    if at is None:
        return observed[layer]
    return np.array(tf.cast(at.own(observed[layer]), observed.kept))


def kept(cells: tf.Tensor, layer: str, observed) -> tf.Tensor:
    """Cells [n, c] of a target, as many as are observed."""
    activations, at = observed[layer], part(layer, observed)
    if at is not None:
        cells = at.around(cells, activations)
    return tf.reshape(cells, [-1, activations.shape[-1]])


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
        most: Of a layer with more cells a fixed sample is taken; 0 takes all.
    """

    summarize: Callable[[tf.Tensor, tf.Tensor | None], Any]
    finish: Callable[[Any], Any]
    distance: Distance
    blends: bool = False
    prepare: Callable[[Any], Any] = lambda value: value
    keeps_arrangement: bool = False
    against: Callable[..., Any] | None = None
    most: int = 0

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
    return tf.reshape(activations, [-1, activations.shape[-1]])


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
