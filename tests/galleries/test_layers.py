"""Sheets of dreams: which layers, and a sheet that grows and is completed later."""

import types

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.galleries.layers import LayerSheet, settings_by_layer
from vectormix_tf.io import series

CLEAR = np.zeros([80, 120, 1], np.float32)
CLEAR[:, :60] = 1
PICTURES = {"image": "photo.png", "guide": None, "mask": None}


@pytest.fixture
def calls(monkeypatch):
    """Layers that `dream` was called with; the third call is interrupted."""
    calls = []

    def dream(image, settings, **_):
        calls.append(settings.layers)
        picture = np.full([1, 80, 120, 3], len(calls) / 20, np.float32)
        return types.SimpleNamespace(
            image=picture, transparency=CLEAR, finished=len(calls) != 3
        )

    monkeypatch.setattr("vectormix_tf.recipes.dream.dream", dream)
    return calls


def run(folder, settings=None):
    sheet = LayerSheet(settings or DreamSettings(), PICTURES)
    dreams = series.Series(str(folder / "sheet-layers"), "dream", {}, sheet.items, [])
    dreams.begin()
    return sheet.run(dreams, str(folder / "sheet.png"), {"image": None})


def test_there_is_a_dream_by_every_whole_layer():
    dreams = settings_by_layer(DreamSettings(steps=3))
    assert list(dreams)[:2] == ["conv1a", "conv2a"] and list(dreams)[-1] == "mixed10"
    assert not any("/" in name for name in dreams)
    for name, settings in dreams.items():
        assert settings == DreamSettings(steps=3, layers=name)


def test_an_interrupted_sheet_is_completed_without_a_dream_made_twice(calls, tmp_path):
    assert run(tmp_path) is False
    with Image.open(tmp_path / "sheet.png") as sheet:
        size = sheet.size
    assert run(tmp_path) is True
    layers = list(settings_by_layer(DreamSettings()))
    assert calls == [*layers[:3], *layers[2:]]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == size and len(sheet.getcolors(1 << 20)) > len(layers)
    with Image.open(tmp_path / "sheet-layers/conv1a.png") as dream:
        assert dream.getpixel((0, 0))[3] == 255 and dream.getpixel((90, 0))[3] == 0
    names = {path.name for path in (tmp_path / "sheet-layers").iterdir()}
    assert names == {"series.json", *(f"{layer}.png" for layer in layers)}


def test_ctrl_c_before_the_first_dream_leaves_nothing(monkeypatch, tmp_path):
    def dream(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vectormix_tf.recipes.dream.dream", dream)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert not (tmp_path / "sheet.png").exists()
