"""Amplification: objectives that raise layers or channels of them."""

import functools
from collections.abc import Mapping, Sequence

import tensorflow as tf

from vectormix_tf.config.backbones import check_channels, split_channels
from vectormix_tf.objectives.base import Objective, Where, counted
from vectormix_tf.objectives.sums import TINY, add


def amplify(
    targets: Mapping[str, float],
    where: Where | None = None,
    objective: str = "mean",
    direction: tf.Tensor | None = None,
    here: Where | None = None,
    name: str = "amplify",
) -> Objective:
    """Raises the activation of layers: inceptionism (Mordvintsev et al. 2015).

    It is taken relative to that of the whole layer in the picture the octave starts
    from, so that one weight suits every layer and network.

    Args:
        targets: Layers, or channels of them (`"mixed4#42"`, `"mixed4#0-31"`), with
            weights; a negative one suppresses.
        where: How much each cell counts; None counts those that look at the picture.
        objective: "mean" of the activations, or "square": the mean of their squares,
            as google/deepdream's notebook has it.
        direction: [c]; of each cell only what lies along it is raised.
        here: As `where`, for what is amplified alone; None takes `where`.
        name: Of the objective.

    Returns:
        An `Objective`; it has no lower bound.
    """
    here = where if here is None else here
    functions = _Amplify(targets, where, objective, direction, here)
    return Objective(
        *(
            name,
            functions.target,
            functions.sums,
            functions.loss,
            tuple(dict.fromkeys(functions.layers)),
        ),
        wakes=any("#" in text for text in targets),
        check=lambda counts, _: check_channels(targets, counts, f"objective {name}"),
        made_from=("amplify", dict(targets), where, objective, direction, here),
    )


class _Amplify:
    """The functions of `amplify`.

    Its target is `{layer or channels, as they are named: mean of the layer at first}`.
    """

    def __init__(self, targets, where, objective, direction, here):
        self.targets = targets
        self.parsed = {text: split_channels(text) for text in targets}
        self.layers = [layer for layer, _ in self.parsed.values()]
        self.where, self.here = where, here
        self.objective, self.direction = objective, direction

    def target(self, observe, x):
        """Means over the whole layers, in what the octave starts from."""
        found = functools.reduce(add, map(self._start, observe(x, set(self.layers))))
        means = {layer: whole / count for layer, (whole, count) in found.items()}
        return {text: means[layer] for text, (layer, _) in self.parsed.items()}

    def sums(self, x, observed, target):
        """(sum of what is amplified, sum of weights) of each target."""
        return {
            text: self._raised(layer, channels, observed)
            for text, (layer, channels) in self.parsed.items()
            if layer in observed
        }

    def loss(self, sums, target):
        """Minus the mean of what is amplified, relative to the first of its layer."""
        each = []
        for text, share in self.targets.items():
            whole, count = sums[text]
            each.append(share * whole / count / (tf.abs(target[text]) + TINY))
        return -tf.add_n(each)

    def _start(self, observed):
        return {
            layer: self._total(observed[layer], self.where, layer, observed)
            for layer in self.layers
            if layer in observed
        }

    def _raised(self, layer, channels, observed):
        activations = observed[layer]
        if channels:
            activations = activations[..., channels[0] : channels[-1] + 1]
        if self.direction is not None:
            unit = self.direction / tf.norm(self.direction)
            activations = tf.linalg.matvec(activations, unit)[..., tf.newaxis]
        return self._total(activations, self.here, layer, observed)

    def _total(self, activations, where, layer, observed):
        """Weighted sum of activations [1, h, w, c], and of their weights."""
        if self.objective == "square":
            activations = activations**2
        weights = counted(where, layer, observed)
        if weights is None:
            count = tf.cast(tf.size(activations), tf.float32)
            return tf.reduce_sum(activations), count
        count = tf.reduce_sum(weights) * float(activations.shape[-1])
        return tf.reduce_sum(activations * weights), count


def amplify_each(
    layer: str,
    channels: Sequence[int],
    where: Where | None = None,
    squared: bool = False,
) -> Objective:
    """Raises one channel in each image of a batch: feature visualization.

    Erhan et al. 2009, "Visualizing higher-layer features of a deep network". The mean
    of a channel is taken relative to that of its whole layer where the image starts
    from, as that of `amplify`: a channel alone may be dead there.

    Args:
        layer: Name of a layer, [B, h, w, c].
        channels: B numbers, each in [0, c). They are part of the target alone, so
            that one graph serves all channels.
        where: How much each cell counts; None counts those that look at the picture.
        squared: Whether the mean is that of squares, where high values count more.

    Returns:
        An `Objective`; it has no lower bound.
    """

    def means(observed):  # [B, c]
        activations = observed[layer]
        if squared:
            activations = activations**2
        weights = counted(where, layer, observed)  # [1, h, w, 1]
        if weights is None:
            return tf.reduce_mean(activations, [1, 2])
        return tf.reduce_sum(activations * weights, [1, 2]) / tf.reduce_sum(weights)

    def target(observe, x):
        (observed,) = observe(x, [layer])  # no part of it: a batch is never large
        start = tf.abs(tf.reduce_mean(means(observed), 1))  # [B]
        return {"channels": tf.constant(channels, tf.int32), "start": start}

    def loss(now, target):
        wanted = tf.one_hot(target["channels"], tf.shape(now)[1])  # [B, c]
        raised = tf.reduce_sum(now * wanted, 1) / (target["start"] + TINY)
        return -tf.reduce_sum(raised)

    return Objective(
        "amplify", target, lambda x, observed, target: means(observed), loss, (layer,)
    )
