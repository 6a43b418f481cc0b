"""TIFF files: which page is the picture, and pages that Pillow does not read right.

Pillow reads most files. What it would scramble, or cannot open, is read by tifffile,
which hands out the stored numbers; what they mean is said in tags that are read here.
"""

import io
import logging
import warnings
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from vectormix_tf.errors import InputError, Notice

_BIG = (b"II+\0", b"MM\0+")  # BigTIFF
_SIGNATURES = (b"II*\0", b"MM\0*", *_BIG)

# TIFF 6.0, section 8; DNG 1.6 for photometric interpretations of raw data.
_NEW_SUBFILE, _OLD_SUBFILE, _WIDTH, _HEIGHT, _BITS = 254, 255, 256, 257, 258
_COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 259, 262, 277, 284
_SUB_DIRECTORIES, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 330, 338, 339
_COLOR_MAP, _ORIENTATION, _PROFILE, _PAGE_NUMBER = 320, 274, 34675, 297
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_RAW = (32803, 34892)
_REDUCED, _ONE_OF_PAGES, _MASK = 1, 2, 4  # bits of NewSubfileType
_OLD_REDUCED = 2
_UNCOMPRESSED = 1
_JPEG, _JPEG_BLOCK = 7, 16
_WEBP = 50001  # that Pillow's wheels open, and cannot decode
# Compressions whose output cannot be longer than asked for: none, LZW, deflate,
# PackBits, LZMA, Zstandard. The others are picture formats with sizes of their own.
_OF_BYTES = (_UNCOMPRESSED, 5, 8, 32946, 32773, 34925, 34926, 50000)
_SEPARATE = 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_PREMULTIPLIED, _STRAIGHT = 1, 2  # ExtraSamples

_MOST_PAGES = 32  # that are looked at
_MOST_SAMPLES = 16  # of a pixel
_MOST_OF_PILLOW = 6
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _PALETTE: 1, _RGB: 3, _YCBCR: 3,
           _CMYK: 4}  # fmt: skip

_CLEAR = 1e-9  # transparency below it hides all color

# Floats may leave [0, 1] by that much without being in another range: resizing with
# Lanczos overshoots at edges.
_OVERSHOOT = 0.25
# Integers that fill less than this share of their type are stretched.
_LEAST_SHARE = 1 / 256


@dataclass(frozen=True)
class Page:
    """One picture in a TIFF file.

    Attributes:
        offset: Place of its directory in the file.
        number: Its place among the pages; None if it belongs to another page.
        tags: Its directory.
    """

    offset: int
    number: int | None
    tags: ImageFileDirectory_v2

    def value(self, tag: int, default: int) -> int:
        """Returns the first number of a tag."""
        return next(iter(_numbers(self.tags.get(tag, default))), default)

    @property
    def photometric(self) -> int:
        """What the colors are; files that do not say it are gray or RGB."""
        usual = _RGB if self.value(_SAMPLES, 1) >= 3 else _BLACK_IS_ZERO
        return self.value(_PHOTOMETRIC, usual)

    @property
    def bits(self) -> int:
        """Bits of a number; most of them if the bands differ."""
        return max(_numbers(self.tags.get(_BITS, 1)), default=1)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.value(_WIDTH, 0), self.value(_HEIGHT, 0)

    @property
    def is_of_document(self) -> bool:
        """Whether it is one of several pages to be read in a row."""
        return bool(self.value(_NEW_SUBFILE, 0) & _ONE_OF_PAGES) or (
            _PAGE_NUMBER in self.tags
        )

    @property
    def is_part(self) -> bool:
        """Whether it is a smaller version or a mask of another page."""
        flags = self.value(_NEW_SUBFILE, 0)
        old = self.value(_OLD_SUBFILE, 0)
        return bool(flags & (_REDUCED | _MASK)) or old == _OLD_REDUCED


@dataclass(frozen=True)
class Samples:
    """A page as tifffile has read it.

    Attributes:
        colors: [H, W, 1, 3 or 4] in [0, 1]: gray, RGB or CMYK.
        transparency: [H, W, 1] in [0, 1], or None.
        profile: ICC profile, or None.
        orientation: As in EXIF.
    """

    colors: np.ndarray
    transparency: np.ndarray | None
    profile: bytes | None
    orientation: int


def is_tiff(header: bytes) -> bool:
    """Whether a file that starts like this is a TIFF."""
    return header.startswith(_SIGNATURES)


