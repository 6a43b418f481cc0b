"""How near small patches are to those of a style."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from vectormix_tf.evaluation import patches


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    """Fewer than usual, for speed."""
    monkeypatch.setattr(patches, "COUNT", 300)
    monkeypatch.setattr(patches, "STYLE_COUNT", 1200)


def texture(seed, sigma=1.0, sides=(100, 120)):
    noise = np.random.default_rng(seed).normal(size=(*sides, 3))
    return np.float32(0.5 + 0.3 * ndimage.gaussian_filter(noise, (sigma, sigma, 0)))


def test_a_patch_is_a_square_of_the_picture():
    y, x = np.mgrid[0:30, 0:40]
    image = np.stack([y, x, y * 0], axis=-1)
    found = patches.sample(image, 200, 0).reshape(200, 9, 9, 3)
    assert (found[:, :, :, 0] - found[:, :1, :, 0] == np.arange(9)[:, None]).all()
    assert (found[:, :, :, 1] - found[:, :, :1, 1] == np.arange(9)).all()
    assert {0, 20} <= set(found[:, 0, 0, 0]) and found[..., 1].max() <= 39


def test_the_distance_is_that_to_the_nearest_patch_of_all():
    own, style = texture(0), texture(1)
    one, other = patches.sample(own, 300, 0), patches.sample(style, 1200, 1)
    nearest = cdist(one[:50], other, "sqeuclidean").min(axis=1)
    found = np.sum(one[:50] ** 2, 1) + np.min(
        np.sum(other**2, 1)[:, None] - 2 * other @ one[:50].T, axis=0
    )
    np.testing.assert_allclose(found, nearest, rtol=1e-4)
    whole = cdist(one, other, "sqeuclidean").min(axis=1).mean()
    assert patches.distance(own, style) == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("factor", [1, 2])
def test_a_texture_of_the_same_kind_is_near_1_and_blur_and_contrast_are_not(factor):
    style = texture(0)
    assert 0.85 < patches.relative_distance(texture(1), style, factor) < 1.15
    blurred = texture(1, 4.0)
    assert patches.relative_distance(blurred, style, factor) < 0.75
    strong = np.clip(0.5 + 3 * (texture(1) - 0.5), 0, 1)
    assert patches.relative_distance(strong, style, factor) > 1.5


def test_a_flat_style_divides_by_no_0():
    flat = np.full((90, 90, 3), 0.5, np.float32)
    assert np.isfinite(patches.relative_distance(texture(0), flat, 2))
