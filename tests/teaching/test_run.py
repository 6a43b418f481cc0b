"""Runs of a lesson: what is kept, what goes on, and how they end."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from mistakes import full_disk, refusal
from teaching_toy import StubLesson

from vectormix_tf.config.teach import TeachSettings
from vectormix_tf.errors import NotFiniteError, Notice, OutputError
from vectormix_tf.teaching import run as running
from vectormix_tf.teaching import state
from vectormix_tf.teaching.run import EVERY_GOOD, Run

MARKS = {
    "command": {"command": "teach"},
    "settings": {"steps": 4},
    "inputs": {},
    "versions": {},
}


@pytest.fixture
def stub():
    return StubLesson(TeachSettings(steps=7))


def run(lesson, path, on_progress=lambda progress: None):
    """Teaches a lesson from where it is; returns whether it was finished."""
    return Run(lesson, MARKS, str(path)).teach(on_progress)


@pytest.fixture
def default_ctrl_c():
    """SIGINT raises, whatever the tests before have left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt(progress):
    raise KeyboardInterrupt


def test_a_lesson_that_was_interrupted_goes_on_to_the_same_bytes(toy, tmp_path):
    assert run(toy.lesson, tmp_path / "whole.npz")
    assert toy.lesson.step == 4
    path = tmp_path / "out.npz"
    toy.reset()
    assert not run(toy.lesson, path, interrupt)
    assert 0 < toy.lesson.step < 4
    so_far = path.read_bytes()
    toy.scramble()
    assert state.load(f"{path}.state.npz", toy.lesson, MARKS) > 0
    assert run(toy.lesson, path)
    assert path.read_bytes() == (tmp_path / "whole.npz").read_bytes() != so_far
    assert sorted(os.listdir(tmp_path)) == ["out.npz", "whole.npz"]


def test_progress_goes_from_the_first_part_to_the_end_of_the_last(stub, tmp_path):
    records = []
    assert run(stub, tmp_path / "out.npz", records.append)
    assert stub.step == 7  # the last batch has a single one
    shares = [(each.octave - 1 + each.step / each.steps) / 20 for each in records]
    assert shares == sorted(shares) and shares[-1] == 1
    # 2, 4, 6 and 7 of 7 steps end parts 1 (none), 6, 12, 18 and 20.
    ends = [each.octave for each in records if each.step == each.steps]
    assert ends == [6, 12, 18, 20]
    assert records[-1].seconds_left == 0
    assert records[0].losses == {"features": 3, "classes": 3}


def test_an_interrupt_before_the_first_batch_keeps_nothing(stub, tmp_path, monkeypatch):
    begun = Run(stub, MARKS, str(tmp_path / "out.npz"))
    monkeypatch.setattr(begun, "_batch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        begun.teach(lambda progress: None)
    assert not os.listdir(tmp_path)


@pytest.mark.usefixtures("default_ctrl_c")
def test_an_interrupt_within_a_batch_ends_after_it(stub, tmp_path, monkeypatch):
    """In another thread, so that no weights are half changed."""
    teach = stub.teach

    def interrupted(share, most):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
        return teach(share, most)

    monkeypatch.setattr(stub, "teach", interrupted)
    assert not run(stub, tmp_path / "out.npz")
    assert (stub.step, stub.weight.numpy()) == (2, 1)
    assert sorted(os.listdir(tmp_path)) == ["out.npz", "out.npz.state.npz"]


def test_the_clock_ends_a_lesson_of_minutes(tmp_path):
    stub = StubLesson(TeachSettings(minutes=2.0))
    running = Run(stub, MARKS, str(tmp_path / "out.npz"), seconds=60.0)
    assert 0.5 <= running.share < 0.6
    running = Run(stub, MARKS, str(tmp_path / "out.npz"), seconds=121.0)
    assert running.share == 1


def test_the_state_is_written_now_and_then(stub, tmp_path, monkeypatch):
    monkeypatch.setattr("vectormix_tf.teaching.run.EVERY_STATE", -1)
    path, seen = tmp_path / "out.npz", []
    run(stub, path, lambda progress: seen.append(os.listdir(tmp_path)))
    assert seen[0] == [] and seen[-1] == ["out.npz.state.npz"]
    assert os.listdir(tmp_path) == ["out.npz"]


def test_a_lesson_goes_back_once_and_ends_the_second_time(stub, tmp_path):
    path, teach = tmp_path / "out.npz", stub.teach

    def breaks(progress):
        stub.teach = stub.nothing_finite

    with (
        pytest.warns(Notice, match="earlier weights at half the rate"),
        pytest.raises(NotFiniteError, match="again.*learning_rate") as ended,
    ):
        run(stub, path, breaks)
    assert stub.slower == 0.25
    assert ended.value.result == str(path) and path.exists()
    assert (stub.weight.numpy(), stub.moment.numpy()) == (0, 0)
    stub.teach = teach  # with the state that was kept the lesson goes on
    state.load(f"{path}.state.npz", stub, MARKS)
    assert run(stub, path)


def test_weights_to_go_back_to_are_renewed(tmp_path):
    stub = StubLesson(TeachSettings(steps=80))

    def breaks_once(share, most):
        if stub.batch == EVERY_GOOD + 3 and stub.slower == 1:
            stub.weight.assign(np.nan)
            return stub.nothing_finite(share, most)
        return StubLesson.teach(stub, share, most)

    stub.teach = breaks_once
    with pytest.warns(Notice, match="NaN or infinite"):
        assert run(stub, tmp_path / "out.npz")
    # All 40 batches added 1; three of them were taken back.
    assert stub.weight.numpy() == 40 - 3 and stub.slower == 0.5


def test_losses_that_are_never_finite_write_nothing(stub, tmp_path):
    stub.teach = stub.nothing_finite
    with pytest.warns(Notice), pytest.raises(NotFiniteError) as ended:
        run(stub, tmp_path / "out.npz")
    assert ended.value.result is None and not os.listdir(tmp_path)


# --- States ---------------------------------------------------------------------------


@pytest.mark.usefixtures("default_ctrl_c")
def test_an_interrupt_while_the_state_is_written_ends_the_lesson(
    stub, tmp_path, monkeypatch
):
    save = state.save

    def interrupted(*arguments):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.1)
        save(*arguments)

    monkeypatch.setattr(running, "EVERY_STATE", -1)
    monkeypatch.setattr(state, "save", interrupted)
    assert not run(stub, tmp_path / "out.npz")
    assert stub.step == 2
    assert sorted(os.listdir(tmp_path)) == ["out.npz", "out.npz.state.npz"]


