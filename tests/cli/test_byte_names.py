"""Files whose names are not UTF-8, which Linux allows: in every command and output."""

import json
import os
import shutil
import sys

import numpy as np
import pytest
from cli_cases import (
    CHANNEL,
    DREAM,
    GRID_RUN,
    MIX_RUN,
    SWEEP_RUN,
    ZOOM_RUN,
    refused,
    succeeds,
)
from PIL import Image

import vectormix_tf
from vectormix_tf.io.series import MANIFEST

if sys.platform != "linux":
    pytest.skip("names of files are text there", allow_module_level=True)


def name(data):
    """A name as Python has it."""
    return os.fsdecode(data)


BUNDLED = os.path.join(
    os.path.dirname(vectormix_tf.__file__),
    "backbone/weights/inception_v3_mixed5.npz",
)
PHOTO, PAINTING = name(b"caf\xe9.png"), name(b"p\xe4inting.png")
INPUTS = [f"--content={PHOTO}", f"--style={PAINTING}"]
IMAGE = [f"--image={PHOTO}"]
MIX, SWEEP, GRID = (
    [word for word in argv if not word.startswith(("--content", "--style", "--row"))]
    for argv in (MIX_RUN, SWEEP_RUN, GRID_RUN)
)
SHOWN = [r"caf\xe9.png", r"p\xe4inting.png"]


@pytest.fixture(autouse=True)
def renamed(folder):
    """The pictures of the current folder have such names."""
    os.rename("photo.png", PHOTO)
    os.rename("painting.png", PAINTING)
    return folder


def record(path):
    """A record, read as other languages read JSON: as strict UTF-8."""
    with open(path, "rb") as file:
        text = file.read().decode("utf-8")
    assert not any("\ud800" <= letter <= "\udfff" for letter in text)
    assert "\\ud" not in text
    return json.loads(text)


def test_a_run_takes_and_makes_files_of_any_name(capsys, folder):
    ends = {"output": b".png", "manifest": b".json", "plot": b".svg"}
    ends["checkpoint"] = b".ckpt"
    paths = {flag: name(b"run-\xff" + end) for flag, end in ends.items()}
    argv = [*MIX, *INPUTS, *(f"--{flag}={path}" for flag, path in paths.items())]
    succeeds(capsys, argv)
    assert [*record(paths["manifest"])["inputs"]] == SHOWN
    with Image.open(paths["output"]) as image:
        first = np.asarray(image)
    succeeds(capsys, [*argv, "--overwrite", "--resume"])
    with Image.open(paths["output"]) as image:
        assert np.array_equal(np.asarray(image), first)


@pytest.mark.parametrize(
    "argv",
    [[*SWEEP, *INPUTS], [*ZOOM_RUN, *IMAGE]],
    ids=["sweep", "zoom"],
)
def test_a_folder_of_any_name_goes_on_where_it_stopped(argv, capsys, folder):
    where = name(b"film-\xff")
    succeeds(capsys, [*argv, f"--output={where}"])
    assert SHOWN[0] in record(os.path.join(where, MANIFEST))["inputs"]
    picture = os.path.join(where, "0002.png")
    with open(picture, "rb") as file:
        before = file.read()
    os.unlink(picture)
    succeeds(capsys, [*argv, f"--output={where}"])
    with open(picture, "rb") as file:
        assert file.read() == before
    line = refused(capsys, folder, [*argv, f"--output={where}", "--seed=1"])
    assert r"`film-\xff` was made with seed=0 (now 1)" in line


def test_a_grid_labels_files_of_any_name_and_knows_its_sheet_again(capsys, folder):
    os.mkdir("photos")
    odd = [PHOTO, name(b"two\nlines.png"), name(b"\xe5\x86\x99.png")]
    for each in odd:
        os.link(PHOTO, os.path.join("photos", each))
    argv = [*GRID, INPUTS[1], "--rows=content", "--row=photos", "--row=photos/c*"]
    argv += [f"--output={name(b'sheet-')}{PHOTO}"]
    _, err = succeeds(capsys, argv)
    labels = [line for line in err if line.startswith("cell ")]
    assert len(labels) == 4
    assert r"content=caf\xe9" in labels[0] and r"two\nlines" in labels[1]
    assert "content=写" in labels[2]
    succeeds(capsys, argv)  # not the sheet of somebody else


def test_the_sheet_of_a_dream_of_all_layers_has_any_name(capsys, folder, monkeypatch):
    layers = "vectormix_tf.galleries.layers.LayerSheet.run"

    def run(sheet, series, path, pictures):
        series.add("conv1a.png", b"")
        return True

    monkeypatch.setattr(layers, run)
    path = name(b"sheet-\xff.png")
    succeeds(capsys, [*DREAM, *IMAGE, "--explore", f"--output={path}"])
    made = record(os.path.join(name(b"sheet-\xff-layers"), MANIFEST))
    assert made["settings"]["sheet"] == r"sheet-\xff.png"


@pytest.mark.parametrize("command", ["atlas", "visualize"])
def test_channels_of_weights_of_any_name_are_shown(command, capsys, folder):
    weights = name(b"w\xe9ights.npz")
    shutil.copy(BUNDLED, weights)
    argv = [command, *CHANNEL, "--channels=0-1", f"--weights={weights}"]
    output = name(b"out-\xff") + (".png" if command == "visualize" else "")
    succeeds(capsys, [*argv, f"--output={output}"])
    assert os.path.exists(output)
    if command == "atlas":
        with open(os.path.join(output, "index.html"), encoding="utf-8") as page:
            assert r"w\xe9ights.npz" in page.read()


@pytest.mark.parametrize("flag", ["content", "mask", "init", "weights", "style"])
def test_a_missing_file_of_any_name_is_one_line(flag, capsys, folder):
    line = refused(capsys, folder, [*MIX, *INPUTS, f"--{flag}=no-\udcff.png"])
    assert "no-" in line and "\udcff" not in line


def test_an_existing_output_of_any_name_is_one_line(capsys, folder):
    line = refused(capsys, folder, [*MIX, *INPUTS, f"--output={PHOTO}"])
    assert r"`caf\xe9.png` is also an input" in line


def test_a_model_cannot_be_exported_to_a_folder_of_bytes(capsys, folder):
    where = name(b"mod\xe9l")
    line = refused(capsys, folder, ["export", f"--output={where}"])
    assert r"mod\xe9l" in line and "UTF-8" in line
