"""Sheets: many pictures in one, in rows and columns with labels."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from vectormix_tf.io import output
from vectormix_tf.io.icc import MAX_8
from vectormix_tf.io.labels import Pen
from vectormix_tf.io.output import on_white

WHITE, INK = (255, 255, 255), (40, 40, 40)
PLACEHOLDER = (235, 235, 235)  # light gray, of a picture that is not made yet
SMALLEST, LARGEST = 12, 28  # size of the labels' font, pixels
FONT_SHARE = 1 / 14  # font size relative to the longest side of a picture
MOST_LETTERS = 16  # em; a label widens its column to at most this
ASPECT = 4 / 3  # of a sheet made by `wrap`, if pictures are square
GAP_SHARE = 0.5  # gap around pictures, relative to the font size


def compose(
    pictures: Sequence[Sequence[Image.Image]],
    rows: Sequence[str],
    columns: Sequence[str],
) -> Image.Image:
    """Lays pictures out in rows and columns, on white.

    Args:
        pictures: One sequence for each row, as long as `columns`. A picture keeps its
            size and is centered in its cell; RGBA is laid on white.
        rows: Label of each row, shown to its left, in any script (see `labels`); all
            may be empty.
        columns: Label of each column, shown above it; all may be empty.

    Returns:
        The sheet, RGB. A label that is too long is shortened in its middle.
    """
    longest = max(max(picture.size) for row in pictures for picture in row)
    size = min(max(round(longest * FONT_SHARE), SMALLEST), LARGEST)
    pen, gap = Pen(size), round(size * GAP_SHARE)
    widths = [max(p.width for p in column) for column in zip(*pictures, strict=True)]
    heights = [max(p.height for p in row) for row in pictures]
    most = max(size * MOST_LETTERS, *widths)
    widths = [
        max(width, min(most, pen.width(label)))
        for width, label in zip(widths, columns, strict=True)
    ]
    margin = min(most, max(map(pen.width, rows)))  # for the rows' labels
    head = size if any(columns) else 0  # for the columns' labels
    lefts, right = _offsets(widths, gap + (margin + gap if margin else 0), gap)
    tops, bottom = _offsets(heights, gap + (head + gap if head else 0), gap)

    sheet = Image.new("RGB", (right, bottom), WHITE)
    draw = ImageDraw.Draw(sheet)
    for left, width, label in zip(lefts, widths, columns, strict=True):
        place = left + width / 2, gap + head / 2
        pen.draw(draw, place, pen.shorten(label, width), INK)
    for top, height, label in zip(tops, heights, rows, strict=True):
        place = gap + margin, top + height / 2
        pen.draw(draw, place, pen.shorten(label, margin), INK, share=1)
    for top, height, row in zip(tops, heights, pictures, strict=True):
        for left, width, picture in zip(lefts, widths, row, strict=True):
            x, y = (width - picture.width) // 2, (height - picture.height) // 2
            sheet.paste(on_white(picture), (left + x, top + y))
    return sheet


def wrap(pictures: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """Lays pictures out row by row, each below its label, on white.

    Args:
        pictures: Pictures of one size.
        labels: Label of each picture.

    Returns:
        The sheet, RGB; about a third wider than high if pictures are square.
    """
    count = len(pictures)
    width = math.ceil(math.sqrt(count * ASPECT))
    # Prefer a full last row, if rows get at most half longer for that.
    full = [n for n in range(width, width * 3 // 2 + 1) if count % n == 0]
    width = min(full, default=width) if count > width else count
    cells = [
        compose([[picture]], [""], [label])
        for picture, label in zip(pictures, labels, strict=True)
    ]
    cells += [Image.new("RGB", (1, 1), WHITE)] * (-count % width)
    rows = [cells[first : first + width] for first in range(0, count, width)]
    return compose(rows, [""] * len(rows), [""] * width)


def encode(sheet: Image.Image, ending: str) -> bytes:
    """Encodes a sheet as the file of a picture; see `output.encode`."""
    return output.encode(as_image(sheet), ending)


def as_image(sheet: Image.Image) -> np.ndarray:
    """Returns a sheet as an image [1, H, W, 3] in [0, 1]."""
    return np.float32(sheet)[np.newaxis] / MAX_8


def _offsets(lengths: Sequence[int], start: int, gap: int) -> tuple[list[int], int]:
    """Returns the offset of each cell along an axis, and the end of the last gap."""
    offsets = []
    for length in lengths:
        offsets.append(start)
        start += length + gap
    return offsets, start
