"""Checkpoints: files that a stopped run goes on from, and those it must not."""

import dataclasses
import functools
import os
import pathlib
import random
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from mistakes import full_disk, refusal

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.octaves import Octave
from vectormix_tf.errors import Notice
from vectormix_tf.io.fingerprint import fingerprint
from vectormix_tf.objectives.distances import relative_squared
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.regularization import total_variation
from vectormix_tf.ops.resize import resize
from vectormix_tf.optim import checkpoint, loop, optimizers
from vectormix_tf.optim.canvas import fourier
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transforms
from vectormix_tf.recipes import run as picture_run

PICTURE = np.random.default_rng(0).random([1, 30, 24, 3], np.float32)
SETTINGS = {"alpha": 0.5, "steps": 6, "f1": "mixed2", "learning_rate": None}


def prints(command="mix", inputs=None, **changed):
    inputs = {"content picture": PICTURE} if inputs is None else inputs
    return fingerprint(command, SETTINGS | changed, inputs)


def stand(seed=0):
    """Where some run may stand."""
    drawn = np.random.default_rng(seed)
    return loop.Checkpoint(
        octave=1,
        step=2,
        x=drawn.random([1, 5, 4, 3], np.float32),
        values=drawn.random([2, 3, 5, 3], np.float32),
        state=[drawn.random([2, 3], np.float32), np.array(7), np.array(0.5, "f4")],
        losses=drawn.random([8, 2], np.float32),
        seconds=12.25,
    )


def assert_same(one, other):
    for field in dataclasses.fields(one):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("octave", "step", "seconds"):
            assert first == second
            continue
        arrays = [first], [second]
        if field.name == "state":
            arrays = first, second
        for left, right in zip(*arrays, strict=True):
            assert (left.dtype, left.shape) == (right.dtype, right.shape)
            assert left.tobytes() == right.tobytes()


# --- The file -------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    file = tmp_path / "run.ckpt"
    for seed in (0, 1):  # the second in place of the first
        checkpoint.save(file, stand(seed), prints())
        assert_same(checkpoint.load(file, prints()), stand(seed))
    assert os.listdir(tmp_path) == ["run.ckpt"]


def test_a_stateless_rule_has_a_checkpoint_too(tmp_path):
    file = tmp_path / "run.ckpt"
    bare = dataclasses.replace(stand(), state=[])
    checkpoint.save(file, bare, prints())
    assert_same(checkpoint.load(file, prints()), bare)


