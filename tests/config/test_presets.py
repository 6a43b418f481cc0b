"""Presets: what is given wins over them, and they win over defaults."""

import pytest
from mistakes import refusal

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.presets import ALONE, PRESETS

every = pytest.mark.parametrize("name", PRESETS)


@every
def test_a_preset_sets_what_it_says_and_nothing_else(name):
    chosen, plain = MixSettings.of({"preset": name}, True, 1), MixSettings()
    for field, value in vars(chosen).items():
        if field in ("f1", "f2"):  # which depend on the network
            continue
        wanted = PRESETS[name].get(field, getattr(plain, field))
        if field == "style_scale" and not isinstance(wanted, tuple):
            wanted = (wanted,)
        assert value == (name if field == "preset" else wanted), field


@every
def test_a_preset_changes_a_mix(name):
    plain = vars(MixSettings())
    assert any(plain[field] != value for field, value in PRESETS[name].items())


@every
def test_what_is_given_wins_over_a_preset(name):
    given = {"preset": name, "alpha": 0.6, "steps": 7, "octaves": 5}
    chosen = MixSettings.of(given, True, 1)
    assert (chosen.alpha, chosen.steps, chosen.octaves) == (0.6, 7, 5)


@pytest.mark.parametrize(("content", "styles", "alpha"), [(True, 0, 1), (False, 1, 0)])
def test_one_picture_alone_has_its_own_alpha_whatever_the_preset(
    content, styles, alpha
):
    chosen = MixSettings.of({"preset": "painterly"}, content, styles)
    assert chosen.alpha == alpha
    assert chosen.octaves == PRESETS["painterly"]["octaves"] != ALONE["octaves"]
    assert chosen.steps == ALONE["steps"] and chosen.init == ALONE["init"]
    said = refusal(MixSettings.of, {"alpha": 0.3}, content, styles)
    assert f"`alpha` is {alpha}; leave it out" in said


@every
def test_a_preset_is_told_in_readme(name, root):
    text = (root / "README.md").read_text("utf-8")
    assert f"`{name}`" in text or f"`--preset={name}`" in text
