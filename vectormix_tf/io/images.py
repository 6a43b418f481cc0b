"""Reads picture files and arrays, and resizes pictures; `output` writes them.

Inside the package an image is a float32 array [1, H, W, 3], RGB (sRGB), in [0, 1].
`read` converts everything else to that: depth, transparency, orientation, profile.
"""

import contextlib
import dataclasses
import importlib.util
import io
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import color_tags, colorimetry, tiff
from vectormix_tf.io.color_tags import PNG_SIGNATURE
from vectormix_tf.io.icc import MAX_8, MAX_16, deep_to_srgb, is_srgb, to_srgb

MIN_SIDE = 2  # pixels; a single row or column has no texture

_CHANNELS = (1, 3, 4)  # of an array: gray, RGB, RGBA

# An explicit list keeps Pillow's other decoders away from files (EPS runs Ghostscript).
_READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
_HEIC_ENDINGS = (".heic", ".heif", ".hif")
# Brands in the first box of HEIF files (ISO/IEC 23008-12, annex B and 10).
_HEIC_BRANDS = (
    *(b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"),
    *(b"mif1", b"mif2", b"msf1"),
)
# Endings of the files that are read when a folder of pictures is given.
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif"),
    *_HEIC_ENDINGS,
)

# Mode that a profile is applied in, by the picture's mode; "RGB" for all others.
_PROFILED = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "LAB": "LAB"}

# EXIF 2.32, tag 0x0112: how to turn the stored pixels upright, as (transpose first,
# then reverse the rows, then reverse the columns).
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}

# PNG specification, 5.2 and 11.2: a signature, then IHDR has bit depth and color type
# in bytes 24 and 25. Listed are those that Pillow does not read in full: RGB, gray with
# alpha and RGBA of 16 bits (it keeps 8), and gray of 2 and 4 bits (it ignores the
# transparent level).
_NOT_FOR_PILLOW = (b"\x10\x02", b"\x10\x04", b"\x10\x06", b"\x02\0", b"\x04\0")
IHDR_END = 33
HEADER_END = 64  # of the bytes that tell formats apart

# Below half an 8-bit level nothing is visible, and the color is mostly rounding error.
_FAINT = 0.5 / MAX_8

# What Pillow does with a file depends on what the caller's program has set: a limit of
# pixels of its own, after our check of the header; damaged files that are read as if
# they were whole, gray from where they end; and bytes of texts and profiles in a PNG,
# of which real files have more than the usual million (profiles of printers).
_MOST_TEXT = 1 << 26  # bytes
_OF_PILLOW: tuple[tuple[Any, str, Any], ...] = (
    (Image, "MAX_IMAGE_PIXELS", None),
    (ImageFile, "LOAD_TRUNCATED_IMAGES", False),
    (PngImagePlugin, "MAX_TEXT_CHUNK", _MOST_TEXT),
    (PngImagePlugin, "MAX_TEXT_MEMORY", _MOST_TEXT),
)