# --- Which page -----------------------------------------------------------------------


def full_page(file: BinaryIO) -> Page | None:
    """Returns the page that is the picture, not its thumbnail or mask.

    It is the first one that is not marked as a smaller version, or a later and larger
    one of the same aspect, because some writers mark nothing.

    Returns:
        None if no page can be read.
    """
    file.seek(0)
    if file.read(4) == _BIG[1]:
        raise ValueError("it is a big-endian BigTIFF; save it as a plain TIFF")
    pages = _pages(file)
    whole = [page for page in pages if not page.is_part] or pages
    if not whole:
        return None
    width, height = whole[0].size
    alike = []
    for page in whole[1:]:
        if page.is_of_document:
            continue
        across, down = page.size
        # Sides of thumbnails are rounded.
        if abs(across * height - down * width) <= max(across, down, width, height):
            alike.append(page)
    return max([whole[0], *alike], key=lambda page: page.size[0] * page.size[1])


def _pages(file: BinaryIO) -> list[Page]:
    """Reads directories: those in a row, then those that belong to others."""
    file.seek(0)
    header = file.read(8)
    header += file.read(8) if header.startswith(_BIG) else b""
    offset = ImageFileDirectory_v2(header).next
    row: list[Page] = []
    while offset and len(row) < _MOST_PAGES and all(p.offset != offset for p in row):
        page = _page(file, header, offset, len(row))
        if page is None:
            break
        row.append(page)
        offset = page.tags.next
    below = [
        _page(file, header, place, None)
        for page in row
        for place in _numbers(page.tags.get(_SUB_DIRECTORIES, ()))[:_MOST_PAGES]
    ]
    return row + [page for page in below if page is not None]


def _page(
    file: BinaryIO, header: bytes, offset: int, number: int | None
) -> Page | None:
    tags = ImageFileDirectory_v2(header)
    try:
        file.seek(offset)
        tags.load(file)
        page = Page(offset, number, tags)
        return page if min(page.size) > 0 else None
    except Exception:  # damaged: the pages before it count
        return None


def _numbers(value: Any) -> tuple[int, ...]:
    """Returns the numbers of a tag; damaged ones count as missing."""
    values = value if isinstance(value, tuple) else (value,)
    try:
        return tuple(int(one) for one in values)
    except (TypeError, ValueError, ZeroDivisionError):
        return ()


# --- Which reader ---------------------------------------------------------------------


