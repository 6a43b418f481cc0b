"""Which activations a dream increases, according to its settings."""

import numpy as np
import pytest
from mistakes import refusal

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.ops.border import pad
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.transforms import NO_TRANSFORM
from vectormix_tf.recipes.amplify import build_amplify, read_guide


@pytest.fixture(scope="module")
def image(photo):
    return read_guide(DreamSettings(guide_size=128), photo)


def amplification(image, **settings):
    """Minus the loss at the image that the target was made from, and activations."""
    settings = DreamSettings(**settings)
    extractor = Extractor(whole_layers([settings.layers]))
    objective = build_amplify(settings, "layers", extractor)
    observer, transform = Observer(extractor), NO_TRANSFORM.at(0)

    def observe(x, layers):
        return [observer(x, transform, layers)]

    target = objective.target(observe, pad(image))
    observed = observer(pad(image), transform, objective.layers)
    return -float(objective.evaluate(pad(image), observed, target)), observed


def test_a_guide_keeps_its_size_unless_guide_size_is_set(photo):
    assert read_guide(DreamSettings(), photo).shape == [1, 427, 640, 3]
    assert read_guide(DreamSettings(guide_size=120), photo).shape == [1, 80, 120, 3]
    assert read_guide(DreamSettings(), None) is None


def test_a_guide_too_small_for_the_network_is_refused():
    text = refusal(read_guide, DreamSettings(), np.zeros([60, 90, 3], np.uint8))
    assert "guide picture" in text and "75" in text and "`guide_size`" in text


def test_the_neuron_is_the_cell_in_the_middle(image):
    share, observed = amplification(image, layers="mixed4", neuron=True)
    cells = observed["mixed4"].numpy()
    h, w = cells.shape[1:3]
    inside = cells[:, 1:-1, 1:-1].mean()
    assert share == pytest.approx(cells[0, h // 2, w // 2].mean() / inside, rel=1e-4)


def test_a_direction_is_read_from_a_file(image, tmp_path):
    path = tmp_path / "direction.npy"
    direction = np.random.default_rng(0).normal(size=768)
    np.save(path, direction)
    share, observed = amplification(image, layers="mixed4", direction=str(path))
    cells = observed["mixed4"].numpy()[0, 1:-1, 1:-1]
    along = (cells @ direction / np.linalg.norm(direction)).mean()
    assert share == pytest.approx(along / cells.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.ones(10), ("has 10 numbers", "mixed4 has 768 channels")),
        (np.zeros(768), ("not all zero",)),
        (np.full(768, np.nan), ("must be finite",)),
        (np.array(["a"] * 768), ("no .npy file of numbers",)),
        (b"nothing", ("no .npy file of numbers",)),
    ],
)
def test_a_file_that_holds_no_direction_is_refused(values, words, image, tmp_path):
    path = tmp_path / "direction.npy"
    path.write_bytes(values) if isinstance(values, bytes) else np.save(path, values)
    text = refusal(amplification, image, layers="mixed4", direction=str(path))
    assert all(word in text for word in words) and "direction" in text


def test_a_channel_out_of_range_is_refused(image):
    assert "0 to 767" in refusal(amplification, image, layers="mixed4#768")


@pytest.mark.parametrize(
    "settings",
    [{"neuron": True}, {"objective": "square"}, {"layers": "mixed4#1"}],
    ids=str,
)
def test_settings_that_exclude_a_guide_are_refused(settings, image):
    settings = DreamSettings(**{"layers": "mixed4"} | settings)
    extractor = Extractor(["mixed4"])
    assert "guide" in refusal(build_amplify, settings, "layers", extractor, image)


@pytest.mark.parametrize("kind", ["empty", "zip", "cut", "huge", "complex", "npz"])
def test_what_is_no_direction_is_refused_in_one_line(kind, image, tmp_path):
    path = tmp_path / "direction.npy"
    np.save(path, np.ones(768, np.complex64 if kind == "complex" else np.float64))
    data = path.read_bytes()
    if kind == "npz":
        np.savez(tmp_path / "a.npz", np.ones(768))
        data = (tmp_path / "a.npz").read_bytes()
    data = {
        "empty": b"",
        "zip": b"PK\x03\x04 no archive",
        "cut": data[:500],
        # As many spaces less as digits more: the header keeps its length.
        "huge": data.replace(b"(768,), }" + b" " * 14, b"(76800000000000000,), }"),
    }.get(kind, data)
    path.write_bytes(data)
    assert str(path) in refusal(
        amplification, image, layers="mixed4", direction=str(path)
    )