# These and Python's warning filters are global state.
_PILLOW = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image with its transparency.

    Attributes:
        pixels: Image [1, H, W, 3] in [0, 1]; straight colors, not premultiplied.
        transparency: [1, H, W, 1] in [0, 1]: 1 is opaque, 0 is clear. None if all
            pixels are opaque.
        label: What messages call it, with the path of its file; "" if it was not read.
    """

    pixels: np.ndarray
    transparency: np.ndarray | None = None
    label: str = ""


Data = bytes | bytearray | memoryview  # the content of a picture file
# What a public function takes as an image; `read` says which files and arrays.
ImageLike = (
    str | os.PathLike[str] | Data | IO[bytes] | Image.Image | ArrayLike | Picture
)


def read(
    source: ImageLike,
    max_pixels: int = MAX_PIXELS,
    what: str = "picture",
) -> Picture:
    """Reads a picture: upright, in sRGB.

    The colors of clear pixels are replaced by the mean of the visible ones, so they
    have no effect. 16 bits of a gray picture or a PNG are kept, unless it has a profile
    other than sRGB, which Pillow converts in 8 bits; other files give 8 bits, except
    HDR in HEIC, in AVIF with imagecodecs, and what `tiff.read` reads. `color_tags` says
    which colors are known, `colorimetry` how HDR is shown, and `tiff` what numbers in a
    TIFF mean; a `Notice` tells a range that was guessed.

    Args:
        source: Path of a file: JPEG, PNG, WebP, TIFF, GIF, AVIF (the first frame),
            BMP, or HEIC (with pillow_heif). Or its content as bytes; or a file that is
            open in binary mode, which is read from its start if it can be. Or a Pillow
            image; or a `Picture`; or an array [H, W], [H, W, 1], [H, W, 3] or
            [H, W, 4] of bool, uint8, uint16 or floats in [0, 1], optionally with a
            leading axis of length 1. A Pillow image that is loaded has lost the colors
            that its file names by numbers.
        max_pixels: Largest H * W; a larger file is not decoded.
        what: Name of the picture in errors, e.g. "content picture".

    Returns:
        The picture; both sides are at least 2.

    Raises:
        InputError: If the file does not exist, is not readable or too large, or the
            array has another shape, type or range.
        MemoryError: If there is no memory for it.
    """
    if isinstance(source, Picture):
        return source
    label = what
    if isinstance(source, str | os.PathLike):
        label = f"{what} `{os.fsdecode(source)}`"
        with _guarded_pillow(label):
            bands = _from_file(source, label, max_pixels)
    elif _is_data(source) or hasattr(source, "read"):
        with _guarded_pillow(label):
            file = _as_file(source, label)
            bands = _from_opened(file, label, max_pixels)
    elif isinstance(source, Image.Image):
        with _guarded_pillow(label):
            bands = _from_pillow(source, label, max_pixels)
    else:
        bands = _from_array(source, label, max_pixels)
    return _without_hidden_colors(bands, label)


def opened(path: str | os.PathLike) -> Image.Image:
    """Returns the Pillow image of a file that this package wrote, loaded.

    Raises:
        InputError: If it cannot be read any more.
    """
    with _guarded_pillow(f"picture `{os.fsdecode(path)}`"), Image.open(path) as image:
        image.load()
        return image.copy()


def several(value: ImageLike | Sequence[ImageLike] | None, what: str) -> list:
    """Returns one picture, or a list or tuple of them, as a list; [] for None.

    Args:
        value: The argument of a public function.
        what: Its name, for errors.

    Raises:
        InputError: If it is made of nested lists: they could be one picture or many.
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        return [value]
    if any(isinstance(each, list | tuple) for each in value):
        raise InputError(
            f"`{what}` is made of nested lists, which could be one picture or many;"
            " make each picture an array: np.array(...)."
        )
    return list(value)


def _without_hidden_colors(bands: np.ndarray, label: str) -> Picture:
    pixels = np.ascontiguousarray(bands[None, ..., :3])  # [1, H, W, 3]
    transparency = np.ascontiguousarray(bands[None, ..., 3:])  # [1, H, W, 0 or 1]
    if not np.any(transparency < 1):
        return Picture(pixels, label=label)
    if not np.any(transparency > 0):
        raise InputError(f"{label} is fully transparent; choose another.")
    mean = mean_color(pixels, transparency)
    return Picture(np.where(transparency > 0, pixels, mean), transparency, label)


