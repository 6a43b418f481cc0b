"""Drawings by transparency alone, and styles in which nothing is drawn."""

import warnings

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.errors import Notice
from vectormix_tf.io import drawings, images
from vectormix_tf.io.masks import read_mask


def ink(color, size=40, most=255):
    """A disk with a soft edge in one color, also where it is clear: [H, W, 4]."""
    y, x = np.mgrid[:size, :size] - size / 2
    cover = np.clip(size / 4 - np.hypot(x, y), 0, 1) * most
    return np.dstack([np.full([size, size, 3], color), cover]).astype(np.uint8)


def notice(call, *arguments):
    """What a call returns, and the text of its only notice."""
    with pytest.warns(Notice) as told:
        found = call(*arguments)
    (text,) = (str(each.message) for each in told)
    assert len(text.splitlines()) == 1
    return found, text


def told(source, *numbers):
    """Reads a style and tells if it is flat."""
    drawings.tell_if_flat(drawings.read_style(source, 10**6, *numbers))


@pytest.mark.parametrize(
    "color, ground",
    [
        ((0, 0, 0), "white"),
        ((200, 30, 20), "white"),
        ((20, 40, 220), "white"),
        ((120, 120, 120), "white"),
        ((255, 255, 255), "black"),
        ((250, 240, 60), "black"),
    ],
)
def test_ink_on_transparency_is_laid_on_what_it_stands_out_from(
    color, ground, tmp_path
):
    path = tmp_path / "ink.png"
    Image.fromarray(ink(color)).save(path)
    picture, text = notice(drawings.read, path, 10**6, "content picture")
    with Image.open(path) as opened:
        paper = Image.new("RGBA", opened.size, ground)
        expected = np.asarray(Image.alpha_composite(paper, opened).convert("RGB"))
    assert picture.transparency is None
    np.testing.assert_allclose(picture.pixels[0], expected / 255, atol=1.01 / 255)
    assert text == (
        f"the content picture `{path}` has one color, and only its transparency draws"
        f" shapes; it is laid on {ground}."
    )


def test_colors_that_premultiplying_has_rounded_are_one():
    color, cover = np.array([0.3, 0.55, 0.8]), ink(0)[..., 3:] / 255
    stored = np.rint(255 * color * cover) / 255
    pixels = np.divide(stored, cover, where=cover > 0, out=np.zeros_like(stored))
    picture = images.Picture(np.float32(pixels)[None], np.float32(cover)[None])
    assert drawings.is_flat(picture)
    assert notice(drawings.read, picture)[0].transparency is None


def test_a_picture_with_colors_keeps_its_transparency(photo):
    with Image.open(photo) as opened:
        colors = np.asarray(opened.convert("RGB").resize((40, 40)))
    source = np.dstack([colors, ink(0)[..., 3]])
    found, plain = drawings.read(source), images.read(source)
    np.testing.assert_array_equal(found.pixels, plain.pixels)
    np.testing.assert_array_equal(found.transparency, plain.transparency)


def test_one_color_that_is_equally_transparent_everywhere_is_no_drawing():
    source = np.full([9, 9, 4], 80, np.uint8)
    assert drawings.read(source).transparency is not None
    assert "no texture" in notice(told, source)[1]


def test_a_mask_is_what_its_transparency_says():
    white = ink([255, 255, 255])
    found = read_mask(white, (40, 40), 10**6)
    np.testing.assert_array_equal(found[0, ..., 0], np.float32(white[..., 3]) / 255)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_style_of_one_color_up_to_rounding_is_told_by_its_name(level, tmp_path):
    drawn = np.random.default_rng(0).integers(0, level + 1, [30, 30, 3])
    path = tmp_path / "flat.png"
    Image.fromarray(np.uint8(120 + drawn)).save(path)
    text = notice(told, path)[1]
    assert text.startswith(f"the style picture `{path}` has one color and no texture;")
    text = notice(told, np.uint8(120 + drawn), 2, 3)[1]
    assert text.startswith("the style picture 2 has one color and no texture;")


def test_a_style_with_the_least_texture_is_not_told_of(photo):
    faint = np.full([30, 30, 3], 120, np.uint8)
    faint[10:20, 10:20] += 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told(faint)
        told(photo)
