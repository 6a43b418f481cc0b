"""Grids: their cells and proofs, and a sheet that grows and is completed later."""

import dataclasses
import os
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistakes import refusal
from PIL import Image

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.errors import Notice
from vectormix_tf.galleries.axes import NOTHING, Axis
from vectormix_tf.galleries.grid import (
    SIZE,
    Grid,
    check_proofs,
    final_size,
    fit_cells,
    plan_cells,
    plan_proof,
)
from vectormix_tf.io import images, sheets
from vectormix_tf.io.series import Series

LEAST = BACKBONES[DEFAULT].minimum
NONE = {"content": None, "style": [], "mask": None, "style_mask": []}
PAIR = NONE | {"content": "photo.png", "style": ["painting.png"]}
SHAPES = {"photo.png": (300, 400), "painting.png": (90, 90), "b.png": (200, 100)}
ALPHAS = Axis("alpha", [("alpha=0.2", 0.2), ("alpha=0.8", 0.8)])
SCALES = Axis("style_scale", [(f"style_scale={x}", x) for x in (0.7, 1.0, 1.4)])


def one(pictures=PAIR, **given):
    (cell,) = plan_cells(Axis("seed", [("", 0)]), NOTHING, given, pictures)
    return cell


# --- Cells ----------------------------------------------------------------------------


def test_there_is_a_cell_for_each_pair_row_by_row():
    cells = plan_cells(ALPHAS, SCALES, {"steps": 7}, PAIR)
    values = [(c.settings.alpha, *c.settings.style_scale) for c in cells]
    assert values == [(a, s) for a in (0.2, 0.8) for s in (0.7, 1.0, 1.4)]
    assert {c.settings.steps for c in cells} == {7}
    assert {c.settings.size for c in cells} == {SIZE}
    assert cells[1].label == "alpha=0.2 style_scale=1.0"
    assert [c.name for c in cells] == [
        *("01-01.png", "01-02.png", "01-03.png"),
        *("02-01.png", "02-02.png", "02-03.png"),
    ]
    assert all(c.pictures == PAIR for c in cells)


def test_without_columns_there_is_one():
    cells = plan_cells(ALPHAS, NOTHING, {}, PAIR)
    assert [c.label for c in cells] == ["alpha=0.2", "alpha=0.8"]
    assert [c.place for c in cells] == [(0, 0), (1, 0)]


def test_pictures_vary_too():
    rows = Axis("content", [("content=a", "a.png"), ("content=b", "b.png")])
    columns = Axis("style", [("style=c", "c.png")])
    cells = plan_cells(rows, columns, {}, NONE)
    pairs = [(c.pictures["content"], c.pictures["style"]) for c in cells]
    assert pairs == [("a.png", ["c.png"]), ("b.png", ["c.png"])]


def test_a_setting_that_varies_wins_over_a_preset_and_the_size_of_grids():
    given = {"preset": "gatys2015", "weights": "imagenet"}
    sizes = Axis("size", [("", "96"), ("", "200")])
    cells = plan_cells(sizes, Axis("init", [("", "content")]), given, PAIR)
    assert [c.settings.size for c in cells] == [96, 200]
    assert {(c.settings.init, c.settings.backbone) for c in cells} == {
        ("content", "vgg19")
    }


def test_the_settings_of_every_cell_are_checked():
    wrong = Axis("alpha", [("", 0.5), ("", 2.0)])
    assert "`alpha` must be in [0, 1]; received 2.0" in refusal(
        plan_cells, wrong, NOTHING, {}, PAIR
    )
    assert "give a content, a style or both" in refusal(
        plan_cells, ALPHAS, NOTHING, {}, NONE
    )


def test_one_flag_cannot_vary_along_both():
    text = refusal(plan_cells, ALPHAS, ALPHAS, {}, PAIR)
    assert text == "`rows` and `columns` are both alpha; choose another for one."


def test_cells_of_a_panorama_are_larger_than_the_default_with_one_notice():
    shapes = SHAPES | {"wide.png": (100, 1000)}
    contents = Axis("content", [(name, name) for name in ("photo.png", "wide.png")])
    cells = plan_cells(contents, ALPHAS, {}, PAIR)
    with pytest.warns(Notice, match="`wide.png` would be 320 x 32 pixels") as notices:
        fitted = fit_cells(cells, shapes)
    assert len(notices) == 1
    assert [final_size(each, shapes) for each in fitted] == [
        *[(240, 320)] * 2,
        *[(75, 745)] * 2,
    ]
    chosen = one(PAIR | {"content": "wide.png"}, size=300)
    assert fit_cells([chosen], shapes) == [chosen]  # which `mix` refuses


# --- Proofs ---------------------------------------------------------------------------


