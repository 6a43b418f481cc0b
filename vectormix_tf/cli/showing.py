"""Showing: the commands about what layers, channels and classes look for."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from absl import flags

from vectormix_tf.cli.flags import (
    VISUALIZE_HELP,
    define_file,
    define_settings,
    files_of,
    given,
    read_all,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config import classes
from vectormix_tf.config.backbones import LOGITS
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.settings import build
from vectormix_tf.config.visualize import CLASS_PRIOR, VisualizeSettings
from vectormix_tf.errors import InputError
from vectormix_tf.galleries import atlas as atlases
from vectormix_tf.galleries import layers as layer_sheet
from vectormix_tf.io import output
from vectormix_tf.io.series import Series, check_folder

# Flags of a dream that belong to a run that makes one picture.
ONE_PICTURE = ("save_every", "manifest", "plot", "checkpoint", "resume", "depth")


def define_visualize(values: flags.FlagValues) -> None:
    """The flags of `visualize`."""
    endings = " ".join(output.FORMATS)
    define_file(values, f"the picture to write, or the sheet of several: {endings}")
    flags.DEFINE_string(
        "class",
        None,
        "one of ImageNet's classes, by name, instead of channels; needs --weights with"
        " classes",
        flag_values=values,
    )
    define_settings(VisualizeSettings, values, texts=VISUALIZE_HELP)


def visualize(values: flags.FlagValues) -> int:
    """Writes a picture of a channel, or a sheet of several; returns the exit code."""
    chosen = given(VisualizeSettings, values)
    if values["class"].present:
        for flag in ("layer", "channels"):
            if flag in chosen:
                raise InputError(f"--class says what is shown; leave --{flag} out.")
        found = classes.find(values["class"].value)
        chosen = {**CLASS_PRIOR, **chosen, "layer": LOGITS, "channels": found}
    settings = build(VisualizeSettings, chosen)
    path = required(values, "output")
    inputs = _inputs(settings)
    output.check_output(path, inputs, values.overwrite)
    load()
    from vectormix_tf.recipes import visualize as visualize_recipe

    made = visualize_recipe.visualize(**dataclasses.asdict(settings))
    output.write(path, visualize_recipe.sheet(made), overwrite=values.overwrite)
    finished = made[-1].finished
    return ended(finished, f"wrote what there was then to {path}")


def define_atlas(values: flags.FlagValues) -> None:
    """Those of `atlas`."""
    define_file(values, "the folder to write: a tile for each channel, a page, a sheet")
    without = atlases.NOT_FLAGS
    define_settings(VisualizeSettings, values, without, VISUALIZE_HELP)
    for flag, value in atlases.DEFAULTS.items():
        values.set_default(flag, value)


def atlas(values: flags.FlagValues) -> int:
    """Makes what a folder lacks of an atlas; returns the exit code."""
    chosen = given(VisualizeSettings, values)
    settings = build(VisualizeSettings, {**atlases.DEFAULTS, **chosen})
    folder = os.path.normpath(required(values, "output"))
    inputs = _inputs(settings)
    check_folder(folder, [], inputs)
    load()
    from vectormix_tf.recipes.visualize import Visualizer

    visualizer = Visualizer(settings)
    tiles = atlases.Atlas(settings, visualizer.channels)
    series = Series(folder, "atlas", tiles.about, tiles.items, inputs, values.overwrite)
    atlases.check_products(series, inputs, values.overwrite)
    series.begin()
    finished = tiles.run(series, visualizer)
    return ended(finished, f"the same command goes on in {folder}")


def explore(
    values: flags.FlagValues, settings: DreamSettings, pictures: Mapping[str, Any]
) -> int:
    """Makes what a sheet of dreams of all layers lacks; returns the exit code."""
    for flag in (*ONE_PICTURE, "layers"):
        if values[flag].present:
            raise InputError(
                f"--explore makes a sheet of all layers; leave --{flag} out."
            )
    if not values["size"].present:
        settings = dataclasses.replace(settings, size=layer_sheet.SIZE)
    path = required(values, "output")
    inputs = files_of(pictures, settings)
    output.check_output(path, inputs, overwrite=True)
    read = read_all(pictures, settings)
    load()
    explorer = layer_sheet.Explorer(settings, pictures)
    folder = f"{os.path.splitext(path)[0]}-layers"
    about = {"sheet": os.path.basename(path)}
    series = Series(folder, "dream", about, explorer.items, inputs, values.overwrite)
    if not (values.overwrite or series.owns(path)):
        output.check_output(path)
    series.begin()
    finished = explorer.run(series, path, read)
    return ended(
        finished, f"wrote the sheet so far to {path}; the same command goes on"
    )


def _inputs(settings: VisualizeSettings) -> list[str]:
    """What is read: a file of weights, if there is one."""
    return [settings.weights] if os.path.isfile(settings.weights) else []
