"""`vectormix visualize`: makes pictures that activate channels of a layer."""

from typing import Any

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_output_path,
    define_settings,
    given_settings,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.config import classes
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, LOGITS
from vectormix_tf.config.setting import files
from vectormix_tf.config.visualize import CLASS_PRIOR, NOISY_PRIOR, VisualizeSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import output
from vectormix_tf.io.completion import complete


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `visualize`."""
    endings = " ".join(output.FORMATS)
    define_output_path(
        values, f"the picture to write, or the sheet of several: {endings}"
    )
    flags.DEFINE_string(
        "class",
        None,
        "one of ImageNet's classes, by name, instead of channels",
        flag_values=values,
    )
    define_settings(VisualizeSettings, values)


def _of_class(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Completes the options to those of the pictures of a class."""
    backbone = options.get("backbone", DEFAULT)
    if LOGITS not in BACKBONES[backbone].layers:
        raise InputError(f"--class needs a network with classes: {DEFAULT}.")
    prior = dict(CLASS_PRIOR)
    if options.get("weights", "bundled") != "bundled":
        prior |= NOISY_PRIOR
    channels = classes.find(name)
    return {**prior, **options, "layer": LOGITS, "channels": channels}


def _run(values: flags.FlagValues) -> int:
    """Writes a picture of a channel, or a sheet of several; returns the exit code."""
    options = given_settings(VisualizeSettings, values)
    if values["class"].present:
        for flag in ("layer", "channels"):
            if flag in options:
                raise InputError(f"--class says what is shown; leave --{flag} out.")
        options = _of_class(values["class"].value, options)
    settings = VisualizeSettings(**options)
    path = required_flag(values, "output")
    inputs = files(settings)
    output.check_output(path, inputs, values.overwrite)
    load_tensorflow()
    from vectormix_tf.recipes.visualize import sheet, visualize

    results = visualize(settings=settings)

    def write():
        output.write(path, sheet(results), overwrite=values.overwrite)

    complete(write)
    finished = results[-1].finished
    return exit_code(finished, f"wrote what there was then to {path}")


COMMAND = Command(
    "network",
    "vectormix visualize --layer=LAYER --channels=0-31 --output=SHEET.png [flags]",
    "Show what channels of a layer look for: pictures made out of noise.",
    _define,
    _run,
)
