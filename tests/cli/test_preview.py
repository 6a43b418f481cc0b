"""`--preview`: a picture before TensorFlow is there, replaced as the mix goes on."""

import errno
import itertools
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from cli_cases import (
    DREAM,
    DREAM_RUN,
    MIX,
    MIX_RUN,
    SIDE,
    ZOOM,
    ZOOM_RUN,
    Mistake,
    check_mistake,
    ctrl_c_after,
    each_mistake,
    folder_named,
    holds,
    new_files,
    picture,
    process_options,
    refused,
    succeeds,
)
from PIL import Image

import vectormix_tf as vm
from vectormix_tf.cli import job, preview
from vectormix_tf.cli.commands import zoom
from vectormix_tf.cli.main import main
from vectormix_tf.io import output
from vectormix_tf.io.progress import Progress

RUN = [*MIX_RUN, "--steps=3", "--preview=now.png"]


def pixels(path):
    return np.asarray(Image.open(path))


def first_picture():
    return np.asarray(vm.preview("photo.png", "painting.png", size=SIDE).pil)


@pytest.fixture
def written(monkeypatch):
    """Pixels of all pictures that are written to `now.png`, as a reader sees them."""
    seen, write = [], output.write_bytes

    def recording(path, *arguments):
        write(path, *arguments)
        if os.path.basename(path) == "now.png":
            seen.append(pixels(path))

    monkeypatch.setattr(output, "write_bytes", recording)
    return seen


PROGRAM = """
import shutil, sys
from vectormix_tf.cli import job, main

def stop():
    names = sorted({"tensorflow", "keras"} & set(sys.modules))
    print("loaded", *names, flush=True)
    shutil.copy("now.png", "seen.png")
    raise KeyboardInterrupt

job.load_tensorflow = stop
sys.exit(main.main(sys.argv[1:]))
"""


def test_it_is_there_before_tensorflow_is_loaded(folder):
    root = os.path.dirname(os.path.dirname(vm.__file__))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, *RUN],
        **process_options(root),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.stdout == "loaded\n" and done.returncode == 130, done.stderr
    # It goes with a run that Ctrl-C ends before it has begun.
    assert new_files(folder) == ["seen.png"]
    np.testing.assert_array_equal(pixels("seen.png"), first_picture())


def test_it_is_replaced_as_the_mix_goes_on_and_holds_the_result_at_the_end(
    capsys, folder, written, monkeypatch
):
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    monkeypatch.setattr(preview, "SHARE", np.inf)
    _, lines = succeeds(capsys, [*RUN, "--save_every=1"])
    assert len(lines) == 1 and lines[0].startswith("octave 1/1 step 3/3")
    first, *steps, last = written
    np.testing.assert_array_equal(first, first_picture())
    for number, step in enumerate(steps, start=1):
        np.testing.assert_array_equal(step, pixels(f"out-1-{number}.png"))
    assert len(steps) == 3 and not np.array_equal(first, steps[0])
    np.testing.assert_array_equal(last, pixels("out.png"))
    steps = [f"out-1-{number}.png" for number in (1, 2, 3)]
    assert new_files(folder) == ["now.png", *steps, "out.png"]


@pytest.mark.parametrize("run", [DREAM_RUN, ZOOM_RUN], ids=["dream", "zoom"])
def test_that_of_a_dream_begins_with_its_picture(
    run, capsys, folder, written, monkeypatch
):
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    monkeypatch.setattr(preview, "SHARE", np.inf)
    loaded = job.load_tensorflow

    def look():
        np.testing.assert_array_equal(pixels("now.png"), pixels("photo.png"))
        loaded()

    for module in (job, zoom):
        monkeypatch.setattr(module, "load_tensorflow", look)
    succeeds(capsys, [*run, "--preview=now.png"])
    first, *steps, last = written
    np.testing.assert_array_equal(first, pixels("photo.png"))
    assert len(steps) >= 2
    for before, after in itertools.pairwise([first, *steps]):
        assert after.shape == first.shape and not np.array_equal(before, after)
    if run is DREAM_RUN:
        np.testing.assert_array_equal(last, pixels("out.png"))


