"""Films: pictures one after another in one file."""

import io
import os
from collections.abc import Sequence

from PIL import Image

from vectormix_tf import output
from vectormix_tf.checks import InputError, check_number
from vectormix_tf.profiles import SRGB_PROFILE

# What can be written: the file's ending, and Pillow's name for the format.
FORMATS = {".webp": "WEBP", ".gif": "GIF"}

QUALITY = 90  # of WebP: less than a picture's 95, for the eye has an eighth of a second
MILLISECONDS = 1000
FPS = 8.0
MAX_FPS = 50  # browsers show a GIF of more at 10
MIN_FPS = 0.1
FOREVER = 0  # how often a film is repeated, as both formats have it


def is_film(path: str) -> bool:
    """Whether a path names a film rather than a folder, by its ending.

    Raises:
        InputError: If it has an ending that no film has.
    """
    ending = os.path.splitext(path)[1]
    if ending and ending.lower() not in FORMATS:
        raise InputError(
            f"output `{path}` must end with {' or '.join(FORMATS)} for a film, or"
            f" without an ending for a folder of pictures; received `{ending}`."
        )
    return bool(ending)


def check_fps(fps: float) -> None:
    """Refuses what is no number of pictures per second."""
    check_number("fps", fps, MIN_FPS, MAX_FPS)


def encode(pictures: Sequence[Image.Image], ending: str, fps: float) -> bytes:
    """Makes the bytes of a film that is repeated forever.

    The same input always gives the same bytes.

    Args:
        pictures: At least one; all of one size, RGB or RGBA. A GIF lays them on white.
        ending: One of `FORMATS`.
        fps: Pictures per second, in [0.1, 50]; a GIF counts hundredths of a second.

    Returns:
        The whole file.

    Raises:
        InputError: If the format cannot hold such pictures.
    """
    kind = FORMATS[ending.lower()]
    if kind == "GIF":
        pictures = [output.on_white(picture) for picture in pictures]
    first, *others = pictures
    file = io.BytesIO()
    try:
        first.save(
            file,
            kind,
            save_all=True,
            append_images=others,
            duration=round(MILLISECONDS / fps),
            loop=FOREVER,
            quality=QUALITY,  # which a GIF does not have
            icc_profile=SRGB_PROFILE,
        )
    except (OSError, ValueError, RuntimeError) as error:  # WebP ends at 16383 pixels
        size = f"{first.width} x {first.height} pixels"
        raise InputError(
            f"{kind} cannot hold a film of {size}: {error}; choose a smaller --size."
        ) from error
    return file.getvalue()
