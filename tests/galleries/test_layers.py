"""Exploring: which layers, and a sheet that grows and goes on."""

import types

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.galleries import layers as layer_sheet
from vectormix_tf.io import series
from vectormix_tf.recipes import dream as dream_recipe

PICTURES = {"image": "photo.png", "guide": None, "mask": None}


@pytest.fixture
def told(monkeypatch):
    """Layers that were dreamt; the third one is stopped the first time."""
    calls = []

    def dream(image, layers, **_):
        calls.append(layers)
        picture = np.full([1, 80, 120, 3], len(calls) / 20, np.float32)
        return types.SimpleNamespace(image=picture, finished=len(calls) != 3)

    monkeypatch.setattr(dream_recipe, "dream", dream)
    return calls


def explore(folder, settings=None):
    explorer = layer_sheet.Explorer(settings or DreamSettings(), PICTURES)
    found = series.Series(str(folder / "sheet-layers"), "dream", {}, explorer.items, [])
    found.begin()
    return explorer.run(found, str(folder / "sheet.png"), {"image": None})


def test_every_whole_layer_that_the_weights_reach_is_dreamt():
    found = layer_sheet.dreams(DreamSettings(steps=3))
    assert list(found)[:2] == ["conv1a", "conv2a"] and list(found)[-1] == "mixed5"
    assert not any("/" in name for name in found)
    for name, settings in found.items():
        assert settings == DreamSettings(steps=3, layers=name)
    found = layer_sheet.dreams(DreamSettings(weights="imagenet"))
    assert list(found)[-1] == "mixed10"


def test_a_sheet_that_was_stopped_goes_on_without_a_dream_made_twice(told, tmp_path):
    assert explore(tmp_path) is False
    with Image.open(tmp_path / "sheet.png") as sheet:
        size = sheet.size
    assert explore(tmp_path) is True
    layers = list(layer_sheet.dreams(DreamSettings()))
    assert told == [*layers[:3], *layers[2:]]
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == size and len(sheet.getcolors(1 << 20)) > len(layers)
    names = {path.name for path in (tmp_path / "sheet-layers").iterdir()}
    assert names == {"series.json", *(f"{layer}.png" for layer in layers)}


def test_ctrl_c_before_the_first_dream_leaves_nothing(monkeypatch, tmp_path):
    def dream(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(dream_recipe, "dream", dream)
    with pytest.raises(KeyboardInterrupt):
        explore(tmp_path)
    assert not (tmp_path / "sheet.png").exists()
