"""A result shows a picture as users pass pictures, and goes back in as it came out."""

import dataclasses

import numpy as np
import pytest
from mistakes import refusal
from PIL import Image

from vectormix_tf.errors import Notice
from vectormix_tf.io import images
from vectormix_tf.io.results import PictureResult


def result(transparency=None, height=6, width=9):
    levels = np.random.default_rng(3).integers(0, 256, [1, height, width, 3])
    return PictureResult(
        x=np.float32(levels / 255),
        losses={"style": np.array([2.0, 1.0])},
        seconds=0.5,
        finished=True,
        transparency=transparency,
    )


def test_the_image_is_x_without_its_first_axis():
    made = result()
    assert made.image.shape == (6, 9, 3) and made.transparency is None
    np.testing.assert_array_equal(made.image, made.x[0])
    assert repr(made) == "<9 x 6 pixels, 2 steps, losses {'style': 1.0}>"


def test_an_image_is_read_with_and_without_the_first_axis():
    made = result()
    for array in (made.image, made.x):
        np.testing.assert_array_equal(images.read(array).pixels, made.x)


def test_pil_and_files_hold_the_levels_of_the_image(tmp_path):
    made = result()
    levels = np.rint(made.image * 255)
    np.testing.assert_array_equal(np.asarray(made.pil), levels)
    for depth in (8, 16):
        made.save(tmp_path / "out.png", depth, overwrite=True)
        back = images.read(tmp_path / "out.png").pixels[0]
        np.testing.assert_allclose(back, made.image, atol=1e-6)
    assert "set `overwrite`" in refusal(made.save, tmp_path / "out.png")


def test_transparency_is_1_where_opaque_and_goes_into_files_that_have_it(tmp_path):
    cover = np.ones([6, 9, 1], np.float32)
    cover[:2] = 0
    made = result(cover)
    assert made.pil.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(made.pil)[..., 3:], cover * 255)
    made.save(tmp_path / "out.webp")
    with pytest.warns(Notice, match="JPEG has no transparency"):
        made.save(tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as laid:
        assert np.asarray(laid)[0].min() > 200


def test_settings_are_whatever_the_run_had():
    assert result().settings is None
    assert dataclasses.replace(result(), settings={"seed": 3}).settings == {"seed": 3}


def test_a_pillow_image_has_the_pixels_of_the_file_and_no_limit(monkeypatch, tmp_path):
    drawn = np.random.default_rng(0)
    made = PictureResult(
        x=drawn.random([1, 30, 40, 3], np.float32),
        losses={},
        seconds=1.0,
        finished=True,
        transparency=drawn.random([30, 40, 1], np.float32),
    )
    made.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as opened:
        wanted, profile = np.asarray(opened), opened.info["icc_profile"]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    assert made.pil.mode == "RGBA" and made.pil.info["icc_profile"] == profile
    np.testing.assert_array_equal(np.asarray(made.pil), wanted)
