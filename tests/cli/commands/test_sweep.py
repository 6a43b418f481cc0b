"""`vectormix sweep`."""

import os

import pytest
from cli_cases import (
    PAIR,
    SIDE,
    SWEEP,
    SWEEP_RUN,
    Mistake,
    bytes_of,
    check_mistake,
    ctrl_c_after,
    each_mistake,
    holds,
    new_files,
    succeeds,
)
from PIL import Image

import vectormix_tf
from vectormix_tf.cli.main import main
from vectormix_tf.io.progress import ProgressBar


def a_sweep(folder, patch):
    """A folder with the manifest of another run."""
    assert main([*SWEEP_RUN, "--output=made", "--alphas=0.5"]) == 0


def own_mistakes():
    rows = [
        ("no style", ["sweep", PAIR[0], SWEEP[3]], ("--style is missing",)),
        ("alphas", [*SWEEP, "--alphas=0-1"], ("FIRST:LAST:COUNT", "'0-1'")),
        ("alphas 2", [*SWEEP, "--alphas=0:2:5"], ("[0, 1]", "received 2.0")),
        ("alpha", [*SWEEP, "--alpha=0.5"], ("Unknown", "alpha")),
        ("further", [*SWEEP, "--further_steps=0"], ("--further_steps", "received 0")),
        ("fps", [*SWEEP, "--fps=999"], ("--fps", "[0.1, 240]")),
        (
            "fps of a GIF",
            [*SWEEP, "--fps=60", "--output=x.gif"],
            ("--fps of a .gif", "[0.1, 50]", "write an .mp4"),
        ),
        ("a picture", [*SWEEP, "--output=x.png"], (".webp or .gif", "`.png`")),
        ("ending", [*SWEEP, "--output=x.mp5"], (".webp or .gif", "a folder", "`.mp5`")),
        ("no folder", [*SWEEP, "--output=no/x"], ("`no` does not exist", "make it")),
        (
            "strangers",
            [*SWEEP, "--output=sub"],
            ("0001.png` exists and is not part of", "--overwrite"),
            lambda folder, patch: (
                (folder / "sub").mkdir(),
                (folder / "sub/0001.png").write_bytes(b"theirs"),
            ),
        ),
        (
            "another sweep",
            [*SWEEP_RUN, "--output=made", "--seed=4"],
            ("`made` was made with", "pictures=1 (now 2)", "--overwrite"),
            a_sweep,
        ),
        ("file", [*SWEEP, "--output=afile"], ("is a file",), holds("afile", b"")),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"sweep: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


@pytest.mark.parametrize("ending, kind", [("webp", "WEBP"), ("gif", "GIF")])
def test_a_sweep_is_a_film_of_its_mixes(ending, kind, capsys, folder):
    out, err = succeeds(capsys, [*SWEEP_RUN, f"--output=out.{ending}"])
    assert out == "" and new_files(folder) == [f"out.{ending}"]
    assert err[::2] == ["picture 1/2: alpha=0.2", "picture 2/2: alpha=0.8"]
    # Further mixes are shorter: they start from the one before.
    assert [line[:19] for line in err[1::2]] == [
        f"octave 1/1 step {steps}/{steps}" for steps in (2, 1)
    ]
    with Image.open(f"out.{ending}") as film:
        assert (film.format, film.size, film.n_frames) == (kind, (SIDE, SIDE), 2)


def test_a_sweep_is_a_folder_of_what_the_python_function_makes(capsys, folder):
    options = {"f1": "conv2a", "f2": "conv1a,conv2a", "size": SIDE, "steps": 2}
    pictures = vectormix_tf.sweep(
        "photo.png", "painting.png", alphas="0.2,0.8", further_steps=1,
        on_progress=None, **options,
    )  # fmt: skip
    for number, result in enumerate(pictures, start=1):
        result.save(f"{number}.png")
    succeeds(capsys, [*SWEEP_RUN, "--output=out/"])
    assert sorted(os.listdir("out")) == ["0001.png", "0002.png", "series.json"]
    for number in (1, 2):
        assert (folder / f"out/000{number}.png").read_bytes() == (
            folder / f"{number}.png"
        ).read_bytes()


def test_a_sweep_that_was_stopped_goes_on_to_the_very_same_bytes(
    capsys, folder, monkeypatch
):
    argv = [*SWEEP_RUN, "--alphas=0:1:3"]
    succeeds(capsys, [*argv, "--output=whole"])
    ctrl_c_after(2, monkeypatch)
    assert main([*argv, "--output=parts"]) == 130
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "vectormix: interrupted; the same command goes on in parts"
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    # What is there is made with the one before, so a lost one is no reason to begin.
    (folder / "parts/0001.png").unlink()
    _, err = succeeds(capsys, [*argv, "--output=parts"])
    announced = [line for line in err if line.startswith("picture")]
    assert announced == ["picture 1/3: alpha=0", "picture 3/3: alpha=1"]
    assert bytes_of(folder / "parts") == bytes_of(folder / "whole")
    _, err = succeeds(capsys, [*argv, "--output=parts"])
    assert err == []


def test_overwrite_starts_a_sweep_anew(capsys, folder):
    succeeds(capsys, [*SWEEP_RUN, "--output=out"])
    succeeds(capsys, [*SWEEP_RUN, "--output=out", "--alphas=0.4", "--overwrite"])
    assert sorted(os.listdir("out")) == ["0001.png", "series.json"]


def test_ctrl_c_leaves_the_film_so_far(capsys, folder, monkeypatch):
    ctrl_c_after(2, monkeypatch)
    assert main([*SWEEP_RUN, "--alphas=0:1:3"]) == 130
    err = capsys.readouterr().err
    assert err.endswith("vectormix: interrupted; wrote the film so far to out.webp\n")
    with Image.open("out.webp") as film:
        assert film.n_frames == 2


def test_ctrl_c_before_the_first_picture_leaves_no_film(capsys, folder, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert main(SWEEP_RUN) == 130
    assert "interrupted before there was anything" in capsys.readouterr().err
    assert new_files(folder) == []