def is_for_pillow(page: Page) -> bool:
    """Whether Pillow reads this kind of page as what it stands for.

    Found by comparing Pillow 13 with tifffile over kinds of samples, colors, layouts,
    compressions and byte orders.
    """
    if page.number is None or page.value(_COMPRESSION, _UNCOMPRESSED) == _WEBP:
        return False
    bits = page.bits
    form = page.value(_SAMPLE_FORMAT, _UNSIGNED)
    samples = page.value(_SAMPLES, 1)
    if samples > _MOST_OF_PILLOW or _has_shallow_palette(page):
        return False
    is_raw = page.value(_COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED
    extra = _numbers(page.tags.get(_EXTRA_SAMPLES, ()))
    if samples == 1:
        if form == _SIGNED and bits <= 8:
            return False
        # Compressed numbers of these kinds stay in the byte order of the file.
        is_wide = form in (_SIGNED, _FLOAT) or bits > 16
        return not (is_wide and not is_raw and page.tags.prefix == b"MM")
    if form in (_SIGNED, _FLOAT):
        return False
    if page.value(_PLANAR, 1) == _SEPARATE:
        has_alpha = samples == 2 or (is_raw and _STRAIGHT not in extra and extra)
        if has_alpha or (is_raw and bits > 8):
            return False
    return not (bits > 8 and _PREMULTIPLIED in extra)


def _has_shallow_palette(page: Page) -> bool:
    """Whether the palette has 8 bits instead of 16, as some old writers' palettes."""
    return page.photometric == _PALETTE and max(_palette(page), default=0) < 256


def _palette(page: Page) -> tuple[int, ...]:
    return _numbers(page.tags.get(_COLOR_MAP, ()))


def is_right_in_pillow(image: Image.Image) -> bool:
    """Whether Pillow has opened a TIFF as what it stands for."""
    return is_for_pillow(Page(0, 0, image.tag_v2))  # type: ignore[attr-defined]


def deep_gray(image: Image.Image, label: str) -> np.ndarray:
    """Returns gray of 16 bits and more, as Pillow has read it, in [0, 1].

    Args:
        image: A TIFF of mode "I;16", "I" or "F".
        label: What a notice calls it.
    """
    page = Page(0, 0, image.tag_v2)  # type: ignore[attr-defined]
    values, bits = np.asarray(image), page.bits
    if image.mode == "I":  # which holds all integers in int32
        kind = "i" if page.value(_SAMPLE_FORMAT, _UNSIGNED) == _SIGNED else "u"
        values = values.astype(f"{kind}{bits // 8}")
    unit = _unit_of_bits(values, bits, label)
    is_negative = page.photometric == _WHITE_IS_ZERO
    return 1 - unit if is_negative else unit


# --- What numbers mean ----------------------------------------------------------------


def to_unit(values: np.ndarray, label: str) -> np.ndarray:
    """Maps stored numbers to [0, 1]; a `Notice` says so if their range was guessed.

    Unsigned numbers of 8 and 16 bits have the full range of their type, and floats
    have [0, 1]. Other integers say nothing of what is white: they have the smallest of
    the ranges of 8 and 16 bits and of their own type that holds them all. Whatever
    fits none of these is stretched: the least is black, the greatest white.

    Args:
        values: Any shape; integers or floats.
        label: What a notice calls the picture.

    Returns:
        float32 of the same shape.
    """
    if not np.isfinite(values).all():
        raise ValueError("some values are not finite")
    low, high = float(values.min()), float(values.max())
    black, white, is_usual = _range(values.dtype, low, high)
    if not is_usual:
        warnings.warn(
            f"{label} has values from {low:g} to {high:g};"
            f" {black:g} was read as black and {white:g} as white.",
            Notice,
            stacklevel=2,
        )
    # Only large numbers need the precision, which takes twice the memory.
    is_small = values.dtype.itemsize <= 2 or (values.dtype.kind == "f" and is_usual)
    unit = values.astype(np.float32 if is_small else np.float64)
    unit = (unit - black) / ((white - black) or 1)
    return np.float32(np.clip(unit, 0, 1))


def _range(kind: np.dtype, low: float, high: float) -> tuple[float, float, bool]:
    """Returns what is black and white, and whether that needs no words."""
    if kind.kind == "f":
        if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
            return 0, 1, True
        return low, high, False
    least, most = float(np.iinfo(kind).min), float(np.iinfo(kind).max)
    if kind.kind == "u" and kind.itemsize <= 2:
        return 0, most, True
    for white in (255, 65535):
        if low >= 0 and high <= white < most:
            return 0, white, False
    black = least if low < 0 else 0
    if (high - low) >= (most - black) * _LEAST_SHARE:
        return black, most, black == least
    return low, high, False


# --- Pages that Pillow does not read --------------------------------------------------


def read(file: BinaryIO, page: Page, max_pixels: int, label: str) -> Samples:
    """Reads a page with tifffile.

    Args:
        file: The file.
        page: The page; its size is within `max_pixels`.
        max_pixels: Most pixels of a picture.
        label: What errors call it.

    Raises:
        InputError: If it holds raw data of a camera, colors of a kind that is not
            known, or the package tifffile is missing.
    """
    photometric = page.photometric
    if photometric in _RAW:
        raise InputError(
            f"{label} holds a camera's raw data; develop it and save a JPEG or TIFF."
        )
    compression = page.value(_COMPRESSION, _UNCOMPRESSED)
    if compression not in (*_OF_BYTES, _JPEG):
        raise InputError(
            f"{label} is a TIFF with compression {compression}, which is not read;"
            " save it with LZW or deflate."
        )
    is_rgb = photometric != _YCBCR or compression == _JPEG  # decoded to RGB
    if photometric not in _COLORS or not is_rgb:
        raise InputError(
            f"{label} is a TIFF of a kind (photometric interpretation {photometric})"
            " that is not read; save it in RGB."
        )
    samples = page.value(_SAMPLES, 1)
    if not _COLORS[photometric] <= samples <= _MOST_SAMPLES:
        raise InputError(
            f"{label} has {samples} numbers a pixel, which is no picture; save it in"
            " gray, RGB or CMYK."
        )
    return _meant(_stored(file, page, max_pixels, label), page, label)


def _stored(file: BinaryIO, page: Page, max_pixels: int, label: str) -> np.ndarray:
    """Returns the stored numbers [H, W, samples]."""
    try:
        import imagecodecs  # noqa: F401  tifffile loads it when it meets a compression
        import tifffile
    except ImportError as error:
        remedy = "pip install 'vectormix_tf[tiff]'"
        raise InputError(f"{label} needs another TIFF reader: {remedy}") from error
    log = logging.getLogger("tifffile")  # it would write to stderr
    was, log.disabled = log.disabled, True
    try:
        file.seek(0)
        with tifffile.TiffFile(file) as opened:
            # Not `opened.pages`: the full picture may belong to another page.
            opened.filehandle.seek(page.offset)
            found = tifffile.TiffPage(opened, index=0)
            _check_segments(found, max_pixels, opened.filehandle)
            values = found.asarray(maxworkers=1)
            axes = found.axes
    finally:
        log.disabled = was
    if sorted(axes) not in (["X", "Y"], ["S", "X", "Y"]):
        raise ValueError(f"a picture with axes {axes} is not flat")
    values = values[..., None] if "S" not in axes else values
    return np.moveaxis(values, 0, -1) if axes.startswith("S") else values


def _check_segments(page: Any, max_pixels: int, file: Any) -> None:
    """Refuses what would fill memory, or be read as black where the file is cut off."""
    # Files in strips have tiles of 0.
    tile = (page.tilewidth or page.imagewidth, page.tilelength or page.imagelength)
    if page.imagedepth != 1 or tile[0] * tile[1] > 4 * max_pixels:
        raise ValueError("its tiles are larger than any picture")
    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if start + count > file.size:
            raise ValueError("it is cut off")
        if page.compression == _JPEG:
            file.seek(start)
            header = Image.open(io.BytesIO(file.read(count)), formats=["JPEG"])
            # Strips may be filled up to whole blocks.
            if max(header.width - tile[0], header.height - tile[1]) >= _JPEG_BLOCK:
                raise ValueError("a part of it is larger than said")


def _meant(stored: np.ndarray, page: Page, label: str) -> Samples:
    """Returns what the stored numbers [H, W, samples] of a page stand for."""
    photometric = page.photometric
    count = _COLORS[photometric]
    if stored.shape[2] < count:
        raise ValueError(f"it has {stored.shape[2]} of {count} colors")
    if photometric == _PALETTE:
        colors = _from_palette(stored[..., 0], page)
    else:
        colors = _unit_of_bits(stored[..., :count], page.bits, label)
    if photometric == _WHITE_IS_ZERO:
        colors = 1 - colors
    profile, orientation = page.tags.get(_PROFILE), page.value(_ORIENTATION, 1)
    for place, meaning in enumerate(_numbers(page.tags.get(_EXTRA_SAMPLES, ()))):
        if meaning in (_PREMULTIPLIED, _STRAIGHT) and count + place < stored.shape[2]:
            alpha = _cover(stored[..., count + place, None])
            if meaning == _PREMULTIPLIED:
                colors = np.clip(colors / np.maximum(alpha, _CLEAR), 0, 1)
            return Samples(colors, alpha, profile, orientation)
    return Samples(colors, None, profile, orientation)


def _unit_of_bits(values: np.ndarray, bits: int, label: str) -> np.ndarray:
    """Maps numbers of any number of bits, as 12 that lie in 16, to [0, 1]."""
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    if values.dtype.kind == "u" and bits < 8 * values.dtype.itemsize <= 16:
        most = 2**bits - 1
        if values.max() > most:
            raise ValueError("its numbers have more bits than its header says")
        return np.float32(values) / np.float32(most)
    return to_unit(values, label)


def _cover(values: np.ndarray) -> np.ndarray:
    """Maps transparency to [0, 1]: floats have that range, integers their type's."""
    if values.dtype.kind in "fb":
        return np.float32(np.clip(values, 0, 1))
    least, most = float(np.iinfo(values.dtype).min), float(np.iinfo(values.dtype).max)
    return np.float32((values.astype(np.float64) - least) / (most - least))


def _from_palette(indices: np.ndarray, page: Page) -> np.ndarray:
    table = np.float32(_palette(page)).reshape(3, -1).T
    return (table / (255 if _has_shallow_palette(page) else 65535))[indices]
