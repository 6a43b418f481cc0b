"""The process that decodes one picture of a stranger, and ends.

It has no secrets in its environment, no open files but its two pipes, and the limits of
`intake.Limits`. `intake` starts it.
"""

import contextlib
import importlib
import io
import json
import sys
import warnings
from typing import Any

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from vectormix_tf.io import color_tags, images, output, tiff
from vectormix_tf.io.images import Picture
from vectormix_tf.studio import intake, thumbnails
from vectormix_tf.studio.intake import Limits, UploadError
from vectormix_tf.studio.thumbnails import Thumbnail

# Of a PNG, in bytes: profiles of printers have more than Pillow's million.
_MOST_TEXT = 1 << 23
_OPEN_FILES = 64  # libraries are loaded when they are first needed

# What a WebP file says of its kind, RFC 9649, 2.6: lossless.
_LOSSLESS_WEBP = b"VP8L"
_WEBP_HEAD = 64  # bytes in which the first chunk of pixels is named
_LOSSLESS = ("PNG", "GIF", "TIFF")
# 95 is the highest that Pillow recommends; 4:4:4 stores colors at full size.
_JPEG = {"quality": 95, "subsampling": "4:4:4"}
_DEEP = "IF"  # first letters of Pillow's modes with more than 8 bits
_FULLY_CLEAR = "fully transparent"  # in an error of `images.read`
_GAP = 2.0  # coarse reduction stops at twice the size: as good as none, and faster


def main(limits: str) -> None:
    """Reads a file from stdin and writes what `intake.accept` needs to stdout."""
    allowed = Limits(**json.loads(limits))
    warnings.simplefilter("ignore")
    # Its limit is replaced by our own, of the header.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = _MOST_TEXT
    _confine(allowed)
    sys.stdout.buffer.write(answer(sys.stdin.buffer.read(), allowed))
    sys.stdout.buffer.flush()


def _confine(limits: Limits) -> None:
    """Takes away from this process what decoding does not need."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    for name, most in (
        ("RLIMIT_AS", limits.memory),
        ("RLIMIT_CPU", limits.cpu_seconds),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_NPROC", 0),
        ("RLIMIT_NOFILE", _OPEN_FILES),
    ):
        # macOS has not all of them, and lets address space grow.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            number = getattr(resource, name)
            # At the upper limit of time the signal would be that of any death.
            resource.setrlimit(number, (most, most + (name == "RLIMIT_CPU")))


def answer(data: bytes, limits: Limits) -> bytes:
    """Returns a line of JSON and the pictures, or a line with an error's code."""
    try:
        made = render(data, limits)
    except UploadError as refused:
        return _line({"code": refused.code, "values": refused.values})
    except MemoryError:
        return _line({"code": "out_of_memory", "values": {}})
    parts = [
        {
            "bytes": len(each.data),
            "type": each.media_type,
            "width": each.width,
            "height": each.height,
        }
        for each in made
    ]
    return b"".join([_line({"parts": parts}), *(each.data for each in made)])


def _line(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode() + b"\n"


def render(data: bytes, limits: Limits) -> list[Thumbnail]:
    """Decodes a picture and makes it anew, with its thumbnails.

    Args:
        data: Content of a file.
        limits: Of pixels and of the result's size.

    Returns:
        The picture, and a thumbnail for each of `thumbnails.SIDES`.

    Raises:
        UploadError: If it is no picture, too large or damaged.
        MemoryError: If there is no memory for it.
    """
    kind = intake.kind_of(data)
    if kind is None:
        raise UploadError("not_a_picture")
    try:
        picture = _read(data, kind, limits)
    except (UploadError, MemoryError):
        raise
    # Decoders raise almost anything over damaged data.
    except Exception as error:
        clear = _FULLY_CLEAR in str(error)
        raise UploadError("transparent" if clear else "broken") from error
    small = _fitted(picture, limits.side)
    image = thumbnails.bare(output.as_pillow(small.pixels, small.transparency))
    is_lossless = kind in _LOSSLESS or _LOSSLESS_WEBP in data[:_WEBP_HEAD]
    whole = _encoded(image, is_lossless or image.mode == "RGBA")
    return [whole, *thumbnails.make(image)]


def _encoded(image: Image.Image, is_lossless: bool) -> Thumbnail:
    file = io.BytesIO()
    if is_lossless:
        image.save(file, "PNG")
    else:
        image.save(file, "JPEG", **_JPEG)
    media_type = "image/png" if is_lossless else "image/jpeg"
    return Thumbnail(file.getvalue(), media_type, image.width, image.height)


def _fitted(picture: Picture, side: int) -> Picture:
    height, width = picture.pixels.shape[1:3]
    if max(height, width) <= side:
        return picture
    return images.fit(picture, images.fitted_size(height, width, side))


def _read(data: bytes, kind: str, limits: Limits) -> Picture:
    """Reads a file as `images.read`, and needs less memory for most.

    A large picture is reduced by Pillow, in 8 bits and while a JPEG is decoded, before
    it becomes floats; except where its numbers mean something that Pillow does not
    know.
    """
    file = io.BytesIO(data)
    if kind == "TIFF":
        return _of_tiff(file, limits)
    image = _opened(file, kind)
    _check(*image.size, limits)
    space = color_tags.declared(image, file)
    if kind != "JPEG" and space and not space.is_srgb:
        # As an image and not as a file, or TensorFlow is loaded for a deep PNG.
        return images.read(image if kind == "PNG" else data, limits.pixels)
    if max(image.size) > limits.side:
        image = _reduced(image, limits.side)
    return images.read(image, limits.pixels)


def _of_tiff(file: io.BytesIO, limits: Limits) -> Picture:
    page = tiff.full_page(file)
    if page is None:
        raise UploadError("broken")
    _check(*page.size, limits)
    return images.read(file, limits.pixels)


def _opened(file: io.BytesIO, kind: str) -> Image.Image:
    if kind != "HEIF":
        return Image.open(file, formats=[kind])
    with contextlib.suppress(UnidentifiedImageError):
        return Image.open(file, formats=["AVIF"])
    import pillow_heif

    file.seek(0)
    return pillow_heif.HeifImageFile(file)


def _reduced(image: Image.Image, side: int) -> Image.Image:
    if image.mode[0] in _DEEP:  # `images.read` knows how deep
        return image
    # Numbers of a palette, and one clear level, cannot be averaged.
    if image.mode in ("P", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=_GAP)
    return image


def _check(width: int, height: int, limits: Limits) -> None:
    if min(width, height) < images.MIN_SIDE:
        raise UploadError("too_small")
    if width * height > limits.pixels:
        limit = limits.pixels / intake.MEGA
        raise UploadError("too_many_pixels", width=width, height=height, limit=limit)
