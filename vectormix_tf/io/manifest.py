"""Manifests: JSON records of runs, with all that is needed to repeat them."""

import dataclasses
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from vectormix_tf.io import records
from vectormix_tf.io.fingerprint import sha256, version

PACKAGES = ("vectormix_tf", "tensorflow", "keras", "numpy", "pillow")


def manifest(
    command: str, result: Any, inputs: Iterable[str], server: str | None = None
) -> bytes:
    """Returns the record of a run as JSON.

    Args:
        command: Name of the command, "mix" or "dream".
        result: The run's `PictureResult`.
        inputs: Paths of the files that were read; their SHA-256 is recorded.
        server: Address of the server that computed it; None for this machine.

    Returns:
        UTF-8 JSON: versions, settings with the seed, inputs, losses, seconds. A loss
        that is not finite is null.

    Raises:
        InputError: If an input cannot be read any more.
    """
    record = {
        "command": command,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in PACKAGES},
        "platform": f"{sys.platform} {platform.machine()}",
        "settings": dataclasses.asdict(result.settings),
        "inputs": {os.fspath(path): sha256(path) for path in inputs},
        "size": list(result.x.shape[2:0:-1]),
        "finished": result.finished,
        **({} if server is None else {"server": server}),
        "seconds": round(result.seconds, 3),
        "losses": {name: _finite(losses) for name, losses in result.losses.items()},
    }
    return records.encode(record)


def _finite(losses: np.ndarray) -> list[float | None]:
    """Returns losses with None for what JSON has no number for."""
    return np.where(np.isfinite(losses), losses, None).tolist()
