"""What a request may say, against what the library makes of the same settings."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.config import octaves as octave_plans
from vectormix_tf.config.settings import MixSettings
from vectormix_tf.io import images
from vectormix_tf.saved_model import requests as requests_
from vectormix_tf.saved_model.codec import Limits, fitted_size

LIMITS = Limits(size=1024, steps=500, pixels=1 << 24, bytes=1 << 26)
MINIMUM = 75
SIDES = st.integers(MINIMUM, 1024)


@settings(max_examples=60, deadline=None)
@given(
    SIDES,
    SIDES,
    st.integers(1, 400),
    st.integers(1, 8),
    st.integers(101, 400),
    st.integers(1, 100),
)
@pytest.mark.filterwarnings("ignore::vectormix_tf.errors.Notice")  # octaves left out
def test_octaves_are_those_of_the_library(height, width, steps, octaves, grow, more):
    chosen = MixSettings(
        steps=steps, octaves=octaves, octave_scale=grow / 100, octave_steps=more / 50
    )
    wanted = octave_plans.plan((height, width), chosen, min(height, width))
    asked = {
        "steps": tf.constant(steps),
        "octaves": tf.constant(octaves),
        "octave_scale": tf.constant(grow / 100),  # of float32: not quite the same
        "octave_steps": tf.constant(more / 50),
    }
    size = tf.constant([height, width])
    found = requests_.planned(asked, size, tf.reduce_min(size), MINIMUM, LIMITS)
    np.testing.assert_array_equal(found[0], [octave.size for octave in wanted])
    within = [min(octave.steps, LIMITS.steps) for octave in wanted]
    np.testing.assert_array_equal(found[1], within)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(1, 32_768))
def test_a_picture_is_fitted_as_by_the_library(height, width, size):
    image = tf.zeros([1, height, width, 0])  # of no bytes
    found = fitted_size(image, tf.constant(size)).numpy()
    assert tuple(found) == images.fitted_size(height, width, size)


@pytest.mark.parametrize(
    ("asked", "told"),
    [(300, 300), (2000, 1024), (0, 800), (-5, 800)],
)
def test_a_size_is_brought_within_the_limits(asked, told):
    image = tf.zeros([1, 600, 800, 3])
    assert requests_.long_side(tf.constant(asked), image, LIMITS) == told


def test_steps_and_octaves_are_brought_within_the_limits():
    asked = {
        "steps": 10**6,
        "octaves": 10**9,
        "octave_scale": 1.01,
        "octave_steps": 4.0,
    }
    asked = {name: tf.constant(number) for name, number in asked.items()}
    size = tf.constant([600, 800])
    sizes, steps = requests_.planned(asked, size, size[0], MINIMUM, LIMITS)
    assert len(sizes) == requests_.MOST_OCTAVES
    np.testing.assert_array_equal(steps, [LIMITS.steps] * requests_.MOST_OCTAVES)


@given(st.sampled_from(sorted(requests_.RANGES)), st.floats(width=32))
def test_only_what_is_in_its_range_is_sensible(name, number):
    low, high = np.float32(requests_.RANGES[name])
    (fits,) = requests_.sensible({name: tf.constant(number)}, {}).values()
    assert bool(fits) == (low <= np.float32(number) <= high)  # NaN is not
