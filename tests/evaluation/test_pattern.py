"""Regular patterns in a picture."""

import numpy as np
import pytest
from scipy import ndimage

from vectormix_tf.evaluation.pattern import regularity


def photo(sides=(120, 150), seed=0):
    noise = np.random.default_rng(seed).normal(size=sides)
    return 0.5 + 0.03 * ndimage.gaussian_filter(noise, 0.7)


def test_a_picture_without_a_pattern_has_almost_none():
    assert 0 <= regularity(photo()) < 2


@pytest.mark.parametrize("period", [2, 8 / 3, 4, 8])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_faint_wave_of_a_network_s_strides_is_found_along_both_axes(period, axis):
    image = photo()
    places = np.arange(image.shape[axis])
    wave = 0.01 * np.cos(2 * np.pi * places / period)
    waved = image + (wave[:, None] if axis == 0 else wave)
    assert regularity(waved) > 6 + regularity(image)


def test_a_checkerboard_of_period_8_is_found_and_one_of_period_7_is_not():
    def board(side):
        y, x = np.mgrid[0:120, 0:168]
        return ((y // (side / 2) + x // (side / 2)) % 2) * 0.02

    def grid(side):
        return regularity(photo((120, 168)) + board(side))

    assert grid(8) > 6 > 3 > grid(7)


def test_the_number_is_the_power_at_a_period_over_that_beside_it():
    """Waves of known power: 1 everywhere, 100 at a period of 8 pixels."""
    width = 160
    spectrum = np.exp(1j * np.random.default_rng(0).uniform(0, 6, width // 2 + 1))
    spectrum[[0, -1]] = 0, 1
    spectrum[width // 8] *= 10
    row = np.fft.irfft(spectrum, width)
    rows = np.stack([np.roll(row, shift) for shift in range(16)])
    assert regularity(np.tile(rows, (1, 1))) >= 19.9
    spectrum[width // 8] /= 10
    assert regularity(np.fft.irfft(spectrum, width)[None].repeat(16, 0)) < 1e-3


def test_a_flat_picture_and_the_smallest_one_have_a_number():
    assert regularity(np.full((20, 30), 0.3, np.float32)) < 1
    assert np.isfinite(regularity(photo((16, 16))))
