"""Frequencies are those of NumPy's transform."""

import numpy as np
import pytest

from vectormix_tf.ops.fft import frequencies


@pytest.mark.parametrize(("height", "width"), [(6, 9), (9, 6), (1, 1), (5, 8)])
def test_frequencies_are_the_magnitudes_of_those_of_numpy(height, width):
    rows, columns = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    expected = np.hypot(rows[:, np.newaxis], columns)
    assert expected[0, 0] == 0
    expected[0, 0] = 1 / max(height, width)  # of the mean
    found = frequencies(height, width)
    assert found.shape == (height, width // 2 + 1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
