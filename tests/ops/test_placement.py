"""Placement: colors lie where those of a style do; lightness and contrast stay."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.ops.color import from_oklab, to_oklab
from vectormix_tf.ops.placement import place_colors


def picture(seed, size=(40, 60), color=0.015, fall=0.3):
    """A light top over a dark bottom, in smooth colors.

    They are muted, so that moved ones are still inside of the sRGB gamut.
    """
    noise = np.random.default_rng(seed).normal(size=(*size, 3))
    noise = ndimage.gaussian_filter(noise, (3, 3, 0), mode="wrap")
    noise /= noise.std((0, 1))
    lab = noise * [0.03, color, color] + [0.6, 0.0, 0.0]
    lab[..., 0] -= fall * heights(*size)
    return from_oklab(tf.constant(np.float32(lab[None])))


def heights(height, width):
    """y from -1/2 at the top to 1/2, [H, W]."""
    y = (np.arange(height) + 0.5) / height - 0.5
    return np.broadcast_to(y[:, None], (height, width))


def lab(image):
    return to_oklab(image).numpy()[0].astype(np.float64)


def two_halves(top, bottom, size=(40, 60)):
    """A light top over a dark bottom, in two colors (a, b)."""
    planes = np.full((1, *size, 3), 0.6, np.float32)
    planes[0, ..., 0] -= 0.3 * heights(*size)
    planes[0, : size[0] // 2, :, 1:] = top
    planes[0, size[0] // 2 :, :, 1:] = bottom
    return from_oklab(tf.constant(planes))


def terms(light):
    """What colors are fitted by at each pixel, [H, W, 5]."""
    t = np.clip((light - light.mean()) / np.sqrt(light.var() + 1e-3), -2, 2)
    y = heights(*light.shape)
    return np.stack([np.ones_like(t), y, y**2, t, t * y], -1)


def fitted(planes):
    """Fit of a and b, and its coefficients, by a penalty on their squares."""
    x, colors = terms(planes[..., 0]).reshape(-1, 5), planes[..., 1:].reshape(-1, 2)
    penalty = np.sqrt(1e-4 * len(x)) * np.eye(5)
    x = np.concatenate([x, penalty])
    colors = np.concatenate([colors, np.zeros((5, 2))])
    return np.linalg.lstsq(x, colors, rcond=None)[0]


def test_it_adds_the_difference_of_two_least_squares_fits():
    image, style = picture(0), picture(1, (50, 30))
    own, wanted = fitted(lab(image)), fitted(lab(style))
    expected = lab(image)
    x = terms(expected[..., 0])
    away = np.linalg.norm(expected[..., 1:] - x @ own, axis=-1, keepdims=True)
    share = 1 / (1 + (away / (2 * np.sqrt((away**2).mean()))) ** 4)
    expected[..., 1:] += share * (x @ (wanted - own))
    np.testing.assert_allclose(lab(place_colors(image, [style])), expected, atol=2e-3)


def test_a_gray_picture_gets_the_colors_of_the_sky_at_its_top():
    style = two_halves(top=(0.06, 0.06), bottom=(-0.06, 0.0))
    placed = lab(place_colors(picture(2, color=0.0), [style]))
    assert placed[:10, :, 1].mean() > 0.03
    assert placed[-10:, :, 1].mean() < -0.03


def test_lightness_stays():
    image = picture(3)
    placed = place_colors(image, [picture(4)])
    np.testing.assert_allclose(lab(placed)[..., 0], lab(image)[..., 0], atol=2e-3)


def test_its_own_colors_stay():
    image = picture(5)
    np.testing.assert_allclose(place_colors(image, [image]), image, atol=2e-3)


def test_colors_beside_each_other_stay_apart():
    image = tf.transpose(two_halves((0.05, 0.0), (-0.05, 0.0)), [0, 2, 1, 3])
    style = two_halves(top=(0.0, 0.04), bottom=(0.0, -0.04))
    before, after = lab(image), lab(place_colors(image, [style]))
    apart = (before - before[:, ::-1])[..., 1]
    np.testing.assert_allclose((after - after[:, ::-1])[..., 1], apart, atol=2e-3)


def test_a_red_tower_stays_red_under_a_sky_that_turns():
    planes = to_oklab(picture(25, color=0.0)).numpy()
    tower = slice(28, 31)
    planes[:, :, tower, 1:] = 0.08, 0.05
    image = from_oklab(tf.constant(planes))
    style = two_halves(top=(0.0, 0.08), bottom=(0.0, -0.08))
    moved = lab(place_colors(image, [style])) - lab(image)
    assert moved[:10, :20, 2].mean() > 0.04
    assert np.abs(moved[:, tower]).max() < 0.01


def test_without_a_sky_in_both_pictures_colors_stay():
    landscape, portrait = picture(20), picture(21, fall=0.0)
    for image, style in ((landscape, portrait), (portrait, landscape)):
        moved = lab(place_colors(image, [style])) - lab(image)
        whole = lab(place_colors(landscape, [picture(22)])) - lab(landscape)
        assert np.abs(moved).mean() < np.abs(whole).mean() / 4


def layout(planes):
    """Share of the variance of lightness that height explains."""
    light, y = planes[..., 0].ravel(), heights(*planes.shape[:2]).ravel()
    x = np.stack([np.ones_like(y), y, y**2], 1)
    rest = light - x @ np.linalg.lstsq(x, light, rcond=None)[0]
    return (light.var() - rest.var()) / (light.var() + 1e-3)


@pytest.mark.parametrize("fall", [0.05, 0.08, 0.12])
def test_colors_are_placed_as_far_as_both_have_a_layout(fall):
    image, style = picture(23, fall=fall), picture(24, fall=fall)
    share = layout(lab(image)) * layout(lab(style)) / 0.1
    whole = np.abs(lab(place_colors(image, [style])) - lab(image))[..., 1:]
    assert share > 0
    x = terms(lab(image)[..., 0])
    own, wanted = fitted(lab(image)), fitted(lab(style))
    away = np.linalg.norm(lab(image)[..., 1:] - x @ own, axis=-1, keepdims=True)
    most = (x @ (wanted - own)) / (1 + (away / 2 / np.sqrt((away**2).mean())) ** 4)
    np.testing.assert_allclose(whole, np.abs(min(share, 1) * most), atol=2e-3)


def test_shares_average_the_fits_of_styles():
    image, style, other = picture(6), picture(7), picture(8)
    both = lab(place_colors(image, [style, other], [3, 1]))
    single = [lab(place_colors(image, [each])) for each in (style, other)]
    np.testing.assert_allclose(both, 0.75 * single[0] + 0.25 * single[1], atol=2e-3)


def test_pixels_without_weight_do_not_count():
    image = picture(9).numpy()
    changed = image.copy()
    changed[:, :, 40:] = 0.9
    weights = np.zeros((1, 40, 60, 1), np.float32)
    weights[:, :, :40] = 1.0
    results = [
        place_colors(tf.constant(each), [picture(10)], weights=tf.constant(weights))
        for each in (image, changed)
    ]
    first, second = (each[:, :, :40] for each in results)
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (700, 3)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_and_strips_give_finite_colors(size, value):
    flat = tf.fill([1, *size, 3], value)
    for image, style in ((flat, picture(11)), (picture(11), flat)):
        placed = place_colors(image, [style]).numpy()
        assert np.isfinite(placed).all()
        assert placed.min() >= 0
        assert placed.max() <= 1


def test_a_lamp_in_the_night_gets_no_color_that_the_style_lacks():
    night = np.full((1, 40, 60, 3), 0.1, np.float32)
    night[0, 20, 30] = 1.0
    style = picture(12)
    most = np.linalg.norm(lab(style)[..., 1:], axis=-1).max()
    placed = lab(place_colors(tf.constant(night), [style]))
    assert np.linalg.norm(placed[20, 30, 1:]) < 2 * most
