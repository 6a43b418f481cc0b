"""Reads and fits pictures; with `output`, all that knows what a picture file is.

An *image* is a float32 array [1, H, W, 3], RGB, in [0, 1]. What else a picture may
be (its depth, alpha, orientation, profile) is settled by `read`, once.
"""

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, UnidentifiedImageError

from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError
from vectormix_tf.io.icc import MAX_8, is_srgb, to_srgb

# A picture of a single row or column has no structure to speak of.
MIN_SIDE = 2

# Arrays may be gray, RGB or RGBA.
_BANDS = (1, 3, 4)

# Named, so that no other decoder of Pillow's (EPS starts Ghostscript) sees a file.
_READABLE = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF")
_HEIC_ENDINGS = (".heic", ".heif")
# Of files that are taken for pictures where a folder is named.
ENDINGS = (
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".gif", ".bmp", ".avif"),
    *_HEIC_ENDINGS,
)

# The mode in which a picture meets its profile; "RGB" for all others.
_PROFILED = {"1": "L", "L": "L", "LA": "L", "CMYK": "CMYK", "LAB": "LAB"}

# EXIF 2.32, tag 0x0112: how the stored rows and columns become what is seen, as
# (swap rows and columns first, reverse the rows, reverse the columns).
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

# PNG specification, 5.2 and 11.2: a signature, then IHDR with depth and color type
# in bytes 24 and 25. Of 16 bits in RGB, gray with alpha and RGBA Pillow keeps 8, and
# in gray of 2 and 4 bits it does not find the transparent level.
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CUT_BY_PILLOW = (b"\x10\x02", b"\x10\x04", b"\x10\x06", b"\x02\0", b"\x04\0")
IHDR_END = 33

MAX_16 = 65535

# Alpha below half a step of 8 bits cannot be seen, and its color is mostly rounding.
_FAINT = 0.5 / MAX_8

