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
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from vectormix_tf import images, octaves, output
from vectormix_tf.bars import Bar
from vectormix_tf.checkpoint import load, save
from vectormix_tf.checks import InputError, Notice, check_integer
from vectormix_tf.features import Extractor
from vectormix_tf.layers import BACKBONES, DEFAULT
from vectormix_tf.loop import NOT_SHIFTED, Checkpoint, Problem, Result, optimize
from vectormix_tf.objectives import Where
from vectormix_tf.settings import MAX_STEPS, Progress, Settings

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
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    fingerprint: Callable[[], Mapping[str, Any]] | None = None,
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
        checkpoint: File that says every few seconds, and at the end, where the run
            stands; None for none.
        resume: Whether to go on from that file.
        fingerprint: Returns that of the run, from `fingerprints.fingerprint`; called
            only where there is a checkpoint, for it goes through all pictures again.
    """
    check_integer("pause_every", pause_every, 0, MAX_STEPS)
    if resume and checkpoint is None:
        raise InputError("`resume` needs `checkpoint`; name the file to go on from.")
    mark = fingerprint() if checkpoint is not None else None
    begun = load(checkpoint, mark) if resume else None
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
            begun,
            _saving(checkpoint, mark) if checkpoint is not None else None,
        )
    image = leave(result.x)
    if alpha is not None:
        alpha = images.resize(alpha, image.shape[1:3])  # smaller if interrupted
    fields = {**vars(result), "x": image, "settings": settings}
    return PictureResult(**fields, alpha=alpha)


def _saving(path, fingerprint) -> Callable[[Checkpoint], None]:
    def write(checkpoint):
        try:
            save(path, checkpoint, fingerprint)
        except InputError as error:  # hours of work end with a picture all the same
            text = f"{error} The run goes on without this checkpoint."
            warnings.warn(text, Notice, stacklevel=2)

    return write


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


def fitted(image: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Returns an image as large as framed ones of a shape (int32 vector), framed."""
    return frame(to_size(image, shape[1:3] - 2 * MARGIN))


def at_scales(layers: Mapping[str, float], levels: int) -> dict[str, float]:
    """The same layers, seen at full size, at half, at a quarter, ...

    Broad strokes count as much as fine ones then.

    Args:
        layers: Names with weights.
        levels: How many sizes.

    Returns:
        Names such as `"mixed2@4"`, with their weights, for an `observer`.
    """
    return {
        f"{name}@{2**level}" if level else name: weight
        for level in range(levels)
        for name, weight in layers.items()
    }


def observer(
    extractor: Extractor, masks: Mapping[str, tf.Tensor] | None = None
) -> Callable[[tf.Tensor, tf.Tensor, Iterable[str]], Mapping[str, tf.Tensor]]:
    """How a `Problem` sees a framed image through a shifted window.

    Args:
        extractor: What looks; `"mixed2@4"` is its layer mixed2 of the image at a
            quarter of its size.
        masks: [1, H, W, 1] each; they are seen too, framed and shifted as the image is.
    """

    def observe(x, shift, layers):
        observed, scales = {}, {}
        for layer in layers:
            name, _, scale = layer.partition("@")
            scales.setdefault(int(scale or 1), {})[name] = layer
        window = _window(x, shift)
        for scale, names in scales.items():
            seen = extractor(_smaller(window, scale), names)
            observed |= {names[name]: activations for name, activations in seen.items()}
        for name, mask in (masks or {}).items():
            observed[name] = _window(fitted(mask, tf.shape(x)), shift)
        return observed

    return observe


def _window(image, view):
    """Images as they are seen from `view`; see `draw_views`."""
    for axis, flip in enumerate(tf.unstack(view)[TURNS], start=1):
        image = tf.cond(
            flip > 0,
            lambda image=image, axis=axis: tf.reverse(image, [axis]),
            lambda image=image: image,
        )
    image = tf.roll(image, view[:2], [1, 2])
    leans = view[TURNS.stop :]
    return _leaned(image, leans) if leans.shape[0] else image


