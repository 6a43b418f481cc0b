"""Comparison of mixes by numbers."""

import math

import numpy as np
import pytest
from mistakes import refusal
from PIL import Image

import vectormix_tf
from vectormix_tf.evaluation import patches
from vectormix_tf.evaluation.comparison import COLUMNS, measure, read_inputs
from vectormix_tf.filters.color import recolored
from vectormix_tf.io import images

SIDES = {"content": (96, 120), "style": (120, 100)}


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    """Fewer than usual, for speed."""
    monkeypatch.setattr(patches, "COUNT", 150)
    monkeypatch.setattr(patches, "STYLE_COUNT", 600)


@pytest.fixture(scope="module")
def pair(photo, painting):
    """A photograph and a painting, small, [H, W, 3]."""
    paths = {"content": photo, "style": painting}
    return {
        name: images.resize(images.read(path).pixels, SIDES[name])[0]
        for name, path in paths.items()
    }


def measured(image, pair):
    return measure(np.float32(image), pair["content"], pair["style"])


def test_a_recolored_photograph_keeps_its_own_edges(pair):
    row = measured(recolored(pair["content"], [pair["style"]]), pair)
    assert row["R"] > 0.8 and min(row[f"rho{band}"] for band in range(4)) > 0.85


def test_an_inverted_photograph_is_not_called_its_own(pair):
    row = measured(1 - pair["content"], pair)
    assert row["R"] == 0 and row["rho1"] == pytest.approx(-1, abs=1e-5)


def test_blur_is_told_by_the_strengths_and_noise_too(pair):
    height, width = SIDES["content"]
    small = images.resize(pair["content"][None], (height // 6, width // 6))
    blurred = measured(images.resize(small, (height, width))[0], pair)
    assert blurred["e0"] < -2 and not blurred["gate"]
    noise = np.random.default_rng(0).normal(size=(height, width, 1))
    noisy = measured(np.clip(pair["content"] + 0.3 * noise, 0, 1), pair)
    assert noisy["e0"] > 1 and not noisy["gate"] and noisy["rho0"] < 0.5


def test_the_style_itself_is_near_to_itself(pair):
    row = measure(pair["style"], pair["style"], pair["style"])
    assert row["gate"] and row["R"] == pytest.approx(1, abs=1e-5)
    assert [row[f"e{band}"] for band in range(4)] == [0] * 4
    assert row["nn1"] < 1 and row["nn2"] < 1
    assert 0.8 < row["chroma"] <= 1


def test_every_picture_has_a_finite_number_in_every_column(pair):
    noise = np.random.default_rng(1).random((90, 80, 3))
    board = np.indices((160, 200)).sum(0)[..., None] // 4 % 2 * 0.05  # period 8
    own = images.resize(pair["content"][None], (160, 200))[0]
    pictures = [noise, np.clip(own + board, 0, 1), pair["content"]]
    rows = vectormix_tf.compare(pair["content"], pair["style"], pictures, size=96)
    assert [list(row) for row in rows] == [list(COLUMNS)] * 3
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert all(type(row["gate"]) is bool for row in rows)
    _, patterned, same = rows
    assert same["content"] == pytest.approx(0, abs=1e-4) and same["grid"] < 3
    # At the size at which all are measured the pattern would have another period.
    assert patterned["grid"] > 10


def test_pictures_of_one_color_have_numbers():
    flat = np.full((80, 90, 3), 0.5, np.float32)
    noise = np.float32(np.random.default_rng(1).random((80, 90, 3)))
    for one, content, style in ((flat, flat, flat), (noise, flat, flat)):
        assert all(map(math.isfinite, measure(one, content, style).values()))
    assert measure(flat, noise, noise)["R"] == 0


def test_a_file_a_pillow_image_and_an_array_are_one(pair, tmp_path):
    array = np.uint8(255 * pair["content"])
    Image.fromarray(array).save(tmp_path / "mix.png")
    forms = [str(tmp_path / "mix.png"), Image.fromarray(array), array]
    inputs = read_inputs(array, pair["style"], forms, 96)
    assert inputs.sizes == [(77, 96)] * 3 and inputs.style.shape == (1, 96, 80, 3)
    first, *others = (each.pixels for each in inputs.mixes)
    assert all(np.array_equal(each, first) for each in others)


def test_what_clear_pixels_hide_does_not_count(pair):
    cover = np.ones((96, 120, 1), np.float32)
    cover[:40, :50] = 0
    hidden = np.where(cover > 0, pair["content"], [1.0, 0, 0])
    both = [np.float32(np.dstack([x, cover])) for x in (pair["content"], hidden)]
    inputs = read_inputs(pair["content"], pair["style"], both, 96)
    shown = [images.fit(mix, (77, 96)).pixels for mix in inputs.mixes]
    assert np.array_equal(*shown)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pictures": []}, "`pictures` is empty"),
        ({"size": 74}, "`size` must be in [75, 2048]"),
        ({"size": 80.5}, "`size` must be a whole number"),
        ({"pictures": np.zeros((60, 90, 3))}, "picture 1 is 90 x 60 pixels"),
        ({"style": np.zeros((90, 60, 3))}, "style picture is 60 x 90 pixels"),
        ({"pictures": [np.zeros((80, 400, 3))]}, "`size`, at least 373"),
        ({"pictures": "none.png"}, "picture `none.png` does not exist"),
        ({"content": None}, "content picture must be a path"),
        ({"pictures": [[0, 1]]}, "nested lists"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_is_one_line(change, words, pair):
    given = {**pair, "pictures": pair["content"], "size": 96} | change
    assert words in refusal(vectormix_tf.compare, **given)
