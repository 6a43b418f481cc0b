"""Reels: the frames of a film on disk, how they go on, and the film made of them."""

import contextlib
import io
import itertools
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image

from vectormix_tf.errors import InputError
from vectormix_tf.filters.frames import WHITE, Past, between, in_size
from vectormix_tf.io import output, video
from vectormix_tf.io.clips import Clip
from vectormix_tf.io.series import Series
from vectormix_tf.io.sound import Sound

STATE = "film.state"  # beside the frames: what the next one depends on
DIGITS = 5  # of the names of frames
# Ticks per second up to which times are exact; others are rounded to MPEG's clock.
MOST_TICKS, MPEG = 10**6, 90_000


def frame_names(count: int) -> list[str]:
    """File names of the frames of a film."""
    return [f"{number:0{DIGITS}}.png" for number in range(1, count + 1)]


class Reel:
    """The frames of a film in a folder, each written whole.

    Numbers of frames are from 0 on.

    Attributes:
        chosen: Numbers of the frames that are optimized: each N-th, and the last.
        done: How many of them are done.
        past: `FilmFrame.past` of the last of these.
        errors: Warping errors of each, and of the frame it was made from, [done, 2].
    """

    def __init__(self, series: Series, clip: Clip, every: int = 1):
        """Looks at what is there.

        Args:
            series: With `frame_names`.
            clip: The film that it is made of.
            every: How many frames further the next one is that is optimized.

        Raises:
            InputError: If the state beside the frames cannot be read.
        """
        self._series, self._clip = series, clip
        count = len(clip.times)
        self.chosen = sorted({*range(0, count, every), count - 1})
        self.done, self.past = 0, ()
        self.errors = np.zeros([0, 2])
        there = itertools.takewhile(self._has, self.chosen)
        self._read(sum(1 for _ in there))

    def make(self, recipe: Callable[..., Iterator[Any]]) -> bool:
        """Makes the chosen frames that are not done yet.

        Args:
            recipe: (made, past) -> each `FilmFrame` after those.

        Returns:
            Whether all are done; False after Ctrl-C.
        """
        if self.done == len(self.chosen):
            return True
        with contextlib.suppress(KeyboardInterrupt):
            for frame in recipe(made=self.done, past=self.past):
                self._add(frame)
            return True
        return False

    def _add(self, frame: Any) -> None:
        """Writes a `FilmFrame`; a run that is killed then goes on after it."""
        number = self.chosen[self.done]
        self._series.add(self._name(number), output.encode(frame.image, ".png"))
        errors = [[frame.error, frame.source_error]]
        self.errors = np.append(self.errors, errors, axis=0)
        self.done, self.past = self.done + 1, frame.past
        fields = {
            name: np.stack([getattr(past, name) for past in self.past])
            for name in Past._fields
        }
        file = io.BytesIO()
        np.savez(file, done=self.done, errors=self.errors, **fields)
        output.write_bytes(self._state, file.getvalue(), overwrite=True)

    def _read(self, there: int) -> None:
        """Reads the state, if it fits the frames that are there."""
        if not there or not os.path.exists(self._state):
            return
        try:
            with np.load(self._state, allow_pickle=False) as state:
                done, errors = int(state["done"]), state["errors"]
                fields = (state[name] for name in Past._fields)
                past = tuple(
                    Past(*(each if np.ndim(each) else each.item() for each in one))
                    for one in zip(*fields, strict=True)
                )
        except (OSError, ValueError, KeyError, EOFError, TypeError) as error:
            raise InputError(
                f"`{self._state}` is damaged; set `overwrite` to start again."
            ) from error
        if done <= there:  # else a frame was removed, and with it what followed
            self.done, self.errors, self.past = done, errors, past

    @property
    def mean_errors(self) -> tuple[float, float] | None:
        """Means of `errors` over the frames that follow one of their scene."""
        known = self.errors[~np.isnan(self.errors[:, 0])]
        return tuple(map(float, known.mean(axis=0))) if len(known) else None

    @property
    def flicker(self) -> str:
        """`mean_errors` in words; "" if there are none."""
        if self.mean_errors is None:
            return ""
        own, source = self.mean_errors
        return (
            f"warping error {own:.6f}; of the film that it was made from {source:.6f}"
        )

    # --- Frames between those that are optimized --------------------------------------

    def fill(self) -> bool:
        """Makes the frames between the chosen ones, along the optical flow.

        Returns:
            Whether all are done; False after Ctrl-C.
        """
        if len(self.chosen) == len(self._clip.times):
            return True
        with contextlib.suppress(KeyboardInterrupt):
            begin, waiting, chosen = None, [], set(self.chosen)
            for number, source in enumerate(self._clip.frames()):
                if number not in chosen:
                    waiting.append((number, source))
                    continue
                end = self._past(number, source)
                if begin is not None:
                    self._between(begin, end, waiting)
                begin, waiting = end, []
            return True
        return False

    def _past(self, number: int, source: np.ndarray) -> tuple[int, Past]:
        image = self._picture(number)
        return number, Past(in_size(source, image.shape[:2]), image, image, image)

    def _between(self, begin, end, waiting) -> None:
        """Makes the frames between two, each (number, `Past`)."""
        first, last = (self._clip.times[number] for number, _ in (begin, end))
        for number, source in waiting:
            if not self._has(number):
                share = float((self._clip.times[number] - first) / (last - first))
                image = between(source, begin[1], end[1], share)
                data = output.encode(np.float32(image) / WHITE, ".png")
                self._series.add(self._name(number), data)

    # --- The film ---------------------------------------------------------------------

    def write(self, path: str, overwrite: bool) -> None:
        """Writes the film of all frames, with their times and the sound.

        Args:
            path: A video file; only an .mp4 has sound.
            overwrite: Whether it may exist already.

        Raises:
            InputError: If the format cannot hold such pictures.
            OutputError: If writing fails, e.g. on a full disk.
        """
        clip = self._clip
        ticks = _ticks([*clip.times, clip.end])
        ends = [round(time / ticks) * ticks for time in (*clip.times[1:], clip.end)]
        fps = len(clip.times) / max(ticks, clip.end)
        sound = Sound(clip.path, clip.begin) if clip.has_sound else None
        film = video.Film(os.path.splitext(path)[1], float(fps), ticks, sound)
        begin = Fraction(0)
        for number, end in enumerate(ends):
            film.add(Image.fromarray(self._picture(number)), max(ticks, end - begin))
            begin = max(end, begin + ticks)
        output.write_bytes(path, film.close(), overwrite)

    def remove(self) -> None:
        """Removes the frames and all that belongs to them."""
        self._series.remove(STATE)

    # --- Files ------------------------------------------------------------------------

    @property
    def _state(self) -> str:
        return self._series.path(STATE)

    def _name(self, number: int) -> str:
        return self._series.names[number]

    def _has(self, number: int) -> bool:
        return self._series.has(self._name(number))

    def _picture(self, number: int) -> np.ndarray:
        """Reads a frame that is done, uint8 [H, W, 3]."""
        with Image.open(self._series.path(self._name(number))) as picture:
            return np.asarray(picture.convert("RGB"))


def _ticks(times: list[Fraction]) -> Fraction:
    """The seconds of which times are multiples; at least about a microsecond."""
    number = math.lcm(*(time.denominator for time in times))
    return Fraction(1, number if number <= MOST_TICKS else MPEG)
