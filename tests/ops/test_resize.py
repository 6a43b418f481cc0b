"""Sizes, resizing and borders."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vectormix_tf.ops.border import crop_padding, pad
from vectormix_tf.ops.resize import cover, long_side, resize

cases = settings(max_examples=50)


def picture(height, width, seed=0):
    return np.random.default_rng(seed).random([1, height, width, 3]).astype(np.float32)


def test_resizing_is_pillows_lanczos():
    image = picture(40, 60)
    ours = resize(tf.constant(image), tf.constant([20, 30]))
    bands = [
        np.asarray(Image.fromarray(image[0, ..., i]).resize((30, 20), Image.LANCZOS))
        for i in range(3)
    ]
    np.testing.assert_allclose(ours[0], np.stack(bands, -1), atol=1e-3)


def test_resizing_to_the_same_size_changes_nothing():
    image = picture(9, 7)
    same = resize(tf.constant(image), tf.constant([9, 7]))
    np.testing.assert_allclose(same, image, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "length", "expected"),
    [((60, 30), 40, (40, 20)), ((30, 60), 90, (45, 90)), ((50, 50), 20, (20, 20))],
)
def test_the_long_side_is_met_and_the_aspect_kept(size, length, expected):
    image = long_side(tf.constant(picture(*size)), tf.constant(length))
    assert tuple(image.shape[1:3]) == expected


@pytest.mark.parametrize("size", [(20, 20), (8, 30), (30, 8), (50, 60)])
def test_cover_fills_any_size_from_the_middle(size):
    image = np.tile(np.linspace(0, 1, 31, dtype=np.float32)[:, None], [1, 1, 41, 3])
    image = image.reshape(1, 31, 41, 3)
    part = cover(tf.constant(image), tf.constant(size)).numpy()
    assert part.shape == (1, *size, 3)
    assert part[0, :, 0, 0].mean() == pytest.approx(0.5, abs=0.02)


@cases
@given(st.integers(5, 20), st.integers(5, 20), st.integers(1, 4))
def test_the_border_is_a_mirror_and_comes_off_again(height, width, sides):
    image = picture(height, width)
    padded = pad(tf.constant(image), sides)
    widths = [(0, 0), (sides, sides), (sides, sides), (0, 0)]
    np.testing.assert_array_equal(padded, np.pad(image, widths, mode="reflect"))
    np.testing.assert_array_equal(crop_padding(padded, sides), image)
