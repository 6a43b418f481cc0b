"""Runs that write one picture (`mix`, `dream`): their files, Ctrl-C and signals."""

import dataclasses
import errno
import hashlib
import json
import os
import signal
import struct
import subprocess
import tempfile
import time

import numpy as np
import pytest
import tensorflow as tf
from cli_cases import (
    DREAM_RUN,
    MIX_RUN,
    PICTURES,
    QUICK,
    RUNS,
    SETTINGS,
    SIDE,
    SINGLE,
    VECTORMIX,
    contents,
    new_files,
    picture,
    process_options,
    succeeds,
)
from mistakes import full_disk
from PIL import Image

from vectormix_tf.cli.main import main
from vectormix_tf.io import images
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.optim.problem import Problem

TERMS = {"mix": {"content", "tone", "style"}, "dream": {"amplify"}}


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_a_run_writes_its_output_and_nothing_else(command, capsys, folder):
    before = contents(folder)
    out, err = succeeds(capsys, RUNS[command])
    assert out == ""
    assert len(err) == 1 and err[0].startswith("octave 1/1 step 2/2: loss ")
    assert new_files(folder) == ["out.png"]
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


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_save_every_writes_a_picture_after_each_so_many_steps(command, capsys, folder):
    succeeds(capsys, [*RUNS[command], "--save_every=1"])
    assert new_files(folder) == ["out-1-1.png", "out-1-2.png", "out.png"]
    seen = {(folder / name).read_bytes() for name in new_files(folder)}
    assert len(seen) == 2  # the last step is the result
    for name in new_files(folder):
        with Image.open(name) as image:
            assert image.size == (SIDE, SIDE)


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_overwrite_replaces_what_exists(command, capsys, folder):
    names = ["out.png", "run.json", "run.svg", "out-1-2.png"]
    for name in names:
        (folder / name).write_bytes(b"old")
    flags = ["--manifest=run.json", "--plot=run.svg", "--save_every=2", "--overwrite"]
    succeeds(capsys, [*RUNS[command], *flags])
    assert new_files(folder) == sorted(names)
    assert b"old" not in [(folder / name).read_bytes() for name in names]


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_the_manifest_says_what_a_picture_was_made_with(command, capsys, folder):
    succeeds(capsys, [*RUNS[command], "--seed=7", "--manifest=run.json"])
    assert new_files(folder) == ["out.png", "run.json"]
    record = json.loads((folder / "run.json").read_text("utf-8"))
    assert record["command"] == command
    assert set(record["versions"]) == {
        "python", "vectormix_tf", "tensorflow", "keras", "numpy", "pillow",
    }  # fmt: skip
    assert record["versions"]["numpy"] == np.__version__
    kind = SETTINGS[command]
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
    assert new_files(folder) == ["out.jpg"]


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_octaves_too_small_to_see_get_a_notice_and_are_left_out(
    command, capsys, folder
):
    _, err = succeeds(capsys, [*RUNS[command], "--octaves=4"])
    assert len(err) == 2
    assert err[0].startswith("vectormix: notice: 3 of 4 octaves")
    assert "75 pixels" in err[0]
    assert err[1].startswith("octave 1/1 step 2/2")
    assert new_files(folder) == ["out.png"]


@pytest.mark.parametrize(
    "name, kind",
    [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.webp", "WEBP"), ("a.tif", "TIFF")],
)
def test_the_ending_decides_the_format(name, kind, capsys, folder):
    succeeds(capsys, [*DREAM_RUN, f"--output={name}"])
    assert new_files(folder) == [name]
    with Image.open(name) as image:
        assert image.format == kind and image.size == (SIDE, SIDE)


def test_a_full_disk_is_one_more_line_and_the_old_file_stays(capsys, folder):
    (folder / "out.png").write_bytes(b"old")
    before = contents(folder)
    with full_disk():
        assert main([*DREAM_RUN, "--overwrite"]) == 2
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
    assert new_files(folder) == ["a.png", "a.svg", "b.png", "b.svg"]
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes()
    svg = (folder / "a.svg").read_text("utf-8")
    for term in (*TERMS[command], "step", "loss"):
        assert f"<!-- {term} -->" in svg


# --- Ctrl-C ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_ctrl_c_after_a_step_writes_the_picture_so_far(
    command, capsys, folder, monkeypatch
):
    seen = []

    def interrupt(bar, progress):
        if progress.step:
            seen.append(progress.step)
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    argv = [*RUNS[command], "--steps=50", "--manifest=run.json"]
    assert main(argv) == 130
    out, err = capsys.readouterr()
    assert out == "" and seen == [1]
    assert err == "vectormix: interrupted; wrote the picture so far to out.png\n"
    assert new_files(folder) == ["out.png", "run.json"]
    with Image.open("out.png") as image:
        assert image.size == (SIDE, SIDE)
    record = json.loads((folder / "run.json").read_text())
    assert record["finished"] is False
    assert all(len(losses) == 1 for losses in record["losses"].values())


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_a_run_that_becomes_nan_is_one_line_and_the_picture_before_it(
    command, capsys, folder, monkeypatch, own_graphs
):
    update = Problem.update

    def breaks(problem, values, gradient, state, done):
        values, state = update(problem, values, gradient, state, done)
        return tf.where(done < 0.4, values, np.nan), state

    monkeypatch.setattr(Problem, "update", breaks)
    argv = [*RUNS[command], "--steps=5", "--manifest=run.json", "--save_every=1"]
    assert main(argv) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        "vectormix: the picture became NaN or infinite after step 2 of octave 1; take"
        " smaller weights or smaller steps. The picture before it is in out.png."
    )
    assert new_files(folder) == ["out-1-1.png", "out-1-2.png", "out.png", "run.json"]
    with Image.open("out.png") as image, Image.open("out-1-2.png") as last:
        np.testing.assert_array_equal(image, last)
        assert np.asarray(image).std() > 10
    record = json.loads((folder / "run.json").read_text())
    assert record["finished"] is False
    assert all(len(losses) == 2 for losses in record["losses"].values())


@pytest.mark.parametrize("command", ["mix", "dream"])
def test_ctrl_c_before_the_first_step_writes_nothing(
    command, capsys, folder, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vectormix_tf.recipes.run.pad", interrupt)
    assert main(RUNS[command]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vectormix: interrupted before there was")
    assert len(err.splitlines()) == 1
    assert new_files(folder) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_long_run_with_the_picture_so_far(number, root, folder):
    argv = [*DREAM_RUN, "--size=96", "--steps=20000", "--save_every=1"]
    process = subprocess.Popen(
        [*VECTORMIX, *argv],
        **process_options(root),
        # Where these tests are a shell's background job, SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        patience = time.monotonic() + 120
        while not (folder / "out-1-1.png").exists():  # steps have begun
            assert process.poll() is None and time.monotonic() < patience
            time.sleep(0.05)
        assert not (folder / "out.png").exists()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + number
    # Nothing of TensorFlow's own log is among it.
    text = "vectormix: interrupted; wrote the picture so far to out.png\n"
    assert err.decode() == text
    with Image.open("out.png") as image:
        assert image.size == (96, 96)
        image.load()


def test_a_run_needs_no_folder_for_temporary_files(folder, capsys, monkeypatch):
    """As on a system that is read-only but for the folder of the output."""

    def refuse(*_, **__):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    succeeds(capsys, DREAM_RUN)
    assert new_files(folder) == ["out.png"]
