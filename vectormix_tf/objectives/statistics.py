"""Statistics: what of a layer is compared, and how."""

from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.objectives.distances import Gap, relative_l1, relative_squared
from vectormix_tf.objectives.registry import STATISTICS as STATISTICS
from vectormix_tf.objectives.registry import register
from vectormix_tf.objectives.sums import (
    FLAT,
    TINY,
    Statistic,
    doubled,
    means,
    ratio,
    weighted,
    weighted_products,
    weighted_squares,
    weighted_sum,
)
from vectormix_tf.objectives.transport import histogram, sliced
from vectormix_tf.ops import matrix_root

# --- Cells as they are, and their Gram matrix -----------------------------------------


def as_they_are(gap: Gap) -> Statistic:
    """Cells one by one, each times its weight, so that it sees where things are.

    Args:
        gap: How they are compared.

    Returns:
        A `Statistic` of (sum of what counts of the cells, how many numbers they are).
    """

    def summarize(cells, weights):
        cells, weights = weighted(cells, weights)
        return gap.sum(cells * weights), tf.cast(tf.size(cells), tf.float32)

    def against(cells, weights, prepared, wanted):
        cells, weights = weighted(cells, weights)
        return (gap.sum((cells - tf.cast(wanted, tf.float32)) * weights),)

    return Statistic(
        summarize,
        lambda sums: sums,
        lambda sums, prepared: gap.combine(*sums, *prepared),
        keeps_arrangement=True,
        against=against,
    )


identity = as_they_are(relative_l1)
"""The cells themselves."""


def _light(first, second, total):
    """[mean, standard deviation] of each channel, [2, c], of weighted sums."""
    mean = ratio(first, total)
    variance = tf.maximum(ratio(second, total) - mean**2, 0.0)  # against rounding
    # For channels that are silent, and layers of which only rounding varies.
    floor = FLAT * tf.reduce_mean(variance + ROUNDING * mean**2) + TINY
    return tf.stack([mean, tf.sqrt(variance + floor)])


def _structure_summarize(cells, weights):
    """Sums by weights and by their squares: of cells, of squares, of 1."""
    cells, weights = weighted(cells, weights)
    squares = cells * tf.stop_gradient(cells)
    both = tf.concat([weights, weights**2], axis=1)  # [n, 2]
    first, second = (tf.matmul(both, t, transpose_a=True) for t in (cells, squares))
    return first, doubled(second), tf.reduce_sum(both, axis=0)  # [2, c], [2, c], [2]


def _standardized(first, second, total, light):
    """Sums, with squares of weights, of (cells - mean) / deviation [c], and squares."""
    mean, deviation = tf.unstack(light)
    squares = second[1] - 2 * mean * first[1] + mean**2 * total[1]
    return (first[1] - mean * total[1]) / deviation, squares / deviation**2


def _structure_prepare(sums):
    light = _light(*(each[0] for each in sums))
    shift, squares = _standardized(*sums, light)
    squares = tf.maximum(tf.reduce_sum(squares), 0.0)
    # What is flat has no shapes to be relative to.
    most = sums[2][1] * tf.cast(tf.size(shift), tf.float32)
    return light, shift, squares, tf.maximum(squares, LEAST_SHAPES * most)


def _structure_against(cells, weights, prepared, wanted):
    sums = _structure_summarize(cells, weights)
    cells, weights = weighted(cells, weights)
    mean = prepared[0][0]
    # From the target's mean on, for sums of small numbers are exact.
    along = cells * (tf.cast(wanted, tf.float32) - mean)
    return *sums, weighted_sum(along, weights**2)  # [2, c], [2, c], [2], [c]


def _structure_distance(sums, prepared):
    """Of standardized cells, relative to their squares, and of the light.

    The first is spelled out as sums of products with the cells, so that the cells
    themselves need not be standardized: sum (w z - w z*)^2, z = (x - mean) / deviation.
    """
    *sums, products = sums
    wanted_light, wanted_shift, wanted_squares, unit = prepared
    light = _light(*(each[0] for each in sums))
    _, squares = _standardized(*sums, light)
    mean, deviation = tf.unstack(light)
    likeness = (products / wanted_light[1] - mean * wanted_shift) / deviation
    apart = tf.reduce_sum(squares - 2 * likeness) + wanted_squares
    apart = tf.maximum(apart, 0.0) / (unit + TINY)  # against rounding
    return apart + LIGHT * relative_squared(light, wanted_light)


# Variances below this part of `FLAT` of the squared mean are mostly rounding.
ROUNDING = 0.1
# The distance of shapes is relative to at least this part of the squares of cells that
# vary in all channels.
LEAST_SHAPES = 0.5
LIGHT = 0.02  # weight of the channels' light and contrast beside their shapes

structure = Statistic(
    _structure_summarize,
    lambda sums: sums,
    _structure_distance,
    prepare=_structure_prepare,
    keeps_arrangement=True,
    against=_structure_against,
    counts_channels=False,
)
"""Where each channel is high and where low, and a little of how light it is.

Cells with each channel standardized over the picture (Ulyanov et al. 2016,
arXiv:1607.08022), [n, c], for which the style's palette and contrast are no departure
from the content; and what that takes away, [mean, standard deviation] of each channel,
[2, c], which counts a fiftieth.
"""


def _gram_summarize(cells, weights):
    cells, weights = weighted(cells, weights)
    return weighted_products(cells, weights), tf.reduce_sum(weights)  # [c, c], []


