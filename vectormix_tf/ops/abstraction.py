"""Abstraction: an image as patches of even color with crisp edges, as brushes leave."""

import math

import numpy as np
import tensorflow as tf

from vectormix_tf.filters.smoothing import EVEN, LONG_SIDE, SHARPNESS
from vectormix_tf.ops.border import extend

REACH = 1.5  # at which the disk is cut off, in radii
DISK = 1.5  # radius of the disk, in standard deviations of its Gaussian
SECTORS = 8


def abstract(image: tf.Tensor, radius: float) -> tf.Tensor:
    """Generalized Kuwahara filter: fine detail goes, edges and corners stay.

    Papari, Petkov and Campisi 2007, "Artistic edge and corner enhancing smoothing":
    each pixel becomes the mean of the sectors of a disk around it, of which the most
    even ones count most. A departure: a sector counts (1 + s / `EVEN`)^-q for its
    standard deviation s instead of s^-q, so that noise does not decide in even areas.

    Args:
        image: [1, H, W, 3] in [0, 1].
        radius: Of the disk, in pixels of an image whose long side has `LONG_SIDE`; 0
            returns the image.

    Returns:
        [1, H, W, 3] in [0, 1].
    """
    if radius == 0:
        return image
    size = tf.shape(image)[1:3]
    radius *= tf.cast(tf.reduce_max(size), tf.float32) / LONG_SIDE
    reach = tf.cast(tf.math.ceil(REACH * radius), tf.int32)
    colors = tf.transpose(image[0], [2, 0, 1])  # [3, H, W]
    planes = tf.concat([colors, tf.reduce_sum(colors**2, 0, keepdims=True)], 0)
    for axis in (1, 2):
        planes = extend(planes, axis, reach)
    shape = tf.shape(planes)[1:3]
    waves = tf.signal.rfft2d(planes)
    total, mixed = 0.0, 0.0
    for sector in range(SECTORS):
        kernel = _sector(radius, reach, 2 * math.pi * sector / SECTORS)
        kernel = tf.pad(
            kernel, [[0, shape[0] - 2 * reach - 1], [0, shape[1] - 2 * reach - 1]]
        )
        means = tf.signal.irfft2d(waves * tf.signal.rfft2d(kernel), shape)
        means = means[:, 2 * reach :, 2 * reach :]  # [4, H, W]
        variance = means[3] - tf.reduce_sum(means[:3] ** 2, 0)
        weight = (1 + tf.sqrt(tf.maximum(variance, 0.0)) / EVEN) ** -SHARPNESS
        total, mixed = total + weight, mixed + weight * means[:3]
    return tf.clip_by_value(tf.transpose(mixed / total, [1, 2, 0]), 0.0, 1.0)[
        tf.newaxis
    ]


def _sector(radius, reach, direction):
    """Weights [2 reach + 1, 2 reach + 1] of a sector of the disk; their sum is 1."""
    offset = tf.cast(tf.range(-reach, reach + 1), tf.float32)
    x, y = offset, offset[:, tf.newaxis]
    angle = tf.math.floormod(tf.atan2(y, x) - direction + np.pi, 2 * np.pi) - np.pi
    disk = tf.exp(-(x**2 + y**2) / (2 * (radius / DISK) ** 2))
    width = np.pi / SECTORS
    weights = disk * tf.exp(-((angle / width) ** 2) / 2)
    # All sectors share the pixel in the middle.
    middle = tf.cast((x == 0) & (y == 0), tf.float32)
    weights = weights * (1 - middle) + middle / SECTORS
    return weights / tf.reduce_sum(weights)
