"""Runs of a lesson: what is kept, what goes on, and how they end."""

import os

import numpy as np
import pytest
from mistakes import full_disk, refusal

from vectormix_tf.errors import NotFiniteError, Notice
from vectormix_tf.teaching import state
from vectormix_tf.teaching.run import Run

MARKS = {
    "command": {"command": "teach"},
    "settings": {"steps": 4},
    "inputs": {},
    "versions": {},
}


def run(toy, path, on_progress=lambda progress: None):
    """Teaches the lesson from where it is; returns whether it was finished."""
    return Run(toy.lesson, MARKS, str(path)).teach(on_progress)


def interrupt(progress):
    raise KeyboardInterrupt


@pytest.fixture
def whole(toy, tmp_path):
    """Path of the weights of an uninterrupted run, and its records."""
    records = []
    assert run(toy, tmp_path / "whole.npz", records.append)
    assert toy.lesson.step == 4
    return tmp_path / "whole.npz", records


def test_a_lesson_that_was_interrupted_goes_on_to_the_same_bytes(whole, toy, tmp_path):
    path = tmp_path / "out.npz"
    toy.reset()
    assert not run(toy, path, interrupt)
    assert 0 < toy.lesson.step < 4
    so_far = path.read_bytes()
    toy.scramble()
    assert state.load(f"{path}.state.npz", toy.lesson, MARKS) > 0
    assert run(toy, path)
    assert path.read_bytes() == whole[0].read_bytes() != so_far
    assert sorted(os.listdir(tmp_path)) == ["out.npz", "whole.npz"]


def test_progress_goes_from_the_first_part_to_the_end_of_the_last(whole):
    _, records = whole
    shares = [(each.octave - 1 + each.step / each.steps) / 20 for each in records]
    assert shares == sorted(shares) and shares[-1] == 1
    ends = [each for each in records if each.step == each.steps]
    assert len(ends) == 3  # of the batches with 1, 2 and 1 steps, the last one ends
    assert records[-1].seconds_left == 0 < records[0].seconds_left
    assert set(records[0].losses) == {"features", "classes"}


def test_an_interrupt_before_the_first_batch_keeps_nothing(toy, tmp_path, monkeypatch):
    begun = Run(toy.lesson, MARKS, str(tmp_path / "out.npz"))
    monkeypatch.setattr(begun, "_batch", lambda share: interrupt(None))
    with pytest.raises(KeyboardInterrupt):
        begun.teach(lambda progress: None)
    assert not os.listdir(tmp_path)


def test_the_clock_ends_a_lesson_of_minutes(toy, tmp_path, monkeypatch):
    settings = type(toy.lesson.settings)(minutes=2.0)
    monkeypatch.setattr(toy.lesson, "settings", settings)
    ticking = Run(toy.lesson, MARKS, str(tmp_path / "out.npz"), seconds=60.0)
    assert 0.5 <= ticking.share < 0.6
    ticking = Run(toy.lesson, MARKS, str(tmp_path / "out.npz"), seconds=121.0)
    assert ticking.share == 1


def nothing_finite(share, most):
    return np.full((1, 12), np.nan)


def test_a_lesson_goes_back_once_and_ends_the_second_time(toy, tmp_path, monkeypatch):
    path, taught = tmp_path / "out.npz", toy.lesson
    running = Run(taught, MARKS, str(path))
    weights = {}

    def breaks(progress):
        if taught.teach is not nothing_finite:
            weights.update({k: v.numpy() for k, v in running._good.items()})
            monkeypatch.setattr(taught, "teach", nothing_finite)

    with (
        pytest.warns(Notice, match="earlier weights at half the rate"),
        pytest.raises(NotFiniteError, match="again.*learning_rate") as ended,
    ):
        running.teach(breaks)
    assert taught.slower == 0.25
    assert ended.value.result == str(path) and path.exists()
    for name, variable in taught.variables().items():
        expected = 0 if name.startswith("optimizer/") else weights[name]
        np.testing.assert_array_equal(
            variable, np.broadcast_to(expected, variable.shape)
        )


def test_losses_that_are_never_finite_write_nothing(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(toy.lesson, "teach", nothing_finite)
    with pytest.warns(Notice), pytest.raises(NotFiniteError) as ended:
        run(toy, tmp_path / "out.npz")
    assert ended.value.result is None and not os.listdir(tmp_path)


# --- States ---------------------------------------------------------------------------


def test_a_state_of_another_lesson_or_a_damaged_one_is_one_line(toy, tmp_path):
    path = str(tmp_path / "state.npz")
    assert "does not exist" in refusal(state.load, path, toy.lesson, MARKS)
    state.save(path, toy.lesson, 1.0, MARKS)
    other = MARKS | {"settings": {"steps": 5}}
    said = refusal(state.load, path, toy.lesson, other)
    assert "steps=4 (now 5)" in said
    data = (tmp_path / "state.npz").read_bytes()
    for damaged in (data[:-1000], data[:1000], b"", b"hello" * 9):
        (tmp_path / "state.npz").write_bytes(damaged)
        assert "is damaged" in refusal(state.load, path, toy.lesson, MARKS)
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    (tmp_path / "state.npz").write_bytes(changed)
    assert "is damaged" in refusal(state.load, path, toy.lesson, MARKS)


def test_a_state_of_another_format_is_told(toy, tmp_path, monkeypatch):
    path = str(tmp_path / "state.npz")
    monkeypatch.setattr(state, "FORMAT", 2)
    state.save(path, toy.lesson, 1.0, MARKS)
    monkeypatch.undo()
    said = refusal(state.load, path, toy.lesson, MARKS)
    assert "has format 2" in said and "reads 1" in said


def test_a_full_disk_keeps_the_state_before(toy, tmp_path):
    path = tmp_path / "state.npz"
    path.write_bytes(b"before")
    with full_disk():
        refusal(state.save, str(path), toy.lesson, 1.0, MARKS)
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["state.npz"]
