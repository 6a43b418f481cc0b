"""Manifests: what a picture was made with, so that it can be made again."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable
from typing import Any

PACKAGES = ("vectormix_tf", "tensorflow", "keras", "numpy", "pillow")


def manifest(command: str, result: Any, inputs: Iterable[str]) -> bytes:
    """Returns a record of a run as JSON.

    Args:
        command: "mix" or "dream".
        result: A `Result` with settings.
        inputs: Paths of the files that were read; each is named with its SHA-256.

    Returns:
        UTF-8 JSON: versions, settings (the seed among them), inputs, losses, seconds.
    """
    record = {
        "command": command,
        "versions": {"python": platform.python_version()} | _versions(),
        "platform": f"{sys.platform} {platform.machine()}",
        "settings": dataclasses.asdict(result.settings),
        "inputs": {os.fspath(path): _sha256(path) for path in inputs},
        "size": list(result.x.shape[2:0:-1]),
        "finished": result.finished,
        "seconds": round(result.seconds, 3),
        "losses": {name: losses.tolist() for name, losses in result.losses.items()},
    }
    return json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # a checkout, or tensorflow-cpu
            versions[name] = "unknown"
    return versions


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
