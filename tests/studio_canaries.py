"""A photograph that tells where it was taken, and what must not be told of it."""

import io

from PIL import Image

EMAIL = "canary-3141@example.org"
FILE = "canary-holiday-2718.jpg"
PLACE, CAMERA, COMMENT = "canary-Lat52", "canary-Camera", "canary-comment"
CANARIES = [each.encode() for each in (EMAIL, FILE, PLACE, CAMERA, COMMENT)]
GPS, MAKE, MAP_DATUM = 0x8825, 0x010F, 0x12


def jpeg(size=(300, 200)):
    exif = Image.Exif()
    exif[MAKE] = CAMERA
    exif.get_ifd(GPS)[MAP_DATUM] = PLACE
    file = io.BytesIO()
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.save(file, "JPEG", exif=exif, comment=COMMENT.encode())
    data = file.getvalue()
    assert all(each.encode() in data for each in (PLACE, CAMERA, COMMENT))
    return data
