"""`vectormix atlas`: makes a folder with a tile for each channel of a layer."""

import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_output_path,
    define_settings,
    given_settings,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.config.setting import files
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.galleries.atlas import DEFAULTS, NO_FLAGS, Atlas, check_products
from vectormix_tf.io.series import Series, check_folder


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `atlas`."""
    define_output_path(
        values, "the folder to write: a tile for each channel, a page, a sheet"
    )
    define_settings(VisualizeSettings, values, NO_FLAGS)
    for flag, value in DEFAULTS.items():
        values.set_default(flag, value)


def _run(values: flags.FlagValues) -> int:
    """Makes the tiles that the folder lacks; returns the exit code."""
    options = {**DEFAULTS, **given_settings(VisualizeSettings, values)}
    settings = VisualizeSettings(**options)
    folder = os.path.normpath(required_flag(values, "output"))
    inputs = files(settings)
    check_folder(folder, [], inputs)
    load_tensorflow()
    from vectormix_tf.recipes.visualize import Visualizer

    visualizer = Visualizer(settings)
    atlas = Atlas(settings, visualizer.channels)
    series = Series(folder, "atlas", atlas.about, atlas.items, inputs, values.overwrite)
    check_products(series, inputs, values.overwrite)
    finished = atlas.run(series, visualizer)
    return exit_code(finished, f"the same command goes on in {folder}")


COMMAND = Command(
    "network",
    "vectormix atlas --layer=LAYER --output=FOLDER [flags]",
    "Show what every channel of a layer looks for: tiles in a folder, with a page\n"
    "and a sheet of them. The same command goes on where it stopped.",
    _define,
    _run,
)