def test_that_of_a_zoom_ends_with_the_last_frame_also_if_all_were_made(capsys, folder):
    run = [*ZOOM_RUN, "--further_steps=1", "--output=frames", "--preview=now.png"]
    _, lines = succeeds(capsys, run)
    starts = ["octave 1/1 step 1/1", "frame 2/3 step 1/1", "frame 3/3 step 1/1"]
    assert [line.partition(":")[0] for line in lines] == starts
    np.testing.assert_array_equal(pixels("now.png"), pixels("frames/0003.png"))
    os.unlink("now.png")
    succeeds(capsys, run)
    np.testing.assert_array_equal(pixels("now.png"), pixels("frames/0003.png"))
    os.unlink("frames/0002.png")
    os.unlink("now.png")
    _, lines = succeeds(capsys, run)
    assert [line.partition(":")[0] for line in lines] == starts[1:]


def test_a_zoom_s_is_opaque_as_its_frames_are(capsys, folder, written):
    clear = picture(1)
    clear.putalpha(Image.new("L", clear.size, 99))
    clear.save("photo.png")
    succeeds(capsys, [*ZOOM_RUN, "--frames=1", "--preview=now.png"])
    assert {each.shape[-1] for each in written} == {3}


def test_a_zoom_that_ctrl_c_ends_before_its_first_frame_leaves_none(
    folder, monkeypatch
):
    ctrl_c_after(0, monkeypatch)
    assert main([*ZOOM_RUN, "--preview=now.png"]) == 130
    assert new_files(folder) == []


def test_ctrl_c_leaves_the_picture_so_far(capsys, folder, monkeypatch):
    ctrl_c_after(0, monkeypatch)
    assert main(RUN) == 130
    assert "so far" in capsys.readouterr().err
    np.testing.assert_array_equal(pixels("now.png"), pixels("out.png"))


def test_transparency_is_in_all_of_its_pictures_and_they_have_8_bits(
    capsys, folder, written, monkeypatch
):
    monkeypatch.setattr(preview, "SECONDS", 0.0)
    monkeypatch.setattr(preview, "SHARE", np.inf)
    clear = picture(1)
    cover = np.tile(np.uint8(np.linspace(0, 255, SIDE)), (SIDE, 1))
    clear.putalpha(Image.fromarray(cover))
    clear.save("photo.png")
    succeeds(capsys, [*RUN, "--steps=2", "--depth=16"])
    assert len(written) == 4  # the first, two steps, the result
    for each in written:
        assert each.dtype == np.uint8
        np.testing.assert_array_equal(each[..., 3], cover)
    depths = {name: (folder / name).read_bytes()[24] for name in ("out.png", "now.png")}
    assert depths == {"out.png": 16, "now.png": 8}


# --- When it is replaced --------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch, folder):
    """Calls `show` at a time, of a preview that takes so many seconds.

    Returns whether it was made.
    """
    now, made = [0.0], []
    monkeypatch.setattr(preview.time, "monotonic", lambda: now[0])
    each = preview.Preview("now.png", [], overwrite=False)

    def show(seconds, cost=0.0):
        now[0] = seconds
        before = len(made)

        def make():
            made.append(seconds)
            now[0] += cost
            return np.full((8, 9, 3), 0.5, np.float32)

        each.show(Progress(1, 1, 1, 2, {}, None, make))
        return len(made) > before

    with each.begun(lambda: vm.preview("photo.png", "painting.png", size=SIDE)):
        yield show


def test_it_is_replaced_every_two_seconds_and_takes_3_percent_of_the_time(shown):
    assert not shown(1.9)
    assert shown(2.0) and not shown(3.9)
    assert shown(4.0, cost=3.0)
    assert not shown(7 + 99) and shown(7 + 100.1)


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def too_large(*_):
    raise vm.InputError("WEBP cannot hold 20000 x 20000 pixels; use `.png`.")


@pytest.mark.parametrize(
    "name, fails, words",
    [
        ("_to_disk", full, "No space left on device; free some space"),
        ("encode", too_large, "20000 pixels; use `.png`"),
    ],
)
def test_what_cannot_be_written_ends_the_previews_and_not_the_run(
    name, fails, words, shown, monkeypatch
):
    before = pixels("now.png")
    told = pytest.warns(vm.Notice, match=f"{words}.* stays as it was, and the run goes")
    with monkeypatch.context() as patch, told:
        patch.setattr(output, name, fails)
        assert shown(2.0)
    assert not shown(1000.0)
    np.testing.assert_array_equal(pixels("now.png"), before)
    assert new_files(".") == ["now.png"]


