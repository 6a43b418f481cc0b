"""The program: help, version, unknown commands, and messages in the words of flags.

What cannot be observed within the process (a closed pipe, exit codes) is observed in
another one.
"""

import errno
import os
import subprocess

import pytest
import tensorflow as tf
from cli_cases import (
    DREAM,
    MIX,
    SWEEP_RUN,
    VECTORMIX,
    Mistake,
    check_mistake,
    each_mistake,
    process_options,
    refused,
    succeeds,
)
from mistakes import refusal
from PIL import Image

import vectormix_tf
from vectormix_tf.cli.main import NAMES, load_command, main, with_flags
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images
from vectormix_tf.optim import loop
from vectormix_tf.recipes import run as recipe

MISTAKES = [
    Mistake("unknown command", ["mx"], ("'mx'", "did you mean mix?")),
    Mistake("command like no other", ["zzz"], ("'zzz'", "vectormix --help")),
    Mistake(
        "no command",
        [],
        ("which command?", "atlas, batch, benchmark, classify, compare, dream"),
    ),
    Mistake("flag for a command", ["--size=80"], ("unknown command", "--help")),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_a_line_break_in_a_name_does_not_break_the_line(capsys, folder):
    assert "no such" in refused(capsys, folder, [*DREAM, "--image=no\nsuch\n.png"])


# --- Memory ---------------------------------------------------------------------------

ONEDNN = "Operation received an exception:Status: 1, message: could not create a primi"


def by_decoder(*_):
    try:
        raise MemoryError
    except MemoryError as error:
        raise InputError("picture `a.png` cannot be read") from error


def raising(error):
    def run(*_, **__):
        raise error

    return run


@pytest.mark.parametrize(
    "run",
    [
        raising(MemoryError("std::bad_alloc")),
        raising(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")),
        raising(tf.errors.InternalError(None, None, "CUDA_ERROR: out of memory")),
        raising(tf.errors.AbortedError(None, None, ONEDNN)),
        raising(OSError(errno.ENOMEM, "Cannot allocate memory")),
        raising(ImportError("libx.so: failed to map segment from shared object")),
        raising(RuntimeError("can't start new thread")),
        by_decoder,
    ],
    ids=[
        "numpy",
        "tensorflow",
        "gpu",
        "onednn",
        "system",
        "library",
        "thread",
        "cause",
    ],
)
def test_a_run_that_gets_no_memory_is_one_line(run, capsys, folder, monkeypatch):
    monkeypatch.setattr(images, "read", run)
    line = refused(capsys, folder, MIX)
    assert "not enough memory" in line and "smaller --size" in line


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("no"),
        ImportError("no such module"),
        ZeroDivisionError("out of memory"),
    ],
)
def test_an_error_of_ours_is_not_told_as_a_lack_of_memory(error, folder, monkeypatch):
    monkeypatch.setattr(images, "read", raising(error))
    with pytest.raises(type(error)):
        main(MIX)


def test_a_run_that_gets_no_memory_keeps_what_was_made(folder, capsys, monkeypatch):
    """Two mixes of a sweep: the second one gets no memory."""
    optimize, calls = loop.optimize, []

    def second_fails(*arguments, **options):
        calls.append(1)
        if len(calls) % 2 == 0:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM")
        return optimize(*arguments, **options)

    monkeypatch.setattr(recipe, "optimize", second_fails)
    assert main(SWEEP_RUN) == 2
    *_, notice, line = capsys.readouterr().err.splitlines()
    assert "wrote the film so far to `out.webp`: 1 pictures" in notice
    assert "not enough memory" in line
    with Image.open(folder / "out.webp") as film:
        assert film.n_frames == 1
    assert main([*SWEEP_RUN, "--output=made"]) == 2
    assert "0001.png" in os.listdir(folder / "made")


# --- Help -----------------------------------------------------------------------------


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["help"], ["-help"]])
def test_help_names_every_command(argv, capsys):
    out, err = succeeds(capsys, argv)
    assert not err
    for name in NAMES:
        command = load_command(name)
        assert f"vectormix {name}" in out and command.purpose in out


@pytest.mark.parametrize("command", NAMES)
@pytest.mark.parametrize("word", ["--help", "-h", "--helpfull"])
def test_a_command_line_with_help_and_mistakes_prints_help(command, word, capsys):
    out, err = succeeds(capsys, [command, "--size=many", word])
    assert out.startswith(load_command(command).purpose) and not err


