"""`vectormix teach`: teaches InceptionV3 from photographs and a teacher."""

import contextlib
import dataclasses
import os
from typing import Any

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_output_path,
    define_setting,
    define_settings,
    given_settings,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code, print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.config.teach import STATE_ENDING, TeachSettings
from vectormix_tf.errors import InputError, NotFiniteError
from vectormix_tf.io import output
from vectormix_tf.io.names import printable
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.teaching import photographs, sources

ENDING = ".npz"


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `teach`."""
    define_path(
        "photos",
        None,
        "a folder of pictures, also in folders below it; in memory each takes 200 kB at"
        " the default size",
        flag_values=values,
    )
    define_path(
        "teacher", None, f"who teaches: {sources.FORMATS[:-1]}", flag_values=values
    )
    define_output_path(values, f"the weights to write ({ENDING})")
    flags.DEFINE_boolean(
        "resume",
        False,
        "go on from the state that a lesson left beside --output",
        flag_values=values,
    )
    define_settings(TeachSettings, values)
    define_setting(MixSettings, "max_pixels", values, MAX_PIXELS)


def _run(values: flags.FlagValues) -> int:
    """Teaches, and writes the weights; returns the exit code."""
    folder, teacher, path = (
        required_flag(values, name) for name in ("photos", "teacher", "output")
    )
    settings = TeachSettings(**given_settings(TeachSettings, values))
    sources.check(teacher)
    _check_output(path, [teacher, settings.weights], values)
    paths = photographs.find(folder)
    side = photographs.square_side(settings.size)
    read = photographs.read(folder, paths, side, values.max_pixels)
    load_tensorflow()
    run = _start(settings, read, teacher, path, values.resume)
    try:
        with contextlib.closing(ProgressBar("part")) as bar:
            finished = run.teach(bar)
    except NotFiniteError as error:
        if error.result is None:
            raise
        text = f"{error} The weights before it are in {path}."
        raise NotFiniteError(text) from error
    if finished:
        print_result(_summary(run))
    text = f"wrote the weights so far to {path}; the same command goes on with --resume"
    return exit_code(finished, text)


def _check_output(path: str, inputs: list, values: flags.FlagValues) -> None:
    """Checks that weights and state can be written, and replace nothing unasked."""
    if not path.lower().endswith(ENDING):
        raise InputError(f"`output`: `{path}` must end with {ENDING}.")
    replaced = values.overwrite or values.resume
    output.check_path(path, inputs, replaced)
    state = f"{path}{STATE_ENDING}"
    if os.path.lexists(state) and not replaced:
        raise InputError(
            f"the state `{state}` of another lesson exists; go on with `resume`, or"
            " set `overwrite` to begin anew."
        )
    output.check_path(state, inputs, replaced, what="state")
    if values.resume and not os.path.exists(state):
        raise InputError(
            f"state `{state}` does not exist; leave out `resume` to start anew."
        )


def _start(
    settings: TeachSettings,
    read: photographs.Photographs,
    teacher: str,
    path: str,
    resume: bool,
) -> Any:
    """Returns a run at its start, or at the state that an earlier one left."""
    from vectormix_tf.io.fingerprint import fingerprint
    from vectormix_tf.teaching import lesson, run, state, teachers

    known = teachers.load(teacher, lesson.teacher_size(settings.size))
    taught = lesson.Lesson(settings, read, known)
    files = {"teacher": teacher, "weights": settings.weights}
    inputs = {name: each for name, each in files.items() if os.path.isfile(each or "")}
    about = dataclasses.asdict(settings) | {"teacher": teacher}
    marks = fingerprint("teach", about, inputs | {"photos": read.squares})
    seconds = 0.0
    if resume:
        seconds = state.load(f"{path}{STATE_ENDING}", taught, marks)
    else:
        taught.measure()
    return run.Run(taught, marks, path, seconds)


def _summary(run: Any) -> str:
    """Returns what was learnt, as lines."""
    lesson, wrote = run.lesson, f"wrote {printable(run.output)}"
    if run.losses is None:  # it was at its end when it was resumed
        return wrote
    losses = zip(lesson.names, run.losses, strict=True)
    errors = ", ".join(f"{name} {loss:.3f}" for name, loss in losses)
    return (
        f"taught {lesson.step} steps, {lesson.step / run.seconds:.2f} a second; errors"
        f" (0: perfect, 1: the mean of the teacher's): {errors}\n{wrote}"
    )


COMMAND = Command(
    "teaching",
    "vectormix teach --photos=FOLDER --teacher=imagenet --output=WEIGHTS.npz [flags]",
    "Teach InceptionV3 what a teacher sees in photographs, against attacks; --weights\n"
    "of the other commands takes what it writes.",
    _define,
    _run,
    more=f"{sources.FORMATS[0].upper()}{sources.FORMATS[1:]}",
)
