"""Ballots: blind votes between two ways of mixing, made of the same pictures.

A ballot is a folder of numbered sheets and a page that collects votes on them. On which
side of a sheet each way is, is drawn by lot, and stands in a key beside the folder: so
the folder can be handed to voters as it is. `votes` counts what they send back.
"""

import functools
import hashlib
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.io import images, output, records, sheets, target
from vectormix_tf.io.completion import complete
from vectormix_tf.io.series import check_folder

LEFT, RIGHT = "LEFT", "RIGHT"
SMALL, LARGE = 300, 720  # pixels; long sides of pictures on a sheet: HD screens show it
COLUMNS = ("content", "style", "name A", "picture A", "name B", "picture B")
PAGE, KEY_ENDING = "ballot.html", ".key.json"
FORMAT = 1  # to be increased when the content of the key changes
MARK_LENGTH = 12  # hexadecimal digits by which a ballot is known
_OWN_FILES = re.compile(rf"\d{{2,}}\.png|{re.escape(PAGE)}")
_TEMPLATE = Path(__file__).with_name(PAGE)


class Pair(NamedTuple):
    """One row of a file of rows: a photograph, a painting, and two mixes of them.

    Attributes:
        label: What errors call it.
        content: Path of the photograph.
        style: Path of the painting.
        names: Of the two ways of mixing.
        mixes: Paths of the two mixes.
    """

    label: str
    content: str
    style: str
    names: tuple[str, str]
    mixes: tuple[str, str]

    @property
    def paths(self) -> list[str]:
        """All pictures."""
        return [self.content, self.style, *self.mixes]

    def swapped(self) -> "Pair":
        """The pair in the other order."""
        return self._replace(names=self.names[::-1], mixes=self.mixes[::-1])


