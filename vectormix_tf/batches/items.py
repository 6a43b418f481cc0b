"""Items of a batch: a picture or a film each, as a command with its flags."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

import vectormix_tf
from vectormix_tf.batches import storage
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings, Key, check_keys
from vectormix_tf.config.mix import MixSettings, split_weights
from vectormix_tf.config.setting import named_files, settings_of
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError, check_choice, check_integer, close_names
from vectormix_tf.io import clips, output, records, video
from vectormix_tf.io.fingerprint import version
from vectormix_tf.io.names import readable

# The pictures of each command; those that it needs come first.
PICTURES: Mapping[str, tuple[str, ...]] = {
    "mix": ("content", "style", "mask", "style_mask", "guide"),
    "dream": ("image", "guide", "mask"),
    "film": ("video", "style", "mask", "guide"),
}
SEVERAL = ("style", "style_mask")  # pictures of which there may be many
# What a film has besides, and its values by default.
OF_FILMS: Mapping[str, Any] = {"dream": False, "key": (), "every": 1, "fps": clips.FPS}
FILM = ".mp4"
DIGITS = 16  # of a key: hexadecimal
LONGEST = 80  # letters of the name that stands before the key
Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Item:
    """A picture or a film that is to be made.

    Attributes:
        command: mix, dream or film.
        settings: All settings of it.
        pictures: {argument: path or address, or several; those that are not given are
            left out}.
        others: What a film has besides; see `OF_FILMS`. Empty for the others.
        name: What its file is called, before its key.
        ending: Of its file, such as .png.
    """

    command: str
    settings: Settings
    pictures: Mapping[str, str | tuple[str, ...]]
    others: Mapping[str, Any]
    name: str
    ending: str

    @property
    def affinity(self) -> tuple[str, ...]:
        """What it has in common with those for which a worker is warm after it.

        The same graph and the same targets: those of the styles, in the same settings.
        """
        content = PICTURES[self.command][0]
        styles = {name: p for name, p in self.pictures.items() if name != content}
        return self.command, repr(self.settings), repr(styles)

    def key(self, digest: Callable[[str], str]) -> str:
        """Returns what tells it from all that would have other bytes.

        Args:
            digest: Path or address -> SHA-256 of its content.

        Raises:
            InputError: If a file cannot be read.
        """
        versions = {name: version(name) for name in ("tensorflow", "keras", "numpy")}
        record = {
            "command": self.command,
            "settings": dataclasses.asdict(self.settings),
            "files": {
                name: digest(path) for name, path in named_files(self.settings).items()
            },
            "pictures": {
                name: [digest(path) for path in ([p] if isinstance(p, str) else p)]
                for name, p in self.pictures.items()
            },
            "others": dict(self.others),
            "ending": self.ending,
            "versions": versions | {"vectormix_tf": vectormix_tf.__version__},
        }
        return hashlib.sha256(records.encode(record)).hexdigest()[:DIGITS]


def plain(record: Any) -> Record:
    """Returns a record as JSON has it: of texts, numbers, lists and objects.

    Raises:
        InputError: If something in it is none of these, nor a path.
    """

    def convert(value):
        return value.item() if isinstance(value, np.generic) else os.fspath(value)

    try:
        return json.loads(json.dumps(record, default=convert, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"an item is of texts, numbers and paths; received {record!r}: {error}."
        ) from error


def parse(record: Record) -> Item:
    """Returns the item of a record.

    Args:
        record: `command` (mix, dream or film; mix by default), the flags of that
            command by their names, and `output`: name and ending of the file.

    Raises:
        InputError: If it is none.
    """
    if not isinstance(record, Mapping):
        raise InputError(f"an item must be an object {{...}}; received {record!r}.")
    values = {name: value for name, value in record.items() if value is not None}
    command = values.pop("command", "mix")
    check_choice("command", command, PICTURES)
    given = values.pop("output", None)
    others = {}
    if command == "film":
        others = {name: values.pop(name, each) for name, each in OF_FILMS.items()}
        others["key"] = list(others["key"])
    pictures, weights = _pictures(command, values, others)
    settings = _settings(command, values, weights, pictures, others)
    name, ending = _name(given, pictures, FILM if command == "film" else ".png")
    known = video.FORMATS if command == "film" else output.FORMATS
    check_choice("output", ending, known)
    return Item(command, settings, pictures, others, name, ending)


def _pictures(command, values, others) -> tuple[dict[str, Any], list[float]]:
    """Takes the pictures out of a record's values; and returns weights of styles."""
    pictures: dict[str, Any] = {}
    for name in PICTURES[command]:
        value = values.pop(name, None)
        if value is None or value == []:
            continue
        paths = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(path, str | os.PathLike) and path for path in paths):
            raise InputError(f"`{name}` must be the path of a file, not {value!r}.")
        if len(paths) > 1 and name not in SEVERAL:
            raise InputError(f"`{name}` is one picture; received {len(paths)}.")
        paths = tuple(os.fspath(path) for path in paths)
        pictures[name] = paths if name in SEVERAL else paths[0]
    needed = {"mix": ("style", "content"), "dream": ("image",), "film": ("video",)}
    if not any(name in pictures for name in needed[command]):
        raise InputError(f"a {command} needs `{needed[command][0]}`.")
    if command == "film" and bool(others["dream"]) == ("style" in pictures):
        raise InputError("a film needs `style`, or `dream` in its place.")
    if command == "film" and "guide" in pictures and not others["dream"]:
        raise InputError("`guide` is of a film with `dream`; leave it out.")
    weights: list[float] = []
    if "style" in pictures:
        paths, weights = split_weights(pictures["style"])
        pictures["style"] = tuple(paths)
    return pictures, weights


