"""`vectormix zoom`."""

import dataclasses
import functools
import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_file,
    define_guide,
    define_settings,
    files_of,
    given,
    pictures_of,
    read_all,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config.dream import ZoomSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import output, video
from vectormix_tf.io.series import Series
from vectormix_tf.recipes import zoom as zoom_recipe


def _define(values: flags.FlagValues) -> None:
    """The flags of `zoom`."""
    flags.DEFINE_string("image", None, "the picture to go into", flag_values=values)
    define_guide(values)
    endings = " or ".join(video.FORMATS)
    define_file(values, f"a film, {endings}, or without ending a folder of pictures")
    flags.DEFINE_float(
        "fps", zoom_recipe.FPS, "frames per second of a film", flag_values=values
    )
    define_settings(ZoomSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Makes a zoom, as a film or in a folder; returns the exit code."""
    required(values, "image")
    if not values["frames"].present:
        raise InputError(f"--frames is missing: {values['frames'].help}.")
    settings = ZoomSettings(**given(ZoomSettings, values))
    pictures = pictures_of(values, "image", "guide")
    path = required(values, "output")
    video.check_fps(values.fps)
    inputs = files_of(pictures, settings)
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    read = read_all(pictures, settings)
    recipe = functools.partial(zoom_recipe.zoom, **read, settings=settings)
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


COMMAND = Command(
    "films",
    "vectormix zoom --image=PHOTO --frames=N --output=FILM.mp4 [flags]",
    "Go ever deeper into a dream: a film, or a folder of frames in which the same\n"
    "command goes on where it stopped.",
    _define,
    _run,
)
