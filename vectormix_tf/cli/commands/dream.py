"""`vectormix dream`: amplifies what the network detects in a picture."""

import dataclasses
import functools
import os
from collections.abc import Mapping
from typing import Any

from absl import flags

from vectormix_tf.cli import remote
from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_guide,
    define_run_output,
    define_settings,
    given_settings,
    input_files,
    picture_paths,
    read_pictures,
)
from vectormix_tf.cli.job import Job, load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.cli.paths import define_path
from vectormix_tf.cli.preview import define_preview
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.errors import InputError
from vectormix_tf.filters.preview import unchanged
from vectormix_tf.galleries.layers import SIZE, LayerSheet
from vectormix_tf.io import output
from vectormix_tf.io.series import Series
from vectormix_tf.io.sizes import Need, result_size

# Flags that have no meaning for a sheet of many dreams.
_ONE_PICTURE = (
    *("save_every", "manifest", "plot", "checkpoint", "resume", "depth"),
    "preview",
)


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `dream`."""
    define_path("image", None, "the picture to dream of", flag_values=values)
    define_guide(values)
    define_path(
        "mask",
        None,
        "a picture: white is changed, black stays as it is, gray is between",
        flag_values=values,
    )
    define_run_output(values)
    define_preview(values, "dream")
    flags.DEFINE_boolean(
        "explore",
        False,
        "make a labeled sheet of dreams of every layer, to choose by; --size is that of"
        f" each, {SIZE} where it is not given",
        flag_values=values,
    )
    remote.define_server(values)
    define_settings(DreamSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Makes a dream here or on a server, or a sheet of all layers."""
    if values.server is not None:
        return remote.dream(values)
    settings = DreamSettings(**given_settings(DreamSettings, values))
    required_flag(values, "image")
    pictures = picture_paths(values, "image", "guide", "mask")
    if values.explore:
        return _explore(values, settings, pictures)
    job = Job("dream", values, settings, input_files(pictures, settings))
    read = read_pictures(pictures, settings)

    def recipe(**options):
        from vectormix_tf.recipes.dream import dream

        return dream(**read, **options)

    first = functools.partial(unchanged, read["image"], settings)
    return job.run(recipe, first)


def _explore(
    values: flags.FlagValues, settings: DreamSettings, pictures: Mapping[str, Any]
) -> int:
    """Makes the dreams that the sheet of all layers lacks; returns the exit code."""
    for flag in (*_ONE_PICTURE, "layers"):
        if values[flag].present:
            raise InputError(
                f"--explore makes a sheet of all layers; leave --{flag} out."
            )
    path = required_flag(values, "output")
    inputs = input_files(pictures, settings)
    check_kept(inputs, "`explore`")
    output.check_output(path, inputs, overwrite=True)
    read = read_pictures(pictures, settings)
    if not values["size"].present:
        sides, need = read["image"].pixels.shape[1:3], Need.of(settings.backbone)
        size = max(result_size(sides, SIZE, SIZE, need, "picture"))
        settings = dataclasses.replace(settings, size=size)
    load_tensorflow()
    sheet = LayerSheet(settings, pictures)
    folder = f"{os.path.splitext(path)[0]}-layers"
    about = {"sheet": os.path.basename(path)}
    series = Series(folder, "dream", about, sheet.items, inputs, values.overwrite)
    if not (values.overwrite or series.owns(path)):
        output.check_output(path)
    finished = sheet.run(series, path, read)
    return exit_code(
        finished, f"wrote the sheet so far to {path}; the same command goes on"
    )


COMMAND = Command(
    "pictures",
    "vectormix dream --image=PHOTO --output=DREAM.png [flags]",
    "Let the network exaggerate what it sees in a picture.",
    _define,
    _run,
)
