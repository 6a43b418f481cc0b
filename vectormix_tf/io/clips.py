"""Clips: the frames of a film, read one after another from a video or a folder."""

import bisect
import collections
import contextlib
import dataclasses
import importlib.util
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.config.film import MAX_FRAMES
from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images, output
from vectormix_tf.io.names import is_hidden

FPS = 25.0  # of a folder of pictures

# ITU-T H.273, table 4: matrices of BT.709, and of BT.601 for 625 and 525 lines. Table
# 3: the transfer functions of HDR, of which swscale knows none.
UNSPECIFIED, BT709, BT601 = 2, 1, 5
HDR = {16: "PQ", 18: "HLG"}
# Of FFmpeg's containers those that hold a film of their own. Others draw a text, or
# read the files that a list names.
CONTAINERS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts"),
    *("mpeg", "mpegvideo", "m4v", "h264", "hevc", "ivf", "obu", "flv", "asf", "ogg"),
    *("dv", "mxf", "nut", "yuv4mpegpipe", "gif", "apng", "webp_pipe", "png_pipe"),
    *("jpeg_pipe", "bmp_pipe", "tiff_pipe", "image2"),
)
OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}
# A film that does not say its matrix has that of its time: players take BT.709 from
# this number of rows on.
ROWS_OF_HD = 720


@dataclasses.dataclass(frozen=True)
class Clip:
    """A film that can be read more than once; nothing of its pictures is kept.

    Attributes:
        path: A video file, or a folder of pictures.
        size: (height, width) of its frames in square pixels, upright.
        times: When each frame begins, in seconds from the first one on.
        end: When the last one ends.
        begin: The time of the first one in the file, where the sound has its own.
        has_sound: Whether there is a track of sound.
        max_pixels: Larger frames are refused.
        numbers: Which frames of the file it has, from 0 on; None for all.
    """

    path: str
    size: tuple[int, int]
    times: tuple[Fraction, ...]
    end: Fraction
    begin: Fraction = Fraction(0)
    has_sound: bool = False
    max_pixels: int = MAX_PIXELS
    numbers: tuple[int, ...] | None = None

    def only(self, chosen: Sequence[int]) -> "Clip":
        """The same clip with some of its frames alone.

        Args:
            chosen: Their numbers from 0 on, in ascending order.
        """
        numbers = self.numbers or range(len(self.times))
        return dataclasses.replace(
            self,
            times=tuple(self.times[i] for i in chosen),
            numbers=tuple(numbers[i] for i in chosen),
        )

    @property
    def files(self) -> list[str]:
        """All files that it is read from, in order."""
        return _pictures(self.path) if os.path.isdir(self.path) else [self.path]

    def frames(self, chosen: Iterable[int] | None = None) -> Iterator[np.ndarray]:
        """Yields frames, uint8 [H, W, 3].

        Args:
            chosen: Their numbers from 0 on, in ascending order, some perhaps more than
                once; None takes all.

        Raises:
            InputError: If a frame cannot be read any more.
        """
        numbers = self.numbers or range(len(self.times))
        if chosen is not None:
            numbers = [numbers[i] for i in chosen]
        times_of = collections.Counter(numbers)
        if os.path.isdir(self.path):
            files = self.files
            for number, times in times_of.items():
                yield from [self._picture(files[number])] * times
            return
        last = max(times_of, default=-1)
        with contextlib.closing(_decoded(self.path)) as decoded:
            for number, (frame, ratio) in enumerate(decoded):
                if number > last:
                    return
                if number in times_of:
                    yield from [_upright(frame, ratio)] * times_of[number]
                if number == last:
                    return
        raise InputError(f"film `{self.path}` has changed while it was read.")

    def at(self, time: Fraction) -> int:
        """Number of the frame that is shown at a time; the first or last beyond."""
        return max(0, bisect.bisect_right(self.times, time) - 1)

    def _picture(self, path: str) -> np.ndarray:
        """Reads a frame of a folder; clear pixels are laid on white."""
        picture = images.read(path, self.max_pixels, "frame")
        height, width = picture.pixels.shape[1:3]
        if (height, width) != self.size:
            raise InputError(
                f"frame `{path}` has {width} x {height} pixels, and the first one of"
                f" the folder {self.size[1]} x {self.size[0]}; frames have one size."
            )
        drawn = output.as_pillow(picture.pixels, picture.transparency)
        return np.asarray(output.on_white(drawn))


def is_clip(path: str) -> bool:
    """Whether a path is read as a film, and not as a single picture."""
    return os.path.isdir(path) or not path.lower().endswith(images.ENDINGS)


def read(path: str, fps: float, max_pixels: int = MAX_PIXELS) -> Clip:
    """Looks through a film, so that what is wrong with it is found before any work.

    Args:
        path: A video file that FFmpeg can read, or a folder of pictures, which are
            shown in the order of their names.
        fps: Pictures per second of a folder; a video has times of its own.
        max_pixels: Larger frames are refused.

    Raises:
        InputError: If it cannot be read, or has no or too many frames.

    Warns:
        Notice: If a video ends early, is HDR, or has transparency.
    """
    if os.path.isdir(path):
        return _read_folder(path, fps, max_pixels)
    if not os.path.exists(path):
        raise InputError(f"film `{path}` does not exist.")
    if not os.path.isfile(path):
        raise InputError(f"film `{path}` is no file; save it as one.")
    if importlib.util.find_spec("av") is None:
        raise InputError(
            "a video needs PyAV: pip install 'vectormix_tf[film]'; a folder of pictures"
            " does not."
        )
    return _read_video(path, max_pixels)