@contextlib.contextmanager
def _guarded_pillow(label: str) -> Iterator[None]:
    """Turns Pillow's exceptions into `InputError`, whatever the caller set in Pillow.

    Of warnings, only a `Notice` gets out.
    """
    with _PILLOW, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Notice)
        before = [getattr(module, name) for module, name, _ in _OF_PILLOW]
        for module, name, value in _OF_PILLOW:
            setattr(module, name, value)
        try:
            yield
        # A broken installation, and a picture that may well be whole.
        except (InputError, ImportError, MemoryError):
            raise
        # Decoders raise almost anything over damaged data: OSError, SyntaxError,
        # ValueError, EOFError, IndexError, struct.error, zlib.error, ...
        except Exception as error:
            raise InputError(f"{label} {_problem(error)}") from error
        finally:
            for (module, name, _), value in zip(_OF_PILLOW, before, strict=True):
                setattr(module, name, value)
    for notice in caught:
        warnings.warn(notice.message, stacklevel=4)  # the caller of `read`


def _problem(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist; check its name and folder."
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied; change its permissions."
    if isinstance(error, UnidentifiedImageError):
        return f"is no picture file; use {', '.join(_READABLE)} or HEIC."
    reason = getattr(error, "strerror", None) or str(error) or repr(error)
    return f"cannot be read: {reason}; if it is damaged, get a new copy."


def _check_size(width: int, height: int, max_pixels: int, label: str) -> None:
    text = f"{label} is {width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{text}; both sides must be at least {MIN_SIDE}.")
    if width * height > max_pixels:
        limit = f"over the limit of {max_pixels / 1e6:g} megapixels"
        raise InputError(f"{text}, {limit}; make it smaller or raise `max_pixels`.")


# --- Sources: each gives float32 [H, W, 3], or [H, W, 4] with transparency -----------


def _from_file(path: str | os.PathLike, label: str, max_pixels: int) -> np.ndarray:
    if os.path.isdir(path):  # opening it gives "permission denied" on Windows
        raise InputError(f"{label} is a folder; name a picture file.")
    with open(path, "rb") as opened:
        # A pipe, such as the shell's <(...), is not seekable.
        file = opened if opened.seekable() else io.BytesIO(opened.read())
        return _from_opened(file, label, max_pixels)


def _is_data(source: Any) -> bool:
    """Whether it is the content of a file; a memoryview can be an array as well."""
    if isinstance(source, memoryview):
        return source.ndim == 1 and source.itemsize == 1
    return isinstance(source, bytes | bytearray)


def _as_file(source: Any, label: str) -> io.BytesIO:
    """Returns bytes, or an open file, as a file that can be sought."""
    if _is_data(source):
        return io.BytesIO(source)
    if not getattr(source, "readable", lambda: True)() or source.read(0) != b"":
        raise InputError(
            f'{label} is a file open for writing or as text; open it with mode "rb".'
        )
    # As Pillow does: a file that was just written is at its end.
    if getattr(source, "seekable", lambda: False)():
        source.seek(0)
    return io.BytesIO(source.read())


def _from_opened(file: BinaryIO, label: str, max_pixels: int) -> np.ndarray:
    if file.seek(0, io.SEEK_END) == 0:
        raise InputError(f"{label} is empty; name a picture file.")
    header = file.read(HEADER_END) if file.seek(0) == 0 else b""
    if tiff.is_tiff(header):
        return _from_tiff(file, label, max_pixels)
    try:
        image = Image.open(file, formats=_READABLE)
    except Exception:
        if not _is_heic(header):
            raise
        image = _open_heic(file, label)
    return _from_pillow(image, label, max_pixels, file)


def _is_heic(header: bytes) -> bool:
    """Whether the first box of a file has a brand of HEIF: ISO/IEC 14496-12, 4.3."""
    size = int.from_bytes(header[:4], "big")
    box = header[:size] if size >= 16 else header
    brands = [box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))]
    return header[4:8] == b"ftyp" and any(brand in _HEIC_BRANDS for brand in brands)


def _from_tiff(file: BinaryIO, label: str, max_pixels: int) -> np.ndarray:
    page = tiff.full_page(file)
    if page is not None:
        _check_size(*page.size, max_pixels, label)
    file.seek(0)
    if page is not None and not tiff.is_for_pillow(page):
        return _from_samples(tiff.read(file, page, max_pixels, label))
    try:
        image = Image.open(file, formats=["TIFF"])
        image.seek(page.number if page else 0)
    except Exception:
        if page is None:  # it is no TIFF, but for its first bytes
            raise
        return _from_samples(tiff.read(file, page, max_pixels, label))
    return _from_pillow(image, label, max_pixels, file)


