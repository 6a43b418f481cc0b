"""Where a file is to be written, and what can be known about that before any work."""

import contextlib
import os
import pathlib
import re
import secrets
import stat
import unicodedata

from vectormix_tf.errors import InputError

# proc_pid_mountinfo(5): the fifth field of a line is where something is mounted, with
# spaces and the like as three octal digits.
_MOUNTS = pathlib.Path("/proc/self/mountinfo")
_OCTAL = re.compile(rb"\\([0-7]{3})")


def follow(path: str) -> str:
    """Returns the file that is written to: where a link leads, or the path itself."""
    return os.path.realpath(path) if os.path.islink(path) else path


def folder_of(path: str) -> str:
    """Returns the folder of the file that is written to."""
    return os.path.dirname(follow(path)) or os.curdir


def hidden_in(folder: str) -> str:
    """Returns the path of a hidden file that does not exist yet.

    Its name is short, so that a folder that can hold the final name can hold this one.
    """
    return os.path.join(folder, f".{secrets.token_hex(8)}")


def check_place(path: str, label: str) -> None:
    """Checks that a path can name a file that is written.

    Args:
        path: The file, which may be a link to another one.
        label: What errors call it.

    Raises:
        InputError: If the path cannot name a file, e.g. because its name is too long,
            the folder does not exist, or a pipe or a device is there.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        found = None
    except (OSError, ValueError) as error:  # a loop of links, a name with a zero byte
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{label} cannot be written: {reason}; name another file."
        ) from error
    _check_folder(folder_of(path), label)
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise InputError(f"{label} is a pipe or a device; name a file.")


def check_replaceable(path: str, label: str) -> None:
    """Checks that a file, if it exists, can be replaced by another.

    Raises:
        InputError: If that is not so; the reason is told.
    """
    target = follow(path)
    if not os.path.exists(target):
        return
    if not os.access(target, os.W_OK):
        reason = "is read-only; change its permissions"
    elif _is_mounted(target):  # of a container that was given a single file
        reason = "is a mount of its own and cannot be replaced; mount its folder"
    elif _is_of_others(os.stat(target), os.stat(folder_of(path))):
        reason = "belongs to another user; take another folder"
    else:
        return
    raise InputError(f"{label} {reason}, or name another file.")


def check_writable(folder: str, label: str) -> None:
    """Checks that files can be made in a folder, by making one and removing it.

    What permissions say is not enough: Windows, networks and sandboxes have more rules.

    Raises:
        InputError: If that fails.
    """
    trial = hidden_in(folder)
    try:
        with open(trial, "xb"):
            pass
        os.unlink(trial)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"{label}: `{folder}` cannot be written to: {reason}; name another folder."
        ) from error


def check_new_folder(folder: str, label: str) -> None:
    """Checks that a folder can be made, with those above it, or written to.

    Raises:
        InputError: If that is not so.
    """
    above = os.path.abspath(folder)
    while not os.path.lexists(above):
        above = os.path.dirname(above)
    if not os.path.isdir(above):
        raise InputError(f"{label}: `{above}` is not a folder; name another folder.")
    check_writable(above, label)


def _check_folder(folder: str, label: str) -> None:
    if os.path.isdir(folder):
        return
    if folder.startswith("~"):
        # Only the command line stands for a shell here.
        raise InputError(
            f"{label}: `{folder}` does not exist; for a folder in your home pass"
            " os.path.expanduser(...)."
        )
    above = folder
    while not os.path.lexists(above) and os.path.dirname(above) not in ("", above):
        above = os.path.dirname(above)
    if os.path.lexists(above) and not os.path.isdir(above):
        raise InputError(f"{label}: `{above}` is not a folder; name another folder.")
    raise InputError(
        f"{label}: `{folder}` does not exist; make it or name another folder."
    )


def _is_mounted(target: str) -> bool:
    """Whether something is mounted on a file, which Linux then refuses to replace."""
    lines = []
    with contextlib.suppress(OSError):  # another system
        lines = _MOUNTS.read_bytes().splitlines()
    places = (_OCTAL.sub(_byte, line.split()[4]) for line in lines)
    return os.fsencode(os.path.realpath(target)) in places


def _byte(match: re.Match) -> bytes:
    return bytes([int(match[1], 8)])


def _is_of_others(found: os.stat_result, folder: os.stat_result) -> bool:
    """Whether a file is another user's, in a folder such as /tmp (unlink(2), EPERM)."""
    if not folder.st_mode & stat.S_ISVTX or not hasattr(os, "geteuid"):
        return False
    return os.geteuid() not in (0, found.st_uid, folder.st_uid)


# --- Two names of one file ------------------------------------------------------------


def is_same_file(one: str, other: str) -> bool:
    """Whether two paths lead to the same file, which need not exist."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)  # through links as well
    one, other = os.path.realpath(one), os.path.realpath(other)
    return one == other or (_folded(one) == _folded(other) and _collide(one, other))


def _folded(path: str) -> str:
    """Returns what is equal for names that some systems take for one.

    They fold upper and lower case (Windows, macOS) or composed characters (macOS).
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _collide(one: str, other: str) -> bool:
    """Whether the system takes two similar names for one, by trying similar ones."""
    folder, name = os.path.split(one)
    trial = hidden_in(folder)
    try:
        with open(trial + name, "xb"):
            pass
    except OSError:  # nothing can be written there, as another check says
        return False
    try:
        return os.path.lexists(trial + os.path.basename(other))
    finally:
        os.unlink(trial + name)