def _read_folder(folder, fps, max_pixels) -> Clip:
    files = _pictures(folder)
    if not files:
        endings = " ".join(images.ENDINGS)
        raise InputError(f"folder `{folder}` has no pictures ({endings}).")
    _check_count(len(files), folder)
    first = images.read(files[0], max_pixels, "frame").pixels
    pace = 1 / Fraction(fps).limit_denominator(1001)
    times = tuple(i * pace for i in range(len(files)))
    size = first.shape[1:3]
    return Clip(folder, size, times, len(files) * pace, max_pixels=max_pixels)


def _pictures(folder: str) -> list[str]:
    """Paths of the pictures of a folder, by name; numbers count as numbers."""
    names = [
        name
        for name in os.listdir(folder)
        if name.lower().endswith(images.ENDINGS) and not is_hidden(name)
    ]
    return [os.path.join(folder, name) for name in sorted(names, key=_natural)]


def _natural(name: str) -> list[Any]:
    """Sorts frame9 before frame10."""
    parts = []
    for is_number, part in _runs(name):
        parts.append((0, int(part), "") if is_number else (1, 0, part))
    return [*parts, (2, 0, name)]


def _runs(name: str) -> Iterator[tuple[bool, str]]:
    start = 0
    for i in range(1, len(name) + 1):
        if i == len(name) or name[i].isdecimal() != name[start].isdecimal():
            yield name[start].isdecimal(), name[start:i]
            start = i


def _check_count(count: int, path: str) -> None:
    if count > MAX_FRAMES:
        raise InputError(
            f"film `{path}` has {count} frames, and at most {MAX_FRAMES} are taken;"
            " cut it into parts."
        )


# --- Videos ---------------------------------------------------------------------------


def _read_video(path: str, max_pixels: int) -> Clip:
    import av

    times, first, broken, length = [], None, None, Fraction(0)
    try:
        with contextlib.closing(_decoded(path)) as decoded:
            for frame, ratio in decoded:
                if first is None:
                    first = frame
                    _check_size(path, frame, max_pixels)
                    size = _upright(frame, ratio).shape[:2]
                times.append(_time(frame, times, length))
                length = _duration(frame)
                _check_count(len(times), path)
    except av.FFmpegError as error:
        if first is None:
            raise InputError(
                f"film `{path}` cannot be read: {error.strerror}."
            ) from None
        broken = error
    if first is None:
        raise InputError(f"`{path}` has no pictures that move; give a video.")
    if broken is not None:
        _tell(f"film `{path}` is damaged after frame {len(times)}, and ends there.")
    _tell_of_kind(path, first)
    begin = times[0]
    times = tuple(time - begin for time in times)
    end = times[-1] + (length or _typical(times))
    return Clip(path, size, times, end, begin, _has_sound(path), max_pixels)


def _tell(text: str) -> None:
    warnings.warn(text, Notice, stacklevel=4)


def _decoded(path: str) -> Iterator[tuple[Any, Fraction]]:
    """Yields each `av.VideoFrame` of the first track of pictures.

    With it comes the width of a pixel as a multiple of its height, which is 1 nearly
    always.
    """
    import av

    with av.open(path, options=OPTIONS) as container:
        if not container.streams.video:
            return
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield frame, stream.sample_aspect_ratio or Fraction(1)


def _time(frame: Any, before: list[Fraction], length: Fraction) -> Fraction:
    """When a frame begins, in seconds; after the one before in any case."""
    guess = before[-1] + (length or _typical(before)) if before else Fraction(0)
    if frame.pts is None:
        return guess
    time = frame.pts * frame.time_base
    return time if not before or time > before[-1] else guess


def _duration(frame: Any) -> Fraction:
    return (frame.duration or 0) * frame.time_base


def _typical(times: list[Fraction] | tuple[Fraction, ...]) -> Fraction:
    """The mean time of a frame; that of a still picture is a second."""
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else Fraction(1)


def _check_size(path: str, frame: Any, max_pixels: int) -> None:
    if frame.width * frame.height > max_pixels:
        raise InputError(
            f"film `{path}` has {frame.width} x {frame.height} pixels, more than"
            f" `max_pixels`={max_pixels}."
        )


def _tell_of_kind(path: str, frame: Any) -> None:
    if frame.color_trc in HDR:
        _tell(
            f"film `{path}` is HDR ({HDR[frame.color_trc]}), and is taken as if it were"
            " not: its colors will look dull; convert it to SDR (BT.709) first."
        )
    if _has_alpha(frame):
        _tell(f"film `{path}` has transparency, and is laid on white.")


def _has_alpha(frame: Any) -> bool:
    is_palette = frame.format.name == "pal8"
    return any(part.is_alpha for part in frame.format.components) or is_palette


def _upright(frame: Any, ratio: Fraction) -> np.ndarray:
    """Returns the pixels of a frame, square and upright, uint8 [H, W, 3]."""
    from av.video.reformatter import Interpolation

    matrix = frame.colorspace
    if matrix == UNSPECIFIED:
        matrix = BT709 if frame.height >= ROWS_OF_HD else BT601
    kind = "rgba" if _has_alpha(frame) else "rgb24"
    pixels = frame.reformat(
        width=max(1, round(frame.width * ratio)),
        format=kind,
        src_colorspace=matrix,
        interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
    ).to_ndarray()
    if kind == "rgba":
        pixels = np.asarray(output.on_white(Image.fromarray(pixels)))
    turns, rest = divmod(frame.rotation, 90)
    return np.ascontiguousarray(np.rot90(pixels, turns)) if not rest else pixels


def _has_sound(path: str) -> bool:
    import av

    with av.open(path, options=OPTIONS) as container:
        return bool(container.streams.audio)
