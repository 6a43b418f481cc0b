"""Zooms: films that go ever deeper into a dream, each frame dreamt from the last."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Unpack

import numpy as np
from PIL import Image

from vectormix_tf.config.dream import EASINGS, ZoomSettings
from vectormix_tf.config.options import ZoomOptions
from vectormix_tf.config.setting import combined
from vectormix_tf.io import images, output, video
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.progress import Progress, ProgressBar
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series

OnProgress = Callable[[Progress], None]

FPS = 15.0
# How many times a frame gets the color statistics of the first one. Once is not enough:
# clipping at black and white reduces their variance a little each time.
RECOLORINGS = 4
BICUBIC_REACH = 2  # pixels on each side that a bicubic sample depends on


def zoom(
    image: ImageLike,
    *,
    guide: ImageLike | None = None,
    made: Sequence[ImageLike] = (),
    on_progress: OnProgress | Literal["bar"] | None = "bar",
    settings: ZoomSettings | None = None,
    **options: Unpack[ZoomOptions],
) -> Iterator[PictureResult[ZoomSettings]]:
    """Makes the frames of a film that goes ever deeper into a dream.

    The first frame is a dream of the image. Every other one is the frame before,
    enlarged, rotated and shifted, and dreamt for a few more steps (the endless zoom of
    google/deepdream's notebook). As a departure from the notebook, every frame gets the
    mean and covariance of the first one's colors; otherwise brightness and contrast
    would drift. Frames are opaque, also where the image is not: its clear pixels have
    the mean of the visible colors.

    Each frame is made from the one before rounded to 8 bits, as a PNG file holds it. So
    a film that continues from saved frames gives the same bytes as one without
    interruption.

    Args:
        image: As of `dream`.
        guide: As of `dream`.
        made: Frames of this film that exist already, from the first on: the film
            continues after them. Only the first and the last of them are read.
        on_progress: Called with a `Progress` about every second, in which the frames
            count as octaves; "bar" shows a progress bar, None shows nothing.
        settings: All settings as an object; None takes the defaults.
        **options: Single settings, by the names of the fields of `ZoomSettings`. They
            take precedence over `settings`.

    Returns:
        An iterator over the results of the frames that do not exist yet; each frame is
        made when its result is requested.

    Raises:
        InputError: If an image or a setting cannot be used.
        KeyboardInterrupt: By the iterator, after Ctrl-C. There are no unfinished
            frames.
    """
    settings = combined(ZoomSettings, settings, options)
    return _frames(image, guide, list(made), on_progress, settings)


def move(frame: Image.Image, settings: ZoomSettings, number: int) -> Image.Image:
    """Enlarges, rotates and shifts a frame, which becomes the start of the next one.

    Beyond its borders the frame is continued by reflection.

    Args:
        frame: The frame before, RGB.
        settings: With `zoom`, `rotate`, `shift`, `easing` and `frames`.
        number: Number of the new frame, from 2 to `frames`.

    Returns:
        RGB, in the size of `frame`.
    """
    pace = EASINGS[settings.easing]((number - 1.5) / max(1, settings.frames - 1))
    scale = (1 + settings.zoom / 100) ** -pace
    angle = math.radians(settings.rotate * pace)
    size = np.array(frame.size)  # width, height
    shift = np.array(settings.shift_pair) / 100 * size * pace
    # Maps a pixel of the new frame to its position in the old one: the inverse shift,
    # then the inverse rotation and scaling around the center.
    cosine, sine = scale * math.cos(angle), scale * math.sin(angle)
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    center = size / 2
    corners = np.array([[0, 0, 1, 1], [0, 1, 0, 1]]) * size[:, np.newaxis]  # [2, 4]
    reach = np.abs(matrix @ (corners - (center + shift)[:, np.newaxis])).max()
    border = math.ceil(max(0, reach - min(center))) + BICUBIC_REACH
    offset = center + border - matrix @ (center + shift)
    padded = np.pad(
        np.asarray(frame), [(border,) * 2, (border,) * 2, (0, 0)], "symmetric"
    )
    data = (*matrix[0], offset[0], *matrix[1], offset[1])
    return Image.fromarray(padded).transform(
        frame.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC
    )


def _frames(
    image: ImageLike,
    guide: ImageLike | None,
    frames: list[ImageLike],
    on_progress: OnProgress | Literal["bar"] | None,
    settings: ZoomSettings,
) -> Iterator[PictureResult[ZoomSettings]]:
    """Yields the frames that follow those in `frames`."""
    from vectormix_tf.backbone.precision import resolve_precision
    from vectormix_tf.config.backbones import whole_layers
    from vectormix_tf.recipes.dream import dream

    settings = resolve_precision(
        settings, whole_layers([settings.layers], settings.backbone)
    )
    if not frames:
        result = dream(image, guide=guide, on_progress=on_progress, settings=settings)
        if not result.finished:
            raise KeyboardInterrupt
        result = dataclasses.replace(result, transparency=None)  # as all that follow
        yield result
        frames = [result.pil]
    if len(frames) >= settings.frames:
        return
    first, last = (_to_8_bits(frames[i], settings) for i in (0, -1))
    dreamer = _FrameDreamer(settings, guide, first)
    bar = ProgressBar("frame") if on_progress == "bar" else None
    with contextlib.closing(bar) if bar else contextlib.nullcontext():
        for number in range(len(frames) + 1, settings.frames + 1):
            moved = move(last, settings, number)
            result = dreamer.dream(moved, number, bar or on_progress)
            yield result
            last = result.pil


def _to_8_bits(frame: ImageLike, settings: ZoomSettings) -> Image.Image:
    """Reads a frame as an RGB image of 8 bits."""
    pixels = images.read(frame, settings.max_pixels).pixels[0]
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


class _FrameDreamer:
    """Dreams of one frame after another, all with the same traced functions."""

    def __init__(
        self, settings: ZoomSettings, guide: ImageLike | None, first: Image.Image
    ):
        import tensorflow as tf

        from vectormix_tf.backbone.environment import check_caller
        from vectormix_tf.ops.border import pad
        from vectormix_tf.ops.color import hold_light, soften
        from vectormix_tf.optim.canvas import adjusted
        from vectormix_tf.recipes.dream import Source, build_problem, read_guide

        check_caller()
        self._settings = settings
        self._first = tf.constant(np.float32(first)[np.newaxis] / 255)
        padded = pad(self._first)
        self._problem = build_problem(
            settings,
            adjusted(lambda x: soften(hold_light(x, padded))),
            settings.further_steps,
            read_guide(settings, guide),
        )
        # `color="content"` is that of the frame itself, in `dream`.
        chroma = "free" if settings.color == "content" else settings.chroma
        self._finish = Source(self._first, None).build_finish("dream", chroma)
        self._traces = {}
        self._started = time.monotonic()
        self._count = 0  # frames that are finished

    def dream(
        self, frame: Image.Image, number: int, on_progress: OnProgress | None
    ) -> PictureResult[ZoomSettings]:
        """Returns the result for a frame.

        Args:
            frame: Initial image, from `move`.
            number: Number of the frame, from 2.
            on_progress: Called with a `Progress` of the whole film.

        Raises:
            KeyboardInterrupt: After Ctrl-C.
        """
        import tensorflow as tf

        from vectormix_tf.ops.border import pad
        from vectormix_tf.optim.loop import optimize

        x = pad(tf.constant(np.float32(frame)[np.newaxis] / 255))
        result = optimize(
            self._problem,
            lambda octave, previous: x,
            [1.0] * number,
            on_progress and self._with_film_progress(on_progress, number, x),
            first=number - 1,  # the transforms of a step depend on it
            traces=self._traces,
        )
        if not result.finished:
            raise KeyboardInterrupt
        self._count += 1
        image = self._picture(result.x, x)
        fields = {**vars(result), "x": image, "settings": self._settings}
        return PictureResult(**fields)

    def _picture(self, optimized: np.ndarray, start: Any) -> np.ndarray:
        """Returns the frame [1, H, W, 3] of an optimized image; both are padded."""
        import tensorflow as tf

        from vectormix_tf.ops.border import crop_padding
        from vectormix_tf.ops.color import color_with, recolor

        image = crop_padding(tf.constant(optimized))
        if self._settings.color == "content":
            image = color_with(image, crop_padding(start))
        for _ in range(RECOLORINGS):
            image = recolor(image, self._first)
        return self._finish(image).numpy()

    def _with_film_progress(
        self, callback: OnProgress, number: int, start: Any
    ) -> OnProgress:
        """Wraps a callback so that it gets the progress of the film, not of a frame."""
        octaves = self._settings.frames

        def on_progress(progress):
            seconds = progress.seconds_left
            if self._count:
                mean = (time.monotonic() - self._started) / self._count
                seconds = mean * (octaves - number + 1)
            callback(
                dataclasses.replace(
                    progress,
                    octaves=octaves,
                    seconds_left=seconds,
                    preview=lambda: self._picture(progress.preview(), start)[0],
                )
            )

        return on_progress


# --- Writing files --------------------------------------------------------------------

# `zoom` with its image and settings as a partial function; it is called with `made`.
Recipe = Callable[..., Iterator[PictureResult]]


def to_film(path: str, recipe: Recipe, fps: float, overwrite: bool) -> bool:
    """Makes a zoom and writes it as a film.

    Args:
        path: File to write.
        recipe: `zoom` with its image and settings as a partial function.
        fps: Frames per second; see `video.check_fps`.
        overwrite: Whether `path` may exist already.

    Returns:
        Whether the film is complete. After Ctrl-C it is not, and has the frames so far.

    Raises:
        KeyboardInterrupt: After Ctrl-C before the first frame.
    """
    return video.record(path, lambda add: _make(recipe, (), add), fps, overwrite)


def to_folder(series: Series, recipe: Recipe) -> bool:
    """Makes those frames that a folder does not have yet.

    A missing frame is made again, and with it all that follow, as they depend on it.

    Args:
        series: The folder, with a file name for each frame.
        recipe: As of `to_film`.

    Returns:
        Whether the folder has all frames; False after Ctrl-C.
    """
    names = series.names
    missing = (i for i, name in enumerate(names) if not series.has(name))
    count = next(missing, len(names))  # of the frames before the first missing one
    new_names = iter(names[count:])
    return _make(
        recipe,
        [series.path(name) for name in names[:count]],
        lambda result: series.add(next(new_names), output.encode(result.image, ".png")),
    )


def _make(
    recipe: Recipe, paths: Sequence[str], store: Callable[[PictureResult], None]
) -> bool:
    """Makes the frames after those in `paths`; returns False after Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        for result in recipe(made=paths):
            store(result)
        return True
    return False