gram = Statistic(_gram_summarize, lambda sums: means(sums)[0], relative_l1, blends=True)
"""Gram matrix [c, c] (Gatys et al. 2015, arXiv:1508.06576, equation 3).

Gatys et al. sum over cells; the mean keeps one weight usable at every size.
"""


# --- Means and spreads ----------------------------------------------------------------


def _moments_summarize(cells, weights):
    cells, weights = weighted(cells, weights)
    sums = weighted_sum(cells, weights), weighted_squares(cells, weights)  # [c], [c]
    return *sums, tf.reduce_sum(weights)


def _moments_finish(sums):
    mean, square = means(sums)
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
BLUR = matrix_root.LEAST

# Principal directions of the target along which covariances are compared; of what lies
# beyond only the sum counts. A mix takes half of the time that all directions of 768
# channels take, and comes out as near to the style (examples/DEFAULTS.md).
RANK = 128


class Axes(NamedTuple):
    """Principal directions [c, k] of covariances that are rotated, [c, c] -> [k, k]."""

    axes: tf.Tensor


class Projection(NamedTuple):
    """Principal directions [c, k] that cells are projected on, [n, c] -> [n, k]."""

    axes: tf.Tensor


def _axes(axes: tf.Tensor) -> Axes | Projection:
    """Chooses what costs less: products along the axes, or all of them, [c, c]."""
    channels = axes.shape[0]
    projects = channels**2 > RANK * (channels + RANK)
    return Projection(axes) if projects else Axes(axes)


def _covariance_summarize(cells, weights):
    # In float64, for what is left of squares when the squared mean is subtracted.
    cells, weights = (tf.cast(t, tf.float64) for t in weighted(cells, weights))
    products = tf.matmul(weights * cells, cells, transpose_a=True)  # [c, c]
    return products, weighted_sum(cells, weights), tf.reduce_sum(weights)


def _covariance_finish(sums):
    products, mean = means(sums)
    covariance = products - mean[:, None] * mean
    # [c], [c, c], []
    value = mean, covariance, tf.linalg.trace(covariance)
    return tuple(tf.cast(each, tf.float32) for each in value)


def _covariance_prepare(value):
    """The target in units of its own variance, along its principal directions."""
    mean, covariance, variance = value
    square = FLAT * tf.reduce_sum(mean**2) + TINY
    unit = tf.maximum(variance, 0.0) + square  # against rounding
    covariance /= unit
    floor = square / unit / tf.cast(tf.size(mean), tf.float32)
    blur = BLUR * tf.norm(covariance) + floor
    variances, axes = matrix_root.principal(covariance, RANK)
    rest = _beyond(variance / unit, tf.reduce_sum(variances), blur)
    return mean, _axes(axes), tf.sqrt(variances + blur), rest, blur, unit


def _covariance_against(cells, weights, prepared):
    """(products along the axes [k, k], first along them [k], first, squares, total).

    Of cells from the target's mean on: products of small numbers are exact, where the
    small difference of large ones is what rounding makes of it.
    """
    cells, weights = weighted(cells, weights)
    wanted, principal, *_ = prepared
    cells -= wanted
    first, count = weighted_sum(cells, weights), tf.reduce_sum(weights)
    axes = principal.axes
    middle = tf.linalg.matvec(axes, first, transpose_a=True)
    if isinstance(principal, Projection):
        squares = weighted_squares(cells, weights)
        along = weighted_products(tf.matmul(cells, axes), weights)
    else:
        products = weighted_products(cells, weights)  # [c, c]
        squares = tf.linalg.tensor_diag_part(products)
        along = tf.matmul(axes, tf.matmul(products, axes), transpose_a=True)
    return along, middle, first, squares, count


def _beyond(variance, along, blur):
    """Standard deviation of all that is beyond the axes."""
    return tf.sqrt(tf.maximum(variance - along, 0.0) + blur)  # against rounding


def _gaussian_distance(sums, prepared):
    """Squared 2-Wasserstein distance of two Gaussians over the target's variance."""
    along, middle, shift, squares = means(sums)  # shift: mean - target's mean
    _, _, deviations, rest, blur, unit = prepared
    along = (along - middle[:, None] * middle) / unit
    variance = tf.reduce_sum(squares - shift**2) / unit
    beyond = _beyond(variance, tf.linalg.trace(along), blur)
    along += blur * tf.eye(tf.size(deviations))
    overlap = matrix_root.trace_of_root(deviations[:, None] * along * deviations)
    spreads = tf.linalg.trace(along) + tf.reduce_sum(deviations**2) - 2 * overlap
    spreads = tf.maximum(spreads, 0.0) + (beyond - rest) ** 2  # against rounding
    return tf.reduce_sum(shift**2) / unit + spreads


covariance = Statistic(
    _covariance_summarize,
    _covariance_finish,
    _gaussian_distance,
    blends=True,
    prepare=_covariance_prepare,
    against=_covariance_against,
    counts_channels=False,
)
"""Mean [c] and covariance [c, c] of the cells, compared as Gaussians.

|m - m*|^2 + tr(C + C* - 2 (C*^1/2 C C*^1/2)^1/2), the squared 2-Wasserstein distance
(Dowson and Landau 1982), over tr C*. C and C* get a little white noise. Of more than
128 channels it is taken along the 128 principal directions of C*, and what lies beyond
them counts as one more direction.
"""


BUILT_IN = {
    name: register(name, statistic)
    for name, statistic in {
        "gram": gram,
        "covariance": covariance,
        "moments": moments,
        "sliced": sliced(),
        "histogram": histogram,
    }.items()
}
