"""Optical flow: moves that are known, what is uncovered, and the warping error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal
from PIL import Image

from vectormix_tf.filters import flow

SIZE = 96, 128  # height, width


@pytest.fixture(scope="module")
def wide(photo):
    """A photograph that is larger than a frame, float32 in [0, 255]."""
    picture = Image.open(photo).convert("RGB").resize((192, 160))
    return np.float32(picture)


def seen(wide, right=0, down=0):
    """What a camera sees that has moved so far, uint8."""
    rows, columns = (
        slice(20 + n, 20 + n + side) for n, side in ((down, 96), (right, 128))
    )
    return np.uint8(wide[rows, columns])


def test_a_flow_points_to_where_pixels_were(wide):
    now, before = seen(wide, right=6, down=-3), seen(wide)
    found = flow.flow(now, before)[16:-16, 16:-16]
    assert np.abs(np.median(found, axis=(0, 1)) - [6, -3]).max() < 0.25


def test_a_frame_that_moved_back_is_the_one_before(wide):
    now, before = seen(wide, right=5, down=4), seen(wide)
    motion = flow.motion(now, before)
    moved = flow.warp(np.float32(before), motion.flow)
    sure = motion.weights > 0.99
    assert sure.mean() > 0.6
    assert (
        np.abs(moved - now)[sure].mean() < 3 < np.abs(np.float32(before) - now).mean()
    )


@settings(max_examples=25)
@given(st.integers(-7, 7), st.integers(-7, 7), st.integers(1, 4))
def test_warping_takes_each_pixel_from_where_its_flow_points(right, down, channels):
    image = np.random.default_rng(0).random((24, 30, channels), np.float32)
    moved = flow.warp(image, np.full([24, 30, 2], [right, down], np.float32))
    inner = moved.reshape(image.shape)[8:-8, 8:-8]
    wanted = np.roll(image, (-down, -right), (0, 1))[8:-8, 8:-8]
    np.testing.assert_allclose(inner, wanted, atol=1e-6)


def test_warping_stays_in_the_range_of_the_image():
    edge = np.zeros([20, 20, 3], np.float32)
    edge[:, 10:] = 1
    moved = flow.warp(edge, np.full([20, 20, 2], 0.5, np.float32))
    assert moved.min() == 0 and moved.max() == 1  # a bicubic filter overshoots


def test_a_frame_of_itself_is_consistent_everywhere_but_at_no_border(wide):
    motion = flow.motion(seen(wide), seen(wide))
    np.testing.assert_allclose(motion.flow, 0, atol=1e-3)
    np.testing.assert_array_equal(motion.weights, 1)


def still(flow):
    return np.zeros([40, 40, 2], np.float32) + np.float32(flow)


def test_what_leaves_the_frame_has_no_weight():
    weights = flow.consistency(still([5.5, 0]), still([-5.5, 0]))
    np.testing.assert_array_equal(weights[:, :34], 1)
    np.testing.assert_array_equal(weights[:, 34:], 0)  # beyond column 39


def test_what_does_not_come_back_has_no_weight():
    """Ruder et al., equation 5: |w + w'|^2 > 0.01 (|w|^2 + |w'|^2) + 0.5."""
    for apart, trusted in ((0.7, 1), (0.8, 0)):  # 0.01 * (2 + ...) + 0.5 = 0.52...
        weights = flow.consistency(still([1, 0]), still([-1 + apart, 0]))
        np.testing.assert_array_equal(weights[5:-5, 5:-5], trusted)


def test_the_boundary_of_a_motion_has_no_weight():
    """Equation 6: |grad w|^2 > 0.01 |w|^2 + 0.002, also where both ways agree."""
    for slope, trusted in ((0.04, 1), (0.06, 0)):
        back = still([0, 0])
        back[..., 1] = slope * np.arange(40)  # the further right, the further down
        weights = flow.consistency(back, -back)
        # In column 2 the square of the slope may be 0.002 + 0.01 (2 slope)^2.
        np.testing.assert_array_equal(weights[:35, 2], trusted)


def test_an_uncovered_place_is_not_held(wide):
    before, now = seen(wide), seen(wide)
    before[30:60, 20:50] = now[30:60, 50:80] = [250, 30, 30]  # a square moves by 30
    weights = flow.motion(now, before).weights
    assert weights[38:52, 28:42].mean() < 0.1  # what it has uncovered
    assert weights[:, 100:].mean() > 0.9


def test_a_flat_surrounding_is_not_dragged_along():
    """A textured square moves over a plain: beside it the plain stands still."""
    square = np.random.default_rng(0).integers(0, 255, [40, 40, 3], np.uint8)
    before, now = (np.full([120, 160, 3], 140, np.uint8) for _ in range(2))
    before[40:80, 40:80] = now[40:80, 46:86] = square
    motion = flow.motion(now, before)
    beside = np.s_[36:84, 90:104]
    assert motion.weights[beside].mean() > 0.8
    assert np.abs(motion.flow[beside]).mean() < 2.5


def test_what_flashes_is_not_held(wide):
    before = seen(wide)
    now = np.uint8(np.minimum(255, np.float32(before) + 80))
    assert flow.motion(now, before).weights.mean() < 0.1
    dimmed = np.uint8(np.float32(before) * 0.98)
    assert flow.motion(dimmed, before).weights.mean() > 0.9


def test_weights_are_soft_and_do_not_reach_beyond_what_is_consistent(wide):
    before, now = seen(wide), seen(wide)
    now[30:60, 50:80] = [250, 30, 30]
    weights = flow.motion(now, before).weights
    assert weights.min() >= 0 and weights.max() <= 1
    assert ((weights > 0.05) & (weights < 0.95)).any()
    assert weights[33:57, 53:77].mean() < 0.02


def test_the_warping_error_is_a_weighted_mean_of_squares():
    before = np.random.default_rng(1).random((10, 12, 3), np.float32)
    weights = np.random.default_rng(2).random((10, 12), np.float32)
    now = before + np.float32(0.1) * (np.arange(12) < 6)[None, :, None]
    error = flow.warping_error(now, before, still([0, 0])[:10, :12], weights)
    wanted = 0.01 * weights[:, :6].sum() / weights.sum()
    assert error == pytest.approx(wanted, rel=1e-4)
    assert flow.warping_error(now, before, still([0, 0])[:10, :12], 0 * weights) == 0


def test_without_opencv_one_line_says_what_to_install(monkeypatch):
    flow.check_opencv()
    monkeypatch.setattr(flow.importlib.util, "find_spec", lambda name: None)
    assert "vectormix_tf[film]" in refusal(flow.check_opencv)
