"""`vectormix grid`."""

import json
import os

import numpy as np
from cli_cases import (
    COMMANDS,
    GRID,
    GRID_RUN,
    QUICK,
    Mistake,
    check_mistake,
    ctrl_c_after,
    each_mistake,
    new_files,
    picture,
    refused,
    succeeds,
)
from PIL import Image

from vectormix_tf.cli.main import main
from vectormix_tf.io.progress import ProgressBar


def folder_of_text(folder, patch):
    (folder / "photos").mkdir()
    (folder / "photos/notes.txt").write_text("hello")


def own_mistakes():
    grid = [*GRID, "--rows=alpha"]
    rows = [
        ("no rows", GRID, ("--rows is missing", "the flag that varies")),
        ("no row", grid, ("--rows=alpha has no values", "--row=VALUE")),
        ("row", [*grid, "--row=half"], ("--row=half", "--alpha", "could not convert")),
        ("row 2", [*grid, "--row=0.5", "--row=2"], ("--alpha", "[0, 1]", "2.0")),
        ("rows", [*GRID, "--rows=alhpa"], ("--rows=alhpa", "did you mean alpha")),
        ("rows: output", [*GRID, "--rows=output"], ("--rows=output is no flag",)),
        ("empty", [*GRID, "--rows="], ("--rows is missing",)),
        ("columns", [*COMMANDS["grid"], "--columns=x"], ("--columns=x is no flag",)),
        (
            "the same",
            [*COMMANDS["grid"], "--columns=alpha", "--column=1"],
            ("both alpha", "choose another"),
        ),
        ("column", [*COMMANDS["grid"], "--column=1"], ("--column needs --columns",)),
        (
            "given too",
            [*COMMANDS["grid"], "--alpha=0.5"],
            ("--alpha is given", "--rows=alpha varies it"),
        ),
        (
            "picture given too",
            [*GRID, "--rows=style", "--row=painting.png"],
            ("--style is given", "leave one out"),
        ),
        (
            "no picture in a folder",
            ["grid", *GRID[2:], "--rows=content", "--row=photos"],
            ("--row=photos holds no picture", ".jpg"),
            folder_of_text,
        ),
        (
            "no match",
            ["grid", *GRID[2:], "--rows=content", "--row=*.gif"],
            ("--row=*.gif holds no picture",),
        ),
        ("proof_size", [*COMMANDS["grid"], "--proof_size=-1"], ("--proof_size",)),
        ("proof_steps", [*COMMANDS["grid"], "--proof_steps=0"], ("--proof_steps",)),
        ("plot", [*COMMANDS["grid"], "--plot=x.png"], ("Unknown", "plot")),
        (
            "init is output",
            [*COMMANDS["grid"], "--init=photo.png", "--output=photo.png"],
            ("also an input",),
        ),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"grid: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_a_grid_is_a_labeled_sheet_of_its_cells(capsys, folder):
    argv = [*GRID_RUN, "--columns=style_scale", "--column=1", "--column=1.2"]
    succeeds(capsys, [*argv, "--size=100", "--proof_size=80", "--proof_steps=1"])
    assert new_files(folder) == ["out-cells", "out.png"]
    kinds = [name[:5] for name in sorted(os.listdir("out-cells"))]
    assert kinds == ["cell-"] * 2 + ["proof"] * 2 + ["serie"]
    sheet = np.asarray(Image.open("out.png").convert("RGB"))
    for name in ("cell-01-01.png", "cell-01-02.png"):
        cell = np.asarray(Image.open(folder / "out-cells" / name))
        assert cell.shape == (100, 100, 3)
        windows = np.lib.stride_tricks.sliding_window_view(sheet, (100, 100, 3))
        assert any(
            np.array_equal(windows[y, x, 0], cell)
            for y, x in np.argwhere(np.all(windows[..., 0, 0, 0, :] == cell[0, 0], -1))
        )


def test_contents_by_styles_may_be_folders_and_globs(capsys, folder):
    (folder / "photos").mkdir()
    for name, seed in {"photos/b": 3, "photos/a": 4, "style1": 5, "style2": 6}.items():
        picture(seed).save(f"{name}.png")
    rows = ["--rows=content", "--row=photos/", "--columns=style", "--column=style?.*"]
    _, err = succeeds(capsys, ["grid", GRID[3], *rows, *QUICK["grid"]])
    assert [line for line in err if line.startswith("cell")] == [
        "cell 1/4: content=a style=style1",
        "cell 2/4: content=a style=style2",
        "cell 3/4: content=b style=style1",
        "cell 4/4: content=b style=style2",
    ]
    record = json.loads((folder / "out-cells/series.json").read_text())
    names = [name.replace("\\", "/") for name in record["inputs"]]
    assert names == ["photos/a.png", "photos/b.png", "style1.png", "style2.png"]


def test_ctrl_c_leaves_the_sheet_so_far_and_the_grid_goes_on(
    capsys, folder, monkeypatch
):
    argv = [*GRID_RUN, "--row=0.8"]
    ctrl_c_after(1, monkeypatch)
    assert main(argv) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "vectormix: interrupted; wrote the sheet so far to out.png; the same command"
        " goes on"
    )
    first = (folder / "out.png").read_bytes()
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    _, err = succeeds(capsys, argv)
    assert err[0] == "cell 2/2: alpha=0.8" and len(err) == 2
    assert (folder / "out.png").read_bytes() != first
    (folder / "out.png").write_bytes(b"theirs")
    assert "out.png` exists" in refused(capsys, folder, argv)
    succeeds(capsys, [*GRID_RUN, "--overwrite"])
    assert sorted(os.listdir("out-cells")) == ["cell-01-01.png", "series.json"]


def test_ctrl_c_before_the_first_picture_leaves_no_sheet(capsys, folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert main(GRID_RUN) == 130
    assert "interrupted before there was anything" in capsys.readouterr().err
    assert new_files(folder) == []
