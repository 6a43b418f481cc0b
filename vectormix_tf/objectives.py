"""Objectives: what a picture is pulled towards.

Everything is minimized; `amplify` holds the only minus sign. Every distance is relative
to the size of what it compares, so that a weight means the same for every layer,
network and size of picture.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.cells import TINY, Distance, Statistic, blend
from vectormix_tf.layers import split_channels
from vectormix_tf.statistics import identity

Observed = Mapping[str, tf.Tensor]
Observe = Callable[[tf.Tensor, Iterable[str]], Observed]
Where = Callable[[str, Observed], tf.Tensor]  # (layer, observed) -> [1, h, w, 1]
Reference = Callable[[tf.Tensor], tf.Tensor]  # x -> the picture fitted to it

NOWHERE, EVERYWHERE = slice(0), slice(None)

MOST_PRODUCTS = 2**22  # of a guide's cells with a picture's at a time: 16 MB


class Term(NamedTuple):
    """A pair of functions; make it with `match`, `amplify`, `total_variation`, ...

    Attributes:
        name: For progress and records.
        target: (observe, x) -> tensors, called at the start of an octave with the x
            that it starts from. `observe` maps (x, layers) to `{layer: tensor}`.
        sums: (x, observed, target) -> tensors, called at every step; `observed` holds
            at least `layers` of x. Those of parts of a picture add up, where only
            averages count.
        judge: (sums, target) -> scalar, the loss; lower is better.
        layers: What the loss looks at.
        moves: Which numbers of a shift the target depends on: one target is made for
            every combination of them that comes up. `EVERYWHERE` if it says where
            things are, `NOWHERE` if it does not.
    """

    name: str
    target: Callable[[Observe, tf.Tensor], Any]
    sums: Callable[[tf.Tensor, Observed, Any], Any]
    judge: Callable[[Any, Any], tf.Tensor]
    layers: tuple[str, ...] = ()
    moves: slice = NOWHERE

    def times(self, weight: float) -> "Term":
        """The same term with its loss multiplied by `weight`."""
        return self._replace(judge=lambda *state: weight * self.judge(*state))

    def loss(self, x: tf.Tensor, observed: Observed, target: Any) -> tf.Tensor:
        """Of x, in one go."""
        return self.judge(self.sums(x, observed, target), target)


def match(
    name: str,
    layers: Mapping[str, float],
    reference: Reference | Sequence[Reference],
    statistic: Statistic = identity,
    distance: Distance | None = None,
    where: Where | None = None,
    here: Where | None = None,
    shares: Sequence[float] = (1.0,),
) -> Term:
    """Pulls `statistic(layer(x))` towards its value on the reference.

    Args:
        name: Of the term.
        layers: Names of what `observe` returns, with their weights; the loss is the
            weighted mean over them.
        reference: x at the start of an octave -> the reference fitted to it. Several
            are blended, which needs a statistic that blends.
        statistic: Maps activations [1, h, w, c] to what is compared.
        distance: (value, target) -> scalar; None takes the statistic's own.
        where: How much each cell counts; None counts all.
        here: The same for x alone; None takes `where`.
        shares: Of the references; only their ratios count.

    Returns:
        A `Term`; 0 is a perfect match.
    """
    references = [reference] if callable(reference) else list(reference)
    here = where if here is None else here
    if distance is not None:  # of values as they are
        statistic = statistic._replace(
            distance=distance, prepare=lambda value: value, against=None
        )
    total = sum(layers.values())
    apart = _shared(statistic.apart)

    def weights(weigh, layer, observed):
        return weigh and weigh(layer, observed)

    # A graph: TensorFlow works at several layers at once there.
    @tf.function(autograph=False)
    def prepare(sums):
        return {
            layer: statistic.prepare(
                statistic.finish(each[0] if len(each) == 1 else blend(each, shares))
            )
            for layer, each in sums.items()
        }

    def target(observe, x):
        seen = [observe(each(x), layers) for each in references]
        sums = {
            layer: [
                statistic.sums(observed[layer], weights(where, layer, observed))
                for observed in seen
            ]
            for layer in layers
        }
        return prepare(sums)

    def sums(x, observed, target):
        return {
            layer: statistic.sums_for(
                observed[layer], weights(here, layer, observed), target[layer]
            )
            for layer in layers
        }

    def judge(sums, target):
        distances = [
            share / total * apart(sums[layer], target[layer])
            for layer, share in layers.items()
        ]
        return tf.add_n(distances)

    moves = EVERYWHERE if statistic.keeps_arrangement else NOWHERE
    return Term(name, target, sums, judge, tuple(layers), moves)


def _shared(function):
    """A function of small tensors that is one node wherever it is called.

    The layers of a match differ in their sizes alone: left open, one graph serves all,
    and TensorFlow has less to optimize before the first step.
    """
    traced = []

    def open_(tensor):
        rank = tensor.shape.rank
        shape = None if rank is None else [None] * rank
        return tf.TensorSpec(shape, tensor.dtype)

    def call(*tensors):
        if not traced:
            signature = tf.nest.map_structure(open_, tensors)
            traced.append(
                tf.function(
                    function,
                    signature,
                    autograph=False,
                    experimental_attributes={"_noinline": True},
                )
            )
        return traced[0](*tensors)

    return call


def amplify(
    targets: Mapping[str, float],
    where: Where | None = None,
    objective: str = "mean",
    direction: tf.Tensor | None = None,
    here: Where | None = None,
) -> Term:
    """Raises the activation of layers: inceptionism (Mordvintsev et al. 2015).

    It is taken relative to that of the whole layer in the picture the octave starts
    from, so that one weight suits every layer and network.

    Args:
        targets: Layers, or channels of them (`"mixed4#42"`, `"mixed4#0-31"`), with
            weights; a negative one suppresses.
        where: How much each cell counts; None counts all.
        objective: "mean" of the activations, or "square": the mean of their squares,
            as google/deepdream's notebook has it.
        direction: [c]; of each cell only what lies along it is raised.
        here: As `where`, for what is raised alone; None takes `where`.

    Returns:
        A `Term`; it has no lower bound.
    """
    here = where if here is None else here
    layers = {name: split_channels(name)[0] for name in targets}

    def total(activations, weigh, layer, observed):
        """Weighted sum of activations, and of their weights."""
        if objective == "square":
            activations = activations**2  # [1, h, w, c]
        if weigh is None:
            count = tf.cast(tf.size(activations), tf.float32)
            return tf.reduce_sum(activations), count
        weights = weigh(layer, observed)
        count = tf.reduce_sum(weights) * float(activations.shape[-1])
        return tf.reduce_sum(activations * weights), count

    def raised(name, observed):
        layer, channels = split_channels(name)
        activations = observed[layer]
        if channels:
            activations = activations[..., channels[0] : channels[-1] + 1]
        if direction is not None:
            unit = direction / tf.norm(direction)
            activations = tf.linalg.matvec(activations, unit)[..., tf.newaxis]
        return total(activations, here, layer, observed)

    def target(observe, x):
        observed = observe(x, set(layers.values()))
        found = {}
        for name, layer in layers.items():
            whole, count = total(observed[layer], where, layer, observed)
            found[name] = whole / count
        return found

    def sums(x, observed, target):
        return {name: raised(name, observed) for name in targets}

    def judge(sums, target):
        each = []
        for name, share in targets.items():
            whole, count = sums[name]
            each.append(share * whole / count / (tf.abs(target[name]) + TINY))
        return -tf.add_n(each)

    return Term("amplify", target, sums, judge, tuple(dict.fromkeys(layers.values())))


def guide(
    layers: Mapping[str, float],
    reference: Reference,
    where: Where | None = None,
    mode: str = "match",
) -> Term:
    """Raises what a layer has in common with a guide, relative to the start.

    Args:
        layers: With weights; a negative one leads away from the guide.
        reference: x at the start of an octave -> the guide.
        where: How much each cell counts; of the guide those above 0 are taken.
        mode: "match" draws every cell to the guide's cell with the greatest dot product
            (the guided dream of google/deepdream's notebook), "channels" raises each
            channel by its mean in the guide (crowsonkb/deep_dream).

    Returns:
        A `Term`; it has no lower bound.
    """

    def flat(layer, observed):
        cells = tf.reshape(observed[layer], [-1, observed[layer].shape[-1]])  # [n, c]
        weights = tf.ones_like(cells[:, 0]) if where is None else where(layer, observed)
        return cells, tf.reshape(weights, [-1])

    def likeness(layer, observed, led):
        cells, weights = flat(layer, observed)
        best = led[0] if mode == "channels" else tf.gather(led, _best(cells, led))
        products = tf.reduce_sum(cells * best, axis=1)
        return tf.reduce_sum(products * weights), tf.reduce_sum(weights)

    def target(observe, x):
        guiding, starting = observe(reference(x), layers), observe(x, layers)
        targets = {}
        for layer in layers:
            cells, weights = flat(layer, guiding)
            led = tf.boolean_mask(cells, weights > 0)
            if mode == "channels":
                led = tf.reduce_mean(led, axis=0, keepdims=True)  # [1, c]
            whole, count = likeness(layer, starting, led)
            targets[layer] = led, whole / count
        return targets

    def sums(x, observed, target):
        return {layer: likeness(layer, observed, target[layer][0]) for layer in layers}

    def judge(sums, target):
        each = []
        for layer, share in layers.items():
            whole, count = sums[layer]
            each.append(share * whole / count / (target[layer][1] + TINY))
        return -tf.add_n(each)

    return Term("guide", target, sums, judge, tuple(layers))


def _best(cells, guide):
    """Rows of guide [n, c] with the greatest dot product for cells [m, c], int32 [m].

    In blocks, so that memory does not grow with m times n.
    """
    cells, guide = tf.stop_gradient(cells), tf.stop_gradient(guide)
    rows = tf.maximum(1, MOST_PRODUCTS // tf.shape(guide)[0])
    count = tf.shape(cells)[0]
    blocks = -(-count // rows)
    padded = tf.pad(cells, [[0, blocks * rows - count], [0, 0]])
    found = tf.map_fn(
        lambda block: tf.argmax(
            tf.matmul(block, guide, transpose_b=True), axis=1, output_type=tf.int32
        ),
        tf.reshape(padded, [blocks, rows, cells.shape[1]]),
        fn_output_signature=tf.int32,
        parallel_iterations=1,
    )
    return tf.reshape(found, [-1])[:count]


def total_variation() -> Term:
    """Smooths: mean absolute difference of neighboring pixels (Rudin et al. 1992).

    It is taken relative to that of the picture the octave starts from.

    Returns:
        A `Term`; 0 is a picture of one color.
    """
    return Term(
        "total_variation",
        target=lambda observe, x: mean_variation(variation(x)),
        sums=lambda x, observed, target: variation(x),
        judge=lambda sums, target: mean_variation(sums) / (target + TINY),
    )


def variation(x, axes=None):
    """Sums of absolute differences of neighboring pixels, and how many an image has."""
    steps = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]  # down, right
    return [
        (tf.reduce_sum(tf.abs(step), axes), tf.cast(tf.size(step[0]), tf.float32))
        for step in steps
    ]


def mean_variation(sums):
    """The total variation, of sums from `variation`."""
    return tf.add_n([total / count for total, count in sums])


# --- Distances that are not relative: (value, target) -> scalar -----------------------


def squared_norm(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """||value - target||^2, Euclidean."""
    return tf.reduce_sum((value - target) ** 2)


def plain_norm(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """||value - target||, Euclidean; its gradient at 0, which does not exist, is 0."""
    squared = squared_norm(value, target)
    safe = tf.where(squared > 0, squared, 1.0)  # sqrt'(0) is infinite, even if unused
    return tf.where(squared > 0, tf.sqrt(safe), 0.0)


def gatys_content(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Half of the squared norm (Gatys et al. 2015, arXiv:1508.06576, equation 1)."""
    return squared_norm(value, target) / 2


def gatys_style(value: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Squared difference of Gram matrices [c, c] over 4 c^2 (equation 4 there).

    With means over cells instead of sums: the paper's division by the number of cells.
    """
    channels = tf.cast(tf.shape(target)[0], tf.float32)
    return squared_norm(value, target) / (4 * channels**2)
