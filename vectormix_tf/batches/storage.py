"""Storage: folders and parts of buckets, for inputs and outputs of batches.

A file of a storage is there whole or not at all.
"""

import contextlib
import fnmatch
import functools
import glob
import hashlib
import os
import re
from collections.abc import Iterator

from vectormix_tf.errors import InputError, OutputError, ServerError
from vectormix_tf.io import buckets, output
from vectormix_tf.io.fingerprint import sha256
from vectormix_tf.io.names import is_hidden


class Storage:
    """Files by name, in a folder or below a prefix of a bucket.

    Names have slashes between their parts.
    """

    def __init__(self, address: str):
        """Opens a storage; nothing is written.

        Args:
            address: Path of a folder, which need not exist, or s3://BUCKET[/PREFIX].

        Raises:
            InputError: If it is none of these, or obstore is missing.
        """
        self.address = address.rstrip("/") or address
        self._bucket = None
        if buckets.is_address(address):
            self._bucket = _bucket(self.address)
        elif os.path.lexists(address) and not os.path.isdir(address):
            raise InputError(f"output `{address}` is a file; name a folder.")

    def where(self, name: str) -> str:
        """Returns the path or the address of a file."""
        if self._bucket is not None:
            return f"{self.address}/{name}"
        return os.path.join(self.address, *name.split("/"))

    def names(self, prefix: str = "") -> set[str]:
        """Returns the names of all files that begin with a text.

        Raises:
            InputError, ServerError: If a bucket is not there, or does not answer.
        """
        if self._bucket is not None:
            with _told(self.address):
                batches = self._bucket.list()
                found = {each["path"] for batch in batches for each in batch}
        else:
            found = self._files()
        return {name for name in found if name.startswith(prefix)}

    def _files(self) -> Iterator[str]:
        for folder, _, files in os.walk(self.address):
            inner = os.path.relpath(folder, self.address)
            parts = [] if inner == os.curdir else inner.split(os.sep)
            yield from ("/".join([*parts, file]) for file in files)

    def get(self, name: str) -> bytes:
        """Returns the content of a file.

        Raises:
            InputError: If it is not there, or cannot be read.
        """
        return read(self.where(name))

    def put(self, name: str, data: bytes) -> None:
        """Writes a file; one of this name is replaced.

        Raises:
            OutputError: If that fails, e.g. on a full disk.
            InputError, ServerError: If a bucket is not there, or does not answer.
        """
        path = self.where(name)
        if self._bucket is not None:
            with _told(self.address):
                self._bucket.put(name, data, use_multipart=False)
            return
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"could not make the folder of `{path}`: {error.strerror or error}."
            ) from error
        output.write_bytes(path, data, overwrite=True)

    def delete(self, name: str) -> None:
        """Deletes a file, and folders that are empty then; there may be none."""
        if self._bucket is not None:
            with contextlib.suppress(InputError, ServerError), _told(self.address):
                self._bucket.delete(name)
            return
        with contextlib.suppress(OSError):
            os.unlink(self.where(name))
            for depth in range(name.count("/"), 0, -1):
                os.rmdir(self.where("/".join(name.split("/")[:depth])))


# --- Reading --------------------------------------------------------------------------


def read(path: str) -> bytes:
    """Returns the content of a file or of an object.

    Raises:
        InputError: If it is not there, or cannot be read.
    """
    if buckets.is_address(path):
        bucket, key = _object(path)
        with _told(path):
            return bytes(bucket.get(key).bytes())
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(
            f"`{path}` cannot be read: {error.strerror or error}."
        ) from error


def digest(path: str) -> str:
    """Returns the SHA-256 of a file, an object, or the files of a folder.

    Raises:
        InputError: If it is not there, or cannot be read.
    """
    if buckets.is_address(path):
        return hashlib.sha256(read(path)).hexdigest()
    if os.path.isdir(path):
        names = sorted(name for name in os.listdir(path) if not is_hidden(name))
        files = [os.path.join(path, name) for name in names]
        parts = [sha256(file) for file in files if os.path.isfile(file)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()
    return sha256(path)


def find(pattern: str) -> list[str]:
    """Returns the paths or addresses that a pattern means, in order.

    Args:
        pattern: With *, ? and [...]; of an object store, s3://BUCKET/PREFIX/*.jpg.

    Raises:
        InputError: If it means none.
    """
    if buckets.is_address(pattern):
        store = Storage(re.split(r"[*?[]", pattern)[0].rpartition("/")[0])
        found = [store.where(name) for name in store.names()]
        found = [path for path in found if fnmatch.fnmatchcase(path, pattern)]
    else:
        found = [
            path
            for path in glob.glob(pattern, recursive=True)
            if os.path.isfile(path) and not is_hidden(path)
        ]
    if not found:
        raise InputError(f"`{pattern}` names no file; check it, and quote its *.")
    return sorted(found)


@functools.cache
def _bucket(address: str):
    parts = buckets.split(address)
    if parts is None:
        raise InputError(
            f"`{address}` is neither a path nor s3://BUCKET/PREFIX; name one of them."
        )
    try:
        return buckets.connect(*parts)
    except ImportError as error:
        raise InputError(
            "an object store needs obstore: pip install 'vectormix_tf[cluster]', which"
            " has it."
        ) from error


def _object(address: str):
    """Returns the bucket of an object, and its key."""
    parts = buckets.split(address)
    if parts is None or not parts[1]:
        raise InputError(f"`{address}` is no s3://BUCKET/KEY.")
    return _bucket(f"{buckets.SCHEME}{parts[0]}"), parts[1]


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    """Turns errors of obstore into one line.

    Raises:
        InputError: If there is no such object or bucket.
        ServerError: If the store does not answer, or refuses.
    """
    from obstore import exceptions

    try:
        yield
    except (exceptions.BaseError, OSError) as error:
        text = f"`{address}`: {buckets.reason(error)}"
        missing = isinstance(error, exceptions.NotFoundError | FileNotFoundError)
        if missing or buckets.NO_BUCKET in str(error):
            raise InputError(text) from error
        raise ServerError("UNAVAILABLE", text) from error
