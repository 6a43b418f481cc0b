"""Frames as bytes, and those between others: moved from both."""

import numpy as np
import pytest
from camera import apart, moving
from PIL import Image

from vectormix_tf.filters.frames import Past, between, in_size, to_bytes, to_floats


@pytest.fixture(scope="module")
def wide(photo):
    return Image.open(photo).convert("RGB").resize((160, 120), Image.Resampling.BOX)


def test_pixels_come_back_from_bytes():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    floats = to_floats(levels)
    assert floats.shape == (1, 16, 16, 3) and floats.dtype == np.float32
    np.testing.assert_array_equal(to_bytes(floats[0]), levels)
    np.testing.assert_array_equal(to_bytes(np.array([-0.1, 0.5, 1.2])), [0, 128, 255])
    assert in_size(levels, (8, 4)).shape == (8, 4, 3)


def test_a_frame_between_two_is_moved_from_both(wide):
    before, now, after = moving(wide, 5)[::2]
    marks = [to_bytes(np.float32(x) / 255 * 0.5) for x in (before, after)]
    pasts = [
        Past(x, x, mark, x) for x, mark in zip((before, after), marks, strict=True)
    ]
    found = between(now, *pasts, 0.5)
    inner = np.s_[8:-8, 12:-12]
    assert apart(found[inner], now[inner] / 2) < 3
    assert apart(found[inner], marks[0][inner]) > 5


def test_a_frame_between_is_that_of_the_end_that_it_is_at(wide):
    before, after = moving(wide, 2)
    pasts = [Past(*[each] * 4) for each in (before, after)]
    assert apart(between(before, *pasts, 0.0), before) < 0.5
    assert apart(between(after, *pasts, 1.0), after) < 0.5
