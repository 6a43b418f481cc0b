"""Regions: where the cells of a tile are in the whole of a layer.

A picture that is too large to be observed at once is observed in tiles that overlap.
Each cell of a layer is owned by one of them.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

SAMPLE_SEED = (0, 0)
LEVELS = 255  # greatest number in 8 bits


class Place(NamedTuple):
    """Position of a tile's cells in the whole layer.

    Attributes:
        whole: Number of rows and columns of the whole layer, int32 [2].
        start: First row and column of the tile, int32 [2].
        first: First row and column that the tile owns, int32 [2].
        last: Row and column after the last ones that it owns, int32 [2].
    """

    whole: tf.Tensor
    start: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor

    def inner(self, activations: tf.Tensor, margin: int = 0) -> tf.Tensor:
        """Returns weights: 1 for cells that the tile owns, but for the layer's margin.

        Args:
            activations: Of the tile, [1, h, w, c].
            margin: Cells at each border of the whole layer that get 0. The middle cell
                of a side keeps its weight of 1, as a mean over no cells is NaN.

        Returns:
            [1, h, w, 1], in the type of the activations.
        """

        def along(axis, length):
            at = self.start[axis] + tf.range(length)
            side = self._side(axis, margin)
            first = tf.maximum(self.first[axis], side)
            last = tf.minimum(self.last[axis], self.whole[axis] - side)
            return tf.cast((at >= first) & (at < last), activations.dtype)

        return self._both(along, activations)

    def _side(self, axis, margin):
        """Cells of each side that do not count."""
        return tf.minimum(margin, (self.whole[axis] - 1) // 2)

    def crop(
        self, activations: tf.Tensor, margin: int = 0
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Cuts out what `inner` gives the weight 1.

        Args:
            activations: Of the part, [1, h, w, c].
            margin: Cells of each side of the whole that do not count.

        Returns:
            Activations [1, h', w', c], where h' and w' may be 0, and their share of all
            such cells of the whole, in [0, 1].
        """
        sides = [self._side(axis, margin) for axis in (0, 1)]
        counts = self.whole - 2 * tf.stack(sides)
        first = tf.maximum(self.first, sides)
        last = tf.maximum(tf.minimum(self.last, self.whole - sides), first)
        (top, left), (bottom, right) = map(
            tf.unstack, (first - self.start, last - self.start)
        )
        cells = activations[:, top:bottom, left:right]
        share = tf.reduce_prod(last - first) / tf.reduce_prod(counts)
        return cells, tf.cast(share, tf.float32)

    def middle(self, activations: tf.Tensor) -> tf.Tensor:
        """Returns weights [1, h, w, 1]: 1 for the middle cell of the whole layer."""

        def along(axis, length):
            at, middle = self.start[axis] + tf.range(length), self.whole[axis] // 2
            here = (middle >= self.first[axis]) & (middle < self.last[axis])
            return tf.cast((at == middle) & here, activations.dtype)

        return self._both(along, activations)

    def own(self, activations: tf.Tensor) -> tf.Tensor:
        """Returns the cells that the tile owns, of its activations [1, h, w, c]."""
        top, left = tf.unstack(self.first - self.start)
        bottom, right = tf.unstack(self.last - self.start)
        return activations[:, top:bottom, left:right]

    def around(self, own: tf.Tensor, activations: tf.Tensor) -> tf.Tensor:
        """Inverts `own`, with zeros for the cells that the tile does not own."""
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
        """Samples cells of the whole layer, the same ones at every call.

        Args:
            most: Greatest number of cells. If the layer has more, they are divided into
                as many runs of equal length, and one of each run is drawn.
            columns: Number of columns of the tile, int32 scalar.

        Returns:
            Indices of the sampled cells in the flattened tile [n], and whether the tile
            owns them [n]. The index of a cell that it does not own is meaningless, but
            valid.
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


class Observed(dict):
    """`{layer: activations}` of an image or of a tile.

    Attributes:
        places: `{layer: Place}`; a layer that is not in it is whole.
        packs: Whether cells that x is compared with, one by one, are kept in 8 bits.
        margins: `{layer: cells}`: how many at each side of the whole layer look at the
            reflected padding of the picture; all of a layer that is not in it count.
    """

    def __init__(
        self,
        activations=(),
        places=(),
        packs: bool = False,
        margins: Mapping[str, int] | None = None,
    ):
        super().__init__(activations)
        self.places: dict[str, Place] = dict(places)
        self.packs = packs
        self.margins = dict(margins or {})


class Packed(NamedTuple):
    """Cells quantized to 8 bits.

    Attributes:
        roots: uint8 [..., 1, h, w, c]; square roots of what is above `least`, as most
            activations are small.
        least: float32 [..., 1, 1, 1, c], the minimum of each channel.
        span: float32 [..., 1, 1, 1, c], its maximum minus its minimum.
    """

    roots: tf.Tensor | np.ndarray
    least: tf.Tensor | np.ndarray
    span: tf.Tensor | np.ndarray

    @classmethod
    def of(cls, cells: tf.Tensor) -> "Packed":
        """Quantizes cells [..., 1, h, w, c]."""
        axes = [-4, -3, -2]
        least = tf.reduce_min(cells, axes, keepdims=True)
        span = tf.reduce_max(cells, axes, keepdims=True) - least
        roots = LEVELS * tf.sqrt(tf.math.divide_no_nan(cells - least, span))
        return cls(tf.cast(tf.round(roots), tf.uint8), least, span)

    def cells(self) -> tf.Tensor:
        """Returns the cells, with an error of at most 1/255 of each channel's span."""
        return self.least + self.span * (tf.cast(self.roots, tf.float32) / LEVELS) ** 2


