"""Roots of matrices against NumPy's eigenvalues."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.ops.matrix_root import LEAST, principal, trace_of_root


def matrix_of(*values, channels=12):
    """A symmetric matrix [c, c] of these eigenvalues, and of 1."""
    drawn = np.random.default_rng(0).normal(size=[channels, channels])
    vectors = np.linalg.qr(drawn)[0]
    ones = np.ones(channels - len(values))
    return vectors @ np.diag([*values, *ones]) @ vectors.T


def trace_and_gradient(matrix):
    matrix = tf.constant(matrix, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        trace = trace_of_root(matrix)
    return float(trace), tape.gradient(trace, matrix).numpy()


@pytest.mark.parametrize("values", [(), (0.01, 0.3), (5.0, 1e-5), (0.0,)])
def test_the_trace_of_a_root_is_the_sum_of_roots(values):
    matrix = matrix_of(*values)
    expected = np.sqrt(np.maximum(np.linalg.eigvalsh(matrix), 0)).sum()
    assert trace_and_gradient(matrix)[0] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("values", [(-1e-4,), (-0.01, -0.01), (-0.5,), (-30.0, 2.0)])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_a_root_does_not_diverge_where_rounding_makes_eigenvalues_negative(
    values, scale
):
    """They count as the least that are exact."""
    matrix = matrix_of(*values)
    norm = np.linalg.norm(matrix)
    eigenvalues, vectors = np.linalg.eigh(matrix)
    roots = np.sqrt(np.maximum(eigenvalues, LEAST * norm))
    trace, gradient = trace_and_gradient(matrix * scale)
    assert trace == pytest.approx(roots.sum() * scale**0.5, rel=0.01)
    assert np.isfinite(gradient).all()
    if min(values) < -1e-3:  # else the iteration makes it, with another finite value
        expected = vectors / roots @ vectors.T / 2 / scale**0.5
        np.testing.assert_allclose(
            gradient, expected, rtol=0.02, atol=0.02 * abs(expected).max()
        )


def test_a_root_of_what_is_not_finite_is_not_a_number():
    trace, _ = trace_and_gradient(np.full([4, 4], np.inf))
    assert np.isnan(trace)


@pytest.mark.parametrize("channels", [40, 400])  # all directions, subspace iteration
def test_principal_directions_hold_as_much_variance_as_the_best(channels):
    spectrum = 0.97 ** np.arange(channels)
    drawn = np.random.default_rng(0).normal(size=[channels, channels])
    vectors = np.linalg.qr(drawn)[0]
    matrix = vectors @ np.diag(spectrum) @ vectors.T
    values, axes = map(np.asarray, principal(tf.constant(matrix, tf.float32), 64))
    count = min(64, channels)
    assert values.shape == (count,) and axes.shape == (channels, count)
    np.testing.assert_allclose(axes.T @ axes, np.eye(count), atol=1e-4)
    np.testing.assert_allclose(axes.T @ matrix @ axes, np.diag(values), atol=1e-4)
    assert (np.diff(values) >= -1e-6).all() and (values >= 0).all()
    assert values.sum() == pytest.approx(spectrum[:count].sum(), rel=1e-3)
    np.testing.assert_allclose(values[::-1][:20], spectrum[:20], rtol=1e-4)


def test_principal_directions_of_nothing_are_still_directions():
    values, axes = map(np.asarray, principal(tf.zeros([400, 400]), 64))
    assert (values == 0).all() and np.isfinite(axes).all()
