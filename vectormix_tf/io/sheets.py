"""Sheets: many pictures on one, in rows and columns with their labels."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vectormix_tf.io import output
from vectormix_tf.io.icc import MAX_8
from vectormix_tf.io.output import on_white

WHITE, INK = (255, 255, 255), (40, 40, 40)
NOT_YET = (235, 235, 235)  # light gray: where a picture is still to come
ELLIPSIS = "…"
SMALLEST, LARGEST = 12, 28  # of the labels' font, pixels
FONT_SHARE = 1 / 14  # of the longest side of a picture
MOST_LETTERS = 16  # an em each: no label makes a column wider than that
ASPECT = 4 / 3  # of a sheet that is wrapped
GAP_SHARE = 0.5  # of the font's size: between pictures, and around them


def compose(
    pictures: Sequence[Sequence[Image.Image]],
    rows: Sequence[str],
    columns: Sequence[str],
) -> Image.Image:
    """Lays pictures out in rows and columns, on white.

    Args:
        pictures: One sequence for each row, as long as `columns`. Each keeps its size
            and stands in the middle of its place; RGBA lies on white.
        rows: A label for each row, left of it; all may be empty.
        columns: A label for each column, above it; all may be empty.

    Returns:
        The sheet, RGB. A label that is too long is shortened in its middle.
    """
    longest = max(max(picture.size) for row in pictures for picture in row)
    size = min(max(round(longest * FONT_SHARE), SMALLEST), LARGEST)
    font, gap = ImageFont.load_default(size), round(size * GAP_SHARE)
    wide = _width_in(font)
    widths = [max(p.width for p in column) for column in zip(*pictures, strict=True)]
    heights = [max(p.height for p in row) for row in pictures]
    most = max(size * MOST_LETTERS, *widths)
    widths = [
        max(width, min(most, wide(label)))
        for width, label in zip(widths, columns, strict=True)
    ]
    margin = min(most, max(map(wide, rows)))  # for the rows' labels
    head = size if any(columns) else 0  # for the columns' labels
    lefts, right = _places(widths, gap + (margin + gap if margin else 0), gap)
    tops, bottom = _places(heights, gap + (head + gap if head else 0), gap)

    sheet = Image.new("RGB", (right, bottom), WHITE)
    draw = ImageDraw.Draw(sheet)
    for left, width, label in zip(lefts, widths, columns, strict=True):
        place = left + width / 2, gap + head / 2
        draw.text(place, shorten(label, width, font), INK, font, "mm")
    for top, height, label in zip(tops, heights, rows, strict=True):
        place = gap + margin, top + height / 2
        draw.text(place, shorten(label, margin, font), INK, font, "rm")
    for top, height, row in zip(tops, heights, pictures, strict=True):
        for left, width, picture in zip(lefts, widths, row, strict=True):
            x, y = (width - picture.width) // 2, (height - picture.height) // 2
            sheet.paste(on_white(picture), (left + x, top + y))
    return sheet


def wrap(pictures: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """Lays pictures of one size out row by row, each under its label, on white.

    Returns:
        The sheet, RGB; about a third wider than high where pictures are square.
    """
    count = len(pictures)
    width = math.ceil(math.sqrt(count * ASPECT))
    # Without a gap in the last row, if that does not take long rows.
    full = [n for n in range(width, width * 3 // 2 + 1) if count % n == 0]
    width = min(full, default=width) if count > width else count
    each = [
        compose([[picture]], [""], [label])
        for picture, label in zip(pictures, labels, strict=True)
    ]
    each += [Image.new("RGB", (1, 1), WHITE)] * (-count % width)
    rows = [each[first : first + width] for first in range(0, count, width)]
    return compose(rows, [""] * len(rows), [""] * width)


def encode(sheet: Image.Image, ending: str) -> bytes:
    """Makes the bytes of a sheet's file; see `output.encode`."""
    return output.encode(as_image(sheet), ending)


def as_image(sheet: Image.Image) -> np.ndarray:
    """A sheet as an image [1, H, W, 3] in [0, 1]."""
    return np.float32(sheet)[np.newaxis] / MAX_8


def shorten(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """Returns a text that is no wider than `width` pixels, cut in its middle."""
    wide = _width_in(font)
    if wide(text) <= width:
        return text
    kept = min(len(text) - 1, int(width))  # no letter is thinner than a pixel
    while kept > 0 and wide(_cut(text, kept)) > width:
        kept -= 1
    return _cut(text, kept)


def _cut(text: str, kept: int) -> str:
    """The first and the last letters, of which values and names need the last ones."""
    tail = kept // 2
    return text[: kept - tail] + ELLIPSIS + text[len(text) - tail :]


def _width_in(font):
    # A pixel more than its advance: letters may lean over it.
    return lambda text: int(font.getlength(text)) + 2 if text else 0


def _places(lengths: Sequence[int], start: int, gap: int) -> tuple[list[int], int]:
    """Where each begins that stands in a row, and where the last one's gap ends."""
    places = []
    for length in lengths:
        places.append(start)
        start += length + gap
    return places, start
