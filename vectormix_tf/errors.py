"""Checks: mistakes are found before any work and told in one line that helps."""

import difflib
import errno
import os
from collections.abc import Iterable
from typing import Any

import numpy as np


class Notice(UserWarning):
    """Something the user may want to know; its text is one line."""


class VectormixError(Exception):
    """What this package raises on purpose; its text is one line: what, and what to do.

    The command line prints that line and ends with exit code 2.
    """

    def __init__(self, text: str):
        super().__init__(" ".join(text.splitlines()))


class InputError(VectormixError, ValueError):
    """A picture, setting or file that cannot be used."""


class NotFiniteError(VectormixError):
    """A run that stopped because its numbers became NaN or infinite.

    Attributes:
        result: What the run had made before, with `finished` False; None if nothing.
    """

    result: Any = None


class OutputError(VectormixError):
    """A file that could not be written: a full disk, a folder that has gone."""


class ServerError(VectormixError):
    """What a server refused, or that there is none.

    Attributes:
        code: Name of the gRPC status: "INVALID_ARGUMENT", "NOT_FOUND", "UNAVAILABLE",
            "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", ...
    """

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


def close_names(name: str, known: Iterable[str]) -> str:
    """Returns the tail of an error: the known names like `name`, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose from {', '.join(known)}."


def is_known_or_file(value: object, known: Iterable[str]) -> bool:
    """Whether a setting is one of the known names or the path of a file."""
    return isinstance(value, str | os.PathLike) and (
        value in known or os.path.isfile(value)
    )


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Refuses what is not a number in [low, high]."""
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a number; received {value!r}.")
    if not low <= value <= high:  # also true of NaN
        raise InputError(
            f"`{name}` must be in [{low:g}, {high:g}]; received {value!r}."
        )


def check_integer(name: str, value: object, low: int, high: int) -> None:
    """Refuses what is not a whole number in [low, high]."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a whole number; received {value!r}.")
    if not low <= value <= high:
        raise InputError(f"`{name}` must be in [{low}, {high}]; received {value!r}.")


def check_boolean(name: str, value: object) -> None:
    """Refuses what is neither true nor false."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"`{name}` must be true or false; received {value!r}.")


def check_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Refuses what is not one of the known names."""
    if not isinstance(value, str) or value not in known:
        raise InputError(
            f"`{name}` must be one of {', '.join(known)}; received {value!r}:"
            f" {close_names(str(value), known)}"
        )


# {name of an error: what it says where there is no memory} for a library that is
# loaded, a thread, a GPU, and oneDNN (whose status 1 is `dnnl_out_of_memory`).
_NO_MEMORY = {
    "ImportError": "failed to map segment",
    "RuntimeError": "can't start new thread",
    "InternalError": "out of memory",
    "AbortedError": "Status: 1, message: could not create",
    "ResourceExhaustedError": "",
}


def lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, is that there was no memory.

    TensorFlow's errors are known by their names, because it may not be loaded.
    """
    if error is None:
        return False
    name = type(error).__name__
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or (name in _NO_MEMORY and _NO_MEMORY[name] in str(error))
        or lacks_memory(error.__cause__)
    )
