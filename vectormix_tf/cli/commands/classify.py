"""`vectormix classify`."""

import sys
from collections.abc import Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_one
from vectormix_tf.cli.job import (
    load,
)
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError
from vectormix_tf.recipes import classify as classify_recipe


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "top", classify_recipe.TOP, "how many classes to name", flag_values=values
    )
    flags.DEFINE_string(
        "weights",
        "imagenet",
        "imagenet (a download of 96 MB) or the path of a weights file with classes",
        flag_values=values,
    )
    define_one(MixSettings, "max_pixels", values, MAX_PIXELS)


def _run(values: flags.FlagValues, paths: Sequence[str]) -> int:
    if not paths:
        raise InputError("which picture? vectormix classify PHOTO.jpg ...")
    classify_recipe.check(values.weights, values.top)
    squares = [classify_recipe.middle_square(path, values.max_pixels) for path in paths]
    load()
    guesses = classify_recipe.classify_each(squares, values.weights, values.top)
    for path, guess in zip(paths, guesses, strict=True):
        if len(paths) > 1:
            print(_shown(path))
        for name, probability in guess:
            print(f"{probability:6.1%} {name}", flush=True)
    return 0


def _shown(name: str) -> str:
    """A file's name as far as the console has its letters."""
    encoding = sys.stdout.encoding or "utf-8"
    return name.encode(encoding, "backslashreplace").decode(encoding)


COMMAND = Command(
    "network",
    "vectormix classify PHOTO ... [flags]",
    "Tell what a picture shows: the likeliest of ImageNet's 1000 classes. It looks"
    " at\nthe middle square, as ImageNet's evaluation does.",
    _define,
    _run,
    pictures=True,
)
