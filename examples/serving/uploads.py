"""Uploads: a visitor's picture is checked, made upright and small, and let go of."""

import io

import numpy as np
from PIL import Image

from vectormix_tf.errors import InputError
from vectormix_tf.io import images, output

# What browsers choose and Pillow's safest decoders read: the type, Pillow's name.
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
MEGA = 1e6


def prepare(
    data: bytes, what: str, size: int, max_pixels: int
) -> tuple[bytes, np.ndarray | None]:
    """Makes of a file what the model takes, as the client of the package does.

    Args:
        data: A PNG, JPEG or WebP file, whatever it was said to be.
        what: Name of the picture in errors, e.g. "style picture".
        size: Long side of the result; a larger picture is brought down to it.
        max_pixels: A larger picture is refused before it is decoded.

    Returns:
        An upright sRGB PNG of 8 bits, and the transparency that the result will have,
        [1, H, W, 1] or None.

    Raises:
        InputError: If it is no such picture, or too large, or broken.
    """
    with _opened(data, what) as image:
        if image.width * image.height > max_pixels:
            raise InputError(
                f"the {what} is {image.width} x {image.height} pixels, over the limit"
                f" of {max_pixels / MEGA:g} megapixels; choose a smaller one."
            )
        picture = images.read(image, max_pixels, f"the {what}")
    height, width = picture.pixels.shape[1:3]
    picture = images.reduced(picture, images.fitted_size(height, width, size))
    return output.encode(picture.pixels, ".png"), picture.alpha


def _opened(data: bytes, what: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=tuple(TYPES.values()))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"the {what} has too many pixels; choose another.") from error
    except Exception as error:  # over broken headers decoders raise almost anything
        text = f"the {what} is no PNG, JPEG or WebP file; choose another."
        raise InputError(text) from error


def with_alpha(png: bytes, alpha: np.ndarray | None) -> bytes:
    """Gives a result the transparency that its content had."""
    if alpha is None:
        return png
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = images.read(image).pixels
    return output.encode(pixels, ".png", alpha)
