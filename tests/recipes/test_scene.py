"""Scenes: how large the images of a mix are kept."""

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.io import images
from vectormix_tf.recipes.mix import mix
from vectormix_tf.recipes.scene import read_scene


def read(photo, painting, **settings):
    settings = MixSettings.of(settings, True, 1)
    return read_scene(settings, photo, [painting], None, [])


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_pictures_are_reduced_to_what_is_needed_and_not_enlarged(
    scale, photo, painting
):
    sizes = [images.read(path).pixels.shape[1:3] for path in (photo, painting)]
    large = read(photo, painting, size=4096, style_scale=scale)
    assert large.content.shape[1:3] == sizes[0]
    assert large.styles[0].image.shape[1:3] == sizes[1]
    assert max(large.size) == 4096
    assert max(large.styles[0].size) == round(4096 * scale)
    assert large.shortest == min(*large.size, *large.styles[0].size)
    small = read(photo, painting, size=160, style_scale=scale)
    assert small.content.shape[1:3] == small.size
    assert max(small.styles[0].image.shape[1:3]) == round(160 * scale)
    assert small.styles[0].image.shape[1:3] == small.styles[0].size


def test_a_mix_may_be_larger_than_its_pictures(photo, painting):
    little = [Image.open(path).resize((100, 90)) for path in (photo, painting)]
    options = {"f1": "conv2a", "f2": "conv2a", "steps": 1, "on_progress": None}
    options["chroma"] = "free"
    result = mix(*little, size=200, init="content", learning_rate=1e-9, **options)
    assert result.image.shape == (180, 200, 3)
    enlarged = np.asarray(little[0].resize((200, 180), Image.LANCZOS), np.float32)
    assert np.abs(result.image - enlarged / 255).mean() < 0.01
