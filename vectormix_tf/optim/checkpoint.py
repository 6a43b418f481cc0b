"""Checkpoint files: a run that was stopped continues from one to the same bytes.

A file is a .npz archive whose comment is the SHA-256 of everything before it, so that
damage is always detected. It holds the fingerprint of its run and can continue that
run only.
"""

import contextlib
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import numpy as np

from vectormix_tf.errors import InputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import check_same
from vectormix_tf.optim.loop import Checkpoint

# Raised whenever the contents of a file change. 2: Adam of large pictures in 16 bits.
FORMAT = 2
DIGEST_LENGTH = 2 * hashlib.sha256().digest_size  # as hexadecimal text
ZIP_START = b"PK\x03\x04"
PIECE = 2**24  # bytes that are read at a time
FIRST_NAME, HEADER = b"about.npy", 64  # in the archive, and bytes that hold the name


def check_place(
    path: str | os.PathLike[str] | None, inputs: Iterable[object], resume: bool
) -> None:
    """Checks, before any work, that a checkpoint can be written.

    Args:
        path: Of the file; None for none.
        inputs: What the run reads; paths among them must not be `path`.
        resume: Whether the run continues from that file.

    Raises:
        InputError: If it cannot be written, or another file is there than a checkpoint.
    """
    if path is None:
        return
    path = os.fsdecode(path)
    output.check_path(path, inputs, overwrite=True, what="checkpoint")
    if not resume and os.path.exists(path) and not _begins_as_one(path):
        raise InputError(
            f"checkpoint `{path}` exists and is no checkpoint; name another file."
        )


def _begins_as_one(path: str) -> bool:
    """Whether a file is a checkpoint, or was one before it was damaged."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        header = file.read(HEADER)
        return header.startswith(ZIP_START) and FIRST_NAME in header
    return False


def save(
    path: str | os.PathLike, checkpoint: Checkpoint, fingerprint: Mapping[str, Any]
) -> None:
    """Writes a checkpoint atomically, replacing the one before.

    Args:
        path: Of the file.
        checkpoint: The state of the run.
        fingerprint: Of the run, from `io.fingerprint.fingerprint`.

    Raises:
        OutputError: If it cannot be written; an earlier file then stays as it is.
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
    arrays |= {"losses": checkpoint.losses}

    def write(file):  # not from memory: of a large picture these are gigabytes
        np.savez(file, about=json.dumps(about, default=str), **arrays)
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = bytes(DIGEST_LENGTH)
        file.write(_digest(file))

    output.write_by(path, write, overwrite=True)


def load(path: str | os.PathLike, fingerprint: Mapping[str, Any]) -> Checkpoint:
    """Reads a checkpoint; the file is not changed.

    Args:
        path: Of the file.
        fingerprint: Of the run that is to continue.

    Returns:
        What `save` was given, with the optimizer's state flattened.

    Raises:
        InputError: If the file does not exist, is damaged, has another format or is of
            another run; one line says which.
    """
    path = os.fsdecode(path)
    about, arrays = _read(path)
    if about["format"] != FORMAT:
        raise InputError(
            f"checkpoint `{path}` has format {about['format']}, and this version reads"
            f" {FORMAT}; go on with the version that wrote it."
        )
    check_same(
        f"checkpoint `{path}`",
        about["fingerprint"],
        fingerprint,
        "start again with another `checkpoint`",
    )
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
            if file.read(len(ZIP_START)) != ZIP_START:
                raise InputError(
                    f"`{path}` is no checkpoint; name a file of `checkpoint`."
                )
            if _digest(file) != file.read():
                raise InputError(
                    f"checkpoint `{path}` is damaged; start again with another"
                    " `checkpoint`."
                )
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
    except FileNotFoundError as error:
        raise InputError(
            f"checkpoint `{path}` does not exist; leave out `resume` to start again."
        ) from error
    except OSError as error:
        raise InputError(
            f"could not read checkpoint `{path}`: {error.strerror or error};"
            " name a file that can be read."
        ) from error
    return json.loads(arrays.pop("about").item()), arrays


def _digest(file: BinaryIO) -> bytes:
    """The digest of what comes before the digest of a file, which is then next."""
    left = max(0, file.seek(0, os.SEEK_END) - DIGEST_LENGTH)
    sha = hashlib.sha256()
    file.seek(0)
    while piece := file.read(min(left, PIECE)):
        sha.update(piece)
        left -= len(piece)
    return sha.hexdigest().encode()
