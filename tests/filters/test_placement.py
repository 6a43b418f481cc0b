"""Placement in NumPy is that of the graph."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.filters.placement import placed
from vectormix_tf.ops.placement import place_colors


def picture(seed, size, fall=0.4):
    """Smooth colors, light at the top and dark at the bottom."""
    noise = np.random.default_rng(seed).normal(size=(*size, 3))
    planes = ndimage.gaussian_filter(noise, (3, 3, 0))
    planes *= 0.1 / planes.std()
    slope = fall * (0.5 - np.linspace(0, 1, size[0]))[:, None, None]
    return np.float32(np.clip(0.5 + slope * [1, 0.8, 1.2] + planes, 0, 1))


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_that_of_the_graph(weighted):
    image, styles = picture(0, (60, 90)), [picture(1, (50, 40)), picture(2, (64, 64))]
    weights = np.random.default_rng(1).random((60, 90, 1)) if weighted else None
    shares = [0.25, 0.75]
    expected = place_colors(
        tf.constant(image[None]),
        [tf.constant(style[None]) for style in styles],
        shares,
        tf.constant(np.float32(weights[None])) if weighted else None,
    )[0]
    made = placed(image, styles, shares, weights)
    assert np.abs(made - image).max() > 0.05  # or else the next line says nothing
    np.testing.assert_allclose(made, expected, atol=2e-5)


def test_means_of_blocks_of_a_large_picture_are_fitted_almost_as_its_pixels():
    image, style = picture(0, (600, 900)), picture(1, (700, 40))
    expected = place_colors(tf.constant(image[None]), [tf.constant(style[None])])[0]
    made = placed(image, [style])
    assert np.abs(made - image).max() > 0.05
    np.testing.assert_allclose(made, expected, atol=1 / 255)


def test_a_picture_without_a_layout_stays():
    flat = picture(0, (40, 40), fall=0) * 0 + np.float32(0.4)
    np.testing.assert_allclose(placed(flat, [picture(1, (50, 40))]), flat, atol=1e-5)
