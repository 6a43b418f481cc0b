"""Files of flags: `--flagfile=FILE` stands for the lines of a file.

absl reads such files too, but only in the encoding of the system.
"""

import codecs
import os
import re
from collections.abc import Iterator, Sequence

from vectormix_tf.cli.paths import expanded
from vectormix_tf.errors import InputError

_FLAG = re.compile("--?flagfile(?:=(.*))?", re.DOTALL)
_COMMENTS = ("#", "//")
MAX_BYTES = 1_000_000  # of a file: more is a film or a device such as /dev/zero
# What an editor may put in front of a text. That of UTF-32 begins like that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}


def expand(words: Sequence[str]) -> list[str]:
    """Returns the words of a command line with flag files replaced by their lines.

    Raises:
        InputError: If a file cannot be read, is no text or includes itself.
    """
    found, rest = [], iter(words)
    for word in rest:
        match = _FLAG.fullmatch(word)
        if word == "--":  # what follows is no flag
            found += [word, *rest]
        elif match:
            path = match[1] if match[1] is not None else next(rest, "")
            found += _lines(path, ())
        else:
            found.append(word)
    return found


def _lines(path: str, above: tuple[str, ...]) -> Iterator[str]:
    """Yields the lines of a file; `above` are the files that include it."""
    if not path:
        raise InputError("--flagfile is empty; give a file or leave it out.")
    try:
        path = expanded(path)
        if path in above:
            raise InputError(f"flagfile `{path}` includes itself; take that line out.")
        with open(path, "rb") as file:
            text = _decoded(file.read(MAX_BYTES + 1), path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"flagfile `{path}` cannot be read: {reason}; name another file."
        ) from error
    for line in map(str.strip, re.split("\r\n?|\n", text)):
        match = _FLAG.fullmatch(line)
        if match:
            yield from _lines(match[1] or "", (*above, path))
        elif line and not line.startswith(_COMMENTS):
            yield line


def _decoded(data: bytes, path: str) -> str:
    """Returns the text of a file, by the mark at its start, else as UTF-8."""
    marked = (each for mark, each in _MARKS.items() if data.startswith(mark))
    encoding = next(marked, "utf-8")
    # On Linux the name of a file may be any bytes, so a line may hold them as well.
    errors = "strict" if os.name == "nt" else "surrogateescape"
    wrong = InputError(f"flagfile `{path}` is no text; save it as UTF-8.")
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise wrong from error
    if "\0" in text or len(data) > MAX_BYTES:
        raise wrong
    return text
