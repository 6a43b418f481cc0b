"""What files say of their colors without an ICC profile: PNG, AVIF, HEIF and EXIF."""

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image

from vectormix_tf.io.colorimetry import (
    ADOBE_GAMMA,
    ADOBE_PRIMARIES,
    SRGB_PRIMARIES,
    UNSPECIFIED,
    ColorSpace,
    Primaries,
    has_srgb_primaries,
    of_numbers,
)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

# EXIF 2.32: ColorSpace, and the interoperability index in its own directory. DCF 2.0:
# "R03" is Adobe RGB. Some cameras write 2 as the color space instead.
_EXIF, _INTEROPERABILITY = 0x8769, 0xA005
_COLOR_SPACE, _INDEX = 0xA001, 1
_UNCALIBRATED, _ADOBE, _SRGB = 0xFFFF, 2, 1
# TIFF 6.0, section 20, and EXIF 2.32: chromaticities, and the exponent that makes
# numbers light.
_WHITE, _POINTS, _GAMMA = 318, 319, 0xA500

# An exponent of 2.2 with sRGB's primaries is how sRGB is said to readers that know
# gAMA only (PNG 3rd edition, 11.3.2.5). libpng takes those within 5 % as the same.
_SRGB_EXPONENT, _NEAR = 2.2, 0.05
_STEEPEST = 10  # exponents beyond it, or beyond 1 / 10, are damaged

_MOST_CHUNKS = 1000  # before the pixels of a PNG, or boxes in a box


def declared(image: Image.Image, file: BinaryIO | None = None) -> ColorSpace | None:
    """Returns the color space that a picture names by numbers.

    Args:
        image: The picture, before it is loaded.
        file: Its file; without one, the file that `image` has still open is read.

    Returns:
        None if it names none, or has an ICC profile that counts instead.
    """
    file = file or getattr(image, "fp", None)
    if image.format == "PNG":
        numbers = _png_numbers(file) if file else None
        if numbers:  # it counts before a profile: PNG 3rd edition, 4.3
            return numbers
    if image.info.get("icc_profile"):
        return None
    space = None
    if image.format == "PNG":
        space = _png_gamma(image.info)
    elif image.format == "AVIF":
        space = _avif_numbers(file) if file else None
    elif "nclx_profile" in image.info:  # of pillow_heif
        nclx = image.info["nclx_profile"] or {}
        space = of_numbers(
            int(nclx.get("color_primaries", UNSPECIFIED)),
            int(nclx.get("transfer_characteristics", UNSPECIFIED)),
        )
    if space is None or space.is_unspecified:
        return _exif_space(image)
    return space


# --- PNG ------------------------------------------------------------------------------


def _png_numbers(file: BinaryIO) -> ColorSpace | None:
    """Reads the chunk cICP: PNG 3rd edition, 11.3.2.6."""
    place = file.tell()
    try:
        file.seek(len(PNG_SIGNATURE))
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8 or head[4:] == b"IDAT":
                return None
            length = struct.unpack(">I", head[:4])[0]
            if head[4:] == b"cICP" and length == 4:
                primaries, transfer, _, is_full = file.read(4)
                return of_numbers(primaries, transfer, bool(is_full))
            file.seek(length + 4, io.SEEK_CUR)
        return None
    finally:
        file.seek(place)


def _png_gamma(info: dict[Any, Any]) -> ColorSpace | None:
    """Reads the chunks gAMA and cHRM, which sRGB overrides: 11.3.2.1 and 11.3.2.2."""
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not (gamma or points):
        return None
    primaries = SRGB_PRIMARIES
    if points and len(points) == 8:  # white is the first in the file
        primaries = (*points[2:], *points[:2])
        if not is_possible(primaries):
            return None
    return _of_exponent(primaries, 1 / gamma if gamma else 0)


def _of_exponent(primaries: Primaries, exponent: float) -> ColorSpace:
    is_sensible = 1 / _STEEPEST <= exponent <= _STEEPEST
    is_srgb = abs(exponent / _SRGB_EXPONENT - 1) <= _NEAR
    if not is_sensible or (is_srgb and has_srgb_primaries(primaries)):
        return ColorSpace(primaries)
    return ColorSpace(primaries, gamma=exponent)