def read_text(path: str, what: str) -> str:
    """Reads a text file in UTF-8.

    Args:
        path: The file.
        what: What errors call it.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return Path(path).read_text("utf-8-sig")  # as Windows' Notepad may write it
    except FileNotFoundError as error:
        remedy = "does not exist; check its name and folder."
        raise InputError(f"{what} `{path}` {remedy}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{what} `{path}` is no text in UTF-8; save it as such."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{what} `{path}` cannot be read: {reason}.") from error


def read_rows(path: str) -> list[Pair]:
    """Reads a file of rows, in each of them `COLUMNS`, separated by tabs.

    Args:
        path: The file; paths in it are relative to its folder. Empty lines are skipped.

    Raises:
        InputError: If it cannot be read, or a row is not as it must be.
    """
    folder, pairs = os.path.dirname(path), []
    for number, line in enumerate(read_text(path, "file").splitlines(), start=1):
        if line.strip():
            pairs.append(_parse_row(line, folder, f"`{path}`, line {number}"))
    if not pairs:
        raise InputError(f"`{path}` has no row; each has {_columns()}.")
    return pairs


def _parse_row(line: str, folder: str, label: str) -> Pair:
    cells = [cell.strip() for cell in line.split("\t")]
    if len(cells) != len(COLUMNS):
        raise InputError(f"{label} has {len(cells)} columns; a row has {_columns()}.")
    empty = [name for name, cell in zip(COLUMNS, cells, strict=True) if not cell]
    if empty:
        raise InputError(f"{label}: the column {empty[0]} is empty; fill it in.")
    content, style, first, one, second, other = cells
    if first == second:
        raise InputError(
            f"{label}: both pictures have the name {first!r}; give each way of mixing"
            " a name of its own."
        )
    paths = [os.path.join(folder, cell) for cell in (content, style, one, other)]
    if target.is_same_file(*paths[2:]):
        raise InputError(f"{label}: both pictures are `{one}`; name another one.")
    return Pair(label, *paths[:2], (first, second), (paths[2], paths[3]))


def _columns() -> str:
    return f"{len(COLUMNS)} columns, separated by tabs: {', '.join(COLUMNS)}"


def draw(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    """Returns pairs in an order, and each with its sides, that are drawn by lot.

    The lot depends on the pairs too: with one seed for all, whoever votes often would
    come to know the sides.
    """
    names = [[*map(os.path.basename, pair.paths), *pair.names] for pair in pairs]
    lot = random.Random(json.dumps([seed, names]))
    drawn = [pair.swapped() if lot.random() < 0.5 else pair for pair in pairs]
    lot.shuffle(drawn)
    return drawn


def key_path(folder: str) -> str:
    """Returns the path of the key of a ballot."""
    return os.path.normpath(folder) + KEY_ENDING


def check(folder: str, pairs: Sequence[Pair], rows: str, overwrite: bool) -> None:
    """Checks, before any work, that a ballot can be written.

    Args:
        folder: As of `write`.
        pairs: As of `write`.
        rows: Path of the file that they were read from.
        overwrite: As of `write`.

    Raises:
        InputError: If it cannot, or an earlier ballot or another file is there.
    """
    inputs = [rows, *(path for pair in pairs for path in pair.paths)]
    label = f"output `{folder}`"
    if os.path.basename(os.path.normpath(folder)) in ("", os.curdir, os.pardir):
        raise InputError(f"{label} is no name of a new folder; name one.")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    check_folder(folder, names, inputs)
    others = [name for name in names if not _OWN_FILES.fullmatch(name)]
    if others:
        raise InputError(
            f"{label} has other files than those of a ballot, such as"
            f" `{os.path.join(folder, others[0])}`; name another folder."
        )
    if names and not overwrite:
        raise InputError(f"{label} exists; name another folder or set `overwrite`.")
    output.check_path(key_path(folder), inputs, overwrite, "key")


def write(
    folder: str,
    pairs: Sequence[Pair],
    overwrite: bool = False,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Writes a ballot; if that fails, nothing is changed.

    Args:
        folder: The folder to write.
        pairs: From `draw`: the first name of each is at the left.
        overwrite: Whether to replace a ballot that is there, and its key.
        max_pixels: Largest H * W of a picture; a larger file is not decoded.

    Raises:
        InputError: If a picture cannot be read.
        OutputError: If writing fails, e.g. on a full disk.
    """
    final = target.follow(os.path.normpath(folder))
    hidden = target.hidden_in(os.path.dirname(final))
    try:
        os.mkdir(hidden)
        mark, names = hashlib.sha256(), []
        for number, pair in enumerate(pairs, start=1):
            names.append(f"{number:0{max(2, len(str(len(pairs))))}}.png")
            data = sheets.encode(_sheet(pair, max_pixels), ".png")
            output.write_bytes(os.path.join(hidden, names[-1]), data)
            mark.update(data)
        ballot = mark.hexdigest()[:MARK_LENGTH]
        page = _page(ballot, names).encode()
        output.write_bytes(os.path.join(hidden, PAGE), page)
        key = {
            "format": FORMAT,
            "ballot": ballot,
            "sheets": {
                str(number): dict(zip((LEFT, RIGHT), pair.names, strict=True))
                for number, pair in enumerate(pairs, start=1)
            },
        }
        keep = functools.partial(output.write_bytes, key_path(folder))
        keep_key = functools.partial(keep, records.encode(key), overwrite)
        complete(_publish, hidden, final, keep_key)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"could not write `{folder}`: {reason}; choose another folder."
        ) from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _publish(hidden: str, final: str, keep_key: Callable[[], None]) -> None:
    """Gives a folder its name, and writes its key: both or neither.

    A folder that has the name gets the hidden one, under which it will be removed.
    """
    aside = target.hidden_in(os.path.dirname(final))
    replaced = os.path.lexists(final)
    if replaced:
        os.rename(final, aside)
    try:
        os.rename(hidden, final)
        try:
            keep_key()
        except BaseException:
            os.rename(final, hidden)
            raise
    except BaseException:
        if replaced:
            os.rename(aside, final)
        raise
    if replaced:
        os.rename(aside, hidden)


def _sheet(pair: Pair, max_pixels: int) -> Image.Image:
    """Returns a sheet: photograph and painting small, then both mixes large."""
    fitted = functools.partial(_fitted, max_pixels=max_pixels)
    photograph = fitted(pair.content, SMALL, f"{pair.label}: content picture")
    painting = fitted(pair.style, SMALL, f"{pair.label}: style picture")
    mixes = [fitted(path, LARGE, f"{pair.label}: picture") for path in pair.mixes]
    both = sheets.compose([[photograph], [painting]], ["", ""], [""])
    return sheets.compose([[both, *mixes]], [""], ["", LEFT, RIGHT])


def _fitted(path: str, side: int, what: str, max_pixels: int) -> Image.Image:
    picture = images.read(path, max_pixels, what)
    size = images.fitted_size(*picture.pixels.shape[1:3], side)
    small = images.fit(picture, size)
    return output.as_pillow(small.pixels, small.transparency)


def _page(ballot: str, names: Sequence[str]) -> str:
    """Returns the page; nothing in it tells which side is which."""
    data = json.dumps({"ballot": ballot, "sheets": list(names)})
    links = "".join(f'<li><a href="{name}">{name}</a></li>\n' for name in names)
    text = _TEMPLATE.read_text("utf-8")
    return text.replace("{data}", data).replace("{links}", links)
