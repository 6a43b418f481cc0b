"""Zooming: an endless way into a dream, each frame dreamt from the one before."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.config.dream import EASINGS, ZoomSettings
from vectormix_tf.config.setting import combined
from vectormix_tf.io import images, output, video
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series

FPS = 15.0
# A frame is given the first one's colors so often: what ends at black and white takes a
# little of their spread away each time.
RECOLORINGS = 4
BICUBIC_REACH = 2  # pixels to each side that a bicubic sample sees


def zoom(
    image: Any,
    *,
    guide: Any = None,
    made: Sequence[Any] = (),
    on_progress: Callable[[Progress], None] | None | str = "bar",
    settings: ZoomSettings | None = None,
    **options,
) -> Iterator[Any]:
    """Dreams a film that goes ever deeper into a picture.

    The first frame is a dream of the picture. Every other one is the frame before,
    enlarged, turned and shifted, dreamt a few steps further (the endless zoom of
    google/deepdream's notebook), in the first one's colors: their mean and covariance
    are held, so that the film drifts neither to dark nor to contrast.

    A frame is handed on as a file holds it, in 8 bits: so a film that goes on from
    files gives the same bytes as one that was never stopped.

    Args:
        image: As `dream` takes it.
        guide: As `dream` takes it.
        made: The film's first frames, if there are some: it goes on behind them. Only
            the first and the last of them are read.
        on_progress: Called with a `Progress` about every second, whose octaves are the
            frames; "bar" shows a bar.
        settings: All settings as an object.
        **options: Settings by name, those of `ZoomSettings`; they win.

    Returns:
        An iterator over a `PictureResult` for each frame that is still to be made.

    Raises:
        KeyboardInterrupt: At Ctrl-C, from the iterator; a frame is made whole or not.
        InputError: If a picture or a setting cannot be used; one line says why.
    """
    settings = combined(ZoomSettings, settings, options)
    return _frames(image, guide, list(made), on_progress, settings)


def move(frame: Image.Image, settings: ZoomSettings, number: int) -> Image.Image:
    """Returns the frame that the one before becomes; beyond its borders it is mirrored.

    Args:
        frame: The one before, RGB.
        settings: With `zoom`, `rotate`, `shift`, `easing` and `frames`.
        number: Of the new frame, from 2.
    """
    pace = EASINGS[settings.easing]((number - 1.5) / max(1, settings.frames - 1))
    scale = (1 + settings.zoom / 100) ** -pace
    angle = math.radians(settings.rotate * pace)
    sides = np.array(frame.size)
    shift = np.array(settings.shift_pair) / 100 * sides * pace
    # From a pixel of the new frame to where it was: back by the shift, then turned
    # and shrunk around the middle.
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    middle = sides / 2
    corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]) * sides[:, np.newaxis]
    reach = np.abs(matrix @ (corners - (middle + shift)[:, np.newaxis])).max()
    border = math.ceil(max(0, reach - min(middle))) + BICUBIC_REACH
    offset = middle + border - matrix @ (middle + shift)
    wide = np.pad(
        np.asarray(frame), [(border,) * 2, (border,) * 2, (0, 0)], "symmetric"
    )
    data = (*matrix[0], offset[0], *matrix[1], offset[1])
    return Image.fromarray(wide).transform(
        frame.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC
    )


def _frames(image, guide, made, on_progress, settings) -> Iterator[Any]:
    from vectormix_tf.backbone.precision import resolve_precision
    from vectormix_tf.config.backbones import whole_layers
    from vectormix_tf.recipes.dream import dream

    settings = resolve_precision(
        settings, whole_layers([settings.layers], settings.backbone)
    )
    if not made:
        first = dream(image, guide=guide, on_progress=on_progress, settings=settings)
        if not first.finished:
            raise KeyboardInterrupt
        yield first
        made = [first.pil]
    if len(made) >= settings.frames:
        return
    first, last = (_as_a_file_has_it(made[at], settings) for at in (0, -1))
    further = _Further(settings, guide, first)
    bar = ProgressBar("frame") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        for number in range(len(made) + 1, settings.frames + 1):
            result = further(move(last, settings, number), number, bar or on_progress)
            yield result
            last = result.pil


def _as_a_file_has_it(picture, settings) -> Image.Image:
    pixels = images.read(picture, settings.max_pixels).pixels[0]
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


class _Further:
    """Dreams on from a frame, with one trace for all of them."""

    def __init__(self, settings: ZoomSettings, guide: Any, first: Image.Image):
        import tensorflow as tf

        from vectormix_tf.ops.border import pad
        from vectormix_tf.ops.color import hold_light, soften
        from vectormix_tf.optim.canvas import adjusted
        from vectormix_tf.recipes.dream import build_problem, read_guide

        self.settings = settings
        self.first = tf.constant(np.float32(first)[np.newaxis] / 255)
        padded = pad(self.first)
        self.problem = build_problem(
            settings,
            adjusted(lambda x: soften(hold_light(x, padded))),
            settings.further_steps,
            read_guide(settings, guide),
        )
        self.traces = {}
        self.begun = time.monotonic()
        self.count = 0

    def __call__(self, frame: Image.Image, number: int, tell: Any):
        import tensorflow as tf

        from vectormix_tf.ops.border import crop_padding, pad
        from vectormix_tf.ops.color import color_with, recolor
        from vectormix_tf.optim.loop import optimize

        x = pad(tf.constant(np.float32(frame)[np.newaxis] / 255))
        result = optimize(
            self.problem,
            lambda octave, before: x,
            [1.0] * number,
            tell and self._telling(tell, number),
            first=number - 1,  # so that each frame is jittered in its own way
            traces=self.traces,
        )
        if not result.finished:
            raise KeyboardInterrupt
        self.count += 1
        image = crop_padding(tf.constant(result.x))
        if self.settings.color == "content":
            image = color_with(image, crop_padding(x))
        for _ in range(RECOLORINGS):
            image = recolor(image, self.first)
        fields = {**vars(result), "x": image.numpy(), "settings": self.settings}
        return PictureResult(**fields)

    def _telling(self, tell, number):
        def told(progress):
            left = progress.seconds_left
            if self.count:
                each = (time.monotonic() - self.begun) / self.count
                left = each * (self.settings.frames - number + 1)
            octaves = self.settings.frames
            tell(dataclasses.replace(progress, octaves=octaves, seconds_left=left))

        return told


# --- Into files -----------------------------------------------------------------------


def to_film(
    path: str, recipe: Callable[..., Iterator[Any]], fps: float, overwrite: bool
) -> bool:
    """Makes a zoom and writes it as a film.

    Args:
        path: Of the film.
        recipe: `zoom`, with its picture and settings.
        fps: Frames per second.
        overwrite: Whether a file may be replaced.

    Returns:
        Whether all of it was made; False after Ctrl-C, with the film so far.

    Raises:
        KeyboardInterrupt: If there was no frame yet.
    """
    return video.record(path, lambda keep: _make(recipe, (), keep), fps, overwrite)


def to_folder(series: Series, recipe: Callable[..., Iterator[Any]]) -> bool:
    """Makes the frames that a folder lacks.

    Args:
        series: With a name for each frame.
        recipe: `zoom`, with its picture and settings.

    Returns:
        Whether all is there; False after Ctrl-C.
    """
    series.begin()
    names = series.names
    missing = (i for i, name in enumerate(names) if not series.has(name))
    there = next(missing, len(names))
    left = iter(names[there:])
    return _make(
        recipe,
        [series.path(name) for name in names[:there]],
        lambda made: series.add(next(left), output.encode(made.image, ".png")),
    )


def _make(recipe, there: Sequence[str], keep: Callable[[Any], None]) -> bool:
    with contextlib.suppress(KeyboardInterrupt):
        for made in recipe(made=there):
            keep(made)
        return True
    return False
