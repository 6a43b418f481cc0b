"""Series: pictures in a folder, made one after another; the same command goes on.

`series.json` beside them says what they are made with. It names a picture with its
SHA-256 *before* that is written: so at whatever moment a run is killed, all that is
there is known, what is half or damaged is made again, and a file of somebody else is
never taken for one of them.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from vectormix_tf.errors import InputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import as_json, check_same, fingerprint, sha256

MANIFEST = "series.json"
FORMAT = 1  # goes up when what a manifest holds changes

_OTHERWISE = "name another --output or add --overwrite to start anew"


class Series:
    """Pictures in a folder with a manifest; nothing is written before `begin`.

    Attributes:
        folder: Where they are.
        names: Of all their files, in order, whether there already or not.
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
        """Looks at what is there.

        Args:
            folder: Where the pictures are or shall be; its parent must exist.
            command: Such as "sweep".
            about: What all of them have in common, e.g. how many there are.
            items: `{file name: settings of that picture}`.
            inputs: Paths of all files that are read.
            overwrite: Whether to start anew.

        Raises:
            InputError: If the folder cannot be used, or holds another series or other
                files of these names; one line says which, and what differs.
        """
        inputs = list(inputs)
        self.folder, self.names = folder, list(items)
        check_folder(folder, [MANIFEST, *self.names], inputs)
        self._about = fingerprint(command, about, {path: path for path in inputs})
        self._items = as_json(items)
        self._sums, self._products, self._done = {}, {}, set()
        then = self._read(overwrite)
        self._stale = []
        if overwrite:
            self._stale = [*self.names, *(then["pictures"] if then else [])]
            check_folder(folder, self._stale, inputs)
            return
        if then:
            self._go_on(then)
        self._check_strangers()

    def path(self, name: str) -> str:
        """Of one of the pictures."""
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        """Whether a picture is there, whole, and of this series."""
        return name in self._done

    def owns(self, path: str) -> bool:
        """Whether a file outside the folder was made of these pictures."""
        known = self._products.get(os.path.basename(path), [])
        return os.path.isfile(path) and sha256(path) in known

    def begin(self) -> None:
        """Makes the folder; a series that starts anew clears away the one before."""
        os.makedirs(self.folder, exist_ok=True)
        for name in self._stale:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(name))
        self._write()

    def add(self, name: str, data: bytes) -> None:
        """Writes a picture, whole or not at all."""
        self._sums[name] = hashlib.sha256(data).hexdigest()
        self._write()
        output.write_bytes(self.path(name), data, overwrite=True)
        self._done.add(name)

    def write_product(self, path: str, data: bytes) -> None:
        """Writes a file that is made of these pictures, in place of the one before."""
        before = [sha256(path)] if os.path.isfile(path) else []
        now = hashlib.sha256(data).hexdigest()
        self._products[os.path.basename(path)] = [*before, now]
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
        data = json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"
        output.write_bytes(self.path(MANIFEST), data, overwrite=True)

    def _read(self, overwrite: bool) -> dict | None:
        """Returns the manifest, or None where there is none."""
        try:
            with open(self.path(MANIFEST), "rb") as file:
                return _checked(json.loads(file.read()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if overwrite:
                return None
            raise InputError(
                f"`{self.path(MANIFEST)}` is no manifest that this version reads;"
                f" {_OTHERWISE}."
            ) from error

    def _go_on(self, then: dict) -> None:
        """Takes over what is there, if it is of the same run."""
        old = {
            name: then["common"] | picture["settings"]
            for name, picture in then["pictures"].items()
        }
        # Those that both have tell more.
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

    def _check_strangers(self) -> None:
        for name in self.names:
            if os.path.lexists(self.path(name)) and name not in self._sums:
                raise InputError(
                    f"`{self.path(name)}` exists and is not of this series;"
                    f" {_OTHERWISE}."
                )


def check_folder(folder: str, names: list[str], inputs: list[str]) -> None:
    """Refuses a folder in which files of these names cannot or must not be written."""
    if not os.path.isdir(folder):
        if os.path.lexists(folder):
            raise InputError(f"output `{folder}` is a file; name a folder.")
        output.check_path(folder)
        return
    for name in names:
        output.check_path(os.path.join(folder, name), inputs, overwrite=True)


def _checked(record: dict) -> dict:
    """Refuses what this version has not written, with any of these errors."""
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
    """The settings in which all pictures agree."""
    first, *others = items
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }
