"""`vectormix film`: its files, how it goes on, and its mistakes."""

import os
import re

import numpy as np
import pytest
from cli_cases import (
    FILM,
    FILM_RUN,
    Mistake,
    check_mistake,
    each_mistake,
    picture,
    succeeds,
)
from PIL import Image

from vectormix_tf.cli.main import main
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings
from vectormix_tf.config.setting import settings_of
from vectormix_tf.io import clips
from vectormix_tf.io.progress import ProgressBar


@pytest.fixture
def frames(folder):
    """A folder of three frames that move."""
    (folder / "frames").mkdir()
    wide = picture(1, 80, 100)
    for i in range(3):
        wide.crop((2 * i, 0, 2 * i + 90, 80)).save(folder / "frames" / f"{i}.png")
    return folder


FRAMES_RUN = [*FILM_RUN, "--video=frames", "--fps=10", "--size=90"]


def test_a_film_is_written_and_how_much_it_flickers_is_told(capsys, frames):
    out, err = succeeds(capsys, [*FRAMES_RUN, "--output=out.mp4"])
    own, source = map(float, re.search(r"error (\S+); .* (\S+)\n", out).groups())
    assert out.startswith("out.mp4: ") and 0 < own < 0.1 and 0 <= source < 0.1
    assert re.search(r"3 frames of 90 x 80 pixels take about .* GB of memory", err[0])
    assert sum("frame " in line for line in err[1:]) == 3
    clip = clips.read("out.mp4", 25)
    assert len(clip.times) == 3 and float(clip.end) == pytest.approx(0.3)
    assert not os.path.exists("out.mp4.frames")


def test_a_folder_has_a_picture_for_each_frame(capsys, frames):
    succeeds(capsys, [*FRAMES_RUN, "--output=out"])
    names = sorted(name for name in os.listdir("out") if name.endswith(".png"))
    assert names == ["00001.png", "00002.png", "00003.png"]


def interrupt_in_frame(number):
    """Returns what interrupts a run in place of showing that frame."""
    shown = ProgressBar.__call__

    def show(bar, progress):
        if progress.octave == number:
            raise KeyboardInterrupt
        shown(bar, progress)

    return show


def test_interrupted_it_goes_on_to_the_same_bytes(capsys, frames, monkeypatch):
    succeeds(capsys, [*FRAMES_RUN, "--output=whole.mp4"])
    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt_in_frame(2))
        assert main([*FRAMES_RUN, "--output=out.mp4"]) == 130
    assert "the same command goes on in out.mp4.frames" in capsys.readouterr().err
    assert os.path.exists("out.mp4.frames/00001.png") and not os.path.exists("out.mp4")
    _, err = succeeds(capsys, [*FRAMES_RUN, "--output=out.mp4"])
    assert "2 frames" in err[0]
    with open("whole.mp4", "rb") as whole, open("out.mp4", "rb") as out:
        assert whole.read() == out.read()


def test_a_finished_folder_is_left_as_it_is(capsys, frames):
    succeeds(capsys, [*FRAMES_RUN, "--output=out"])
    before = {e.name: e.stat().st_mtime_ns for e in os.scandir("out")}
    _, err = succeeds(capsys, [*FRAMES_RUN, "--output=out"])
    assert not err and before == {
        e.name: e.stat().st_mtime_ns for e in os.scandir("out")
    }


def test_each_second_frame_is_made_and_the_others_moved(capsys, frames):
    _, err = succeeds(capsys, [*FRAMES_RUN, "--output=out", "--every=2"])
    assert "2 frames of" in err[0] and len(os.listdir("out")) == 5
    succeeds(capsys, [*FRAMES_RUN, "--output=all"])
    first, middle = (
        [np.float32(Image.open(f"{where}/0000{n}.png")) for where in ("out", "all")]
        for n in (1, 2)
    )
    assert np.array_equal(*first) and 0 < np.abs(middle[0] - middle[1]).mean() < 20


def test_keys_and_a_mask_apply_to_frames(capsys, frames):
    mask = Image.new("L", (90, 80), 0)
    mask.paste(255, (0, 0, 45, 80))
    mask.save("mask.png")
    argv = [*FRAMES_RUN, "--mask=mask.png", "--key=1:alpha=0.2", "--key=3:alpha=0.9"]
    succeeds(capsys, [*argv, "--output=out"])
    for i in range(3):
        made, source = (
            np.float32(Image.open(path).convert("RGB"))
            for path in (f"out/0000{i + 1}.png", f"frames/{i}.png")
        )
        assert np.abs(made - source)[:, 50:].max() <= 1
        assert np.abs(made - source)[:, :40].mean() > 5


def test_a_mask_may_be_a_folder(capsys, frames):
    os.mkdir("masks")
    for i, level in enumerate((0, 0, 255)):
        Image.new("L", (90, 80), level).save(f"masks/{i}.png")
    succeeds(capsys, [*FRAMES_RUN, "--mask=masks", "--output=out"])
    changes = [
        np.abs(
            np.float32(Image.open(f"out/0000{i + 1}.png"))
            - np.float32(Image.open(f"frames/{i}.png").convert("RGB"))
        ).mean()
        for i in range(3)
    ]
    assert changes[0] < 1 and changes[1] < 1 and changes[2] > 5


