"""Films: pictures one after another in one file."""

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

# What can be written: the file's ending, and the name of the format.
FORMATS = {".mp4": "MP4", ".webp": "WEBP", ".gif": "GIF"}

QUALITY = 90  # of WebP: less than a picture's 95, for the eye has an eighth of a second
CRF = "16"  # of H.264: 0 loses nothing, 51 all; 23 is usual, less keeps fine drawing
MILLISECONDS = 1000
FPS = 8.0
MAX_FPS = 50  # browsers show a GIF of more at 10
MIN_FPS = 0.1
FOREVER = 0  # how often a film is repeated, as both formats have it


def is_film(path: str) -> bool:
    """Whether a path names a film rather than a folder, by its ending.

    Raises:
        InputError: If it has an ending that no film has, or what writes it is missing.
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
            " without."
        )
    return bool(ending)


def check_fps(fps: float) -> None:
    """Refuses what is no number of pictures per second."""
    check_number("fps", fps, MIN_FPS, MAX_FPS)


def encode(pictures: Iterable[Image.Image], ending: str, fps: float) -> bytes:
    """Makes the bytes of a film of at least one picture; see `Film`."""
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
    """Writes a film of pictures while they are made.

    Args:
        path: Of the film.
        make: Gets a function, which it calls with each result that has a `pil`; returns
            whether all of them were made, or Ctrl-C ended it.
        fps: See `Film`.
        overwrite: Whether a file may be replaced.

    Returns:
        What `make` returned; the film so far is written in any case.

    Raises:
        KeyboardInterrupt: If there was no picture yet.
    """
    film = Film(os.path.splitext(path)[1], fps)
    finished = make(lambda made: film.add(made.pil))
    if not film.count:
        raise KeyboardInterrupt
    output.write_bytes(path, film.close(), overwrite)
    return finished


class Film:
    """A film that grows; a GIF and a WebP are repeated forever.

    The same pictures always give the same bytes.

    Attributes:
        count: How many pictures it has.
    """

    def __init__(self, ending: str, fps: float):
        """Begins one.

        Args:
            ending: One of `FORMATS`. An MP4 holds H.264, yuv420p, which every player
                plays.
            fps: Pictures per second, in [0.1, 50]; a GIF counts hundredths of a second.
        """
        self.count, self._fps = 0, fps
        self._kind = FORMATS[ending.lower()]
        self._file, self._pictures, self._video = io.BytesIO(), [], None

    def add(self, picture: Image.Image) -> None:
        """Adds a picture, RGB or RGBA, of the size of the first.

        A GIF and an MP4 lay it on white. An MP4 has even sides: a last row or column
        that is one too many is left out.

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
        """Returns the whole file; there must be a picture.

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
                quality=QUALITY,  # which a GIF does not have
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
    """Tells in one line what a format cannot hold; WebP ends at 16383 pixels."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, *errors) as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise InputError(
            f"{kind} cannot hold a film of {size}: {error}; choose a smaller --size."
        ) from error
