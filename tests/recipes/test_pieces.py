"""Mixes in one pass: what `init="pieces"` and 0 steps make, and what they refuse."""

import numpy as np
import pytest
from mistakes import refusal
from PIL import Image
from scipy import ndimage

from vectormix_tf.errors import InputError
from vectormix_tf.filters.color import to_oklab
from vectormix_tf.filters.preview import preview
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.recipes.mix import mix
from vectormix_tf.recipes.sweep import sweep

INSTANT = {"preset": "instant", "size": 160, "on_progress": None}


@pytest.fixture(scope="module")
def instant(photo, painting):
    return mix(photo, painting, **INSTANT)


def fine(image):
    """Lightness without what is coarser than a brush."""
    lightness = to_oklab(image)[..., 0]
    return lightness - ndimage.gaussian_filter(lightness, 3)


def test_an_instant_mix_optimizes_nothing(photo, painting, instant, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("there is nothing to optimize")

    monkeypatch.setattr(mix_recipe, "build_problem", fail)
    monkeypatch.setattr(mix_recipe, "run", fail)
    again = mix(photo, painting, **INSTANT)
    np.testing.assert_array_equal(again.image, instant.image)
    assert (again.steps, again.losses, again.finished) == ((0,), {}, True)
    assert again.image.shape == (107, 160, 3) and again.image.dtype == np.float32


def test_it_has_the_texture_of_the_painting_in_the_layout_of_the_photograph(
    photo, painting, instant
):
    plain = preview(photo, painting, size=160).image
    style = np.asarray(Image.open(painting).resize((160, 120)), np.float32) / 255
    wanted, without = fine(style).std(), fine(plain).std()
    assert abs(fine(instant.image).std() - wanted) < 0.6 * abs(without - wanted)
    coarse = [
        ndimage.gaussian_filter(to_oklab(each)[..., 0], 6).ravel()
        for each in (plain, instant.image)
    ]
    assert np.corrcoef(*coarse)[0, 1] > 0.95


def test_alpha_1_is_the_recolored_photograph_and_less_has_more_texture(photo, painting):
    plain = mix(photo, painting, **INSTANT, alpha=1.0, init="recolored").image
    made = [mix(photo, painting, **INSTANT, alpha=a).image for a in (1.0, 0.6, 0.0)]
    np.testing.assert_array_equal(made[0], plain)
    away = [np.abs(fine(each) - fine(plain)).mean() for each in made]
    assert away[0] < 0.5 * away[1] < 0.5 * away[2]


def test_a_black_mask_keeps_the_photograph(photo, painting, instant):
    mask = np.zeros([107, 160])
    mask[:, 80:] = 1
    made = mix(photo, painting, **INSTANT, chroma="free", mask=mask).image
    plain = {"init": "content", "alpha": 1.0, "abstraction": 0.0}
    own = mix(photo, painting, **INSTANT, **plain).image
    np.testing.assert_allclose(made[:, :78], own[:, :78], atol=1e-6)
    assert np.abs(made[:, 82:] - own[:, 82:]).mean() > 0.03


def test_styles_are_laid_where_their_masks_are(photo, painting):
    noise = np.random.default_rng(0).random((120, 160, 1)) * np.ones(3)
    left = np.zeros([107, 160])
    left[:, :80] = 1
    masks = [left, 1 - left]
    made = mix(photo, [noise, np.full([120, 160, 3], 0.5) + 0.02 * noise],
               **INSTANT, style_mask=masks, alpha=0.0).image  # fmt: skip
    detail = np.abs(fine(made))
    assert detail[:, :60].mean() > 1.3 * detail[:, 100:].mean()


@pytest.mark.parametrize("color", ["content", "match"])
def test_the_colors_of_the_photograph_are_kept_on_request(photo, painting, color):
    made = mix(photo, painting, **INSTANT, color=color).image
    own = mix(photo, painting, **INSTANT, init="content", alpha=1.0).image
    there, here = (to_oklab(each)[..., 1:].mean((0, 1)) for each in (own, made))
    np.testing.assert_allclose(here, there, atol=0.01)


@pytest.mark.parametrize(
    "options",
    [{"size": 112}, {"style_scale": 6.0}, {"style_scale": 0.7}, {"size": 600}],
)
def test_every_size_and_scale_is_made(photo, painting, options):
    made = mix(photo, painting, **INSTANT | options).image
    assert max(made.shape) == options.get("size", 160) and np.isfinite(made).all()


def test_pieces_are_a_start_for_steps_as_well(photo, painting):
    options = INSTANT | {"chroma": "free"}
    start = mix(photo, painting, **options).image
    stepped = mix(
        photo, painting, **options, steps=1, learning_rate=1e-9, f1="mixed0",
        f2="mixed0",
    )  # fmt: skip
    assert stepped.steps == (1,)
    np.testing.assert_allclose(stepped.image, np.clip(start, 0.02, 0.98), atol=2e-3)


def test_without_steps_a_given_start_is_finished_and_returned(photo, painting):
    start = np.random.default_rng(0).random((107, 160, 3), np.float32)
    made = mix(photo, painting, **INSTANT, start=start, chroma="free").image
    np.testing.assert_allclose(made, start, atol=1e-6)


def test_a_sweep_without_steps_makes_each_mix_on_its_own(photo, painting):
    own = {"preset": "instant", "size": 128, "on_progress": None}
    swept = list(sweep(photo, painting, alphas=(0.2, 0.7), **own))
    for alpha, result in zip((0.2, 0.7), swept, strict=True):
        alone = mix(photo, painting, **own, alpha=alpha)
        np.testing.assert_array_equal(result.image, alone.image)


@pytest.mark.parametrize(
    ("pictures", "options", "text"),
    [
        ((True, False), {}, "`init` pieces needs a style"),
        ((False, True), {}, "`init` pieces needs a content"),
        ((True, True), {"checkpoint": "run.ckpt"}, "there is no `checkpoint`"),
        ((True, True), {"resume": True}, "there is no `checkpoint`"),
        ((True, True), {"steps": -1}, "`steps` must be in [0, "),
        ((True, True), {"init": "piece"}, "did you mean pieces"),
    ],
)
def test_what_cannot_be_is_refused(
    photo, painting, pictures, options, text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = [each if has else None for each, has in zip((photo, painting), pictures,
                                                        strict=True)]  # fmt: skip
    assert text in refusal(mix, *given, **INSTANT | options)
    assert not list(tmp_path.iterdir())


def test_what_is_no_callback_is_refused(photo, painting):
    with pytest.raises(InputError, match="`on_progress` must be"):
        mix(photo, painting, **INSTANT | {"on_progress": "line"})
