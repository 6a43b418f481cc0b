"""Frequencies are those of NumPy's transform."""

import numpy as np
import pytest

from vectormix_tf.ops import slabs
from vectormix_tf.ops.fft import forward, frequencies, inverse


@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6), (1, 1), (5, 8)])
def test_frequencies_are_the_magnitudes_of_those_of_numpy(height, width):
    rows, columns = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    expected = np.hypot(rows[:, np.newaxis], columns)
    assert expected[0, 0] == 0
    expected[0, 0] = 1 / max(height, width)  # of the mean
    found = frequencies(height, width)
    assert found.shape == (height, width // 2 + 1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("size", [(7, 10), (8, 9), (1, 4)])
def test_by_parts_it_is_the_transform_of_the_whole(size, monkeypatch):
    monkeypatch.setattr(slabs, "SLAB", 20)
    plane = np.random.default_rng(0).normal(size=size).astype(np.float32)
    waves = forward(lambda rows: plane[rows], *size)
    np.testing.assert_allclose(waves, np.fft.rfft2(plane), atol=1e-4)
    back = np.zeros_like(plane)
    for rows, pixels in inverse(waves, size[1]):
        back[rows] += pixels
    np.testing.assert_allclose(back, plane, atol=1e-5)
