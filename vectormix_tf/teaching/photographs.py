"""Photographs of a lesson: squares in memory, and random crops of them."""

import os
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images
from vectormix_tf.io.names import is_hidden
from vectormix_tf.teaching.geometry import reading

FEWEST = 8  # photographs; with fewer a lesson is a mistake
# A square has so many times the side of a crop: crops show down to `SHORTEST` of a
# picture's short side, and whole ones are still sharp.
SQUARE = 1.6
SHORTEST, STRETCH = 0.42, 0.2  # share of the short side; logarithm of the aspect
CONTRAST, SHIFT = (0.6, 1.3), 0.12  # of the colors, in half of the crops
BLENDED, MOST_BLENDED = 0.25, 0.5  # share of the crops, and of the other one in them


class Draw(NamedTuple):
    """Which photographs a batch takes, and how they are cut and colored.

    Attributes:
        which: [b], their numbers.
        scale: [b, 2], height and width of the crop as shares of the square's; the
            width is negative where the crop is mirrored.
        offset: [b, 2], of the crop's center from the square's, where its half side
            is 1.
        gain: [b, 1, 1, 1], contrast.
        shift: [b, 1, 1, 3], added to the colors.
        blend: [b, 1, 1, 1], share of the crop before it that is blended in.
    """

    which: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    gain: np.ndarray
    shift: np.ndarray
    blend: np.ndarray


class Photographs(NamedTuple):
    """Squares to which photographs were stretched.

    Attributes:
        squares: [n, 3, side, side], uint8.
        aspects: [n], width / height of each before that.
    """

    squares: np.ndarray
    aspects: np.ndarray

    def draw(self, count: int, random: np.random.Generator) -> Draw:
        """Draws a batch of crops, whose aspect is nearly the photograph's own."""

        def uniform(*shape, low=0.0, high=1.0):
            return random.uniform(low, high, (count, *shape)).astype(np.float32)

        which = random.integers(len(self.aspects), size=count)
        aspect = self.aspects[which]
        # Height and width of the photograph, where its short side is 1.
        sides = np.maximum(1, np.stack([1 / aspect, aspect], -1))
        side = np.exp(uniform(1, low=np.log(SHORTEST), high=0))
        stretch = np.exp(uniform(1, low=-STRETCH, high=STRETCH))
        scale = np.minimum(side * np.concatenate([1 / stretch, stretch], 1) / sides, 1)
        offset = (1 - scale) * uniform(2, low=-1)
        mirrored = np.where(uniform() < 0.5, np.float32(-1), np.float32(1))
        colored = uniform(1, 1, 1) < 0.5
        low, high = CONTRAST
        gain = np.where(colored, uniform(1, 1, 1, low=low, high=high), 1)
        shift = np.where(colored, uniform(1, 1, 3, low=-SHIFT, high=SHIFT), 0)
        blended = uniform(1, 1, 1) < BLENDED
        blend = np.where(blended, uniform(1, 1, 1, high=MOST_BLENDED), 0)
        scale[:, 1] *= mirrored
        parts = (scale, offset, gain, shift, blend)
        return Draw(which, *(part.astype(np.float32) for part in parts))


def crop_matrices(draw: Draw, side: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the matrices that cut the crops out of their squares.

    A pixel is the mean of two readings, against aliasing.

    Args:
        draw: The crops.
        side: Of the squares.
        size: Of the crops, pixels a side.

    Returns:
        Those of the rows and those of the columns, [b, size, side] each.
    """
    ends = np.arange(2 * size, dtype=np.float32)
    places = (ends + 0.5) / size - 1  # in [-1, 1]
    places = draw.scale[..., None] * places + draw.offset[..., None]  # [b, 2, 2 size]
    matrices = reading(((places + 1) * side - 1) / 2, side)
    matrices = matrices.reshape(*matrices.shape[:2], size, 2, side).mean(3)
    return matrices[:, 0], matrices[:, 1]


def square_side(size: int) -> int:
    """Side of the squares in memory for crops of `size` pixels."""
    return round(SQUARE * size)


def find(folder: str) -> list[str]:
    """Returns the paths of all pictures in a folder and those below it, in order.

    Hidden files and folders are left out, such as thumbnails.

    Raises:
        InputError: If there is no such folder, or it holds too few pictures.
    """
    if not os.path.isdir(folder):
        raise InputError(f"`photos`: there is no folder {folder!r}.")
    paths = []
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if not is_hidden(name)]
        paths += [
            os.path.join(place, name)
            for name in names
            if name.lower().endswith(images.ENDINGS) and not is_hidden(name)
        ]
    _check_count(len(paths), folder)
    return sorted(paths)


def read(folder: str, paths: Sequence[str], side: int, max_pixels: int) -> Photographs:
    """Reads photographs; a `Notice` tells how many cannot be read.

    Args:
        folder: Where they are, for messages.
        paths: From `find`.
        side: Of the squares, pixels.
        max_pixels: A larger picture is left out.

    Raises:
        InputError: If too few can be read; the message tells why one cannot.
    """
    squares = np.empty((len(paths), 3, side, side), np.uint8)
    aspects, reason = [], ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # one for each of thousands
        for path in tqdm(paths, "reading photographs", leave=False, disable=None):
            try:
                pixels = images.read(path, max_pixels).pixels
            except InputError as error:
                reason = reason or str(error)
                continue
            square = images.resize(pixels, (side, side))[0]
            squares[len(aspects)] = np.rint(square * 255).transpose(2, 0, 1)
            aspects.append(pixels.shape[2] / pixels.shape[1])
    _check_count(len(aspects), folder, reason)
    if reason:
        left_out = len(paths) - len(aspects)
        warnings.warn(
            Notice(f"{left_out} of {len(paths)} pictures are left out; {reason}"),
            stacklevel=2,
        )
    return Photographs(squares[: len(aspects)], np.array(aspects, np.float32))


def _check_count(count: int, folder: str, reason: str = "") -> None:
    if count < FEWEST:
        raise InputError(
            f"`photos`: {count} pictures in {folder!r} can be read, and a lesson needs"
            f" {FEWEST} at least, better thousands. {reason}"
        )
