"""Chroma: fine color noise goes, colors stay within a style's own, light stays."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.filters.smoothing import LONG_SIDE
from vectormix_tf.ops import chroma
from vectormix_tf.ops.color import from_oklab, to_oklab

WIDE = (40, LONG_SIDE)  # lengths in pixels are those of the constants here


def smooth(seed, size=WIDE, sigma=6, channels=3):
    """A picture [1, H, W, c] without fine detail, in [0, 1]."""
    noise = np.random.default_rng(seed).normal(size=(*size, channels))
    noise = ndimage.gaussian_filter(noise, (sigma, sigma, 0), mode="wrap")
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return np.float32(noise[None])


def lab(image):
    return to_oklab(tf.constant(image)).numpy().astype(np.float64)


def limited(image, *styles, **options):
    palettes = [chroma.palette(tf.constant(style)) for style in styles]
    return chroma.limit_chroma(tf.constant(image), palettes, **options).numpy()


def colored_noise(seed, size=WIDE):
    """Gray with independent noise in a and b."""
    ab = np.random.default_rng(seed).normal(0, 0.03, (1, *size, 2))
    light = np.full((1, *size, 1), 0.6)
    return from_oklab(tf.constant(np.float32(np.concatenate([light, ab], -1)))).numpy()


# --- An oracle ------------------------------------------------------------------------


def blur(plane, sigma):
    return ndimage.gaussian_filter(plane, sigma, truncate=3, mode="reflect")


def oracle(image, style):
    """`limit_chroma` of a picture that is not reduced, in NumPy and SciPy."""
    (light, *ab), style_lab = (
        lab(image)[0].transpose(2, 0, 1),
        lab(style).reshape(-1, 3),
    )
    mean = blur(light, 4.0)
    variance = blur(light * light, 4.0) - mean**2
    fitted = []
    for plane in ab:
        slope = (blur(light * plane, 4.0) - mean * blur(plane, 4.0)) / (variance + 1e-3)
        offset = blur(plane, 4.0) - slope * mean
        fitted.append(blur(slope, 4.0) * light + blur(offset, 4.0))
    bins = np.array_split(style_lab[np.argsort(style_lab[:, 0], kind="stable")], 8)
    knots = [each[:, 0].mean() for each in bins]
    centers = [each[:, 1:].mean(0) for each in bins]
    radii = [
        np.quantile(np.linalg.norm(each[:, 1:] - center, axis=1), 0.9)
        for each, center in zip(bins, centers, strict=True)
    ]
    center = np.stack(
        [np.interp(light, knots, np.array(centers)[:, k]) for k in (0, 1)]
    )
    away = np.stack(fitted) - center
    length = np.linalg.norm(away, axis=0)
    radius = 1.6 * np.interp(light, knots, radii)
    within = center + away * np.minimum(1, radius / (length + 1e-9))
    shown = from_oklab(tf.constant(np.float32(np.stack([light, *within], -1)[None])))
    within = lab(shown.numpy())[0, ..., 1:]
    peak = np.quantile(np.linalg.norm(style_lab[:, 1:], axis=1), 0.97)
    spread = np.linalg.norm(style_lab[:, 1:] - style_lab[:, 1:].mean(0), axis=1)
    colorful = min(np.quantile(spread, 0.8) / 0.06, 1)
    was = blur(np.linalg.norm(ab, axis=0), 6.0)
    now = blur(np.linalg.norm(within, axis=-1), 6.0)
    gain = np.clip(np.minimum(was, peak) / (now + 1e-4), 1, 1.5)[..., None]
    restored = within * (1 + (gain - 1) * colorful)
    length = np.linalg.norm(restored, axis=-1, keepdims=True)
    restored = restored * (1 + 0.5 * np.maximum(1 - length / (peak + 1e-4), 0))
    result = np.concatenate([light[..., None], restored], -1)[None]
    return from_oklab(tf.constant(np.float32(result))).numpy()


@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_a_second_implementation_computes(seed):
    image = np.clip(smooth(seed) + 0.1 * colored_noise(seed) - 0.05, 0, 1)
    style = smooth(seed + 10, (64, 96), sigma=2)
    difference = np.abs(limited(image, style) - oracle(image, style))
    assert difference.max() < 4e-3 and difference.mean() < 1e-4


# --- What it does ---------------------------------------------------------------------


def test_color_noise_goes():
    image, style = colored_noise(0), smooth(1)
    before, after = (
        np.std(lab(each)[..., 1:]) for each in (image, limited(image, style))
    )
    assert after < before / 5


def test_a_color_that_follows_light_stays_at_a_sharp_edge():
    image = np.full((1, *WIDE, 3), 0.9, np.float32)
    image[:, :, 256:] = [0.7, 0.1, 0.1]
    result = limited(image, image)
    columns = np.abs(result - image).max((0, 1, 3))
    assert columns.max() < 0.06 and columns[:240].max() < 0.01


def test_a_style_without_color_makes_a_picture_without_color():
    gray = np.repeat(smooth(0, channels=1), 3, axis=-1)
    assert np.abs(lab(limited(smooth(1), gray))[..., 1:]).max() < 2e-3


def test_light_stays_what_it_was():
    image = np.clip(0.25 + 0.5 * smooth(0) + 0.05 * (colored_noise(0) - 0.6), 0, 1)
    result = limited(image, smooth(1))
    assert np.abs(lab(result)[..., 0] - lab(image)[..., 0]).mean() < 1e-3


def test_no_color_is_further_from_the_mean_than_the_style_allows():
    image = smooth(0)
    style = np.clip(0.5 + 0.1 * (smooth(1) - 0.5), 0, 1).astype(np.float32)
    length = np.linalg.norm(lab(limited(image, style))[..., 1:], axis=-1)
    style_length = np.linalg.norm(lab(style)[..., 1:], axis=-1)
    assert (
        length.max()
        < 3 * style_length.max()
        < np.linalg.norm(lab(image)[..., 1:], axis=-1).max()
    )


def test_colors_become_more_vivid_up_to_the_most_vivid_ones_of_the_style():
    image = np.clip(0.5 + 0.2 * (smooth(0) - 0.5), 0, 1).astype(np.float32)
    style = np.clip(0.5 + 0.6 * (smooth(1) - 0.5), 0, 1).astype(np.float32)
    plain, vivid = (lab(limited(image, style, vividness=v))[..., 1:] for v in (0, 0.5))
    peak = float(chroma.palette(tf.constant(style)).peak)
    before, after = (np.linalg.norm(each, axis=-1) for each in (plain, vivid))
    wanted = before * (1 + 0.5 * np.maximum(1 - before / peak, 0))
    np.testing.assert_allclose(after, wanted, atol=1e-3)
    assert after.mean() > 1.2 * before.mean()
    hues = np.sum(plain * vivid, -1) / (before * after + 1e-9)
    assert np.quantile(hues[before > 0.01], 0.01) > 0.999


def test_a_weight_of_0_leaves_a_palette_out():
    image, red, blue = smooth(0), smooth(1), smooth(2)
    both = limited(image, red, blue, weights=[1.0, 0.0])
    np.testing.assert_allclose(both, limited(image, red), atol=1e-6)


def test_weights_may_differ_from_pixel_to_pixel():
    image, red, blue = smooth(0), smooth(1), smooth(2)
    left = np.zeros((1, *WIDE, 1), np.float32)
    left[:, :, :256] = 1
    both = limited(image, red, blue, weights=[left, 1 - left])
    np.testing.assert_allclose(
        both[:, :, :230], limited(image, red)[:, :, :230], atol=1e-5
    )
    np.testing.assert_allclose(
        both[:, :, 282:], limited(image, blue)[:, :, 282:], atol=1e-5
    )


def test_a_periodic_picture_may_be_rolled_before_or_after():
    image, style = smooth(0), smooth(1)
    rolled = limited(np.roll(image, (17, 100), (1, 2)), style, periodic=True)
    again = np.roll(limited(image, style, periodic=True), (17, 100), (1, 2))
    np.testing.assert_allclose(rolled, again, atol=1e-5)


def test_a_larger_picture_becomes_the_same_larger():
    image, style = smooth(0), smooth(1)
    doubled = tf.image.resize(image, (80, 1024), method="bilinear").numpy()
    result = tf.image.resize(limited(doubled, style), WIDE, method="area").numpy()
    assert np.abs(result - limited(image, style)).mean() < 3e-3


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_of_one_color_stay_finite_and_themselves(value):
    flat = np.full((1, 90, 80, 3), value, np.float32)
    np.testing.assert_allclose(limited(flat, flat), flat, atol=2e-3)


def test_what_is_not_finite_stays_so():
    image = smooth(0)
    image[0, 20, 200] = np.nan
    result = limited(image, smooth(1))
    assert np.isnan(result[0, 20, 200]).all() and np.isfinite(result[0, 20, 300]).all()


def test_a_graph_computes_the_same():
    image, style = smooth(0), smooth(1)

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3]) for _ in range(2)])
    def both(image, style):
        return chroma.limit_chroma(image, [chroma.palette(style)])

    np.testing.assert_allclose(both(image, style), limited(image, style), atol=1e-4)
