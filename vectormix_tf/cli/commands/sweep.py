"""`vectormix sweep`."""

import dataclasses
import functools
import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_file,
    define_pictures,
    define_settings,
    files_of,
    mix_inputs,
    read_all,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.io import output, video
from vectormix_tf.io.series import Series
from vectormix_tf.recipes import sweep as sweep_recipe


def _define(values: flags.FlagValues) -> None:
    """The flags of `sweep`."""
    define_pictures(values)
    endings = " or ".join(video.FORMATS)
    define_file(values, f"a film, {endings}, or without ending a folder of pictures")
    flags.DEFINE_string(
        "alphas",
        sweep_recipe.ALPHAS,
        "which: FIRST:LAST:COUNT, evenly, or numbers with commas between them",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "further_steps",
        sweep_recipe.FURTHER_STEPS,
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
        required(values, flag)
    pictures, options = mix_inputs(values)
    alphas = sweep_recipe.parse_alphas(values.alphas)
    settings = sweep_recipe.plan(
        options, alphas, values.further_steps, len(pictures["style"])
    )
    path = required(values, "output")
    video.check_fps(values.fps)
    inputs = files_of(pictures, settings[0])
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    read = read_all(pictures, settings[0])
    load()
    from vectormix_tf.recipes.mix import mix

    recipe = functools.partial(mix, **read)
    if video.is_film(path):
        finished = sweep_recipe.to_film(
            path, settings, recipe, values.fps, values.overwrite
        )
        return ended(finished, f"wrote the film so far to {path}")
    items = {
        f"{i:04}.png": dataclasses.asdict(each) | pictures
        for i, each in enumerate(settings, start=1)
    }
    about = {"pictures": len(alphas)}
    folder = os.path.normpath(path)
    series = Series(folder, "sweep", about, items, inputs, values.overwrite)
    finished = sweep_recipe.to_folder(series, settings, recipe)
    return ended(finished, f"the same command goes on in {folder}")


COMMAND = Command(
    "films",
    "vectormix sweep --content=PHOTO --style=PAINTING --output=FILM.webp [flags]",
    "Show what alpha does: a film, or a folder of pictures in which the same\n"
    "command goes on where it stopped.",
    _define,
    _run,
)