def _settings(command, values, weights, pictures, others) -> Settings:
    kind: Any = {"mix": MixSettings, "dream": DreamSettings, "film": FilmSettings}
    kind = DreamFilmSettings if others.get("dream") else kind[command]
    known = settings_of(kind)
    for name in values:
        if name not in known:
            names = [*known, *PICTURES[command], *others, "command", "output"]
            what = close_names(name, names)
            raise InputError(f"`{name}` is no flag of {command}: {what}")
    if weights:
        values["style_weights"] = weights
    if not issubclass(kind, MixSettings):
        settings = kind(**values)
    else:
        count = len(pictures.get("style", ()))
        settings = kind.of(values, command == "film" or "content" in pictures, count)
        keys = [Key.parse(key) for key in others.get("key", ())]
        check_keys(keys, settings, count)
    if others:
        check_integer("every", others["every"], 1, 1_000_000)
        video.check_fps(others["fps"])
        if others["dream"] and others["key"]:
            raise InputError("`key` is not of a film with `dream`; leave it out.")
    return settings


def _name(given, pictures, ending) -> tuple[str, str]:
    """Returns name and ending of a file."""
    if given is not None:
        if not isinstance(given, str) or os.path.basename(given) != given:
            raise InputError(f"`output` must be the name of a file, not {given!r}.")
        stem, ending = os.path.splitext(given)
        return stem, ending.lower()
    first, *rest = pictures.values()
    styles = rest[0] if rest and isinstance(rest[0], tuple) else ()
    return _stems([*([first] if isinstance(first, str) else first), *styles]), ending


def _stems(paths: Iterable[str]) -> str:
    """Names of files without folder and ending, as one name."""
    stems = (os.path.splitext(os.path.basename(path))[0] for path in paths)
    return re.sub(r"[^\w.-]", "_", readable("-".join(stems)))[:LONGEST]


# --- Where records come from ----------------------------------------------------------


def read_lines(path: str) -> list[Record | InputError]:
    """Returns the records of a file with a JSON object in each line.

    Returns:
        For a line that is none, the error.

    Raises:
        InputError: If the file cannot be read, or has no line.
    """
    found: list[Record | InputError] = []
    try:
        text = storage.read(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"`{path}` is no text in UTF-8.") from error
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(json.loads(line))
        except ValueError as error:
            found.append(InputError(f"line {number} of `{path}` is no JSON: {error}."))
    if not found:
        raise InputError(f"`{path}` has no item; write a JSON object in each line.")
    return found


def pairs(
    contents: Sequence[str],
    styles: Sequence[str],
    options: Mapping[str, Any],
    ending: str,
) -> list[Record]:
    """Returns a mix of each content with each style, style by style.

    Args:
        contents: Paths or addresses.
        styles: Paths or addresses.
        options: Settings of all of them.
        ending: Of their files, such as .png.
    """
    return [
        {
            "content": content,
            "style": [style],
            "output": f"{_stems([content, style])}{ending}",
            **options,
        }
        for style in styles
        for content in contents
    ]
