"""Statistics against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.statistics import gram, identity

cases = settings(max_examples=25, deadline=None, derandomize=True, database=None)
sizes = st.integers(1, 7)


def activations(h, w, c, seed=0):
    return np.random.default_rng(seed).normal(size=[1, h, w, c]).astype(np.float32)


def weights(h, w, seed=0):
    return np.random.default_rng(seed + 1).uniform(0.1, 1, [1, h, w, 1])


@cases
@given(sizes, sizes, sizes, st.integers(0, 99))
def test_gram_is_the_weighted_mean_of_outer_products(h, w, c, seed):
    cells, weight = activations(h, w, c, seed), weights(h, w, seed).astype(np.float32)
    expected = np.einsum("bhwi,bhwj,bhwk->ij", cells, cells, weight) / weight.sum()
    np.testing.assert_allclose(gram(cells, weight), expected, atol=1e-5)
    np.testing.assert_allclose(
        gram(cells),
        np.einsum("bhwi,bhwj->ij", cells, cells) / (h * w),
        atol=1e-5,
    )


@cases
@given(sizes, sizes, sizes, st.integers(0, 99))
def test_only_identity_sees_where_things_are(h, w, c, seed):
    cells = activations(h, w, c, seed)
    order = np.random.default_rng(seed).permutation(h * w)
    moved = cells.reshape(1, h * w, c)[:, order].reshape(cells.shape)
    np.testing.assert_allclose(gram(cells), gram(moved), atol=1e-5)
    np.testing.assert_array_equal(identity(cells), cells.reshape(h * w, c))
    assert identity.keeps_arrangement and not gram.keeps_arrangement


@cases
@given(sizes, sizes, st.integers(2, 6), st.integers(0, 99))
def test_sums_of_parts_add_up(h, w, c, seed):
    cells = activations(h, w, c, seed).reshape(h * w, c)
    weight = weights(h, w, seed).reshape(h * w, 1).astype(np.float32)
    cut = (h * w) // 2
    parts = [
        gram.summarize(tf.constant(cells[s]), tf.constant(weight[s]))
        for s in (slice(0, cut), slice(cut, None))
    ]
    together = tf.nest.map_structure(tf.add, *parts)
    whole = gram.summarize(tf.constant(cells), tf.constant(weight))
    np.testing.assert_allclose(gram.finish(together), gram.finish(whole), atol=1e-5)


def test_cells_without_weight_change_nothing():
    cells, weight = activations(4, 5, 3), np.ones([1, 4, 5, 1], np.float32)
    weight[:, 0] = 0
    other = cells.copy()
    other[:, 0] = 100
    for statistic in (gram, identity):
        np.testing.assert_array_equal(
            statistic(cells, weight), statistic(other, weight)
        )


def test_grams_gradient_by_hand_is_tensorflows():
    cells = tf.constant(activations(3, 4, 5))
    weight = tf.constant(weights(3, 4), tf.float32)
    upstream = tf.random.stateless_normal([5, 5], [1, 2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(cells)
        ours = tf.reduce_sum(gram(cells, weight) * upstream)
        flat = tf.reshape(cells, [-1, 5])
        products = tf.matmul(flat * tf.reshape(weight, [-1, 1]), flat, transpose_a=True)
        theirs = tf.reduce_sum(products / tf.reduce_sum(weight) * upstream)
    np.testing.assert_allclose(
        tape.gradient(ours, cells), tape.gradient(theirs, cells), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_gram_is_float32_whatever_the_features(dtype):
    cells = tf.cast(tf.fill([1, 2, 2, 3], 300.0), dtype)
    value = gram(cells)
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, 9e4, rtol=2e-2)  # float16 ends at 65504
