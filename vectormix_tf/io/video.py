"""Video files: MP4, and animated WebP and GIF."""

import contextlib
import fractions
import importlib.util
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PIL import Image

from vectormix_tf.errors import InputError, check_number
from vectormix_tf.io import output
from vectormix_tf.io.icc import SRGB_PROFILE

# {ending of a file that can be written: name of the format}
FORMATS = {".mp4": "MP4", ".webp": "WEBP", ".gif": "GIF"}

QUALITY = 90  # of WebP, below the 95 of a still picture: a frame is seen only briefly
# Constant rate factor of x264, 0 (lossless) to 51. Below the default of 23, because
# fine strokes suffer from compression.
CRF = "16"
MILLISECONDS = 1000
FPS = 8.0
MAX_FPS = 50  # browsers slow down a faster GIF to 10
MIN_FPS = 0.1
FOREVER = 0  # value of "loop" in GIF and WebP that repeats without end


def is_film(path: str) -> bool:
    """Whether a path names a video file; without an ending it names a folder.

    Raises:
        InputError: If its ending is not in `FORMATS`, or PyAV is needed and missing.
    """
    ending = os.path.splitext(path)[1]
    if ending and ending.lower() not in FORMATS:
        raise InputError(
            f"output `{path}` must end with {' or '.join(FORMATS)} for a film, or"
            f" without an ending for a folder of pictures; received `{ending}`."
        )
    if ending.lower() == ".mp4" and importlib.util.find_spec("av") is None:
        raise InputError(
            "an .mp4 needs PyAV: pip install 'vectormix_tf[film]'; .webp and .gif do"
            " not need it."
        )
    return bool(ending)


def check_fps(fps: float) -> None:
    """Raises `InputError` unless `fps` is a number in [0.1, 50]."""
    check_number("fps", fps, MIN_FPS, MAX_FPS)


def encode(pictures: Iterable[Image.Image], ending: str, fps: float) -> bytes:
    """Encodes a film of at least one picture.

    Args:
        pictures: Pictures of one size, RGB or RGBA.
        ending: A key of `FORMATS`.
        fps: Pictures per second, in [0.1, 50].

    Raises:
        InputError: If the format cannot hold such pictures.
    """
    film = Film(ending, fps)
    for picture in pictures:
        film.add(picture)
    return film.close()


def record(
    path: str | os.PathLike,
    make: Callable[[Callable[[Any], None]], bool],
    fps: float,
    overwrite: bool,
) -> bool:
    """Writes a film of pictures that `make` produces.

    Args:
        path: File to write.
        make: Is called with a function `add(result)`, which it must call with each
            result that has a `pil`. Returns False if Ctrl-C ended it early.
        fps: Pictures per second, in [0.1, 50].
        overwrite: Whether `path` may exist already.

    Returns:
        What `make` returned. If that is False, the film has the pictures so far.

    Raises:
        KeyboardInterrupt: If `make` added no picture.
        InputError: If the format cannot hold such pictures, or the file exists.
        OutputError: If writing fails, e.g. on a full disk.
    """
    film = Film(os.path.splitext(path)[1], fps)
    finished = make(lambda result: film.add(result.pil))
    if not film.count:
        raise KeyboardInterrupt
    output.write_bytes(path, film.close(), overwrite)
    return finished


class Film:
    """Encoder of a film; GIF and WebP repeat without end.

    Equal pictures give equal bytes.

    Attributes:
        count: Number of pictures so far.
    """

    def __init__(self, ending: str, fps: float):
        """Starts an empty film.

        Args:
            ending: A key of `FORMATS`. An MP4 holds H.264 in yuv420p, which all
                players support.
            fps: Pictures per second, in [0.1, 50]; a GIF rounds the duration of a
                picture to 0.01 s.
        """
        self.count, self._fps = 0, fps
        self._kind = FORMATS[ending.lower()]
        self._file, self._pictures, self._video = io.BytesIO(), [], None

    def add(self, picture: Image.Image) -> None:
        """Adds a picture, RGB or RGBA, of the same size as the first.

        In GIF and MP4 it is laid on white. In MP4 sides must be even, so an odd last
        row or column is cut off.

        Raises:
            InputError: If the format cannot hold such pictures.
        """
        self.count += 1
        if self._kind != "WEBP":
            picture = output.on_white(picture)
        if self._kind != "MP4":
            self._pictures.append(picture)
            return
        even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
        self._write_video(even)

    def close(self) -> bytes:
        """Returns the content of the file; there must be at least one picture.

        Raises:
            InputError: If the format cannot hold such pictures.
        """
        if self._kind == "MP4":
            container, stream = self._video
            container.mux(stream.encode())
            container.close()
            return self._file.getvalue()
        first, *others = self._pictures
        with _refusing(self._kind, first):
            first.save(
                self._file,
                self._kind,
                save_all=True,
                append_images=others,
                duration=round(MILLISECONDS / self._fps),
                loop=FOREVER,
                quality=QUALITY,  # ignored by GIF
                icc_profile=SRGB_PROFILE,
            )
        return self._file.getvalue()

    def _write_video(self, picture: Image.Image) -> None:
        import av

        with _refusing(self._kind, picture, av.FFmpegError):
            if self._video is None:
                container = av.open(self._file, "w", format="mp4")
                rate = fractions.Fraction(self._fps).limit_denominator(1000)
                stream = container.add_stream("libx264", rate, {"crf": CRF})
                stream.width, stream.height = picture.size
                stream.pix_fmt = "yuv420p"
                self._video = container, stream
            container, stream = self._video
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))


@contextlib.contextmanager
def _refusing(kind: str, picture: Image.Image, *errors) -> Iterator[None]:
    """Turns an encoder's error into `InputError`, e.g. over 16383 pixels in WebP."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, *errors) as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise InputError(
            f"{kind} cannot hold a film of {size}: {error}; choose a smaller `size`."
        ) from error
