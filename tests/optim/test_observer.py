"""From where a picture is seen: views, tiles, masks."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.optim import observer


def test_shifts_come_from_the_seed_and_begin_with_none():
    shifts = observer.draw_views(3, 8, 5)
    assert shifts.shape == (8, 2) and shifts.dtype == np.int32
    assert not shifts[0].any() and np.abs(shifts).max() <= 5
    np.testing.assert_array_equal(shifts, observer.draw_views(3, 8, 5))
    assert (shifts != observer.draw_views(4, 8, 5)).any()
    np.testing.assert_array_equal(observer.draw_views(3, 8, 0), [[0, 0]])


# --- Views that lean ------------------------------------------------------------------


def seen(image, *view):
    return observer._window(tf.constant(image), tf.constant(view)).numpy()


def noise(height, width, batch=1):
    drawn = np.random.default_rng(0).random([batch, height, width, 3])
    return drawn.astype(np.float32)


def test_views_that_lean_have_the_shifts_of_those_that_do_not():
    plain, leaned = (observer.draw_views(3, 64, 5, leans=x) for x in (None, (10, 20)))
    assert leaned.shape == (64, 6) and leaned.dtype == np.int32
    np.testing.assert_array_equal(leaned[:, :2], plain)
    np.testing.assert_array_equal(leaned[0], [0, 0, 0, 0, 100, 0])
    assert not leaned[:, 2:4].any()
    for numbers, middle, most in ((leaned[:, 4], 100, 10), (leaned[:, 5], 0, 20)):
        assert np.abs(numbers - middle).max() == most and len(set(numbers)) > 10
    flipped = observer.draw_views(3, 64, 5, True, (10, 20))
    np.testing.assert_array_equal(flipped[:, :4], observer.draw_views(3, 64, 5, True))


def test_a_view_that_does_not_lean_is_the_image_itself():
    image = noise(9, 12)
    np.testing.assert_array_equal(seen(image, 0, 0, 0, 0, 100, 0), image)
    rolled = seen(image, 2, -1, 0, 0, 100, 0)
    np.testing.assert_array_equal(rolled, np.roll(image, [2, -1], [1, 2]))


@pytest.mark.parametrize("degrees, quarters", [(90, 1), (180, 2), (-90, -1)])
def test_a_quarter_turn_is_exact_and_leans_to_the_left(degrees, quarters):
    image = noise(11, 11, 2)
    turned = np.rot90(image, quarters, [1, 2])
    np.testing.assert_allclose(seen(image, 0, 0, 0, 0, 100, degrees), turned, atol=1e-4)


@pytest.mark.parametrize("percent, degrees", [(90, 0), (110, 7), (100, -10), (95, 10)])
def test_a_leaning_view_is_the_affine_map(percent, degrees):
    """Bilinear, about the middle; written again with SciPy."""
    image = noise(30, 41)
    angle, middle = np.deg2rad(degrees), np.array([14.5, 20])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    back = turn / (percent / 100)
    expected = [
        ndimage.affine_transform(plane, back, middle - back @ middle, order=1)
        for plane in image[0].transpose(2, 0, 1)
    ]
    inner = slice(6, -6)  # beyond, each fills what is outside in its own way
    result = seen(image, 0, 0, 0, 0, percent, degrees)[0].transpose(2, 0, 1)
    np.testing.assert_allclose(
        result[:, inner, inner], np.array(expected)[:, inner, inner], atol=1e-4
    )


def test_what_is_outside_of_a_leaning_view_is_reflected():
    flat = np.full([1, 20, 20, 3], 0.7, np.float32)
    np.testing.assert_allclose(seen(flat, 0, 0, 0, 0, 90, 10), flat, atol=1e-6)


def test_a_leaning_view_has_a_gradient():
    image = tf.constant(noise(20, 20))
    with tf.GradientTape() as tape:
        tape.watch(image)
        x = observer._window(image, tf.constant([0, 0, 0, 0, 110, 90]))
        loss = tf.reduce_sum(x[:, 3:5, 9:11])  # above the middle: from its right
    gradient = np.abs(tape.gradient(loss, image).numpy()).sum((0, 3))
    rows, columns = np.nonzero(gradient)
    assert 8 <= rows.min() <= rows.max() <= 11
    assert 13 <= columns.min() <= columns.max() <= 17