# Pillow's limit and Python's warning filters belong to the whole process.
_PILLOW = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """An image and how much of it covers what lies behind.

    Attributes:
        pixels: Image [1, H, W, 3]; colors are straight, not multiplied by alpha.
        alpha: [1, H, W, 1] in [0, 1], or None where everything is opaque.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None


def read(
    source: "str | os.PathLike | Image.Image | ArrayLike | Picture",
    max_pixels: int = MAX_PIXELS,
    what: str = "picture",
) -> Picture:
    """Reads a picture as it is meant to be seen: upright, in sRGB.

    Colors that alpha hides change nothing: they are replaced by the mean of the
    visible ones. 16 bits of a gray picture or a PNG are kept, unless a profile other
    than sRGB must be converted, which Pillow does in 8 bits; other files give 8 bits.

    Args:
        source: Path of a JPEG, PNG, WebP, TIFF, GIF or AVIF (of both the first
            frame), BMP or HEIC file (with pillow_heif); a Pillow image; a `Picture`; or
            [H, W], [H, W, 1], [H, W, 3] or [H, W, 4], with or without a leading 1, of
            uint8, uint16 or floats in [0, 1].
        max_pixels: Largest H * W; a file is refused before it is decoded.
        what: Name of the picture in errors, e.g. "content picture".

    Returns:
        The picture, with both sides at least 2.

    Raises:
        InputError: If there is no such picture, or it cannot be used.
    """
    if isinstance(source, Picture):
        return source
    label = what
    if isinstance(source, str | os.PathLike):
        label = f"{what} `{os.fsdecode(source)}`"
        with _pillow_tamed(label):
            bands = _from_file(source, label, max_pixels)
    elif isinstance(source, Image.Image):
        with _pillow_tamed(label):
            bands = _from_pillow(source, label, max_pixels)
    else:
        bands = _from_array(source, label, max_pixels)
    return _without_hidden_colors(bands, label)


def _without_hidden_colors(bands: np.ndarray, label: str) -> Picture:
    pixels = np.ascontiguousarray(bands[None, ..., :3])  # [1, H, W, 3]
    alpha = np.ascontiguousarray(bands[None, ..., 3:])  # [1, H, W, 0 or 1]
    if not np.any(alpha < 1):
        return Picture(pixels)
    if not np.any(alpha > 0):
        raise InputError(f"{label} is fully transparent; choose one that can be seen.")
    return Picture(np.where(alpha > 0, pixels, _mean_color(pixels, alpha)), alpha)


@contextlib.contextmanager
def _pillow_tamed(label: str) -> Iterator[None]:
    """Lifts Pillow's own limit for `max_pixels`, and gives its errors one form."""
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        except (InputError, ImportError):  # the latter is no fault of the picture
            raise
        # Over broken data decoders raise almost anything: OSError, SyntaxError,
        # ValueError, EOFError, IndexError, struct.error, zlib.error, ...
        except Exception as error:
            raise InputError(f"{label} {_complaint(error)}") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _complaint(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist; check its name and folder."
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied; change its permissions."
    if isinstance(error, UnidentifiedImageError):
        return f"is no picture that can be read; use {', '.join(_READABLE)} or HEIC."
    reason = getattr(error, "strerror", None) or str(error) or repr(error)
    return f"cannot be read: {reason}; if it is broken, get a new copy."


def _check_size(width: int, height: int, max_pixels: int, label: str) -> None:
    text = f"{label} is {width} x {height} pixels"
    if min(width, height) < MIN_SIDE:
        raise InputError(f"{text}; both sides must be at least {MIN_SIDE}.")
    if width * height > max_pixels:
        limit = f"over the limit of {max_pixels / 1e6:g} megapixels"
        raise InputError(f"{text}, {limit}; make it smaller or raise `--max_pixels`.")


# The three sources. Each gives float32 [H, W, 3], or [H, W, 4] with alpha.


def _from_file(path: str | os.PathLike, label: str, max_pixels: int) -> np.ndarray:
    if os.path.isdir(path):  # of which Windows says "permission denied"
        raise InputError(f"{label} is a folder; name a picture file.")
    with open(path, "rb") as opened:
        # A pipe, such as a shell's <(...), cannot be sought in.
        file = opened if opened.seekable() else io.BytesIO(opened.read())
        if file.seek(0, io.SEEK_END) == 0:
            raise InputError(f"{label} is empty; name a picture file.")
        try:
            image = Image.open(file, formats=_READABLE)
        except Exception:
            if not os.fsdecode(path).lower().endswith(_HEIC_ENDINGS):
                raise
            image = _open_heic(file, label)
        return _from_pillow(image, label, max_pixels, file)


def _open_heic(file: BinaryIO, label: str) -> Image.Image:
    try:
        import pillow_heif
    except ImportError as error:
        remedy = "pip install 'vectormix_tf[heic]'"
        raise InputError(f"{label} needs the HEIC reader: {remedy}") from error
    pillow_heif.register_heif_opener()
    return Image.open(file, formats=["HEIF"])


def _from_pillow(
    image: Image.Image, label: str, max_pixels: int, file: BinaryIO | None = None
) -> np.ndarray:
    _check_size(*image.size, max_pixels, label)
    image.load()
    if file is not None and _is_cut_by_pillow(file) and is_srgb(image):
        bands = _from_png(file)
    elif image.mode in ("I", "F") or image.mode.startswith("I;"):
        bands = _from_deep_gray(image)
    else:
        bands = _from_bytes(image)
    try:
        swap, rows, columns = _UPRIGHT[image.getexif().get(_ORIENTATION_TAG, 1)]
    except Exception:  # no such orientation, or broken EXIF: as good as none
        return bands
    bands = bands.swapaxes(0, 1) if swap else bands
    return bands[:: -1 if rows else 1, :: -1 if columns else 1]


def _from_array(source: ArrayLike, label: str, max_pixels: int) -> np.ndarray:
    try:
        values = np.asarray(source)
    except Exception as error:
        raise InputError(f"{label} is not an array of numbers: {error}") from error
    shape = values.shape
    if len(shape) == 4 or (len(shape) == 3 and shape[2] not in _BANDS):
        values = values[0] if shape[0] == 1 else values
    values = values[..., None] if values.ndim == 2 else values
    if values.ndim != 3 or values.shape[2] not in _BANDS:
        allowed = "[H, W], [H, W, 1], [H, W, 3] or [H, W, 4], or these after a 1"
        raise InputError(f"{label} must be {allowed}; received {list(shape)}.")
    _check_size(values.shape[1], values.shape[0], max_pixels, label)
    kind = values.dtype
    if kind.kind != "f" and not (kind.kind == "u" and kind.itemsize <= 2):
        raise InputError(f"{label} must be uint8, uint16 or float; received {kind}.")
    most = 1 if kind.kind == "f" else np.iinfo(kind).max
    if not (np.min(values) >= 0 and np.max(values) <= most):  # so is NaN
        raise InputError(f"{label} must be finite and in [0, 1]; some values are not.")
    values = values.astype(np.float32) / most
    return np.repeat(values, 3, axis=-1) if values.shape[2] == 1 else values


# What Pillow holds, by depth.


def _from_bytes(image: Image.Image) -> np.ndarray:
    """Reads all modes of 8 bits and less; profiles never see alpha."""
    profile = image.info.get("icc_profile")
    if image.mode in ("La", "RGBa"):  # multiplied by alpha
        image = image.convert(image.mode.upper())
    elif image.mode in ("1", "L") and "transparency" in image.info:
        image = image.convert("LA")
    elif image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    color = to_srgb(image.convert(_PROFILED.get(image.mode, "RGB")), profile)
    if image.mode in ("LA", "RGBA"):  # not by the name of the band: Lab has an "A"
        color.putalpha(image.getchannel("A"))
    return np.float32(color) / MAX_8


def _from_deep_gray(image: Image.Image) -> np.ndarray:
    """Reads 16 bits, 32 bits in the range of 16, and floats in [0, 1]."""
    values = np.asarray(image).astype(np.float32)  # [H, W]
    if not np.isfinite(values).all():
        raise ValueError("some values are not finite")
    gray = np.clip(values / (1 if image.mode == "F" else MAX_16), 0, 1)
    if is_srgb(image):
        color = np.stack([gray] * 3, axis=-1)
    else:
        shallow = Image.fromarray(np.rint(gray * MAX_8).astype(np.uint8))
        color = np.float32(to_srgb(shallow, image.info["icc_profile"])) / MAX_8
    key = image.info.get("transparency")  # the one level that is see-through
    return color if key is None else np.dstack([color, np.float32(values != key)])


def _is_cut_by_pillow(file: BinaryIO) -> bool:
    file.seek(0)
    header = file.read(IHDR_END)
    return header.startswith(_PNG_SIGNATURE) and header[24:26] in _CUT_BY_PILLOW


def _from_png(file: BinaryIO) -> np.ndarray:
    import tensorflow as tf

    file.seek(0)
    bands = tf.io.decode_png(file.read(), channels=4, dtype=tf.uint16)
    return np.float32(bands) / MAX_16


# Sizes.


def fitted_size(height: int, width: int, size: int) -> tuple[int, int]:
    """Gives the height and width whose long side is `size`, in the same aspect.

    Args:
        height: Height of the picture.
        width: Width of the picture.
        size: The long side asked for; 0 keeps the picture's own size.

    Returns:
        Height and width, rounded half up, at least 1.
    """
    if size == 0:
        return height, width
    long = max(height, width)
    height, width = (
        max(1, (2 * side * size + long) // (2 * long)) for side in (height, width)
    )
    return height, width


def reduced(picture: Picture, size: tuple[int, int]) -> Picture:
    """Brings a picture to (height, width), but enlarges none without transparency.

    What is smaller may wait until it is needed as large as that.
    """
    if picture.alpha is not None or max(size) < max(picture.pixels.shape[1:3]):
        return fit(picture, size)
    return picture


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes by Lanczos with antialiasing.

    Args:
        pixels: [1, h, w, c] in [0, 1].
        size: Height and width to reach.

    Returns:
        [1, height, width, c] in [0, 1]; `pixels` itself where it has that size.
    """
    if pixels.shape[1:3] == tuple(size):
        return pixels
    return np.clip(_lanczos(pixels, size), 0, 1)


def fit(picture: Picture, size: tuple[int, int]) -> Picture:
    """Resizes a picture; hidden colors do not bleed into visible ones.

    Args:
        picture: The picture.
        size: Height and width to reach.

    Returns:
        The picture in that size.
    """
    if picture.alpha is None or picture.pixels.shape[1:3] == tuple(size):
        return Picture(resize(picture.pixels, size), picture.alpha)
    alpha = _lanczos(picture.alpha, size)
    # Divided before it is clipped: color and alpha overshoot alike, which cancels.
    pixels = _lanczos(picture.pixels * picture.alpha, size) / np.maximum(alpha, _FAINT)
    hidden = _mean_color(picture.pixels, picture.alpha)
    pixels = np.where(alpha > _FAINT, np.clip(pixels, 0, 1), hidden)
    return Picture(pixels, np.clip(alpha, 0, 1))


def _lanczos(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    bands = [
        Image.fromarray(np.ascontiguousarray(band, np.float32))
        for band in np.moveaxis(np.asarray(pixels)[0], -1, 0)
    ]
    lanczos = Image.Resampling.LANCZOS
    return np.stack([band.resize((width, height), lanczos) for band in bands], -1)[None]


def _mean_color(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Averages what is seen, [3]: each pixel counts as much as it covers."""
    total = np.sum(pixels * alpha, axis=(0, 1, 2), dtype=np.float64)
    return np.float32(total / np.sum(alpha, dtype=np.float64))
