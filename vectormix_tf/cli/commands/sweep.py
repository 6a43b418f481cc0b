"""`vectormix sweep`: makes mixes at several values of alpha, as a film or a folder."""

import dataclasses
import functools
import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_mix_pictures,
    define_output_path,
    define_settings,
    input_files,
    mix_inputs,
    read_pictures,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.io import output, video
from vectormix_tf.io.series import Series
from vectormix_tf.recipes.sweep import (
    ALPHAS,
    FURTHER_STEPS,
    parse_alphas,
    plan,
    to_film,
    to_folder,
)


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `sweep`."""
    define_mix_pictures(values)
    endings = " or ".join(video.FORMATS)
    define_output_path(
        values, f"a film, {endings}, or without ending a folder of pictures"
    )
    flags.DEFINE_string(
        "alphas",
        ALPHAS,
        "values of alpha: FIRST:LAST:COUNT, evenly spaced, or numbers with commas",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "further_steps",
        FURTHER_STEPS,
        "steps per octave of all mixes but the first",
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps", video.FPS, "pictures per second of a film", flag_values=values
    )
    define_settings(MixSettings, values, without=["alpha"])


def _run(values: flags.FlagValues) -> int:
    """Makes a sweep, as a film or in a folder; returns the exit code."""
    for flag in ("content", "style"):
        required_flag(values, flag)
    pictures, options = mix_inputs(values)
    alphas = parse_alphas(values.alphas)
    settings = plan(options, alphas, values.further_steps, len(pictures["style"]))
    path = required_flag(values, "output")
    video.check_fps(values.fps, path)
    inputs = input_files(pictures, settings[0])
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    else:
        check_kept(inputs, "a folder that can go on")
    read = read_pictures(pictures, settings[0])
    load_tensorflow()
    from vectormix_tf.recipes.mix import mix

    recipe = functools.partial(mix, **read)
    if video.is_film(path):
        finished = to_film(path, settings, recipe, values.fps, values.overwrite)
        return exit_code(finished, f"wrote the film so far to {path}")
    items = {
        f"{i:04}.png": dataclasses.asdict(each) | pictures
        for i, each in enumerate(settings, start=1)
    }
    about = {"pictures": len(alphas)}
    folder = os.path.normpath(path)
    series = Series(folder, "sweep", about, items, inputs, values.overwrite)
    finished = to_folder(series, settings, recipe)
    return exit_code(finished, f"the same command goes on in {folder}")


COMMAND = Command(
    "films",
    "vectormix sweep --content=PHOTO --style=PAINTING --output=FILM.webp [flags]",
    "Show what alpha does: a film, or a folder of pictures in which the same\n"
    "command goes on where it stopped.",
    _define,
    _run,
)
