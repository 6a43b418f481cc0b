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
        here: As `where`, for what is raised alone; None takes `where`.
        name: Of the objective.

    Returns:
        An `Objective`; it has no lower bound.
    """
    here = where if here is None else here
    layers = {text: split_channels(text)[0] for text in targets}

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

    def raised(text, observed):
        layer, channels = split_channels(text)
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
        return {text: means[layer] for text, layer in layers.items()}

    def sums(x, observed, target):
        return {
            text: raised(text, observed)
            for text, layer in layers.items()
            if layer in observed
        }

    def loss(sums, target):
        each = []
        for text, share in targets.items():
            whole, count = sums[text]
            each.append(share * whole / count / (tf.abs(target[text]) + TINY))
        return -tf.add_n(each)

    return Objective(
        *(name, target, sums, loss, tuple(dict.fromkeys(layers.values()))),
        wakes=any("#" in text for text in targets),
        check=lambda counts, _: check_channels(targets, counts, f"objective {name}"),
        made_from=("amplify", dict(targets), where, objective, direction, here),
    )


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
        layer: Name of what `observe` returns, [B, h, w, c].
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
