"""Objectives: what all of them have."""

import pytest
from identity import X, value

from vectormix_tf.objectives.amplification import amplify


def test_an_objective_times_a_weight():
    objective = amplify({"1": 1.0}).times(0.25).times(2.0)
    assert value(objective, X, X) == pytest.approx(-0.5)
    assert objective.name == "amplify"
