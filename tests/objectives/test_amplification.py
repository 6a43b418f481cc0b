"""What amplifies, exactly: the extractor is the identity."""

import math

import numpy as np
import pytest
import tensorflow as tf
from identity import X, Y, observe, parts, value

from vectormix_tf.objectives.amplification import amplify, amplify_each

BATCH = tf.constant(np.random.default_rng(5).normal(size=[3, 4, 5, 6]), tf.float32)


def test_amplify_lowers_its_loss_by_raising_activations():
    objective = amplify({"1": 1.0, "2": -0.5})
    assert objective.depends_on == () and objective.layers == ("1", "2")
    # Relative to the start, every layer stands at 1 there.
    assert value(objective, X, X) == pytest.approx(-0.5)
    assert value(objective, X, 3 * X) == pytest.approx(-1.5)


def test_amplify_does_not_depend_on_a_networks_scale():
    assert value(amplify({"1": 1.0}), X, Y) == pytest.approx(
        value(amplify({"7": 1.0}), X, Y)
    )


def test_amplify_of_a_dead_layer_stays_finite():
    assert math.isfinite(value(amplify({"1": 1.0}), X * 0, X))


def test_channels_are_raised_relative_to_their_whole_layer():
    # The layer's mean is 2.5; its channels' are 2 and 3.
    assert value(amplify({"1#0": 1.0}), X, X) == pytest.approx(-2 / 2.5)
    assert value(amplify({"1#1-1": 1.0, "2#0": -1.0}), X, X) == pytest.approx(-0.4)
    assert amplify({"1#0": 1.0, "1#1": 1.0, "2": 1.0}).layers == ("1", "2")
    assert value(amplify({"1#0-1": 1.0}), X, Y) == value(amplify({"1": 1.0}), X, Y)


def test_the_square_of_activations_can_be_raised():
    objective = amplify({"1": 1.0, "1#1": 1.0}, objective="square")
    mean = (1 + 4 + 9 + 16) / 4
    assert value(objective, X, X) == pytest.approx(-1 - 10 / mean)
    assert value(objective, X, 3 * X) == pytest.approx(-9 * (1 + 10 / mean))


def test_a_direction_raises_what_lies_along_it():
    objective = amplify({"1": 1.0}, direction=tf.constant([3.0, -4.0]))
    along = np.array([[1, 2], [3, 4]]) @ [0.6, -0.8]
    assert value(objective, X, X) == pytest.approx(-along.mean() / 2.5)


def test_one_cell_can_be_raised_relative_to_all():
    def last(layer, observed):
        return tf.constant([[[[0.0], [1.0]]]])

    assert value(amplify({"1": 1.0}, here=last), X, X) == pytest.approx(-3.5 / 2.5)


@pytest.mark.parametrize("power", [1, 2])
def test_amplify_each_is_the_formula(power):
    """Written again with NumPy."""
    start, channels = BATCH[::-1] + 0.3, [4, 0, 4]
    objective = amplify_each("1", channels, squared=power == 2)
    assert objective.layers == ("1",) and objective.depends_on == ()
    expected = 0
    for image, before, channel in zip(
        BATCH.numpy(), start.numpy(), channels, strict=True
    ):
        whole = abs((before**power).mean())
        expected -= (image[..., channel] ** power).mean() / whole
    assert value(objective, start, BATCH) == pytest.approx(expected, rel=1e-5)


def test_amplify_each_counts_the_cells_that_where_says():
    def middle(layer, observed):
        return tf.constant([[0.0, 1.0]]).numpy().reshape(1, 1, 2, 1)

    x = tf.constant([[[[1.0, 5.0], [2.0, 6.0]]], [[[3.0, 9.0], [4.0, 8.0]]]])
    objective = amplify_each("1", [1, 0], middle)
    assert value(objective, x, x) == pytest.approx(-(6 / 4 + 4 / 6))


def test_what_channels_it_amplifies_is_part_of_the_target_alone():
    """So one graph serves all: the loss of one takes the target of another."""
    one, other = amplify_each("1", [0, 1, 2]), amplify_each("1", [3, 4, 5])
    target = other.target(parts, BATCH)
    seen = observe(BATCH, ["1"])
    assert float(one.evaluate(BATCH, seen, target)) == float(
        other.evaluate(BATCH, seen, target)
    )
    assert value(one, BATCH, BATCH) != value(other, BATCH, BATCH)


def test_amplify_each_of_a_dead_layer_stays_finite():
    assert math.isfinite(value(amplify_each("1", [0, 0, 0]), BATCH * 0, BATCH))
