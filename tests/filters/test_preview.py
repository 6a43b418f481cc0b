"""The preview of a mix: where it starts from, as of paint."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.filters import preview as module
from vectormix_tf.filters.preview import painted, preview
from vectormix_tf.recipes.mix import build_finish, build_start
from vectormix_tf.recipes.scene import read_scene

SIDE = 96


def picture(seed, size, fall=0.5):
    """Smooth colors with grain, light at the top and dark at the bottom."""
    random = np.random.default_rng(seed)
    planes = ndimage.gaussian_filter(random.normal(size=(*size, 3)), (4, 4, 0))
    planes *= 0.15 / planes.std()
    slope = fall * (0.5 - np.linspace(0, 1, size[0]))[:, None, None]
    grain = random.normal(0, 0.03, (*size, 3))
    return np.float32(np.clip(0.5 + slope * random.random(3) + planes + grain, 0, 1))


CONTENT = picture(0, (SIDE, 80))
STYLES = [picture(1, (120, 100)), picture(2, (80, 96))]
LEFT = np.zeros((SIDE, 80), np.float32)
LEFT[:, :50] = np.linspace(1, 0, 50)
MASKS = [LEFT, 1 - LEFT]


@pytest.fixture
def plain(monkeypatch):
    """The preview without its paint."""
    monkeypatch.setattr(module, "painted", lambda image, patch: image)


def first(style, mask=None, style_mask=(), **options):
    """What a mix starts from, finished as its result is, by TensorFlow."""
    settings = MixSettings.of(options, True, len(style))
    scene = read_scene(settings, CONTENT, style, mask, style_mask)
    image = build_start(settings, scene)(tf.constant(scene.size))
    if settings.color == "content":
        image = build_finish(settings, scene)(image)
    if scene.mask is not None:
        image = scene.content + scene.mask * (image - scene.content)
    return image[0].numpy()


@pytest.mark.parametrize(
    "count, masks, options",
    [
        (1, {}, {}),
        (1, {}, {"placement": 0}),
        (1, {}, {"style_scale": 0.95}),
        (1, {}, {"color": "content"}),
        (1, {}, {"color": "match"}),
        (1, {"mask": LEFT}, {}),
        (2, {}, {}),
        (2, {}, {"style_weights": [1, 3]}),
        (2, {"mask": LEFT}, {"style_weights": [1, 3]}),
        (2, {"style_mask": MASKS}, {}),
        (2, {"style_mask": MASKS}, {"style_weights": [0, 1]}),
        (2, {"mask": 1 - LEFT / 2, "style_mask": MASKS}, {"style_weights": [3, 1]}),
    ],
    ids=str,
)
def test_without_its_paint_it_is_what_a_mix_starts_from(plain, count, masks, options):
    options["size"] = SIDE
    expected = first(STYLES[:count], **masks, **options)
    made = preview(CONTENT, STYLES[:count], **masks, **options).image
    assert made.dtype == np.float32
    if "color" not in options:
        assert np.abs(made - CONTENT).max() > 0.05
    np.testing.assert_allclose(made, expected, atol=2 / 255)


def test_a_style_equal_to_the_content_changes_nothing_but_its_paint(plain):
    made = preview(CONTENT, CONTENT, size=SIDE).image
    np.testing.assert_allclose(made, CONTENT, atol=1e-4)


@pytest.mark.parametrize("init", ["noise", "style", "content"])
def test_whatever_the_start_it_is_the_content_in_the_style_s_colors(init):
    made = preview(CONTENT, STYLES, size=SIDE, init=init).image
    np.testing.assert_array_equal(made, preview(CONTENT, STYLES, size=SIDE).image)


def test_paint_takes_grain_away_and_keeps_shapes_and_mean_color():
    steps = np.zeros((SIDE, SIDE, 3), np.float32) + [0.2, 0.3, 0.6]
    steps[:, 40:] = [0.8, 0.7, 0.3]
    grain = np.random.default_rng(0).normal(0, 0.04, steps.shape)
    made = painted(np.float32(steps + grain))
    assert (made - steps)[:, :30].std() < 0.02
    assert np.abs(made[:, 38] - steps[:, 38]).mean() < 0.05  # beside the edge
    np.testing.assert_allclose(made.mean((0, 1)), steps.mean((0, 1)), atol=0.01)
    assert made.min() >= 0 and made.max() <= 1


def test_broad_patches_are_those_of_abstraction():
    detail = picture(0, (256, 256))
    fine, broad = (preview(detail, STYLES[0], abstraction=r).image for r in (0, 12))
    assert np.abs(np.diff(broad, axis=1)).mean() < np.abs(np.diff(fine, axis=1)).mean()


@pytest.mark.parametrize(
    "size, height, width",
    [(96, 96, 80), (0, 96, 80), (200, 200, 167), (4096, 1024, 853)],
)
def test_it_has_the_size_of_the_mix_up_to_1024(size, height, width):
    made = preview(CONTENT, STYLES[0], size=size)
    assert made.image.shape == (height, width, 3)
    assert made.image.min() >= 0 and made.image.max() <= 1
    assert made.settings.size == size and made.losses == {}


def test_a_style_may_be_smaller_in_its_preview_than_a_network_accepts(monkeypatch):
    monkeypatch.setattr(module, "MOST", 128)
    made = preview(CONTENT, STYLES[0], size=4096, style_scale=0.05)
    assert made.image.shape == (128, 107, 3)


@pytest.mark.parametrize("size", [SIDE, "120x80"])
def test_without_a_content_it_is_the_style_that_covers_the_size(size):
    settings = MixSettings.of({"size": size, "init": "style"}, False, 2)
    scene = read_scene(settings, None, STYLES, None, ())
    expected = build_start(settings, scene)(tf.constant(scene.size))[0]
    made = preview(style=STYLES, size=size).image
    np.testing.assert_allclose(made, expected, atol=2 / 255)


def test_without_a_style_or_at_alpha_1_it_is_the_content(plain):
    for options in ({}, {"style": STYLES[0], "alpha": 1}):
        made = preview(CONTENT, size=SIDE, **options).image
        np.testing.assert_array_equal(made, CONTENT)


def test_where_the_mask_is_black_the_content_stays():
    made = preview(CONTENT, STYLES[0], mask=LEFT, size=SIDE).image
    np.testing.assert_array_equal(made[:, 50:], CONTENT[:, 50:])
    assert np.abs(made[:, :20] - CONTENT[:, :20]).mean() > 0.02


def test_transparency_is_that_of_the_content():
    clear = np.dstack([CONTENT, LEFT])
    made = preview(clear, STYLES[0], size=SIDE)
    np.testing.assert_array_equal(made.transparency[..., 0], LEFT)
    assert made.pil.mode == "RGBA"


@pytest.mark.parametrize(
    "change, words",
    [
        ({"content": CONTENT[:50]}, "choose a larger `size`"),
        ({"style": [STYLES[0][:50]]}, "the style picture is 100 x 50 pixels"),
        ({"style_mask": [LEFT]}, "2 styles and 1 style masks"),
        (
            {"mask": LEFT, "style_mask": [np.float32(LEFT == 0), LEFT]},
            "style mask 1 is black wherever the mask is white",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_told_as_the_mix_tells_it(change, words):
    given = {"content": CONTENT, "style": STYLES, "mask": None, "style_mask": []}
    given |= change
    with pytest.raises(InputError, match=words) as found:
        preview(**given, size=SIDE)
    settings = MixSettings.of({"size": SIDE}, True, len(given["style"]))
    with pytest.raises(InputError) as expected:
        read_scene(settings, *given.values())
    assert str(found.value) == str(expected.value)


def test_a_drawing_is_laid_on_its_ground_with_a_notice():
    ink = np.zeros((SIDE, 80, 4), np.float32)
    ink[..., 3] = LEFT
    with pytest.warns(Notice, match="laid on white"):
        made = preview(ink, STYLES[0], size=SIDE)
    assert made.transparency is None and made.image.std() > 0.05


def test_nothing_is_told_of_usual_pictures():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        preview(CONTENT, STYLES, size=SIDE)