def test_a_proof_is_the_same_but_smaller_and_faster():
    cell = one(alpha=0.3, octaves=2)
    small = plan_proof(cell, SHAPES, 160, 40)
    assert (small.settings.size, small.settings.steps) == (160, 40)
    back = dataclasses.replace(small.settings, size=320, steps=cell.settings.steps)
    assert back == cell.settings
    assert (small.place, small.label, small.pictures) == (
        cell.place, cell.label, cell.pictures,
    )  # fmt: skip


@pytest.mark.parametrize("size, proof_size", [(320, 0), (160, 160), (96, 160)])
def test_a_cell_no_larger_than_its_proof_has_none(size, proof_size):
    assert plan_proof(one(size=size), SHAPES, proof_size, 40) is None


def test_a_picture_s_own_size_counts_where_size_is_0():
    assert plan_proof(one(size=0), SHAPES, 399, 40).settings.size == 399
    assert plan_proof(one(size=0), SHAPES, 400, 40) is None


def test_a_texture_s_proof_keeps_its_shape():
    pictures = PAIR | {"content": None}
    small = plan_proof(one(pictures, size="400x300", alpha=0.0), SHAPES, 160, 5)
    assert small.settings.size == "160x120"
    square = plan_proof(one(pictures, size="320", alpha=0.0), SHAPES, 160, 5)
    assert square.settings.texture_size == (160, 160)


sides = st.tuples(st.integers(90, 900), st.integers(90, 900))


@given(
    content=sides,
    style=sides,
    scale=st.floats(0.3, 3),
    size=st.integers(100, 1200),
    alone=st.booleans(),
)
def test_the_network_can_see_every_picture_of_a_proof(
    content, style, scale, size, alone
):
    shapes = {"photo.png": content, "painting.png": style}
    cell = one(PAIR, size=size, style_scale=(scale,))
    if alone:
        pictures = PAIR | {"content": None}
        text = f"{content[1]}x{content[0]}"
        cell = one(pictures, size=text, style_scale=(scale,), alpha=0.0)
    small = plan_proof(cell, shapes, 80, 1)
    whole = final_size(cell, shapes)
    if small is None:
        return
    seen = final_size(small, shapes)
    assert max(seen) < max(whole)
    assert min(seen) >= LEAST
    long = max(1, round(max(seen) * scale))
    assert min(images.fitted_size(*style, long)) >= LEAST


def test_wrong_settings_of_proofs_are_refused_in_one_line():
    assert "`proof_size`" in refusal(check_proofs, -1, 40)
    assert "`proof_steps`" in refusal(check_proofs, 0, 0)
    check_proofs(0, 1)


# --- Making the pictures --------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with both pictures in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "painting.png"):
        height, width = SHAPES[name]
        Image.new("RGB", (width, height)).save(name)
    return tmp_path


class Fake:
    """Takes the place of `mix`; makes plain pictures, each of a gray of its own."""

    def __init__(self, monkeypatch):
        self.made, self.stop_at, self.how = [], None, "finished"
        monkeypatch.setattr("vectormix_tf.recipes.mix.mix", self)

    def __call__(self, content, style, *, settings, **_):
        size, alpha = settings.size, settings.alpha
        style_scale = settings.style_scale
        if len(self.made) == self.stop_at and self.how == "raise":
            raise KeyboardInterrupt
        self.made.append((size, alpha, *style_scale))
        height, width = images.fitted_size(*SHAPES["photo.png"], size)
        gray = self.gray(alpha, *style_scale)
        finished = len(self.made) - 1 != self.stop_at
        image = np.full([1, height, width, 3], gray / 255, np.float32)
        return types.SimpleNamespace(image=image, transparency=None, finished=finished)

    @staticmethod
    def gray(alpha, scale):
        return round(100 * alpha + 60 * scale)


@pytest.fixture
def fake(monkeypatch):
    return Fake(monkeypatch)


def grid(rows=ALPHAS, columns=SCALES, proof_size=160, **given):
    cells = plan_cells(rows, columns, {"size": 240, "steps": 3, **given}, PAIR)
    return Grid(rows, columns, cells, SHAPES, proof_size, 2)


def run(it, overwrite=False):
    series = Series("cells", "grid", it.about, it.items, [*PAIR["style"]], overwrite)
    series.begin()
    return it.run(series, "sheet.png")


SMALL = [(160, a, s) for a in (0.2, 0.8) for s in (0.7, 1.0, 1.4)]
LARGE = [(240, a, s) for a in (0.2, 0.8) for s in (0.7, 1.0, 1.4)]


def grays(path="sheet.png"):
    """Which cells a sheet shows, and its width."""
    with Image.open(path) as sheet:
        counts = sheet.convert("L").getcolors(1 << 20)
        width = sheet.width
    ours = {Fake.gray(a, s) for _, a, s in SMALL}
    large = {gray for count, gray in counts if count > 1000}
    return large & ours, large & {sheets.PLACEHOLDER[0]}, width


