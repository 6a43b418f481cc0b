"""Optimizers: pairs of pure functions from a gradient to a step.

State is a value, not a variable, so that the same optimizer runs eagerly, inside of a
`tf.while_loop` and in a SavedModel, and its state can be saved.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.ops.fft import frequencies

# L-BFGS leaves out a pair (step, change of the gradient) whose cosine is not above
# this: there float32 cannot distinguish curvature from rounding.
LEAST_COSINE = 1e-4

Axes = Sequence[int] | None


class Optimizer(NamedTuple):
    """A pair of pure functions.

    Attributes:
        init: parameters -> state, a nest of tensors.
        update: (gradient, state, done) -> (step, state). The step is added to the
            parameters. `done` is the share of the octave's steps that are done before
            this one, a float32 scalar in [0, 1).
        elementwise: Whether each element moves by its own gradient and state alone.
            The state is then scalars, and tensors of the parameters' shape that are 0
            at first.
    """

    init: Callable[[tf.Tensor], Any]
    update: Callable[[tf.Tensor, Any, tf.Tensor], tuple[tf.Tensor, Any]]
    elementwise: bool = False


def adam(
    rate: float,
    final: float = 0.02,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> Optimizer:
    """Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with a decaying rate.

    The rate decays linearly over each octave, a departure from the paper.

    Args:
        rate: Step size at the start of an octave, in units of the parameters.
        final: Share of `rate` at the end of it.
        beta1: Decay of the mean of the gradients.
        beta2: Decay of the mean of the squared gradients.
        epsilon: Added to the denominator.
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

    return Optimizer(init, update, elementwise=True)


def normalized_descent(
    size: float, epsilon: float = 1e-12, final: float = 1.0, axes: Axes = None
) -> Optimizer:
    """Descent along the gradient over its standard deviation (google/deepdream).

    Args:
        size: Standard deviation of a step at the start of an octave, in units of the
            parameters.
        epsilon: Added to the denominator.
        final: Share of `size` at the end of the octave; it decays linearly.
        axes: Axes over which the standard deviation is taken; None takes all. For a
            batch take those of one image, so that it moves as it would alone.
    """

    def update(gradient, state, done):
        spread = tf.math.reduce_std(gradient, axes, keepdims=axes is not None)
        length = size if final == 1 else size * (1 - (1 - final) * done)
        return -length * gradient / (spread + epsilon), state

    return Optimizer(lambda values: (), update)


def lbfgs(
    rate: float = 1.0,
    history: int = 10,
    first: float = 0.01,
    longest: float = math.inf,
    epsilon: float = 1e-12,
) -> Optimizer:
    """L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithms 7.4 and 7.5).

    A departure from both: there is no line search, as each trial would cost as much as
    a step. Instead

    - pairs of negative or hardly any curvature, which a line search would exclude, are
      left out;
    - the first step follows the gradient and has a fixed length, whatever the scale of
      the loss. So does a step whose direction is not finite or not one of descent; the
      history then starts again;
    - where the gradient is not finite, half of the step before is taken back.

    Args:
        rate: Factor on the direction; 1 is the quasi-Newton step.
        history: Number of pairs kept; each takes twice the memory of the parameters.
        first: Root mean square of the steps that follow the gradient, in units of the
            parameters.
        longest: Greatest root mean square of any step.
        epsilon: Added to denominators.
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
        # By how much the parameters have moved since `gradient` was taken.
        moved = tf.where(finite, step, last / 2)
        state = (moves, changes, rho, count, gradient, moved)
        return tf.where(finite, step, -last / 2), state

    return Optimizer(init, update)


def _remember(pairs, move, change):
    """Replaces the oldest pair, if the new one has enough positive curvature."""
    moves, changes, rho, count = pairs
    curvature = _dot(move, change)
    good = curvature > LEAST_COSINE * tf.norm(move) * tf.norm(change)
    slot = count % tf.size(rho)

    def put(kept, new):
        new = tf.where(good, new, kept[slot])
        return tf.tensor_scatter_nd_update(kept, [[slot]], new[tf.newaxis])

    pairs = put(moves, move), put(changes, change), put(rho, 1 / curvature)
    return *pairs, count + tf.cast(good, tf.int32)


def _two_loops(gradient, moves, changes, rho, newest_first):
    """Inverse Hessian times gradient (algorithm 7.4); a slot of rho 0 has no effect."""
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


def smoothed(optimizer: Optimizer, decay: float, cutoff: float) -> Optimizer:
    """Filters the gradient by frequency before an optimizer sees it.

    Gradient ascent on pixels favors high frequencies, which look like speckles. The
    DeepDream notebooks of Google normalize the gradient with a Laplacian pyramid; this
    multiplies its spectrum by exp(-(f / cutoff)^2) / f^decay. The mean is set to 0, so
    that an image becomes neither lighter nor darker.

    Args:
        optimizer: Of images [1, H, W, 3].
        decay: Exponent of the frequency f, in cycles per pixel.
        cutoff: Frequency of the Gaussian, in cycles per pixel.
    """

    def update(gradient, state, done):
        shape = tf.shape(gradient)
        frequency = frequencies(shape[1], shape[2])
        weight = tf.exp(-((frequency / cutoff) ** 2)) / frequency**decay
        planes = tf.transpose(gradient[0], [2, 0, 1])  # [3, H, W]
        waves = tf.signal.rfft2d(planes)  # [3, H, W // 2 + 1]
        waves *= tf.cast(weight, tf.complex64)
        planes = tf.signal.irfft2d(waves, fft_length=shape[1:3])  # [3, H, W]
        planes -= tf.reduce_mean(planes, [1, 2], keepdims=True)
        smooth = tf.transpose(planes, [1, 2, 0])[tf.newaxis]
        return optimizer.update(smooth, state, done)

    return Optimizer(optimizer.init, update)


def blurred(optimizer: Optimizer, most: float, size: tuple[int, int]) -> Optimizer:
    """Blurs the first steps of an optimizer on the Fourier canvas.

    So large shapes form before fine ones, as with the blur schedules of class
    visualizations (Øygard 2015, "Visualizing GoogLeNet classes").

    Args:
        optimizer: On the canvas `fourier`.
        most: Standard deviation of the Gaussian at the start of an octave, in pixels;
            it decays linearly to 0 at half of the steps.
        size: Height and width of the images.
    """

    def update(gradient, state, done):
        step, state = optimizer.update(gradient, state, done)
        sigma = most * tf.maximum(0.0, 1 - 2 * done)
        spread = 2 * (math.pi * sigma * frequencies(*size)) ** 2
        return step * tf.exp(-spread), state

    return Optimizer(optimizer.init, update)
