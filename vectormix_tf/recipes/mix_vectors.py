"""Mixes of tensors: minimizes the formula of this package for any x1, x2, f1, f2."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.config.settings import MAX_STEPS, NORMS
from vectormix_tf.errors import InputError, check_choice, check_integer, check_number
from vectormix_tf.io.progress import Progress, check_callback
from vectormix_tf.io.results import Result
from vectormix_tf.objectives.distances import plain_norm, squared_norm
from vectormix_tf.objectives.matching import match
from vectormix_tf.optim.canvas import direct
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.optimizers import adam
from vectormix_tf.optim.problem import Problem

# Of Adam: the first step, relative to the distance between x1 and x2, and the last
# step, relative to the first.
FIRST_RATE, FINAL_RATE = 0.05, 1e-4
RATES = 1e-30, 1e30  # of `learning_rate`, least and most; x has any unit


def mix_vectors(
    x1: ArrayLike,
    x2: ArrayLike,
    f1: Callable[[tf.Tensor], tf.Tensor],
    f2: Callable[[tf.Tensor], tf.Tensor],
    alpha: float = 0.5,
    *,
    norm: Literal["plain", "squared"] = "plain",
    init: ArrayLike | None = None,
    steps: int = 500,
    learning_rate: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Minimizes alpha * ||f1(x) - f1(x1)|| + (1 - alpha) * ||f2(x) - f2(x2)||.

    `mix` does the same for images: both use one optimization loop.

    Args:
        x1: Tensor or array of numbers, of any shape; it is converted to float32.
        x2: Likewise. Its shape may differ from that of x1 if f1 and f2 accept both.
        f1: Differentiable TensorFlow function of x. Its values at x and x1 must have
            the same shape.
        f2: Likewise, for x and x2.
        alpha: Weight of the first term, in [0, 1].
        norm: "plain" is the Euclidean norm, "squared" its square. If f1 and f2 are
            identities, the minimum of "squared" is alpha * x1 + (1 - alpha) * x2. That
            of "plain" is x1 for alpha above 0.5 and x2 below; at 0.5 it is every point
            of the segment between them.
        init: Initial x; None starts from x1.
        steps: Number of steps of Adam, at least 1.
        learning_rate: Of Adam at the first step, in units of x; it decays linearly.
            None takes 5 percent of the root mean square of x1 - x2.
        on_progress: Called with a `Progress` about every second.

    Returns:
        A `Result`: its `x` is the mix, float32, in the shape of the initial x; its
        `losses` are those of the terms "f1" and "f2".

    Raises:
        InputError: If a tensor is not finite, a function fails, or another argument
            cannot be used.
    """
    check_caller()
    check_number("alpha", alpha, 0, 1)
    check_integer("steps", steps, 1, MAX_STEPS)
    check_choice("norm", norm, NORMS)
    check_callback(on_progress, ())
    if learning_rate is not None:
        check_number("learning_rate", learning_rate, *RATES)
    x1, x2 = _as_tensor("x1", x1), _as_tensor("x2", x2)
    first = x1 if init is None else _as_tensor("init", init)
    _check_function("f1", f1, first, x1)
    _check_function("f2", f2, first, x2)
    distance = plain_norm if norm == "plain" else squared_norm
    terms = {"f1": (f1, x1, alpha), "f2": (f2, x2, 1 - alpha)}
    problem = Problem(
        # Each function takes the place of a layer of a network.
        observe=lambda x, transform, names: {n: terms[n][0](x) for n in names},
        objectives=[
            match(n, {n: 1.0}, lambda _, x=x: x, distance=distance).times(weight)
            for n, (_, x, weight) in terms.items()
        ],
        canvas=direct(),
        optimizer=adam(learning_rate or _rms_distance(x1, x2) * FIRST_RATE, FINAL_RATE),
        steps=steps,
    )
    return optimize(problem, lambda octave, previous: first, on_progress=on_progress)


def _check_function(name: str, function: Any, x: tf.Tensor, target: tf.Tensor) -> None:
    """Refuses a function that fails, or whose values cannot be compared."""
    if not callable(function):
        raise InputError(f"`{name}` must be a function; received {function!r}.")
    try:
        wanted = tf.convert_to_tensor(function(target), tf.float32).shape
        # In a graph, as the loop calls it, where functions of NumPy fail.
        traced = tf.function(lambda x: function(x), autograph=False)
        found = traced.get_concrete_function(tf.TensorSpec(x.shape)).output_shapes
    except Exception as error:  # whatever a user's function raises
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"`{name}` must be made of TensorFlow's functions and return a float32"
            f" tensor; it failed: {type(error).__name__}: {reason}"
        ) from error
    if not found.is_compatible_with(wanted):
        raise InputError(
            f"the values of `{name}` at x and at its target must have one shape;"
            f" received {found} and {wanted}."
        )


def _as_tensor(name: str, values: ArrayLike) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(np.asarray(values, np.float32))
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"`{name}` must be a tensor of numbers: {reason}") from error
    if not np.isfinite(tensor.numpy()).all():
        raise InputError(f"`{name}` must be finite; it holds NaN or infinity.")
    return tensor


def _rms_distance(x1: tf.Tensor, x2: tf.Tensor) -> float:
    """Root mean square of x1 - x2; if shapes differ, the sum of those of both."""
    if x1.shape == x2.shape:
        distance = np.sqrt(np.mean((x1 - x2) ** 2))
    else:
        distance = np.sqrt(np.mean(x1**2)) + np.sqrt(np.mean(x2**2))
    return float(distance) or 1.0
