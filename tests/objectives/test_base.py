"""Terms, exactly: the extractor is the identity."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.objectives import distances
from vectormix_tf.objectives import guide as guides
from vectormix_tf.objectives.base import (
    ARRANGEMENT,
    amplify,
    match,
    total_variation,
)
from vectormix_tf.objectives.batch import amplify_each, differ, total_variation_each
from vectormix_tf.objectives.distances import relative_l1, relative_squared
from vectormix_tf.objectives.guide import guide
from vectormix_tf.objectives.statistic import Statistic
from vectormix_tf.objectives.statistics import STATISTICS, covariance, gram


def observe(x, layers):
    """Layers by name: how often x is taken."""
    return {name: x * float(name) for name in layers}


def parts(x, layers):
    """As a target sees x: in one part."""
    return [observe(x, layers)]


def value(term, start, x):
    target = term.target(parts, start)
    return float(term.loss(x, observe(x, term.layers), target))


X = tf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])
Y = tf.constant([[[[2.0, 2.0], [0.0, 4.0]]]])


def test_a_match_is_the_weighted_mean_of_relative_distances():
    term = match("m", {"1": 3.0, "2": 1.0}, lambda x: Y)
    assert term.layers == ("1", "2") and term.depends_on == ARRANGEMENT
    # |X - Y| sums to 4 and |Y| to 8, in layer "2" both twice as much.
    assert value(term, X, X) == pytest.approx(0.5)
    assert value(term, X, Y) == 0.0


def test_a_texture_match_does_not_see_where_things_are():
    term = match("m", {"1": 1.0}, lambda x: Y[:, :, ::-1], gram)
    assert term.depends_on == ()
    assert value(term, X, Y) == 0.0
    assert value(term, X, X) > 0.1


def test_the_reference_is_fitted_to_what_the_octave_starts_from():
    term = match("m", {"1": 1.0}, lambda x: x * 2)
    assert value(term, X, X * 2) == 0.0


def test_where_says_how_much_a_cell_counts():
    def where(layer, observed):
        return tf.constant([[[[1.0], [0.0]]]])

    term = match("m", {"1": 1.0}, lambda x: Y, where=where)
    assert value(term, X, X) == pytest.approx(1 / 4)  # |1 - 2| over |2| + |2|
    raised = amplify({"1": 1.0}, where=where)
    assert value(raised, Y, X) == pytest.approx(-1.5 / 2)


def test_amplify_lowers_its_loss_by_raising_activations():
    term = amplify({"1": 1.0, "2": -0.5})
    assert term.depends_on == () and term.layers == ("1", "2")
    # Relative to the start, every layer stands at 1 there.
    assert value(term, X, X) == pytest.approx(-0.5)
    assert value(term, X, 3 * X) == pytest.approx(-1.5)


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
    term = amplify({"1": 1.0, "1#1": 1.0}, objective="square")
    mean = (1 + 4 + 9 + 16) / 4
    assert value(term, X, X) == pytest.approx(-1 - 10 / mean)
    assert value(term, X, 3 * X) == pytest.approx(-9 * (1 + 10 / mean))


def test_a_direction_raises_what_lies_along_it():
    term = amplify({"1": 1.0}, direction=tf.constant([3.0, -4.0]))
    along = np.array([[1, 2], [3, 4]]) @ [0.6, -0.8]
    assert value(term, X, X) == pytest.approx(-along.mean() / 2.5)


def test_one_cell_can_be_raised_relative_to_all():
    def last(layer, observed):
        return tf.constant([[[[0.0], [1.0]]]])

    assert value(amplify({"1": 1.0}, here=last), X, X) == pytest.approx(-3.5 / 2.5)


def guided(x, led, weights=None):
    """Mean over cells of the greatest dot product with any of the guide's, NumPy."""
    x, led = (np.reshape(each, [-1, each.shape[-1]]) for each in (x, led))
    return np.average((x @ led.T).max(axis=1), weights=weights)


