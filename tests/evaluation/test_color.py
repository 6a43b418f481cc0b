"""Colored noise and clouds of color."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.evaluation import color
from vectormix_tf.filters.color import recolored
from vectormix_tf.filters.smoothing import blurred, following
from vectormix_tf.ops import chroma
from vectormix_tf.ops import color as of_graphs

RANDOM = np.random.default_rng(3)


def soft(sigma=6.0, sides=(120, 128), seed=0):
    """A soft picture [H, W, 3] of many colors in [0.2, 0.8]."""
    noise = np.random.default_rng(seed).normal(size=(*sides, 3))
    planes = ndimage.gaussian_filter(noise, (sigma, sigma, 0))
    return np.float32(0.5 + 0.3 * planes / np.abs(planes).max())


def in_one_hue(image):
    """Gray, in which light parts are yellowish: color is a function of lightness."""
    lab = np.array(of_graphs.to_oklab(image[None]))
    lab[..., 1], lab[..., 2] = 0.02 * lab[..., 0], 0.1 * lab[..., 0] - 0.02
    return np.array(of_graphs.from_oklab(lab))[0]


def with_color_noise(image, size=0.05):
    lab = np.array(of_graphs.to_oklab(image[None]))
    lab[..., 1:] += size * RANDOM.normal(size=lab[..., 1:].shape)
    return np.array(of_graphs.from_oklab(lab))[0]


def test_the_filter_is_the_one_that_removes_the_noise_from_mixes():
    guide, values = RANDOM.random((50, 60, 1)), RANDOM.random((50, 60, 2))

    def blur(planes):
        return chroma._blurred(planes, chroma.SMOOTHING, False)

    slope, offset = chroma._guided(
        *(tf.constant(each[None], tf.float32) for each in (guide, values)), blur
    )
    expected = (slope * np.float32(guide) + offset)[0]
    smooth = functools.partial(blurred, sigma=color.NOISE_SIGMA)
    found = following(guide, values, smooth)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_colors_that_follow_lightness_are_no_noise():
    image = in_one_hue(soft(1.5))
    assert color.noise(image) < 0.002
    assert color.noise(with_color_noise(image)) > 0.04
    assert color.noise(np.full((90, 80, 3), 0.4)) < 1e-9


def test_noise_of_a_known_size_is_measured():
    """Of white noise a window of 4 pixels takes almost nothing away."""
    flat = np.full((120, 128, 3), 0.5)
    size = np.sqrt(2) * 0.02  # of a and b together
    assert color.noise(with_color_noise(flat, 0.02)) == pytest.approx(size, rel=0.03)


def test_noise_is_relative_to_the_style_s():
    noisy = with_color_noise(soft())
    assert color.relative_noise(noisy, noisy) == pytest.approx(1, abs=0.05)
    assert color.relative_noise(soft(), noisy) < 0.3
    gray = np.repeat(soft()[..., :1], 3, axis=-1)
    assert np.isfinite(color.relative_noise(noisy, gray))


def test_what_removes_the_noise_from_mixes_lowers_the_number():
    style, noisy = soft(2.0, seed=1), with_color_noise(soft(2.0))
    limited = chroma.limit_chroma(
        tf.constant(noisy[None]), [chroma.palette(tf.constant(style[None]))]
    )
    before = color.relative_noise(noisy, style)
    assert color.relative_noise(np.array(limited)[0], style) < before / 1.5


def test_a_cloud_of_foreign_color_is_seen_where_the_photograph_is_plain():
    content, style = soft(12.0), soft(3.0, seed=1)
    plain = np.zeros(content.shape[:2])
    plain[:, :64] = 1
    made = recolored(content, [style])
    y, x = np.mgrid[0:120, 0:128]
    spot = np.exp(-((y - 60) ** 2 + (x - 32) ** 2) / (2 * 12.0**2))[..., None]
    cloudy = np.float32(np.clip(made + spot * [0.5, -0.4, 0.2], 0, 1))
    beside = np.roll(cloudy, 64, axis=1) - np.roll(made, 64, axis=1) + made
    usual = color.foreign_clouds(made, content, style, plain)
    assert usual < 1
    assert color.foreign_clouds(cloudy, content, style, plain) > 2 * usual
    assert color.foreign_clouds(beside, content, style, plain) < 1.2 * usual
