"""Guides, exactly: the extractor is the identity."""

import numpy as np
import pytest
import tensorflow as tf
from identity import X, Y, observe, parts, value

from vectormix_tf.objectives import guidance
from vectormix_tf.objectives.guidance import guide


def guided(x, led, weights=None):
    """Mean over cells of the greatest dot product with any of the guide's, NumPy."""
    x, led = (np.reshape(each, [-1, each.shape[-1]]) for each in (x, led))
    return np.average((x @ led.T).max(axis=1), weights=weights)


@pytest.mark.parametrize("most", [1, 7, 50, 2**22])
def test_a_guide_leads_each_cell_to_its_best_match(most, monkeypatch):
    monkeypatch.setattr(guidance, "MOST_PRODUCTS", most)
    drawn = np.random.default_rng(0)
    x, start = drawn.random([2, 1, 4, 5, 3]).astype(np.float32)
    led = drawn.random([1, 2, 6, 3]).astype(np.float32)
    objective = guide({"1": 1.0, "2": -0.5}, lambda x: tf.constant(led))
    expected = guided(x, led) / guided(start, led)
    assert value(objective, tf.constant(start), tf.constant(start)) == pytest.approx(
        -0.5
    )
    found = value(objective, tf.constant(start), tf.constant(x))
    assert found == pytest.approx(-0.5 * expected, rel=1e-5)


def test_the_gradient_of_a_guide_is_the_best_matching_cell():
    """As google/deepdream's notebook sets it."""
    x = tf.constant([[[[1.0, 0.0], [0.0, 1.0], [1.0, 0.2]]]])
    led = tf.constant([[[[2.0, 1.0], [0.5, 3.0]]]])
    objective = guide({"1": 1.0}, lambda x: led)
    target = objective.target(parts, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = objective.evaluate(x, observe(x, ["1"]), target)
    direction = -tape.gradient(loss, x)[0, 0].numpy()
    np.testing.assert_allclose(direction / direction[0, 1], [[2, 1], [0.5, 3], [2, 1]])


def test_a_guides_border_leads_nothing_and_a_pictures_is_not_led():
    def first(layer, observed):
        return tf.constant([[[[1.0], [0.0]]]])

    objective = guide({"1": 1.0}, lambda x: Y, first)
    x = 5 * X + 1
    led, one = np.array(Y)[0, 0, :1], np.array(x)[0, 0, :1]
    expected = guided(one, led) / guided(np.array(X)[0, 0, :1], led)
    assert value(objective, X, x) == pytest.approx(-expected)


def test_a_guide_may_lead_by_its_channels():
    objective = guide({"1": 1.0}, lambda x: Y, mode="channels")
    means = np.array(Y).mean(axis=(0, 1, 2))
    x = X * [[[[2.0, 1.0]]]]
    expected = (np.array(x).mean(axis=(0, 1, 2)) @ means) / (
        np.array(X).mean(axis=(0, 1, 2)) @ means
    )
    assert value(objective, X, x) == pytest.approx(-expected)
