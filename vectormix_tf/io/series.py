"""Series: a folder of pictures that an interrupted command can complete later.

`series.json` in the folder records the settings and the SHA-256 of each picture. A
checksum is recorded *before* its picture is written. So whenever a run is killed, the
next one recognizes its own files, makes missing and damaged pictures again, and never
takes a file of another origin for a picture of the series.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.io import output, records, target
from vectormix_tf.io.fingerprint import check_same, fingerprint, json_round_trip, sha256
from vectormix_tf.io.names import readable

MANIFEST = "series.json"
FORMAT = 1  # to be increased when the content of the manifest changes

_OTHERWISE = "name another `output` or set `overwrite` to start again"


class Series:
    """A folder of pictures with a manifest; nothing is written before `begin`.

    The first picture begins it, so that a mistake which is found until then leaves no
    folder behind, and with `overwrite` loses nothing that is there.

    Attributes:
        folder: Path of the folder.
        names: File names of all pictures in order, whether they exist yet or not.
    """

    def __init__(
        self,
        folder: str,
        command: str,
        about: Mapping[str, Any],
        items: Mapping[str, Mapping[str, Any]],
        inputs: Iterable[str],
        overwrite: bool = False,
    ):
        """Reads the manifest of the folder, if there is one.

        Args:
            folder: Path of the folder; only its parent must exist.
            command: Name of the command, e.g. "sweep".
            about: What all pictures have in common, e.g. their number.
            items: `{file name: settings of that picture}`.
            inputs: Paths of all files that are read.
            overwrite: Whether to replace what is there instead of completing it.

        Raises:
            InputError: If the folder cannot be used, holds a series with other
                settings, or holds other files with these names.
        """
        inputs = list(inputs)
        self.folder, self.names = folder, list(items)
        check_folder(folder, [MANIFEST, *self.names], inputs)
        self._about = fingerprint(command, about, {path: path for path in inputs})
        self._items = json_round_trip(items)
        self._sums, self._products, self._done = {}, {}, set()
        then = self._read(overwrite)
        self._stale, self._begun = [], False
        if overwrite:
            self._stale = [*self.names, *(then["pictures"] if then else [])]
            check_folder(folder, self._stale, inputs)
            return
        if then:
            self._continue(then)
        self._check_other_files()

    def path(self, name: str) -> str:
        """Returns the path of a picture."""
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        """Whether a picture of this series exists, undamaged."""
        return name in self._done

    def owns(self, path: str) -> bool:
        """Whether a file was written by `write_product` of this series."""
        sums = self._products.get(_product(path), [])
        return os.path.isfile(path) and sha256(path) in sums

    def begin(self) -> None:
        """Creates the folder and the manifest; with `overwrite` removes old pictures.

        Raises:
            OutputError: If that fails, e.g. on a full disk.
        """
        try:
            os.makedirs(self.folder, exist_ok=True)
            for name in self._stale:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path(name))
            self._stale, self._begun = [], True
        except OSError as error:
            raise OutputError(
                f"could not prepare `{self.folder}`: {error.strerror or error}; choose"
                " another folder."
            ) from error
        self._write()

    def add(self, name: str, data: bytes) -> None:
        """Writes a picture atomically; the first one begins the series.

        Args:
            name: Its file name, one of `names`.
            data: Content of the file.

        Raises:
            OutputError: If writing fails, e.g. on a full disk.
        """
        if not self._begun:
            self.begin()
        self._sums[name] = hashlib.sha256(data).hexdigest()
        self._write()
        output.write_bytes(self.path(name), data, overwrite=True)
        self._done.add(name)

    def remove(self, *others: str) -> None:
        """Removes its pictures, its manifest and others of its files, and the folder.

        What else is in the folder stays, and then the folder does.
        """
        for name in (*self.names, *others, MANIFEST):
            with contextlib.suppress(OSError):
                os.unlink(self.path(name))
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)

    def write_product(self, path: str, data: bytes) -> None:
        """Writes a file made from these pictures, e.g. a film; replaces an older one.

        Args:
            path: The file, usually outside the folder.
            data: Its content.

        Raises:
            OutputError: If writing fails, e.g. on a full disk.
        """
        if not self._begun:
            self.begin()
        before = [sha256(path)] if os.path.isfile(path) else []
        now = hashlib.sha256(data).hexdigest()
        self._products[_product(path)] = [*before, now]
        self._write()
        output.write_bytes(path, data, overwrite=True)

    # --- The manifest -----------------------------------------------------------------

    def _write(self) -> None:
        common = _common(self._items.values())
        pictures = {
            name: {
                "settings": {k: v for k, v in settings.items() if k not in common},
                "sha256": self._sums.get(name),
            }
            for name, settings in self._items.items()
        }
        record = {"format": FORMAT, **self._about, "common": common}
        record |= {"pictures": pictures, "products": self._products}
        data = records.encode(record)
        output.write_bytes(self.path(MANIFEST), data, overwrite=True)

    def _read(self, overwrite: bool) -> dict | None:
        """Returns the manifest, or None if there is none."""
        try:
            with open(self.path(MANIFEST), "rb") as file:
                return _checked(json.loads(file.read()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if overwrite:
                return None
            raise InputError(
                f"`{self.path(MANIFEST)}` is no manifest of this version; {_OTHERWISE}."
            ) from error

    def _continue(self, then: dict) -> None:
        """Takes over the pictures of a manifest, if it is of the same run."""
        old = {
            name: then["common"] | picture["settings"]
            for name, picture in then["pictures"].items()
        }
        # A picture that both series have shows which setting differs.
        names = sorted(self.names, key=lambda name: name not in old)
        first = next((n for n in names if old.get(n) != self._items[n]), None)
        check_same(
            f"`{self.folder}`",
            then | {"settings": then["settings"] | old.get(first, {})},
            self._about
            | {"settings": self._about["settings"] | self._items.get(first, {})},
            _OTHERWISE,
        )
        sums = {name: picture["sha256"] for name, picture in then["pictures"].items()}
        self._sums = {name: value for name, value in sums.items() if value}
        self._products = then["products"]
        self._done = {
            name
            for name, value in self._sums.items()
            if os.path.isfile(self.path(name)) and sha256(self.path(name)) == value
        }

    def _check_other_files(self) -> None:
        """Refuses to replace files that are not recorded in the manifest."""
        for name in self.names:
            if os.path.lexists(self.path(name)) and name not in self._sums:
                raise InputError(
                    f"`{self.path(name)}` exists and is not part of this series;"
                    f" {_OTHERWISE}."
                )


def check_folder(folder: str, names: list[str], inputs: list[str]) -> None:
    """Checks that files can be written to a folder, which need not exist.

    Args:
        folder: Path of the folder.
        names: Names of the files.
        inputs: Paths that are read and must not be among them.

    Raises:
        InputError: If that is not so.
    """
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            state = "is a file" if os.path.isfile(folder) else "is no folder"
            raise InputError(f"output `{folder}` {state}; name a folder.")
        output.check_path(folder)
        return
    for name in names:
        output.check_file(os.path.join(folder, name), inputs, overwrite=True)
    target.check_writable(folder, f"output `{folder}`")


def _product(path: str) -> str:
    """Returns the name by which the manifest knows a product."""
    return readable(os.path.basename(path))


def _checked(record: dict) -> dict:
    """Returns a manifest unchanged, or raises if this version did not write it.

    Raises:
        ValueError: If the format or a name is wrong.
        KeyError, TypeError, AttributeError: If a part is missing or of another type.
    """
    names = record["pictures"]
    if record["format"] != FORMAT or any(n != os.path.basename(n) for n in names):
        raise ValueError
    for part in ("command", "settings", "inputs", "versions", "common", "products"):
        record[part].items()
    for picture in names.values():
        picture["settings"].items()
        picture["sha256"] = picture["sha256"] and str(picture["sha256"])
    return record


def _common(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the settings that are equal in all pictures."""
    first, *others = items
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }
