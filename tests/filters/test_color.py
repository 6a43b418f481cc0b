"""Oklab and statistics of colors: those of the graph, and exact arithmetic."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.filters import color
from vectormix_tf.ops import color as of_graphs


def soft(seed=0, sides=(40, 50)):
    """A soft picture [H, W, 3] of many colors in [0.2, 0.8]."""
    noise = np.random.default_rng(seed).normal(size=(*sides, 3))
    planes = ndimage.gaussian_filter(noise, (6, 6, 0))
    return np.float32(0.5 + 0.3 * planes / np.abs(planes).max())


def tensor(image):
    return tf.constant(np.float32(image[None]))


def test_oklab_is_that_of_the_graph_and_comes_back():
    image = np.random.default_rng(3).random((20, 30, 3))
    image[0, :3] = [[0, 0, 0], [1, 1, 1], [0.01, 0.02, 0.03]]
    expected = of_graphs.to_oklab(tensor(image))[0]
    np.testing.assert_allclose(color.to_oklab(image), expected, atol=1e-5)
    np.testing.assert_allclose(
        color.from_oklab(color.to_oklab(image)), image, atol=1e-9
    )
    assert color.to_oklab(np.float32(image)).dtype == np.float32


def test_colors_that_no_screen_has_are_clipped_as_in_the_graph():
    lab = np.random.default_rng(3).uniform(
        [-0.1, -0.4, -0.4], [1.1, 0.4, 0.4], (9, 9, 3)
    )
    expected = of_graphs.from_oklab(tensor(lab))[0]
    made = color.from_oklab(np.float32(lab))
    np.testing.assert_allclose(made, expected, atol=1e-5)
    assert made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize("weighted", [False, True])
def test_recoloring_is_that_of_the_graph(weighted):
    image, styles, shares = soft(), [soft(1), soft(2, (30, 20))], [0.3, 0.7]
    weights = np.float32(np.random.default_rng(1).random((40, 50, 1)))
    weights = weights if weighted else None
    expected = of_graphs.recolor(
        tensor(image),
        [tensor(style) for style in styles],
        shares,
        tensor(weights) if weighted else None,
    )
    made = color.recolored(image, styles, shares, weights)
    np.testing.assert_allclose(made, expected[0], atol=1e-5)


def test_a_recolored_picture_has_the_style_s_mean_and_covariance():
    image, style = soft(), 0.5 + 0.2 * (soft(1) - 0.5)  # far from 0 and 1
    made = color.recolored(image, [style]).reshape(-1, 3)
    np.testing.assert_allclose(made.mean(0), style.mean((0, 1)), atol=1e-4)
    wanted = np.cov(style.reshape(-1, 3).T)
    # Both covariances are taken a little larger, to be invertible.
    np.testing.assert_allclose(np.cov(made.T), wanted, atol=color.TINY)
    assert wanted.max() > 10 * color.TINY


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_a_picture_of_one_color_takes_the_style_s_mean(level):
    flat, style = np.full((9, 8, 3), level, np.float32), soft(1)
    made = color.recolored(flat, [style])
    expected = np.broadcast_to(style.mean((0, 1)), made.shape)
    np.testing.assert_allclose(made, expected, atol=1e-5)
