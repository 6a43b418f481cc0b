"""The package's own styles: what they are called, and small versions of them."""

import functools
import io

from PIL import Image
from sqlalchemy.engine import Connection

from vectormix_tf.studio import pictures, styles, thumbnails
from vectormix_tf.studio.database import writes

VAN_GOGH = "Vincent van Gogh"
# {name of the file: (title, who painted it and when)}
PAINTINGS = {
    "cafe_terrace": ("Café Terrace at Night", f"{VAN_GOGH}, 1888"),
    "church_at_auvers": ("The Church at Auvers", f"{VAN_GOGH}, 1890"),
    "langlois_bridge": ("The Langlois Bridge", f"{VAN_GOGH}, 1888"),
    "road_to_tarascon": ("On the Road to Tarascon", f"{VAN_GOGH}, 1888"),
    "night_cafe": ("The Night Café", f"{VAN_GOGH}, 1888"),
    "vestibule_asylum": ("Vestibule of the Asylum", f"{VAN_GOGH}, 1889"),
    "pere_tanguy": ("Portrait of Père Tanguy", f"{VAN_GOGH}, 1887"),
    "harvest": ("The Harvest", f"{VAN_GOGH}, 1888"),
}


@writes
def install(source: Connection) -> None:
    """Enters them among the styles; again is no harm."""
    styles.install(source, PAINTINGS)


@functools.cache
def sizes(name: str) -> tuple[int, int]:
    """Width and height of one, in pixels."""
    with Image.open(io.BytesIO(pictures.builtin(name))) as image:
        return image.size


@functools.cache
def small(name: str, side: int) -> thumbnails.Thumbnail:
    """A version with a long side of one of `thumbnails.SIDES` pixels."""
    with Image.open(io.BytesIO(pictures.builtin(name))) as image:
        made = thumbnails.make(image.convert("RGB"))
    return made[thumbnails.SIDES.index(side)]
