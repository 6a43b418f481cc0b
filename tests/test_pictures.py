"""What all recipes for pictures share, with real pictures."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage

import vectormix_tf
from vectormix_tf import pictures
from vectormix_tf.checks import InputError, Notice
from vectormix_tf.dreaming import dream
from vectormix_tf.frames import MARGIN
from vectormix_tf.mixing import mix
from vectormix_tf.settings import MixSettings

QUICK = {"size": 120, "steps": 3, "on_progress": None}


def test_alpha_comes_back(photo, painting):
    picture = np.asarray(Image.open(photo).convert("RGBA").resize((120, 80))).copy()
    picture[:, :60, 3] = 0
    for result in (
        mix(picture, painting, **QUICK),
        dream(picture, octaves=1, **QUICK),
    ):
        assert result.alpha.shape == (1, 80, 120, 1)
        assert result.pil.mode == "RGBA"
        assert (
            result.alpha[0, :, :55].max() < 0.02 < 0.98 < result.alpha[0, :, 65:].min()
        )


def test_a_result_shows_and_saves_itself(photo, painting, tmp_path):
    result = mix(photo, painting, **QUICK)
    assert result.pil.size == (120, 80)
    assert result._repr_png_().startswith(b"\x89PNG")
    path = tmp_path / "mix.png"
    result.save(path)
    np.testing.assert_array_equal(Image.open(path), result.pil)
    with pytest.raises(InputError, match="exists"):
        result.save(path)
    result.save(path, depth=16, overwrite=True)


def test_jpeg_says_that_it_has_no_transparency(photo, painting, tmp_path):
    picture = np.asarray(Image.open(photo).convert("RGBA")).copy()
    picture[:99, :, 3] = 0
    result = dream(picture, octaves=1, **QUICK)
    with pytest.warns(Notice, match="JPEG has no transparency"):
        result.save(tmp_path / "dream.jpg")


def test_ctrl_c_in_a_coarse_octave_gives_the_picture_so_far(photo, painting):
    picture = np.asarray(Image.open(photo).convert("RGBA")).copy()
    picture[:99, :, 3] = 0

    def interrupt(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    options = QUICK | {"size": 150, "on_progress": interrupt, "pause_every": 2}
    result = mix(picture, painting, octaves=2, octave_scale=1.3, **options)
    assert not result.finished
    assert result.image.shape == (1, 77, 115, 3)
    assert result.alpha.shape == (1, 77, 115, 1)
    assert len(result.losses["style"]) == 2


def test_a_bar_is_shown_unless_told_otherwise(photo, painting, capsys):
    mix(photo, painting, size=120, steps=2)
    assert "octave 1/1 step 2/2: loss" in capsys.readouterr().err
    mix(photo, painting, **QUICK)
    assert capsys.readouterr().err == ""


def test_shifts_come_from_the_seed_and_begin_with_none():
    shifts = pictures.draw_views(3, 8, 5)
    assert shifts.shape == (8, 2) and shifts.dtype == np.int32
    assert not shifts[0].any() and np.abs(shifts).max() <= 5
    np.testing.assert_array_equal(shifts, pictures.draw_views(3, 8, 5))
    assert (shifts != pictures.draw_views(4, 8, 5)).any()
    np.testing.assert_array_equal(pictures.draw_views(3, 8, 0), [[0, 0]])


def test_the_frame_is_wider_than_any_shift_of_a_mix():
    assert MixSettings().jitter < MARGIN


def test_the_package_offers_its_recipes():
    assert vectormix_tf.mix is mix and vectormix_tf.dream is dream


# --- Views that lean ------------------------------------------------------------------


def seen(image, *view):
    return pictures._window(tf.constant(image), tf.constant(view)).numpy()


def noise(height, width, batch=1):
    drawn = np.random.default_rng(0).random([batch, height, width, 3])
    return drawn.astype(np.float32)


def test_views_that_lean_have_the_shifts_of_those_that_do_not():
    plain, leaned = (pictures.draw_views(3, 64, 5, leans=x) for x in (None, (10, 20)))
    assert leaned.shape == (64, 6) and leaned.dtype == np.int32
    np.testing.assert_array_equal(leaned[:, :2], plain)
    np.testing.assert_array_equal(leaned[0], [0, 0, 0, 0, 100, 0])
    assert not leaned[:, 2:4].any()
    for numbers, middle, most in ((leaned[:, 4], 100, 10), (leaned[:, 5], 0, 20)):
        assert np.abs(numbers - middle).max() == most and len(set(numbers)) > 10
    flipped = pictures.draw_views(3, 64, 5, True, (10, 20))
    np.testing.assert_array_equal(flipped[:, :4], pictures.draw_views(3, 64, 5, True))


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
        x = pictures._window(image, tf.constant([0, 0, 0, 0, 110, 90]))
        loss = tf.reduce_sum(x[:, 3:5, 9:11])  # above the middle: from its right
    gradient = np.abs(tape.gradient(loss, image).numpy()).sum((0, 3))
    rows, columns = np.nonzero(gradient)
    assert 8 <= rows.min() <= rows.max() <= 11
    assert 13 <= columns.min() <= columns.max() <= 17
