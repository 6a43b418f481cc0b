"""Objectives: what a picture is pulled towards.

Everything is minimized; `amplify` holds the only minus sign. Every distance is relative
to the size of what it compares, so that a weight means the same for every layer,
network and size of picture.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.config.backbones import split_channels
from vectormix_tf.objectives.statistic import TINY, Distance, Statistic, add, blend
from vectormix_tf.objectives.statistics import as_they_are, identity
from vectormix_tf.ops.regions import keep, kept, part

# `{layer: activations}`, a `statistic.Observed` where it may be of a part of a picture.
Parts = Iterable[Mapping[str, tf.Tensor]]
Observe = Callable[[tf.Tensor, Iterable[str]], Parts]
# (layer, observed) -> [1, h, w, 1]; it is 0 for cells that another part owns.
Where = Callable[[str, Mapping[str, tf.Tensor]], tf.Tensor]
Reference = Callable[[tf.Tensor], tf.Tensor]  # x -> the picture fitted to it

# Fields of `optim.transforms.Transform`, which all move activations: a target that is
# compared cell by cell depends on them.
ARRANGEMENT = ("shift", "flip", "percent", "degrees")


class Term(NamedTuple):
    """What x is pulled towards; make it with `match`, `amplify`, `total_variation`, ...

    Attributes:
        name: For progress and records.
        target: (observe, x) -> tensors, called at the start of an octave with the x
            that it starts from. `observe` maps (x, layers) to the parts in which x is
            seen, one after another: each is `{layer: activations}`, of some of the
            layers. Most often there is one part, and it is all of x.
        sums: (x, observed, target) -> tensors, called at every step with what of
            `layers` is seen in a part of x, and with that part's `share` of the target.
            Those of all parts add up (`statistic.add`). A term without layers sees x
            alone, and always all of it.
        judge: (sums, target) -> scalar, the loss; lower is better.
        layers: What the loss looks at.
        depends_on: Fields of `optim.transforms.Transform` that the target depends on;
            one target is made for every combination of their values. `ARRANGEMENT` if
            cells are compared one by one, `()` for a texture.
        share: (target, layers, number) -> what of the target a part needs that shows
            these layers, the part's number among those that do.
    """

    name: str
    target: Callable[[Observe, tf.Tensor], Any]
    sums: Callable[[tf.Tensor, Mapping[str, tf.Tensor], Any], Any]
    judge: Callable[[Any, Any], tf.Tensor]
    layers: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    share: Callable[[Any, Iterable[str], int], Any] = lambda target, *_: target

    def times(self, weight: float) -> "Term":
        """The same term with its loss multiplied by `weight`."""
        return self._replace(judge=lambda *state: weight * self.judge(*state))

    def loss(self, x: tf.Tensor, observed, target: Any) -> tf.Tensor:
        """Of x, seen in one go."""
        share = self.share(target, self.layers, 0)
        return self.judge(self.sums(x, observed, share), target)


def counted(where: Where | None, layer: str, observed) -> tf.Tensor | None:
    """Weights [1, h, w, 1] of a layer's cells; None counts all."""
    if where is not None:
        return where(layer, observed)
    at = part(layer, observed)
    return None if at is None else at.inner(observed[layer])


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
        distance: (value, target) -> scalar; None takes the statistic's own. Cells as
            they are take a `Gap`.
        where: How much each cell counts; None counts all.
        here: The same for x alone; None takes `where`. What keeps the arrangement is
            compared where x counts.
        shares: Of the references; only their ratios count.

    Returns:
        A `Term`; 0 is a perfect match.
    """
    references = [reference] if callable(reference) else list(reference)
    here = where if here is None else here
    if distance is not None:  # of values as they are
        statistic = (
            as_they_are(distance)
            if statistic is identity
            else statistic._replace(
                distance=distance, prepare=lambda value: value, against=None
            )
        )
    total = sum(layers.values())
    apart = _shared(statistic.apart)

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
        found, cells = [], {layer: [] for layer in layers}
        for each in references:
            sums = {}
            for observed in observe(each(x), layers):
                seen = {layer: observed[layer] for layer in layers if layer in observed}
                for layer, activations in seen.items():
                    weights = counted(where, layer, observed)
                    at = part(layer, observed)
                    own = statistic.sums(activations, weights, at)
                    sums[layer] = add(sums[layer], own) if layer in sums else own
                    if statistic.keeps_arrangement:
                        cells[layer].append(keep(layer, observed))
            found.append(sums)
        prepared = prepare({layer: [each[layer] for each in found] for layer in layers})
        return {layer: (prepared[layer], cells[layer]) for layer in layers}

    def share(target, seen, number):
        return {
            layer: (target[layer][0], target[layer][1][number : number + 1])
            for layer in layers
            if layer in seen
        }

    def sums(x, observed, target):
        return {
            layer: statistic.sums_for(
                observed[layer],
                counted(here, layer, observed),
                prepared,
                part(layer, observed),
                [kept(each, layer, observed) for each in cells],
            )
            for layer, (prepared, cells) in target.items()
        }

    def judge(sums, target):
        distances = [
            share / total * apart(sums[layer], target[layer][0])
            for layer, share in layers.items()
        ]
        return tf.add_n(distances)

    depends_on = ARRANGEMENT if statistic.keeps_arrangement else ()
    return Term(name, target, sums, judge, tuple(layers), depends_on, share)


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
        weights = counted(weigh, layer, observed)
        if weights is None:
            count = tf.cast(tf.size(activations), tf.float32)
            return tf.reduce_sum(activations), count
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

    def start(observed):
        return {
            layer: total(observed[layer], where, layer, observed)
            for layer in layers.values()
            if layer in observed
        }

    def target(observe, x):
        parts = observe(x, set(layers.values()))
        found = functools.reduce(add, map(start, parts))
        means = {layer: whole / count for layer, (whole, count) in found.items()}
        return {name: means[layer] for name, layer in layers.items()}

    def sums(x, observed, target):
        return {
            name: raised(name, observed)
            for name, layer in layers.items()
            if layer in observed
        }

    def judge(sums, target):
        each = []
        for name, share in targets.items():
            whole, count = sums[name]
            each.append(share * whole / count / (tf.abs(target[name]) + TINY))
        return -tf.add_n(each)

    return Term("amplify", target, sums, judge, tuple(dict.fromkeys(layers.values())))


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