def test_proofs_come_first_and_then_the_cells(place, fake, capsys):
    assert run(grid()) is True
    assert fake.made == SMALL + LARGE
    shown, missing, width = grays()
    assert len(shown) == 6 and not missing and width > 3 * 240
    names = sorted(os.listdir("cells"))
    assert len(names) == 13 and "cell-02-03.png" in names and "proof-01-01.png" in names
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "proof 1/6: alpha=0.2 style_scale=0.7"
    assert lines[-1] == "cell 6/6: alpha=0.8 style_scale=1.4"


def test_the_sheet_is_written_after_each_row_of_proofs_and_each_cell(
    place, fake, monkeypatch
):
    written = []
    write = Series.write_product

    def watch(series, path, data):
        write(series, path, data)
        written.append((len(fake.made), *map(len, grays()[:2]), grays()[2] > 700))

    monkeypatch.setattr(Series, "write_product", watch)
    run(grid())
    assert written == [
        (3, 3, 1, False),
        (6, 6, 0, False),
        *((count, 6, 0, True) for count in range(7, 13)),
    ]


def test_without_proofs_there_is_one_pass_and_gaps_are_gray(place, fake, monkeypatch):
    fake.stop_at = 4
    assert run(grid(proof_size=0)) is False
    assert fake.made == LARGE[:5]
    shown, missing, _ = grays()
    assert len(shown) == 4 and missing


@pytest.mark.parametrize("how", ["finished", "raise"])
@pytest.mark.parametrize("stop_at", [1, 4, 6, 9])
def test_an_interrupted_grid_is_completed_to_the_same_bytes(stop_at, how, place, fake):
    run(grid())
    whole = {
        name: (place / "cells" / name).read_bytes() for name in os.listdir("cells")
    }
    sheet = (place / "sheet.png").read_bytes()

    fake.made.clear()
    fake.stop_at, fake.how = stop_at, how
    assert run(grid(), overwrite=True) is False
    assert len(grays()[0]) == min(stop_at, 6)
    fake.made.clear()
    fake.stop_at = None
    assert run(grid()) is True
    assert fake.made == (SMALL + LARGE)[stop_at:]
    for name, data in whole.items():
        if name.endswith(".png"):
            assert (place / "cells" / name).read_bytes() == data
    assert (place / "sheet.png").read_bytes() == sheet


def test_a_complete_grid_makes_and_writes_nothing(place, fake):
    run(grid())
    fake.made.clear()
    before = os.stat("sheet.png").st_mtime_ns
    assert run(grid()) is True
    assert not fake.made and os.stat("sheet.png").st_mtime_ns == before
    os.unlink("sheet.png")
    assert run(grid()) is True
    assert not fake.made and len(grays()[0]) == 6


def test_a_grid_interrupted_before_its_first_picture_has_no_sheet(place, fake):
    fake.stop_at, fake.how = 0, "raise"
    with pytest.raises(KeyboardInterrupt):
        run(grid())
    assert not os.path.exists("sheet.png")


def test_the_folder_of_another_grid_is_refused_with_what_differs(place, fake):
    run(grid())
    other = Axis("style_scale", [("", x) for x in (0.7, 1.0, 1.5)])
    for changed, words in [
        (grid(columns=NOTHING), "columns=style_scale (now None)"),
        (grid(rows=Axis("alpha", ALPHAS.values[:1])), "cells=2 x 3 (now 1 x 3)"),
        (grid(columns=other), "style_scale=[1.4] (now [1.5])"),
        (grid(seed=3), "seed=0 (now 3)"),
        (grid(proof_size=120), "proof_size=160 (now 120)"),
        (grid(size=120), "size=240 (now 120)"),
    ]:
        assert words in refusal(run, changed)
    assert len(fake.made) == 12


def test_a_grid_without_proofs_is_refused_for_one_with_proofs(place, fake):
    run(grid(size=120))
    text = refusal(run, grid(size=240))
    assert "size=120 (now 240)" in text and text.count("(now") == 1


def test_a_proof_that_is_enlarged_keeps_its_aspect(place, fake):
    fake.stop_at = 7  # one cell is there; the other places show proofs
    run(grid())
    with Image.open("sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("L"))
    for _, alpha, scale in LARGE:
        seen = pixels == Fake.gray(alpha, scale)
        rows, columns = seen.sum(axis=1) >= 240, seen.sum(axis=0) >= 180
        assert (columns.sum(), rows.sum()) == (240, 180)


def test_transparency_is_kept_in_cells_and_laid_on_white_in_sheets(place, monkeypatch):
    def mix(content, style, **_):
        image, clear = np.zeros([90, 120, 3]), np.zeros([90, 120, 1])
        return types.SimpleNamespace(image=image, transparency=clear, finished=True)

    monkeypatch.setattr("vectormix_tf.recipes.mix.mix", mix)
    run(grid(Axis("seed", [("", 0)]), NOTHING, proof_size=0, size=120))
    with Image.open("cells/cell-01-01.png") as cell:
        assert cell.mode == "RGBA"
    with Image.open("sheet.png") as sheet:
        assert np.all(np.asarray(sheet) == sheets.WHITE)
