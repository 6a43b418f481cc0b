"""Pieces: which cells are matched, how they are laid, what texture they leave."""

import numpy as np
import pytest
from scipy import ndimage

from vectormix_tf.filters import pieces
from vectormix_tf.filters.pieces import (
    FADE,
    Layout,
    Pieces,
    _blurred,
    lay,
    match,
    textured,
)


def features(height, width, seed=0):
    """Features [height, width, 16] of which no two are alike."""
    return np.random.default_rng(seed).normal(size=(height, width, 16))


def test_a_part_of_a_painting_finds_itself():
    style = features(9, 12)
    style_number, row, column = match(style[2:8, 3:], [style])
    np.testing.assert_array_equal(style_number, 0)
    np.testing.assert_array_equal(row, np.arange(2, 8)[:, None] + np.zeros([1, 9]))
    np.testing.assert_array_equal(column, np.arange(3, 12) + np.zeros([6, 1]))


def test_no_cell_is_used_much_more_than_its_share():
    content = np.ones([20, 20, 16]) + 1e-3 * features(20, 20)
    style = features(10, 10, 1)
    _, row, column = match(content, [style])
    used = np.bincount((row * 10 + column).ravel(), minlength=100)
    assert used.max() <= 4 * (400 / 100)


def test_pieces_continue_those_beside_them():
    _, row, column = match(features(20, 20), [features(22, 22, 1)])
    along = (row[:, 1:] == row[:, :-1]) & (column[:, 1:] == column[:, :-1] + 1)
    assert along.mean() > 0.4  # by chance 1 / 484


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_styles_get_as_many_cells_as_their_shares_say(share):
    styles = [features(18, 14, 1), features(12, 20, 2)]
    number, *_ = match(features(20, 20), styles, [share, 1 - share])
    assert np.mean(number == 0) == pytest.approx(share, abs=0.12)


def test_a_style_is_used_where_it_applies_and_one_of_share_0_nowhere():
    left = np.zeros([10, 10])
    left[:, :4] = 1
    styles = [features(8, 8, seed) for seed in (1, 2, 3)]
    applied = [left, np.ones([10, 10]), 1 - left]
    number, *_ = match(features(10, 10), styles, [0.5, 0.0, 0.5], applied)
    np.testing.assert_array_equal(number, np.where(left == 1, 0, 2))


def test_the_pieces_of_a_painting_in_their_order_are_the_painting():
    painting = np.random.default_rng(0).random((40, 56, 3), np.float32)
    layout = Layout((40, 56), (3.5, 3.5), (8.0, 8.0))
    row, column = np.indices([5, 7])
    laid = lay(Pieces(0 * row, row, column), layout, [painting], [layout])
    np.testing.assert_allclose(laid, painting, atol=1e-6)


def test_each_pixel_is_the_weighted_mean_of_the_pieces_around_it():
    random = np.random.default_rng(1)
    styles = [random.random((32, 48, 2)), random.random((64, 24, 2))]
    layouts = [
        Layout((32, 48), (-1.0, 2.0), (6.0, 9.0)),
        Layout((64, 24), (4.0, 1.0), (7.0, 5.0)),
    ]
    own = Layout((30, 40), (3.0, 1.5), (7.5, 8.0))
    number = random.integers(0, 2, (4, 5))
    row, column = random.integers(0, 4, (4, 5)), random.integers(0, 4, (4, 5))
    laid = lay(Pieces(number, row, column), own, styles, layouts)
    for y, x in ((0, 0), (11, 17), (29, 39), (15, 2)):
        place = (y - 3.0) / 7.5, (x - 1.5) / 8.0
        total, weights = 0.0, 0.0
        for i in range(-1, 2):
            for j in range(-1, 2):
                k, m = round(place[0]) + i, round(place[1]) + j
                weight = np.exp(-((place[0] - k) ** 2) / (2 * FADE**2))
                weight *= np.exp(-((place[1] - m) ** 2) / (2 * FADE**2))
                k, m = np.clip(k, 0, 3), np.clip(m, 0, 4)
                style, there = styles[number[k, m]], layouts[number[k, m]]
                down = there.first[0] + there.step[0] * row[k, m] - (3.0 + 7.5 * k)
                right = there.first[1] + there.step[1] * column[k, m] - (1.5 + 8 * m)
                at = y + round(down), x + round(right)
                mirrored = [
                    min(n % (2 * side), 2 * side - 1 - n % (2 * side))
                    for n, side in zip(at, style.shape, strict=False)
                ]
                total, weights = total + weight * style[*mirrored], weights + weight
        np.testing.assert_allclose(laid[y, x], total / weights, rtol=1e-5)


@pytest.mark.parametrize("sigma", [1.5, 5.0, 13.0])
def test_a_blur_is_scipys(sigma):
    plane = np.random.default_rng(0).random((60, 81), np.float32)
    expected = ndimage.gaussian_filter(np.float64(plane), sigma, mode="reflect")
    middle = slice(4, -4)  # beyond the third standard deviation it is periodic
    np.testing.assert_allclose(
        _blurred(plane, sigma)[middle, middle], expected[middle, middle], atol=0.006
    )


def smooth(height, width, sigma, spread, seed):
    """Noise of one grain, [height, width]."""
    plane = np.random.default_rng(seed).normal(size=(height, width))
    plane = ndimage.gaussian_filter(plane, sigma, mode="wrap")
    return np.float32(0.5 + spread * plane / plane.std())


def gray(plane):
    return np.stack([plane, 0 * plane, 0 * plane], axis=-1)


def test_a_picture_at_alpha_1_is_left_as_it_is():
    image = gray(smooth(64, 80, 3, 0.1, 0))
    laid = gray(smooth(64, 80, 1, 0.2, 1))
    made = textured(image, laid, [laid[..., 0]], [1.0], alpha=1.0)
    np.testing.assert_allclose(made, image, atol=1e-5)


def test_texture_has_the_contrast_of_paintings_and_layout_is_kept():
    image = gray(smooth(256, 512, 40, 0.1, 0))
    laid = gray(smooth(256, 512, 2, 0.05, 1))
    painting = smooth(300, 400, 2, 0.08, 2)
    made = textured(image, laid, [painting], [1.0], alpha=0.5)[..., 0]
    fine = made - ndimage.gaussian_filter(made, 8)
    assert fine.std() == pytest.approx(0.08, rel=0.15)
    there, before = (
        ndimage.gaussian_filter(each, 24) for each in (made, image[..., 0])
    )
    assert np.corrcoef(there.ravel(), before.ravel())[0, 1] > 0.98


def test_strong_edges_are_spared(monkeypatch):
    monkeypatch.setattr(pieces, "LEAST_GAIN", 1.0)
    monkeypatch.setattr(pieces, "MOST_GAIN", 1.0)
    image = np.full([128, 256], 0.3, np.float32)
    image[:, 128:] = 0.8
    laid = gray(smooth(128, 256, 1, 0.05, 1))
    made = textured(gray(image), laid, [image], [1.0], alpha=0.5)[..., 0]
    added = made - image
    assert added[:, 124:132].std() < 0.5 * added[:, 20:100].std()


def test_larger_strokes_bring_coarser_texture():
    image, laid = (
        gray(np.full([128, 512], 0.5, np.float32)),
        smooth(128, 512, 12, 0.1, 0),
    )
    usual, large = (
        textured(image, gray(laid), [laid], [1.0], 0.5, strokes) for strokes in (1, 2)
    )
    assert large[..., 0].std() > 1.2 * usual[..., 0].std()
