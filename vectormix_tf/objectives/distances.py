"""Distances: (value, target) -> scalar; 0 is equal."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.objectives.sums import TINY

# --- Relative to the target -----------------------------------------------------------


class Gap(NamedTuple):
    """A distance made of the differences of numbers, which add up part by part.

    Attributes:
        each: What counts of a difference, number by number.
        combine: (sum over value - target, sum over target, how many) -> scalar.
    """

    each: Callable[[tf.Tensor], tf.Tensor]
    combine: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

    def __call__(self, value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        """The distance of numbers that are all at hand."""
        count = tf.cast(tf.size(target), tf.float32)
        return self.combine(self.sum(value - target), self.sum(target), count)

    def sum(self, numbers: tf.Tensor) -> tf.Tensor:
        """What all these numbers add to the sums."""
        return tf.reduce_sum(self.each(numbers))


def _relative(apart, size, count):
    return apart / (size + count * TINY)


relative_l1 = Gap(tf.abs, _relative)
"""Mean absolute difference over the target's mean absolute value."""

relative_squared = Gap(tf.square, _relative)
"""Mean squared difference over the target's mean square."""


# --- As they are ----------------------------------------------------------------------


def _root(apart, size, count):
    safe = tf.where(apart > 0, apart, 1.0)  # sqrt'(0) is infinite, even if unused
    return tf.where(apart > 0, tf.sqrt(safe), 0.0)


squared_norm = Gap(tf.square, lambda apart, size, count: apart)
"""||value - target||^2, Euclidean."""

plain_norm = Gap(tf.square, _root)
"""||value - target||, Euclidean; its gradient at 0, which does not exist, is 0."""

gatys_content = Gap(tf.square, lambda apart, size, count: apart / 2)
"""Half of the squared norm (Gatys et al. 2015, arXiv:1508.06576, equation 1)."""


def gatys_style(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Squared difference of Gram matrices [c, c] over 4 c^2 (equation 4 there).

    With means over cells instead of sums: the paper's division by the number of cells.
    """
    channels = tf.cast(tf.shape(target)[0], tf.float32)
    return squared_norm(value, target) / (4 * channels**2)