def test_numpy_reads_the_file_as_it_reads_any_npz(tmp_path):
    checkpoint.save(tmp_path / "run.npz", stand(), prints())
    with np.load(tmp_path / "run.npz") as archive:
        np.testing.assert_array_equal(archive["values"], stand().values)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A file to be damaged, and its bytes."""
    file = tmp_path_factory.mktemp("damaged") / "run.ckpt"
    checkpoint.save(file, stand(), prints())
    return file, file.read_bytes()


@given(data=st.data())
def test_any_damage_is_refused_in_one_line_and_the_file_kept(damaged, data):
    file, whole = damaged
    place = data.draw(st.integers(0, len(whole) - 1), "place")
    change = data.draw(st.integers(0, 255), "change")  # 0: the file ends here
    tail = bytes([whole[place] ^ change]) + whole[place + 1 :] if change else b""
    broken = whole[:place] + tail
    file.write_bytes(broken)
    text = refusal(checkpoint.load, file, prints())
    assert str(file) in text and ("damaged" in text or "no checkpoint" in text)
    assert file.read_bytes() == broken


def test_what_is_no_checkpoint_is_called_so(tmp_path):
    assert "does not exist" in refusal(checkpoint.load, tmp_path / "none", prints())
    assert "could not read" in refusal(checkpoint.load, tmp_path, prints())
    for data in (b"", b"\x89PNG\r\n\x1a\n" + bytes(99)):
        (tmp_path / "other").write_bytes(data)
        text = refusal(checkpoint.load, tmp_path / "other", prints())
        assert "is no checkpoint" in text


@pytest.mark.parametrize("other", [1, checkpoint.FORMAT + 1])
def test_another_format_is_refused(tmp_path, monkeypatch, other):
    file = tmp_path / "run.ckpt"
    monkeypatch.setattr(checkpoint, "FORMAT", other)
    checkpoint.save(file, stand(), prints())
    monkeypatch.undo()
    text = refusal(checkpoint.load, file, prints())
    assert f"format {other}" in text and f"reads {checkpoint.FORMAT}" in text


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    file = tmp_path / "run.ckpt"
    checkpoint.save(file, stand(0), prints())
    with full_disk():
        assert "free some space" in refusal(checkpoint.save, file, stand(1), prints())
    assert_same(checkpoint.load(file, prints()), stand(0))
    assert os.listdir(tmp_path) == ["run.ckpt"]


# --- The same run, or another ---------------------------------------------------------


@pytest.mark.parametrize(
    "other, told",
    [
        (prints(alpha=0.3), ["alpha=0.5 (now 0.3)"]),
        (prints(alpha=0.3, steps=7), ["alpha=0.5 (now 0.3)", "steps=6 (now 7)"]),
        (prints(learning_rate=0.1), ["learning_rate=None (now 0.1)"]),
        (prints(pooling="average"), ["pooling=unknown (now average)"]),
        (prints("dream"), ["command=mix (now dream)"]),
        (prints(inputs={"content picture": 1 - PICTURE}), ["another content picture"]),
        (prints(inputs={}), ["another content picture"]),
        (
            prints(inputs={"content picture": PICTURE, "mask": PICTURE}),
            ["made with no mask"],
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_another_run_is_refused_and_what_differs_is_named(tmp_path, other, told):
    file = tmp_path / "run.ckpt"
    checkpoint.save(file, stand(), prints())
    before = file.read_bytes()
    text = refusal(checkpoint.load, file, other)
    for part in [*told, str(file), "start again with another `checkpoint`"]:
        assert part in text
    assert text.count("(now") <= len(told)
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["tensorflow", "keras", "vectormix_tf", "device"])
def test_other_versions_give_other_bytes_and_are_refused(tmp_path, name):
    file = tmp_path / "run.ckpt"
    then = prints()
    then["versions"] = then["versions"] | {name: "0.0"}
    checkpoint.save(file, stand(), then)
    assert f"{name}=0.0 (now " in refusal(checkpoint.load, file, prints())


# --- Runs -----------------------------------------------------------------------------

SIZES = [(32, 26), (46, 38)]  # the border is 24 pixels
STEPS = 5
SHIFTS = np.array([[0, 0], [1, -2], [-3, 1]], np.int32)


def problem():
    """Small, but with a target that moves, shifts, an objective of the start."""

    def observe(x, transform, layers):
        return {"x": tf.roll(x, transform.shift, [1, 2])}

    def reference(x):
        return resize(tf.constant(1 - PICTURE), tf.shape(x)[1:3])

    return Problem(
        observe=observe,
        objectives=[
            match("content", {"x": 1.0}, reference, distance=relative_squared),
            total_variation().times(0.1),
        ],
        canvas=fourier(1.5),
        optimizer=optimizers.lbfgs(history=3, first=0.1, longest=0.3),
        transforms=Transforms(SHIFTS),
        steps=STEPS,
    )


def start(size, before):
    image = tf.constant(PICTURE) if before is None else before
    return tf.clip_by_value(resize(image, size), 0.0, 1.0)


def run(file=None, resume=False, on_progress=None, **fingerprint):
    return picture_run.run(
        problem(),
        start,
        [Octave(size, STEPS) for size in SIZES],
        DreamSettings(),
        None,
        on_progress,
        1,
        checkpoint=file,
        resume=resume,
        fingerprint=lambda: prints(**fingerprint),
    )


@pytest.fixture(scope="module")
def whole():
    return run()


def assert_same_run(result, whole):
    assert result.finished
    assert result.image.tobytes() == whole.image.tobytes()
    for name, losses in whole.losses.items():
        assert result.losses[name].tobytes() == losses.tobytes()


@pytest.mark.parametrize("stop", [(1, 3), (1, STEPS), (2, 4)])
def test_a_picture_goes_on_after_ctrl_c_to_the_same_bytes(tmp_path, whole, stop):
    file = tmp_path / "run.ckpt"

    def interrupt(progress):
        if (progress.octave, progress.step) == stop:
            raise KeyboardInterrupt

    assert not run(file, on_progress=interrupt).finished
    assert_same_run(run(file, resume=True), whole)
    seen = []
    assert_same_run(run(file, resume=True, on_progress=seen.append), whole)
    assert not seen  # the checkpoint of a finished run gives its picture at once


def test_another_run_does_not_go_on_from_it(tmp_path, whole):
    file = tmp_path / "run.ckpt"
    run(file)
    before = file.read_bytes()
    assert "alpha=0.5 (now 1)" in refusal(run, file, resume=True, alpha=1)
    assert file.read_bytes() == before
    assert "needs `checkpoint`" in refusal(run, resume=True)


def test_a_full_disk_costs_the_checkpoint_and_not_the_picture(tmp_path, whole):
    with full_disk(), pytest.warns(Notice, match="free some space .* run goes on"):
        assert_same_run(run(tmp_path / "run.ckpt"), whole)
    assert os.listdir(tmp_path) == []


def killed(file, steps, in_replace):
    """Runs until so many steps are done; then the process is no more."""
    done, replace = [], os.replace

    def die():
        if len(done) >= steps:
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def count(progress):
        done.append(progress)
        if not in_replace:
            die()

    def replace_or_die(*names):  # the new file is there, but has not its name yet
        die()
        replace(*names)

    os.replace = replace_or_die
    # A checkpoint after each step.
    picture_run.optimize = functools.partial(loop.optimize, checkpoint_seconds=0)
    run(file, on_progress=count)


@pytest.mark.parametrize("in_replace", [False, True])
def test_a_killed_process_goes_on_to_the_same_bytes(tmp_path, whole, in_replace):
    file = tmp_path / "run.ckpt"
    steps = random.randrange(2, len(SIZES) * STEPS)
    call = (
        f"import test_checkpoint as t; t.killed({str(file)!r}, {steps}, {in_replace})"
    )
    folder = pathlib.Path(__file__).parent
    path = os.pathsep.join([str(folder), str(folder.parent)])
    done = subprocess.run(
        [sys.executable, "-c", call],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        timeout=300,
    )
    assert done.returncode != 0
    kept = checkpoint.load(file, prints())
    assert kept.octave * STEPS + kept.step == steps - 1, f"killed at {steps}"
    assert_same_run(run(file, resume=True), whole)
