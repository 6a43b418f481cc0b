"""`vectormix zoom`: makes a film that zooms into a dream."""

import dataclasses
import functools
import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_guide,
    define_output_path,
    define_settings,
    given_settings,
    input_files,
    picture_paths,
    read_pictures,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.dream import ZoomSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import output, video
from vectormix_tf.io.series import Series
from vectormix_tf.recipes.zoom import FPS, to_film, to_folder, zoom


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `zoom`."""
    define_path("image", None, "the picture to zoom into", flag_values=values)
    define_guide(values)
    endings = " or ".join(video.FORMATS)
    define_output_path(
        values, f"a film, {endings}, or without ending a folder of pictures"
    )
    flags.DEFINE_float("fps", FPS, "frames per second of a film", flag_values=values)
    define_settings(ZoomSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Makes a zoom, as a film or in a folder; returns the exit code."""
    required_flag(values, "image")
    if not values["frames"].present:
        raise InputError(f"--frames is missing: {values['frames'].help}.")
    settings = ZoomSettings(**given_settings(ZoomSettings, values))
    pictures = picture_paths(values, "image", "guide")
    path = required_flag(values, "output")
    video.check_fps(values.fps, path)
    inputs = input_files(pictures, settings)
    if video.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    else:
        check_kept(inputs, "a folder that can go on")
    read = read_pictures(pictures, settings)
    recipe = functools.partial(zoom, **read, settings=settings)
    if video.is_film(path):
        load_tensorflow()
        finished = to_film(path, recipe, values.fps, values.overwrite)
        return exit_code(finished, f"wrote the film so far to {path}")
    record = dataclasses.asdict(settings) | pictures
    items = {f"{i:04}.png": record for i in range(1, settings.frames + 1)}
    folder = os.path.normpath(path)
    load_tensorflow()
    series = Series(folder, "zoom", {}, items, inputs, values.overwrite)
    finished = to_folder(series, recipe)
    return exit_code(finished, f"the same command goes on in {folder}")


COMMAND = Command(
    "films",
    "vectormix zoom --image=PHOTO --frames=N --output=FILM.mp4 [flags]",
    "Go ever deeper into a dream: a film, or a folder of frames in which the same\n"
    "command goes on where it stopped.",
    _define,
    _run,
)
