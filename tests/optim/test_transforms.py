"""How an image is shifted, flipped, scaled and rotated, and how that is drawn."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.objectives.base import ARRANGEMENT
from vectormix_tf.optim.transforms import (
    NO_TRANSFORM,
    Transform,
    Transforms,
    draw_transforms,
)


def test_shifts_come_from_the_seed_and_begin_with_none():
    shifts = draw_transforms(3, 8, 5).shift
    assert shifts.shape == (8, 2) and shifts.dtype == np.int32
    assert not shifts[0].any() and np.abs(shifts).max() <= 5
    np.testing.assert_array_equal(shifts, draw_transforms(3, 8, 5).shift)
    assert (shifts != draw_transforms(4, 8, 5).shift).any()
    np.testing.assert_array_equal(draw_transforms(3, 8, 0).shift, [[0, 0]])


def test_what_a_seed_draws_stays_what_it_was():
    """Golden numbers: every seeded result depends on them."""
    drawn = draw_transforms(7, 6, 8, True, 10, 20)
    shifts = [[0, 0], [-2, 1], [-4, 4], [-8, 2], [6, -6], [-2, 3]]
    flips = [[0, 0], [1, 0], [0, 1], [1, 1], [0, 0], [1, 0]]
    np.testing.assert_array_equal(drawn.shift, shifts)
    np.testing.assert_array_equal(drawn.flip, flips)
    np.testing.assert_array_equal(drawn.percent, [100, 108, 91, 103, 95, 96])
    np.testing.assert_array_equal(drawn.degrees, [0, -10, -16, 11, 1, 15])


def test_a_graph_draws_the_same_shifts():
    @tf.function
    def draw(seed, jitter):
        drawn = draw_transforms(seed, 6, jitter, flips=True)
        assert isinstance(drawn.flip, np.ndarray)  # known without running the graph
        return drawn.shift

    shifts = draw(tf.constant(7), tf.constant(8))
    np.testing.assert_array_equal(shifts, draw_transforms(7, 6, 8, flips=True).shift)


def test_transforms_that_agree_in_the_fields_are_one_group():
    shift = np.array([[1, 2], [0, 0], [1, 2], [0, 0]], np.int32)
    flip = np.array([[0, 0], [0, 0], [1, 0], [0, 0]], np.int32)
    transforms = Transforms(shift, flip)
    for fields, count in (((), 1), (("flip",), 2), (("shift",), 2), (ARRANGEMENT, 3)):
        first, group = transforms.distinct(fields)
        assert len(first) == count and group.dtype == first.dtype == np.int32
        for name in {"shift", "flip"} & set(fields):
            field = getattr(transforms, name)
            np.testing.assert_array_equal(field[first[group]], field)


def test_shifts_that_a_graph_draws_are_all_taken_for_different():
    @tf.function
    def groups(seed):
        transforms = draw_transforms(seed, 6, tf.constant(1), flips=True)
        assert len(transforms.distinct(["flip"])[0]) == 4
        return transforms.distinct(ARRANGEMENT)

    first, group = groups(tf.constant(0))
    np.testing.assert_array_equal(first.numpy()[group], np.arange(6))


def test_an_arrangement_depends_on_every_field():
    assert ARRANGEMENT == Transform._fields == Transforms._fields


# --- Apply ----------------------------------------------------------------------------


def seen(image, shift=(0, 0), flip=None, percent=None, degrees=None):
    fields = [
        None if field is None else tf.constant(field)
        for field in (shift, flip, percent, degrees)
    ]
    return Transform(*fields).apply(tf.constant(image)).numpy()


def noise(height, width, batch=1):
    drawn = np.random.default_rng(0).random([batch, height, width, 3])
    return drawn.astype(np.float32)


def test_an_image_is_flipped_and_then_shifted():
    image = noise(5, 4)
    for axis, flip in ((1, (1, 0)), (2, (0, 1))):
        flipped = np.flip(image, axis)
        np.testing.assert_array_equal(seen(image, flip=flip), flipped)
        shifted = np.roll(flipped, [2, -1], [1, 2])
        np.testing.assert_array_equal(seen(image, (2, -1), flip), shifted)


def test_scales_and_rotations_leave_the_shifts_as_they_are():
    plain = draw_transforms(3, 64, 5)
    drawn = draw_transforms(3, 64, 5, percent=10, degrees=20)
    np.testing.assert_array_equal(drawn.shift, plain.shift)
    assert drawn.flip is None and drawn.percent[0] == 100 and drawn.degrees[0] == 0
    for numbers, middle, most in ((drawn.percent, 100, 10), (drawn.degrees, 0, 20)):
        assert numbers.shape == (64,) and numbers.dtype == np.int32
        assert np.abs(numbers - middle).max() == most and len(set(numbers)) > 10
    flipped = draw_transforms(3, 64, 5, True, 10, 20)
    np.testing.assert_array_equal(flipped.shift, plain.shift)
    np.testing.assert_array_equal(flipped.flip, draw_transforms(3, 64, 5, True).flip)


def test_no_scale_and_no_rotation_are_the_image_itself():
    image = noise(9, 12)
    np.testing.assert_array_equal(seen(image, (0, 0), (0, 0), 100, 0), image)
    np.testing.assert_array_equal(NO_TRANSFORM.at(0).apply(image), image)
    rolled = seen(image, (2, -1), (0, 0), 100, 0)
    np.testing.assert_array_equal(rolled, np.roll(image, [2, -1], [1, 2]))


@pytest.mark.parametrize("degrees, quarters", [(90, 1), (180, 2), (-90, -1)])
def test_a_quarter_turn_is_exact_and_counterclockwise(degrees, quarters):
    image = noise(11, 11, 2)
    turned = np.rot90(image, quarters, [1, 2])
    for percent in (None, 100):
        result = seen(image, percent=percent, degrees=degrees)
        np.testing.assert_allclose(result, turned, atol=1e-4)


@pytest.mark.parametrize("percent, degrees", [(90, 0), (110, 7), (100, -10), (95, 10)])
def test_scale_and_rotation_are_the_affine_map(percent, degrees):
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
    result = seen(image, percent=percent, degrees=degrees)[0].transpose(2, 0, 1)
    np.testing.assert_allclose(
        result[:, inner, inner], np.array(expected)[:, inner, inner], atol=1e-4
    )


def test_what_is_beyond_a_scaled_or_rotated_image_is_reflected():
    flat = np.full([1, 20, 20, 3], 0.7, np.float32)
    np.testing.assert_allclose(seen(flat, percent=90, degrees=10), flat, atol=1e-6)


def test_scale_and_rotation_have_a_gradient():
    image = tf.constant(noise(20, 20))
    transform = Transform(tf.zeros([2], tf.int32), percent=110, degrees=90)
    with tf.GradientTape() as tape:
        tape.watch(image)
        x = transform.apply(image)
        loss = tf.reduce_sum(x[:, 3:5, 9:11])  # above the middle: from its right
    gradient = np.abs(tape.gradient(loss, image).numpy()).sum((0, 3))
    rows, columns = np.nonzero(gradient)
    assert 8 <= rows.min() <= rows.max() <= 11
    assert 13 <= columns.min() <= columns.max() <= 17
