"""What `vectormix` promises: one line for a mistake, and files that are what was asked.

Runs are in this process, on 80 pixels, few layers and two steps; what cannot be seen
from inside (a signal, a closed pipe, TensorFlow's own log) is seen from outside.
"""

import dataclasses
import hashlib
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from typing import NamedTuple

import keras
import numpy as np
import pytest
from mistakes import full_disk, refusal, unreachable
from PIL import Image

import vectormix_tf
import vectormix_tf.config.classes
from vectormix_tf.backbone import load as networks
from vectormix_tf.cli import main as cli_main
from vectormix_tf.config.dream import DreamSettings, ZoomSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import settings_of
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.errors import InputError
from vectormix_tf.galleries import atlas as atlases
from vectormix_tf.galleries import grid as grids
from vectormix_tf.io import images
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.recipes import classify as classify_recipe

SIDE = 80
KINDS = {
    "mix": MixSettings,
    "sweep": MixSettings,
    "grid": MixSettings,
    "dream": DreamSettings,
    "zoom": ZoomSettings,
}
PAIR = ["--content=photo.png", "--style=painting.png"]
IMAGE = ["--image=photo.png"]
PICTURES = {"mix": PAIR, "sweep": PAIR, "grid": PAIR, "dream": IMAGE, "zoom": IMAGE}
MIX = ["mix", *PICTURES["mix"], "--output=out.png"]
DREAM = ["dream", *PICTURES["dream"], "--output=out.png"]
ZOOM = ["zoom", *IMAGE, "--frames=3", "--output=out.webp"]
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
# Those that make one picture and have more flags about it.
SINGLE = ("mix", "dream")


