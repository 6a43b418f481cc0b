"""Records: JSON that every reader accepts, whatever files are called."""

import json
from collections.abc import Mapping
from typing import Any

from vectormix_tf.io.names import SURROGATES, readable


def encode(record: Mapping[str, Any]) -> bytes:
    """Returns a record as UTF-8 JSON; paths become texts.

    Names of files that are not UTF-8 are kept as `names.readable` writes them.

    Raises:
        ValueError: If a number is not finite: JSON has none such.
    """
    return _encoded(record, 1)


def line(record: Mapping[str, Any]) -> bytes:
    """As `encode`, in one line, of which a file may have many (JSON Lines)."""
    return _encoded(record, None)


def _encoded(record: Mapping[str, Any], indent: int | None) -> bytes:
    text = json.dumps(
        record, indent=indent, ensure_ascii=False, allow_nan=False, default=str
    )
    # In JSON a backslash is written twice.
    text = SURROGATES.sub(lambda match: json.dumps(readable(match[0]))[1:-1], text)
    return text.encode() + b"\n"
