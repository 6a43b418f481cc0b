"""Mixes of vectors: the known minima for identities."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.errors import InputError
from vectormix_tf.recipes.mix_vectors import mix_vectors


def identity(x):
    return x


vectors = st.lists(st.integers(-9, 9), min_size=2, max_size=5).map(np.array)


@settings(max_examples=12)
@given(vectors, st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]))
def test_the_squared_norm_mixes_identities_to_the_weighted_mean(x1, alpha):
    x2 = x1[::-1] + 3
    result = mix_vectors(x1, x2, identity, identity, alpha, norm="squared", steps=300)
    np.testing.assert_allclose(result.x, alpha * x1 + (1 - alpha) * x2, atol=0.02)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_the_plain_norm_mixes_identities_to_one_end_of_the_segment(alpha):
    x1, x2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[3.0, 5.0], [-1.0, 0.0]])
    end = x1 if alpha > 0.5 else x2
    for init in (None, [[0.0, 3.0], [2.0, 2.0]]):
        result = mix_vectors(x1, x2, identity, identity, alpha, init=init)
        np.testing.assert_allclose(result.x, end, atol=0.02)


def test_at_one_half_the_plain_norm_stays_on_the_segment():
    x1, x2 = np.array([0.0, 0.0]), np.array([4.0, 2.0])
    result = mix_vectors(x1, x2, identity, identity, 0.5, init=[3.0, 0.0])
    along = result.x @ x2 / (x2 @ x2)
    assert 0 <= along <= 1
    np.testing.assert_allclose(result.x, along * x2, atol=0.05)


def test_starting_at_a_minimum_stays_there():
    x1 = np.arange(5.0)
    result = mix_vectors(x1, x1 + 1, identity, identity, 1.0, steps=20)
    np.testing.assert_array_equal(result.x, x1)
    assert not result.losses["f1"].any()


def test_functions_may_take_vectors_of_different_shapes():
    """f1 is the differences of neighbors, f2 the mean; x2 is longer than x1."""
    x1, x2 = [0.0, 1.0, 3.0], [7.0, 7.0, 7.0, 11.0]
    result = mix_vectors(
        x1,
        x2,
        lambda x: x[1:] - x[:-1],
        lambda x: tf.reduce_mean(x, keepdims=True),
        norm="squared",
        steps=2000,
    )
    np.testing.assert_allclose(np.diff(result.x), [1, 2], atol=0.02)
    np.testing.assert_allclose(result.x.mean(), 8, atol=0.02)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": 1.5}, "alpha"),
        ({"steps": 0}, "steps"),
        ({"norm": "square"}, "did you mean squared"),
        ({"x1": [np.inf]}, "`x1` must be finite"),
        ({"x2": "text"}, "`x2` must be a tensor of numbers"),
        ({"init": [np.nan]}, "`init` must be finite"),
    ],
)
def test_a_wrong_argument_is_named(change, text):
    arguments = {"x1": [1.0], "x2": [2.0], "f1": identity, "f2": identity} | change
    with pytest.raises(InputError, match=text):
        mix_vectors(**arguments)


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"learning_rate": "fast"}, "`learning_rate` must be a number"),
        ({"learning_rate": -0.1}, "`learning_rate` must be in"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be in"),
        ({"f1": "layer"}, "`f1` must be a function"),
        ({"f2": lambda x: None}, "`f2` must be made of TensorFlow's functions"),
        ({"f1": np.sin}, "`f1` must be made of TensorFlow's functions"),
        ({"f2": lambda x: tf.matmul(x, x)}, "`f2` must be made of TensorFlow's"),
        ({"x2": [1.0, 2.0, 3.0]}, "`f2` at x and at its target must have one shape"),
        ({"init": [1.0, 2.0, 3.0]}, "`f1` at x and at its target must have one shape"),
        ({"on_progress": "bar"}, "`on_progress` must be a function or None"),
    ],
)
def test_what_cannot_be_mixed_is_refused_in_one_line(wrong, told):
    usual = {"x1": [1.0, 2.0], "x2": [3.0, 4.0], "f1": identity, "f2": identity}
    assert told in refusal(mix_vectors, **usual | wrong)
