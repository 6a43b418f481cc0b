"""Statistics: what of a layer is compared, and how.

A statistic sees a layer as cells [n, c]: n places, each with a vector of c channels.
Weights in [0, 1] say how much a cell counts, so masks and borders need no code of their
own. Everything is float32, whatever the features are.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf import roots

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


_ratio = tf.math.divide_no_nan  # where nothing counts, a mask's mean is 0 and no NaN


def _means(sums):
    """Every sum but the last, per weight."""
    return [_ratio(each, sums[-1]) for each in sums[:-1]]


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
        [share / total * mean for mean in (*_means(each), _ratio(each[-1], each[-1]))]
        for each, share in zip(sums, shares, strict=True)
    ]
    return tuple(tf.add_n(tensors) for tensors in zip(*parts, strict=True))


def _weighted(cells, weights):
    """Both in float32: products of 16-bit features overflow."""
    cells = tf.cast(cells, tf.float32)
    weights = tf.ones_like(cells[:, :1]) if weights is None else weights
    return cells, tf.cast(weights, tf.float32)


def _total(cells, weights):
    """Weighted sum of cells, [c]; TensorFlow is slow at sums over the first axis."""
    return tf.matmul(weights, cells, transpose_a=True)[0]


def _total_squares(cells, weights):
    """Weighted sum of the squares of cells, [c]."""
    return _doubled(_total(cells * tf.stop_gradient(cells), weights))


def _doubled(tensor):
    """The same tensor with twice its gradient."""
    return 2 * tensor - tf.stop_gradient(tensor)


# --- Distances ------------------------------------------------------------------------


def relative_l1(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference over the target's mean absolute value."""
    scale = tf.reduce_mean(tf.abs(target)) + TINY
    return tf.reduce_mean(tf.abs(value - target)) / scale


