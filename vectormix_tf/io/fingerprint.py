"""Fingerprints: what decides the bytes that a run gives; how two runs differ."""

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

# What makes two runs differ, in the order in which it is told, and what to do.
_PARTS = (
    ("command", "take the same command"),
    ("settings", "take the same settings"),
    ("inputs", "take the same files"),
    ("versions", "go on with what it was made with"),
)


def fingerprint(
    command: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what decides the bytes that a run gives.

    Args:
        command: Such as "mix".
        settings: All of them, by name; of what names a file the file counts too.
        inputs: `{what it is: array, or path of a file}`; None is left out.

    Returns:
        A dictionary of dictionaries, as JSON has them.
    """
    import tensorflow as tf

    versions = {
        "vectormix_tf": version("vectormix_tf"),
        "tensorflow": tf.__version__,
        "keras": version("keras"),
        # Another kind of processor rounds in another way.
        "platform": f"{sys.platform} {platform.machine()}",
        "device": "GPU" if tf.config.list_physical_devices("GPU") else "CPU",
    }
    files = {
        name: value
        for name, value in settings.items()
        if isinstance(value, str) and os.path.isfile(value)
    }
    inputs = {k: v for k, v in inputs.items() if v is not None} | files
    return as_json(
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
    """Refuses a run that would give other bytes than the one before.

    Args:
        label: What the one before has left, e.g. "checkpoint `run.ckpt`".
        then: Its fingerprint.
        now: That of the run that shall go on.
        otherwise: What else can be done, e.g. "start anew with another --checkpoint".

    Raises:
        InputError: If they differ; one line names what does.
    """
    now = as_json(now)
    for part, remedy in _PARTS:
        one, other = then[part], now[part]
        names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        if names:
            text = ", ".join(_difference(part, one, other, name) for name in names)
            raise InputError(f"{label} was made with {text}; {remedy}, or {otherwise}.")


def _difference(part: str, one: dict, other: dict, name: str) -> str:
    if part == "inputs":
        return f"another {name}" if name in one else f"no {name}"
    return f"{name}={_spell(one, name)} (now {_spell(other, name)})"


def _spell(known: dict, name: str) -> str:
    return str(known[name]) if name in known else "unknown"


def version(package: str) -> str:
    """Of an installed package; "unknown" of a checkout, or of tensorflow-cpu."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def as_json(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record as it comes back from a file: a tuple is a list."""
    return json.loads(json.dumps(record, default=str))


def sha256(source: Any) -> str:
    """Of a file (by its path) or of an array, as hexadecimal text."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    array = np.ascontiguousarray(source)
    digest = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    digest.update(array.data)
    return digest.hexdigest()
