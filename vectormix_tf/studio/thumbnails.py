"""Small versions of a picture, for pages that show many."""

import dataclasses
import io

from PIL import Image

# Long sides, in pixels: a card on a plain screen, and on one with twice the pixels.
SIDES = (320, 960)
# Of JPEG and WebP: a card is looked at closely, and a feed has dozens of them.
_QUALITY = 84
_GAP = 2.0  # coarse reduction stops at twice the size: as good as none, and faster


@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A small version of a picture.

    Attributes:
        data: Content of the file, without any metadata.
        media_type: "image/jpeg", or "image/webp" if some pixels are transparent.
        width: In pixels.
        height: In pixels.
    """

    data: bytes
    media_type: str
    width: int
    height: int


def make(image: Image.Image) -> list[Thumbnail]:
    """Returns one thumbnail for each of `SIDES`; none is larger than the picture.

    Args:
        image: RGB or RGBA, in sRGB.
    """
    return [_thumbnail(image, side) for side in SIDES]


def _thumbnail(image: Image.Image, side: int) -> Thumbnail:
    small = image.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=_GAP)
    kind, saving = "JPEG", {"progressive": True}
    if small.mode == "RGBA":
        kind, saving = "WEBP", {}
    file = io.BytesIO()
    bare(small).save(file, kind, quality=_QUALITY, **saving)
    media_type = f"image/{kind.lower()}"
    return Thumbnail(file.getvalue(), media_type, small.width, small.height)


def bare(image: Image.Image) -> Image.Image:
    """Returns the pixels alone: Pillow writes profiles and texts that it has read."""
    copy = image.copy()
    copy.info = {}
    return copy
