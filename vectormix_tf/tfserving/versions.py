"""The folder of a model for TensorFlow Serving: one subfolder for each version.

A version is named by a whole number, and a server loads the highest one.
"""

import os
import re

from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.io.names import is_readable

MOST = 2**31 - 1
_MOST_SERVED = 2**63 - 1  # the API has an int64
# In a version: the requests that TensorFlow Serving makes after loading it.
WARM_UP = os.path.join("assets.extra", "tf_serving_warmup_requests")


def versions(folder: str | os.PathLike) -> list[int]:
    """Returns the numbers of the versions in a folder, ascending."""
    with os.scandir(folder) as entries:
        return sorted(int(entry.name) for entry in entries if _is_version(entry))


def _is_version(entry: os.DirEntry) -> bool:
    name = entry.name
    # 007 is not 7: its folder could not be found by the number.
    is_number = re.fullmatch("0|[1-9][0-9]{0,18}", name) and int(name) <= _MOST_SERVED
    return bool(is_number) and entry.is_dir()


def new_version(folder: str | os.PathLike, version: int = 0) -> int:
    """Returns the number for a new version; nothing is written yet.

    Args:
        folder: Folder of all versions; it need not exist.
        version: The number wanted; 0 takes the highest one that exists, plus 1.

    Raises:
        InputError: If the number is taken, or the folder holds anything else.
    """
    folder = os.fsdecode(folder)
    check_integer("version", version, 0, MOST)
    if not folder or os.path.basename(os.path.abspath(folder)).isdigit():
        raise InputError(
            f"output `{folder}` must name the folder of all versions, such as"
            " models/vectormix."
        )
    if not is_readable(os.path.abspath(folder)):
        raise InputError(
            f"output `{folder}` is in a folder whose name is not UTF-8, where"
            " TensorFlow cannot write; name another."
        )
    if not os.path.lexists(folder):
        return version or 1
    if not os.path.isdir(folder):
        raise InputError(f"output `{folder}` is no folder; name another.")
    with os.scandir(folder) as entries:
        others = sorted(
            entry.name
            for entry in entries
            # Servers skip hidden files, such as a system's own or an unfinished export.
            if not (_is_version(entry) or entry.name.startswith("."))
        )
    if others:
        raise InputError(
            f"output `{folder}` holds {others[0]}, but a server expects only versions"
            " there; name another folder."
        )
    known = versions(folder)
    if version in known:
        raise InputError(f"version {version} is in `{folder}` already; choose another.")
    if MOST in known and not version:
        raise InputError(f"`{folder}` has no number left; choose a `version`.")
    return version or max(known, default=0) + 1
