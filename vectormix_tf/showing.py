"""Showing: the commands about what channels look for."""

import dataclasses
import os

from absl import flags

from vectormix_tf import atlases, output
from vectormix_tf.channels import VisualizeSettings
from vectormix_tf.job import ended, load, required
from vectormix_tf.options import VISUALIZE_HELP, define_file, define_settings, given
from vectormix_tf.series import Series, check_folder
from vectormix_tf.settings import build


def define_visualize(values: flags.FlagValues) -> None:
    """The flags of `visualize`."""
    endings = " ".join(output.FORMATS)
    define_file(values, f"the picture to write, or the sheet of several: {endings}")
    define_settings(VisualizeSettings, values, texts=VISUALIZE_HELP)


def visualize(values: flags.FlagValues) -> int:
    """Writes a picture of a channel, or a sheet of several; returns the exit code."""
    settings = build(VisualizeSettings, given(VisualizeSettings, values))
    path = required(values, "output")
    inputs = _inputs(settings)
    output.check_output(path, inputs, values.overwrite)
    load()
    from vectormix_tf import visualizing

    made = visualizing.visualize(**dataclasses.asdict(settings))
    output.write(path, visualizing.sheet(made), overwrite=values.overwrite)
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
    from vectormix_tf.visualizing import Visualizer

    visualizer = Visualizer(settings)
    tiles = atlases.Atlas(settings, visualizer.channels)
    series = Series(folder, "atlas", tiles.about, tiles.items, inputs, values.overwrite)
    atlases.check_products(series, inputs, values.overwrite)
    series.begin()
    finished = tiles.run(series, visualizer)
    return ended(finished, f"the same command goes on in {folder}")


def _inputs(settings: VisualizeSettings) -> list[str]:
    """What is read: a file of weights, if there is one."""
    return [settings.weights] if os.path.isfile(settings.weights) else []
