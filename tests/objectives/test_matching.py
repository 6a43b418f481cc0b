"""Matching, exactly: the extractor is the identity."""

import pytest
import tensorflow as tf
from identity import X, Y, observe, parts, value

from vectormix_tf.objectives.amplification import amplify
from vectormix_tf.objectives.base import ARRANGEMENT
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.statistics import STATISTICS, covariance, gram
from vectormix_tf.objectives.sums import Statistic


def test_a_match_is_the_weighted_mean_of_relative_distances():
    objective = match("m", {"1": 3.0, "2": 1.0}, lambda x: Y)
    assert objective.layers == ("1", "2") and objective.depends_on == ARRANGEMENT
    # |X - Y| sums to 4 and |Y| to 8, in layer "2" both twice as much.
    assert value(objective, X, X) == pytest.approx(0.5)
    assert value(objective, X, Y) == 0.0


def test_a_texture_match_does_not_see_where_things_are():
    objective = match("m", {"1": 1.0}, lambda x: Y[:, :, ::-1], gram)
    assert objective.depends_on == ()
    assert value(objective, X, Y) == 0.0
    assert value(objective, X, X) > 0.1


def test_the_reference_is_fitted_to_what_the_octave_starts_from():
    objective = match("m", {"1": 1.0}, lambda x: x * 2)
    assert value(objective, X, X * 2) == 0.0


def test_where_says_how_much_a_cell_counts():
    def where(layer, observed):
        return tf.constant([[[[1.0], [0.0]]]])

    objective = match("m", {"1": 1.0}, lambda x: Y, where=where)
    assert value(objective, X, X) == pytest.approx(1 / 4)  # |1 - 2| over |2| + |2|
    raised = amplify({"1": 1.0}, where=where)
    assert value(raised, Y, X) == pytest.approx(-1.5 / 2)


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
    objective = match("m", {"1": 3.0, "2": 1.0}, lambda x: Y, pair)
    target = objective.target(parts, X)
    assert len(prepared) == 2  # layers
    for _ in range(2):
        loss = objective.evaluate(X, observe(X, objective.layers), target)
        # X - Y sums to 2, in layer "2" to twice as much.
        assert float(loss) == pytest.approx((3 * 2 + 4) / 4 / 10)
    assert len(prepared) == 2


def test_a_distance_of_ones_own_meets_the_value_as_it_is():
    """Not as the statistic's own distance would have it prepared."""
    seen = []

    def distance(value, target):
        seen.append((value, target))
        return tf.reduce_sum((value[1] - target[1]) ** 2)

    objective = match("m", {"1": 1.0}, lambda x: Y, covariance, distance)
    assert value(objective, X, Y) == 0
    assert value(objective, X, X) > 0.1
    for each in seen[-1]:
        assert [len(tensor.shape) for tensor in each] == [1, 2, 0]


@pytest.mark.parametrize("name", STATISTICS)
def test_every_statistic_matches(name):
    objective = match("m", {"1": 1.0, "2": 1.0}, lambda x: Y, STATISTICS[name])
    assert objective.depends_on == ()
    assert value(objective, X, Y) == pytest.approx(0, abs=1e-4)
    assert value(objective, X, X) > 0.05
