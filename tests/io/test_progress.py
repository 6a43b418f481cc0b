"""What `bars.py` promises: a bar where someone looks, else a line per octave."""

import io
import math
import sys

import pytest
from mistakes import refusal

from vectormix_tf.io.progress import (
    Progress,
    ProgressBar,
    check_callback,
    print_line,
    progress_line,
)


def progress(octave=1, step=1, losses=None, left=None, octaves=2, steps=3):
    return Progress(
        octave=octave,
        octaves=octaves,
        step=step,
        steps=steps,
        losses={"content": 0.25} if losses is None else losses,
        seconds_left=left,
        preview=lambda: pytest.fail("a bar needs no preview"),
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def look(monkeypatch):
    """A terminal for stderr; not a fixture, whose patch pytest's capture undoes."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    # The size of a terminal comes from here where there is none.
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "20")
    return screen


def run(bar, octaves=2, steps=3):
    for octave in range(1, octaves + 1):
        for step in range(1, steps + 1):
            left = (octaves - octave + 1) * steps - step
            bar(progress(octave, step, {"a": octave / 2, "b": step / 10}, left))


def test_before_the_first_step_there_is_no_loss(monkeypatch, capsys):
    first = Progress.first(2, 3, lambda: pytest.fail("a bar needs no preview"))
    assert (first.octave, first.octaves, first.step, first.steps) == (1, 2, 0, 3)
    assert math.isnan(first.loss) and first.seconds_left is None
    ProgressBar()(first)
    assert capsys.readouterr().err == ""
    screen = look(monkeypatch)
    bar = ProgressBar()
    bar(first)
    assert "octave 1/2 0/6" in screen.getvalue() and "starting" in screen.getvalue()
    run(bar)
    bar.close()
    assert "octave 2/2 6/6" in screen.getvalue() and "nan" not in screen.getvalue()


def test_a_pipe_gets_one_line_per_octave_at_its_last_step(capsys):
    bar = ProgressBar()
    run(bar)
    bar.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "octave 1/2 step 3/3: loss 0.8000 (a 0.5000, b 0.3000), 0:03 left",
        "octave 2/2 step 3/3: loss 1.3000 (a 1.0000, b 0.3000), 0:00 left",
    ]


@pytest.mark.parametrize("step", [1, 2])
def test_a_pipe_gets_nothing_before_the_last_step(step, capsys):
    ProgressBar()(progress(step=step))
    assert capsys.readouterr() == ("", "")


def test_a_bar_without_stderr_shows_nothing_and_stops_nothing(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)  # as under pythonw
        bar = ProgressBar()
        run(bar)
        bar.close()
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar_with_octave_count_loss_and_time_left(monkeypatch):
    terminal = look(monkeypatch)
    bar = ProgressBar()
    run(bar)
    bar.close()
    text = terminal.getvalue()
    assert "\r" in text  # each state is written over the one before
    last = text.split("\r")[-1]
    assert last.startswith("octave 2/2")
    assert "6/6" in last
    assert "loss 1.3000 (a 1.0000, b 0.3000), 0:00 left" in last
    assert last.endswith("\n") and text.count("\n") == 1


def test_the_bar_counts_the_steps_of_all_octaves(monkeypatch):
    terminal = look(monkeypatch)
    bar = ProgressBar()
    bar(progress(octave=2, step=1, octaves=3, steps=4))
    bar.close()
    assert "5/12" in terminal.getvalue().split("\r")[-1]


def test_the_bar_counts_octaves_of_different_steps(monkeypatch):
    terminal = look(monkeypatch)
    bar = ProgressBar()
    bar(progress(octave=1, step=9, octaves=3, steps=9))
    bar(progress(octave=2, step=1, octaves=3, steps=2))
    bar(progress(octave=3, step=1, octaves=3, steps=2))
    bar.close()
    text = terminal.getvalue()
    assert "9/27" in text and "10/13" in text and "12/13" in text


def test_an_interrupted_bar_stands_as_it_was(monkeypatch):
    terminal = look(monkeypatch)
    bar = ProgressBar()
    bar(progress(octave=1, step=2, left=61))
    bar.close()
    last = terminal.getvalue().split("\r")[-1]
    assert "2/6" in last and "1:01 left" in last
    assert last.endswith("\n")


def test_a_notebook_gets_a_bar_though_its_stderr_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    bar = ProgressBar()
    bar(progress(step=1))
    bar.close()
    assert "1/6" in capsys.readouterr().err


@pytest.mark.parametrize("screen", [Terminal, io.StringIO])
def test_a_bar_that_has_shown_nothing_closes_in_silence(screen, monkeypatch):
    screen = screen()
    monkeypatch.setattr(sys, "stderr", screen)
    ProgressBar().close()
    assert screen.getvalue() == ""


def test_a_bar_closes_twice_like_once(monkeypatch):
    terminal = look(monkeypatch)
    bar = ProgressBar()
    bar(progress())
    bar.close()
    before = terminal.getvalue()
    bar.close()
    assert terminal.getvalue() == before


@pytest.mark.parametrize(
    "record, line",
    [
        (progress(), "octave 1/2 step 1/3: loss 0.2500"),
        (progress(left=0.4), "octave 1/2 step 1/3: loss 0.2500, 0:00 left"),
        (progress(left=59.6), "octave 1/2 step 1/3: loss 0.2500, 1:00 left"),
        (progress(left=3661), "octave 1/2 step 1/3: loss 0.2500, 61:01 left"),
        (
            progress(losses={"content": 0.5, "amplify": -2.0}),
            "octave 1/2 step 1/3: loss -1.5000 (content 0.5000, amplify -2.0000)",
        ),
    ],
    ids=["one term", "seconds", "rounded up", "hours", "two terms"],
)
def test_a_record_is_described_in_one_line(record, line):
    assert progress_line(record) == line


def test_an_announcement_is_one_line_on_stderr(capsys):
    print_line("cell 3/12: alpha=0.4")
    assert capsys.readouterr() == ("", "cell 3/12: alpha=0.4\n")


def test_an_announcement_leaves_a_bar_that_stands_whole(monkeypatch):
    screen, bar = look(monkeypatch), ProgressBar()
    bar(progress())
    print_line("cell 3/12: alpha=0.4")
    bar.close()
    line = [part for part in screen.getvalue().split("\n") if "cell" in part]
    assert [part.rpartition("\r")[2].strip() for part in line] == [
        "cell 3/12: alpha=0.4"
    ]


def test_what_an_octave_is_may_be_called_otherwise(capsys):
    bar = ProgressBar("batch")
    bar(progress(step=3))
    bar.close()
    assert capsys.readouterr().err == "batch 1/2 step 3/3: loss 0.2500\n"


@pytest.mark.parametrize("state", ["closed", "ASCII", "ASCII terminal"])
def test_a_stderr_that_takes_no_text_ends_no_run(state, monkeypatch, tmp_path):
    with open(tmp_path / "log", "w", encoding="ascii") as stream:
        stream.isatty = lambda: "terminal" in state
        if state == "closed":
            stream.close()
        monkeypatch.setattr(sys, "stderr", stream)
        bar = ProgressBar()
        for step in (1, 2, 3):
            bar(progress(step=step, losses={"größe": 1.0, "b": 2.0}))
        print_line("größe")
        bar.close()
        monkeypatch.undo()


@pytest.mark.parametrize("wrong", ["no", True, 3, ["bar"]])
def test_what_cannot_be_told_of_progress_is_refused(wrong):
    assert '"bar", a function or None' in refusal(check_callback, wrong)
    for right in (None, "bar", print):
        check_callback(right)
    assert "must be a function or None" in refusal(check_callback, "bar", ())