def relative_squared(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean squared difference over the target's mean square."""
    scale = tf.reduce_mean(target**2) + TINY
    return tf.reduce_mean((value - target) ** 2) / scale


# --- Cells as they are, and their Gram matrix -----------------------------------------


def _identity_summarize(cells, weights):
    cells, weights = _weighted(cells, weights)
    return (cells * weights,)


identity = Statistic(
    _identity_summarize, lambda sums: sums[0], relative_l1, keeps_arrangement=True
)
"""The cells themselves, [n, c], so that it sees where things are."""


def _light(first, second, total):
    """[mean, standard deviation] of each channel, [2, c], of weighted sums."""
    mean = _ratio(first, total)
    variance = tf.maximum(_ratio(second, total) - mean**2, 0.0)  # against rounding
    floor = FLAT * tf.reduce_mean(variance) + TINY  # for channels that are silent
    return tf.stack([mean, tf.sqrt(variance + floor)])


def _structure_summarize(cells, weights):
    cells, weights = _weighted(cells, weights)
    sums = _total(cells, weights), _total_squares(cells, weights)
    light = _light(*sums, tf.reduce_sum(weights))
    return (cells - light[0]) / light[1] * weights, light  # [n, c], [2, c]


def _structure_prepare(value):
    cells, light = value
    return cells, tf.reduce_sum(cells**2), light


def _structure_against(cells, weights, prepared):
    cells, weights = _weighted(cells, weights)
    wanted, *_ = prepared  # [n, c]
    squares = cells * tf.stop_gradient(cells)
    both = tf.concat([weights, weights**2], axis=1)  # [n, 2]
    first, second = (tf.matmul(both, t, transpose_a=True) for t in (cells, squares))
    likeness = _total(cells * wanted, weights), _total(wanted, weights)
    # [2, c], [2, c], [c], [c], [2]
    return first, _doubled(second), *likeness, tf.reduce_sum(both, axis=0)


def _structure_distance(sums, prepared):
    """Of standardized cells, relative to their squares, and of the light.

    The first is spelled out as sums of products with the cells, so that the cells
    themselves need not be standardized: sum (w z - z*)^2, z = (x - mean) / deviation.
    """
    first, second, products, shift, total = sums
    _, wanted_squares, wanted_light = prepared
    light = _light(first[0], second[0], total[0])
    mean, deviation = tf.unstack(light)
    squares = second[1] - 2 * mean * first[1] + mean**2 * total[1]
    likeness = (products - mean * shift) / deviation
    apart = tf.reduce_sum(squares / deviation**2 - 2 * likeness) + wanted_squares
    apart = tf.maximum(apart, 0.0) / (wanted_squares + TINY)  # against rounding
    return apart + LIGHT * relative_squared(light, wanted_light)


LIGHT = 0.02  # weight of the channels' light and contrast beside their shapes

structure = Statistic(
    _structure_summarize,
    lambda sums: sums,
    _structure_distance,
    prepare=_structure_prepare,
    keeps_arrangement=True,
    against=_structure_against,
)
"""Where each channel is high and where low, and a little of how light it is.

Cells with each channel standardized over the picture (Ulyanov et al. 2016,
arXiv:1607.08022), [n, c], for which the style's palette and contrast are no departure
from the content; and what that takes away, [mean, standard deviation] of each channel,
[2, c], which counts a fiftieth.
"""


def _products(cells, weights):
    """Weighted sum of the outer products of cells with themselves, [c, c].

    Its gradient by hand, weighted @ (upstream + its transpose), costs one product of
    matrices; TensorFlow's rule for a matrix times its own transpose costs two. (A
    `tf.custom_gradient` would keep every graph that it was in forever.)
    """
    weighted = tf.stop_gradient(cells * weights)  # [n, c]
    products = tf.matmul(weighted, cells, transpose_a=True)
    change = products - tf.stop_gradient(products)  # 0, with its gradient
    return tf.stop_gradient(products) + change + tf.transpose(change)


def _gram_summarize(cells, weights):
    cells, weights = _weighted(cells, weights)
    return _products(cells, weights), tf.reduce_sum(weights)  # [c, c], []


gram = Statistic(
    _gram_summarize, lambda sums: _means(sums)[0], relative_l1, blends=True
)
"""Gram matrix [c, c] (Gatys et al. 2015, arXiv:1508.06576, equation 3).

Gatys et al. sum over cells; the mean keeps one weight usable at every size.
"""


# --- Means and spreads ----------------------------------------------------------------


def _moments_summarize(cells, weights):
    cells, weights = _weighted(cells, weights)
    sums = _total(cells, weights), _total_squares(cells, weights)  # [c], [c]
    return *sums, tf.reduce_sum(weights)


def _moments_finish(sums):
    mean, square = _means(sums)
    variance = square - mean**2
    safe = tf.where(variance > 0, variance, 1.0)  # sqrt'(0) is infinite, even if unused
    return tf.stack([mean, tf.where(variance > 0, tf.sqrt(safe), 0.0)])  # [2, c]


moments = Statistic(_moments_summarize, _moments_finish, relative_squared, blends=True)
"""Mean and standard deviation of every channel, [2, c].

The style loss of AdaIN (Huang and Belongie 2017, arXiv:1703.06868, equation 13; Li et
al. 2017, arXiv:1701.01036), with squares, relative to those of the target.
"""


# Both covariances get white noise of this part of the target's Frobenius norm. Without
# it their products span more orders of magnitude than float32 holds.
BLUR = roots.LEAST

# Variances below this part of the squared mean are what float32 makes of none at all.
ROUNDING = 2e-5

# Principal directions of the target along which covariances are compared; of what lies
# beyond only the sum counts. A mix takes half of the time that all directions of 768
# channels take, and comes out as near to the style (examples/MIXING.md).
RANK = 128


def _projects(cells):
    """Whether products of [..., c] along the axes cost less than all, [c, c]."""
    channels = cells.shape[-1]
    return channels**2 > RANK * (channels + RANK)


def _covariance_summarize(cells, weights):
    cells, weights = _weighted(cells, weights)
    products = _products(cells, weights)
    if _projects(cells):  # as below, for the same rounding
        squares = _total_squares(cells, weights)
    else:
        squares = tf.linalg.tensor_diag_part(products)
    # [c, c], [c], [c], []
    return products, _total(cells, weights), squares, tf.reduce_sum(weights)


def _covariance_finish(sums):
    products, mean, squares = _means(sums)
    # [c], [c, c], []
    return mean, products - mean[:, None] * mean, tf.reduce_sum(squares - mean**2)


def _covariance_prepare(value):
    """The target in units of its own variance, along its principal directions."""
    mean, covariance, variance = value
    power = tf.reduce_sum(mean**2)
    square = FLAT * power + TINY
    unit = tf.maximum(variance, 0.0) + square  # against rounding
    covariance /= unit
    floor = square / unit / tf.cast(tf.size(mean), tf.float32)
    blur = BLUR * tf.norm(covariance) + floor
    variances, axes = roots.principal(covariance, RANK)
    if _projects(mean):  # what is compared with them has no such rounding
        variances = tf.where(variances * unit > ROUNDING * power, variances, 0.0)
    rest = _beyond(variance / unit, tf.reduce_sum(variances), blur)
    return mean, axes, tf.sqrt(variances + blur), rest, blur, unit


def _covariance_against(cells, weights, prepared):
    """(products along the axes [k, k], first along them [k], first, squares, total)."""
    cells, weights = _weighted(cells, weights)
    wanted, axes, *_ = prepared
    first, total = _total(cells, weights), tf.reduce_sum(weights)
    if _projects(cells):
        squares = _total_squares(cells, weights)
        # From the target's mean on, for products of small numbers are exact.
        cells = tf.matmul(cells, axes) - tf.linalg.matvec(axes, wanted, True)
        return _products(cells, weights), _total(cells, weights), first, squares, total
    products = _products(cells, weights)  # [c, c]
    squares = tf.linalg.tensor_diag_part(products)
    along = tf.matmul(axes, tf.matmul(products, axes), transpose_a=True)
    return along, tf.linalg.matvec(axes, first, True), first, squares, total


def _beyond(variance, along, blur):
    """Standard deviation of all that is beyond the axes."""
    return tf.sqrt(tf.maximum(variance - along, 0.0) + blur)  # against rounding


def _gaussian_distance(sums, prepared):
    """Squared 2-Wasserstein distance of two Gaussians over the target's variance."""
    along, middle, mean, squares = _means(sums)
    wanted, _, deviations, rest, blur, unit = prepared
    along = (along - middle[:, None] * middle) / unit
    variance = tf.reduce_sum(squares - mean**2) / unit
    beyond = _beyond(variance, tf.linalg.trace(along), blur)
    along += blur * tf.eye(tf.size(deviations))
    overlap = roots.trace_of_root(deviations[:, None] * along * deviations)
    spreads = tf.linalg.trace(along) + tf.reduce_sum(deviations**2) - 2 * overlap
    spreads = tf.maximum(spreads, 0.0) + (beyond - rest) ** 2  # against rounding
    return tf.reduce_sum((mean - wanted) ** 2) / unit + spreads


covariance = Statistic(
    _covariance_summarize,
    _covariance_finish,
    _gaussian_distance,
    blends=True,
    prepare=_covariance_prepare,
    against=_covariance_against,
)
"""Mean [c] and covariance [c, c] of the cells, compared as Gaussians.

|m - m*|^2 + tr(C + C* - 2 (C*^1/2 C C*^1/2)^1/2), the squared 2-Wasserstein distance
(Dowson and Landau 1982), over tr C*. C and C* get a little white noise. Of more than
128 channels it is taken along the 128 principal directions of C*, and what lies beyond
them counts as one more direction.
"""


# --- Sorted cells ---------------------------------------------------------------------

MOST_CELLS = 16384  # of more, every k-th is taken; shifts make all count over time


def _transport(directions: Callable[[int], np.ndarray] | None) -> Statistic:
    """Optimal transport along directions, c -> [c, d]; None takes each channel."""

    def summarize(cells, weights):
        cells, weights = _weighted(cells, weights)
        every = (tf.shape(cells)[0] + MOST_CELLS - 1) // MOST_CELLS
        few, weights = cells[::every], weights[::every]
        if directions is not None:
            few = tf.matmul(few, directions(cells.shape[-1]))
        return tf.transpose(few), tf.transpose(weights)  # [d, n], [1, n]

    return Statistic(summarize, _sort, _transport_distance, prepare=_transport_prepare)


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
    positions = _ratio(tf.cumsum(weights, axis=1) - weights / 2, total)
    cells = tf.where(weights > 0, cells, tf.stop_gradient(greatest))
    return cells, tf.stop_gradient(positions), _ratio(weights, total)


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
    part = _ratio(positions - begin, end - begin)  # 0 beyond both ends
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

STATISTICS = {  # what --statistic can name
    "gram": gram,
    "covariance": covariance,
    "moments": moments,
    "sliced": sliced(),
    "histogram": histogram,
}
