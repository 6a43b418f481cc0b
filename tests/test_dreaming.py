"""Dreaming on the bundled network, with real pictures."""

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.dreaming import dream

QUICK = {"size": 120, "steps": 3, "on_progress": None}


def test_a_dream_amplifies_and_holds_the_light(photo):
    result = dream(photo, size=128, octaves=1, steps=12, on_progress=None)
    raised = -result.losses["amplify"]
    assert raised[0] == pytest.approx(2, abs=0.1)  # two layers, each relative to itself
    assert raised[-1] > 1.08 * raised[0]
    small = np.asarray(Image.open(photo).convert("RGB").resize((128, 85)), np.float32)
    for moment in (np.mean, np.std):
        assert abs(moment(result.image) - moment(small / 255)) < 0.02


def test_a_negative_weight_suppresses(photo):
    result = dream(photo, layers="mixed1:-1", octaves=1, **QUICK | {"steps": 8})
    assert result.losses["amplify"][-1] < result.losses["amplify"][0]
    assert result.losses["amplify"][0] == pytest.approx(1, abs=0.1)


def test_a_dream_gives_back_the_detail_that_small_octaves_lose(root):
    """Steps of no length leave the photograph itself, at its full sharpness."""
    path = root / "examples/images/content_pavilion.jpg"
    options = QUICK | {"size": 192, "octaves": 3, "step_size": 1e-9}
    still = dream(str(path), **options).image[0]
    photo = Image.open(path).convert("RGB").resize((192, 128), Image.LANCZOS)
    assert np.abs(still - np.asarray(photo, np.float32) / 255).max() < 0.02


def test_a_dream_steps_by_its_step_size(photo):
    sizes = {}
    for step in (0.002, 0.02):
        result = dream(
            photo, octaves=1, jitter=0, step_size=step, **QUICK | {"steps": 1}
        )
        start = dream(photo, octaves=1, step_size=1e-9, **QUICK | {"steps": 1})
        sizes[step] = np.std(result.image - start.image)
    assert 0.001 < sizes[0.002] < 0.004  # the border takes its share of a step
    assert sizes[0.02] / sizes[0.002] == pytest.approx(10, rel=0.2)
