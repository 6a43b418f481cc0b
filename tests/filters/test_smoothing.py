"""Blurs, means of blocks and squares, patches of even color."""

import numpy as np
import pytest
from scipy import ndimage

from vectormix_tf.filters.smoothing import blurred, boxed, evened, reduced

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("sigma", [0.7, 5.6, 30.0])
def test_a_blur_is_scipys(sigma):
    image = RANDOM.random((40, 50, 2))
    reach = int(np.ceil(3 * sigma))  # of the last one beyond the whole picture
    expected = ndimage.gaussian_filter(
        image, (sigma, sigma, 0), mode="reflect", radius=(reach, reach, 0)
    )
    np.testing.assert_allclose(blurred(image, sigma), expected, atol=1e-12)


def test_a_blur_keeps_a_flat_plane_and_its_type():
    flat = np.full((9, 7), 0.3, np.float32)
    made = blurred(flat, 2.8)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, flat, rtol=1e-6)


def test_reduced_takes_means_of_blocks_and_leaves_the_rest_out():
    image = np.arange(5 * 7.0).reshape(5, 7, 1)
    made = reduced(image, 2)
    assert made.shape == (2, 3, 1)
    assert made[1, 2, 0] == np.mean([18, 19, 25, 26])


@pytest.mark.parametrize("reach", [0, 1, 4])
def test_means_over_squares_are_scipys(reach):
    image = RANDOM.random((20, 31, 2))
    side = 2 * reach + 1
    expected = ndimage.uniform_filter(image, (side, side, 1), mode="reflect")
    np.testing.assert_allclose(boxed(image, reach), expected, atol=1e-12)
    assert boxed(np.float32(image), reach).dtype == np.float32


def test_evening_takes_noise_away_and_leaves_an_edge_where_it_was():
    clean = np.zeros((40, 40, 3), np.float32) + 0.3
    clean[:, 20:] = 0.7
    noisy = np.float32(clean + RANDOM.normal(0, 0.03, clean.shape))
    made = evened(noisy, 3)
    assert np.abs(made - clean).std() < 0.012 < boxed(noisy, 3)[:, 19:21].std()
    np.testing.assert_allclose(evened(clean, 3), clean, atol=0.005)


def test_evening_is_a_weighted_mean_of_the_nine_squares():
    image = RANDOM.random((9, 9, 3))
    total, mixed = 0, 0
    for y in (2, 4, 6):
        for x in (2, 4, 6):
            square = image[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
            deviation = np.sqrt(np.sum(np.var(square, axis=0)))
            weight = (1 + deviation / (8 / 255)) ** -8
            total, mixed = total + weight, mixed + weight * square.mean(0)
    np.testing.assert_allclose(evened(image, 2)[4, 4], mixed / total, rtol=1e-9)
