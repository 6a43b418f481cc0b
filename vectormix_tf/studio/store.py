"""The store: objects by key in a folder or a bucket, whole or not at all.

Keys are `u/USER/RANDOM`: they tell nothing but whose bytes they are, and two objects
never share one. An object is never written twice, so a key means the same for ever.
"""

import contextlib
import os
import pathlib
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from typing import Any

from vectormix_tf.errors import InputError
from vectormix_tf.io import buckets
from vectormix_tf.studio.errors import MissingObject, Unavailable

KEY = re.compile(r"u/[\w-]{1,64}/[\w-]{22,64}", re.ASCII)
KEY_BYTES = 18  # 144 bits
PROBE_SECONDS = 5.0  # for which a successful probe is believed
FREE_BYTES = 200_000_000  # of a folder's disk that are left to running jobs
RETRIES = buckets.RETRIES
PROBE = "probe"
MARK = ".vectormix-store"  # in a folder that is a store


def new_key(user: str) -> str:
    """A key for bytes of a person."""
    return f"u/{user}/{secrets.token_urlsafe(KEY_BYTES)}"


class Store:
    """Objects by key; many threads may use it.

    Args:
        address: Path of a folder, which is made, or `s3://BUCKET[/PREFIX]`, which is
            reached as AWS's environment variables say (`AWS_ACCESS_KEY_ID`,
            `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`).
        free_bytes: A folder counts as full when its disk has fewer left.
        make: Whether a folder that is not there is made. Where it may be a disk that is
            not mounted yet, it must not be: objects would be missed, and written to
            the place that the disk then covers.

    Raises:
        InputError: If the address is none of these.
        Unavailable: If the folder cannot be made, or is not there.
    """

    def __init__(self, address: str, free_bytes: int = FREE_BYTES, make: bool = True):
        self.address = address
        self._free, self._make = free_bytes, make
        self._folder: pathlib.Path | None = None
        self._probed = -PROBE_SECONDS
        self._probing = threading.Lock()
        with _told(address):
            self._store = self._open()

    def put(self, key: str, data: bytes) -> None:
        """Writes an object; when it returns, the bytes are safe."""
        with _told(self.address):
            self._check_there()
            _put(self._store, _checked(key), data)
            if self._folder is not None:
                _sync(self._folder / key, self._folder)
            self._check_there()

    def get(self, key: str) -> bytes:
        """Returns the bytes of an object.

        Raises:
            MissingObject: If there is none.
        """
        with self._finding(key):
            return bytes(self._store.get(_checked(key)).bytes())

    def size(self, key: str) -> int | None:
        """Bytes of an object; None if there is none."""
        try:
            with self._finding(key):
                return self._store.head(_checked(key))["size"]
        except MissingObject:
            return None

    def delete(self, key: str) -> None:
        """Deletes an object; that there is none is no mistake."""
        with contextlib.suppress(MissingObject), self._finding(key):
            self._check_there()
            self._store.delete(_checked(key))

    def list(self, user: str | None = None) -> Iterator[tuple[str, int]]:
        """Yields (key, bytes) of all objects, or of a person's."""
        prefix = "u" if user is None else f"u/{user}"
        with _told(self.address):
            for batch in self._store.list(prefix):
                for each in batch:
                    yield each["path"], each["size"]

    def check_writable(self) -> None:
        """Makes sure that objects can be written now.

        Raises:
            Unavailable: If not; a sentence says why.
        """
        with self._probing:
            if time.monotonic() - self._probed < PROBE_SECONDS:
                return
            if self._folder is not None:
                with _told(self.address):
                    free = shutil.disk_usage(self._folder).free
                if free < self._free:
                    raise Unavailable("the store is full; try again later.")
            key = new_key(PROBE)
            self.put(key, b"1")
            self.delete(key)
            self._probed = time.monotonic()

    @contextlib.contextmanager
    def _finding(self, key: str) -> Iterator[None]:
        """Tells an object that is not there from a store that is not there."""
        from obstore.exceptions import NotFoundError

        with _told(self.address):
            try:
                yield
            except (NotFoundError, FileNotFoundError) as error:
                self._check_there()
                if buckets.NO_BUCKET in str(error):
                    raise
                raise MissingObject(f"the store has no object {key}.") from error

    def _check_there(self) -> None:
        """Refuses a folder that is not the store: gone, or a disk not mounted."""
        if self._folder is not None and not (self._folder / MARK).exists():
            raise FileNotFoundError(f"its file {MARK} is not there")

    def _open(self) -> Any:
        from obstore.store import LocalStore

        if not buckets.is_address(self.address):
            self._folder = pathlib.Path(self.address).absolute()
            if self._make:
                self._folder.mkdir(parents=True, exist_ok=True)
                (self._folder / MARK).touch()
            self._check_there()
            return LocalStore(self._folder)
        parts = buckets.split(self.address)
        if parts is None:
            raise InputError(
                "`store` must be the path of a folder or s3://BUCKET/PREFIX; received"
                f" {self.address!r}."
            )
        return buckets.connect(*parts, RETRIES)


def _put(store: Any, key: str, data: bytes) -> None:
    from obstore.exceptions import AlreadyExistsError

    # A retried request whose first answer was lost finds its own object.
    with contextlib.suppress(AlreadyExistsError):
        store.put(key, data, mode="create", use_multipart=False)


def _sync(path: pathlib.Path, folder: pathlib.Path) -> None:
    """Brings a file and its names to the disk, up to the folder of the store."""
    while True:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if path == folder:
            return
        path = path.parent


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of the store")
    return key


@contextlib.contextmanager
def _told(address: str) -> Iterator[None]:
    """Turns errors of the store into those of the studio, one line each."""
    from obstore import exceptions

    try:
        yield
    except (exceptions.BaseError, OSError) as error:
        raise Unavailable(
            f"the store {address} does not answer: {buckets.reason(error)}"
        ) from error
