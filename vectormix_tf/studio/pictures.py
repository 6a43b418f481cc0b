"""Pictures of jobs: what they begin with, what pages show of them meanwhile."""

import io
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.io import images, output
from vectormix_tf.studio import leases

CONTENT = {"mix": "content", "dream": "image"}  # the slot whose shapes are kept
PREVIEW_SIDE = 512  # pixels
PREVIEW_QUALITY = 80  # of JPEG
_BUILTIN = pathlib.Path(__file__).parent / "paintings"


def builtin(name: str) -> bytes:
    """The picture file of one of the package's own styles.

    Raises:
        FileNotFoundError: If there is none of this name.
    """
    return (_BUILTIN / f"{pathlib.PurePath(name).name}.jpg").read_bytes()


def builtin_names() -> list[str]:
    """Names of the package's own styles."""
    return sorted(path.stem for path in _BUILTIN.glob("*.jpg"))


def read(
    inputs: Mapping[str, leases.Input], get: Callable[[str], bytes]
) -> dict[str, bytes]:
    """Picture files of a job, by slot.

    Args:
        inputs: Of its lease.
        get: Key of the store -> bytes.
    """
    return {
        slot: builtin(each.builtin) if each.key is None else get(each.key)
        for slot, each in inputs.items()
    }


def content_of(kind: str, pictures: Mapping[str, bytes]) -> bytes | None:
    """The picture that a job changes; a dream's may be called "content" as well."""
    return pictures.get(CONTENT[kind], pictures.get("content"))


def small_jpeg(picture: bytes) -> bytes:
    """Returns a small JPEG of a PNG or JPEG file, for a page."""
    with Image.open(io.BytesIO(picture), formats=["PNG", "JPEG"]) as image:
        image.draft("RGB", (PREVIEW_SIDE, PREVIEW_SIDE))  # decodes fewer pixels
        return _jpeg(image.convert("RGB"))


def small_jpeg_of(pixels: np.ndarray) -> bytes:
    """The same of an array [H, W, 3] of floats in [0, 1]."""
    return _jpeg(Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8)))


def _jpeg(image: Image.Image) -> bytes:
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), reducing_gap=2.0)
    image.info = {}
    file = io.BytesIO()
    image.save(file, "JPEG", quality=PREVIEW_QUALITY)
    return file.getvalue()


def with_transparency(png: bytes, content: bytes | None, max_pixels: int) -> bytes:
    """Gives a result the transparency of its content, if that has any.

    Args:
        png: The result.
        content: File of the content, or None.
        max_pixels: As of a mix.
    """
    if content is None or not _has_transparency(content):
        return png
    transparency = images.read(content, max_pixels, "content picture").transparency
    if transparency is None:
        return png
    pixels: Any = images.read(png, max_pixels, "result").pixels
    fitted = images.resize(transparency, pixels.shape[1:3])
    return output.encode(pixels, ".png", fitted)


def _has_transparency(file: bytes) -> bool:
    with Image.open(io.BytesIO(file)) as image:
        return image.has_transparency_data
