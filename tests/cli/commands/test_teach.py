"""`vectormix teach`, with a lesson that does nothing."""

import os
import shutil

import pytest
from cli_cases import (
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    folder_named,
    holds,
    refused,
    succeeds,
    use_jax,
)
from teaching_toy import StubLesson, save_lite0

from vectormix_tf.cli.main import main
from vectormix_tf.io.progress import ProgressBar

TEACH = ["teach", "--photos=photos", "--teacher=imagenet", "--output=out.npz"]
STATE = "out.npz.state.npz"


def many(count):
    """Prepares a folder of so many pictures."""

    def prepare(folder, patch):
        (folder / "photos/below").mkdir(parents=True)
        for i in range(count):
            shutil.copy(folder / "photo.png", folder / f"photos/below/{i}.png")

    return prepare


def both(*prepares):
    return lambda *given: [prepare(*given) for prepare in prepares]


def broken(folder, patch):
    many(9)(folder, patch)
    for path in (folder / "photos/below").iterdir():
        path.write_bytes(b"no picture")


def own_mistakes():
    ready = many(8)
    return [
        ("photos", ["teach"], ("--photos is missing",)),
        ("teacher", TEACH[:2], ("--teacher is missing", "EfficientNet-Lite0")),
        ("output", TEACH[:3], ("--output is missing",)),
        ("no folder", TEACH, ("no folder 'photos'",)),
        ("a file", [*TEACH, "--photos=photo.png"], ("no folder 'photo.png'",)),
        ("no picture", TEACH, ("0 pictures in 'photos'",), folder_named("photos")),
        ("few", TEACH, ("7 pictures in 'photos'", "needs 8"), many(7)),
        ("broken", TEACH, ("0 pictures", "0.png"), broken),
        ("large", [*TEACH, "--max_pixels=9"], ("--max_pixels",), ready),
        ("nobody", [*TEACH, "--teacher=no.h5"], ("no file 'no.h5'", ".keras")),
        ("kind", [*TEACH, "--teacher=photo.png"], ("another ending", ".npz")),
        (
            "no teacher",
            [*TEACH, "--teacher=x.npz"],
            ("could not read the teacher `x.npz`", "a teacher is imagenet"),
            both(ready, holds("x.npz", b"hello" * 9)),
        ),
        ("minutes", [*TEACH, "--minutes=0"], ("--minutes must be in",)),
        ("negative", [*TEACH, "--minutes=-1"], ("--minutes must be in",)),
        ("steps", [*TEACH, "--steps=0"], ("--steps must be in",)),
        (
            "both",
            [*TEACH, "--steps=1", "--minutes=1"],
            ("both --minutes and --steps are given",),
        ),
        ("size", [*TEACH, "--size=74"], ("--size must be in [75, 1024]",)),
        ("weights", [*TEACH, "--weights=no.npz"], ("no file 'no.npz'",)),
        ("ending", [*TEACH, "--output=out.h5"], ("must end with .npz",)),
        ("no place", [*TEACH, "--output=no/out.npz"], ("`no` does not exist",)),
        (
            "exists",
            TEACH,
            ("output `out.npz` exists", "--overwrite"),
            holds("out.npz", b"weights"),
        ),
        (
            "state exists",
            TEACH,
            (f"state `{STATE}` of another lesson exists", "--resume"),
            holds(STATE, b"state"),
        ),
        (
            "its own teacher",
            [*TEACH, "--teacher=out.npz", "--overwrite"],
            ("is also an input",),
            holds("out.npz", b""),
        ),
        (
            "no state",
            [*TEACH, "--resume"],
            (f"state `{STATE}` does not exist", "leave out --resume"),
        ),
        ("jax", TEACH, ("jax",), both(ready, use_jax)),
    ]


@each_mistake([Mistake(*case) for case in own_mistakes()])
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_help_lists_the_flags_and_the_teachers(capsys):
    known = flags_of(capsys, "teach")
    assert {"photos", "teacher", "minutes", "steps", "resume"} <= set(known)
    out, _ = succeeds(capsys, ["teach", "--help"])
    assert "EfficientNetB0 (.h5, .keras)" in out.splitlines()[-1]


