"""Abstraction: fine detail goes, edges and the mean color of areas stay."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.filters.smoothing import LONG_SIDE
from vectormix_tf.ops.abstraction import abstract

RADIUS = 3.0


def abstracted(image, radius=RADIUS):
    return abstract(tf.constant(np.float32(image[None])), radius).numpy()[0]


def noise(seed, size, deviation=0.1):
    return 0.5 + np.random.default_rng(seed).normal(0, deviation, (*size, 3))


# --- An oracle ------------------------------------------------------------------------


def oracle(image, radius):
    """The filter, pixel by pixel and sector by sector, in NumPy."""
    height, width = image.shape[:2]
    radius *= max(height, width) / LONG_SIDE
    reach = int(np.ceil(1.5 * radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.exp(-(x**2 + y**2) / (2 * (radius / 1.5) ** 2))
    padded = np.pad(image, [(reach, reach), (reach, reach), (0, 0)], "symmetric")
    result = np.zeros_like(image)
    sectors = []
    for k in range(8):
        away = np.angle(np.exp(1j * (np.arctan2(y, x) - 2 * np.pi * k / 8)))
        sector = disk * np.exp(-((away / (np.pi / 8)) ** 2) / 2)
        sector[reach, reach] = 1 / 8
        sectors.append((sector / sector.sum())[..., None])
    for row, column in np.ndindex(height, width):
        window = padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
        means = [(window * sector).sum((0, 1)) for sector in sectors]
        variances = [
            ((window - mean) ** 2 * sector).sum()
            for mean, sector in zip(means, sectors, strict=True)
        ]
        weights = (1 + np.sqrt(variances) * 255 / 8) ** -8.0
        result[row, column] = weights @ np.array(means) / weights.sum()
    return result


def test_it_is_the_generalized_kuwahara_filter():
    image = np.random.default_rng(0).uniform(size=(20, 30, 3))
    radius = 2.0 * LONG_SIDE / 30  # two pixels
    np.testing.assert_allclose(
        abstracted(image, radius), oracle(image, radius), atol=2e-4
    )


def test_radius_0_is_the_image_itself():
    image = tf.constant(np.float32(noise(0, (8, 9))[None]))
    assert abstract(image, 0.0) is image


def test_noise_goes():
    image = noise(0, (64, LONG_SIDE))
    assert abstracted(image).std() < image.std() / 3


def test_an_edge_stays_where_it_is_and_sharp():
    image = np.zeros((32, LONG_SIDE, 3))
    image[:, 200:] = 1.0
    np.testing.assert_allclose(abstracted(image), image, atol=1e-3)


def test_a_flat_image_stays():
    image = np.full((16, 24, 3), (0.2, 0.5, 1.0))
    np.testing.assert_allclose(abstracted(image, 64.0), image, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 3)])
def test_images_may_be_smaller_than_the_disk(size):
    result = abstracted(np.clip(noise(1, size), 0, 1), 1000.0)
    assert result.shape == (*size, 3)
    assert np.isfinite(result).all()


def test_a_graph_gives_the_same_for_any_size():
    traced = tf.function(lambda image: abstract(image, RADIUS))
    spec = tf.TensorSpec([1, None, None, 3])
    for size in ((40, 50), (33, 20)):
        image = tf.constant(np.float32(noise(2, size)[None]))
        np.testing.assert_allclose(
            traced.get_concrete_function(spec)(image),
            abstract(image, RADIUS),
            atol=1e-5,
        )


def test_the_radius_grows_with_the_image():
    """So that a poster is abstracted as its proof is."""
    small = noise(3, (64, 128))
    large = tf.image.resize(small, (256, 512)).numpy()
    kept = abstracted(small, 16.0).std()
    assert abstracted(large, 16.0).std() == pytest.approx(kept, rel=0.25)
    assert abstracted(large, 4.0).std() > 2 * kept
