"""Checks uploaded pictures and converts them for the model."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

import vectormix_tf
from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, output

# {media type: Pillow's name}; only widely used formats with well-tested decoders.
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
MEGA = 1e6
# Settings of a mix that its preview depends on.
LOOK = ("size", "alpha", "color", "abstraction", "placement")
# Pixels of a short side that are sent in any case: what a network needs at most. The
# model enlarges the result of a panorama to it, and has the detail then.
LEAST_SIDE = max(network.minimum for network in BACKBONES.values())


def prepare(
    data: bytes, what: str, size: int, max_pixels: int
) -> tuple[bytes, np.ndarray | None]:
    """Converts a file to what the model takes, as `vectormix_tf.client` does.

    Args:
        data: Content of a PNG, JPEG or WebP file; its declared type is ignored.
        what: Name of the picture in errors, e.g. "style picture".
        size: Long side of the result; a larger picture is reduced to it, unless its
            short side would have less than `LEAST_SIDE` pixels.
        max_pixels: Largest number of pixels; a larger picture is not decoded.

    Returns:
        An upright sRGB PNG file of 8 bits, and the picture's transparency, [1, H, W, 1]
        or None.

    Raises:
        InputError: If it is no such file, too large, or damaged.
    """
    with _opened(data, what) as image:
        if image.width * image.height > max_pixels:
            raise InputError(
                f"the {what} is {image.width} x {image.height} pixels, over the limit"
                f" of {max_pixels / MEGA:g} megapixels; choose a smaller one."
            )
        picture = images.read(image, max_pixels, f"the {what}")
    height, width = picture.pixels.shape[1:3]
    long = max(height, width)
    least = images.least_size(min(height, width), long, LEAST_SIDE)
    size = max(size, min(long, least))
    picture = images.reduced(picture, images.fitted_size(height, width, size))
    return output.encode(picture.pixels, ".png"), picture.transparency


def preview(inputs: Mapping[str, Any], settings: Mapping[str, Any]) -> bytes:
    """Returns what a mix will look like, as JPEG.

    Args:
        inputs: With the two pictures, of the model's signature.
        settings: Of the mix, by name; `LOOK` are used.

    Raises:
        InputError: If it cannot be made.
    """
    look = {name: settings[name] for name in LOOK if name in settings}
    pictures = (inputs[f"{name}_bytes"] for name in ("content", "style"))
    return output.encode(vectormix_tf.preview(*pictures, **look).image, ".jpg")


def _opened(data: bytes, what: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=tuple(TYPES.values()))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"the {what} has too many pixels; choose another.") from error
    except Exception as error:  # damaged headers raise almost anything
        text = f"the {what} is no PNG, JPEG or WebP file; choose another."
        raise InputError(text) from error


def with_transparency(png: bytes, transparency: np.ndarray | None) -> bytes:
    """Adds the transparency of the content, [1, H, W, 1] or None, to a PNG file."""
    if transparency is None:
        return png
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = images.read(image).pixels
    return output.encode(pixels, ".png", transparency)
