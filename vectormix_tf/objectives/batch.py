"""Batches: objectives of several images at once, each of which moves as if alone.

A loss is the sum over the images.
"""

from collections.abc import Sequence

import tensorflow as tf

from vectormix_tf.objectives.base import Objective, Where, mean_variation, variation
from vectormix_tf.objectives.statistic import TINY

IMAGE_AXES = (1, 2, 3)  # of each image in a batch


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
        where: How much each cell counts; None counts all.
        squared: Whether the mean is that of squares, where high values count more.

    Returns:
        An `Objective`; it has no lower bound.
    """

    def means(observed):  # [B, c]
        activations = observed[layer]
        if squared:
            activations = activations**2
        if where is None:
            return tf.reduce_mean(activations, [1, 2])
        weights = where(layer, observed)
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


def differ(layer: str, facets: int, where: Where | None = None) -> Objective:
    """Keeps the facets of a channel apart: the diversity term of lucid.

    Olah et al. 2017, "Feature visualization", Distill: the mean cosine between the
    Gram matrices of two facets, which lucid maximizes with a minus sign.

    Args:
        layer: Name of what `observe` returns, [B, h, w, c].
        facets: How many images in a row, at least 2, are of one channel; divides B.
        where: How much each cell counts; None counts all.

    Returns:
        An `Objective`; 0 is where no two facets have a feature in common, and
        B / facets where all are alike.
    """

    def sums(x, observed, target):
        activations = observed[layer]
        if where is not None:
            activations = activations * where(layer, observed)
        channels = activations.shape[-1]
        count = tf.shape(activations)[0]
        cells = tf.reshape(activations, [count, -1, channels])  # [B, h w, c]
        grams = tf.matmul(cells, cells, transpose_a=True)  # [B, c, c]
        return tf.reshape(grams, [-1, facets, channels * channels])

    def loss(grams, target):
        grams = tf.nn.l2_normalize(grams, 2)
        cosines = tf.matmul(
            grams, grams, transpose_b=True
        )  # [B/facets, facets, facets]
        apart = tf.linalg.set_diag(cosines, tf.zeros(tf.shape(cosines)[:2]))
        return tf.reduce_sum(apart) / (facets * (facets - 1))

    return Objective("differ", lambda observe, x: (), sums, loss, (layer,))


def total_variation_each() -> Objective:
    """The same as `total_variation` of each image of a batch, added up."""

    def target(observe, x):
        return mean_variation(variation(x, IMAGE_AXES))

    return Objective(
        "total_variation",
        target,
        sums=lambda x, observed, target: variation(x, IMAGE_AXES),
        loss=lambda sums, target: tf.reduce_sum(mean_variation(sums) / (target + TINY)),
    )
