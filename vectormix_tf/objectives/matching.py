"""Matching: objectives that compare layers of x with those of a reference."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.graphs import Identity, StoredFunction
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.io import drawings
from vectormix_tf.io.digest import digest
from vectormix_tf.objectives.base import ARRANGEMENT, Objective, Where, counted
from vectormix_tf.objectives.statistics import as_they_are, identity
from vectormix_tf.objectives.sums import Distance, Statistic, add, blend
from vectormix_tf.ops import border
from vectormix_tf.ops.regions import keep, kept, part

Reference = Callable[[tf.Tensor], tf.Tensor]  # x -> the picture fitted to it
ACTIVATIONS = 4  # rank of [1, h, w, c]
PREPARATIONS = 16  # graphs that are kept


def match(
    name: str,
    layers: Mapping[str, float],
    reference: Any,
    statistic: Statistic = identity,
    distance: Distance | None = None,
    where: Where | None = None,
    here: Where | None = None,
    shares: Sequence[float] | None = None,
) -> Objective:
    """Pulls `statistic(layer(x))` towards its value on the reference.

    Args:
        name: Of the objective.
        layers: Names of layers with their weights; the loss is the weighted mean over
            them.
        reference: x at the start of an octave, with its reflected padding -> the
            reference fitted to it; or a picture as `vectormix_tf.mix` takes it, which
            is fitted to x where the statistic keeps the arrangement and else keeps its
            size. A list of them is blended, which needs a statistic that blends.
        statistic: Maps activations [1, h, w, c] to what is compared.
        distance: (value, target) -> scalar; None takes the statistic's own. Cells as
            they are take a `Gap`.
        where: How much each cell counts; None counts those that look at the picture.
        here: The same for x alone; None takes `where`. What keeps the arrangement is
            compared where x counts.
        shares: Of the references; only their ratios count. None shares evenly.

    Returns:
        An `Objective`; 0 is a perfect match.
    """
    several = isinstance(reference, list | tuple)
    references = [
        fitting(each, statistic.keeps_arrangement)
        for each in (reference if several else [reference])
    ]
    here = where if here is None else here
    shares = [1.0] * len(references) if shares is None else shares
    if distance is not None:
        statistic = _with_distance(statistic, distance)
    functions = _Match(layers, references, statistic, where, here, shares)
    return Objective(
        *(name, functions.target, functions.sums, functions.loss, tuple(layers)),
        depends_on=ARRANGEMENT if statistic.keeps_arrangement else (),
        share=functions.share,
        check=functions.check,
        made_from=("match", dict(layers), references, statistic, where, here, shares),
    )


class _Match:
    """The functions of a match; its target is `{layer: (prepared value, cells)}`."""

    def __init__(self, layers, references, statistic, where, here, shares):
        self.layers, self.references, self.statistic = layers, references, statistic
        self.where, self.here, self.shares = where, here, shares
        self.apart = _shared(statistic.apart)
        self.own_sums = _shared(self._own_sums, statistic.counts_channels)
        # What a statistic of the user's is made of may have no hash.
        prepare = _preparation.__wrapped__ if statistic.made_from else _preparation
        self.prepared = prepare(statistic, tuple(shares))

    def target(self, observe, x):
        """Values of the references and, if cells are compared, those of each part."""
        cells = {layer: [] for layer in self.layers}
        sums = [self._add_up(observe, each(x), cells) for each in self.references]
        prepared = self.prepared(
            {layer: [each[layer] for each in sums] for layer in self.layers}
        )
        return {layer: (prepared[layer], cells[layer]) for layer in self.layers}

    def _add_up(self, observe, picture, cells):
        """Sums of the statistic over all parts of a picture; adds to `cells`."""
        sums, statistic = {}, self.statistic
        parts = observe(picture, self.layers)
        del picture  # a large one is freed once its parts are made of it
        for observed in parts:
            for layer in self.layers:
                if layer not in observed:
                    continue
                weights = counted(self.where, layer, observed)
                at = part(layer, observed)
                own = statistic.sums(observed[layer], weights, at)
                sums[layer] = add(sums[layer], own) if layer in sums else own
                if statistic.keeps_arrangement:
                    cells[layer].append(keep(layer, observed))
        return sums

    def share(self, target, seen, number):
        """What of the target a part needs: its own cells."""
        return {
            layer: (target[layer][0], target[layer][1][number : number + 1])
            for layer in self.layers
            if layer in seen
        }

    def sums(self, x, observed, target):
        """Sums that the distance to the target is made of, by layer."""
        sums = {}
        for layer, (prepared, cells) in target.items():
            given = {
                "weights": counted(self.here, layer, observed),
                "at": part(layer, observed),
            }
            given = {name: each for name, each in given.items() if each is not None}
            wanted = [kept(each, layer, observed) for each in cells]
            sums[layer] = self.own_sums(observed[layer], prepared, wanted, given)
        return sums

    def _own_sums(self, activations, prepared, wanted, given):
        weights, at = given.get("weights"), given.get("at")
        return self.statistic.sums_for(activations, weights, prepared, at, wanted)

    def loss(self, sums, target):
        """Weighted mean of the layers' distances."""
        distances = [self.apart(sums[n], target[n][0]) for n in self.layers]
        shares = np.array(list(self.layers.values()))
        shares = tf.constant(shares / shares.sum(), tf.float32)
        return tf.tensordot(shares, tf.stack(distances), 1)

    def check(self, channels, in_parts):
        """Tries a statistic of the user's on each of the layers."""
        for layer in self.layers:
            self.statistic.check(channels[layer])


