"""Writes files: pictures in several formats, and any bytes, atomically."""

import contextlib
import errno
import io
import os
import struct
import zlib
from collections.abc import Callable, Iterable
from typing import BinaryIO

import numpy as np
from PIL import Image

from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.io import target
from vectormix_tf.io.icc import MAX_8, MAX_16, SRGB_PROFILE
from vectormix_tf.io.images import IHDR_END

# {ending of a file that can be written: Pillow's name for the format}
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}

# 95 is the highest quality that Pillow recommends; 4:4:4 stores colors at full size.
_SAVING = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95},
    "TIFF": {"compression": "tiff_deflate"},
}

_ROWS = 256  # of a picture that are rounded at a time

_PERMISSIONS = 0o777  # bits of a file's mode, without setuid and the like

_DISK_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


def check_output(
    path: str | os.PathLike,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
    depth: int = 8,
    what: str = "output",
) -> None:
    """Checks, before any work, that a picture can be written to `path`.

    Args:
        path: File to write.
        inputs: What is read; paths among them must not be `path`, also through links.
        overwrite: Whether `path` may exist already.
        depth: Bits per channel, 8 or 16.
        what: Name of the file in errors.

    Raises:
        InputError: If the ending or depth is not supported, the folder does not exist
            or is not writable, or the file is an input or must not be replaced.
    """
    path = os.fsdecode(path)
    label = f"{what} `{path}`"
    name = os.path.basename(path)
    if os.path.isdir(path):
        raise InputError(f"{label} is a folder; add a file name such as `mix.png`.")
    if not name or name.lower() in FORMATS:
        raise InputError(f"{label} has no file name; use one such as `mix.png`.")
    _check_format(os.path.splitext(name)[1], depth, label)
    check_path(path, inputs, overwrite, what)


def check_path(
    path: str | os.PathLike,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
    what: str = "output",
) -> None:
    """Does the checks of `check_output` for a file of any kind.

    Raises:
        InputError: As `check_output`, except for ending and depth.
    """
    path = os.fsdecode(path)
    check_file(path, inputs, overwrite, what)
    target.check_writable(target.folder_of(path), f"{what} `{path}`")


def check_file(
    path: str,
    inputs: Iterable[object] = (),
    overwrite: bool = False,
    what: str = "output",
) -> None:
    """Does the checks of `check_path`, except whether the folder can be written to."""
    label = f"{what} `{path}`"
    if not os.path.basename(path) or os.path.isdir(path):
        raise InputError(f"{label} is no file name; name a file.")
    target.check_place(path, label)
    for file in inputs:
        if isinstance(file, str | os.PathLike) and target.is_same_file(
            path, os.fsdecode(file)
        ):
            raise InputError(f"{label} is also an input; name another file.")
    if os.path.lexists(path) and not overwrite:
        raise _exists(label)
    target.check_replaceable(path, label)


def _check_format(ending: str, depth: int, label: str) -> None:
    if ending.lower() not in FORMATS:
        names = ", ".join(f"`{name}`" for name in FORMATS)
        raise InputError(f"{label} must end with one of {names}; received `{ending}`.")
    if depth not in (8, 16):
        raise InputError(f"{label}: depth must be 8 or 16; received {depth}.")
    if depth == 16 and ending.lower() != ".png":
        raise InputError(
            f"{label}: depth 16 is written only as `.png`; received {ending}."
        )


def _exists(label: str) -> InputError:
    return InputError(f"{label} exists; name another file or set `overwrite`.")


def encode(
    pixels: np.ndarray,
    ending: str,
    transparency: np.ndarray | None = None,
    depth: int = 8,
) -> bytes:
    """Encodes a picture file with an sRGB profile.

    Equal arguments give equal bytes.

    Args:
        pixels: [H, W, 3] or [1, H, W, 3], in [0, 1]; rounded to the nearest level.
        ending: A key of `FORMATS`. PNG and TIFF are lossless but for that rounding.
        transparency: [H, W, 1] or [1, H, W, 1], 1 is opaque, 0 is clear; None for an
            opaque picture. JPEG has none: the picture is laid on white.
        depth: Bits per channel, 8, or 16 for PNG.

    Returns:
        The content of the file.

    Raises:
        InputError: If the format cannot hold the picture, e.g. it is too large.
    """
    _check_format(ending, depth, "picture")
    kind = FORMATS[ending.lower()]
    if depth == 16:
        return _encode_deep_png(_levels(pixels, transparency, MAX_16, np.uint16))
    if transparency is not None and kind == "JPEG":
        cover = _clipped(transparency)  # [H, W, 1]
        pixels, transparency = _clipped(pixels) * cover + (1 - cover), None
    image = as_pillow(pixels, transparency)
    file = io.BytesIO()
    try:
        image.save(file, kind, icc_profile=SRGB_PROFILE, **_SAVING[kind])
    except (OSError, ValueError) as error:  # e.g. over 16383 pixels a side in WebP
        size = f"{image.width} x {image.height} pixels"
        raise InputError(f"{kind} cannot hold {size}: {error}; use `.png`.") from error
    return file.getvalue()


def as_pillow(
    pixels: np.ndarray, transparency: np.ndarray | None = None
) -> Image.Image:
    """Returns a picture as a Pillow image of 8 bits, RGB or RGBA, that says sRGB.

    Args:
        pixels: As of `encode`.
        transparency: As of `encode`.
    """
    image = Image.fromarray(_levels(pixels, transparency, MAX_8, np.uint8))
    image.info["icc_profile"] = SRGB_PROFILE
    return image


