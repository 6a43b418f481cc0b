"""The chroma of mixes and dreams, by the bundled network with real pictures."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.config.dream import DREAM_CHROMAS as CHROMAS
from vectormix_tf.io import images
from vectormix_tf.ops import chroma
from vectormix_tf.ops.color import to_oklab
from vectormix_tf.recipes.dream import DREAM_SPREADS, dream
from vectormix_tf.recipes.mix import mix

QUICK = {"size": 120, "steps": 2, "f1": "conv4a", "f2": "conv2a,conv3b"}
QUICK["on_progress"] = None


def free(*pictures, **options):
    """The mix as the optimization leaves it."""
    return mix(*pictures, chroma="free", **QUICK, **options).image


@pytest.fixture
def gray(painting):
    """The painting without color."""
    pixels = images.read(painting).pixels[0].mean(-1, keepdims=True)
    return np.repeat(pixels, 3, axis=-1)


def saturation(image):
    return tf.norm(to_oklab(image[None])[0, ..., 1:], axis=-1).numpy()


def test_a_mix_has_the_limited_chroma_of_what_was_optimized(photo, painting):
    result = mix(photo, painting, **QUICK).image
    style = images.read(painting).pixels
    style = images.resize(style, style_size(style.shape[1:3], 120))
    palette = chroma.palette(tf.constant(style))
    optimized = free(photo, painting)
    limited = chroma.limit_chroma(tf.constant(optimized[None]), [palette])[0]
    np.testing.assert_allclose(result, limited, atol=1e-6)
    assert np.abs(result - optimized).max() > 0.02


def style_size(size, long):
    return tuple(round(side * long / max(size)) for side in size)


def test_a_style_without_color_takes_all_color_away(photo, gray):
    assert saturation(mix(photo, gray, **QUICK).image).max() < 4e-3


def test_previews_are_limited_as_the_result_is(photo, gray):
    previews = []

    def look(progress):
        if progress.step:  # the first one is not optimized
            previews.append(progress.preview())

    mix(photo, gray, pause_every=2, **QUICK | {"on_progress": look})
    assert previews
    assert max(saturation(preview).max() for preview in previews) < 4e-3


@pytest.mark.parametrize("options", [{"alpha": 1.0}, {"color": "content"}])
def test_colors_of_the_content_are_not_limited(options, photo, gray):
    result = mix(photo, gray, **QUICK, **options).image
    np.testing.assert_array_equal(result, free(photo, gray, **options))


def test_without_a_style_there_is_nothing_to_limit(photo):
    result = mix(photo, octaves=1, **QUICK).image
    np.testing.assert_array_equal(result, free(photo, octaves=1))


def test_black_of_a_mask_keeps_its_colors(photo, gray):
    mask = np.zeros([80, 120])
    mask[:, :60] = 1
    result = mix(photo, gray, mask=mask, **QUICK).image
    np.testing.assert_array_equal(result[:, 64:], free(photo, gray, mask=mask)[:, 64:])
    assert saturation(result[:, :56]).max() < 4e-3


def test_each_style_limits_where_it_is_applied(photo, painting, gray):
    left = np.zeros([80, 120])
    left[:, :60] = 1
    result = mix(photo, [gray, painting], style_mask=[left, 1 - left], **QUICK).image
    assert saturation(result[:, :50]).max() < 0.01 < saturation(result[:, 70:]).mean()


def test_a_tileable_texture_is_limited_across_its_seam(painting):
    options = {"tileable": True, "octaves": 1, "init": "noise"}
    style = images.read(painting).pixels[0]
    result = mix(None, style, **QUICK, **options).image
    rolled = np.roll(result, (60, 60), (0, 1))
    seam = np.abs(np.diff(rolled, axis=1))[:, 59].mean()
    assert seam < 1.5 * np.abs(np.diff(rolled, axis=1)).mean()


# --- Dreams ---------------------------------------------------------------------------

DREAM = {"size": 120, "steps": 2, "octaves": 1, "layers": "mixed0"}
DREAM["on_progress"] = None


def test_a_dream_has_the_chroma_of_its_image(photo):
    result = dream(photo, **DREAM).image
    own = chroma.palette(
        tf.constant(images.resize(images.read(photo).pixels, (80, 120)))
    )
    dreamt = tf.constant(dream(photo, chroma="free", **DREAM).image[None])
    options = {"spreads": DREAM_SPREADS, "vividness": 0.0}
    limited = chroma.limit_chroma(dreamt, [own], **options)[0]
    np.testing.assert_allclose(result, limited, atol=1e-5)
    assert np.abs(result - dreamt[0]).max() > 0.02


def test_a_dream_in_black_and_white_stays_so(photo):
    gray = np.repeat(images.read(photo).pixels[0].mean(-1, keepdims=True), 3, axis=-1)
    assert saturation(dream(gray, **DREAM).image).max() < 4e-3
    assert saturation(dream(gray, chroma="free", **DREAM).image).max() > 0.01


def test_black_of_a_dreams_mask_keeps_its_colors(photo):
    mask = np.zeros([80, 120])
    mask[:, :60] = 1
    results = [dream(photo, mask=mask, chroma=c, **DREAM).image for c in CHROMAS]
    difference = np.abs(results[0] - results[1])
    assert difference[:, 64:].max() < 1e-6
    assert difference[:, :56].max() > 0.02


def test_a_dream_in_the_colors_of_its_image_is_not_limited(photo):
    results = [dream(photo, color="content", chroma=c, **DREAM).image for c in CHROMAS]
    np.testing.assert_array_equal(*results)
