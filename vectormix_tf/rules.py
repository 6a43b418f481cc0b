"""Rules: from a gradient to a step.

State is a value, not a variable: the same rule runs eagerly, inside a `tf.while_loop`,
across octaves and in a SavedModel, and its state can be saved.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.canvas import frequencies


class Rule(NamedTuple):
    """A pair of pure functions.

    Attributes:
        init: parameters -> state, a tuple of tensors.
        update: (gradient, state, done) -> (step, state). `done` is the share of the
            octave's steps before this one, in [0, 1); the step is added to the
            parameters.
    """

    init: Callable[[tf.Tensor], Any]
    update: Callable[[tf.Tensor, Any, tf.Tensor], tuple[tf.Tensor, Any]]


def adam(
    rate: float,
    final: float = 0.02,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Rule:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with a rate that falls.

    Args:
        rate: Step size at the start, in units of the parameters.
        final: Share of `rate` at the end; it falls in a straight line (a departure from
            the paper, whose rate stays).
        beta1: Decay of the mean of gradients.
        beta2: Decay of the mean of squared gradients.
        epsilon: Keeps the division finite.
    """

    def init(values):
        zeros = tf.zeros_like(values)
        return zeros, zeros, tf.constant(0.0)

    def update(gradient, state, done):
        mean, square, count = state
        count += 1.0
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        direction = (mean / (1 - beta1**count)) / (
            tf.sqrt(square / (1 - beta2**count)) + epsilon
        )
        return -rate * (1 - (1 - final) * done) * direction, (mean, square, count)

    return Rule(init, update)


def normalized_descent(size: float, epsilon: float = 1e-12) -> Rule:
    """Steps of one length: the gradient over its standard deviation (google/deepdream).

    Args:
        size: Standard deviation of a step.
        epsilon: Keeps the division finite where the gradient vanishes.
    """

    def update(gradient, state, done):
        return -size * gradient / (tf.math.reduce_std(gradient) + epsilon), state

    return Rule(lambda values: (), update)


def smoothed(rule: Rule, decay: float, cutoff: float) -> Rule:
    """A rule for images [1, H, W, 3] that sees a smoothed gradient.

    Ascent on pixels favors the finest waves, and dreams come out as speckles. google's
    notebooks even the gradient out with a Laplacian pyramid; this does it wave by wave,
    and leaves out the mean, so that a picture gets neither lighter nor darker.

    Args:
        rule: What then makes the step.
        decay: Waves are weighted by 1 / f^decay.
        cutoff: And by exp(-(f / cutoff)^2); cycles per pixel.
    """

    def update(gradient, state, done):
        shape = tf.shape(gradient)
        frequency = frequencies(shape[1], shape[2])
        weight = tf.exp(-((frequency / cutoff) ** 2)) / frequency**decay
        waves = tf.signal.rfft2d(
            tf.transpose(gradient[0], [2, 0, 1])
        )  # [3, H, W/2 + 1]
        waves *= tf.cast(weight, tf.complex64)
        planes = tf.signal.irfft2d(waves, fft_length=shape[1:3])  # [3, H, W]
        planes -= tf.reduce_mean(planes, [1, 2], keepdims=True)
        smooth = tf.transpose(planes, [1, 2, 0])[tf.newaxis]
        return rule.update(smooth, state, done)

    return Rule(rule.init, update)
