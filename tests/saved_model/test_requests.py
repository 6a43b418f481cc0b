"""Requests: their ranges, sizes and octaves are those of the library's settings."""

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.config import octaves as octave_plans
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.export import record
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import served_settings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, sizes
from vectormix_tf.saved_model.codec import Limits, fitted_size
from vectormix_tf.saved_model.requests import (
    DREAM_INPUTS,
    MIX_INPUTS,
    SHORT_DREAM_INPUTS,
    SHORT_MIX_INPUTS,
    conditions,
    plan_octaves,
    requested_side,
    result_size,
)

LIMITS = Limits(size=1024, steps=500, pixels=1 << 24, bytes=1 << 26)
MINIMUM = 75
SIDES = st.integers(MINIMUM, 1024)


@settings(max_examples=60)
@given(
    SIDES,
    SIDES,
    st.integers(1, 400),
    st.integers(1, 32),
    st.integers(101, 400),
    st.integers(1, 100),
)
@pytest.mark.filterwarnings("ignore::vectormix_tf.errors.Notice")  # octaves left out
def test_octaves_are_those_of_the_library(height, width, steps, octaves, grow, more):
    options = MixSettings(
        steps=steps, octaves=octaves, octave_scale=grow / 100, octave_steps=more / 50
    )
    expected = octave_plans.plan((height, width), options, min(height, width))
    request = {
        "steps": tf.constant(steps),
        "octaves": tf.constant(octaves),
        "octave_scale": tf.constant(grow / 100),  # of float32: not quite the same
        "octave_steps": tf.constant(more / 50),
    }
    size = tf.constant([height, width])
    call = request, size, tf.reduce_min(size), MINIMUM, LIMITS
    if max(octave.steps for octave in expected) > LIMITS.steps:
        assert "more than 500 steps" in refused(lambda: plan_octaves(*call))
        return
    sizes, each = plan_octaves(*call)
    np.testing.assert_array_equal(sizes, [octave.size for octave in expected])
    np.testing.assert_array_equal(each, [octave.steps for octave in expected])


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 32_768))
def test_a_picture_is_fitted_as_by_the_library(height, width, size):
    image = tf.zeros([1, height, width, 0])  # no channels, so no memory
    found = fitted_size(image, tf.constant(size)).numpy()
    assert tuple(found) == images.fitted_size(height, width, size)


def refused(call):
    """The one line with which a graph refuses a request."""
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        call()
    return " ".join(str(caught.value).split())


@pytest.mark.parametrize(("size", "long"), [(300, 300), (1024, 1024), (0, 800)])
def test_a_size_is_that_of_the_request_or_the_pictures_own(size, long):
    image = tf.zeros([1, 600, 800, 3])
    assert requested_side(tf.constant(size), image, LIMITS, "picture") == long


def test_a_picture_whose_own_size_is_beyond_the_limit_is_refused():
    image = tf.zeros([1, 600, 1025, 3])
    assert requested_side(tf.constant(300), image, LIMITS, "picture") == 300
    line = refused(lambda: requested_side(tf.constant(0), image, LIMITS, "guide"))
    assert "the guide is larger than 1024 pixels a side" in line


@given(
    st.integers(2, 2000), st.integers(2, 2000), st.sampled_from([0, 80, 300, 512, 1024])
)
@pytest.mark.filterwarnings("ignore::vectormix_tf.errors.Notice")  # raised
def test_a_result_has_the_size_that_the_library_plans(height, width, size):
    need = sizes.Need(MINIMUM, "the model", LIMITS.size)
    image = tf.zeros([1, height, width, 0])

    def found():
        call = tf.constant(size), 512, image, LIMITS, "picture", MINIMUM
        return tuple(result_size(*call).numpy())

    if size == 0 and max(height, width) > LIMITS.size:
        assert "larger than 1024 pixels a side" in refused(found)
        return
    try:
        expected = sizes.result_size((height, width), size, 512, need, "picture")
    except InputError as error:
        line = refused(found)
        if size == 512:
            assert "so narrow that its long side would have more than 1024" in line
        elif "at least" in str(error):
            enough = re.search(r"at least (\d+)", str(error))[1]
            assert f"ask for a `size` of at least {enough} or" in line
    else:
        assert found() == expected


@pytest.mark.parametrize("octaves", [0, -1, 33, 2**31 - 1])
def test_octaves_of_a_forged_state_are_refused_before_they_take_memory(octaves):
    request = {"octaves": tf.constant(octaves), "octave_scale": tf.constant(1.5)}
    request |= {"steps": tf.constant(5), "octave_steps": tf.constant(1.0)}
    size = tf.constant([600, 800])
    call = request, size, size[0], MINIMUM, LIMITS
    line = refused(lambda: plan_octaves(*call))
    assert "`octaves` must be in [1, 32]" in line


@pytest.mark.parametrize("kind", [MixSettings, DreamSettings])
def test_the_inputs_of_a_request_are_the_settings_that_a_server_takes(kind):
    short, full = {
        MixSettings: (SHORT_MIX_INPUTS, MIX_INPUTS),
        DreamSettings: (SHORT_DREAM_INPUTS, DREAM_INPUTS),
    }[kind]
    pictures = {name for name in full if name.endswith("_bytes")}
    assert full.keys() - pictures == served_settings(kind, "open", "short").keys()
    assert short.keys() - pictures == served_settings(kind, "short").keys()


DEFAULTS = {
    kind: {
        name: (0.01 if value is None else value)
        for name, value in record(kind())["open"].items()
    }
    for kind in (MixSettings, DreamSettings)
}
NUMBERS = [
    (kind, name)
    for kind in DEFAULTS
    for name, setting in served_settings(kind, "open", "short").items()
    if setting.low is not None
]


@pytest.mark.parametrize(("kind", "name"), NUMBERS)
@given(data=st.data())
@settings(max_examples=25)
def test_a_number_is_accepted_in_the_range_of_its_setting_and_not_beyond(
    kind, name, data
):
    setting = served_settings(kind, "open", "short")[name]
    limits = {"size": 1024, "guide_size": 1024, "steps": 500}
    low, high = setting.low, limits.get(name, setting.high)
    number = setting.kind if name != "size" else int
    if number is float:
        # TensorFlow takes subnormal numbers for 0.
        value = data.draw(st.floats(width=32, allow_subnormal=False))
        fits = np.float32(low) <= np.float32(value) <= np.float32(high)  # no NaN
    else:
        near = st.sampled_from([low - 1, low, high, high + 1])
        value = data.draw(st.one_of(near, st.integers(-(2**31), 2**31 - 1)))
        value = min(value, 2**31 - 1)
        fits = low <= value <= high
    request = {n: tf.constant(v) for n, v in DEFAULTS[kind].items()}
    request[name] = tf.constant(value, tf.float32 if number is float else tf.int32)
    checks = conditions(request, kind, LIMITS)
    wrong = [text for text, true in checks.items() if not bool(true)]
    assert bool(wrong) != fits
    assert all(f"`{name}` must be in [" in text for text in wrong)


def test_a_text_must_be_one_of_the_choices():
    request = {n: tf.constant(v) for n, v in DEFAULTS[MixSettings].items()}
    assert all(map(bool, conditions(request, MixSettings, LIMITS).values()))
    request["color"] = tf.constant("purple")
    checks = conditions(request, MixSettings, LIMITS)
    (wrong,) = (text for text, true in checks.items() if not bool(true))
    assert wrong == "`color` must be one of style, content, match."
