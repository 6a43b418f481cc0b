"""Recoloring, held against NumPy."""

import numpy as np
import tensorflow as tf

from vectormix_tf.colors import recolor


def picture(seed, low, high):
    drawn = np.random.default_rng(seed)
    mix = np.eye(3) + drawn.uniform(0, 0.5, [3, 3])
    colors = drawn.uniform(0, 1, [1, 30, 40, 3]) @ (mix / mix.sum(0))
    return (low + (high - low) * colors).astype(np.float32)


def moments(image):
    cells = np.asarray(image, np.float64).reshape(-1, 3)
    return cells.mean(0), np.cov(cells, rowvar=False, bias=True)


def test_the_result_has_the_palettes_mean_and_covariance():
    image, palette = picture(0, 0.0, 1.0), picture(1, 0.3, 0.7)
    result = recolor(tf.constant(image), tf.constant(palette))
    for ours, goal in zip(moments(result), moments(palette), strict=True):
        np.testing.assert_allclose(ours, goal, atol=2e-4)


def test_a_picture_in_its_own_colors_stays_as_it_is():
    image = picture(0, 0.1, 0.9)
    np.testing.assert_allclose(
        recolor(tf.constant(image), tf.constant(image)), image, atol=1e-4
    )


def test_the_map_is_symmetric_and_so_moves_colors_least():
    """The optimal map between Gaussians is the one whose matrix is symmetric."""
    image, palette = picture(2, 0.2, 0.8), picture(3, 0.35, 0.65)
    result = recolor(tf.constant(image), tf.constant(palette)).numpy()
    cells = image.reshape(-1, 3) - image.reshape(-1, 3).mean(0)
    moved = result.reshape(-1, 3) - result.reshape(-1, 3).mean(0)
    matrix = np.linalg.lstsq(cells, moved, rcond=None)[0]
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-3)
    assert np.all(np.linalg.eigvalsh((matrix + matrix.T) / 2) > 0)


def test_gray_pictures_stay_finite_and_in_range():
    gray = np.full([1, 8, 8, 3], 0.5, np.float32)
    colorful = picture(4, 0.0, 1.0)
    for image, palette in ((gray, colorful), (colorful, gray), (gray, gray)):
        result = recolor(tf.constant(image), tf.constant(palette)).numpy()
        assert np.isfinite(result).all()
        assert result.min() >= 0 and result.max() <= 1
