"""`vectormix classify`: names the classes that a picture most probably belongs to."""

from collections.abc import Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_setting
from vectormix_tf.cli.job import load_tensorflow
from vectormix_tf.cli.messages import print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError
from vectormix_tf.io.names import printable
from vectormix_tf.recipes.classify import TOP, check, classify_each, middle_square


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `classify`."""
    flags.DEFINE_integer("top", TOP, "how many classes to name", flag_values=values)
    define_path(
        "weights",
        "bundled",
        "bundled, imagenet (a download of 96 MB) or the path of a weights file with"
        " classes",
        flag_values=values,
    )
    define_setting(MixSettings, "max_pixels", values, MAX_PIXELS)


def _run(values: flags.FlagValues, paths: Sequence[str]) -> int:
    """Prints the classes of each picture; returns the exit code."""
    if not paths:
        raise InputError("which picture? vectormix classify PHOTO.jpg ...")
    check(values.weights, values.top)
    squares = [middle_square(path, values.max_pixels) for path in paths]
    load_tensorflow()
    results = classify_each(squares, values.weights, values.top)
    for path, result in zip(paths, results, strict=True):
        if len(paths) > 1:
            print_result(printable(path))
        for name, probability in result:
            print_result(f"{probability:6.1%} {name}")
    return 0


COMMAND = Command(
    "network",
    "vectormix classify PHOTO ... [flags]",
    "Name the most probable of ImageNet's 1000 classes for a picture. The network gets"
    "\nonly its middle square, as in ImageNet's evaluation.",
    _define,
    _run,
    pictures=True,
)