@pytest.mark.parametrize("most", [1, 7, 50, 2**22])
def test_a_guide_leads_each_cell_to_its_best_match(most, monkeypatch):
    monkeypatch.setattr(guides, "MOST_PRODUCTS", most)
    drawn = np.random.default_rng(0)
    x, start = drawn.random([2, 1, 4, 5, 3]).astype(np.float32)
    led = drawn.random([1, 2, 6, 3]).astype(np.float32)
    term = guide({"1": 1.0, "2": -0.5}, lambda x: tf.constant(led))
    expected = guided(x, led) / guided(start, led)
    assert value(term, tf.constant(start), tf.constant(start)) == pytest.approx(-0.5)
    found = value(term, tf.constant(start), tf.constant(x))
    assert found == pytest.approx(-0.5 * expected, rel=1e-5)


def test_the_gradient_of_a_guide_is_the_best_matching_cell():
    """As google/deepdream's notebook sets it."""
    x = tf.constant([[[[1.0, 0.0], [0.0, 1.0], [1.0, 0.2]]]])
    led = tf.constant([[[[2.0, 1.0], [0.5, 3.0]]]])
    term = guide({"1": 1.0}, lambda x: led)
    target = term.target(parts, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = term.loss(x, observe(x, ["1"]), target)
    direction = -tape.gradient(loss, x)[0, 0].numpy()
    np.testing.assert_allclose(direction / direction[0, 1], [[2, 1], [0.5, 3], [2, 1]])


def test_a_guides_border_leads_nothing_and_a_pictures_is_not_led():
    def first(layer, observed):
        return tf.constant([[[[1.0], [0.0]]]])

    term = guide({"1": 1.0}, lambda x: Y, first)
    x = 5 * X + 1
    led, one = np.array(Y)[0, 0, :1], np.array(x)[0, 0, :1]
    expected = guided(one, led) / guided(np.array(X)[0, 0, :1], led)
    assert value(term, X, x) == pytest.approx(-expected)


def test_a_guide_may_lead_by_its_channels():
    term = guide({"1": 1.0}, lambda x: Y, mode="channels")
    means = np.array(Y).mean(axis=(0, 1, 2))
    x = X * [[[[2.0, 1.0]]]]
    expected = (np.array(x).mean(axis=(0, 1, 2)) @ means) / (
        np.array(X).mean(axis=(0, 1, 2)) @ means
    )
    assert value(term, X, x) == pytest.approx(-expected)


def test_total_variation_is_relative_to_the_start():
    picture = np.random.default_rng(0).random([1, 5, 6, 3]).astype(np.float32)
    x = tf.constant(picture)
    expected = sum(np.abs(np.diff(picture, axis=axis)).mean() for axis in (1, 2))
    term = total_variation()
    assert float(term.target(parts, x)) == pytest.approx(expected)
    assert value(term, x, x) == pytest.approx(1)
    assert value(term, x, 0.25 * x) == pytest.approx(0.25)
    assert value(term, x, tf.ones_like(x)) == 0


def test_a_term_times_a_weight():
    term = amplify({"1": 1.0}).times(0.25).times(2.0)
    assert value(term, X, X) == pytest.approx(-0.5)
    assert term.name == "amplify"


def test_a_statistic_brings_its_distance_and_its_target_is_prepared_once():
    prepared = []

    def prepare(value):
        prepared.append(value)
        return (*value, 10.0)

    pair = Statistic(
        summarize=lambda cells, weights: cells,
        finish=lambda cells: (cells[:1], cells[1:]),
        distance=lambda value, target: (
            tf.add_n(
                [tf.reduce_sum(v - t) for v, t in zip(value, target[:2], strict=True)]
            )
            / target[2]
        ),
        prepare=prepare,
    )
    term = match("m", {"1": 3.0, "2": 1.0}, lambda x: Y, pair)
    target = term.target(parts, X)
    assert len(prepared) == 2  # layers
    for _ in range(2):
        loss = term.loss(X, observe(X, term.layers), target)
        # X - Y sums to 2, in layer "2" to twice as much.
        assert float(loss) == pytest.approx((3 * 2 + 4) / 4 / 10)
    assert len(prepared) == 2


def test_a_distance_of_ones_own_meets_the_value_as_it_is():
    """Not as the statistic's own distance would have it prepared."""
    seen = []

    def distance(value, target):
        seen.append((value, target))
        return tf.reduce_sum((value[1] - target[1]) ** 2)

    term = match("m", {"1": 1.0}, lambda x: Y, covariance, distance)
    assert value(term, X, Y) == 0
    assert value(term, X, X) > 0.1
    for each in seen[-1]:
        assert [len(tensor.shape) for tensor in each] == [1, 2, 0]


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_matches(name):
    term = match("m", {"1": 1.0, "2": 1.0}, lambda x: Y, STATISTICS[name])
    assert term.depends_on == ()
    assert value(term, X, Y) == pytest.approx(0, abs=1e-4)
    assert value(term, X, X) > 0.05


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


# --- Terms of a batch -----------------------------------------------------------------

BATCH = tf.constant(np.random.default_rng(5).normal(size=[3, 4, 5, 6]), tf.float32)


@pytest.mark.parametrize("power", [1, 2])
def test_amplify_each_is_the_formula(power):
    """Written again with NumPy."""
    start, channels = BATCH[::-1] + 0.3, [4, 0, 4]
    term = amplify_each("1", channels, squared=power == 2)
    assert term.layers == ("1",) and term.depends_on == ()
    expected = 0
    for image, before, channel in zip(
        BATCH.numpy(), start.numpy(), channels, strict=True
    ):
        whole = abs((before**power).mean())
        expected -= (image[..., channel] ** power).mean() / whole
    assert value(term, start, BATCH) == pytest.approx(expected, rel=1e-5)


def test_amplify_each_counts_the_cells_that_where_says():
    def middle(layer, observed):
        return tf.constant([[0.0, 1.0]]).numpy().reshape(1, 1, 2, 1)

    x = tf.constant([[[[1.0, 5.0], [2.0, 6.0]]], [[[3.0, 9.0], [4.0, 8.0]]]])
    term = amplify_each("1", [1, 0], middle)
    assert value(term, x, x) == pytest.approx(-(6 / 4 + 4 / 6))


def test_what_channels_it_amplifies_is_part_of_the_target_alone():
    """So one graph serves all: the loss of one term takes the target of another."""
    one, other = amplify_each("1", [0, 1, 2]), amplify_each("1", [3, 4, 5])
    target = other.target(parts, BATCH)
    seen = observe(BATCH, ["1"])
    assert float(one.loss(BATCH, seen, target)) == float(
        other.loss(BATCH, seen, target)
    )
    assert value(one, BATCH, BATCH) != value(other, BATCH, BATCH)


def test_amplify_each_of_a_dead_layer_stays_finite():
    assert math.isfinite(value(amplify_each("1", [0, 0, 0]), BATCH * 0, BATCH))


def test_differ_is_the_mean_cosine_of_two_facets():
    """Written again with NumPy."""
    x = np.random.default_rng(6).random([6, 3, 4, 5]).astype(np.float32)
    term = differ("1", 3)
    expected = 0
    for facets in (x[:3], x[3:]):
        grams = [cells.reshape(-1, 5).T @ cells.reshape(-1, 5) for cells in facets]
        for i, j in itertools.permutations(range(3), 2):
            norms = np.linalg.norm(grams[i]) * np.linalg.norm(grams[j])
            expected += (grams[i] * grams[j]).sum() / norms / 6
    assert value(term, x, tf.constant(x)) == pytest.approx(expected, rel=1e-5)


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
