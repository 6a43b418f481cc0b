"""What follows from measurements is arithmetic."""

import pytest
from benchmark_results import measurement, result

from vectormix_tf.config.mix import MixSettings


def test_a_step_is_that_of_the_fastest_round():
    assert measurement(rounds=(3.0, 1.5, 2.0)).step == 1.5


def test_the_bound_is_forward_and_backward_at_the_peak():
    assert measurement().bound == 2 * 3e9 / 6e9
    assert measurement(rounds=(4.0, 3.0)).ratio == 3.0


def test_a_run_is_its_startup_with_one_step_and_the_other_steps():
    assert measurement(startup=7.0).run == 7 + 9 * 2


def test_a_run_whose_startup_is_unknown_is_its_steps():
    assert measurement().run == 20


@pytest.mark.parametrize(
    ("default", "index"), [("float32", 0), ("bfloat16", 1), ("auto", 1)]
)
def test_the_default_is_in_the_default_precision_or_the_fastest(
    default, index, monkeypatch
):
    monkeypatch.setattr(MixSettings, "precision", default)
    both = measurement(), measurement(precision="bfloat16", rounds=(1.0,))
    assert result(*both).by_default("mix", 512) is both[index]
