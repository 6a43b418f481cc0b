"""SIGTERM and SIGHUP: what has been made is kept, and the exit code names them."""

import os
import signal
import threading
import time

import av
import pytest
from cli_cases import (
    CHANNEL,
    DREAM,
    DREAM_RUN,
    GRID_RUN,
    SWEEP_RUN,
    ZOOM_RUN,
    new_files,
)
from PIL import Image

from vectormix_tf.cli import signals
from vectormix_tf.cli.main import main
from vectormix_tf.io import output, sheets, video
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.io.series import MANIFEST

CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
EACH_SIGNAL = pytest.mark.parametrize(
    "name", [name for name in CODES if hasattr(signal, name)]
)
# {name: (command line, files that it leaves when it is ended at its second picture)}
SHEET = ["visualize", *CHANNEL, "--output=out.png", "--channels=0-3", "--batch=2"]
EXPLORE = [*DREAM, "--explore", "--size=80", "--steps=1", "--octaves=1"]
ATLAS = ["atlas", *CHANNEL, "--output=out", "--channels=0-4", "--batch=2"]
LONG = {
    "sweep to a folder": ([*SWEEP_RUN, "--output=out"], "out/0001.png"),
    "zoom to a film": (ZOOM_RUN, "out.webp"),
    "zoom to a folder": ([*ZOOM_RUN, "--output=out"], "out/0001.png"),
    "grid": ([*GRID_RUN, "--row=0.7"], "out.png"),
    "dream explore": (EXPLORE, "out.png"),
    "atlas": (ATLAS, "out/0000.png"),
    "visualize": (SHEET, "out.png"),
}
if os.name != "posix":
    pytest.skip("Windows sends no signals", allow_module_level=True)


@pytest.fixture(autouse=True)
def handlers_stay():
    """Each test leaves the handlers as they were."""
    numbers = [getattr(signal, name) for name in CODES]
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


def send_at(moment, number, patch, times=1):
    """Sends a signal at the progress of that number, from 1."""
    show, seen = ProgressBar.__call__, []

    def send(bar, progress):
        seen.append(progress)
        if len(seen) == moment:
            for _ in range(times):
                signal.raise_signal(number)
        show(bar, progress)

    patch.setattr(ProgressBar, "__call__", send)
    return seen


@EACH_SIGNAL
def test_a_signal_after_a_step_writes_the_picture_so_far(
    name, capsys, folder, monkeypatch
):
    seen = send_at(1, getattr(signal, name), monkeypatch)
    assert main([*DREAM_RUN, "--steps=50", "--manifest=run.json"]) == CODES[name]
    assert len(seen) == 1
    out, err = capsys.readouterr()
    text = "vectormix: interrupted; wrote the picture so far to out.png\n"
    assert (out, err) == ("", text)
    assert new_files(folder) == ["out.png", "run.json"]


@pytest.mark.parametrize("argv, kept", LONG.values(), ids=LONG)
def test_sigterm_keeps_what_every_long_command_has_made(
    argv, kept, capsys, folder, monkeypatch
):
    show, bars = ProgressBar.__call__, []

    def send(bar, progress):
        key = bar, progress.octave if argv[0] in ("atlas", "visualize", "zoom") else 0
        if key not in bars:
            bars.append(key)
            if len(bars) == 2:
                signal.raise_signal(signal.SIGTERM)
        show(bar, progress)

    monkeypatch.setattr(ProgressBar, "__call__", send)
    assert main(argv) == 143
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("vectormix: interrupted; ")
    if kept.startswith("out/"):
        assert MANIFEST in os.listdir("out")
    with Image.open(kept) as image:
        image.load()


FILMS = pytest.mark.parametrize("ending", video.FORMATS)


def send_in(method, moment, number, patch):
    """Sends a signal within that call, from 1, of a method of the film's encoder."""
    original, seen = getattr(video.Film, method), []

    def send(film, *arguments):
        seen.append(film)
        if len(seen) == moment:
            signal.pthread_kill(threading.main_thread().ident, number)
            time.sleep(0.05)
        return original(film, *arguments)

    patch.setattr(video.Film, method, send)


def frames_of(path):
    if path.endswith(".mp4"):
        with av.open(path) as film:
            return sum(1 for _ in film.decode(video=0))
    with Image.open(path) as film:
        return film.n_frames