def _levels(pixels, transparency, most: int, dtype: type) -> np.ndarray:
    """Returns whole levels [H, W, 3], or [H, W, 4] with transparency.

    Some rows at a time: a large picture is not copied in float32.
    """
    parts = [pixels] if transparency is None else [pixels, transparency]
    parts = [np.asarray(part)[0] if np.ndim(part) == 4 else part for part in parts]
    height, width = parts[0].shape[:2]
    levels = np.empty([height, width, sum(part.shape[-1] for part in parts)], dtype)
    for top in range(0, height, _ROWS):
        rows = [_clipped(part[top : top + _ROWS]) for part in parts]
        levels[top : top + _ROWS] = np.rint(np.concatenate(rows, axis=-1) * most)
    return levels


def _clipped(bands: np.ndarray) -> np.ndarray:
    """Returns [H, W, c] of an array that may have a leading 1."""
    bands = np.asarray(bands, np.float32)
    return np.clip(bands[0] if bands.ndim == 4 else bands, 0, 1)


def on_white(picture: Image.Image) -> Image.Image:
    """Returns a Pillow image in RGB, laid on white if it is RGBA."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _encode_deep_png(bands: np.ndarray) -> bytes:
    import tensorflow as tf

    png = tf.io.encode_png(bands).numpy()
    # PNG specification, 11.3.2.3: name, 0, compression method 0 (zlib), profile.
    body = b"iCCP" + b"sRGB\0\0" + zlib.compress(SRGB_PROFILE)
    length, check = len(body) - len(b"iCCP"), zlib.crc32(body)
    chunk = struct.pack(">I", length) + body + struct.pack(">I", check)
    return png[:IHDR_END] + chunk + png[IHDR_END:]


def write(
    path: str | os.PathLike,
    pixels: np.ndarray,
    transparency: np.ndarray | None = None,
    depth: int = 8,
    overwrite: bool = False,
) -> None:
    """Writes a picture file atomically.

    Args:
        path: File to write; its ending, a key of `FORMATS`, selects the format.
        pixels: [H, W, 3] or [1, H, W, 3], in [0, 1].
        transparency: [H, W, 1] or [1, H, W, 1], 1 is opaque, 0 is clear; or None.
        depth: Bits per channel, 8, or 16 for PNG.
        overwrite: Whether `path` may exist already.

    Raises:
        InputError: If the file exists and `overwrite` is false, or the format cannot
            hold the picture.
        OutputError: If writing fails, e.g. on a full disk; an existing file is kept.
    """
    ending = os.path.splitext(os.fsdecode(path))[1]
    write_bytes(path, encode(pixels, ending, transparency, depth), overwrite)


def write_bytes(path: str | os.PathLike, data: bytes, overwrite: bool = False) -> None:
    """Writes the content of a file as `write_by` does, with its errors."""
    write_by(path, lambda file: file.write(data), overwrite)


def write_by(
    path: str | os.PathLike,
    write: Callable[[BinaryIO], object],
    overwrite: bool = False,
) -> None:
    """Writes a file atomically: another process never sees a part of it.

    A file that is replaced keeps its permissions and, where the system allows it, its
    owner. A link stays, and the file that it leads to is replaced.

    Args:
        path: File to write.
        write: Writes its content into an empty file, which it may also read.
        overwrite: Whether `path` may exist already.

    Raises:
        InputError: If the file exists and `overwrite` is false.
        OutputError: If writing fails, e.g. on a full disk; an existing file is kept.
    """
    path = os.fsdecode(path)
    try:
        final = target.follow(path)
        # In the same folder: renaming is atomic only within one file system.
        temporary = target.hidden_in(os.path.dirname(final))
        before = os.stat(final) if os.path.lexists(final) else None
        try:
            with open(temporary, "x+b") as file:
                if before is not None:
                    _take_over(before, temporary)
                write(file)
                _to_disk(file)
            if os.path.lexists(path) and not overwrite:
                raise _exists(f"output `{path}`")
            os.replace(temporary, final)
        finally:  # also after KeyboardInterrupt; after success the file is gone already
            with contextlib.suppress(OSError):
                os.unlink(temporary)
    except OSError as error:
        remedy = "free some space or " * (error.errno in _DISK_FULL)
        reason = f"{error.strerror or error}; {remedy}choose another folder."
        raise OutputError(f"could not write `{path}`: {reason}") from error


def _to_disk(file: BinaryIO) -> None:
    """Waits until a file is on the disk: after a power cut it is whole or not there.

    Renaming may reach the disk before the content does.
    """
    file.flush()
    try:
        os.fsync(file.fileno())
    except OSError as error:  # a file system that has no such thing
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise


def _take_over(before: os.stat_result, path: str) -> None:
    """Gives a new file the owner and the permissions of the one that it replaces."""
    if hasattr(os, "chown"):
        for owner in (-1, before.st_uid):  # a group of one's own may be given by anyone
            with contextlib.suppress(OSError):
                os.chown(path, owner, before.st_gid)
    with contextlib.suppress(OSError):  # some file systems have no permissions
        os.chmod(path, before.st_mode & _PERMISSIONS)
