"""Video files: MP4, and animated WebP and GIF."""

import contextlib
import fractions
import importlib.util
import io
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PIL import Image

from vectormix_tf.errors import InputError, Notice, check_number
from vectormix_tf.io import output
from vectormix_tf.io.completion import complete
from vectormix_tf.io.icc import SRGB_PROFILE
from vectormix_tf.io.sound import Sound

# {ending of a file that can be written: name of the format}
FORMATS = {".mp4": "MP4", ".webp": "WEBP", ".gif": "GIF"}

QUALITY = 90  # of WebP, below the 95 of a still picture: a frame is seen only briefly
# Constant rate factor of x264, 0 (lossless) to 51. Below the default of 23, because
# fine strokes suffer from compression.
CRF = "16"
FPS = 8.0
MIN_FPS = 0.1
# A browser shows a picture of GIF or WebP that is to last 0.01 s or less for 0.1 s.
MAX_FPS = {"MP4": 240, "WEBP": 90, "GIF": 50}
GRID = {"WEBP": 1, "GIF": 10}  # durations are multiples of so many milliseconds
MILLISECONDS = 1000
FOREVER = 0  # value of "loop" in GIF and WebP that repeats without end

# Bytes of the pictures of a GIF or WebP, which are kept until it is written, from which
# a notice tells of them. Pillow takes as many again for the GIF.
MUCH, PIXEL = 10**9, 4

# Whole rates of which there is one of 1000/1001, written 23.976, 29.97, 47.95, 59.94
# and 119.88.
NTSC, NTSC_DIGITS = (24, 30, 48, 60, 120), 0.005
# ITU-T H.273, tables 2 to 4: BT.709 is number 1 of primaries, transfer and matrix.
BT709, LIMITED_RANGE = 1, 1


def is_film(path: str) -> bool:
    """Whether a path names a video file; without an ending it names a folder.

    Raises:
        InputError: If its ending is not in `FORMATS`, it has nothing else, or PyAV is
            needed and missing.
    """
    if os.path.basename(path).lower() in FORMATS:
        raise InputError(
            f"output `{path}` has no file name; use one such as `film.mp4`."
        )
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


def check_fps(fps: float, path: str = ".mp4") -> None:
    """Checks the pictures per second of the film `path`, or of any kind of film.

    Raises:
        InputError: Unless `fps` is a number in [0.1, 240] for an MP4 or a folder, in
            [0.1, 90] for a WebP, or in [0.1, 50] for a GIF.
    """
    ending = os.path.splitext(path)[1].lower()
    check_number("fps", fps, MIN_FPS, max(MAX_FPS.values()))
    most = MAX_FPS[FORMATS.get(ending, "MP4")]
    if fps > most:
        raise InputError(
            f"`fps` of a {ending} must be in [{MIN_FPS:g}, {most}]; received {fps!r}:"
            " players slow down a faster one; write an .mp4."
        )


def encode(pictures: Iterable[Image.Image], ending: str, fps: float) -> bytes:
    """Encodes a film of at least one picture.

    Args:
        pictures: Pictures of one size, RGB or RGBA.
        ending: A key of `FORMATS`.
        fps: Pictures per second; see `check_fps`.

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
        fps: Pictures per second; see `check_fps`.
        overwrite: Whether `path` may exist already.

    Returns:
        What `make` returned. If that is False, the film has the pictures so far.

    Raises:
        KeyboardInterrupt: If `make` added no picture.
        InputError: If the format cannot hold such pictures, or the file exists.
        OutputError: If writing fails, e.g. on a full disk.

    Warns:
        Notice: If `make` raises an error, that the film has the pictures so far.
    """
    film = Film(os.path.splitext(path)[1], fps)

    def add(result):
        if not complete(film.add, result.pil):
            raise KeyboardInterrupt

    def write():
        output.write_bytes(path, film.close(), overwrite)

    try:
        finished = make(add)
    except Exception:
        if film.count and not film.failed:
            complete(write)
            text = f"wrote the film so far to `{path}`: {film.count} pictures."
            warnings.warn(text, Notice, stacklevel=2)
        raise
    if not film.count:
        raise KeyboardInterrupt
    complete(write)
    return finished