# --- Runs -----------------------------------------------------------------------------


@pytest.fixture
def ready(folder, monkeypatch):
    """A folder with photographs and a teacher; lessons do nothing."""
    many(8)(folder, None)
    save_lite0(folder / "lite0.npz")
    monkeypatch.setattr("vectormix_tf.teaching.lesson.Lesson", StubLesson)
    return folder


RUN = [*TEACH, "--teacher=lite0.npz", "--steps=7"]


def written(folder):
    """Names of the files that a lesson has left."""
    return sorted(name for name in os.listdir(folder) if name.startswith("out"))


def test_a_lesson_writes_the_weights_and_says_how_it_went(capsys, ready):
    (ready / "photos/note.jpg").write_bytes(b"no picture")
    out, lines = succeeds(capsys, RUN)
    assert "taught 7 steps" in out and "features 3.000, classes 3.000" in out
    assert out.endswith("wrote out.npz\n") and written(ready) == ["out.npz"]
    notices = [line for line in lines if "notice" in line]
    assert len(notices) == 1 and "1 of 9 pictures are left out" in notices[0]
    assert lines[-1].startswith("part 20/20 step 100/100: loss 6.0000 (features")


def interrupt(bar, progress):
    raise KeyboardInterrupt


def test_ctrl_c_keeps_the_weights_and_the_lesson_goes_on(capsys, ready, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        assert main(RUN) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert "wrote the weights so far to out.npz" in line and "--resume" in line
    assert written(ready) == ["out.npz", STATE]
    so_far = (ready / "out.npz").read_bytes()
    assert "exists" in refused(capsys, ready, RUN)
    said = refused(capsys, ready, [*RUN, "--resume", "--eps=1"])
    assert "eps=3.0 (now 1.0)" in said
    succeeds(capsys, [*RUN, "--resume"])
    resumed = (ready / "out.npz").read_bytes()
    assert written(ready) == ["out.npz"]
    succeeds(capsys, [*RUN, "--overwrite"])
    assert (ready / "out.npz").read_bytes() == resumed != so_far


def test_a_lesson_that_is_resumed_at_its_end_writes_the_weights(
    capsys, ready, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        assert main([*RUN[:-1], "--minutes=1"]) == 130
    # A minute has gone by.
    monkeypatch.setattr("vectormix_tf.teaching.run.MINUTE", 1e-9)
    out, _ = succeeds(capsys, [*RUN[:-1], "--minutes=1", "--resume"])
    assert out == "wrote out.npz\n" and written(ready) == ["out.npz"]


def test_other_photographs_are_another_lesson(capsys, ready, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        main(RUN)
    shutil.copy(ready / "painting.png", ready / "photos/below/0.png")
    said = refused(capsys, ready, [*RUN, "--resume"])
    assert "another photos" in said


def test_there_is_nothing_to_resume_without_a_state(capsys, ready):
    said = refused(capsys, ready, [*RUN, "--resume"])
    assert f"state `{STATE}` does not exist; leave out --resume" in said


def test_losses_that_stay_infinite_are_one_line(capsys, ready, monkeypatch):
    monkeypatch.setattr(StubLesson, "teach", staticmethod(StubLesson.nothing_finite))
    assert main(RUN) == 2
    *_, notice, line = capsys.readouterr().err.splitlines()
    assert "notice: the losses of step 0 are NaN" in notice
    assert "again" in line and "choose a smaller --learning_rate" in line
    assert written(ready) == []

    def at_first(self, share, most):
        if self.batch == 2:
            return StubLesson.nothing_finite(share, most)
        return teach(self, share, most)

    monkeypatch.undo()
    teach = StubLesson.teach
    monkeypatch.setattr("vectormix_tf.teaching.lesson.Lesson", StubLesson)
    monkeypatch.setattr(StubLesson, "teach", at_first)
    monkeypatch.chdir(ready)
    assert main(RUN) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith("The weights before it are in out.npz.")
    assert written(ready) == ["out.npz", STATE]