def test_the_preview_ends_with_the_last_frame(capsys, frames):
    succeeds(capsys, [*FRAMES_RUN, "--output=out", "--preview=now.png"])
    with open("now.png", "rb") as now, open("out/00003.png", "rb") as last:
        assert now.read() == last.read()


DREAM_RUN = ["film", "--dream", "--video=frames", "--fps=10", "--size=90", "--steps=2"]
DREAM_RUN += ["--octaves=1", "--layers=conv2a", "--further_steps=1"]


def test_a_film_is_dreamt(capsys, frames):
    out, err = succeeds(capsys, [*DREAM_RUN, "--output=out.mp4"])
    assert "warping error" in out and "3 frames of 90 x 80 pixels" in err[0]
    assert len(clips.read("out.mp4", 25).times) == 3
    succeeds(capsys, [*DREAM_RUN, "--guide=painting.png", "--output=guided"])
    succeeds(capsys, [*DREAM_RUN, "--output=plain"])
    first = [np.asarray(Image.open(f"{x}/00001.png")) for x in ("guided", "plain")]
    assert not np.array_equal(*first)


def test_a_dream_that_was_interrupted_goes_on_to_the_same_bytes(
    capsys, frames, monkeypatch
):
    """Also where its strength must be held."""
    argv = [*DREAM_RUN, "--further_step_size=0.05"]
    succeeds(capsys, [*argv, "--output=whole"])
    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt_in_frame(3))
        assert main([*argv, "--output=out"]) == 130
    succeeds(capsys, [*argv, "--output=out"])
    for i in (1, 2, 3):
        whole, out = (frames / folder / f"0000{i}.png" for folder in ("whole", "out"))
        assert whole.read_bytes() == out.read_bytes()


def test_help_tells_what_is_of_dreams(capsys):
    out, _ = succeeds(capsys, ["film", "--help"])
    lines = {line.split(":")[0].strip(): line for line in out.splitlines()}
    assert "of --dream 15 by default" in lines["--steps"]
    assert "; of --dream" in lines["--layers"]
    assert "--dream" not in lines["--alpha"] + lines["--seed"] + lines["--inertia"]


def test_flags_that_both_kinds_have_are_of_one_type():
    one, other = (settings_of(kind) for kind in (FilmSettings, DreamFilmSettings))
    differ = {
        name for name in set(one) & set(other) if one[name].kind != other[name].kind
    }
    assert differ == {"size"}


def a_film(folder, patch):
    """A folder with the frames of another run."""
    assert main([*FILM_RUN, "--output=made"]) == 0


def own_mistakes():
    rows = [
        ("no film", [FILM[0], *FILM[2:]], ("--video is missing",)),
        ("no style", [*FILM[:2], *FILM[3:]], ("--style is missing",)),
        ("no such film", [*FILM, "--video=no.mp4"], ("`no.mp4` does not exist",)),
        ("text", [*FILM, "--video=a.txt"], ("`a.txt` cannot be read",), a_text),
        ("ending", [*FILM, "--output=x.avi"], (".mp4 or .webp or .gif", "`.avi`")),
        ("fps", [*FILM, "--fps=0"], ("--fps", "[0.1, 240]")),
        ("every", [*FILM, "--every=0"], ("--every", "0")),
        ("key", [*FILM, "--key=alpha"], ("--key must be FRAME:NAME=VALUE",)),
        ("key's name", [*FILM, "--key=1:f1=2"], ("can change alpha, tv",)),
        ("style of a dream", [*FILM, "--dream"], ("--style is not of --dream",)),
        (
            "alpha of a dream",
            [*DREAM_RUN, "--alpha=1", "--output=x"],
            ("--alpha is not of --dream",),
        ),
        ("layers of a mix", [*FILM, "--layers=mixed4"], ("--layers is of --dream",)),
        ("guide of a mix", [*FILM, "--guide=photo.png"], ("--guide is of --dream",)),
        (
            "pair of a dream",
            [*DREAM_RUN, "--size=90x80", "--output=x"],
            ("--size must be a whole number",),
        ),
        ("hold", [*FILM, "--hold=-1"], ("--hold",)),
        (
            "output is input",
            [*FILM, "--video=x.gif", "--output=x.gif"],
            ("also an in",),
        ),
        ("no mask", [*FILM, "--mask=no.png"], ("no.png",)),
        ("preview", [*FILM, "--preview=photo.png"], ("an input",)),
        (
            "another film",
            [*FILM_RUN, "--output=made", "--hold=9"],
            ("`made` was made with", "hold=100.0 (now 9.0)", "--overwrite"),
            a_film,
        ),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"film: {name}", argv, words, *prepare)


def a_text(folder, patch):
    (folder / "a.txt").write_text("no film " * 200)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)
