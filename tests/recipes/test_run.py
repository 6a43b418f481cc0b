"""What `mix` and `dream` share, with real pictures."""

import numpy as np
import pytest
from PIL import Image

import vectormix_tf
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import results
from vectormix_tf.ops.border import PADDING
from vectormix_tf.recipes.dream import dream
from vectormix_tf.recipes.mix import mix

QUICK = {"size": 120, "steps": 3, "on_progress": None}
LIGHT = {"f1": "mixed0", "f2": "conv2b,mixed0"}  # few layers, for mixes


def test_a_result_keeps_the_transparency_of_its_picture(photo, painting):
    picture = np.asarray(Image.open(photo).convert("RGBA").resize((120, 80))).copy()
    picture[:, :60, 3] = 0
    for result in (
        mix(picture, painting, **LIGHT, **QUICK),
        dream(picture, octaves=1, **QUICK),
    ):
        assert result.transparency.shape == (80, 120, 1)
        assert result.pil.mode == "RGBA"
        assert result.transparency[:, :55].max() < 0.02
        assert result.transparency[:, 65:].min() > 0.98


@pytest.mark.parametrize(
    ("losses", "text"),
    [([1.0, 0.25], "2 steps, losses {'content': 0.25}"), ([], "0 steps, losses {}")],
)
def test_the_repr_of_a_result_is_one_line_even_without_steps(losses, text):
    image, losses = np.zeros([1, 4, 6, 3], np.float32), {"content": np.array(losses)}
    result = results.PictureResult(x=image, losses=losses, seconds=1.0, finished=True)
    assert repr(result) == f"<6 x 4 pixels, {text}>"


def test_a_result_shows_and_saves_itself(photo, painting, tmp_path):
    result = mix(photo, painting, **LIGHT, **QUICK)
    assert result.pil.size == (120, 80)
    assert result._repr_png_().startswith(b"\x89PNG")
    path = tmp_path / "mix.png"
    result.save(path)
    np.testing.assert_array_equal(Image.open(path), result.pil)
    with pytest.raises(InputError, match="exists"):
        result.save(path)
    result.save(path, depth=16, overwrite=True)


def test_saving_as_jpeg_warns_of_lost_transparency(photo, painting, tmp_path):
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
    result = mix(picture, painting, octaves=2, octave_scale=1.3, **LIGHT, **options)
    assert not result.finished
    assert result.image.shape == (77, 115, 3)
    assert result.transparency.shape == (77, 115, 1)
    assert len(result.losses["style"]) == 2


def test_a_progress_bar_is_shown_by_default(photo, painting, capsys):
    mix(photo, painting, size=120, steps=2, **LIGHT)
    assert "octave 1/1 step 2/2: loss" in capsys.readouterr().err
    mix(photo, painting, **LIGHT, **QUICK)
    assert capsys.readouterr().err == ""


def test_octaves_are_weighted_by_the_time_they_take(photo, painting, monkeypatch):
    def ratio(tile):
        seen = []

        def optimize(problem, start, work, *_, **__):
            seen.extend(work)
            raise KeyboardInterrupt

        options = {"size": 480, "octaves": 2, "octave_scale": 2.0, "tile": tile}
        monkeypatch.setattr("vectormix_tf.recipes.run.optimize", optimize)
        with pytest.raises(KeyboardInterrupt):
            mix(photo, painting, on_progress=None, **options)
        small, large = seen
        return large / small

    assert 2 < ratio("off") < 4  # of 4 times the pixels; margins do not grow
    assert ratio(256) > ratio("off") * 1.5


def test_the_padding_is_wider_than_any_shift_of_a_mix():
    assert MixSettings().jitter < PADDING


def test_the_package_offers_its_recipes():
    assert vectormix_tf.mix is mix and vectormix_tf.dream is dream
