"""Checkpoints of runs on a server: one string that holds all of a run.

The SHA-256 of everything after it, a line of JSON, and the parts whose lengths that
line gives.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from vectormix_tf.errors import InputError

FORMAT = 1  # raised whenever the contents change
_DIGEST = 2 * hashlib.sha256().digest_size  # as hexadecimal text


def encode(about: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    """Returns a checkpoint.

    Args:
        about: What JSON can hold.
        parts: Content by name.
    """
    lengths = {name: len(part) for name, part in parts.items()}
    header = {"format": FORMAT, "about": about, "parts": lengths}
    body = b"\n".join([json.dumps(header).encode(), b"".join(parts.values())])
    return hashlib.sha256(body).hexdigest().encode() + body


def decode(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Returns what `encode` was given.

    Raises:
        InputError: If the bytes are no checkpoint, were damaged, or have another
            format.
    """
    digest, body = data[:_DIGEST], data[_DIGEST:]
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise InputError("the checkpoint is damaged; start the run again.")
    line, _, rest = body.partition(b"\n")
    header = json.loads(line)
    if header["format"] != FORMAT:
        raise InputError(
            f"the checkpoint has format {header['format']}, and this version reads"
            f" {FORMAT}; start the run again."
        )
    parts, begin = {}, 0
    for name, length in header["parts"].items():
        parts[name] = rest[begin : begin + length]
        begin += length
    return header["about"], parts