class Film:
    """Encoder of a film; GIF and WebP repeat without end.

    Equal pictures give equal bytes. The pictures of a GIF or WebP stay in memory until
    `close`, 4 bytes a pixel; those of an MP4 are encoded as they come.

    Attributes:
        count: Number of pictures so far.
        failed: Whether one could not be added, so that there is no film to close.
    """

    def __init__(
        self,
        ending: str,
        fps: float,
        ticks: fractions.Fraction | None = None,
        sound: Sound | None = None,
    ):
        """Starts an empty film.

        Args:
            ending: A key of `FORMATS`. An MP4 holds H.264 in yuv420p, which all
                players support, in the colors of BT.709.
            fps: Pictures per second; see `check_fps`. Where a GIF or WebP cannot show
                all pictures equally long, in 0.01 s or 0.001 s, some are shown longer
                than others, and the film lasts as long as it should.
            ticks: Seconds of which all times are multiples, if pictures are added with
                times of their own; None takes those of `fps`.
            sound: What is heard; only an MP4 has it.
        """
        self.count, self.failed = 0, False
        self._kind = FORMATS[ending.lower()]
        exact = _rate if self._kind == "MP4" else fractions.Fraction
        self._rate = exact(float(fps))
        self._has_times = ticks is not None
        self._ticks, self._ends = ticks or 1 / self._rate, []
        self._sound = sound if self._kind == "MP4" else None
        self._file, self._pictures, self._video = io.BytesIO(), [], None
        self._lengths: dict[int, int] = {}  # of MP4, by begin, in ticks

    def add(
        self, picture: Image.Image, length: fractions.Fraction | None = None
    ) -> None:
        """Adds a picture, RGB or RGBA, of the same size as the first.

        In GIF and MP4 it is laid on white. In MP4 sides must be even, so an odd last
        row or column is cut off.

        Args:
            picture: The picture.
            length: How many seconds it is shown, a multiple of `ticks`; None shows it
                as long as `fps` says.

        Raises:
            InputError: If the format cannot hold such pictures.

        Warns:
            Notice: Once, if the pictures of a GIF or WebP take much memory.
        """
        if self._kind != "WEBP":
            picture = output.on_white(picture)
        if self._kind == "MP4":
            self._write_video(picture, length)
        else:
            self._pictures.append(picture)
            self._tell_of_memory(picture)
        self.count += 1
        self._ends.append(self._end + (length or 1 / self._rate))

    @property
    def _end(self) -> fractions.Fraction:
        """When the picture ends that was added last, in seconds."""
        return self._ends[-1] if self._ends else fractions.Fraction(0)

    def close(self) -> bytes:
        """Returns the content of the file; there must be at least one picture.

        Raises:
            InputError: If the format cannot hold such pictures.
        """
        if self._kind == "MP4":
            container, stream = self._video
            if self._sound is not None:
                self._sound.write(self._end)
            self._mux(container, stream.encode())
            container.close()
            return self._file.getvalue()
        first, *others = self._pictures
        durations = self._durations()
        with _refusing(self._kind, first):
            first.save(
                self._file,
                self._kind,
                save_all=True,
                append_images=others,
                # Pillow takes no list for the only picture of a GIF.
                duration=durations if others else durations[0],
                loop=FOREVER,
                quality=QUALITY,  # ignored by GIF
                icc_profile=SRGB_PROFILE,
            )
        return self._file.getvalue()

    def _tell_of_memory(self, picture: Image.Image) -> None:
        """Warns at the picture with which all of them take `MUCH` memory."""
        size = picture.width * picture.height * PIXEL
        taken = size * len(self._pictures)
        if taken - size < MUCH <= taken:
            warnings.warn(
                f"the {len(self._pictures)} pictures of the film so far take"
                f" {taken / 1e9:.1f} GB of memory, and a {self._kind} is written at its"
                " end; an .mp4 or a folder of pictures needs no such memory.",
                Notice,
                stacklevel=3,
            )

    def _durations(self) -> list[int]:
        """Milliseconds of each picture: the time of its end is rounded, not they."""
        grid = GRID[self._kind]
        ticks = fractions.Fraction(MILLISECONDS, grid)
        ends = [0, *(round(ticks * end) * grid for end in self._ends)]
        return [end - begin for begin, end in itertools.pairwise(ends)]

    def _write_video(
        self, picture: Image.Image, length: fractions.Fraction | None
    ) -> None:
        import av

        self.failed = True
        with _refusing(self._kind, picture, av.FFmpegError):
            width, height = (side // 2 * 2 for side in picture.size)
            if not width * height:
                raise ValueError("its sides are at least 2")
            if self._video is None:
                self._video = self._open(width, height)
            container, stream = self._video
            frame = _converted(picture.crop((0, 0, width, height)))
            frame.pts, frame.time_base = round(self._end / self._ticks), self._ticks
            length = length or 1 / self._rate
            self._lengths[frame.pts] = round(length / self._ticks)
            if self._sound is not None:
                self._sound.write(self._end)
            self._mux(container, stream.encode(frame))
        self.failed = False

    def _mux(self, container: Any, packets: Iterable[Any]) -> None:
        """Writes packets of pictures, with how long each is shown."""
        for packet in packets:
            packet.duration = self._lengths.pop(packet.pts)
            container.mux(packet)

    def _open(self, width: int, height: int) -> tuple[Any, Any]:
        """Returns the container and the stream of an MP4."""
        import av

        container = av.open(
            self._file,
            "w",
            format="mp4",
            # A player that loads the film needs the index first. To put it there,
            # FFmpeg reads what it has written, through another file.
            options={"movflags": "faststart"},
            io_open=lambda *_: io.BytesIO(self._file.getvalue()),
        )
        options = {"crf": CRF}
        if self._has_times:
            # An MP4 has the times between pictures in the order in which they are
            # decoded: without pictures that wait for later ones these are how long each
            # is shown, also the last one.
            options["bf"] = "0"
        stream = container.add_stream("libx264", self._rate, options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"
        encoder = stream.codec_context
        encoder.color_primaries = encoder.color_trc = encoder.colorspace = BT709
        encoder.color_range = LIMITED_RANGE
        encoder.time_base = self._ticks
        if self._sound is not None:
            self._sound.open(container)
        return container, stream


def _rate(fps: float) -> fractions.Fraction:
    """Pictures per second as a fraction, e.g. 30000/1001 of 29.97."""
    for whole in NTSC:
        rate = fractions.Fraction(whole * 1000, 1001)
        if abs(fps - rate) < NTSC_DIGITS:
            return rate
    return fractions.Fraction(fps).limit_denominator(1000)


def _converted(picture: Image.Image) -> Any:
    """Returns the frame of a picture in yuv420p by the matrix of BT.709.

    Small films too: a player that does not read the tags assumes BT.601 for less than
    720 rows or so, but nearly all players read them.
    """
    import av
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    return av.VideoFrame.from_image(picture).reformat(
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        # Others are off by more than the rounding to whole numbers.
        interpolation=Interpolation.AREA,
    )


@contextlib.contextmanager
def _refusing(kind: str, picture: Image.Image, *errors) -> Iterator[None]:
    """Turns an encoder's error into `InputError`, e.g. over 16383 pixels in WebP."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, *errors) as error:
        size = f"{picture.width} x {picture.height} pixels"
        raise InputError(
            f"{kind} cannot hold a film of {size}: {error}; choose another `size`."
        ) from error
