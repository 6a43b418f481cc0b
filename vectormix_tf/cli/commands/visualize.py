"""`vectormix visualize`."""

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_file,
    define_settings,
    given,
)
from vectormix_tf.cli.job import ended, load, required
from vectormix_tf.config import classes
from vectormix_tf.config.backbones import LOGITS
from vectormix_tf.config.setting import files
from vectormix_tf.config.visualize import CLASS_PRIOR, VisualizeSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import output


def _define(values: flags.FlagValues) -> None:
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
    define_settings(VisualizeSettings, values)


def _run(values: flags.FlagValues) -> int:
    """Writes a picture of a channel, or a sheet of several; returns the exit code."""
    options = given(VisualizeSettings, values)
    if values["class"].present:
        for flag in ("layer", "channels"):
            if flag in options:
                raise InputError(f"--class says what is shown; leave --{flag} out.")
        found = classes.find(values["class"].value)
        options = {**CLASS_PRIOR, **options, "layer": LOGITS, "channels": found}
    settings = VisualizeSettings(**options)
    path = required(values, "output")
    inputs = files(settings)
    output.check_output(path, inputs, values.overwrite)
    load()
    from vectormix_tf.recipes import visualize as visualize_recipe

    made = visualize_recipe.visualize(settings=settings)
    output.write(path, visualize_recipe.sheet(made), overwrite=values.overwrite)
    finished = made[-1].finished
    return ended(finished, f"wrote what there was then to {path}")


COMMAND = Command(
    "network",
    "vectormix visualize --layer=LAYER --channels=0-31 --output=SHEET.png [flags]",
    "Show what channels of a layer look for: pictures made out of noise.",
    _define,
    _run,
)
