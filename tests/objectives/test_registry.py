"""Statistics of one's own."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from identity import X, Y, value
from mistakes import refusal

from vectormix_tf.cli.main import main
from vectormix_tf.config import mix as mix_config
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import settings_of
from vectormix_tf.objectives import registry
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.registry import STATISTICS, check_sums, statistic
from vectormix_tf.objectives.statistics import BUILT_IN
from vectormix_tf.objectives.sums import add, blend
from vectormix_tf.recipes.mix import mix

cases = hypothesis_settings(max_examples=25)


@pytest.fixture(autouse=True)
def forgotten():
    """What a test registers is known to that test alone."""
    names, known = list(mix_config.STATISTICS), dict(STATISTICS)
    yield
    mix_config.STATISTICS[:] = names
    STATISTICS.clear()
    STATISTICS.update(known)


def squares(cells, weights):
    return tf.reduce_sum(weights * cells**2, axis=0), tf.reduce_sum(weights)


def noise(*shape, seed=0):
    drawn = np.random.default_rng(seed).uniform(0.1, 1, shape)
    return drawn.astype(np.float32)


def test_the_built_in_statistics_are_those_that_settings_know():
    assert list(BUILT_IN) == mix_config.STATISTICS
    assert all(STATISTICS[name] is each for name, each in BUILT_IN.items())


def test_a_registered_statistic_is_known_by_its_name():
    energy = statistic("energy")(squares)
    assert STATISTICS["energy"] is energy
    assert MixSettings(statistic="energy").statistic == "energy"


def test_a_registered_statistic_is_named_in_help(capsys):
    before = settings_of(MixSettings)["statistic"].help_text
    statistic("energy")(squares)
    after = settings_of(MixSettings)["statistic"].help_text
    assert after == f"{before}, energy" and before.endswith(", histogram")
    assert main(["mix", "--help"]) == 0
    assert after in " ".join(capsys.readouterr().out.split())


def test_its_value_is_each_sum_over_the_total_weight():
    def sums(cells, weights):
        first = tf.reduce_sum(weights * cells, axis=0)
        return first, tf.reduce_sum(weights * cells[:, :1]), tf.reduce_sum(weights)

    cells, weights = noise(1, 3, 4, 5), noise(1, 3, 4, 1, seed=1)
    found = statistic("sums")(sums)(tf.constant(cells), tf.constant(weights))
    means = (cells * weights).sum((0, 1, 2)) / weights.sum()
    np.testing.assert_allclose(found[0], means, rtol=1e-5)
    np.testing.assert_allclose(found[1], means[0], rtol=1e-5)


def test_its_distance_is_the_mean_of_relative_squares():
    """X has the mean squares 5 and 10, Y 2 and 10."""

    def sums(cells, weights):
        return *squares(cells, weights)[:1], *squares(cells[:, :1], weights)

    objective = match("m", {"1": 1.0}, lambda x: Y, statistic("two")(sums))
    expected = (3**2 / (2**2 + 10**2) + 3**2 / 2**2) / 2
    assert value(objective, X, X) == pytest.approx(expected, rel=1e-5)
    assert value(objective, X, Y) == 0


def test_it_may_bring_a_value_and_a_distance_of_its_own():
    root = statistic(
        "root",
        finish=lambda sums: tf.sqrt(sums[0] / sums[1]),
        distance=lambda value, target: tf.reduce_max(tf.abs(value - target)),
        blends=False,
    )(squares)
    objective = match("m", {"1": 1.0}, lambda x: Y, root)
    assert value(objective, X, X) == pytest.approx(5**0.5 - 2**0.5, rel=1e-5)
    assert not root.blends


@cases
@given(n=st.integers(1, 9), m=st.integers(1, 9), c=st.integers(1, 4))
def test_sums_of_parts_and_blends_of_styles_are_those_of_all_cells(n, m, c):
    energy = statistic(f"energy{len(STATISTICS)}")(squares)
    one, other = noise(1, n, 1, c), noise(1, m, 1, c, seed=1)
    both = energy(tf.constant(np.concatenate([one, other], 1)))
    parts = [energy.sums(tf.constant(each)) for each in (one, other)]
    np.testing.assert_allclose(energy.finish(add(*parts))[0], both[0], rtol=1e-5)
    blended = energy.finish(blend(parts, [n, m]))
    np.testing.assert_allclose(blended[0], both[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["gram", "covariance", "energy"])
def test_a_name_that_is_taken_is_refused(name):
    statistic("energy")(squares)
    text = refusal(statistic, name)
    assert text.startswith(f"there is a statistic {name} already; choose another")


@pytest.mark.parametrize("name", ["", "two words", "a-b", None, 3])
def test_a_name_that_no_flag_could_have_is_refused(name):
    assert "the name of a statistic must be a word" in refusal(statistic, name)


@pytest.mark.parametrize(
    "sums, told",
    [
        (lambda cells, weights: tf.reduce_sum(cells), "must return a tuple of sums"),
        (lambda cells, weights: (tf.reduce_sum(cells),), "must return a tuple of sums"),
        (
            lambda cells, weights: (tf.reduce_mean(cells, 0), tf.reduce_sum(weights)),
            "do not add up",
        ),
        (
            lambda cells, weights: (tf.reduce_max(cells), tf.reduce_sum(weights)),
            "do not add up",
        ),
        (lambda cells, weights: (cells, tf.reduce_sum(weights)), "do not add up"),
        (
            lambda cells, weights: (tf.reduce_sum(weights), tf.reduce_sum(cells)),
            "the last sum of the statistic s must be the total weight",
        ),
        (lambda cells, weights: cells["mixed3"], "failed on cells [12, 4]: TypeError"),
    ],
    ids=["tensor", "one", "mean", "maximum", "cells", "last", "fails"],
)
def test_what_does_not_add_up_is_refused(sums, told):
    assert told in refusal(check_sums, "s", sums, 4)


def test_sums_that_add_up_are_not_refused():
    assert check_sums("s", squares, 4) is None


def test_a_mix_tries_a_statistic_before_its_first_step(photo, painting):
    statistic("mean_of_part")(
        lambda cells, weights: (tf.reduce_mean(cells, 0), tf.reduce_sum(weights))
    )
    options = {"size": 128, "steps": 1, "on_progress": None}
    options |= {"statistic": "mean_of_part"}
    assert "mean_of_part must return sums" in refusal(mix, photo, painting, **options)


def test_the_command_line_knows_a_registered_statistic(photo, painting, tmp_path):
    output = tmp_path / "mix.png"
    flags = [f"--content={photo}", f"--style={painting}", f"--output={output}"]
    flags += ["--size=128", "--steps=2", f"--losses={tmp_path / 'losses.json'}"]
    flags = [flag for flag in flags if "losses" not in flag]
    assert main(["mix", *flags, "--statistic=energy"]) == 2
    statistic("energy")(squares)
    assert main(["mix", *flags, "--statistic=energy"]) == 0
    assert output.stat().st_size > 1000


def test_a_run_with_another_function_of_that_name_does_not_go_on(
    photo, painting, tmp_path
):
    options = {"size": 128, "steps": 2, "octaves": 1, "on_progress": None}
    options |= {"statistic": "energy", "checkpoint": tmp_path / "run.ckpt"}
    statistic("energy")(squares)
    made = mix(photo, painting, **options)
    again = mix(photo, painting, **options, resume=True)
    np.testing.assert_array_equal(again.x, made.x)
    del STATISTICS["energy"]
    mix_config.STATISTICS.remove("energy")
    statistic("energy")(lambda cells, weights: squares(2 * cells, weights))
    text = refusal(mix, photo, painting, **options, resume=True)
    assert "was made with statistic energy=" in text


def test_registering_twice_by_hand_replaces():
    assert registry.register("own", BUILT_IN["gram"]) is BUILT_IN["gram"]
    assert mix_config.STATISTICS.count("own") == 1
    registry.register("own", BUILT_IN["moments"])
    assert mix_config.STATISTICS.count("own") == 1
    assert STATISTICS["own"] is BUILT_IN["moments"]
