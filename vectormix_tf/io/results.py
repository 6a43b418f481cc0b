"""Results: what a run made; nothing heavy, for a client has them as well."""

import dataclasses
import io
import os
import warnings
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.errors import Notice
from vectormix_tf.io import output


@dataclasses.dataclass(kw_only=True)
class Result:
    """What a run made.

    Attributes:
        x: The mix, in the shape of what it started from.
        losses: `{term: weighted loss before each step}`, all octaves in a row.
        seconds: How long the steps took, tracing included.
        finished: False if Ctrl-C ended it early.
        steps: Of each octave, those included that Ctrl-C kept from being taken.
        settings: What it was made with.
    """

    x: np.ndarray
    losses: dict[str, np.ndarray]
    seconds: float
    finished: bool
    steps: tuple[int, ...] = ()
    settings: Any = None


@dataclasses.dataclass(kw_only=True, repr=False)
class PictureResult(Result):
    """A `Result` that is a picture; a notebook shows it.

    Attributes:
        alpha: Transparency of the picture it was made from, [1, H, W, 1], or None.
    """

    alpha: np.ndarray | None = None

    @property
    def image(self) -> np.ndarray:
        """Image [1, H, W, 3], float32 in [0, 1]."""
        return self.x

    @property
    def pil(self) -> Image.Image:
        """The picture as Pillow has it, 8 bits per channel."""
        return Image.open(io.BytesIO(output.encode(self.image, ".png", self.alpha)))

    def save(self, path: str | os.PathLike, depth: int = 8, overwrite: bool = False):
        """Writes a PNG, JPEG, WebP or TIFF file by the ending, whole or not at all."""
        ending = os.path.splitext(os.fsdecode(path))[1].lower()
        if self.alpha is not None and output.FORMATS.get(ending) == "JPEG":
            warnings.warn(
                "JPEG has no transparency; the picture was laid on white.",
                Notice,
                stacklevel=2,
            )
        output.write(path, self.image, self.alpha, depth, overwrite)

    def __repr__(self) -> str:
        height, width = self.image.shape[1:3]
        steps = max(map(len, self.losses.values()), default=0)
        last = {
            n: round(float(each[-1]), 4) for n, each in self.losses.items() if steps
        }
        return f"<{width} x {height} pixels, {steps} steps, losses {last}>"

    def _repr_png_(self) -> bytes:
        return output.encode(self.image, ".png", self.alpha)
