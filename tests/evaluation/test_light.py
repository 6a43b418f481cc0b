"""Whose edges a picture has, and how strong and directed they are: exact arithmetic."""

import numpy as np
import pytest
from scipy import ndimage

from vectormix_tf.evaluation import light
from vectormix_tf.filters.smoothing import blurred

RANDOM = np.random.default_rng(0)


def plane(sigma=1.0, seed=0):
    """Smoothed noise [96, 120]."""
    noise = np.random.default_rng(seed).normal(size=(96, 120))
    return np.float32(ndimage.gaussian_filter(noise, sigma))


def test_bands_add_up_to_what_is_between_the_finest_and_the_coarsest_blur():
    own = plane()
    first, last = (blurred(own, light.SIGMAS[i]) for i in (0, -1))
    np.testing.assert_allclose(sum(light.bands(own)), first - last, atol=1e-6)
    assert len(light.bands(own)) == light.BANDS


def test_correlation_is_numpys_and_0_where_one_is_flat():
    one, other = plane(seed=1), plane(seed=2)
    expected = np.corrcoef(one.ravel(), (one + other).ravel())[0, 1]
    assert light.correlation(one, one + other) == pytest.approx(expected, abs=1e-6)
    assert light.correlation(one, 3 * one + 2) == pytest.approx(1, abs=1e-6)
    assert light.correlation(one, -one) == pytest.approx(-1, abs=1e-6)
    assert light.correlation(one, np.full_like(one, 0.1)) == 0


def test_strength_is_in_octaves():
    own = plane()
    assert light.strength(4 * own, own) == pytest.approx(2, abs=1e-4)
    assert light.strength(own / 2, own) == pytest.approx(-1, abs=1e-4)
    assert light.strength(own * 0, own) < -10


def test_r_is_the_mean_square_of_the_three_fine_correlations_above_0():
    assert light.shared([0.6, -0.9, 0.3, 1.0]) == pytest.approx((0.36 + 0.09) / 3)


@pytest.mark.parametrize(
    ("strengths", "passes"),
    [([0.35, -0.35, 0, 9], True), ([0, 0, 0.36, 0], False), ([-0.4, 0, 0, 0], False)],
)
def test_the_gate_looks_at_the_fine_bands_only(strengths, passes):
    assert light.is_comparable(strengths) is passes


def test_stripes_are_coherent_in_any_direction_and_noise_is_not():
    y, x = np.mgrid[0:96, 0:120]
    for angle in (0.0, 0.7, np.pi / 2):
        stripes = np.sin((x * np.cos(angle) + y * np.sin(angle)) / 2)
        assert light.coherence(stripes) > 0.95
    assert light.coherence(plane(0.5)) < 0.25
    assert light.coherence(np.ones((96, 120))) == 0


def test_coherence_is_that_of_the_pixels_that_count():
    half = np.where(np.arange(120) < 60, np.sin(np.arange(120) / 2), plane(0.5))
    left = np.zeros((96, 120))
    left[:, :40] = 1
    assert light.coherence(half, left) > 0.9 > light.coherence(half)


def test_plain_parts_are_the_least_busy_two_fifths():
    busy = plane(0.5) * np.arange(120) / 120
    found = light.plain_parts(busy)
    assert found.mean() == pytest.approx(light.PLAIN_SHARE, abs=0.01)
    assert found[:, :30].all() and not found[:, 70:].any()
