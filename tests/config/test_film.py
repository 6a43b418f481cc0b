"""Key frames: what they say, what they change, and their mistakes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.config.film import FilmSettings, Key, check_keys, settings_at

SETTINGS = FilmSettings(tv=0.1)


def test_a_key_is_a_frame_a_name_and_its_values():
    assert Key.parse("25:alpha=0.3") == Key(25, "alpha", (0.3,))
    assert Key.parse("1:style_weights=1,0") == Key(1, "style_weights", (1.0, 0.0))


@pytest.mark.parametrize("text", ["", "alpha=0.3", "x:alpha=1", "3:alpha", "3:alpha=b"])
def test_what_is_no_key_is_one_line(text):
    assert "FRAME:NAME=VALUE" in refusal(Key.parse, text)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1:alhpa=0.3"], "did you mean alpha"),
        (["1:steps=3"], "can change alpha, tv, style_weights"),
        (["0:alpha=0.3"], "[1, 99999]"),
        (["1:alpha=2"], "`alpha` must be in [0, 1]"),
        (["1:alpha=0.1,0.2"], "2 values, and 1 are needed"),
        (["1:style_weights=1"], "1 values, and 2 are needed"),
        (["1:style_weights=1,-1"], "`style_weights`"),
        (["1:style_weights=0,0"], "sum to zero"),
        (["1:alpha=0.1", "1:alpha=0.2"], "two keys of alpha"),
    ],
)
def test_a_key_that_no_frame_can_have_is_one_line(texts, words):
    keys = [Key.parse(text) for text in texts]
    assert words in refusal(check_keys, keys, SETTINGS, 2)


def test_tv_needs_a_term_that_it_weighs():
    keys = [Key.parse("1:tv=0.1")]
    check_keys(keys, SETTINGS, 1)
    assert "`tv` above 0" in refusal(check_keys, keys, FilmSettings(), 1)


@given(st.integers(1, 60))
def test_values_change_evenly_between_keys_and_not_beyond(frame):
    keys = [Key(41, "alpha", (0.9,)), Key(21, "alpha", (0.1,)), Key(5, "tv", (0.4,))]
    found = settings_at(SETTINGS, keys, frame)
    assert found.alpha == pytest.approx(min(0.9, max(0.1, 0.1 + (frame - 21) * 0.04)))
    assert found.tv == pytest.approx(0.4) and found.steps == SETTINGS.steps


def test_weights_of_styles_change_together():
    keys = [Key(1, "style_weights", (1, 0)), Key(5, "style_weights", (0, 2))]
    found = settings_at(SETTINGS, keys, 2).style_weights
    assert found == pytest.approx((0.75, 0.5))


def test_without_keys_settings_stay():
    assert settings_at(SETTINGS, [], 7) is SETTINGS
