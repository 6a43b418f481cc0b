"""What a dream raises, by its settings."""

import numpy as np
import pytest
from mistakes import refusal

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.ops.border import pad
from vectormix_tf.optim.observer import Observer
from vectormix_tf.optim.transforms import NO_TRANSFORM
from vectormix_tf.recipes.amplify import amplified, read_guide


@pytest.fixture(scope="module")
def image(photo):
    return read_guide(DreamSettings(guide_size=128), photo)


def raised(image, **settings):
    """How much stands in a picture of what is raised, relative to the start."""
    chosen = DreamSettings(**settings)
    extractor = Extractor(whole_layers([chosen.layers]))
    objective = amplified(chosen, "layers", extractor)
    look = Observer(extractor)
    here = NO_TRANSFORM.at(0)
    target = objective.target(lambda x, layers: [look(x, here, layers)], pad(image))
    observed = look(pad(image), here, objective.layers)
    return -float(objective.loss(pad(image), observed, target)), observed


def test_a_guide_keeps_its_own_size_unless_another_is_asked_for(photo):
    assert read_guide(DreamSettings(), photo).shape == [1, 427, 640, 3]
    assert read_guide(DreamSettings(guide_size=120), photo).shape == [1, 80, 120, 3]
    assert read_guide(DreamSettings(), None) is None


def test_a_guide_that_is_too_small_is_told():
    says = refusal(read_guide, DreamSettings(), np.zeros([60, 90, 3], np.uint8))
    assert "guide picture" in says and "75" in says and "`guide_size`" in says


def test_the_neuron_is_the_cell_in_the_middle(image):
    share, observed = raised(image, layers="mixed4", neuron=True)
    cells = observed["mixed4"].numpy()
    h, w = cells.shape[1:3]
    inside = cells[:, 1:-1, 1:-1].mean()
    assert share == pytest.approx(cells[0, h // 2, w // 2].mean() / inside, rel=1e-4)


def test_a_direction_is_read_from_a_file(image, tmp_path):
    path = tmp_path / "direction.npy"
    direction = np.random.default_rng(0).normal(size=768)
    np.save(path, direction)
    share, observed = raised(image, layers="mixed4", direction=str(path))
    cells = observed["mixed4"].numpy()[0, 1:-1, 1:-1]
    along = (cells @ direction / np.linalg.norm(direction)).mean()
    assert share == pytest.approx(along / cells.mean(), rel=1e-3)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.ones(10), ("has 10 numbers", "mixed4 has 768 channels")),
        (np.zeros(768), ("not all zero",)),
        (np.full(768, np.nan), ("must be finite",)),
        (np.array(["a"] * 768), ("no .npy file of numbers",)),
        (b"nothing", ("no .npy file of numbers",)),
    ],
)
def test_what_is_no_direction_is_told(values, says, image, tmp_path):
    path = tmp_path / "direction.npy"
    path.write_bytes(values) if isinstance(values, bytes) else np.save(path, values)
    text = refusal(raised, image, layers="mixed4", direction=str(path))
    assert all(word in text for word in says) and "direction" in text


def test_a_channel_out_of_range_is_told(image):
    assert "0 to 767" in refusal(raised, image, layers="mixed4#768")


@pytest.mark.parametrize(
    "settings",
    [{"neuron": True}, {"objective": "square"}, {"layers": "mixed4#1"}],
    ids=str,
)
def test_what_does_not_go_with_a_guide_is_told(settings, image):
    chosen = DreamSettings(**{"layers": "mixed4"} | settings)
    extractor = Extractor(["mixed4"])
    assert "guide" in refusal(amplified, chosen, "layers", extractor, image)
