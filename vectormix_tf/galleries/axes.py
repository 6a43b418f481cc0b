"""Axes: what varies along the rows or the columns of a grid."""

import dataclasses
import glob
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError, close_names
from vectormix_tf.io import images

# Of flags whose values are files.
PICTURES = ("content", "style")
# Of flags that can vary; the weights of styles come with their files.
FLAGS = (
    *PICTURES,
    *(f.name for f in dataclasses.fields(MixSettings) if f.name != "style_weights"),
)


class Axis(NamedTuple):
    """What varies along the rows or the columns.

    Attributes:
        flag: One of `FLAGS`; "" where nothing varies.
        values: (label, value) for each.
    """

    flag: str
    values: list[tuple[str, Any]]


NOTHING = Axis("", [("", None)])


def read_axis(
    flag: str, texts: Sequence[str], which: str, parse: Callable[[str, str], Any]
) -> Axis:
    """Reads what varies along the rows or the columns.

    Args:
        flag: Its name.
        texts: Its values as they were given; for pictures files, folders and globs.
        which: "row" or "column".
        parse: (flag, text) -> value; a `ValueError` says that it is none.

    Raises:
        InputError: If the flag cannot vary, or a value is none of its own.
    """
    if flag not in FLAGS:
        raise InputError(
            f"--{which}s={flag} is no flag of mix that can vary;"
            f" {close_names(flag, FLAGS)}"
        )
    if not texts:
        raise InputError(f"--{which}s={flag} has no values; add --{which}=VALUE.")
    values = []
    for text in texts:
        if flag in PICTURES:
            for path in _pictures(text, which):
                name = os.path.splitext(os.path.basename(path))[0]
                values.append((f"{flag}={name}", path))
            continue
        try:
            values.append((f"{flag}={text}", parse(flag, text)))
        except ValueError as error:
            raise InputError(
                f"--{which}={text} is no value of --{flag}: {error}; see vectormix mix"
                " --help."
            ) from error
    return Axis(flag, values)


def _pictures(text: str, which: str) -> list[str]:
    """The file, or those pictures that a folder or a glob holds, sorted."""
    if os.path.isdir(text):
        found = [os.path.join(text, name) for name in os.listdir(text)]
    elif glob.has_magic(text) and not os.path.exists(text):
        found = glob.glob(text)
    else:
        return [text]
    found = [
        path
        for path in sorted(found)
        if path.lower().endswith(images.ENDINGS) and os.path.isfile(path)
    ]
    if not found:
        raise InputError(
            f"--{which}={text} holds no picture; name files that end with"
            f" {' '.join(images.ENDINGS)}."
        )
    return found