def _leaned(image, view):
    """Image enlarged to so many percent and rotated by so many degrees; bilinear.

    TensorFlow's gradient of it is the gradient seen from the inverse view, which is not
    quite the adjoint: it is smoothed as an image is.
    """
    percent, degrees = tf.unstack(tf.cast(view, tf.float32))
    angle, scale = degrees * (np.pi / 180), percent / 100
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    y, x = tf.unstack(tf.cast(tf.shape(image)[1:3] - 1, tf.float32) / 2)  # the middle
    back = [cosine, -sine, x - cosine * x + sine * y]
    back += [sine, cosine, y - sine * x - cosine * y, 0.0, 0.0]
    seen = tf.raw_ops.ImageProjectiveTransformV3(
        images=image,
        transforms=[back],
        output_shape=tf.shape(image)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(seen, image.shape)


def _smaller(image, scale):
    return image if scale == 1 else tf.nn.avg_pool2d(image, scale, scale, "VALID")


def inside(extractor: Extractor) -> Where:
    """Weighs the cells: 1 for those that look at the picture, 0 for its border's."""

    def where(layer, observed):
        name, _, scale = layer.partition("@")
        stride = extractor.info[name].stride * int(scale or 1)
        # A layer of one cell that sees everything, the logits, counts whole.
        margin = max(1, MARGIN // stride) if stride else 0
        return octaves.interior(observed[layer], margin)

    return where


def middle(layer: str, observed: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Weighs the cells: 1 for the one in the middle alone; a `Where`."""
    shape = tf.shape(observed[layer])
    rows, columns = (tf.one_hot(shape[i] // 2, shape[i]) for i in (1, 2))
    return (rows[:, tf.newaxis] * columns)[tf.newaxis, :, :, tf.newaxis]


TURNS = slice(2, 4)  # the numbers of a view that say what is turned over


def draw_views(
    seed: int,
    count: int,
    most: int,
    flips: bool = False,
    leans: tuple[int, int] | None = None,
) -> np.ndarray:
    """Draws from where a picture is seen: shifts, and whether it is turned over.

    Args:
        seed: Of the shifts.
        count: How many, if there is more than one.
        most: Greatest shift along a side, pixels.
        flips: Whether each side is reversed in turn. A network is not the same network
            to a reversed picture, so what all of them like is less of an accident.
        leans: Greatest change of its size in percent, and greatest rotation in degrees.

    Returns:
        int32 [count, 2, 4 or 6]: rows and columns to roll, then rows and columns to
        reverse (0 or 1), then size in percent and rotation in degrees. The first view
        is the picture as it is.
    """
    if most == 0 and not flips and leans is None:
        return NOT_SHIFTED
    random, numbers = np.random.default_rng(seed), np.arange(count)
    drawn = random.integers(-most, most + 1, [count - 1, 2])
    views = np.concatenate([NOT_SHIFTED, drawn])
    if flips or leans is not None:
        turned = [numbers % 2, numbers // 2 % 2] if flips else [0 * numbers] * 2
        views = np.column_stack([views, *turned])
    if leans is not None:
        drawn = random.integers(-np.array(leans), np.array(leans) + 1, [count - 1, 2])
        leaned = np.concatenate([NOT_SHIFTED, drawn]) + [100, 0]
        views = np.column_stack([views, leaned])
    return views.astype(np.int32)


def check_size(
    size: tuple[int, int], what: str, backbone: str = DEFAULT, flag: str = "size"
) -> None:
    """Refuses a final (height, width), set by `flag`, that the network cannot see."""
    network = BACKBONES[backbone]
    if min(size) < network.minimum:
        raise InputError(
            f"the {what} would be {size[1]} x {size[0]} pixels, and {network.title}"
            f" needs {network.minimum} a side; choose a larger --{flag} or a less"
            " narrow picture."
        )


def plan(
    size: tuple[int, int], settings: Settings, shortest: int
) -> list[tuple[int, int]]:
    """Returns the octaves' sizes; those too small for the network get a notice.

    Args:
        size: Of the result, (height, width).
        settings: With `octaves`, `octave_scale` and `backbone`.
        shortest: Shortest side of any picture at full size.
    """
    minimum = BACKBONES[settings.backbone].minimum
    sizes = octaves.plan(
        size, settings.octaves, settings.octave_scale, shortest, minimum
    )
    if len(sizes) < settings.octaves:
        warnings.warn(
            f"{settings.octaves - len(sizes)} of {settings.octaves} octaves would be"
            f" under {minimum} pixels a side and are left out.",
            Notice,
            stacklevel=3,
        )
    return sizes
