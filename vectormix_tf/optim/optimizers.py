"""Rules: from a gradient to a step.

State is a value, not a variable: the same rule runs eagerly, inside a `tf.while_loop`,
across octaves and in a SavedModel, and its state can be saved.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.optim.canvas import frequencies

# A pair whose cosine is below this bends too little to learn from: that is where
# float32 no longer tells a curvature from rounding.
LEAST_COSINE = 1e-4

Axes = Sequence[int] | None


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


def normalized_descent(
    size: float, epsilon: float = 1e-12, final: float = 1.0, axes: Axes = None
) -> Rule:
    """Steps of one length: the gradient over its standard deviation (google/deepdream).

    Args:
        size: Standard deviation of a step.
        epsilon: Keeps the division finite where the gradient vanishes.
        final: Share of `size` at the end; it falls in a straight line.
        axes: Over which the deviation is taken; in a batch of images those of one
            image, so that it moves as it would alone. None takes all.
    """

    def update(gradient, state, done):
        spread = tf.math.reduce_std(gradient, axes, keepdims=axes is not None)
        length = size if final == 1 else size * (1 - (1 - final) * done)
        return -length * gradient / (spread + epsilon), state

    return Rule(lambda values: (), update)


def lbfgs(
    rate: float = 1.0,
    history: int = 10,
    first: float = 0.01,
    longest: float = math.inf,
    epsilon: float = 1e-12,
) -> Rule:
    """L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithms 7.4 and 7.5).

    A departure from both: there is no line search, for each try would cost as much as a
    step. In its place

    - pairs that bend the wrong way or hardly at all, which a line search would not let
      happen, are left out;
    - the first step follows the gradient over a fixed length, whatever the scale of the
      loss, and so does one where the direction is not finite or leads up; after that
      the history starts anew;
    - a gradient that is not finite takes back half of the step that led to it.

    Args:
        rate: Factor on the direction; 1 is Newton's step.
        history: Pairs kept; each costs twice the memory of the parameters.
        first: Root mean square of the steps that follow the gradient, in units of the
            parameters.
        longest: Largest root mean square of any step.
        epsilon: Keeps a division finite where the gradient vanishes.
    """

    def init(values):
        zeros = tf.zeros_like(values)
        pairs = tf.stack([zeros] * history)
        return pairs, pairs, tf.zeros([history]), tf.constant(0), zeros, zeros

    def update(gradient, state, done):
        *pairs, before, last = state
        finite = _is_finite(gradient)
        gradient = tf.where(finite, gradient, before)
        moves, changes, rho, count = _remember(pairs, last, gradient - before)
        newest_first = [(count - 1 - i) % history for i in range(history)]
        direction = _two_loops(gradient, moves, changes, rho, newest_first)
        usable = (count > 0) & _is_finite(direction) & (_dot(direction, gradient) > 0)
        downhill = gradient * (first / (_size(gradient) + epsilon))
        step = -tf.where(usable, rate * direction, downhill)
        step *= tf.minimum(1.0, longest / (_size(step) + epsilon))
        rho, count = tf.where(usable, rho, 0.0), tf.where(usable, count, 0)
        # What x has moved by since `gradient` was taken.
        moved = tf.where(finite, step, last / 2)
        state = (moves, changes, rho, count, gradient, moved)
        return tf.where(finite, step, -last / 2), state

    return Rule(init, update)


def _remember(pairs, move, change):
    """Puts a pair in place of the oldest one, if it is one to learn from."""
    moves, changes, rho, count = pairs
    bend = _dot(move, change)
    good = bend > LEAST_COSINE * tf.norm(move) * tf.norm(change)
    slot = count % tf.size(rho)

    def put(kept, new):
        new = tf.where(good, new, kept[slot])
        return tf.tensor_scatter_nd_update(kept, [[slot]], new[tf.newaxis])

    pairs = put(moves, move), put(changes, change), put(rho, 1 / bend)
    return *pairs, count + tf.cast(good, tf.int32)


def _two_loops(gradient, moves, changes, rho, newest_first):
    """Inverse Hessian times gradient (algorithm 7.4); rho 0 makes a slot do nothing."""
    direction, shares = gradient, []
    for slot in newest_first:
        share = rho[slot] * _dot(moves[slot], direction)
        direction -= share * changes[slot]
        shares.append(share)
    newest = changes[newest_first[0]]
    direction /= rho[newest_first[0]] * _dot(newest, newest)  # equation 7.20
    for slot, share in zip(newest_first[::-1], shares[::-1], strict=True):
        other = rho[slot] * _dot(changes[slot], direction)
        direction += (share - other) * moves[slot]
    return direction


def _dot(one, other):
    return tf.reduce_sum(one * other)


def _size(tensor):
    return tf.sqrt(tf.reduce_mean(tensor**2))


def _is_finite(tensor):
    return tf.math.is_finite(_size(tensor))


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


def blurred(rule: Rule, most: float, size: tuple[int, int]) -> Rule:
    """A rule for the Fourier canvas whose first steps are blurred.

    Large shapes come first, as in the schedules of blurs that class visualizations use
    (Øygard 2015, "Visualizing GoogLeNet classes").

    Args:
        rule: Whose steps.
        most: Standard deviation of the blur at the start, pixels; it falls in a
            straight line to none at half of the steps.
        size: Height and width of the images.
    """

    def update(gradient, state, done):
        step, state = rule.update(gradient, state, done)
        sigma = most * tf.maximum(0.0, 1 - 2 * done)
        spread = 2 * (math.pi * sigma * frequencies(*size)) ** 2
        return step * tf.exp(-spread), state

    return Rule(rule.init, update)
