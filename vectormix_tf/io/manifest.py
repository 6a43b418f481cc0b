"""Manifests: JSON records of runs, with all that is needed to repeat them."""

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

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
        UTF-8 JSON: versions, settings with the seed, inputs, losses, seconds.

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
        "losses": {name: losses.tolist() for name, losses in result.losses.items()},
    }
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    # JSON spells parts of file names that are not UTF-8 as Python does.
    return text.encode(errors="backslashreplace")
