"""Distances by the network."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.linalg import sqrtm

from vectormix_tf.evaluation import network
from vectormix_tf.ops.matrix_root import symmetric_root

RANDOM = np.random.default_rng(5)


def layer(channels=6, sides=(9, 11), shift=0.0, scale=1.0):
    cells = RANDOM.normal(size=(1, *sides, channels))
    return tf.constant(shift + scale * cells, tf.float32)


def frechet(one, other):
    one, other = network.texture(one), network.texture(other)
    return network.frechet(one, other, symmetric_root(other.covariance))


def test_the_frechet_distance_is_scipys():
    one, other = layer(shift=0.5, scale=1.5), layer()
    a, b = (np.float64(each).reshape(-1, 6) for each in (one, other))
    c, d = (np.cov(cells.T, bias=True) for cells in (a, b))
    apart = np.sum((a.mean(0) - b.mean(0)) ** 2)
    apart += np.trace(c + d - 2 * sqrtm(c @ d).real)
    assert frechet(one, other) == pytest.approx(apart / np.trace(d), rel=1e-6)


def test_the_frechet_distance_of_a_layer_to_itself_is_0_also_of_few_cells():
    few = layer(channels=40, sides=(3, 4))  # fewer cells than channels
    for one in (few, layer()):
        assert 0 <= frechet(one, one) < 1e-6
        assert frechet(one, one[:, ::-1]) < 1e-6  # it sees no arrangement
    assert np.isfinite(frechet(layer(), tf.ones((1, 4, 4, 6))))


def test_a_shift_by_one_deviation_is_1():
    other = layer(channels=1, sides=(80, 80))
    deviation = float(tf.math.reduce_std(other))
    assert frechet(other + deviation, other) == pytest.approx(1, abs=1e-4)
    assert frechet(other * 3, other * 1) == pytest.approx(4, abs=0.1)  # (3 - 1)^2


def test_standardized_cells_forget_light_and_contrast():
    one = layer()
    other = one * [[[[2.0, 3, 1, 1, 5, 1]]]] + 7
    cosines = tf.reduce_sum(network.standardized(one) * network.standardized(other), -1)
    np.testing.assert_allclose(cosines, 1, atol=1e-3)
    assert np.isfinite(network.standardized(tf.ones((1, 3, 3, 2)))).all()


@pytest.fixture(scope="module")
def pictures():
    """A photograph, its copy in other colors and a texture, [1, 96, 112, 3]."""
    y, x = np.mgrid[0:96, 0:112] / 96
    photo = np.stack([y, x, (np.hypot(y - 0.5, x - 0.6) < 0.3) * 1.0], -1)
    noise = RANDOM.random((96, 112, 3))
    images = photo / 2, 0.9 - photo[..., ::-1] / 3, noise
    return [np.float32(image)[None].clip(0, 1) for image in images]


def test_pictures_are_near_to_themselves_and_far_from_others(pictures):
    photo, recolored, noise = pictures
    judge = network.Network(noise)
    assert judge.distances(noise, noise) == pytest.approx((0, 0), abs=1e-4)
    style, content = judge.distances(photo, photo)
    assert style > 0.2 and abs(content) < 1e-4
    _, near = judge.distances(recolored, photo)
    _, far = judge.distances(noise, photo)
    assert 0 < near < far


def test_parts_are_never_smaller_than_the_network_takes():
    image = np.zeros((1, 100, 400, 3), np.float32)
    sizes = [each.shape[1:3] for each in network._in_parts(image)]
    assert sizes == [(100, 400), (75, 298), (75, 298)]