@FILMS
def test_a_film_has_the_frame_that_was_encoded_when_a_signal_came(
    ending, capsys, folder, monkeypatch
):
    send_in("add", 2, signal.SIGTERM, monkeypatch)
    assert main([*ZOOM_RUN, f"--output=out{ending}"]) == 143
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"vectormix: interrupted; wrote the film so far to out{ending}"
    assert frames_of(f"out{ending}") == 2
    assert new_files(folder) == [f"out{ending}"]


@FILMS
def test_a_film_that_is_finished_is_written_all_the_same(ending, folder, monkeypatch):
    send_in("close", 1, signal.SIGTERM, monkeypatch)
    assert main([*ZOOM_RUN, f"--output=out{ending}"]) == 0
    assert frames_of(f"out{ending}") == 3


def test_ctrl_c_does_not_break_off_the_writing_of_a_finished_picture(
    folder, monkeypatch
):
    write = output.write

    def send(*arguments, **options):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        time.sleep(0.05)
        write(*arguments, **options)

    monkeypatch.setattr(output, "write", send)
    assert main([*DREAM_RUN, "--manifest=run.json"]) == 0
    assert new_files(folder) == ["out.png", "run.json"]


@pytest.mark.parametrize("moment", [1, 2])
def test_a_sheet_shows_the_dream_at_whose_end_a_signal_came(
    moment, capsys, folder, monkeypatch
):
    """It was said to be written, and was not there or lacked a dream."""
    compose, seen = sheets.wrap, []

    def send(pictures, labels):
        seen.append(pictures)
        if len(seen) == moment:
            signal.raise_signal(signal.SIGTERM)
        return compose(pictures, labels)

    monkeypatch.setattr(sheets, "wrap", send)
    assert main(EXPLORE) == 143
    assert "interrupted; wrote the sheet so far" in capsys.readouterr().err
    shown = [picture for picture in seen[-1] if picture.getcolors(1) is None]
    assert len(shown) == moment
    assert os.path.exists("out.png")


@EACH_SIGNAL
def test_a_signal_before_there_is_anything_is_one_line(
    name, capsys, folder, monkeypatch
):
    def send(*_, **__):
        signal.raise_signal(getattr(signal, name))

    monkeypatch.setattr("vectormix_tf.recipes.run.pad", send)
    assert main(DREAM_RUN) == CODES[name]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("vectormix: interrupted before there was")
    assert new_files(folder) == []


def test_a_benchmark_ends_with_one_line(capsys, monkeypatch):
    def send(*_, **__):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("vectormix_tf.cli.commands.benchmark._measure", send)
    assert main(["benchmark"]) == 143
    out, err = capsys.readouterr()
    text = "vectormix: interrupted; an incomplete benchmark is not shown\n"
    assert (out, err) == ("", text)


def test_the_signals_of_a_closed_terminal_count_once(capsys, folder, monkeypatch):
    """The shell sends one, the terminal another, and a service manager may follow."""
    write = output.write

    def send(*arguments, **options):
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)
        write(*arguments, **options)

    send_at(1, signal.SIGHUP, monkeypatch)
    monkeypatch.setattr(output, "write", send)
    assert main([*DREAM_RUN, "--steps=50"]) == 129
    assert new_files(folder) == ["out.png"]


def test_a_run_that_is_finished_is_written_all_the_same(folder, monkeypatch):
    write = output.write

    def send(*arguments, **options):
        signal.raise_signal(signal.SIGTERM)
        write(*arguments, **options)

    monkeypatch.setattr(output, "write", send)
    assert main([*DREAM_RUN, "--manifest=run.json"]) == 0
    assert new_files(folder) == ["out.png", "run.json"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_signal_that_is_ignored_or_handled_stays_so(handler):
    """As after `nohup`, or in a program around this one."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with signals.as_ctrl_c():
            assert signal.getsignal(signal.SIGHUP) == handler
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_exit_code_is_of_this_command_and_not_of_the_last_one():
    with pytest.raises(KeyboardInterrupt), signals.as_ctrl_c():
        signal.raise_signal(signal.SIGTERM)
    assert signals.exit_code() == 143
    with signals.as_ctrl_c():
        assert signals.exit_code() == 130