def picture(seed, height=SIDE, width=SIDE):
    """A ramp of colors with some noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramps = [rows / height, columns / width, (rows + columns) / (height + width)]
    noise = np.random.default_rng(seed).random((height, width, 3))
    return Image.fromarray(np.uint8(200 * np.stack(ramps, -1) + 50 * noise))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    picture(1).save(folder / "photo.png")
    picture(2, 84, 88).save(folder / "painting.png")
    return folder


@pytest.fixture(autouse=True)
def folder(pictures, tmp_path, monkeypatch):
    """The current folder, with two pictures in it and nothing else."""
    shutil.copytree(pictures, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path / "here"


def contents(folder):
    """All files with their bytes and times, and all folders."""
    return {
        path.relative_to(folder): path.is_file()
        and (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def made(folder):
    """Names of the files that a run has added."""
    return sorted({*os.listdir(folder)} - {"photo.png", "painting.png"})


def refused(capsys, folder, argv):
    """Runs what must be refused; returns the line on stderr."""
    before = contents(folder)
    capsys.readouterr()
    assert cli_main.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vectormix: ") and err.endswith("\n")
    assert len(err.splitlines()) == 1 and "Traceback" not in err
    assert contents(folder) == before
    return err


def succeeds(capsys, argv):
    """Runs what must go well; returns stdout and the lines on stderr."""
    capsys.readouterr()
    code = cli_main.main(argv)
    out, err = capsys.readouterr()
    assert code == 0, err
    return out, err.splitlines()


# --- Mistakes -------------------------------------------------------------------------


def png_header(width, height):
    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"")


def holds(name, data):
    return lambda folder, patch: (folder / name).write_bytes(data)


def truncated_jpeg(folder, patch):
    file = io.BytesIO()
    picture(3).save(file, "JPEG")
    (folder / "x.jpg").write_bytes(file.getvalue()[: file.tell() // 2])


def one_pixel(folder, patch):
    picture(3, 1, 1).save(folder / "x.png")


def locked_folder(folder, patch):
    (folder / "locked").mkdir()
    access = os.access  # asked for, because root may write anywhere

    def denied(path, mode):
        locked = os.path.basename(path) == "locked" and mode & os.W_OK
        return not locked and access(path, mode)

    patch.setattr(os, "access", denied)


def link_to_photo(folder, patch):
    (folder / "link.png").symlink_to("photo.png")


def folder_named(name):
    return lambda folder, patch: (folder / name).mkdir()


def jax(folder, patch):
    patch.setenv("KERAS_BACKEND", "jax")


class Wrong(NamedTuple):
    name: str
    argv: list
    words: tuple  # in the line on stderr
    prepare: object = lambda folder, patch: None


def wrong_pictures():
    """Each bad picture, in each place where a picture is named."""
    bad = [
        ("missing file", "no.png", ("`no.png` does not exist", "check"), None),
        ("folder", "sub", ("is a folder", "name a picture"), folder_named("sub")),
        ("empty file", "x.png", ("is empty", "name a pict"), holds("x.png", b"")),
        ("text", "x.jpg", ("no picture", "use JPEG"), holds("x.jpg", b"hello" * 99)),
        ("truncated JPEG", "x.jpg", ("truncated", "new copy"), truncated_jpeg),
        ("1 x 1 picture", "x.png", ("1 x 1", "at least 2"), one_pixel),
        ("width 0", "x.png", ("x.png", "use JPEG"), holds("x.png", png_header(0, 9))),
        (
            "400 megapixels",
            "x.png",
            ("20000 x 20000", "200 megapixels", "--max_pixels"),
            holds("x.png", png_header(20000, 20000)),
        ),
    ]
    places = [
        *((argv, flag) for argv in (MIX, SWEEP) for flag in ("content", "style")),
        *(([*GRID, *ROWS], "content"), (DREAM, "image")),
        *(([*GRID[:2], GRID[3], "--rows=style"], "row"),),
    ]
    for name, path, words, prepare in bad:
        for argv, flag in places:
            if (flag, name) == ("row", "folder"):  # which stands for its pictures
                words = ("holds no picture",)
            title = f"{argv[0]}: {flag}: {name}"
            case = Wrong(title, [*argv, f"--{flag}={path}"], words)
            yield case._replace(prepare=prepare) if prepare else case


COMMANDS = {"mix": MIX, "sweep": SWEEP, "grid": [*GRID, *ROWS], "dream": DREAM}
COMMANDS["zoom"] = ZOOM


def wrong_anything():
    """Mistakes that all commands with a picture share."""
    for command, argv in COMMANDS.items():
        source = PICTURES[command][0].partition("=")[0].strip("-")
        ending = "webp" if command in ("sweep", "zoom") else "png"
        rows = [
            ("max_pixels", ["--max_pixels=99"], ("80 x 80", "--max_pixels")),
            ("weights", ["--weights=no.h5"], ("--weights", "no file 'no.h5'")),
            ("size -1", ["--size=-1"], ("--size", "received -1")),
            ("size 10", ["--size=10"], ("at least 75", "received 10")),
            ("size 99999999", ["--size=99999999"], ("--size", "32768")),
            ("seed -1", ["--seed=-1"], ("--seed", "received -1")),
            ("steps 0", ["--steps=0"], ("--steps", "[1, ", "received 0")),
            ("steps in words", ["--steps=many"], ("--steps=many", "int")),
            ("octaves 0", ["--octaves=0"], ("--octaves", "[1, 32]")),
            ("octave_scale", ["--octave_scale=1"], ("--octave_scale", "1.01")),
            ("overwrite=maybe", ["--overwrite=maybe"], ("--overwrite", "maybe")),
            ("nooverwrite=1", ["--nooverwrite=1"], ("--nooverwrite", "--help")),
            ("no value", ["--size"], ("Missing value", "size")),
            ("unknown flag", ["--sise=80"], ("'sise'", "Did you mean", "size")),
            ("stray word", ["out2.png"], ("'out2.png'", "--name=value")),
            ("no output", ["--output="], ("--output is missing",)),
            ("no picture", [f"--{source}="], (f"--{source} is", "")),
            (
                "no folder",
                [f"--output=no/x.{ending}"],
                ("`no` does not exist", "make it"),
            ),
            (
                "file as folder",
                [f"--output=photo.png/x.{ending}"],
                ("`photo.png` is not a folder", "make it or name another"),
            ),
            ("flagfile", ["--flagfile=no.txt"], ("flagfile", "no.txt")),
        ]
        for name, flags, words in rows:
            yield Wrong(f"{command}: {name}", [*argv, *flags], words)

        old = holds(f"old.{ending}", b"old")
        exists = (f"old.{ending}` exists", "--overwrite")
        rows = [
            (
                "locked",
                [f"--output=locked/x.{ending}"],
                ("cannot be written",),
                locked_folder,
            ),
            ("existing", [f"--output=old.{ending}"], exists, old),
            ("flagfile of bytes", ["--flagfile=x"], ("--help",), holds("x", b"\xff")),
            ("backend", [], ("KERAS_BACKEND is 'jax'", "unset it"), jax),
        ]
        for name, flags, words, prepare in rows:
            yield Wrong(f"{command}: {name}", [*argv, *flags], words, prepare)


def wrong_picture_files():
    """Mistakes in the name of the one picture that a command writes."""
    for command in ("mix", "grid", "dream"):
        rows = [
            ("ending", ["--output=x.gif"], ("must end with", "`.png`", "`.gif`")),
            ("no ending", ["--output=x"], ("must end with one of `.png`",)),
            ("no name", ["--output=.png"], ("no file name", "mix.png")),
            ("input", ["--output=photo.png"], ("also an input", "name another")),
            (
                "input again",
                ["--output=./photo.png", "--overwrite"],
                ("also an input", "name another"),
            ),
            ("is folder", ["--output=sub"], ("is a folder",), folder_named("sub")),
            (
                "is folder.png",
                ["--output=sub.png", "--overwrite"],
                ("is a folder", "add a file name"),
                folder_named("sub.png"),
            ),
            ("link", ["--output=link.png", "--overwrite"], ("input",), link_to_photo),
        ]
        for name, flags, words, *prepare in rows:
            argv = [*COMMANDS[command], *flags]
            yield Wrong(f"{command}: {name}", argv, words, *prepare)


def wrong_records():
    """Mistakes in what a run of one picture writes beside it."""
    for command in SINGLE:
        source = PICTURES[command][0].partition("=")[0].strip("-")
        exists = ("old.png` exists", "--overwrite")
        rows = [
            ("depth 12", ["--depth=12"], ("depth must be 8 or 16", "received 12")),
            (
                "depth 16 of .jpg",
                ["--depth=16", "--output=x.jpg"],
                ("depth 16", "only as `.png`"),
            ),
            ("manifest folder", ["--manifest=no/x.json"], ("`no` does not exist",)),
            ("manifest empty", ["--manifest="], ("manifest", "name a file")),
            ("manifest = input", ["--manifest=photo.png"], ("manifest", "input")),
            (
                "manifest = output",
                ["--manifest=./out.png", "--overwrite"],
                ("manifest", "name another file"),
            ),
            ("save_every -1", ["--save_every=-1"], ("--save_every", "received -1")),
            (
                "manifest exists",
                ["--manifest=old.png"],
                exists,
                holds("old.png", b"old"),
            ),
            (
                "save_every exists",
                ["--save_every=2", "--steps=4", "--octaves=2"],
                ("out-2-4.png, which exists", "--save_every", "--overwrite"),
                holds("out-2-4.png", b"old"),
            ),
            (
                "save_every = input",
                ["--save_every=1", "--overwrite", f"--{source}=out-1-1.png"],
                ("choose another --output",),
                lambda folder, patch: picture(1).save(folder / "out-1-1.png"),
            ),
            ("plot ending", ["--plot=x.jpg"], ("plot `x.jpg`", "`.svg`", "`.jpg`")),
            ("plot folder", ["--plot=no/x.png"], ("plot", "`no` does not exist")),
            ("plot = output", ["--plot=out.png"], ("plot", "name another file")),
            (
                "plot = manifest",
                ["--plot=x.svg", "--manifest=./x.svg"],
                ("plot", "name another file"),
            ),
            (
                "checkpoint = plot",
                ["--plot=x.svg", "--checkpoint=x.svg"],
                ("checkpoint", "name another file"),
            ),
            (
                "save_every = plot",
                ["--save_every=1", "--plot=out-1-1.png"],
                ("the plot", "choose another --output"),
            ),
            (
                "plot exists",
                ["--plot=old.png"],
                exists,
                holds("old.png", b"old"),
            ),
            (
                "no matplotlib",
                ["--plot=x.png"],
                ("pip install 'vectormix_tf[plot]'",),
                lambda folder, patch: patch.setitem(sys.modules, "matplotlib", None),
            ),
        ]
        for name, flags, words, *prepare in rows:
            argv = [*COMMANDS[command], *flags]
            yield Wrong(f"{command}: {name}", argv, words, *prepare)


def only_text(folder, patch):
    (folder / "photos").mkdir()
    (folder / "photos/notes.txt").write_text("hello")


def a_sweep(folder, patch):
    """A folder with the manifest of another run."""
    assert cli_main.main([*SWEEP_RUN, "--output=made", "--alphas=0.5"]) == 0


def wrong_sweeps_and_grids():
    grid = [*GRID, "--rows=alpha"]
    rows = [
        ("no style", ["sweep", PAIR[0], SWEEP[3]], ("--style is missing",)),
        ("alphas", [*SWEEP, "--alphas=0-1"], ("FIRST:LAST:COUNT", "'0-1'")),
        ("alphas 2", [*SWEEP, "--alphas=0:2:5"], ("[0, 1]", "received 2.0")),
        ("alpha", [*SWEEP, "--alpha=0.5"], ("Unknown", "alpha")),
        ("further", [*SWEEP, "--further_steps=0"], ("--further_steps", "received 0")),
        ("fps", [*SWEEP, "--fps=99"], ("--fps", "[0.1, 50]")),
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
            only_text,
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
        yield Wrong(f"{argv[0]}: {name}", argv, words, *prepare)


def wrong_classes():
    show = ["visualize", "--output=out.png"]
    rows = [
        ("unknown", ["--class=macw"], ("'macw'", "macaw")),
        ("layer too", ["--class=macaw", "--layer=mixed3"], ("leave --layer out",)),
        ("channels too", ["--class=macaw", "--channels=1"], ("--channels out",)),
        ("bundled", ["--class=macaw", "--weights=bundled"], ("mixed5", "imagenet")),
    ]
    for name, flags, words in rows:
        yield Wrong(f"class: {name}", [*show, *flags], words)


def a_zoom(folder, patch):
    """A folder with the manifest of another run."""
    assert cli_main.main([*ZOOM_RUN, "--output=made", "--frames=1"]) == 0


def wrong_zooms_and_explorations():
    explore = [*DREAM, "--explore"]
    rows = [
        ("no frames", [*ZOOM[:2], ZOOM[3]], ("--frames is missing", "how many")),
        ("0 frames", [*ZOOM, "--frames=0"], ("--frames must be in [1, 9999]",)),
        ("ending", [*ZOOM, "--output=x.avi"], (".mp4 or .webp or .gif", "`.avi`")),
        ("fps", [*ZOOM, "--fps=0"], ("--fps", "[0.1, 50]")),
        ("shift", [*ZOOM, "--shift=4"], ("--shift must be X,Y", "'4'")),
        ("easing", [*ZOOM, "--easing=inout"], ("did you mean in_out",)),
        ("film is input", [*ZOOM, "--guide=x.gif", "--output=x.gif"], ("also an in",)),
        (
            "another zoom",
            [*ZOOM_RUN, "--output=made", "--frames=1", "--zoom=9"],
            ("`made` was made with", "zoom=5.0 (now 9.0)", "--overwrite"),
            a_zoom,
        ),
        ("layers", [*explore, "--layers=mixed3"], ("all layers; leave --layers out",)),
        ("plot", [*explore, "--plot=x.png"], ("leave --plot out",)),
        ("a film", [*explore, "--output=x.gif"], ("must end with", "`.png`")),
        (
            "sheet of others",
            [*explore, "--output=old.png"],
            ("old.png` exists",),
            holds("old.png", b"old"),
        ),
    ]
    for name, argv, words, *prepare in rows:
        yield Wrong(f"{argv[0]}: {name}", argv, words, *prepare)


def wrong_classifications():
    rows = [
        ("no picture", [], ("which picture?", "classify PHOTO.jpg")),
        ("missing file", ["photo.png", "no.png"], ("`no.png` does not exist",)),
        ("folder", ["sub"], ("is a folder",), folder_named("sub")),
        ("text", ["x.jpg"], ("no picture",), holds("x.jpg", b"hello" * 99)),
        ("large", ["photo.png", "--max_pixels=99"], ("80 x 80", "--max_pixels")),
        ("max_pixels 0", ["photo.png", "--max_pixels=0"], ("--max_pixels=0",)),
        ("top 0", ["photo.png", "--top=0"], ("--top", "[1, 1000]", "received 0")),
        ("top 1001", ["--top=1001", "photo.png"], ("--top", "received 1001")),
        ("weights", ["photo.png", "--weights=no.h5"], ("no file 'no.h5'",)),
        (
            "bundled",
            ["photo.png", "--weights=bundled"],
            ("the bundled weights have no classes", "--weights=imagenet"),
        ),
        ("flag of others", ["photo.png", "--size=80"], ("Unknown", "size", "--help")),
        ("backend", ["photo.png"], ("KERAS_BACKEND is 'jax'",), jax),
    ]
    for name, argv, words, *prepare in rows:
        yield Wrong(f"classify: {name}", ["classify", *argv], words, *prepare)


WRONG = [
    *wrong_pictures(),
    *wrong_anything(),
    *wrong_picture_files(),
    *wrong_records(),
    *wrong_sweeps_and_grids(),
    Wrong("alpha nan", [*MIX, "--alpha=nan"], ("--alpha", "[0, 1]", "nan")),
    Wrong("alpha 2", [*MIX, "--alpha=2"], ("--alpha", "[0, 1]", "2.0")),
    Wrong("alpha -1", [*MIX, "--alpha=-1"], ("--alpha", "[0, 1]", "-1.0")),
    Wrong("alpha in words", [*MIX, "--alpha=half"], ("--alpha=half", "float")),
    Wrong("tv", [*MIX, "--tv=-1"], ("--tv", "[0, 1e+06]")),
    Wrong("canvas", [*MIX, "--canvas=pixel"], ("--canvas", "did you mean pixels")),
    Wrong("init", [*MIX, "--init=nois"], ("--init", "did you mean noise")),
    Wrong("jitter", [*DREAM, "--jitter=-1"], ("--jitter", "received -1")),
    Wrong("step_size", [*DREAM, "--step_size=nan"], ("--step_size", "nan")),
    *(
        Wrong(f"{flag}: {name}", [*argv, f"--{flag}={value}"], (f"--{flag}", *words))
        for argv, flag in [
            (MIX, "f1"),
            (MIX, "f2"),
            (MIX, "amplify"),
            (DREAM, "layers"),
        ]  # fmt: skip
        for name, value, words in [
            ("unknown layer", "mixd3", ("'mixd3'", "did you mean mixed3")),
            ("layer past mixed5", "mixed7", ("mixed7", "mixed5", "--weights=imagenet")),
            ("layer twice", "mixed3,mixed3", ("mixed3 twice", "once")),
            ("weight in words", "mixed3:much", ("the weight of mixed3", "'much'")),
        ]
    ),
    Wrong("no flags: mix", ["mix"], ("give a content, a style or both",)),
    Wrong("two masks", [*MIX, *["--style_mask=photo.png"] * 2], ("1 styles and 2",)),
    Wrong("no mask", [*MIX, "--mask=no.png"], ("mask", "does not exist")),
    Wrong("weight 0", [*MIX[:2], "--style=painting.png:0", MIX[3]], ("sum to zero",)),
    Wrong("no checkpoint", [*MIX, "--resume"], ("--resume needs --checkpoint",)),
    Wrong("nothing to resume", [*MIX, "--resume", "--checkpoint=no"], ("not exist",)),
    Wrong("preset", [*MIX, "--preset=gatis"], ("did you mean gatys2015",)),
    Wrong("statistic", [*MIX, "--statistic=grim"], ("did you mean gram",)),
    Wrong("two sides", [*MIX, "--size=99x99"], ("one number",)),
    Wrong("guide", [*DREAM, "--guide=no.png"], ("guide picture", "does not exist")),
    Wrong("empty guide", [*DREAM, "--guide="], ("--guide is empty",)),
    Wrong("guide of nothing", [*MIX, "--guide=photo.png"], ("needs --amplify",)),
    Wrong("guide mode", [*DREAM, "--guide_mode=mach"], ("did you mean match",)),
    Wrong("guide size", [*DREAM, "--guide_size=-1"], ("--guide_size", "-1")),
    Wrong("objective", [*DREAM, "--objective=men"], ("did you mean mean",)),
    Wrong("octave mode", [*DREAM, "--octave_mode=x"], ("detail, enlarge",)),
    Wrong("color of a dream", [*DREAM, "--color=style"], ("dream, content",)),
    Wrong("direction", [*DREAM, "--direction=no.npy"], ("no file 'no.npy'",)),
    Wrong("channels", [*DREAM, "--layers=mixed4#x"], ("mixed4#42 or mixed4#0-31",)),
    Wrong("channels of f1", [*MIX, "--f1=mixed4#1"], ("--f1 takes whole layers",)),
    Wrong("no flags: dream", ["dream"], ("--image is missing", "dream of")),
    Wrong("unknown command", ["mx"], ("'mx'", "did you mean mix?")),
    Wrong("command like no other", ["zzz"], ("'zzz'", "vectormix --help")),
    Wrong(
        "no command",
        [],
        ("which command?", "atlas, benchmark, classify, dream, export, grid, lay"),
    ),
    Wrong("flag for a command", ["--size=80"], ("unknown command", "--help")),
    Wrong("flag of the other", [*DREAM, "--alpha=1"], ("alpha", "Unknown")),
    Wrong("layers: size", ["layers", "--size=74"], ("--size", "[75, 32768]")),
    Wrong("layers: backbone", ["layers", "--backbone=vgg_16"], ("did you mean vgg16",)),
    Wrong(
        "layers: size of vgg16",
        ["layers", "--backbone=vgg16", "--size=31"],
        ("[32, 32768]",),
    ),
    Wrong(
        "layers: bundled vgg16",
        ["layers", "--backbone=vgg16", "--weights=bundled"],
        ("the bundled weights are InceptionV3's", "--weights=FILE"),
    ),
    Wrong(
        "backbone", [*MIX, "--backbone=vgg_16"], ("--backbone", "did you mean vgg16")
    ),
    Wrong(
        "bundled vgg16",
        [*DREAM, "--backbone=vgg16"],
        ("the bundled weights are InceptionV3's", "--weights=FILE"),
    ),
    Wrong(
        "average pooling", [*DREAM, "--pooling=average"], ("--pooling", "vgg16, vgg19")
    ),
    Wrong("layers: size 0", ["layers", "--size=0"], ("--size", "received 0")),
    Wrong("layers: weights", ["layers", "--weights=no.h5"], ("no file 'no.h5'",)),
    Wrong("layers: flag", ["layers", "--weihgts=x"], ("Did you mean: weights",)),
    Wrong("layers: stray word", ["layers", "mixed3"], ("'mixed3'", "--name=value")),
    Wrong("layers: backend", ["layers"], ("KERAS_BACKEND is 'jax'",), jax),
    *wrong_classes(),
    *wrong_zooms_and_explorations(),
    *wrong_classifications(),
]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in WRONG])
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    case.prepare(folder, monkeypatch)
    line = refused(capsys, folder, case.argv)
    for word in case.words:
        assert word in line


@pytest.mark.parametrize(
    "argv, what",
    [
        ([*MIX, "--content=narrow.png"], "content picture would be 512 x 51 pixels"),
        ([*MIX, "--style=narrow.png"], "style picture would be 512 x 51 pixels"),
        ([*DREAM, "--image=narrow.png"], "picture would be 512 x 51 pixels"),
    ],
    ids=["content", "style", "image"],
)
def test_a_picture_too_narrow_at_its_final_size_is_one_line(argv, what, capsys, folder):
    picture(1, 40, 400).save("narrow.png")
    line = refused(capsys, folder, [*argv, "--size=512"])
    assert what in line and "75 a side" in line and "larger --size" in line


@pytest.mark.parametrize("command, name", [("mix", "x.npz"), ("dream", "x.h5")])
def test_weights_that_are_none_are_one_line(command, name, capsys, folder):
    (folder / name).write_text("hello")
    line = refused(capsys, folder, [*RUNS[command], f"--weights={name}"])
    assert "could not read the weights" in line and name in line
    assert "bundled" in line


def test_weights_without_classes_are_one_line(capsys, folder):
    shutil.copy(networks.BUNDLED, "short.npz")
    line = refused(capsys, folder, ["classify", "photo.png", "--weights=short.npz"])
    assert "short.npz end at mixed5 and do not reach logits" in line
    assert "choose a file with classes, or --weights=imagenet" in line


def test_no_network_for_the_classes_is_one_line(capsys, folder, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    line = refused(capsys, folder, ["classify", "photo.png"])
    assert "URL fetch failure" in line and "--weights=FILE" in line
    assert "bundled" not in line  # they have no classes


def test_an_init_picture_that_is_none_is_one_line(capsys, folder):
    (folder / "first.png").write_text("hello")
    line = refused(capsys, folder, [*MIX_RUN, "--init=first.png"])
    assert "init picture `first.png` is no picture" in line


def test_a_line_break_in_a_name_does_not_break_the_line(capsys, folder):
    assert "no such" in refused(capsys, folder, [*DREAM, "--image=no\nsuch\n.png"])


# --- Pictures -------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_a_run_writes_its_output_and_nothing_else(command, capsys, folder):
    before = contents(folder)
    out, err = succeeds(capsys, RUNS[command])
    assert out == ""
    assert len(err) == 1 and err[0].startswith("octave 1/1 step 2/2: loss ")
    assert made(folder) == ["out.png"]
    after = contents(folder)
    assert all(after[name] == before[name] for name in before)
    with Image.open("out.png") as image:
        assert image.size == (SIDE, SIDE) and image.mode == "RGB"
        with Image.open("photo.png") as photo:
            assert np.asarray(image).std() > 10  # a picture, and another one
            assert np.abs(np.int16(image) - np.int16(photo)).max() > 5


@pytest.mark.parametrize("argv", [MIX_RUN, [*MIX_RUN, "--init=noise"], DREAM_RUN],
                         ids=["mix", "noise", "dream"])  # fmt: skip
def test_the_same_command_gives_the_same_bytes_and_another_seed_others(
    argv, capsys, folder
):
    for name, seed in {"a": 0, "b": 0, "c": 1}.items():
        succeeds(capsys, [*argv, f"--output={name}.png", f"--seed={seed}"])
    a, b, c = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert a == b and a != c


@pytest.mark.parametrize("flag", ["--alpha=1", "--f1=conv1a", "--canvas=pixels",
                                  "--learning_rate=0.5", "--tv=5",
                                  "--init=content", "--init=painting.png"])  # fmt: skip
def test_a_flag_of_mix_changes_the_picture(flag, capsys, folder):
    succeeds(capsys, [*MIX_RUN, "--output=plain.png"])
    succeeds(capsys, [*MIX_RUN, flag])
    plain, other = (folder / "plain.png"), (folder / "out.png")
    assert plain.read_bytes() != other.read_bytes()


def test_learning_rate_is_another_name_for_a_dream_s_step_size(capsys, folder):
    argv = [argument for argument in DREAM_RUN if "output" not in argument]
    succeeds(capsys, [*argv, "--step_size=0.05", "--output=a.png"])
    succeeds(capsys, [*argv, "--learning_rate=0.05", "--output=b.png"])
    succeeds(capsys, [*argv, "--output=c.png"])
    a, b, c = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert a == b and a != c


@pytest.mark.parametrize("command", list(KINDS))
def test_flags_may_stand_in_a_flagfile(command, capsys, folder):
    ending = "webp" if command in ("sweep", "zoom") else "png"
    one, other = f"flags.{ending}", f"file.{ending}"
    succeeds(capsys, [*RUNS[command], "--seed=5", f"--output={one}"])
    (folder / "my.flags").write_text("\n".join([*RUNS[command][1:], "--seed=5"]))
    succeeds(capsys, [command, "--flagfile=my.flags", f"--output={other}"])
    assert (folder / one).read_bytes() == (folder / other).read_bytes()


def test_layers_reads_a_flagfile_too(capsys, folder):
    (folder / "my.flags").write_text("--size=300\n")
    by_file, _ = succeeds(capsys, ["layers", "--flagfile=my.flags"])
    by_flag, _ = succeeds(capsys, ["layers", "--size=300"])
    assert by_file == by_flag != succeeds(capsys, ["layers"])[0]


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_save_every_writes_a_picture_after_each_so_many_steps(command, capsys, folder):
    succeeds(capsys, [*RUNS[command], "--save_every=1"])
    assert made(folder) == ["out-1-1.png", "out-1-2.png", "out.png"]
    seen = {(folder / name).read_bytes() for name in made(folder)}
    assert len(seen) == 2  # the last step is the result
    for name in made(folder):
        with Image.open(name) as image:
            assert image.size == (SIDE, SIDE)


def test_save_every_counts_from_new_in_each_octave(capsys, folder):
    argv = [*DREAM_RUN, "--size=96", "--octaves=2", "--octave_scale=1.2"]
    succeeds(capsys, [*argv, "--save_every=2", "--steps=3"])
    assert made(folder) == ["out-1-2.png", "out-2-2.png", "out.png"]
    sizes = []
    for name in made(folder):
        with Image.open(name) as image:
            sizes.append(image.size)
    assert sizes == [(80, 80), (96, 96), (96, 96)]


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_overwrite_replaces_what_exists(command, capsys, folder):
    names = ["out.png", "run.json", "run.svg", "out-1-2.png"]
    for name in names:
        (folder / name).write_bytes(b"old")
    flags = ["--manifest=run.json", "--plot=run.svg", "--save_every=2", "--overwrite"]
    succeeds(capsys, [*RUNS[command], *flags])
    assert made(folder) == sorted(names)
    assert b"old" not in [(folder / name).read_bytes() for name in names]


TERMS = {"mix": {"content", "style"}, "dream": {"amplify"}}


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_the_manifest_says_what_a_picture_was_made_with(command, capsys, folder):
    succeeds(capsys, [*RUNS[command], "--seed=7", "--manifest=run.json"])
    assert made(folder) == ["out.png", "run.json"]
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["command"] == command
    assert set(record["versions"]) == {
        "python", "vectormix_tf", "tensorflow", "keras", "numpy", "pillow",
    }  # fmt: skip
    assert record["versions"]["numpy"] == np.__version__
    kind = KINDS[command]
    given = dict(flag.strip("-").split("=") for flag in QUICK[command])
    expected = {
        name: type(value)(given.get(name, value)) if name in given else value
        for name, value in dataclasses.asdict(kind()).items()
    }
    expected = json.loads(json.dumps(expected))  # tuples become lists
    assert record["settings"] == expected | {"seed": 7}
    assert record["inputs"] == {
        flag.partition("=")[2]: hashlib.sha256(
            (folder / flag.partition("=")[2]).read_bytes()
        ).hexdigest()
        for flag in PICTURES[command]
    }
    assert set(record["losses"]) == TERMS[command]
    for losses in record["losses"].values():
        assert len(losses) == 2 and np.isfinite(losses).all()
    assert record["size"] == [SIDE, SIDE] and record["finished"] is True
    assert record["seconds"] > 0


def test_the_manifest_s_size_is_width_then_height(capsys, folder):
    picture(1, 80, 100).save("wide.png")
    succeeds(capsys, [*DREAM_RUN, "--image=wide.png", "--size=0", "--manifest=a.json"])
    assert json.loads((folder / "a.json").read_text())["size"] == [100, 80]


def test_the_manifest_names_the_picture_that_init_names(capsys, folder):
    picture(9).save("first.png")
    succeeds(capsys, [*MIX_RUN, "--init=first.png", "--manifest=run.json"])
    inputs = json.loads((folder / "run.json").read_text())["inputs"]
    assert list(inputs) == ["photo.png", "painting.png", "first.png"]


def test_amplify_adds_a_term_to_a_mix(capsys, folder):
    flags = ["--amplify=conv2b:0.01", "--manifest=run.json"]
    succeeds(capsys, [*MIX_RUN, *flags])
    losses = json.loads((folder / "run.json").read_text())["losses"]
    assert list(losses) == ["content", "style", "amplify"]
    assert all(loss < 0 for loss in losses["amplify"])


@pytest.mark.parametrize("alpha, terms", [(0, ["style"]), (1, ["content"])])
def test_at_an_end_of_alpha_the_other_picture_has_no_say(alpha, terms, capsys, folder):
    succeeds(capsys, [*MIX_RUN, f"--alpha={alpha}", "--manifest=run.json"])
    assert list(json.loads((folder / "run.json").read_text())["losses"]) == terms


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_depth_16_writes_16_bits(command, capsys, folder):
    for depth in (8, 16):
        flags = [f"--depth={depth}", f"--output={depth}.png"]
        succeeds(capsys, [*RUNS[command], *flags])
    header = {n: (folder / f"{n}.png").read_bytes()[16:33] for n in (8, 16)}
    for depth, data in header.items():  # width, height, depth, color type 2 (RGB)
        assert struct.unpack(">IIBB", data[:10]) == (SIDE, SIDE, depth, 2)
    shallow, deep = (images.read(f"{n}.png").pixels for n in (8, 16))
    assert 0 < np.abs(shallow - deep).max() <= 0.5 / 255 + 1e-4


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_transparency_comes_back_on_the_output(command, capsys, folder):
    clear = picture(1)
    cover = np.tile(np.uint8(np.linspace(0, 255, SIDE)), (SIDE, 1))
    clear.putalpha(Image.fromarray(cover))
    clear.save("photo.png")
    succeeds(capsys, RUNS[command])
    with Image.open("out.png") as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], cover)


def test_transparency_that_a_jpeg_cannot_hold_gets_a_notice(capsys, folder):
    clear = picture(1)
    clear.putalpha(100)
    clear.save("photo.png")
    _, err = succeeds(capsys, [*DREAM_RUN, "--output=out.jpg"])
    notices = [line for line in err if line.startswith("vectormix: notice: ")]
    assert len(notices) == 1 and "transparency" in notices[0]
    assert made(folder) == ["out.jpg"]


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_octaves_too_small_to_see_get_a_notice_and_are_left_out(
    command, capsys, folder
):
    _, err = succeeds(capsys, [*RUNS[command], "--octaves=4"])
    assert len(err) == 2
    assert err[0].startswith("vectormix: notice: 3 of 4 octaves")
    assert "75 pixels" in err[0]
    assert err[1].startswith("octave 1/1 step 2/2")
    assert made(folder) == ["out.png"]


@pytest.mark.parametrize(
    "name, kind",
    [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.tif", "TIFF")],
)
def test_the_ending_decides_the_format(name, kind, capsys, folder):
    succeeds(capsys, [*DREAM_RUN, f"--output={name}"])
    assert made(folder) == [name]
    with Image.open(name) as image:
        assert image.format == kind and image.size == (SIDE, SIDE)


def test_a_full_disk_is_one_more_line_and_the_old_file_stays(capsys, folder):
    (folder / "out.png").write_bytes(b"old")
    before = contents(folder)
    with full_disk():
        assert cli_main.main([*DREAM_RUN, "--overwrite"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    progress, line = err.splitlines()
    assert progress.startswith("octave 1/1 step 2/2")
    assert line.startswith("vectormix: could not write `out.png`: No space left")
    assert "free some space" in line
    assert contents(folder) == before


@pytest.mark.parametrize("command", SINGLE)
def test_a_plot_has_a_line_for_each_term_and_the_same_bytes(command, capsys, folder):
    for name in ("a", "b"):
        flags = [f"--output={name}.png", f"--plot={name}.svg"]
        succeeds(capsys, [*RUNS[command], *flags])
    assert made(folder) == ["a.png", "a.svg", "b.png", "b.svg"]
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()
    svg = (folder / "a.svg").read_text("utf-8")
    for term in (*TERMS[command], "step", "loss"):
        assert f"<!-- {term} -->" in svg


# --- Sweeps and grids -----------------------------------------------------------------


def ctrl_c_after(mixes, patch):
    """Lets so many mixes be; the next one is interrupted after its first step."""
    show, seen = ProgressBar.__call__, []

    def interrupt(bar, progress):
        if bar not in seen:
            seen.append(bar)
        if len(seen) > mixes:
            raise KeyboardInterrupt
        show(bar, progress)

    patch.setattr(ProgressBar, "__call__", interrupt)


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("ending, kind", [("webp", "WEBP"), ("gif", "GIF")])
def test_a_sweep_is_a_film_of_its_mixes(ending, kind, capsys, folder):
    out, err = succeeds(capsys, [*SWEEP_RUN, f"--output=out.{ending}"])
    assert out == "" and made(folder) == [f"out.{ending}"]
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
    assert cli_main.main([*argv, "--output=parts"]) == 130
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
    assert cli_main.main([*SWEEP_RUN, "--alphas=0:1:3"]) == 130
    err = capsys.readouterr().err
    assert err.endswith("vectormix: interrupted; wrote the film so far to out.webp\n")
    with Image.open("out.webp") as film:
        assert film.n_frames == 2


@pytest.mark.parametrize("command", ["sweep", "grid"])
def test_ctrl_c_before_the_first_picture_leaves_no_film_and_no_sheet(
    command, capsys, folder, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert cli_main.main(RUNS[command]) == 130
    assert "interrupted before there was a picture" in capsys.readouterr().err
    assert made(folder) == (["out-cells"] if command == "grid" else [])


def test_a_grid_is_a_labeled_sheet_of_its_cells(capsys, folder):
    argv = [*GRID_RUN, "--columns=style_scale", "--column=1", "--column=1.2"]
    succeeds(capsys, [*argv, "--size=100", "--proof_size=80", "--proof_steps=1"])
    assert made(folder) == ["out-cells", "out.png"]
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
    assert cli_main.main(argv) == 130
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


# --- Classes --------------------------------------------------------------------------


def test_a_class_is_shown_as_the_channel_of_the_logits(classifier, capsys, folder):
    weights, quick = f"--weights={classifier[1]}", ["--size=80", "--steps=2"]
    argv = ["visualize", *quick, weights, "--tv=0.05", "--blur=2"]
    succeeds(capsys, [*argv, "--class=giant panda", "--output=one.png"])
    (panda,) = vectormix_tf.config.classes.find("giant panda")
    flags = ["--layer=logits", f"--channels={panda}", "--output=other.png"]
    succeeds(capsys, [*argv, *flags])
    assert (folder / "one.png").read_bytes() == (folder / "other.png").read_bytes()


def test_classify_names_what_pictures_show(classifier, capsys, folder, monkeypatch):
    load = Counted(networks._load)
    monkeypatch.setattr(networks, "_load", load)
    Image.new("RGB", (90, 80), "red").save("red.png")
    weights = f"--weights={classifier[1]}"
    alone, err = succeeds(capsys, ["classify", "photo.png", weights])
    assert not err and load.calls == 1
    guesses = vectormix_tf.classify("photo.png", classifier[1])
    assert [line.strip().split("% ") for line in alone.splitlines()] == [
        [f"{100 * probability:.1f}", name] for name, probability in guesses
    ]
    assert len(guesses) == 5
    # Of several the names stand before, flags may stand anywhere.
    (folder / "my.flags").write_text("--top=2")
    argv = ["photo.png", weights, "red.png", "--flagfile=my.flags"]
    out, err = succeeds(capsys, ["classify", *argv])
    assert not err and load.calls == 3  # weights are read once for all pictures
    first, second = out.splitlines()[:3], out.splitlines()[3:]
    assert first == ["photo.png", *alone.splitlines()[:2]]
    assert second[0] == "red.png" and len(second) == 3
    assert second[1:] != first[1:]


def test_a_name_that_the_console_has_no_letters_for_is_no_error(folder, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(
        classify_recipe, "classify_each", lambda *_: [[("macaw", 0.5)]] * 2
    )
    picture(1).save("größe.png")
    assert cli_main.main(["classify", "größe.png", "photo.png"]) == 0
    assert console.buffer.getvalue().decode().splitlines() == [
        *(r"gr\xf6\xdfe.png", " 50.0% macaw", "photo.png", " 50.0% macaw")
    ]


class Counted:
    def __init__(self, call):
        self.call, self.calls = call, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.call(*arguments)


# --- Help -----------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["help"], ["-help"]])
def test_help_names_every_command(argv, capsys):
    out, err = succeeds(capsys, argv)
    assert not err
    for name in cli_main.NAMES:
        command = cli_main.load_command(name)
        assert f"vectormix {name}" in out and command.purpose in out


def flags_of(capsys, command):
    """{flag: (help, default)} from the help of a command."""
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
    "mix": PICTURE_FLAGS | RUN_FLAGS,
    "sweep": PICTURE_FLAGS | {"alphas", "further_steps", "fps"},
    "grid": PICTURE_FLAGS
    | {"rows", "row", "columns", "column", "proof_size", "proof_steps"},
    "dream": {"image", "guide", "mask", "explore", "learning_rate"} | RUN_FLAGS,
    "zoom": {"image", "guide", "fps", "learning_rate"},
}
NO_FLAGS = {"style_weights"}  # it comes as --style=FILE:WEIGHT


@pytest.mark.parametrize("command", list(KINDS))
def test_the_help_of_a_command_lists_its_own_flags(command, capsys):
    fields = {field.name for field in dataclasses.fields(KINDS[command])} - NO_FLAGS
    fields -= {"alpha"} if command == "sweep" else set()
    assert set(flags_of(capsys, command)) == fields | OUTPUT_FLAGS | OWN_FLAGS[command]


def test_the_help_of_layers_lists_its_own_flags(capsys):
    assert set(flags_of(capsys, "layers")) == {
        *("size", "backbone", "weights", "flagfile", "threads")
    }


def test_the_help_of_classify_lists_its_own_flags(capsys):
    assert set(flags_of(capsys, "classify")) == {
        *("top", "weights", "max_pixels", "flagfile", "threads")
    }


@pytest.mark.parametrize("command", list(KINDS))
def test_each_setting_has_help_and_the_default_of_its_field(command, capsys):
    flags = flags_of(capsys, command)
    expected = {f.name: f.default for f in dataclasses.fields(KINDS[command])}
    expected |= {"size": grids.SIZE} if command == "grid" else {}
    for name, value in expected.items():
        if name in NO_FLAGS or (command, name) == ("sweep", "alpha"):
            continue
        text, default = flags[name]
        assert text == settings_of(KINDS[command])[name].help and len(text) > 5
        if value not in (None, dataclasses.MISSING):
            assert default.strip("'[]") == str(value).strip("(),")


@pytest.mark.parametrize("command", cli_main.NAMES)
@pytest.mark.parametrize("word", ["--help", "-h", "--helpfull"])
def test_help_wins_over_the_mistakes_beside_it(command, word, capsys):
    out, err = succeeds(capsys, [command, "--size=many", word])
    assert out.startswith(cli_main.load_command(command).purpose) and not err


@pytest.mark.parametrize("word", ["--version", "-version"])
def test_version_prints_the_version(word, capsys):
    assert succeeds(capsys, [word]) == (
        f"vectormix_tf {vectormix_tf.__version__}\n",
        [],
    )


def test_layers_prints_each_layer_with_its_stride_and_channels(capsys):
    out, err = succeeds(capsys, ["layers"])
    assert not err
    head, *rows = (line.split() for line in out.splitlines())
    assert head == ["layer", "h", "x", "w", "channels", "stride", "field"]
    table = {row[0]: row for row in rows}
    assert rows[0][0] == "conv1a" and rows[-1][0] == "mixed5"
    # name, h, x, w, channels, stride, field
    assert table["mixed5"][:6] == ["mixed5", "30", "x", "30", "768", "16"]


def test_layers_ends_with_the_classes_where_the_weights_have_them(capsys):
    out, err = succeeds(capsys, ["layers", "--weights=imagenet"])  # no download
    assert not err
    last = out.splitlines()[-1].split()
    assert last == ["logits", "1", "x", "1", "1000", "-", "all"]


def test_layers_lists_another_backbone_without_its_weights(capsys):
    out, err = succeeds(capsys, ["layers", "--backbone=resnet50", "--size=64"])
    assert not err
    rows = [line.split() for line in out.splitlines()[1:]]
    assert rows[0] == ["conv1", "32", "x", "32", "64", "2", "7"]
    assert rows[-1] == ["conv5_3", "2", "x", "2", "2048", "32", "483"]


# --- Ctrl-C ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_ctrl_c_after_a_step_writes_the_picture_so_far(
    command, capsys, folder, monkeypatch
):
    seen = []

    def interrupt(bar, progress):
        seen.append(progress.step)
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    argv = [*RUNS[command], "--steps=50", "--manifest=run.json"]
    assert cli_main.main(argv) == 130
    out, err = capsys.readouterr()
    assert out == "" and seen == [1]
    assert err == "vectormix: interrupted; wrote the picture so far to out.png\n"
    assert made(folder) == ["out.png", "run.json"]
    with Image.open("out.png") as image:
        assert image.size == (SIDE, SIDE)
    record = json.loads((folder / "run.json").read_text())
    assert record["finished"] is False
    assert all(len(losses) == 1 for losses in record["losses"].values())


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_ctrl_c_before_the_first_step_writes_nothing(
    command, capsys, folder, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vectormix_tf.recipes.run.pad", interrupt)
    assert cli_main.main(RUNS[command]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vectormix: interrupted before there was")
    assert len(err.splitlines()) == 1
    assert made(folder) == []


# --- Channels -------------------------------------------------------------------------

SEEN = ["--layer=conv2a", "--size=75", "--steps=1"]
VISUALIZE = ["visualize", *SEEN, "--output=out.png"]
ATLAS = ["atlas", *SEEN, "--output=out", "--channels=0-4", "--batch=2"]


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--channels=32"], ("names 32", "conv2a has 32", "from 0 to 31")),
        (["--channels=none"], ("--channels", "0-31", "received 'none'")),
        (["--layer=conv9"], ("--layer must be one of", "did you mean")),
        (["--layer=mixed7"], ("bundled weights end at mixed5",)),
        (["--size=74"], ("--size", "75")),
        (["--objective=max"], ("--objective", "mean, square")),
        (["--output="], ("--output is missing",)),
        (["--output=no/x.png"], ("`no` does not exist",)),
        (["--weights=no.h5"], ("there is no file 'no.h5'",)),
        (["--stepz=1"], ("'stepz'", "steps")),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
@pytest.mark.parametrize("argv", [VISUALIZE, ATLAS], ids=["visualize", "atlas"])
def test_a_mistake_about_channels_is_one_line(argv, flags, words, capsys, folder):
    err = refused(capsys, folder, [*argv, *flags])
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    "argv, words",
    [
        ([*VISUALIZE, "--output=x.gif"], ("must end with", "`.gif`")),
        ([*VISUALIZE, "--output=photo.png"], ("`photo.png` exists", "--overwrite")),
        ([*ATLAS, "--output=photo.png"], ("is a file; name a folder",)),
        ([*ATLAS, "--diversity=2"], ("'diversity'",)),
    ],
    ids=["ending", "exists", "file", "diversity"],
)
def test_what_channels_cannot_be_written_to_is_one_line(argv, words, capsys, folder):
    err = refused(capsys, folder, argv)
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    "flags, size", [(["--channels=3"], (75, 75)), (["--channels=3-5"], None)]
)
def test_visualize_writes_a_picture_or_a_sheet(flags, size, capsys, folder):
    _, err = succeeds(capsys, [*VISUALIZE, *flags, "--seed=4"])
    assert made(folder) == ["out.png"] and err[-1].startswith("batch 1/1 step 1/1")
    with Image.open("out.png") as sheet:
        assert sheet.size == size if size else sheet.width > 3 * 75
    again = [*VISUALIZE, *flags, "--seed=4", "--output=again.png"]
    succeeds(capsys, again)
    assert (folder / "out.png").read_bytes() == (folder / "again.png").read_bytes()
    succeeds(capsys, [*again, "--seed=5", "--overwrite"])
    assert (folder / "out.png").read_bytes() != (folder / "again.png").read_bytes()


def test_ctrl_c_leaves_the_channels_so_far(capsys, folder, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert cli_main.main([*VISUALIZE, "--channels=3-6", "--batch=2"]) == 130
    said = "vectormix: interrupted; wrote what there was then to out.png"
    assert capsys.readouterr().err.splitlines()[-1] == said
    with Image.open("out.png") as sheet:
        assert 2 * 75 < sheet.width < 3 * 75


def test_an_atlas_that_was_stopped_goes_on_with_what_it_lacks(
    capsys, folder, monkeypatch
):
    show, seen = ProgressBar.__call__, []

    def interrupt(bar, progress):
        seen.append(progress.octave)
        if progress.octave == 2:
            raise KeyboardInterrupt
        show(bar, progress)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        assert cli_main.main(ATLAS) == 130
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == "vectormix: interrupted; the same command goes on in out"
    names = {"0000.png", "0001.png", "index.html", "series.json", "sheet.png"}
    assert {*os.listdir(folder / "out")} == names
    times = {
        n: (folder / "out" / n).stat().st_mtime_ns for n in ("0000.png", "0001.png")
    }
    _, err = succeeds(capsys, ATLAS)
    assert [line for line in err if line.startswith("tiles")] == [
        "tiles 4/5",
        "tiles 5/5",
    ]
    for name, then in times.items():
        assert (folder / "out" / name).stat().st_mtime_ns == then
    assert {*os.listdir(folder / "out")} == names | {
        *("0002.png", "0003.png", "0004.png")
    }
    before = bytes_of(folder / "out")
    assert succeeds(capsys, ATLAS) == ("", [])
    assert bytes_of(folder / "out") == before


def test_an_atlas_goes_on_over_nothing_else(capsys, folder):
    succeeds(capsys, ATLAS)
    for flags, words in [
        (["--seed=7"], ("seed=0 (now 7)", "--overwrite")),
        (["--channels=0-5"], ("tiles=5 (now 6)",)),
    ]:
        err = refused(capsys, folder, [*ATLAS, *flags])
        for word in words:
            assert word in err
    succeeds(capsys, [*ATLAS, "--batch=3"])
    (folder / "out/index.html").write_text("theirs")
    assert "index.html` exists" in refused(capsys, folder, ATLAS)
    succeeds(capsys, [*ATLAS, "--overwrite"])
    assert "theirs" not in (folder / "out/index.html").read_text()


def test_the_help_of_visualize_and_atlas_lists_each_setting(capsys):
    fields = {field.name for field in dataclasses.fields(VisualizeSettings)}
    shown = flags_of(capsys, "visualize")
    assert set(shown) == fields | OUTPUT_FLAGS | {"class"}
    assert set(flags_of(capsys, "atlas")) == fields - {"diversity"} | OUTPUT_FLAGS
    for command, own in (("visualize", {}), ("atlas", atlases.DEFAULTS)):
        shown = flags_of(capsys, command)
        for field in dataclasses.fields(VisualizeSettings):
            if field.name in shown:
                expected = own.get(field.name, field.default)
                assert expected is None or shown[field.name][1].strip("'") == str(
                    expected
                )


# --- From outside ---------------------------------------------------------------------


def outside(root):
    """Options for a run of its own that sees this checkout, with buffered output."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    return {"env": env | {"PYTHONPATH": str(root)}, "stderr": subprocess.PIPE}


