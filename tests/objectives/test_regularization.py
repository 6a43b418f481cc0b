"""What keeps smooth and apart, exactly: the extractor is the identity."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from identity import parts, value

from vectormix_tf.objectives.regularization import (
    differ,
    hold,
    total_variation,
    total_variation_each,
)

BATCH = tf.constant(np.random.default_rng(5).normal(size=[3, 4, 5, 6]), tf.float32)


def test_total_variation_is_relative_to_the_start():
    picture = np.random.default_rng(0).random([1, 5, 6, 3]).astype(np.float32)
    x = tf.constant(picture)
    expected = sum(np.abs(np.diff(picture, axis=axis)).mean() for axis in (1, 2))
    objective = total_variation()
    assert float(objective.target(parts, x)) == pytest.approx(expected)
    assert value(objective, x, x) == pytest.approx(1)
    assert value(objective, x, 0.25 * x) == pytest.approx(0.25)
    assert value(objective, x, tf.ones_like(x)) == 0


def test_hold_is_the_mean_of_weighted_squares():
    """Ruder et al. 2016, equation 7, with D pixels and colors."""
    random = np.random.default_rng(3)
    x, image = (random.random([1, 4, 5, 3]).astype(np.float32) for _ in range(2))
    weights = random.random([1, 4, 5, 1]).astype(np.float32)
    objective = hold(lambda: (tf.constant(image), tf.constant(weights)))
    expected = (weights * (x - image) ** 2).sum() / x.size
    assert value(objective, None, tf.constant(x)) == pytest.approx(expected, rel=1e-5)
    assert value(objective, None, tf.constant(image)) == 0
    assert objective.layers == () and objective.name == "hold"


def test_differ_is_the_mean_cosine_of_two_facets():
    """Written again with NumPy."""
    x = np.random.default_rng(6).random([6, 3, 4, 5]).astype(np.float32)
    objective = differ("1", 3)
    expected = 0
    for facets in (x[:3], x[3:]):
        grams = [cells.reshape(-1, 5).T @ cells.reshape(-1, 5) for cells in facets]
        for i, j in itertools.permutations(range(3), 2):
            norms = np.linalg.norm(grams[i]) * np.linalg.norm(grams[j])
            expected += (grams[i] * grams[j]).sum() / norms / 6
    assert value(objective, x, tf.constant(x)) == pytest.approx(expected, rel=1e-5)


def test_differ_is_0_for_facets_with_nothing_in_common_and_1_for_the_same():
    same = tf.concat([BATCH[:1]] * 2, 0)
    assert value(differ("1", 2), same, same) == pytest.approx(1)
    apart = same * np.float32([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]).reshape(
        2, 1, 1, 6
    )
    assert value(differ("1", 2), apart, apart) == 0


def test_differ_does_not_see_what_where_leaves_out():
    def left(layer, observed):
        return np.float32([1, 0]).reshape(1, 1, 2, 1)

    x = tf.constant([[[[1.0, 0.0], [7.0, 9.0]]], [[[0.0, 1.0], [9.0, 2.0]]]])
    assert value(differ("1", 2, left), x, x) == 0
    assert value(differ("1", 2), x, x) > 0.1


def test_the_total_variation_of_each_is_added_up():
    x = tf.constant(np.random.default_rng(7).random([3, 5, 6, 3]), tf.float32)
    y = tf.sqrt(x)
    alone = [value(total_variation(), x[i : i + 1], y[i : i + 1]) for i in range(3)]
    assert value(total_variation_each(), x, y) == pytest.approx(sum(alone), rel=1e-5)
