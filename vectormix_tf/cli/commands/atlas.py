"""`vectormix atlas`."""

import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_file,
    define_settings,
    given,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config.setting import files
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.galleries import atlas as atlases
from vectormix_tf.io.series import Series, check_folder


def _define(values: flags.FlagValues) -> None:
    """Those of `atlas`."""
    define_file(values, "the folder to write: a tile for each channel, a page, a sheet")
    define_settings(VisualizeSettings, values, atlases.NO_FLAGS)
    for flag, value in atlases.DEFAULTS.items():
        values.set_default(flag, value)


def _run(values: flags.FlagValues) -> int:
    """Makes what a folder lacks of an atlas; returns the exit code."""
    options = {**atlases.DEFAULTS, **given(VisualizeSettings, values)}
    settings = VisualizeSettings(**options)
    folder = os.path.normpath(required(values, "output"))
    inputs = files(settings)
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


COMMAND = Command(
    "network",
    "vectormix atlas --layer=LAYER --output=FOLDER [flags]",
    "Show what every channel of a layer looks for: tiles in a folder, with a page\n"
    "and a sheet of them. The same command goes on where it stopped.",
    _define,
    _run,
)
