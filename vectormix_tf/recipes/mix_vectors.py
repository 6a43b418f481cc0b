"""Mixing of vectors: the formula of this package, for any x, f1 and f2."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.config.settings import MAX_STEPS, NORMS
from vectormix_tf.errors import InputError, check_choice, check_integer, check_number
from vectormix_tf.io.progress import Progress
from vectormix_tf.io.results import Result
from vectormix_tf.objectives.distances import plain_norm, squared_norm
from vectormix_tf.objectives.matching import match
from vectormix_tf.optim.canvas import direct
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.optimizers import adam
from vectormix_tf.optim.problem import Problem

RATE, FINAL = 0.05, 1e-4  # of Adam, at the start as a share of the distance


def mix_vectors(
    x1: Any,
    x2: Any,
    f1: Callable[[tf.Tensor], tf.Tensor],
    f2: Callable[[tf.Tensor], tf.Tensor],
    alpha: float = 0.5,
    *,
    norm: str = "plain",
    init: Any = None,
    steps: int = 500,
    learning_rate: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Minimizes alpha * ||f1(x) - f1(x1)|| + (1 - alpha) * ||f2(x) - f2(x2)||.

    Pictures are one use of it, through the same loop.

    Args:
        x1: Tensor of any shape; made float32.
        x2: Likewise; another shape is fine where f1 and f2 allow it.
        f1: Differentiable TensorFlow function of x; its value has the same shape for x
            and x1.
        f2: Likewise for x and x2.
        alpha: In [0, 1].
        norm: "plain" for the Euclidean norm, "squared" for its square. With identities
            as f1 and f2 the square has its minimum at alpha * x1 + (1 - alpha) * x2,
            the plain norm at one end of the segment unless alpha is 0.5.
        init: Where x starts; None for x1.
        steps: Of Adam.
        learning_rate: Of Adam at the first step, in units of x; None takes a share of
            the distance between x1 and x2.
        on_progress: Called with a `Progress` about every second.

    Returns:
        A `Result`; its `x` is the mix.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_number("alpha", alpha, 0, 1)
    check_integer("steps", steps, 1, MAX_STEPS)
    check_choice("norm", norm, NORMS)
    x1, x2 = _vector("x1", x1), _vector("x2", x2)
    first = x1 if init is None else _vector("init", init)
    distance = plain_norm if norm == "plain" else squared_norm
    pairs = {"f1": (f1, x1, alpha), "f2": (f2, x2, 1 - alpha)}
    problem = Problem(
        observe=lambda x, transform, names: {n: pairs[n][0](x) for n in names},
        objectives=[
            match(n, {n: 1.0}, lambda _, x=x: x, distance=distance).times(weight)
            for n, (_, x, weight) in pairs.items()
        ],
        canvas=direct(),
        optimizer=adam(learning_rate or _reach(x1, x2) * RATE, FINAL),
        steps=steps,
    )
    return optimize(problem, lambda octave, before: first, on_progress=on_progress)


def _vector(name, values) -> tf.Tensor:
    try:
        tensor = tf.convert_to_tensor(np.asarray(values, np.float32))
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"`{name}` must be a tensor of numbers: {reason}") from error
    if not np.isfinite(tensor.numpy()).all():
        raise InputError(f"`{name}` must be finite; it holds NaN or infinity.")
    return tensor


def _reach(x1, x2) -> float:
    """Root mean square of x1 - x2, or of both where shapes differ."""
    if x1.shape == x2.shape:
        reach = np.sqrt(np.mean((x1 - x2) ** 2))
    else:
        reach = np.sqrt(np.mean(x1**2)) + np.sqrt(np.mean(x2**2))
    return float(reach) or 1.0
