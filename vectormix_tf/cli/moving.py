"""Moving: the commands whose pictures follow one another."""

import dataclasses
import functools
import os

from absl import flags

from vectormix_tf.cli.flags import (
    DREAM_HELP,
    NOT_FLAGS,
    define_file,
    define_guide,
    define_pictures,
    define_settings,
    files_of,
    given,
    mix_inputs,
    pictures_of,
    read_all,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config.dream import ZoomSettings
from vectormix_tf.config.settings import MixSettings, build
from vectormix_tf.errors import InputError
from vectormix_tf.io import output, video
from vectormix_tf.io.series import Series
from vectormix_tf.recipes import sweep as sweep_recipe
from vectormix_tf.recipes import zoom as zoom_recipe


def define_sweep(values: flags.FlagValues) -> None:
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
    define_settings(MixSettings, values, without=(*NOT_FLAGS, "alpha"))


def sweep(values: flags.FlagValues) -> int:
    """Makes a sweep, as a film or in a folder; returns the exit code."""
    for flag in ("content", "style"):
        required(values, flag)
    pictures, chosen = mix_inputs(values)
    alphas = sweep_recipe.parse_alphas(values.alphas)
    settings = sweep_recipe.plan(
        chosen, alphas, values.further_steps, len(pictures["style"])
    )
    path = required(values, "output")
    video.check_fps(values.fps)
    inputs = files_of(pictures, settings[0])
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    read = read_all(pictures, settings[0])
    load()
    recipe = functools.partial(
        sweep_recipe.sweep,
        **read,
        further_steps=values.further_steps,
        **chosen,
    )
    if video.is_film(path):
        finished = sweep_recipe.to_film(
            path, alphas, recipe, values.fps, values.overwrite
        )
        return ended(finished, f"wrote the film so far to {path}")
    items = {
        f"{i:04}.png": dataclasses.asdict(each) | pictures
        for i, each in enumerate(settings, start=1)
    }
    about = {"pictures": len(alphas)}
    folder = os.path.normpath(path)
    series = Series(folder, "sweep", about, items, inputs, values.overwrite)
    finished = sweep_recipe.to_folder(series, alphas, recipe)
    return ended(finished, f"the same command goes on in {folder}")


def define_zoom(values: flags.FlagValues) -> None:
    """The flags of `zoom`."""
    flags.DEFINE_string("image", None, "the picture to go into", flag_values=values)
    define_guide(values)
    endings = " or ".join(video.FORMATS)
    define_file(values, f"a film, {endings}, or without ending a folder of pictures")
    flags.DEFINE_float(
        "fps", zoom_recipe.FPS, "frames per second of a film", flag_values=values
    )
    define_settings(ZoomSettings, values, texts=DREAM_HELP)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def zoom(values: flags.FlagValues) -> int:
    """Makes a zoom, as a film or in a folder; returns the exit code."""
    required(values, "image")
    if not values["frames"].present:
        raise InputError(f"--frames is missing: {values['frames'].help}.")
    chosen = given(ZoomSettings, values)
    settings = build(ZoomSettings, chosen)
    pictures = pictures_of(values, "image", "guide")
    path = required(values, "output")
    video.check_fps(values.fps)
    inputs = files_of(pictures, settings)
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    read = read_all(pictures, settings)
    recipe = functools.partial(zoom_recipe.zoom, **read, **chosen)
    if video.is_film(path):
        load()
        finished = zoom_recipe.to_film(path, recipe, values.fps, values.overwrite)
        return ended(finished, f"wrote the film so far to {path}")
    everything = dataclasses.asdict(settings) | pictures
    items = {f"{i:04}.png": everything for i in range(1, settings.frames + 1)}
    folder = os.path.normpath(path)
    load()
    series = Series(folder, "zoom", {}, items, inputs, values.overwrite)
    finished = zoom_recipe.to_folder(series, recipe)
    return ended(finished, f"the same command goes on in {folder}")