def test_a_state_that_cannot_be_written_does_not_end_a_lesson(
    stub, tmp_path, monkeypatch
):
    def full(*arguments):
        raise OutputError("could not write the state (No space left on device).")

    monkeypatch.setattr(running, "EVERY_STATE", -1)
    monkeypatch.setattr(state, "save", full)
    with pytest.warns(Notice, match="No space left.*The lesson goes on"):
        assert run(stub, tmp_path / "out.npz")
    assert stub.step == 7 and os.listdir(tmp_path) == ["out.npz"]


def test_the_weights_are_kept_where_the_state_does_not_fit(stub, tmp_path, monkeypatch):
    def full(*arguments):
        raise OutputError("could not write the state (No space left on device).")

    monkeypatch.setattr(state, "save", full)
    with pytest.raises(OutputError):
        run(stub, tmp_path / "out.npz", interrupt)
    assert os.listdir(tmp_path) == ["out.npz"]


def test_a_state_of_another_lesson_or_a_damaged_one_is_one_line(stub, tmp_path):
    path = str(tmp_path / "state.npz")
    assert "does not exist" in refusal(state.load, path, stub, MARKS)
    state.save(path, stub, 1.0, MARKS)
    other = MARKS | {"settings": {"steps": 5}}
    assert "steps=4 (now 5)" in refusal(state.load, path, stub, other)
    data = (tmp_path / "state.npz").read_bytes()
    for damaged in (data[:-100], data[:100], b"", b"hello" * 9):
        (tmp_path / "state.npz").write_bytes(damaged)
        assert "is damaged" in refusal(state.load, path, stub, MARKS)
    middle = data.index(np.float32(5).tobytes())  # the moment
    changed = data[:middle] + b"~" + data[middle + 1 :]
    (tmp_path / "state.npz").write_bytes(changed)
    assert "is damaged" in refusal(state.load, path, stub, MARKS)
    np.savez(path, photos=np.zeros(3))
    assert "no state of a lesson" in refusal(state.load, path, stub, MARKS)


def test_a_state_of_another_format_is_told(stub, tmp_path, monkeypatch):
    path = str(tmp_path / "state.npz")
    monkeypatch.setattr(state, "FORMAT", 2)
    state.save(path, stub, 1.0, MARKS)
    monkeypatch.undo()
    said = refusal(state.load, path, stub, MARKS)
    assert "has format 2" in said and "reads 1" in said


def test_a_full_disk_keeps_the_state_before(stub, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"before")
    with full_disk():
        refusal(state.save, str(path), stub, 1.0, MARKS)
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["state.npz"]