VECTORMIX = [sys.executable, "-m", "vectormix_tf"]


def test_the_module_runs_as_the_command(root):
    done = subprocess.run(
        [*VECTORMIX, "--version"], **outside(root), stdout=subprocess.PIPE, timeout=120
    )
    assert done.stdout.decode().split() == ["vectormix_tf", vectormix_tf.__version__]
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_module_hands_on_the_exit_code(root):
    done = subprocess.run(
        [*VECTORMIX, "mx"], **outside(root), stdout=subprocess.PIPE, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"vectormix: unknown command 'mx'; did you mean mix?\n"


@pytest.mark.parametrize("argv", [["layers"], ["--help"]], ids=" ".join)
def test_a_pipe_that_nobody_reads_is_no_error(argv, root):
    reader, writer = os.pipe()
    os.close(reader)  # as `vectormix layers | true` does
    try:
        done = subprocess.run(
            [*VECTORMIX, *argv], **outside(root), stdout=writer, timeout=120
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_a_signal_ends_a_long_run_with_the_picture_so_far(root, folder):
    argv = [*DREAM_RUN, "--size=96", "--steps=20000", "--save_every=1"]
    process = subprocess.Popen(
        [*VECTORMIX, *argv],
        **outside(root),
        # Where these tests are a shell's background job, SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        patience = time.monotonic() + 120
        while not (folder / "out-1-1.png").exists():  # steps have begun
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.05)
        assert not (folder / "out.png").exists()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    # Nothing of TensorFlow's own log is among it.
    text = "vectormix: interrupted; wrote the picture so far to out.png\n"
    assert err.decode() == text
    with Image.open("out.png") as image:
        assert image.size == (96, 96)
        image.load()


# --- Threads --------------------------------------------------------------------------


@pytest.fixture
def own_environment(monkeypatch):
    """What a command sets of the environment is gone after the test."""
    names = ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
    for name in names:
        monkeypatch.setenv(name, "before")
    return names


def test_threads_are_told_to_tensorflow(own_environment):
    assert cli_main.main(["layers", "--size=96"]) == 0
    assert {os.environ[name] for name in own_environment} == {"before"}
    assert cli_main.main(["layers", "--size=96", "--threads=1"]) == 0
    assert {os.environ[name] for name in own_environment} == {"1"}


@pytest.mark.parametrize("value", ["-1", "many"])
def test_a_wrong_number_of_threads_is_one_line(value, capsys, own_environment):
    assert cli_main.main(["layers", f"--threads={value}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "threads" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise `max_pixels`.", "raise --max_pixels."),
        ("choose `size=512` or less", "choose --size=512 or less"),
        ('give `weights="imagenet"`', "give --weights=imagenet"),
        ("`resume=True` or `resume=False`", "--resume or --noresume"),
        ("`size` exists; set `overwrite`", "`size` exists; set --overwrite"),
        ("`weights` must be", "--weights must be"),
        ("`size/a.png`, `other`, `x.size`", "`size/a.png`, `other`, `x.size`"),
    ],
)
def test_arguments_are_spelled_as_flags_and_files_are_not(text, said):
    names = ["size", "max_pixels", "weights", "resume", "overwrite", "output"]
    words = ["grid", "--output=size/a.png", "--rows=weights"]
    assert cli_main.with_flags(text, names, words) == said


def test_a_library_that_is_called_directly_speaks_python(photo):
    assert "raise `max_pixels`" in refusal(images.read, photo, 100)
    with pytest.raises(InputError, match="`alpha` must be in"):
        MixSettings(alpha=2.0)