# --- Mistakes -------------------------------------------------------------------------

GIVEN = [*MIX, "--preview=now.png"]
MISTAKES = [
    Mistake("ending", [*MIX, "--preview=now.gif"], ("preview `now.gif`", "`.webp`")),
    Mistake("no ending", [*MIX, "--preview=now"], ("preview `now`", "`.webp`")),
    Mistake("empty", [*MIX, "--preview="], ("preview", "no file name")),
    Mistake("folder", [*MIX, "--preview=no/x.png"], ("preview", "`no` does not exist")),
    Mistake("content", [*MIX, "--preview=./photo.png", "--overwrite"], ("an input",)),
    Mistake("output", [*MIX, "--preview=./out.png"], ("preview", "name another file")),
    Mistake("manifest", [*GIVEN, "--manifest=now.png"], ("name another file",)),
    Mistake("plot", [*GIVEN, "--plot=now.png"], ("preview", "name another file")),
    Mistake("checkpoint", [*GIVEN, "--checkpoint=now.png"], ("name another file",)),
    Mistake("exists", GIVEN, ("exists", "--overwrite"), holds("now.png", b"old")),
    Mistake(
        "save_every",
        [*MIX, "--save_every=1", "--preview=out-1-2.png"],
        ("the preview", "choose another --output"),
    ),
    Mistake("small", [*GIVEN, "--size=40"], ("--size must be", "40")),
    Mistake("masks", [*GIVEN, *["--style_mask=photo.png"] * 2], ("1 styles and 2",)),
    Mistake("dream", [*DREAM, "--preview=./photo.png", "--overwrite"], ("an input",)),
    Mistake(
        "of a sheet", [*DREAM, "--explore", "--preview=a.png"], ("leave --preview",)
    ),
    Mistake("zoom", [*ZOOM, "--preview=now.gif"], ("preview `now.gif`", "`.webp`")),
    Mistake("zoom's input", [*ZOOM, "--preview=photo.png"], ("an input",)),
    Mistake(
        "zoom's film",
        [*ZOOM, "--preview=out.webp"],
        ("preview", "name another file"),
    ),
    Mistake(
        "zoom's frame",
        [*ZOOM, "--output=made", "--preview=made/0002.png"],
        ("preview", "name another file"),
        folder_named("made"),
    ),
    Mistake("late", [*GIVEN, "--guide=photo.png"], ("needs --amplify",)),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_a_mistake_in_a_picture_is_told_before_tensorflow_is_loaded(
    capsys, folder, monkeypatch
):
    def never():
        raise AssertionError

    monkeypatch.setattr(job, "load_tensorflow", never)
    picture(3, 40, 400).save("strip.png")
    argv = [*MIX, "--preview=now.png", "--content=strip.png", "--size=400"]
    assert "choose a larger --size" in refused(capsys, folder, argv)


@pytest.mark.parametrize("error", [vm.InputError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("before", [None, b"my picture"])
def test_a_run_that_makes_no_picture_leaves_what_was_there(error, before, folder):
    path = folder / "now.png"
    if before is not None:
        path.write_bytes(before)
    each = preview.Preview("now.png", [], overwrite=True)
    with pytest.raises(error), each.begun(lambda: vm.preview("photo.png", size=SIDE)):
        assert pixels(path).shape[1] == SIDE
        raise error("none")
    assert (path.read_bytes() if path.exists() else None) == before


def test_what_is_told_of_a_picture_is_left_to_the_run(folder):
    ink = np.zeros((SIDE, SIDE, 4), np.uint8)
    ink[20:60, 20:60, 3] = 255
    with pytest.warns(vm.Notice, match="laid on white"):
        vm.preview(ink, "painting.png", size=SIDE)
    each = preview.Preview("now.png", [], overwrite=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with each.begun(lambda: vm.preview(ink, "painting.png", size=SIDE)):
            assert new_files(folder) == ["now.png"]
