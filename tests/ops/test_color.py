"""Colors, held against NumPy and published values."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.ops.color import (
    color_with,
    from_oklab,
    gray,
    hold_light,
    recolor,
    soften,
    to_oklab,
)

cases = settings(max_examples=50)
channel = st.floats(0, 1, width=32)
pixel = st.tuples(channel, channel, channel)


def one(color):
    return tf.constant(color, tf.float32, [1, 1, 1, 3])


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


def test_several_palettes_are_averaged_by_their_shares():
    image = tf.constant(picture(5, 0.2, 0.8))
    one, other = (tf.constant(picture(s, 0.35, 0.65)) for s in (6, 7))
    result = moments(recolor(image, [one, other], [1, 3]))
    goals = [(a + 3 * b) / 4 for a, b in zip(moments(one), moments(other), strict=True)]
    for ours, goal in zip(result, goals, strict=True):
        np.testing.assert_allclose(ours, goal, atol=2e-4)


def test_oklab_is_the_published_one():
    """Ottosson's values of sRGB white and red; red's agree with CSS Color 4."""
    for color, lab in {
        (1, 1, 1): (1, 0, 0),
        (1, 0, 0): (0.62796, 0.22486, 0.12585),
        (0, 0, 1): (0.45201, -0.03246, -0.31153),
        (0, 0, 0): (0, 0, 0),
    }.items():
        np.testing.assert_allclose(to_oklab(one(color))[0, 0, 0], lab, atol=1e-4)


@cases
@given(pixel)
def test_oklab_and_back_is_where_it_started(color):
    np.testing.assert_allclose(from_oklab(to_oklab(one(color))), one(color), atol=1e-4)


@cases
@given(pixel)
def test_gray_has_one_channel_s_worth_and_the_same_lightness(color):
    result = gray(one(color)).numpy()
    assert np.ptp(result) < 1e-4
    np.testing.assert_allclose(
        to_oklab(result)[..., 0], to_oklab(one(color))[..., 0], atol=1e-3
    )


@cases
@given(pixel, pixel)
def test_colors_change_and_lightness_stays(color, other):
    ours, image, reference = (
        np.asarray(to_oklab(x), np.float64).ravel()
        for x in (color_with(one(color), one(other)), one(color), one(other))
    )
    assert abs(ours[0] - image[0]) < 1.1e-2  # the cube root of what is rounded
    strength = np.hypot(*reference[1:])
    if strength > 0.02:  # the hue is the reference's, as strong as can be shown
        share = ours[1:] @ reference[1:] / strength**2
        assert -0.01 < share < 1.01
        np.testing.assert_allclose(ours[1:], share * reference[1:], atol=5e-3)


def test_a_picture_in_its_own_colors_keeps_them():
    image = tf.constant(picture(8, 0.0, 1.0))
    np.testing.assert_allclose(color_with(image, image), image, atol=1e-4)


def test_weights_say_whose_colors_are_matched():
    """The right half counts for nothing, so it may be anything."""
    image, palette = picture(9, 0.2, 0.8), picture(10, 0.35, 0.65)
    weights = np.zeros([1, 30, 40, 1], np.float32)
    weights[:, :, :20] = 0.5
    result = recolor(tf.constant(image), tf.constant(palette), weights=weights)
    for ours, goal in zip(moments(result[:, :, :20]), moments(palette), strict=True):
        np.testing.assert_allclose(ours, goal, atol=2e-4)


def test_light_is_held_where_it_counts():
    image, reference = picture(0, 0.1, 0.9), picture(1, 0.4, 0.7)
    weights = np.random.default_rng(2).random([1, 30, 40, 1]).astype(np.float32)
    for weigh in (None, weights):
        held = np.asarray(hold_light(image, reference, weigh))
        for channel in range(3):
            one, other = (
                (np.average(x, weights=weigh), np.average(x**2, weights=weigh))
                for x in (
                    held[..., channel:][..., :1],
                    reference[..., channel:][..., :1],
                )
            )
            np.testing.assert_allclose(one, other, atol=2e-3)


@cases
@given(st.lists(st.floats(-5, 6, width=32), min_size=2, max_size=30))
def test_softening_keeps_the_order_and_the_middle(values):
    values = np.sort(np.float32(values))
    soft = soften(tf.reshape(values, [1, 1, -1, 1])).numpy().ravel()
    assert soft.min() >= 0 and soft.max() <= 1
    assert (np.diff(soft) >= 0).all()
    middle = (values >= 0.04) & (values <= 0.96)
    np.testing.assert_allclose(soft[middle], values[middle], atol=1e-6)
    assert (soft[values < 0] < 0.04).all() and (soft[values > 1] > 0.96).all()
