"""What follows from measured figures is arithmetic."""

import pytest
from figures import report, row

from vectormix_tf.config.settings import MixSettings


def test_a_step_is_that_of_the_best_round():
    assert row(rounds=(3.0, 1.5, 2.0)).step == 1.5


def test_the_bound_is_there_and_back_at_the_peak():
    assert row().bound == 2 * 3e9 / 6e9
    assert row(rounds=(4.0, 3.0)).ratio == 3.0


def test_a_run_is_its_start_with_one_step_and_the_other_steps():
    assert row(start=7.0).run == 7 + 9 * 2


def test_a_run_whose_start_is_unknown_is_its_steps():
    assert row().run == 20


@pytest.mark.parametrize(
    ("default", "usual"), [("float32", 0), ("bfloat16", 1), ("auto", 1)]
)
def test_the_usual_row_is_in_the_default_precision_or_the_fastest(
    default, usual, monkeypatch
):
    monkeypatch.setattr(MixSettings, "precision", default)
    rows = row(), row(precision="bfloat16", rounds=(1.0,))
    assert report(*rows).usual("mix", 512) is rows[usual]


def test_a_peer_is_compared_with_the_mix_of_its_size():
    peer = row("peer", steps=500.0, rounds=(4.0,))
    rows = [row(start=2.0), row(size=256), row("dream")]
    assert report(*rows, peers=(peer,)).times(peer) == pytest.approx(2000 / 20)
