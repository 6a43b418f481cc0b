"""Guidance: objectives that raise what a picture has in common with a guide."""

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
    functions = _Guide(layers, fitted, where, mode)
    return Objective(
        *(name, functions.target, functions.sums, functions.loss, tuple(layers)),
        made_from=("guide", dict(layers), fitted, where, mode),
    )


class _Guide:
    """The functions of `guide`.

    Its target is `{layer: (cells of the guide [n, c], likeness at the start)}`.
    """

    def __init__(self, layers, reference, where, mode):
        self.layers, self.reference = layers, reference
        self.where, self.mode = where, mode

    def target(self, observe, x):
        """The guide's cells that count, and how like them x is at the start."""
        guides = {layer: [] for layer in self.layers}
        for observed in observe(self.reference(x), self.layers):
            for layer in self.layers:
                if layer in observed:
                    cells, weights = self._weighed(layer, observed)
                    guides[layer].append(tf.boolean_mask(cells, weights > 0))
        guides = {layer: tf.concat(cells, axis=0) for layer, cells in guides.items()}
        if self.mode == "channels":
            guides = {
                n: tf.reduce_mean(c, axis=0, keepdims=True) for n, c in guides.items()
            }
        parts = (self._all(observed, guides) for observed in observe(x, self.layers))
        start = functools.reduce(add, parts)
        return {n: (guides[n], whole / count) for n, (whole, count) in start.items()}

    def sums(self, x, observed, target):
        """(sum of likeness, sum of weights) of each layer."""
        return self._all(
            observed, {layer: guide for layer, (guide, _) in target.items()}
        )

    def loss(self, sums, target):
        """Minus the mean likeness of each layer, relative to that at the start."""
        each = []
        for layer, share in self.layers.items():
            whole, count = sums[layer]
            each.append(share * whole / count / (target[layer][1] + TINY))
        return -tf.add_n(each)

    def _all(self, observed, guides):
        return {
            layer: self._likeness(layer, observed, guides[layer])
            for layer in self.layers
            if layer in observed
        }

    def _likeness(self, layer, observed, guide):
        cells, weights = self._weighed(layer, observed)
        best = guide[0]
        if self.mode == "match":
            best = tf.gather(guide, _best(cells, guide))
        products = tf.reduce_sum(cells * best, axis=1)
        return tf.reduce_sum(products * weights), tf.reduce_sum(weights)

    def _weighed(self, layer, observed):
        """Cells [n, c] of a layer and their weights [n]."""
        cells = flat(observed[layer])
        weights = counted(self.where, layer, observed)
        weights = tf.ones_like(cells[:, 0]) if weights is None else weights
        return cells, tf.reshape(weights, [-1])


def _best(cells, guide):
    """Rows of guide [n, c] with the greatest dot product for cells [m, c], int32 [m].

    In blocks, so that memory does not grow with the product of m and n.
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
