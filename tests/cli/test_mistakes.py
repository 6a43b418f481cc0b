"""Mistakes that several commands share: one line on stderr, and no file is touched."""

import io
import os
import struct
import sys
import zlib

import pytest
from cli_cases import (
    COMMANDS,
    DREAM,
    GRID,
    MIX,
    PICTURES,
    ROWS,
    RUNS,
    SINGLE,
    SWEEP,
    Mistake,
    check_mistake,
    each_mistake,
    folder_named,
    holds,
    picture,
    refused,
    use_jax,
)
from mistakes import lock


def png_header(width, height):
    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"")


def truncated_jpeg(folder, patch):
    file = io.BytesIO()
    picture(3).save(file, "JPEG")
    (folder / "x.jpg").write_bytes(file.getvalue()[: file.tell() // 2])


def one_pixel(folder, patch):
    picture(3, 1, 1).save(folder / "x.png")


def locked_folder(folder, patch):
    (folder / "locked").mkdir()
    lock(folder / "locked", patch)


def link_to_photo(folder, patch):
    (folder / "link.png").symlink_to("photo.png")


def mistakes_in_pictures():
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
            case = Mistake(title, [*argv, f"--{flag}={path}"], words)
            yield case._replace(prepare=prepare) if prepare else case


def few_steps(command):
    """Fewer steps than a command can take: a mix may have none."""
    least = 0 if command in ("mix", "sweep", "grid") else 1
    words = ("--steps", f"[{least}, ", f"received {least - 1}")
    return f"steps {least - 1}", [f"--steps={least - 1}"], words


def mistakes_in_flags():
    """Mistakes that all commands with a picture share."""
    for command, argv in COMMANDS.items():
        source = PICTURES[command][0].partition("=")[0].strip("-")
        ending = "webp" if command in ("sweep", "zoom", "film") else "png"
        rows = [
            ("max_pixels", ["--max_pixels=99"], ("80 x 80", "--max_pixels")),
            ("weights", ["--weights=no.h5"], ("--weights", "no file 'no.h5'")),
            ("size -1", ["--size=-1"], ("--size", "received -1")),
            ("size 10", ["--size=10"], ("at least 75", "received 10")),
            ("size 99999999", ["--size=99999999"], ("--size", "32768")),
            ("seed -1", ["--seed=-1"], ("--seed", "received -1")),
            few_steps(command),
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
                ("`photo.png` is not a folder", "name another"),
            ),
            ("flagfile", ["--flagfile=no.txt"], ("flagfile", "no.txt")),
            ("only an ending", [f"--output=.{ending}"], ("has no file name",)),
        ]
        for name, flags, words in rows:
            yield Mistake(f"{command}: {name}", [*argv, *flags], words)

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
            (
                "flagfile of bytes",
                ["--flagfile=x"],
                ("unexpected",),
                holds("x", b"\xff"),
            ),
            ("backend", [], ("KERAS_BACKEND is 'jax'", "unset it"), use_jax),
        ]
        for name, flags, words, prepare in rows:
            yield Mistake(f"{command}: {name}", [*argv, *flags], words, prepare)


def mistakes_in_outputs():
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
            yield Mistake(f"{command}: {name}", argv, words, *prepare)


def mistakes_in_other_files():
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
            yield Mistake(f"{command}: {name}", argv, words, *prepare)


MISTAKES = [
    *mistakes_in_pictures(),
    *mistakes_in_flags(),
    *mistakes_in_outputs(),
    *mistakes_in_other_files(),
    *(
        Mistake(f"{flag}: {name}", [*argv, f"--{flag}={value}"], (f"--{flag}", *words))
        for argv, flag in [
            (MIX, "f1"),
            (MIX, "f2"),
            (MIX, "amplify"),
            (DREAM, "layers"),
        ]  # fmt: skip
        for name, value, words in [
            ("unknown layer", "mixd3", ("'mixd3'", "did you mean mixed3")),
            ("layer twice", "mixed3,mixed3", ("mixed3 twice", "once")),
            ("weight in words", "mixed3:much", ("the weight of mixed3", "'much'")),
        ]
    ),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
@pytest.mark.parametrize(
    "argv",
    [
        [*MIX, "--content=pipe", "--manifest=run.json"],
        [*DREAM, "--guide=pipe", "--manifest=run.json"],
        [*DREAM, "--image=pipe", "--explore"],
        [*SWEEP, "--style=pipe", "--output=out"],
        ["zoom", "--image=pipe", "--frames=2", "--output=out"],
        [*GRID, *ROWS, "--content=pipe"],
        [*GRID[:2], GRID[3], "--rows=style", "--row=pipe"],
    ],
    ids=lambda argv: f"{argv[0]} {argv[-1]}",
)
def test_a_pipe_that_would_be_read_twice_is_one_line(argv, capsys, folder):
    """The record held the SHA-256 of nothing, or the run waited for ever."""
    os.mkfifo("pipe")
    assert "`pipe` is a pipe, which can be read only once" in refused(
        capsys, folder, argv
    )


@pytest.mark.parametrize(
    "argv, what",
    [
        ([*MIX, "--content=narrow.png"], "content picture would be 300 x 30 pixels"),
        ([*DREAM, "--image=narrow.png"], "picture would be 300 x 30 pixels"),
        ([*MIX, "--style=narrow.png"], "style picture is 400 x 40 pixels"),
    ],
    ids=["content", "image", "style"],
)
def test_a_picture_too_narrow_at_its_final_size_is_one_line(argv, what, capsys, folder):
    picture(1, 40, 400).save("narrow.png")
    line = refused(capsys, folder, [*argv, "--size=300"])
    works = "one" if "style" in what else "--size, at least 745"
    assert what in line and f"needs 75 a side; choose a larger {works}" in line


@pytest.mark.parametrize("command, name", [("mix", "x.npz"), ("dream", "x.h5")])
def test_weights_that_are_none_are_one_line(command, name, capsys, folder):
    (folder / name).write_text("hello")
    line = refused(capsys, folder, [*RUNS[command], f"--weights={name}"])
    assert "could not read the weights" in line and name in line
    assert "bundled" in line
