"""Command lines, their mistakes and their help, for the tests of the commands.

Runs are in this process, on 80 pixels, few layers and two steps.
"""

import os
import re
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.cli.main import main
from vectormix_tf.config.dream import DreamSettings, ZoomSettings
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import settings_of
from vectormix_tf.io.progress import ProgressBar

SIDE = 80
SETTINGS = {
    "mix": MixSettings,
    "sweep": MixSettings,
    "grid": MixSettings,
    "dream": DreamSettings,
    "zoom": ZoomSettings,
    "film": FilmSettings,
}
PAIR = ["--content=photo.png", "--style=painting.png"]
IMAGE = ["--image=photo.png"]
FRAMES = ["--video=photo.png", "--style=painting.png"]
PICTURES = {"mix": PAIR, "sweep": PAIR, "grid": PAIR, "dream": IMAGE, "zoom": IMAGE}
PICTURES["film"] = FRAMES
MIX = ["mix", *PICTURES["mix"], "--output=out.png"]
DREAM = ["dream", *PICTURES["dream"], "--output=out.png"]
ZOOM = ["zoom", *IMAGE, "--frames=3", "--output=out.webp"]
FILM = ["film", *FRAMES, "--output=out.webp"]
SWEEP = ["sweep", *PAIR, "--output=out.webp"]
ROWS = ["--rows=alpha", "--row=0.2"]
GRID = ["grid", *PAIR, "--output=out.png"]
QUICK = {
    "mix": [f"--size={SIDE}", "--steps=2", "--f1=conv2a", "--f2=conv1a,conv2a"],
    "dream": [f"--size={SIDE}", "--steps=2", "--octaves=1", "--layers=conv2a"],
}
QUICK["sweep"] = [*QUICK["mix"], "--alphas=0.2,0.8", "--further_steps=1"]
QUICK["grid"] = [*QUICK["mix"], "--proof_size=0"]
MIX_RUN, DREAM_RUN = [*MIX, *QUICK["mix"]], [*DREAM, *QUICK["dream"]]
ZOOM_RUN = [*ZOOM, "--size=80", "--steps=1", "--octaves=1", "--layers=conv2a"]
SWEEP_RUN = [*SWEEP, *QUICK["sweep"]]
GRID_RUN = [*GRID, *ROWS, *QUICK["grid"]]
RUNS = {"mix": MIX_RUN, "sweep": SWEEP_RUN, "grid": GRID_RUN, "dream": DREAM_RUN}
RUNS["zoom"] = ZOOM_RUN
FILM_RUN = [*FILM, *QUICK["mix"], "--further_steps=1"]
RUNS["film"] = FILM_RUN
COMMANDS = {"mix": MIX, "sweep": SWEEP, "grid": [*GRID, *ROWS], "dream": DREAM}
COMMANDS["zoom"] = ZOOM
COMMANDS["film"] = FILM
# Commands that write one picture, and have flags for files beside it.
SINGLE = ("mix", "dream")

# --- Files and runs -------------------------------------------------------------------


