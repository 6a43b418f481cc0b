"""Sheets: every picture in its place, every label inside."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from vectormix_tf.io import sheets
from vectormix_tf.io.labels import ELLIPSIS, Pen

RED, BLUE, GREEN, GOLD = (250, 0, 0), (0, 0, 250), (0, 200, 0), (200, 150, 0)
LONG = "style=a_name_that_goes_on_and_on_and_has_no_end_in_sight_at_all_1889"


def plain(color, width=90, height=60):
    return Image.new("RGB", (width, height), color)


def box(sheet, color):
    """Where a color is: (left, top, right, bottom)."""
    return Image.fromarray(np.all(np.asarray(sheet) == color, axis=-1)).getbbox()


def ink(sheet):
    """Where something is that is neither white nor one of the pictures."""
    dark = np.asarray(sheet).max(axis=-1) < 140
    return Image.fromarray(dark).getbbox()


def middle(left, right):
    return (left + right) / 2


def test_pictures_stand_in_rows_and_columns_in_their_sizes():
    pictures = [[plain(RED), plain(BLUE)], [plain(GREEN), plain(GOLD)]]
    sheet = sheets.compose(pictures, ["a", "b"], ["c", "d"])
    red, blue, green, gold = (box(sheet, c) for c in (RED, BLUE, GREEN, GOLD))
    for left, top, right, bottom in (red, blue, green, gold):
        assert (right - left, bottom - top) == (90, 60)
    assert red[1] == blue[1] < red[3] < green[1] == gold[1]
    assert red[0] == green[0] < red[2] < blue[0] == gold[0]


def test_a_smaller_picture_stands_in_the_middle_and_keeps_its_shape():
    pictures = [[plain(RED, 90, 40), plain(BLUE, 30, 80)], [plain(GREEN, 20, 20)] * 2]
    sheet = sheets.compose(pictures[:1], [""], ["", ""])
    red, blue = box(sheet, RED), box(sheet, BLUE)
    assert (red[2] - red[0], red[3] - red[1]) == (90, 40)
    assert (blue[2] - blue[0], blue[3] - blue[1]) == (30, 80)
    assert middle(red[1], red[3]) == middle(blue[1], blue[3])
    stacked = [[plain(RED, 90, 40)], [plain(BLUE, 30, 80)]]
    sheet = sheets.compose(stacked, ["", ""], [""])
    red, blue = box(sheet, RED), box(sheet, BLUE)
    assert middle(red[0], red[2]) == middle(blue[0], blue[2])


def test_labels_stand_at_the_heads_and_nothing_without_them():
    pictures = [[plain(RED)]]
    bare = sheets.compose(pictures, [""], [""])
    assert ink(bare) is None
    above = sheets.compose(pictures, [""], ["alpha=0.2"])
    beside = sheets.compose(pictures, ["alpha=0.2"], [""])
    assert ink(above)[3] < box(above, RED)[1]
    assert ink(beside)[2] < box(beside, RED)[0]
    assert above.width == bare.width and beside.height == bare.height
    left, _, right, _ = ink(above)
    assert abs(middle(left, right) - middle(*box(above, RED)[::2])) <= 2
    _, top, _, bottom = ink(beside)
    assert abs(middle(top, bottom) - middle(*box(beside, RED)[1::2])) <= 4


@pytest.mark.parametrize(
    "label",
    [
        *("alpha=0.25", "WWWWWWWWWWW", LONG, LONG * 20),
        *(
            "中文" * 30,
            "שלום " * 20,
            "हिन्दी" * 9,
            "ภาษาไทยน้ำ",
            "ខ្មែរ" * 5,
            "Ǟ\u0323" * 30,
        ),
        *("a\nb\0" * 20, "bad\udcff" * 20, "\U0001f469\u200d\U0001f680" * 30),
    ],
    ids=ascii,
)
def test_no_label_is_clipped_or_meets_another(label):
    pictures = [[plain(RED, 76, 76), plain(BLUE, 76, 76)]]
    sheet = sheets.compose(pictures, [label], [label, label])
    ground = Image.new("RGB", sheet.size, sheets.WHITE)
    left, top, right, bottom = ImageChops.difference(sheet, ground).getbbox()
    assert left > 0 and top > 0 and right < sheet.width and bottom < sheet.height
    head = np.asarray(sheet)[: box(sheet, RED)[1]]
    empty = np.all(head == 255, axis=(0, 2))
    assert empty[(box(sheet, RED)[2] + box(sheet, BLUE)[0]) // 2 - 2]
    assert box(sheet, RED)[0] > ink(sheet)[0]


def test_a_narrow_column_is_widened_for_its_label_but_not_for_any():
    narrow = [[plain(RED, 76, 76)]]
    pen = Pen(sheets.SMALLEST)
    short, long = (sheets.compose(narrow, [""], [x]) for x in ("style_scale=1.4", LONG))
    assert short.width > pen.width("style_scale=1.4") > 76
    assert long.width < pen.width(LONG)


def test_a_shortened_text_keeps_both_ends():
    short = Pen(14).shorten(LONG, 150)
    assert short.startswith("style=") and short.endswith("1889")
    assert ELLIPSIS in short


def test_what_is_transparent_lies_on_white():
    clear = Image.new("RGBA", (90, 60), (*RED, 0))
    clear.paste((*BLUE, 255), (10, 10, 20, 20))
    sheet = sheets.compose([[clear]], [""], [""])
    assert box(sheet, RED) is None
    left, top, right, bottom = box(sheet, BLUE)
    assert (right - left, bottom - top) == (10, 10)


def test_labels_grow_with_the_pictures_and_stay_readable():
    def letters(side):
        sheet = sheets.compose([[plain(RED, side, side)]], [""], ["alpha"])
        _, top, _, bottom = ink(sheet)
        return bottom - top

    assert 7 <= letters(80) < letters(320) <= letters(1000) == letters(3000) < 40


@pytest.mark.parametrize(
    "count, across, down", [(1, 1, 1), (2, 2, 1), (7, 4, 2), (8, 4, 2), (12, 4, 3),
                            (31, 7, 5), (32, 8, 4), (768, 32, 24)]
)  # fmt: skip
def test_pictures_that_are_wrapped_make_full_rows(count, across, down):
    sheet = sheets.wrap([Image.new("RGB", (60, 60))] * count, [""] * count)
    black = np.asarray(sheet.convert("L")) == 0
    assert black.sum() == count * 3600
    assert black.any(0).sum() == across * 60 and black.any(1).sum() == down * 60


def test_each_wrapped_picture_has_its_label_above_it():
    pictures = [Image.new("RGB", (60, 60), (0, 0, 255))] * 2
    blank, labeled = (np.asarray(sheets.wrap(pictures, each)).astype(int)
                      for each in (["1", " "], ["1", "2"]))  # fmt: skip
    rows, columns = np.nonzero((blank != labeled).any(-1))
    blue = np.nonzero((blank == [0, 0, 255]).all(-1))
    assert rows.max() < blue[0].min() and columns.min() > blank.shape[1] / 2
