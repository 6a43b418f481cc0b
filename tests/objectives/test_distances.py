"""Distances against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.objectives import distances
from vectormix_tf.objectives.distances import relative_l1, relative_squared

DISTANCES = {
    relative_l1: lambda v, t: np.abs(v - t).sum() / np.abs(t).sum(),
    relative_squared: lambda v, t: ((v - t) ** 2).sum() / (t**2).sum(),
    distances.squared_norm: lambda v, t: ((v - t) ** 2).sum(),
    distances.plain_norm: lambda v, t: np.sqrt(((v - t) ** 2).sum()),
}


@pytest.mark.parametrize(
    "distance", DISTANCES, ids=["l1", "squared", "squared norm", "norm"]
)
def test_distances_are_what_they_say(distance):
    drawn = np.random.default_rng(0).normal(size=[2, 40]).astype(np.float32)
    expected = DISTANCES[distance](drawn[0], drawn[1])
    assert float(distance(drawn[0], drawn[1])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "distance", DISTANCES, ids=["l1", "squared", "squared norm", "norm"]
)
@pytest.mark.parametrize("target", [0.0, 1.5])
def test_gradients_are_finite_at_a_perfect_match(distance, target):
    x = tf.fill([4], target)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = distance(x, tf.fill([4], target))
    assert float(loss) == 0
    np.testing.assert_array_equal(tape.gradient(loss, x), np.zeros(4))