def is_possible(primaries: tuple[float, ...]) -> bool:
    """Whether the primaries span a triangle with white inside; damaged ones do not."""
    points = list(zip(primaries[::2], primaries[1::2], strict=True))
    white = points.pop()
    sides = zip(points, points[1:] + points[:1], strict=True)
    turns = [
        (bx - ax) * (white[1] - ay) - (by - ay) * (white[0] - ax)
        for (ax, ay), (bx, by) in sides
    ]
    in_range = all(-0.5 <= value <= 1.5 for value in primaries)
    inside = min(turns) > 1e-4 or max(turns) < -1e-4
    return in_range and inside and white[1] > 0.01


# --- AVIF -----------------------------------------------------------------------------


def _avif_numbers(file: BinaryIO) -> ColorSpace | None:
    """Reads `nclx` of the primary picture: ISO/IEC 23008-12, 12.1.5.1."""
    for kind, body in _avif_properties(file):
        if kind == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            return of_numbers(*struct.unpack_from(">HH", body, 4))
    return None


def avif_bits(file: BinaryIO) -> int:
    """Returns the bits of each number of an AVIF; 8 if it does not say.

    ISO/IEC 23008-12, 6.5.6 (`pixi`).
    """
    for kind, body in _avif_properties(file):
        if kind == b"pixi" and len(body) > 5:
            return body[5]
    return 8


def _avif_properties(file: BinaryIO) -> list[tuple[bytes, bytes]]:
    """Kind and body of the properties of the primary picture; 9.3.1 there."""
    place = file.tell()
    try:
        file.seek(0)
        meta = next(
            (body for kind, body in _boxes(file.read()) if kind == b"meta"), b""
        )
    finally:
        file.seek(place)
    try:
        return _of_primary(dict(_boxes(meta[4:])))
    except (struct.error, IndexError, KeyError):
        return []  # damaged, or a sequence without pictures


def _of_primary(meta: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    wide = meta[b"pitm"][0] > 0  # its version: 4 bytes instead of 2
    primary = struct.unpack_from(">I" if wide else ">H", meta[b"pitm"], 4)[0]
    of_items = dict(_boxes(meta[b"iprp"]))
    properties = list(_boxes(of_items[b"ipco"]))
    numbers = _associated(of_items[b"ipma"], primary)
    return [properties[number - 1] for number in numbers]


def _associated(table: bytes, item: int) -> list[int]:
    """Returns the numbers of an item's properties, from 1 (`ipma`)."""
    version, flags = table[0], table[3]
    (entries,) = struct.unpack_from(">I", table, 4)
    place = 8
    for _ in range(min(entries, len(table))):
        identity = struct.unpack_from(">I" if version else ">H", table, place)[0]
        place += 4 if version else 2
        count, place = table[place], place + 1
        size, mask, code = (2, 0x7FFF, ">H") if flags & 1 else (1, 0x7F, ">B")
        places = range(place, place + count * size, size)
        if identity == item:
            return [struct.unpack_from(code, table, at)[0] & mask for at in places]
        place += count * size
    return []


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields kind and body of each box: ISO/IEC 14496-12, 4.2."""
    place = 0
    for _ in range(_MOST_CHUNKS):
        if place + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, place)
        start = place + 8
        if size == 1 and start + 8 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        end = place + size if size else len(data)
        if end < start:
            return
        yield kind, data[start:end]
        place = end


# --- EXIF -----------------------------------------------------------------------------


def _exif_space(image: Image.Image) -> ColorSpace | None:
    try:
        exif = image.getexif()
        inner = exif.get_ifd(_EXIF)
        space = inner.get(_COLOR_SPACE)
        # Of a directory that is not there Pillow 12 raises an error.
        has_index = _INTEROPERABILITY in inner
        indices = exif.get_ifd(_INTEROPERABILITY) if has_index else {}
        index = str(indices.get(_INDEX, ""))
        points = [float(x) for tag in (_POINTS, _WHITE) for x in exif.get(tag, ())]
        gamma = float(inner.get(_GAMMA, 0))
    except Exception:  # damaged EXIF counts as none
        return None
    if space == _UNCALIBRATED and index.startswith("R03") or space == _ADOBE:
        return ColorSpace(ADOBE_PRIMARIES, gamma=ADOBE_GAMMA)
    if space == _SRGB or len(points) != 8 or not is_possible(tuple(points)):
        return None
    return _of_exponent(tuple(points), gamma)
