"""Results: what a run returns, on this machine and from a server."""

import dataclasses
import os
import warnings
from typing import Generic, TypeVar

import numpy as np
from PIL import Image

from vectormix_tf.errors import Notice
from vectormix_tf.io import output

S = TypeVar("S")


@dataclasses.dataclass(kw_only=True)
class Result(Generic[S]):
    """What a run returns; `S` is the class of its settings.

    Attributes:
        x: What was optimized, in the shape of the start: a vector, or an image
            [1, H, W, 3] in [0, 1].
        losses: `{term: [steps]}`: the weighted loss before each step of all octaves.
        seconds: Duration of the steps, tracing included.
        finished: False if Ctrl-C or a lost server ended the run early.
        steps: Number of steps planned for each octave.
        settings: All settings of the run; None for `mix_vectors`.
    """

    x: np.ndarray
    losses: dict[str, np.ndarray]
    seconds: float
    finished: bool
    steps: tuple[int, ...] = ()
    settings: S = None


@dataclasses.dataclass(kw_only=True, repr=False)
class PictureResult(Result[S]):
    """A `Result` that is a picture; a notebook displays it.

    Wherever a function takes a picture, `image` can be given.

    Attributes:
        transparency: That of the picture it was made from, resized, [H, W, 1] in
            [0, 1]: 1 is opaque, 0 is clear. None if that was opaque.
    """

    transparency: np.ndarray | None = None

    @property
    def image(self) -> np.ndarray:
        """The picture, [H, W, 3], RGB (sRGB), float32 in [0, 1]."""
        return self.x[0]

    @property
    def pil(self) -> Image.Image:
        """The picture as a Pillow image, 8 bits per channel, RGB or RGBA."""
        # Not from a file, of which Pillow refuses large ones.
        return output.as_pillow(self.image, self.transparency)

    def save(
        self, path: str | os.PathLike, depth: int = 8, overwrite: bool = False
    ) -> None:
        """Writes a picture file atomically; warns if transparency is lost.

        Args:
            path: File to write; its ending selects PNG, JPEG, WebP or TIFF.
            depth: Bits per channel, 8, or 16 for PNG.
            overwrite: Whether `path` may exist already.

        Raises:
            InputError: If the file exists and `overwrite` is false, or its format
                cannot hold the picture.
            OutputError: If writing fails, e.g. on a full disk.
        """
        ending = os.path.splitext(os.fsdecode(path))[1].lower()
        if self.transparency is not None and output.FORMATS.get(ending) == "JPEG":
            warnings.warn(
                "JPEG has no transparency; the picture was laid on white.",
                Notice,
                stacklevel=2,
            )
        output.write(path, self.image, self.transparency, depth, overwrite)

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        steps = max(map(len, self.losses.values()), default=0)
        last = {
            name: round(float(losses[-1]), 4)
            for name, losses in self.losses.items()
            if steps
        }
        return f"<{width} x {height} pixels, {steps} steps, losses {last}>"

    def _repr_png_(self) -> bytes:
        return output.encode(self.image, ".png", self.transparency)