def _from_samples(samples: tiff.Samples) -> np.ndarray:
    bands = deep_to_srgb(samples.colors, samples.profile)
    if samples.transparency is not None:
        bands = np.concatenate([bands, samples.transparency], axis=-1)
    return _upright(bands, samples.orientation)


def _open_heic(file: BinaryIO, label: str) -> Image.Image:
    try:
        import pillow_heif
    except ImportError as error:
        remedy = "pip install 'vectormix_tf[heic]'"
        raise InputError(f"{label} needs the HEIC reader: {remedy}") from error
    # Not registered with Pillow, whose list of formats is the caller's too.
    return pillow_heif.HeifImageFile(file)


def _from_pillow(
    image: Image.Image, label: str, max_pixels: int, file: BinaryIO | None = None
) -> np.ndarray:
    _check_size(*image.size, max_pixels, label)
    if file is None and image.format == "TIFF" and not tiff.is_right_in_pillow(image):
        raise InputError(f"{label} is a TIFF that Pillow reads wrong; give its path.")
    space = color_tags.declared(image, file)
    bands = _bands(image, space, label, file)
    if space and not space.is_srgb:
        colors = colorimetry.to_srgb(bands[..., :3], space)
        bands = np.concatenate([colors, bands[..., 3:]], axis=-1)
    try:
        return _upright(bands, image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF counts as none
        return bands


def _bands(
    image: Image.Image,
    space: colorimetry.ColorSpace | None,
    label: str,
    file: BinaryIO | None,
) -> np.ndarray:
    """Returns colors in `space`, or else in sRGB, in as many bits as can be had."""
    profile = None if space else image.info.get("icc_profile")
    if file and space and space.is_hdr:
        if image.info.get("bit_depth", 8) > 8:
            return _from_deep_heic(file)
        deep = _from_deep_avif(file) if image.format == "AVIF" else None
        if deep is not None:
            return deep
    image.load()
    is_deep_gray = image.mode in ("I", "F") or image.mode.startswith("I;")
    is_gray = is_deep_gray or image.mode == "L"
    if file and _is_not_for_pillow(file) and is_srgb(profile, is_gray):
        return _from_png(file)
    if is_deep_gray:
        return _from_deep_gray(image, profile, label)
    return _from_bytes(image, profile)


def _upright(bands: np.ndarray, orientation: int) -> np.ndarray:
    swap, rows, columns = _UPRIGHT.get(orientation, _UPRIGHT[1])
    bands = bands.swapaxes(0, 1) if swap else bands
    return bands[:: -1 if rows else 1, :: -1 if columns else 1]


def _from_array(source: ArrayLike, label: str, max_pixels: int) -> np.ndarray:
    if np.ma.is_masked(source):
        raise InputError(f"{label} has masked values; fill them, as .filled(0) does.")
    try:
        values = np.asarray(source)
    except Exception as error:
        raise InputError(f"{label} is not an array of numbers: {error}") from error
    shape = values.shape
    if not shape:  # of None, a number, a dictionary
        raise InputError(
            f"{label} must be a path, the bytes of a picture file, a file open in"
            f" binary mode, a Pillow image or an array; received {repr(source):.40}."
        )
    if len(shape) == 4 or (len(shape) == 3 and shape[2] not in _CHANNELS):
        values = values[0] if shape[0] == 1 else values
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[2] not in _CHANNELS:
        allowed = "[H, W], [H, W, 1], [H, W, 3] or [H, W, 4], or [1, ...] of these"
        raise InputError(f"{label} must be {allowed}; received {list(shape)}.")
    _check_size(values.shape[1], values.shape[0], max_pixels, label)
    kind = values.dtype
    if kind.kind not in "bf" and not (kind.kind == "u" and kind.itemsize <= 2):
        raise InputError(
            f"{label} must be bool, uint8, uint16 or float; received {kind}."
        )
    most = np.iinfo(kind).max if kind.kind == "u" else 1
    low, high = np.min(values), np.max(values)
    if not (low >= 0 and high <= most):  # so is NaN
        raise InputError(
            f"{label} must be finite and in [0, 1]; received {low:.9g} to {high:.9g}."
        )
    values = values.astype(np.float32) / most
    return np.repeat(values, 3, axis=-1) if values.shape[2] == 1 else values


# --- Depths ---------------------------------------------------------------------------


def _from_bytes(image: Image.Image, profile: bytes | None) -> np.ndarray:
    """Reads modes of 8 bits and less; profiles are applied to the colors only."""
    if image.format == "BMP" and image.mode == "RGBA":
        # Most writers leave the fourth byte at 0, and mean an opaque picture.
        image = image if image.getchannel("A").getbbox() else image.convert("RGB")
    if image.mode in ("La", "RGBa"):  # premultiplied
        image = image.convert(image.mode.upper())
    elif image.mode in ("1", "L") and "transparency" in image.info:
        image = image.convert("LA")
    elif image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    color = to_srgb(image.convert(_PROFILED.get(image.mode, "RGB")), profile)
    if image.mode in ("LA", "RGBA"):  # not by the band's name: Lab has an "A" too
        color.putalpha(image.getchannel("A"))
    return np.float32(color) / MAX_8


def _from_deep_gray(
    image: Image.Image, profile: bytes | None, label: str
) -> np.ndarray:
    """Reads gray of 16 bits and more; outside of TIFF, 32 have the range of 16."""
    values = np.asarray(image)  # [H, W]
    if image.format == "TIFF":
        gray = tiff.deep_gray(image, label)
    elif not np.isfinite(values).all():
        raise ValueError("some values are not finite")
    else:
        most = 1 if image.mode == "F" else MAX_16
        gray = np.clip(values.astype(np.float32) / most, 0, 1)
    if is_srgb(profile, is_gray=True):
        color = np.stack([gray] * 3, axis=-1)
    else:
        shallow = Image.fromarray(np.rint(gray * MAX_8).astype(np.uint8))
        color = np.float32(to_srgb(shallow, profile)) / MAX_8
    key = image.info.get("transparency")  # the one level that is clear
    return color if key is None else np.dstack([color, np.float32(values != key)])


def _is_not_for_pillow(file: BinaryIO) -> bool:
    file.seek(0)
    header = file.read(IHDR_END)
    return header.startswith(PNG_SIGNATURE) and header[24:26] in _NOT_FOR_PILLOW


def _from_png(file: BinaryIO) -> np.ndarray:
    import tensorflow as tf

    file.seek(0)
    bands = tf.io.decode_png(file.read(), channels=4, dtype=tf.uint16)
    return np.float32(bands) / MAX_16


def _from_deep_heic(file: BinaryIO) -> np.ndarray:
    """Reads all bits, of which Pillow keeps 8: HDR has more than 8 bits can show."""
    import pillow_heif

    file.seek(0)
    opened = pillow_heif.open_heif(file, False, hdr_to_16bit=False)
    return _of_bits(np.asarray(opened), int(opened.mode.partition(";")[2]))


def _from_deep_avif(file: BinaryIO) -> np.ndarray | None:
    """Reads all bits as `_from_deep_heic`; None if that cannot be done."""
    bits = color_tags.avif_bits(file)
    if bits <= 8 or importlib.util.find_spec("imagecodecs") is None:
        return None
    import imagecodecs

    if not imagecodecs.AVIF.available:  # in some builds
        return None
    file.seek(0)
    return _of_bits(imagecodecs.avif_decode(file.read(), index=0), bits)


def _of_bits(values: np.ndarray, bits: int) -> np.ndarray:
    """Returns stored numbers [H, W] or [H, W, bands] as colors and transparency."""
    unit = np.float32(values) / (2**bits - 1)
    unit = unit[..., None] if unit.ndim == 2 else unit
    if unit.shape[2] >= 3:
        return unit
    return np.concatenate([np.repeat(unit[..., :1], 3, -1), unit[..., 1:]], axis=-1)


# --- Sizes ----------------------------------------------------------------------------


def scaled_side(side: Any, long: Any, size: Any) -> Any:
    """Returns side * size / long, rounded half up; for Python ints and int tensors.

    Args:
        side: A side of the picture.
        long: Its long side.
        size: What the long side becomes.
    """
    return (2 * side * size + long) // (2 * long)


def least_size(short: Any, long: Any, least: Any) -> Any:
    """Returns the least `size` with which `scaled_side` leaves a short side its pixels.

    For Python ints and int tensors.

    Args:
        short: Short side of the picture.
        long: Its long side.
        least: Fewest pixels that the short side may become.
    """
    return -(-(2 * least - 1) * long // (2 * short))


def fitted_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Returns the height and width with `size` as the long side, in the same aspect.

    Args:
        height: Height of the picture.
        width: Width of the picture.
        size: Length of the long side; 0 keeps the picture's own size.

    Returns:
        Height and width, rounded half up, at least 1.
    """
    if size == 0:
        return height, width
    long = max(height, width)
    height, width = (scaled_side(side, long, size) for side in (height, width))
    return max(1, height), max(1, width)


def reduced(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resizes a picture, except an opaque one that would become larger.

    Enlarging may wait until the picture is needed at full size; transparency cannot
    wait, because `fit` must weight the colors with it.

    Args:
        picture: The picture.
        size: (height, width) wanted.
    """
    if picture.transparency is not None or max(size) < max(picture.pixels.shape[1:3]):
        return fit(picture, size)
    return picture


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes with Lanczos and antialiasing.

    Args:
        pixels: [1, h, w, c] in [0, 1].
        size: (height, width) wanted.

    Returns:
        [1, height, width, c] in [0, 1]; `pixels` itself if it has that size.
    """
    if pixels.shape[1:3] == tuple(size):
        return pixels
    return np.clip(_lanczos(pixels, size), 0, 1)


def fit(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resizes a picture without mixing the colors of clear pixels into visible ones.

    Args:
        picture: The picture.
        size: (height, width) wanted.

    Returns:
        The picture in that size.
    """
    if picture.transparency is None or picture.pixels.shape[1:3] == tuple(size):
        pixels = resize(picture.pixels, size)
        return dataclasses.replace(picture, pixels=pixels)
    cover = _lanczos(picture.transparency, size)
    # Divided before clipping: both products overshoot at edges alike, which cancels.
    colors = _lanczos(picture.pixels * picture.transparency, size)
    pixels = colors / np.maximum(cover, _FAINT)
    hidden = mean_color(picture.pixels, picture.transparency)
    pixels = np.where(cover > _FAINT, np.clip(pixels, 0, 1), hidden)
    return Picture(pixels, np.clip(cover, 0, 1), picture.label)


def _lanczos(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    bands = [
        Image.fromarray(np.ascontiguousarray(band, np.float32))
        for band in np.moveaxis(np.asarray(pixels)[0], -1, 0)
    ]
    lanczos = Image.Resampling.LANCZOS
    return np.stack([band.resize((width, height), lanczos) for band in bands], -1)[None]


def mean_color(pixels: np.ndarray, transparency: np.ndarray | None) -> np.ndarray:
    """Returns the mean color [3], each pixel weighted by its transparency."""
    if transparency is None:
        return np.float32(np.mean(pixels, axis=(0, 1, 2), dtype=np.float64))
    total = np.sum(pixels * transparency, axis=(0, 1, 2), dtype=np.float64)
    return np.float32(total / np.sum(transparency, dtype=np.float64))
