"""Squares of photographs, and crops of them."""

import os
import warnings

import numpy as np
import pytest
from mistakes import refusal
from PIL import Image
from teaching_toy import noise_photographs

from vectormix_tf.errors import Notice
from vectormix_tf.teaching import photographs
from vectormix_tf.teaching.photographs import Draw, crop_matrices


@pytest.fixture
def folder(tmp_path):
    """Nine pictures in two folders; three files that are none."""
    for i in range(9):
        place = tmp_path / ("a" if i % 2 else "b/deep")
        place.mkdir(parents=True, exist_ok=True)
        color = Image.new("RGB", (30 + i, 20), (20 * i, 100, 200))
        color.save(place / f"{i}.png")
    (tmp_path / "a/._1.png").write_bytes(b"of macOS")
    (tmp_path / "a/.thumbnails").mkdir()
    color.save(tmp_path / "a/.thumbnails/1.png")
    (tmp_path / "a/notes.txt").write_bytes(b"text")
    return tmp_path


def test_all_pictures_of_a_folder_and_those_below_it_are_squares(folder):
    paths = photographs.find(str(folder))
    assert paths == sorted(paths) and len(paths) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = photographs.read(str(folder), paths, 16, 10**6)
    assert read.squares.shape == (9, 3, 16, 16) and read.squares.dtype == np.uint8
    numbers = [int(os.path.basename(path)[0]) for path in paths]
    for square, aspect, i in zip(*read, numbers, strict=True):
        assert aspect == pytest.approx((30 + i) / 20)
        assert (square == np.array([20 * i, 100, 200])[:, None, None]).all()


def test_pictures_that_cannot_be_read_are_left_out_with_one_notice(folder):
    (folder / "broken.jpg").write_bytes(b"broken")
    (folder / "text.png").write_bytes(b"text" * 99)
    paths = photographs.find(str(folder))
    with pytest.warns(Notice) as caught:
        read = photographs.read(str(folder), paths, 16, 10**6)
    (notice,) = caught
    assert "2 of 11 pictures are left out" in str(notice.message)
    assert "broken.jpg" in str(notice.message)
    assert len(read.squares) == len(read.aspects) == 9


def test_too_few_pictures_are_one_line_that_says_why(folder):
    assert "no folder" in refusal(photographs.find, str(folder / "no"))
    few = refusal(photographs.find, str(folder / "a"))
    assert "4 pictures in" in few and "needs 8" in few
    paths = photographs.find(str(folder))
    large = refusal(photographs.read, str(folder), paths, 16, 10)
    assert "0 pictures" in large and "max_pixels" in large


def drawn(**changes):
    """A draw of one crop: the whole square as it is."""
    whole = {"which": np.zeros(1, int), "scale": np.ones((1, 2))}
    whole |= {"offset": np.zeros((1, 2)), "gain": 1, "shift": 0, "blend": 0}
    return Draw(**whole | changes)


def crop(square, draw, size):
    rows, columns = crop_matrices(draw, square.shape[-1], size)
    return rows[0] @ square @ columns[0].T


def test_a_whole_crop_is_the_square_and_smaller_ones_are_means():
    square = np.random.default_rng(0).random((12, 12))
    # Read twice within each pixel: the same where a pixel and its neighbors are alike.
    coarse = square.repeat(8, 0).repeat(8, 1)
    near = crop(coarse, drawn(), 96)
    np.testing.assert_allclose(near[3::8, 3::8], square, rtol=1e-5)
    pairs = square.reshape(6, 2, 6, 2).mean((1, 3))
    np.testing.assert_allclose(crop(square, drawn(), 6), pairs, rtol=1e-5)


def test_a_crop_is_cut_where_the_draw_says_and_mirrored():
    square = np.arange(16.0)[:, None] * 100 + np.arange(16)
    half = drawn(scale=np.array([[0.5, -0.25]]), offset=np.array([[-0.5, 0.75]]))
    cut = crop(square, half, 4)
    # The upper half, and the last quarter from right to left; 2 rows a pixel.
    rows, columns = np.array([0.5, 2.5, 4.5, 6.5]), np.array([15, 14, 13, 12])
    # The last column is read beyond the square's end, where its last pixel goes on.
    expected = rows[:, None] * 100 + columns
    np.testing.assert_allclose(cut[:, 1:], expected[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(cut[:, 0], expected[:, 0] - 0.125, rtol=1e-5)


def test_draws_stay_within_the_photograph_and_keep_its_aspect():
    photos = noise_photographs()
    draw = photos.draw(4000, np.random.default_rng(0))
    assert (np.abs(draw.scale) + np.abs(draw.offset) <= 1 + 1e-6).all()
    # In units of the photograph's short side.
    sides = np.stack([1 / photos.aspects, photos.aspects], -1).clip(min=1)
    height, width = np.abs(draw.scale * sides[draw.which]).T
    inside = (np.abs(draw.scale) < 0.999).all(1)
    assert np.abs(np.log(width / height)[inside]).max() <= 0.4 + 1e-5
    assert height.min() >= 0.42 * np.exp(-0.2) - 1e-6 and height.max() > 0.95
    for share, part in (
        (draw.scale[:, 1] < 0, 0.5),
        (draw.gain != 1, 0.5),
        ((draw.shift != 0).any(-1), 0.5),
        (draw.blend > 0, 0.25),
    ):
        assert np.mean(share) == pytest.approx(part, abs=0.03)
    assert set(draw.which) == set(range(8))


def test_the_same_seed_draws_the_same_crops():
    one, same, other = (
        noise_photographs().draw(5, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert all(map(np.array_equal, one, same))
    assert not np.array_equal(one.scale, other.scale)
