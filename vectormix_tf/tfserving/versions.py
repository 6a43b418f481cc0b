"""Versions: the folder of a model for TF Serving, which holds nothing else.

Each has a whole number for its name, and a server takes the greatest.
"""

import os

from vectormix_tf.errors import InputError, check_integer

MOST = 2**31 - 1
# In a version: where TF Serving looks for requests to make when it has loaded it.
WARM_UP = os.path.join("assets.extra", "tf_serving_warmup_requests")


def versions(folder: str | os.PathLike) -> list[int]:
    """Numbers of the versions in a folder, ascending."""
    with os.scandir(folder) as found:
        return sorted(int(each.name) for each in found if _is_version(each))


def _is_version(entry: os.DirEntry) -> bool:
    return entry.name.isascii() and entry.name.isdigit() and entry.is_dir()


def new_version(folder: str | os.PathLike, asked: int = 0) -> int:
    """Returns the number of a version to be made; nothing is made yet.

    Args:
        folder: Where it shall be; it need not be there.
        asked: The number; 0 takes the one behind the greatest that there is.

    Raises:
        InputError: If it is taken, or the folder cannot be used for versions.
    """
    folder = os.fsdecode(folder)
    check_integer("version", asked, 0, MOST)
    if not folder or os.path.basename(os.path.abspath(folder)).isdigit():
        raise InputError(
            f"output `{folder}` must name the folder of all versions, such as"
            " models/vectormix."
        )
    if not os.path.lexists(folder):
        return asked or 1
    if not os.path.isdir(folder):
        raise InputError(f"output `{folder}` is no folder; name another.")
    with os.scandir(folder) as found:
        others = sorted(each.name for each in found if not _is_version(each))
    if others:
        raise InputError(
            f"output `{folder}` holds {others[0]}, and a server wants nothing but"
            " versions there; name another folder."
        )
    known = versions(folder)
    if asked in known:
        raise InputError(f"version {asked} is in `{folder}` already; choose another.")
    if MOST in known and not asked:
        raise InputError(f"`{folder}` has no number left; choose a --version.")
    return asked or max(known, default=0) + 1
