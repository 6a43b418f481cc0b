"""Axes of a grid: the setting or picture that varies along its rows or columns."""

import dataclasses
import glob
import os
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError, close_names
from vectormix_tf.io import images
from vectormix_tf.io.names import is_hidden, printable

# Flags of `vectormix mix` whose values are files.
PICTURES = ("content", "style")
# Flags that can vary. Not `style_weights`: one value would have to fit several styles.
FLAGS = (
    *PICTURES,
    *(f.name for f in dataclasses.fields(MixSettings) if f.name != "style_weights"),
)


class Axis(NamedTuple):
    """What varies along the rows or the columns of a grid.

    Attributes:
        flag: One of `FLAGS`; "" if nothing varies.
        values: (label, value) of each row or column.
    """

    flag: str
    values: list[tuple[str, Any]]


NOTHING = Axis("", [("", None)])  # of a grid with a single column


def read_axis(
    flag: str,
    texts: Sequence[str],
    which: Literal["row", "column"],
    parse: Callable[[str, str], Any],
) -> Axis:
    """Returns an axis for the values of a flag.

    Args:
        flag: Name of the flag.
        texts: Its values as text. For pictures each is a file, or a folder or a glob,
            which stands for all picture files in it that are not hidden.
        which: What errors call a value of this axis.
        parse: (flag, text) -> value; raises a `ValueError` if the flag has no such
            value. Not called for pictures.

    Raises:
        InputError: If the flag cannot vary, there is no value, or a value cannot be
            used.
    """
    if flag not in FLAGS:
        raise InputError(
            f"`{which}s={flag}` is no flag of mix that can vary;"
            f" {close_names(flag, FLAGS)}"
        )
    if not texts:
        raise InputError(f"`{which}s={flag}` has no values; add `{which}=VALUE`.")
    values = []
    for text in texts:
        if flag in PICTURES:
            for path in _picture_files(text, which):
                name = os.path.splitext(os.path.basename(path))[0]
                values.append((f"{flag}={printable(name)}", path))
            continue
        try:
            values.append((f"{flag}={printable(text)}", parse(flag, text)))
        except ValueError as error:
            raise InputError(
                f'`{which}="{text}"` is no value of `{flag}`: {error}; see the help of'
                " mix for its values."
            ) from error
    return Axis(flag, values)


def _picture_files(text: str, which: str) -> list[str]:
    """Returns a file, or the sorted picture files of a folder or a glob."""
    if os.path.isdir(text):
        paths = [os.path.join(text, name) for name in _names(text, which)]
    elif glob.has_magic(text) and not os.path.exists(text):
        paths = glob.glob(text)
    else:
        return [text]
    paths = [
        path
        for path in sorted(paths)
        if path.lower().endswith(images.ENDINGS)
        and not is_hidden(path)
        and os.path.isfile(path)
    ]
    if not paths:
        raise InputError(
            f'`{which}="{text}"` holds no picture; name files that end with'
            f" {' '.join(images.ENDINGS)}."
        )
    return paths


def _names(folder: str, which: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f'`{which}="{folder}"` cannot be read: {reason}; name another folder.'
        ) from error
