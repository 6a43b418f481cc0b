"""The state of a lesson in a file beside the weights: a lesson that stopped goes on."""

import io
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import check_same
from vectormix_tf.teaching.lesson import Lesson

FORMAT = 1  # raised whenever the contents of a file change
_COUNTS = ("step", "batch", "averaged", "frozen", "slower")  # of a lesson


def save(
    path: str, lesson: Lesson, seconds: float, fingerprint: Mapping[str, Any]
) -> None:
    """Writes the state of a lesson atomically, replacing the one before.

    Args:
        path: Of the file.
        lesson: Between two batches.
        seconds: How long it has been taught.
        fingerprint: Of the run, from `io.fingerprint.fingerprint`.

    Raises:
        OutputError: If it cannot be written; an earlier file then stays as it is.
    """
    about = {name: getattr(lesson, name) for name in _COUNTS}
    about |= {"format": FORMAT, "fingerprint": fingerprint, "seconds": seconds}
    arrays = {name: each.numpy() for name, each in lesson.variables().items()}
    arrays |= {f"scale/{name}": np.stack(pair) for name, pair in lesson.scale.items()}
    file = io.BytesIO()
    np.savez(file, about=json.dumps(about, default=str), **arrays)
    with file.getbuffer() as data:  # half a gigabyte: not copied
        output.write_bytes(path, data, overwrite=True)


def load(path: str, lesson: Lesson, fingerprint: Mapping[str, Any]) -> float:
    """Puts a state into a lesson that was made from the same settings.

    Returns:
        The seconds that `save` was given.

    Raises:
        InputError: If the file does not exist, is damaged, has another format or is of
            another run; one line says which.
    """
    label = f"state `{path}`"
    if not os.path.exists(path):
        raise InputError(f"{label} does not exist; leave out `resume` to start anew.")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            about = json.loads(data["about"].item())
            arrays = {name: data[name] for name in data.files if name != "about"}
    except Exception as error:  # damaged files raise almost anything
        raise InputError(
            f"{label} is damaged, or no state of a lesson; leave out `resume` to start"
            " anew."
        ) from error
    if about["format"] != FORMAT:
        raise InputError(
            f"{label} has format {about['format']}, and this version reads {FORMAT}; go"
            " on with the version that wrote it."
        )
    check_same(label, about["fingerprint"], fingerprint, "leave out `resume`")
    for name, variable in lesson.variables().items():
        variable.assign(arrays[name])
    for name in [name for name in arrays if name.startswith("scale/")]:
        mean, deviation = arrays[name]
        lesson.scale[name.removeprefix("scale/")] = mean, deviation
    for name in _COUNTS:
        setattr(lesson, name, about[name])
    return about["seconds"]
