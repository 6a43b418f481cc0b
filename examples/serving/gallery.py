"""Pictures that visitors can choose, from examples/images; see SOURCES.md there."""

import io
import pathlib
from typing import NamedTuple

from PIL import Image, ImageOps

FOLDER = pathlib.Path(__file__).parent.parent / "images"
THUMB = 192  # pixels a side: a tile of 96 on a screen of double density

VAN_GOGH = "Vincent van Gogh"
CC0, CC_BY = "CC0", "CC BY 2.0"  # works without a license here are public domain


class Work(NamedTuple):
    """Caption of a picture."""

    title: str
    credit: str


STYLES = {
    "cafe_terrace": Work("Café Terrace at Night", f"{VAN_GOGH}, 1888"),
    "church_at_auvers": Work("The Church at Auvers", f"{VAN_GOGH}, 1890"),
    "langlois_bridge": Work("The Langlois Bridge", f"{VAN_GOGH}, 1888"),
    "road_to_tarascon": Work("On the Road to Tarascon", f"{VAN_GOGH}, 1888"),
    "night_cafe": Work("The Night Café", f"{VAN_GOGH}, 1888"),
    "vestibule_asylum": Work("Vestibule of the Asylum", f"{VAN_GOGH}, 1889"),
    "pere_tanguy": Work("Portrait of Père Tanguy", f"{VAN_GOGH}, 1887"),
    "harvest": Work("The Harvest", f"{VAN_GOGH}, 1888"),
    "hubble": Work("Hubble Deep Field", "NASA/ESA"),
}
PHOTOGRAPHS = {
    "pavilion": Work("Pavilion", f"danielbuechele · {CC_BY}"),
    "flower": Work("Dahlia", f"vultilion · {CC_BY}"),
    "coffee": Work("Coffee", f"Rachel Michetti · {CC0}"),
    "cat": Work("Chelsea", f"Stefan van der Walt · {CC0}"),
    "astronaut": Work("Eileen Collins", "NASA"),
    "rocket": Work("Falcon 9", f"SpaceX · {CC0}"),
}
# {slot of the page, and prefix of the file names: works}
_ROLES = {"content": PHOTOGRAPHS, "style": STYLES}


class Gallery:
    """All pictures of the gallery, in memory (about 1 MB).

    Attributes:
        listing: `{role: [{name, title, credit}, ...]}`.
        files: `{role/name: content of a JPEG file}`.
        thumbs: `{role/name: content of a JPEG file}`, square, `THUMB` pixels a side.
    """

    def __init__(self, folder: pathlib.Path = FOLDER):
        self.listing: dict[str, list[dict[str, str]]] = {}
        self.files: dict[str, bytes] = {}
        self.thumbs: dict[str, bytes] = {}
        for role, works in _ROLES.items():
            self.listing[role] = []
            for name, work in works.items():
                path = folder / f"{role}_{name}.jpg"
                if not path.is_file():  # e.g. in a copy of this folder alone
                    continue
                self.files[f"{role}/{name}"] = data = path.read_bytes()
                self.thumbs[f"{role}/{name}"] = _thumb(data)
                self.listing[role].append({"name": name, **work._asdict()})


def _thumb(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        square = ImageOps.fit(image.convert("RGB"), (THUMB, THUMB))
    small = io.BytesIO()
    square.save(small, "JPEG", quality=82, optimize=True)
    return small.getvalue()
