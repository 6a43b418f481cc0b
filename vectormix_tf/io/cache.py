"""The cache folder: what later runs of the same user take over, such as measurements.

Everything in it can be made again. So nothing here fails: what cannot be read is not
there, and what cannot be written is not kept.
"""

import contextlib
import hashlib
import os
import sys
import zlib

from vectormix_tf.errors import OutputError
from vectormix_tf.io import output

CACHE = "VECTORMIX_CACHE"  # environment variable that replaces the cache folder

_OWN_ALONE = 0o600  # permissions: nobody else reads or writes a file
_OTHERS_WRITE = 0o022
_DIGEST = hashlib.sha256
_LENGTH = _DIGEST().digest_size
_LEVEL = 1  # of compression; graphs are a tenth as large, in milliseconds


def cache_folder() -> str:
    """Returns the user's cache folder, as each operating system prescribes it.

    A "~" in an environment variable is the home folder: no shell has expanded it where
    a service or a container sets the variable.
    """
    home = os.path.expanduser("~")
    usual = {
        "win32": os.environ.get("LOCALAPPDATA", home),
        "darwin": os.path.join(home, "Library", "Caches"),
    }.get(sys.platform)
    usual = usual or os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    folder = os.environ.get(CACHE) or os.path.join(usual, "vectormix_tf")
    return os.path.expanduser(folder)


def read(folder: str, key: str) -> bytes | None:
    """Returns what `write` kept, or None.

    A file counts as none if it is damaged, of another key, or if another user has
    written it or could have.

    Args:
        folder: Name of a folder in the cache folder.
        key: Text that says what is kept.
    """
    path = _path(folder, key)
    try:
        with open(path, "rb") as file:
            if not _is_own(os.fstat(file.fileno())):
                return None
            record = file.read()
        digest, packed = record[:_LENGTH], record[_LENGTH:]
        if digest != _digest(key, packed):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # `_remove_oldest` goes by the last use
        return zlib.decompress(packed)
    except (OSError, zlib.error):
        return None


def write(folder: str, key: str, data: bytes, most: int) -> None:
    """Keeps data, and removes what was not used for longest.

    Args:
        folder: As of `read`.
        key: As of `read`.
        data: What is kept.
        most: Bytes that the files of the folder may have together.
    """
    path = _path(folder, key)
    packed = zlib.compress(data, _LEVEL)
    with contextlib.suppress(OSError, OutputError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        output.write_bytes(path, _digest(key, packed) + packed, overwrite=True)
        os.chmod(path, _OWN_ALONE)
        _remove_oldest(os.path.dirname(path), most)


def _path(folder: str, key: str) -> str:
    return os.path.join(cache_folder(), folder, _DIGEST(key.encode()).hexdigest())


def _digest(key: str, packed: bytes) -> bytes:
    return _DIGEST(key.encode() + b"\0" + packed).digest()


def _is_own(status: os.stat_result) -> bool:
    """Whether nobody but this user can have written a file; Windows does not say."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & _OTHERS_WRITE


def _remove_oldest(folder: str, most: int) -> None:
    with os.scandir(folder) as entries:
        files = [(each.stat(), each.path) for each in entries if each.is_file()]
    files.sort(key=lambda file: file[0].st_mtime_ns, reverse=True)
    total = 0
    for status, path in files:
        total += status.st_size
        if total > most:
            with contextlib.suppress(OSError):  # another process has removed it
                os.unlink(path)
