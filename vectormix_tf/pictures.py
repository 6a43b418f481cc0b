"""Pictures: what all recipes for pictures share around the loop.

A picture runs through the loop with a reflected border, its frame, and is seen through
windows that are shifted a little from step to step; both stay inside this file.
"""

import contextlib
import dataclasses
import io
import os
import warnings
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import tensorflow as tf
from PIL import Image

from vectormix_tf import images, octaves, output
from vectormix_tf.bars import Bar
from vectormix_tf.features import Extractor
from vectormix_tf.loop import NOT_SHIFTED, Problem, Result, optimize
from vectormix_tf.objectives import Where
from vectormix_tf.settings import (
    MAX_STEPS,
    MINIMUM_SIDE,
    InputError,
    Notice,
    Progress,
    Settings,
    check_integer,
)

# Reflected pixels around every picture; what the network sees there counts nowhere.
MARGIN = 24

OnProgress = Callable[[Progress], None]


@dataclasses.dataclass(kw_only=True)
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

    def _repr_png_(self) -> bytes:
        return output.encode(self.image, ".png", self.alpha)


def run(
    problem: Problem,
    start: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor],
    sizes: list[tuple[int, int]],
    settings: Settings,
    alpha: np.ndarray | None,
    on_progress: OnProgress | None | str,
    pause_every: int,
    finish: Callable[[tf.Tensor], tf.Tensor] = lambda image: image,
) -> PictureResult:
    """Runs a problem on framed pictures; the frame is off whatever leaves.

    Args:
        problem: What is minimized; it sees framed images.
        start: (size of an octave as int32 [2], the image before it or None) -> image.
        sizes: Of the octaves, (height, width).
        settings: For the record.
        alpha: Of the result, or None.
        on_progress: Called with a `Progress`; "bar" shows a bar.
        pause_every: See `optimize`.
        finish: A last touch to what leaves, without the frame.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    bar = Bar() if on_progress == "bar" else None
    tell = bar or on_progress

    def framed_start(octave, before):
        before = None if before is None else unframe(before)
        return frame(start(tf.constant(sizes[octave]), before))

    def leave(x) -> np.ndarray:
        return np.clip(np.asarray(finish(unframe(tf.constant(x)))), 0.0, 1.0)

    def unframed_progress(progress):
        preview = progress.preview
        tell(dataclasses.replace(progress, preview=lambda: leave(preview())))

    work = [(height + 2 * MARGIN) * (width + 2 * MARGIN) for height, width in sizes]
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        result = optimize(
            problem,
            framed_start,
            work,
            unframed_progress if tell else None,
            pause_every,
        )
    image = leave(result.x)
    if alpha is not None:
        alpha = images.resize(alpha, image.shape[1:3])  # smaller if interrupted
    fields = {**vars(result), "x": image, "settings": settings}
    return PictureResult(**fields, alpha=alpha)


def frame(image: tf.Tensor) -> tf.Tensor:
    """Puts the reflected border around image [1, H, W, 3]."""
    return octaves.reflect(image, MARGIN)


def unframe(image: tf.Tensor) -> tf.Tensor:
    """Undoes `frame`."""
    return octaves.crop(image, MARGIN)


def inner_size(framed: tf.Tensor) -> tf.Tensor:
    """Height and width of a framed image without its border, int32 [2]."""
    return tf.shape(framed)[1:3] - 2 * MARGIN


def to_size(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns an image at `size` (int32 [2]), in [0, 1]."""
    return tf.clip_by_value(octaves.resize(image, size), 0.0, 1.0)


def observer(
    extractor: Extractor,
) -> Callable[[tf.Tensor, tf.Tensor, Iterable[str]], Mapping[str, tf.Tensor]]:
    """How a `Problem` sees a framed image through a shifted window."""
    return lambda x, shift, layers: extractor(tf.roll(x, shift, [1, 2]), layers)


def inside(extractor: Extractor) -> Where:
    """Weighs the cells: 1 for those that look at the picture, 0 for its border's."""

    def where(layer, activations):
        stride = extractor.info[layer].stride
        return octaves.interior(activations, max(1, MARGIN // stride))

    return where


def draw_shifts(seed: int, count: int, most: int) -> np.ndarray:
    """Draws offsets of up to `most` pixels, int32 [count, 2]; the first is none."""
    if most == 0:
        return NOT_SHIFTED
    drawn = np.random.default_rng(seed).integers(-most, most + 1, [count - 1, 2])
    return np.concatenate([NOT_SHIFTED, drawn]).astype(np.int32)


def check_size(size: tuple[int, int], what: str) -> None:
    """Refuses a final (height, width) that the network cannot see."""
    if min(size) < MINIMUM_SIDE:
        raise InputError(
            f"the {what} would be {size[1]} x {size[0]} pixels, and InceptionV3 needs"
            f" {MINIMUM_SIDE} a side; choose a larger --size or a less narrow picture."
        )


def plan(
    size: tuple[int, int], settings: Settings, shortest: int
) -> list[tuple[int, int]]:
    """Returns the octaves' sizes; those too small for the network get a notice.

    Args:
        size: Of the result, (height, width).
        settings: With `octaves` and `octave_scale`.
        shortest: Shortest side of any picture at full size.
    """
    sizes = octaves.plan(
        size, settings.octaves, settings.octave_scale, shortest, MINIMUM_SIDE
    )
    if len(sizes) < settings.octaves:
        warnings.warn(
            f"{settings.octaves - len(sizes)} of {settings.octaves} octaves would be"
            f" under {MINIMUM_SIDE} pixels a side and are left out.",
            Notice,
            stacklevel=3,
        )
    return sizes
