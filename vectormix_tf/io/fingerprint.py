"""Fingerprints of runs: everything that determines the bytes of a result."""

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError
from vectormix_tf.io import records

# Parts of a fingerprint in the order in which they are compared, and what to do if they
# differ.
_PARTS = (
    ("command", "use the same command"),
    ("settings", "use the same settings"),
    ("inputs", "use the same files"),
    ("versions", "use the versions it was made with"),
)


def fingerprint(
    command: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns everything that determines the bytes of a run's result.

    Args:
        command: Name of the command, e.g. "mix".
        settings: All settings by name.
        inputs: `{name: array, or path of a file}`, which counts with its content; None
            values are left out. Files that settings name are among them.

    Returns:
        A dictionary of dictionaries, as JSON represents them.

    Raises:
        InputError: If a file cannot be read.
    """
    import tensorflow as tf

    versions = {
        "vectormix_tf": version("vectormix_tf"),
        "tensorflow": tf.__version__,
        "keras": version("keras"),
        # Other processors round differently.
        "platform": f"{sys.platform} {platform.machine()}",
        "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
    }
    inputs = {name: each for name, each in inputs.items() if each is not None}
    return json_round_trip(
        {
            "command": {"command": command},
            "settings": dict(settings),
            "inputs": {name: sha256(source) for name, source in inputs.items()},
            "versions": versions,
        }
    )


def check_same(
    label: str, then: Mapping[str, Any], now: Mapping[str, Any], otherwise: str
) -> None:
    """Checks that a run may continue an earlier one: their fingerprints are equal.

    Args:
        label: What the earlier run left, e.g. "checkpoint `run.ckpt`".
        then: Fingerprint of the earlier run.
        now: Fingerprint of this run.
        otherwise: What else the user can do, e.g. "start again with another
            `checkpoint`".

    Raises:
        InputError: If they differ; the message names the difference.
    """
    now = json_round_trip(now)
    for part, remedy in _PARTS:
        one, other = then[part], now[part]
        names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        if names:
            text = ", ".join(_difference(part, one, other, name) for name in names)
            raise InputError(f"{label} was made with {text}; {remedy}, or {otherwise}.")


def _difference(part: str, one: dict, other: dict, name: str) -> str:
    if part == "inputs":
        return f"another {name}" if name in one else f"no {name}"
    return f"{name}={_value(one, name)} (now {_value(other, name)})"


def _value(part: dict, name: str) -> str:
    return str(part[name]) if name in part else "unknown"


def version(package: str) -> str:
    """Returns the version of an installed package, else "unknown".

    A source checkout has none, nor has "tensorflow" where tensorflow-cpu is installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def json_round_trip(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record as JSON gives it back: tuples are lists, paths are strings."""
    return json.loads(records.encode(record))


def sha256(source: Any) -> str:
    """Returns the SHA-256 of a file's content or of an array, in hexadecimal.

    Args:
        source: Path of a file, or an array.

    Raises:
        InputError: If the file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        try:
            with open(source, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                f"`{os.fsdecode(source)}` cannot be read: {error.strerror or error}."
            ) from error
    array = np.ascontiguousarray(source)
    digest = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    digest.update(array.data)
    return digest.hexdigest()