@functools.lru_cache(PREPARATIONS)
def _preparation(statistic: Statistic, shares: tuple[float, ...]) -> Callable:
    """Returns {layer: sums of each reference} -> {layer: prepared value}.

    A graph: TensorFlow works at several layers at once there. It is kept for the next
    match.
    """

    def prepare(sums):
        return {
            layer: statistic.prepare(
                statistic.finish(each[0] if len(each) == 1 else blend(each, shares))
            )
            for layer, each in sums.items()
        }

    # A statistic of the user's may be anything.
    key = None if statistic.made_from else ("prepare", digest([statistic]), shares)
    return StoredFunction(prepare, None if key is None else Identity(key))


def _with_distance(statistic: Statistic, distance: Distance) -> Statistic:
    """The statistic with another distance, of values as they are."""
    if statistic is identity:
        return as_they_are(distance)
    return statistic._replace(
        distance=distance, prepare=lambda value: value, against=None
    )


def fitting(source: Any, exactly: bool) -> Reference:
    """Returns a function from x to the reference that it is compared with.

    Args:
        source: Such a function, or a picture as `images.read` takes it.
        exactly: Whether a picture gets the size of x; else it keeps its own.

    Raises:
        InputError: If the picture cannot be read.
    """
    if callable(source):
        return source
    pixels = drawings.read(source, MAX_PIXELS, "reference picture").pixels
    if exactly:
        return lambda x: border.fit_padded(tf.constant(pixels), tf.shape(x))
    return lambda x: border.pad(tf.constant(pixels))


def _shared(function: Callable, counts_channels: bool = False) -> Callable:
    """A function of tensors that is one node of a graph wherever it is called.

    The layers of a match differ in their sizes alone: left open, one graph serves all,
    and there is less to trace and to optimize before the first step.

    Args:
        function: Of nests of tensors, without None. It is differentiated by the first
            of them alone: TensorFlow would compute the derivatives by all others too.
        counts_channels: Whether it needs to know the last axis of activations.
    """
    traced: dict[str, Callable] = {}

    def constant(first, *others):
        return function(first, *tf.nest.map_structure(tf.stop_gradient, others))

    def open_(tensor):
        rank = tensor.shape.rank
        shape = None if rank is None else [None] * rank
        if counts_channels and rank == ACTIVATIONS:
            shape[-1] = tensor.shape[-1]
        return tf.TensorSpec(shape, tensor.dtype)

    def call(*arguments):
        arguments = tf.nest.map_structure(tf.convert_to_tensor, arguments)
        signature = tf.nest.map_structure(open_, arguments)
        key = str(signature)
        if key not in traced:
            traced[key] = tf.function(
                # A new object: TensorFlow counts retraces by function, and would warn.
                functools.partial(constant),
                signature,
                autograph=False,
                experimental_attributes={"_noinline": True},
            )
        return traced[key](*arguments)

    return call