def picture(seed, height=SIDE, width=SIDE):
    """A ramp of colors with some noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramps = [rows / height, columns / width, (rows + columns) / (height + width)]
    noise = np.random.default_rng(seed).random((height, width, 3))
    return Image.fromarray(np.uint8(200 * np.stack(ramps, -1) + 50 * noise))


def contents(folder):
    """All files with their bytes and times of change, and all folders."""
    return {
        path.relative_to(folder): path.is_file()
        and (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def new_files(folder):
    """Names of the files that a command has added to the two pictures."""
    return sorted({*os.listdir(folder)} - {"photo.png", "painting.png"})


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refused(capsys, folder, argv):
    """Runs a command that must be refused; returns the line on stderr."""
    before = contents(folder)
    capsys.readouterr()
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vectormix: ") and err.endswith("\n")
    assert len(err.splitlines()) == 1 and "Traceback" not in err
    assert contents(folder) == before
    return err


def succeeds(capsys, argv):
    """Runs a command that must succeed; returns stdout and the lines on stderr."""
    capsys.readouterr()
    code = main(argv)
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err.splitlines()


def ctrl_c_after(mixes, patch):
    """Interrupts the mix after so many mixes, after its first step."""
    show, seen = ProgressBar.__call__, []

    def interrupt(bar, progress):
        if bar not in seen:
            seen.append(bar)
        if len(seen) > mixes and progress.step:
            raise KeyboardInterrupt
        show(bar, progress)

    patch.setattr(ProgressBar, "__call__", interrupt)


# --- Mistakes -------------------------------------------------------------------------


class Mistake(NamedTuple):
    """A command line that is refused.

    Attributes:
        name: Names the test.
        argv: The command line.
        words: What the line on stderr contains.
        prepare: (folder, monkeypatch) -> None, called first.
    """

    name: str
    argv: list
    words: tuple
    prepare: object = lambda folder, patch: None


def each_mistake(cases):
    """Parametrizes a test over mistakes, which give the tests their names."""
    return pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in cases])


def check_mistake(case, capsys, folder, monkeypatch):
    """Asserts that a mistake gets one line that names it, and that no file changes."""
    case.prepare(folder, monkeypatch)
    line = refused(capsys, folder, case.argv)
    for word in case.words:
        assert word in line


def holds(name, data):
    return lambda folder, patch: (folder / name).write_bytes(data)


def folder_named(name):
    return lambda folder, patch: (folder / name).mkdir()


def use_jax(folder, patch):
    patch.setenv("KERAS_BACKEND", "jax")


# Mistakes in flags that `visualize` and `atlas` share.
CHANNEL = ["--layer=conv2a", "--size=75", "--steps=1"]
EACH_WRONG_CHANNEL = pytest.mark.parametrize(
    "flags, words",
    [
        (["--channels=32"], ("names 32", "conv2a has 32", "from 0 to 31")),
        (["--channels=none"], ("--channels", "0-31", "received 'none'")),
        (["--layer=conv9"], ("--layer must be one of", "did you mean")),
        (["--size=74"], ("--size", "75")),
        (["--objective=max"], ("--objective", "mean, square")),
        (["--output="], ("--output is missing",)),
        (["--output=no/x.png"], ("`no` does not exist",)),
        (["--weights=no.h5"], ("there is no file 'no.h5'",)),
        (["--stepz=1"], ("'stepz'", "steps")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)

# --- Help -----------------------------------------------------------------------------


def flags_of(capsys, command):
    """Reads `{flag: (help, default)}` from the help of a command."""
    out, err = succeeds(capsys, [command, "--help"])
    assert not err
    lines = re.findall(r"^  --(\w+): (.*?)(?: \(default: (.*)\))?$", out, re.MULTILINE)
    assert len(lines) == sum(line.startswith("  --") for line in out.splitlines())
    return {name: (text, default) for name, text, default in lines}


OUTPUT_FLAGS = {"output", "overwrite", "flagfile", "threads"}
RUN_FLAGS = {
    "save_every",
    "manifest",
    "depth",
    "checkpoint",
    "resume",
    "plot",
    "server",
}
PICTURE_FLAGS = {"content", "style", "mask", "style_mask", "guide"}
OWN_FLAGS = {
    "mix": PICTURE_FLAGS | RUN_FLAGS | {"preview"},
    "sweep": PICTURE_FLAGS | {"alphas", "further_steps", "fps"},
    "grid": PICTURE_FLAGS
    | {"rows", "row", "columns", "column", "proof_size", "proof_steps"},
    "dream": {"image", "guide", "mask", "explore", "learning_rate"}
    | RUN_FLAGS
    | {"preview"},
    "zoom": {"image", "guide", "fps", "learning_rate", "preview"},
    "film": {"video", "style", "dream", "guide", "mask", "preview", "key", "every"}
    | {"fps", *(settings_of(DreamFilmSettings).keys() - settings_of(FilmSettings))},
}
NO_FLAGS = {"style_weights"}  # --style=FILE:WEIGHT gives it


# --- Another process ------------------------------------------------------------------

VECTORMIX = [sys.executable, "-m", "vectormix_tf"]


def process_options(root):
    """Options of `subprocess` to run this checkout's package, with buffered output."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return {"env": env | {"PYTHONPATH": str(root)}, "stderr": subprocess.PIPE}
