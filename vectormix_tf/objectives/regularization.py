"""Regularization: objectives that keep pictures smooth, apart, or as others are."""

from collections.abc import Callable

import tensorflow as tf

from vectormix_tf.objectives.base import Objective, Where, counted
from vectormix_tf.objectives.sums import TINY

IMAGE_AXES = (1, 2, 3)  # of each image in a batch


def total_variation() -> Objective:
    """Smooths: mean absolute difference of neighboring pixels (Rudin et al. 1992).

    It is taken relative to that of the picture the octave starts from, and over the
    reflected padding too, whose pixels move as well: the network sees them.

    Returns:
        An `Objective`, named total_variation; 0 is a picture of one color.
    """
    return Objective(
        "total_variation",
        target=lambda observe, x: mean_variation(variation(x)),
        sums=lambda x, observed, target: variation(x),
        loss=lambda sums, target: mean_variation(sums) / (target + TINY),
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


def hold(reference: Callable[[], tuple[tf.Tensor, tf.Tensor]]) -> Objective:
    """Holds x to an image where weights say so.

    With the frame before, moved along the optical flow, this is the temporal loss of
    Ruder et al. 2016, arXiv:1604.08610, equation 7.

    Args:
        reference: () -> the image, and its weights [1, H, W, 1] in [0, 1], both in the
            shape of x.

    Returns:
        An `Objective`, named hold: the mean over pixels and colors of the weighted
        squared difference.
    """

    def target(observe, x):
        return tuple(reference())

    def sums(x, observed, target):
        image, weights = target
        squares = tf.reduce_sum(weights * tf.math.squared_difference(x, image))
        return squares, tf.cast(tf.size(x), tf.float32)

    def loss(sums, target):
        squares, count = sums
        return squares / count

    return Objective("hold", target, sums, loss)


def differ(layer: str, facets: int, where: Where | None = None) -> Objective:
    """Keeps the facets of a channel apart: the diversity objective of lucid.

    Olah et al. 2017, "Feature visualization", Distill: the mean cosine between the
    Gram matrices of two facets, which lucid maximizes with a minus sign.

    Args:
        layer: Name of a layer, [B, h, w, c].
        facets: How many images in a row, at least 2, are of one channel; divides B.
        where: How much each cell counts; None counts those that look at the picture.

    Returns:
        An `Objective`; 0 is where no two facets have a feature in common, and
        B / facets where all are alike.
    """

    def sums(x, observed, target):
        activations = observed[layer]
        weights = counted(where, layer, observed)
        if weights is not None:
            activations = activations * weights
        channels = activations.shape[-1]
        count = tf.shape(activations)[0]
        cells = tf.reshape(activations, [count, -1, channels])  # [B, h w, c]
        grams = tf.matmul(cells, cells, transpose_a=True)  # [B, c, c]
        return tf.reshape(grams, [-1, facets, channels * channels])

    def loss(grams, target):
        grams = tf.nn.l2_normalize(grams, 2)
        # [B / facets, facets, facets]
        cosines = tf.matmul(grams, grams, transpose_b=True)
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
