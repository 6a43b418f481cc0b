"""Checkpoints: a run that was stopped goes on from a file, to the very same bytes.

A file is a .npz archive whose comment is the SHA-256 of all before it, so that no
damage goes unseen. It also holds the fingerprint of its run, and serves no other.
"""

import hashlib
import importlib.metadata
import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf import output
from vectormix_tf.checks import InputError
from vectormix_tf.loop import Checkpoint

FORMAT = 1  # goes up when what a file holds changes
DIGEST_LENGTH = 2 * hashlib.sha256().digest_size  # as hexadecimal text
ZIP_START = b"PK\x03\x04"


def fingerprint(
    command: str, settings: Mapping[str, Any], inputs: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what decides the bytes that a run gives.

    Args:
        command: "mix" or "dream".
        settings: All of them, by name; of what names a file the file counts too.
        inputs: `{what it is: array, or path of a file}`; None is left out.

    Returns:
        A dictionary of dictionaries, as JSON has them.
    """
    versions = {
        "vectormix_tf": _version("vectormix_tf"),
        "tensorflow": tf.__version__,
        "keras": _version("keras"),
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
    return _as_json(
        {
            "command": {"command": command},
            "settings": dict(settings),
            "inputs": {name: _sha256(source) for name, source in inputs.items()},
            "versions": versions,
        }
    )


def save(
    path: str | os.PathLike, checkpoint: Checkpoint, fingerprint: Mapping[str, Any]
) -> None:
    """Writes a checkpoint, whole or not at all, in place of the one before.

    Args:
        path: The file.
        checkpoint: Where the run stands.
        fingerprint: From `fingerprint`.

    Raises:
        InputError: If it cannot be written; what was there before still is.
    """
    about = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "octave": checkpoint.octave,
        "step": checkpoint.step,
        "seconds": checkpoint.seconds,
    }
    arrays = {"x": checkpoint.x, "values": checkpoint.values}
    arrays |= {f"state{i}": leaf for i, leaf in enumerate(checkpoint.state)}
    file = io.BytesIO()
    np.savez(
        file, about=json.dumps(about, default=str), losses=checkpoint.losses, **arrays
    )
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = bytes(DIGEST_LENGTH)
    body = file.getvalue()[:-DIGEST_LENGTH]
    output.write_bytes(path, body + _digest(body), overwrite=True)


def load(path: str | os.PathLike, fingerprint: Mapping[str, Any]) -> Checkpoint:
    """Reads a checkpoint; a refusal leaves the file as it is.

    Args:
        path: The file.
        fingerprint: Of the run that shall go on.

    Returns:
        What `save` was given, its state flattened.

    Raises:
        InputError: If there is none, it is damaged or from another run; one line says
            which.
    """
    path = os.fsdecode(path)
    about, arrays = _read(path)
    if about["format"] != FORMAT:
        raise InputError(
            f"checkpoint `{path}` has format {about['format']}, and this version reads"
            f" {FORMAT}; go on with the version that wrote it."
        )
    _check_same_run(path, about["fingerprint"], _as_json(fingerprint))
    losses, x, values = (arrays.pop(name) for name in ("losses", "x", "values"))
    return Checkpoint(
        octave=about["octave"],
        step=about["step"],
        x=x,
        values=values,
        state=[arrays[f"state{i}"] for i in range(len(arrays))],
        losses=losses,
        seconds=about["seconds"],
    )


def _read(path: str) -> tuple[dict, dict[str, np.ndarray]]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError as error:
        raise InputError(
            f"checkpoint `{path}` does not exist; leave out --resume to start anew."
        ) from error
    except OSError as error:
        raise InputError(
            f"could not read checkpoint `{path}`: {error.strerror or error};"
            " name a file that can be read."
        ) from error
    if not data.startswith(ZIP_START):
        raise InputError(f"`{path}` is no checkpoint; name a file of --checkpoint.")
    body, digest = data[:-DIGEST_LENGTH], data[-DIGEST_LENGTH:]
    if digest != _digest(body):
        raise InputError(
            f"checkpoint `{path}` is damaged; start anew with another --checkpoint."
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = dict(archive)
    return json.loads(arrays.pop("about").item()), arrays


def _check_same_run(path: str, then: dict, now: dict) -> None:
    for part, remedy in (
        ("command", "take the same command"),
        ("settings", "take the same settings"),
        ("inputs", "take the same files"),
        ("versions", "go on with what it was made with"),
    ):
        one, other = then[part], now[part]
        names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
        if names:
            text = ", ".join(_difference(part, one, other, name) for name in names)
            raise InputError(
                f"checkpoint `{path}` was made with {text}; {remedy}, or start anew"
                " with another --checkpoint."
            )


def _difference(part: str, one: dict, other: dict, name: str) -> str:
    if part == "inputs":
        return f"another {name}" if name in one else f"no {name}"
    return f"{name}={_spell(one, name)} (now {_spell(other, name)})"


def _spell(known: dict, name: str) -> str:
    return str(known[name]) if name in known else "unknown"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # a checkout
        return "unknown"


def _as_json(record: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(record, default=str))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _sha256(source: Any) -> str:
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    array = np.ascontiguousarray(source)
    digest = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    digest.update(array.data)
    return digest.hexdigest()