@pytest.mark.parametrize("word", ["--version", "-version"])
def test_version_prints_the_version(word, capsys):
    assert succeeds(capsys, [word]) == (
        f"vectormix_tf {vectormix_tf.__version__}\n",
        [],
    )


# --- Another process ------------------------------------------------------------------


def test_the_module_runs_as_the_command(root):
    done = subprocess.run(
        [*VECTORMIX, "--version"],
        **process_options(root),
        stdout=subprocess.PIPE,
        timeout=120,
    )
    assert done.stdout.decode().split() == ["vectormix_tf", vectormix_tf.__version__]
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_module_exits_with_the_command_s_code(root):
    done = subprocess.run(
        [*VECTORMIX, "mx"], **process_options(root), stdout=subprocess.PIPE, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"vectormix: unknown command 'mx'; did you mean mix?\n"


@pytest.mark.parametrize("argv", [["layers"], ["--help"]], ids=" ".join)
def test_a_pipe_that_nobody_reads_is_no_error(argv, root):
    reader, writer = os.pipe()
    os.close(reader)  # as `vectormix layers | true` does
    try:
        done = subprocess.run(
            [*VECTORMIX, *argv], **process_options(root), stdout=writer, timeout=120
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


# --- Threads --------------------------------------------------------------------------


@pytest.fixture
def own_environment(monkeypatch):
    """Variables that a command may set; after the test they are as before."""
    names = ["TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"]
    for name in names:
        monkeypatch.setenv(name, "before")
    return names


def test_threads_sets_the_variables_that_tensorflow_reads(own_environment):
    assert main(["layers", "--size=96"]) == 0
    assert {os.environ[name] for name in own_environment} == {"before"}
    assert main(["layers", "--size=96", "--threads=1"]) == 0
    assert {os.environ[name] for name in own_environment} == {"1"}


@pytest.mark.parametrize("value", ["-1", "many", "1025", "5000000000"])
def test_a_wrong_number_of_threads_is_one_line(value, capsys, own_environment):
    assert main(["layers", f"--threads={value}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "threads" in line


# --- The current folder ---------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no current folder")
@pytest.mark.parametrize(
    "argv",
    [
        ["dream", "--image={}/photo.png", "--output=out.png"],
        ["mix", "--content=photo.png", "--style={}/photo.png", "--output={}/out.png"],
        ["zoom", "--image={}/photo.png", "--frames=2", "--output=out.gif"],
        ["export", "--output=models/vectormix"],
    ],
    ids=lambda argv: argv[0],
)
def test_a_current_folder_that_was_deleted_is_one_line(
    argv, capsys, folder, monkeypatch
):
    (folder / "gone").mkdir()
    monkeypatch.chdir("gone")
    (folder / "gone").rmdir()
    line = refused(capsys, folder, [word.format(folder) for word in argv])
    assert "the current folder does not exist any more" in line


def test_a_file_that_is_gone_is_not_told_as_a_current_folder(folder, monkeypatch):
    def fail(*_):
        raise FileNotFoundError("x")

    monkeypatch.setattr("vectormix_tf.cli.job.output.check_output", fail)
    with pytest.raises(FileNotFoundError):
        main(DREAM)


# --- Names of arguments as flags ------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise `max_pixels`.", "raise --max_pixels."),
        ("choose `size=512` or less", "choose --size=512 or less"),
        ('give `weights="imagenet"`', "give --weights=imagenet"),
        ("`resume=True` or `resume=False`", "--resume or --noresume"),
        ("`size` exists; set `overwrite`", "`size` exists; set --overwrite"),
        ("`weights` must be", "--weights must be"),
        ("`size/a.png`, `other`, `x.size`", "`size/a.png`, `other`, `x.size`"),
    ],
)
def test_arguments_are_spelled_as_flags_and_files_are_not(text, expected):
    names = ["size", "max_pixels", "weights", "resume", "overwrite", "output"]
    words = ["grid", "--output=size/a.png", "--rows=weights"]
    assert with_flags(text, names, words) == expected


def test_a_library_that_is_called_directly_speaks_python(photo):
    assert "raise `max_pixels`" in refusal(images.read, photo, 100)
    with pytest.raises(InputError, match="`alpha` must be in"):
        MixSettings(alpha=2.0)
