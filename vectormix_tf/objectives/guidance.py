"""Guides: a picture whose patterns are dreamt."""

import functools
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from vectormix_tf.objectives.base import Objective, Where, counted
from vectormix_tf.objectives.matching import fitting
from vectormix_tf.objectives.sums import TINY, add, flat

MOST_PRODUCTS = 2**22  # of a guide's cells with a picture's at a time: 16 MB


def guide(
    layers: Mapping[str, float],
    reference: Any,
    where: Where | None = None,
    mode: str = "match",
    name: str = "guide",
) -> Objective:
    """Raises what a layer has in common with a guide, relative to the start.

    Args:
        layers: With weights; a negative one leads away from the guide.
        reference: The guide: a picture as `vectormix_tf.mix` takes it, or a function
            from x at the start of an octave to it.
        where: How much each cell counts; None counts those that look at the picture. Of
            the guide the cells above 0 are taken.
        mode: "match" draws every cell to the guide's cell with the greatest dot product
            (the guided dream of google/deepdream's notebook), "channels" raises each
            channel by its mean in the guide (crowsonkb/deep_dream).
        name: Of the objective.

    Returns:
        An `Objective`; it has no lower bound.
    """
    fitted = fitting(reference, exactly=False)

    def weighed(layer, observed):
        cells = flat(observed[layer])  # [n, c]
        weights = counted(where, layer, observed)
        weights = tf.ones_like(cells[:, 0]) if weights is None else weights
        return cells, tf.reshape(weights, [-1])

    def likeness(layer, observed, led):
        cells, weights = weighed(layer, observed)
        best = led[0] if mode == "channels" else tf.gather(led, _best(cells, led))
        products = tf.reduce_sum(cells * best, axis=1)
        return tf.reduce_sum(products * weights), tf.reduce_sum(weights)

    def all_of(observed, led):
        return {
            layer: likeness(layer, observed, led[layer])
            for layer in layers
            if layer in observed
        }

    def target(observe, x):
        led = {layer: [] for layer in layers}
        for observed in observe(fitted(x), layers):
            for layer in layers:
                if layer in observed:
                    cells, weights = weighed(layer, observed)
                    led[layer].append(tf.boolean_mask(cells, weights > 0))
        led = {layer: tf.concat(cells, axis=0) for layer, cells in led.items()}
        if mode == "channels":
            led = {n: tf.reduce_mean(c, axis=0, keepdims=True) for n, c in led.items()}
        parts = (all_of(observed, led) for observed in observe(x, layers))
        start = functools.reduce(add, parts)
        return {n: (led[n], whole / count) for n, (whole, count) in start.items()}

    def sums(x, observed, target):
        return all_of(observed, {layer: led for layer, (led, _) in target.items()})

    def loss(sums, target):
        each = []
        for layer, share in layers.items():
            whole, count = sums[layer]
            each.append(share * whole / count / (target[layer][1] + TINY))
        return -tf.add_n(each)

    return Objective(
        *(name, target, sums, loss, tuple(layers)),
        made_from=("guide", dict(layers), reference, where, mode),
    )


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
