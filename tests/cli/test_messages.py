"""Results and messages: on consoles, pipes and terminals that cannot take them."""

import io
import os
import subprocess
import sys

import pytest
from cli_cases import DREAM_RUN, VECTORMIX, new_files, process_options
from mistakes import refusal

from vectormix_tf.cli.messages import print_message, print_result
from vectormix_tf.io.progress import Progress, ProgressBar, print_line

RECORD = Progress(
    octave=1,
    octaves=1,
    step=2,
    steps=2,
    losses={"style": 0.5},
    seconds_left=0.0,
    preview=None,
)


class Broken(io.StringIO):
    """A pipe that nobody reads, or a terminal that was closed."""

    def __init__(self, terminal=False):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal

    def write(self, text):
        raise OSError(5, "Input/output error")

    def flush(self):
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize(
    "encoding, seen", [("utf-8", r"né \xe9 写"), ("latin-1", r"né \xe9 \u5199")]
)
def test_a_result_shows_each_name_as_far_as_the_console_can(
    encoding, seen, monkeypatch
):
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding))
    print_result("né \udce9 写")
    assert data.getvalue().decode(encoding) == seen + os.linesep


def test_a_message_is_one_line_whatever_a_file_is_called(capsys):
    print_message("`caf\udce9\x1b[2J.png` is none")
    assert capsys.readouterr().err == "vectormix: `caf\\xe9\\x1b[2J.png` is none\n"


@pytest.mark.parametrize("stream", [None, Broken(), Broken(terminal=True)])
def test_what_nobody_can_see_ends_no_run(stream, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    print_message("text")
    print_line("text")
    bar = ProgressBar()
    bar(RECORD)
    bar.close()
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")  # and it is not printed elsewhere


def test_a_closed_stdout_is_no_error(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    print_result("text")
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")


def run(argv, root, **options):
    return subprocess.run(
        [*VECTORMIX, *argv], **process_options(root) | options, timeout=120
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_below_stdout_is_one_line(root):
    with open("/dev/full", "w") as full:
        done = run(["--help"], root, stdout=full)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("vectormix: could not write to stdout: No space left")


@pytest.mark.skipif(os.name == "nt", reason="a shell of Windows closes no stream")
def test_no_file_gets_the_number_of_a_closed_stream(root, folder):
    """As after `<&- >&- 2>&-`: what C logs on stderr went into the next file."""
    code = (
        "from vectormix_tf.cli.main import main; import os, sys; main(['--version']);"
    )
    code += " file = open('out', 'wb'); os.write(2, b'log'); sys.exit(file.fileno())"
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -c "{code}" <&- >&- 2>&-', sys.executable],
        **process_options(root),
        timeout=60,
    )
    assert done.returncode > 2
    assert (folder / "out").read_bytes() == b""


@pytest.mark.skipif(os.name == "nt", reason="a shell of Windows closes no stream")
@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_run_whose_streams_are_closed_writes_its_output(closed, root, folder):
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *VECTORMIX, *DREAM_RUN],
        **process_options(root),
        timeout=120,
    )
    assert done.returncode == 0
    assert new_files(folder) == ["out.png"]


def test_a_pipe_of_progress_that_nobody_reads_ends_no_run(root, folder):
    """As `vectormix dream ... 2>&1 | head -0` has it."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(DREAM_RUN, root, stdout=writer, stderr=writer)
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert new_files(folder) == ["out.png"]


def test_a_result_that_cannot_be_written_is_an_output_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    said = refusal(print_result, "text")
    monkeypatch.undo()
    assert said == "could not write to stdout: Input/output error."
