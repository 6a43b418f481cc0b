"""Names of files as text that can be printed, drawn and stored.

The name of a file need not be text: on Linux it is bytes. Python reads a byte that is
not UTF-8 as a lone surrogate (PEP 383), which neither UTF-8 nor JSON nor a font has.
"""

import os
import re

SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # byte b is the code 0xDC00 + b


def readable(text: str) -> str:
    r"""Returns a text with what is no Unicode escaped, e.g. `caf\xe9.png`."""
    return SURROGATES.sub(_escape, text)


def printable(text: str) -> str:
    r"""Returns `readable`, with control characters escaped too, e.g. `two\x0alines`."""
    return _CONTROLS.sub(_escape, readable(text))


def is_readable(text: str) -> bool:
    """Whether a text is valid Unicode."""
    return not SURROGATES.search(text)


def is_hidden(path: str) -> bool:
    """Whether a file is hidden: `.DS_Store`, or a companion such as `._photo.jpg`.

    macOS writes such companions, which are no pictures, beside each file on a drive of
    another system.
    """
    return os.path.basename(path).startswith(".")


def _escape(match: re.Match) -> str:
    code = ord(match[0])
    if code in _ESCAPED_BYTES:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
