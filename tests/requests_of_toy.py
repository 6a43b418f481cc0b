"""Requests to the model of `toy`, for several test files."""

import io

import numpy as np
from PIL import Image

SIDE = 80


def noise(seed, height=64, width=SIDE):
    """A picture, uint8 [height, width, 3]."""
    drawn = np.random.default_rng(seed)
    return drawn.integers(0, 256, [height, width, 3], dtype=np.uint8)


CONTENT, STYLE = noise(1), noise(2)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


PAIR = {"content_bytes": png(CONTENT), "style_bytes": png(STYLE)}
REST = {"alpha": 0.3, "steps": 5, "size": SIDE, "seed": 0}
