"""Names of files as text that can be printed, drawn and stored.

The name of a file need not be text: on Linux it is bytes. Python reads a byte that is
not UTF-8 as a lone surrogate (PEP 383), which neither UTF-8 nor JSON nor a font has.
"""

import os
import re
import unicodedata

SURROGATES = re.compile("[\ud800-\udfff]")
JOINERS = "\u200c\u200d"  # join and separate letters; nothing is drawn for them
_ESCAPED_BYTES = range(0xDC80, 0xDD00)  # byte b is the code 0xDC00 + b


def readable(text: str) -> str:
    r"""Returns a text with what is no Unicode escaped, e.g. `caf\xe9.png`."""
    return SURROGATES.sub(lambda match: escaped(match[0]), text)


def printable(text: str) -> str:
    r"""Returns a text in which what would not be seen is escaped, e.g. `two\nlines`."""
    return "".join(
        escaped(letter) if is_unseen(letter) and letter not in JOINERS else letter
        for letter in text
    )


def is_unseen(letter: str) -> bool:
    """Whether a letter is a control, a surrogate, a line end or no character at all."""
    kind = unicodedata.category(letter)
    return kind[0] == "C" or kind in ("Zl", "Zp")


def escaped(letter: str) -> str:
    r"""Returns a letter as Python's ASCII writes it, `\u4e2d`, or a byte, `\xe9`."""
    code = ord(letter)
    if code in _ESCAPED_BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def is_readable(text: str) -> bool:
    """Whether a text is valid Unicode."""
    return not SURROGATES.search(text)


def is_hidden(path: str) -> bool:
    """Whether a file is hidden: `.DS_Store`, or a companion such as `._photo.jpg`.

    macOS writes such companions, which are no pictures, beside each file on a drive of
    another system.
    """
    return os.path.basename(path).startswith(".")
