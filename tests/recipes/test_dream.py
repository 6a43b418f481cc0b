"""Dreams by the bundled network, with real pictures."""

import numpy as np
import pytest
from PIL import Image
from tensorflow.python.framework import ops

from vectormix_tf.ops.color import to_oklab
from vectormix_tf.optim.problem import Problem
from vectormix_tf.recipes.dream import dream
from vectormix_tf.recipes.mix import mix

QUICK = {"size": 120, "steps": 3, "layers": "mixed3", "on_progress": None}


def test_a_dream_amplifies_and_keeps_brightness_and_contrast(photo):
    result = dream(photo, size=128, octaves=1, steps=12, on_progress=None)
    amplification = -result.losses["amplify"]
    # Two layers, each relative to its own activations.
    assert amplification[0] == pytest.approx(2, abs=0.2)
    assert amplification[-1] > 1.08 * amplification[0]
    small = np.asarray(Image.open(photo).convert("RGB").resize((128, 85)), np.float32)
    for moment in (np.mean, np.std):
        assert abs(moment(result.image) - moment(small / 255)) < 0.02


def test_a_negative_weight_suppresses(photo):
    result = dream(photo, octaves=1, **QUICK | {"layers": "mixed1:-1", "steps": 8})
    assert result.losses["amplify"][-1] < result.losses["amplify"][0]
    assert result.losses["amplify"][0] == pytest.approx(1, abs=0.1)


def test_a_dream_keeps_the_detail_that_small_octaves_lack(root):
    """Steps of no length leave the photograph itself, at its full sharpness."""
    path = root / "examples/images/content_pavilion.jpg"
    options = QUICK | {"size": 192, "octaves": 3, "step_size": 1e-9, "chroma": "free"}
    still = dream(str(path), **options).image
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


def moments(image):
    return np.array([image.mean(axis=(0, 1)), image.std(axis=(0, 1))])


def test_black_of_a_mask_stays_the_photograph_and_white_is_dreamt(photo):
    mask = np.zeros([80, 120], np.float32)
    mask[:, 60:] = 1
    options = QUICK | {"octaves": 1, "steps": 12, "chroma": "free"}
    result = dream(photo, mask=mask, **options).image
    still = dream(photo, **options | {"step_size": 1e-9}).image
    whole = dream(photo, **options).image
    # Its own size, so the photograph comes back as it is; soften bends the ends alone.
    np.testing.assert_allclose(result[:, :58], still[:, :58], atol=0.02)
    dreamt = np.abs(result - still)[:, 62:].mean()
    assert dreamt > 0.5 * np.abs(whole - still)[:, 62:].mean()


def test_the_strength_of_a_dream_does_not_depend_on_its_mask(photo):
    mask = np.zeros([80, 120], np.float32)
    mask[32:48, 52:68] = 1
    options = QUICK | {"octaves": 1, "steps": 6, "step_size": 0.02}
    still = dream(photo, **options | {"step_size": 1e-9}).image
    part, whole = (
        np.abs(dream(photo, mask=m, **options).image - still)[34:46, 54:66].mean()
        for m in (mask, None)
    )
    assert 0.3 < part / whole < 2


def test_a_guide_changes_a_dream(photo, painting):
    options = QUICK | {"octaves": 1, "steps": 8, "layers": "mixed3"}
    for mode in ("match", "channels"):
        result = dream(
            photo, guide=painting, guide_size=120, guide_mode=mode, **options
        )
        amplification = -result.losses["guide"]
        assert amplification[0] == pytest.approx(1, abs=0.2)
        assert amplification[-1] > 1.1 * amplification[0]
        assert np.abs(result.image - dream(photo, **options).image).mean() > 0.005


def test_color_content_changes_the_lightness_alone(photo):
    options = QUICK | {"octaves": 1, "steps": 8, "step_size": 0.02}
    still = to_oklab(dream(photo, **options | {"step_size": 1e-9}).image).numpy()
    changes = {
        color: np.abs(
            to_oklab(dream(photo, color=color, **options).image).numpy() - still
        ).mean(axis=(0, 1))
        for color in ("dream", "content")
    }
    assert changes["content"][1:].sum() < 0.3 * changes["dream"][1:].sum()
    assert changes["content"][0] > 0.5 * changes["dream"][0]


def test_octave_mode_detail_is_sharper_than_enlarge(root):
    path = str(root / "examples/images/content_pavilion.jpg")
    options = QUICK | {"size": 192, "octaves": 3, "step_size": 1e-9, "chroma": "free"}
    sharp, soft = (
        np.abs(np.diff(dream(path, octave_mode=mode, **options).image, axis=1)).mean()
        for mode in ("detail", "enlarge")
    )
    assert soft < 0.9 * sharp


def test_a_neuron_that_is_0_in_a_picture_is_amplified():
    gray = np.full([96, 96, 3], 0.5, np.float32)
    gray[40:56, 40:56] += 0.05
    options = QUICK | {"size": 96, "octaves": 1, "steps": 12, "jitter": 0}
    result = dream(gray, neuron=True, **options | {"layers": "mixed3#3"})
    amplification = -result.losses["amplify"]
    assert amplification[0] == 0 and amplification[-1] > 0


def test_traced_functions_are_freed_after_a_run(photo, painting):
    """TensorFlow keeps custom gradients, and the graphs that they are in, forever."""

    def count():
        return len(ops.gradient_registry.list())

    options = {"size": 120, "steps": 1, "on_progress": None}
    counts = []
    for _ in range(2):
        dream(photo, octaves=1, layers="mixed1", **options)
        dream(photo, octaves=1, layers="mixed0#1", neuron=True, **options)
        mix(photo, painting, f1="conv2a", f2="conv2a", **options)
        counts.append(count())
    assert counts[0] == counts[1]


def clipped(image):
    return ((image < 1 / 255) | (image > 254 / 255)).mean()


def test_a_strong_dream_is_neither_clipped_nor_gray(photo):
    result = dream(photo, octaves=1, **QUICK | {"steps": 20, "step_size": 0.04}).image
    still = dream(photo, octaves=1, **QUICK | {"step_size": 1e-9}).image
    opened = Image.open(photo).convert("RGB").resize((120, 80), Image.LANCZOS)
    assert clipped(result) < clipped(np.float32(opened) / 255) + 0.04
    np.testing.assert_allclose(moments(result), moments(still), atol=0.06)


@pytest.mark.parametrize("layers", ["mixed0", "mixed0#3"])
def test_a_dream_by_graphs_of_another_process_has_the_same_bytes(
    layers, photo, monkeypatch, own_graphs, kept_graphs
):
    traced, step = [], Problem.step_at_once
    monkeypatch.setattr(
        Problem, "step_at_once", lambda *given: traced.append("step") or step(*given)
    )
    options = {"size": 160, "octaves": 2, "steps": 3, "on_progress": None}
    results = []
    for expected in (1, 1):
        own_graphs()
        results.append(dream(photo, layers=layers, **options))
        assert len(traced) == expected
    assert results[0].image.tobytes() == results[1].image.tobytes()