def part(layer: str, observed) -> Place | None:
    """Returns the place of a layer's cells, or None if the layer is whole.

    Args:
        layer: Its name.
        observed: An `Observed` or any other mapping.
    """
    return getattr(observed, "places", {}).get(layer)


def whole(shape: tf.Tensor) -> Place:
    """Returns the place of all cells of a layer of some rows and columns, int32 [2]."""
    return Place(shape, tf.zeros_like(shape), tf.zeros_like(shape), shape)


def place(layer: str, observed) -> Place:
    """Returns the place of a layer's cells, also if the layer is whole."""
    found = part(layer, observed)
    return whole(tf.shape(observed[layer])[1:3]) if found is None else found


def margin(layer: str, observed) -> int | None:
    """How many cells at each side of a layer look at padding; None if unknown."""
    return getattr(observed, "margins", {}).get(layer)


def inside(layer: str, observed) -> tf.Tensor | None:
    """Weighs a layer's cells [1, h, w, c]: 1 for those that count, else 0.

    Those count that look at the picture and not at its padding, and that the part owns.

    Returns:
        [1, h, w, 1], or None where all count.
    """
    side, at = margin(layer, observed), part(layer, observed)
    if side is None and at is None:
        return None
    activations = observed[layer]
    if at is not None:
        return at.inner(activations, side or 0)
    # As `Place.inner`, with a third of its operations: there is one for each layer.
    size = tf.shape(activations)[1:3]
    sides = tf.minimum(side, (size - 1) // 2)
    ones = tf.fill(size - 2 * sides, tf.constant(1, activations.dtype))
    weights = tf.pad(ones, tf.stack([sides, sides], axis=1))
    return weights[tf.newaxis, :, :, tf.newaxis]


def crop(layer: str, observed) -> tuple[tf.Tensor, tf.Tensor]:
    """The cells that `inside` weighs 1, cut out, and their share; see `Place.crop`."""
    side = margin(layer, observed) or 0
    return place(layer, observed).crop(observed[layer], side)


def keep(layer: str, observed) -> tf.Tensor | np.ndarray | Packed:
    """Returns cells of a target in the form in which `kept` reads them."""
    at = part(layer, observed)
    own = observed[layer] if at is None else at.own(observed[layer])
    own = Packed.of(own) if getattr(observed, "packs", False) else own
    # Of tiles copies, so that the activations they are cut from can be freed.
    return own if at is None else tf.nest.map_structure(np.array, own)


def kept(cells, layer: str, observed) -> tf.Tensor:
    """Returns the cells of a target [n, c], n as many as the layer is observed with.

    Args:
        cells: From `keep`.
        layer: Its name.
        observed: The `Observed` that they are compared with.
    """
    activations, at = observed[layer], part(layer, observed)
    if isinstance(cells, Packed):
        cells = cells.cells()
    if at is not None:
        cells = at.around(cells, activations)
    return tf.reshape(cells, [-1, activations.shape[-1]])
