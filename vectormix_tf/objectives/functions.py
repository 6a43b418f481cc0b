"""Functions: an objective of one's own, made of a function of activations."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from vectormix_tf.errors import InputError, check_number
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops import regions

Function = Callable[[dict[str, tf.Tensor]], tf.Tensor]

MOST = 1e6  # weight

# Rows and columns of the random activations that a function is tried on, where they are
# cut in two, and how different both parts are: a standard deviation over the whole must
# not look like a mean over parts.
SIDES, CUTS, SEED = (8, 9), (3, 4), (0, 0)
BRIGHTER = 3.0
TOLERANCE = 1e-3  # relative to the value or, where it cancels, to those of the parts


def from_function(
    name: str, layers: Sequence[str], function: Function, weight: float = 1.0
) -> Objective:
    """Makes an objective of a function of activations.

        def warm(activations):
            return -tf.reduce_mean(activations["mixed3"][..., 42])

        vm.objectives.from_function("warm", ["mixed3"], warm, weight=0.2)

    The function sees only cells that look at the picture: none of its reflected
    padding. A picture too large for one look is seen in tiles, each cell in one of
    them; the values of the tiles are averaged, weighted by their numbers of cells. So
    the value must be a mean over cells of whatever each cell contributes, and no
    maximum or standard deviation over all of them: before a run in tiles that is tried
    on random activations.

    Args:
        name: Of its losses in progress and results; no other objective of the run has
            it.
        layers: Names of the layers that it looks at, as `vectormix layers` lists them.
        function: Maps `{layer: activations [1, h, w, c]}`, float32, to a scalar that is
            differentiable and lower where it is better; made of TensorFlow's functions.
        weight: Factor on its value.

    Returns:
        An `Objective`.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_number("weight", weight, -MOST, MOST)
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    if not layers or not all(isinstance(layer, str) for layer in layers):
        raise InputError(
            f"`layers` of objective {name} must be names of layers, such as mixed3;"
            f" received {layers!r}."
        )
    if len({layer.partition("@")[2] for layer in layers}) > 1:  # no part shows them all
        raise InputError(
            f"`layers` of objective {name} must all be seen at one size; received"
            f" {', '.join(layers)}."
        )
    if not callable(function):
        raise InputError(
            f"objective {name} needs a function of activations; received {function!r}."
        )

    def sums(x, observed, target):
        seen = {layer: regions.crop(layer, observed) for layer in layers}
        cells = {layer: each for layer, (each, _) in seen.items()}
        # Layers of different strides may be cut differently, by less than a cell.
        share = tf.add_n([share for _, share in seen.values()]) / len(layers)
        if all(regions.part(layer, observed) is None for layer in layers):
            return {"value": _scalar(name, function(cells)), "share": share}
        empty = tf.reduce_any([tf.size(each) == 0 for each in cells.values()])
        # A mean over no cells is NaN, and so would be its gradient times 0.
        value, share = tf.cond(
            empty,
            lambda: (tf.zeros([]), tf.zeros([])),
            lambda: (share * _scalar(name, function(cells)), share),
        )
        return {"value": value, "share": share}

    def check(channels, in_parts):
        counts = {layer: channels[layer] for layer in layers}
        try_function(name, function, counts, in_parts)

    return Objective(
        name,
        target=lambda observe, x: (),
        sums=sums,
        loss=lambda sums, target: sums["value"] / sums["share"],
        layers=layers,
        wakes=True,
        check=check,
        made_from=("function", layers, function),
    ).times(weight)


def _scalar(name: str, value) -> tf.Tensor:
    value = tf.cast(tf.convert_to_tensor(value), tf.float32)
    if value.shape.rank != 0:
        raise InputError(
            f"the function of objective {name} must return one number, such as"
            f" tf.reduce_mean(...); it returned a tensor of shape {value.shape}."
        )
    return value


# --- Before a run ---------------------------------------------------------------------


def try_function(
    name: str, function: Function, channels: Mapping[str, int], in_parts: bool
) -> None:
    """Tries a function on random activations, in a graph as the loop does.

    Args:
        name: Of the objective.
        function: As `from_function` takes it.
        channels: How many each of its layers has.
        in_parts: Whether the picture will be seen part by part.

    Raises:
        InputError: If the function fails, if its value is not a finite scalar with a
            gradient, or if the value is not a mean over cells and must be.
    """
    activations = {
        layer: _random_activations(count, number)
        for number, (layer, count) in enumerate(channels.items())
    }
    specs = {n: tf.TensorSpec([1, None, None, c]) for n, c in channels.items()}
    # Wrapped, for TensorFlow counts the traces of all as one's, and warns.
    differentiable = functools.partial(_differentiable, name, function)
    graph = tf.function(differentiable, [specs], autograph=False)
    whole = _value(name, graph, activations)
    if in_parts:
        for axis in (0, 1):
            mean = _mean_of_parts(name, graph, activations, axis)
            _check_mean(name, whole, *mean)


def _random_activations(channels, number):
    """[1, 8, 9, channels], positive, and brighter towards the bottom right."""
    height, width = SIDES
    drawn = tf.random.stateless_uniform(
        [1, height, width, channels], [SEED[0], SEED[1] + number]
    )
    rows = tf.where(tf.range(height) < CUTS[0], 1.0, BRIGHTER)
    columns = tf.where(tf.range(width) < CUTS[1], 1.0, BRIGHTER)
    light = rows[:, tf.newaxis] * columns
    return light[tf.newaxis, :, :, tf.newaxis] * (0.5 + drawn)


def _differentiable(name, function, activations) -> tf.Tensor:
    value = _scalar(name, function(dict(activations)))
    slopes = tf.gradients(value, list(activations.values()))
    if all(slope is None for slope in slopes):
        raise InputError(
            f"the function of objective {name} must be differentiable with respect to"
            " the activations; it has no gradient."
        )
    return value


def _value(name, graph, activations) -> float:
    try:
        value = float(graph(activations))
    except InputError:
        raise
    except Exception as error:  # whatever a user's function raises
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"the function of objective {name} failed: {type(error).__name__}: {reason}"
        ) from error
    if not math.isfinite(value):
        raise InputError(
            f"the function of objective {name} must return a finite number; it returned"
            f" {value} for random activations."
        )
    return value


def _mean_of_parts(name, graph, activations, axis) -> tuple[float, float]:
    """Mean of the values of two parts, by their cells, and the greatest of them."""
    side, cut = SIDES[axis], CUTS[axis]
    values = []
    for start, size in ((0, cut), (cut, side - cut)):
        begin, extent = [0, 0, 0, 0], [-1, -1, -1, -1]
        begin[1 + axis], extent[1 + axis] = start, size
        part = {
            layer: tf.slice(each, begin, extent) for layer, each in activations.items()
        }
        values.append(_value(name, graph, part))
    mean = (cut * values[0] + (side - cut) * values[1]) / side
    return mean, max(map(abs, values))


def _check_mean(name, whole, mean, greatest) -> None:
    if abs(mean - whole) > TOLERANCE * max(abs(whole), greatest):
        raise InputError(
            f"the function of objective {name} must return a mean over cells, for the"
            f" picture is seen in tiles: its value for all of them is {whole:.6g}, and"
            f" {mean:.6g} as the mean of two parts; use tf.reduce_mean over the cells,"
            " or `tile` off."
        )
