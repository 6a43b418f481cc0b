"""Labels: each letter is drawn or written out, none is a box, none is an error."""

import hashlib
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from vectormix_tf.errors import Notice
from vectormix_tf.io import labels
from vectormix_tf.io.labels import Pen, runs

SIZE = 20
raqm = pytest.mark.skipif(not labels.has_raqm(), reason="Pillow has no Raqm here")

# In the bundled font, and in those of the extra.
BUNDLED = {
    "Latin": "style=Café_Łódź_ñ",
    "Vietnamese": "Tiếng Việt",
    "Greek": "Ελληνικά ὦ",
    "Cyrillic": "Ждёшь ґ",
    "Armenian": "Հայերեն",
    "Georgian": "ქართული",
    "symbols": "x → y ≤ ∞ ± ½ € № ★ ✓",
    "face": "\U0001f600",
}
JOINED = {"Hebrew": "שלום עולם", "Arabic": "مرحبا بالعالم", "mark": "x\u0302y"}
EXTRA = {
    "Chinese": "中文名字",
    "Japanese": "日本語のラベル",
    "Korean": "한국어",
    "Devanagari": "हिन्दी",
    "Bengali": "বাংলা",
    "Tamil": "தமிழ்",
    "Thai": "ภาษาไทย",
    "Khmer": "ខ្មែរ",
    "Amharic": "አማርኛ",
    "emoji": "\U0001f98a\U0001f469\u200d\U0001f680\U0001f44d\U0001f3fd",
}
# What cannot be seen, and how it is written.
UNSEEN = {
    "a\nb": r"a\nb",
    "a\r\tb": r"a\r\tb",
    "a\x00\x1b[31m": r"a\x00\x1b[31m",
    "bad\udcff.png": r"bad\xff.png",
    "\u202egnp.exe": r"\u202egnp.exe",
    "zero\u200bwidth\ufeff": r"zero\u200bwidth\ufeff",
    "line\u2028end\u2029": r"line\u2028end\u2029",
    "\u200dalone\u200c": r"\u200dalone\u200c",
    "private \ue000 \U000f0000": r"private \ue000 \U000f0000",
    "none \uffff \U0001fffe": r"none \uffff \U0001fffe",
    "soft\xadhyphen": r"soft\xadhyphen",
}


def read(text):
    """What a label says, in the order in which it is drawn."""
    return "".join(run.text for run in runs(text))


def ink(text, width=700, size=SIZE):
    """The black pixels of a label that begins at x = 50, in a picture."""
    image = Image.new("RGB", (width, 5 * size), "white")
    Pen(size).draw(ImageDraw.Draw(image), (50, 2.5 * size), text, (0, 0, 0), 0)
    return np.asarray(image.convert("L")) < 128


@pytest.fixture
def fresh():
    """Forgets which fonts there are and what was told, before and after."""

    def forget():
        for function in (labels._files, labels._font_of, labels.runs, labels._warn):
            function.cache_clear()

    forget()
    yield
    forget()


@pytest.fixture
def bundled_only(fresh, monkeypatch):
    """As if the extra were not installed."""
    monkeypatch.setattr(labels, "EXTRAS", ("no_such_package",))


@pytest.fixture
def without_raqm(fresh, monkeypatch):
    monkeypatch.setattr(labels, "has_raqm", lambda: False)


# --- What is drawn --------------------------------------------------------------------


@pytest.mark.parametrize("text", BUNDLED.values(), ids=BUNDLED)
def test_the_bundled_font_draws_these_scripts(text, bundled_only, without_raqm):
    text = unicodedata.normalize("NFC", text)
    assert read(text) == text and {run.path for run in runs(text)} == {labels.BUNDLED}


@pytest.mark.parametrize("text", EXTRA.values(), ids=EXTRA)
@raqm
def test_the_extra_draws_the_others(text):
    assert read(text) == text and ink(text).any()
    assert all(run.path != labels.BUNDLED for run in runs(text))


@pytest.mark.parametrize("text", [*BUNDLED.values(), *JOINED.values(), *EXTRA.values()])
@raqm
def test_no_glyph_is_a_box(text):
    """A second look at the files: fontTools reads which letters they have."""
    ttlib = pytest.importorskip("fontTools.ttLib")
    for run in runs(text):
        with ttlib.TTFont(run.path, fontNumber=0, lazy=True) as font:
            has = font.getBestCmap()
        seen = [c for c in run.text if c not in labels.JOINERS]
        assert all(ord(letter) in has for letter in seen)


@pytest.mark.parametrize("text", ["한국어", "Å", "é", "ứ"])
def test_names_of_macos_are_drawn_like_others(text):
    """It writes letters with marks as several characters."""
    assert len(unicodedata.normalize("NFD", text)) > len(text)
    np.testing.assert_array_equal(ink(unicodedata.normalize("NFD", text)), ink(text))


def crop(drawn):
    return drawn[np.ix_(drawn.any(1), drawn.any(0))]


def plain(text, size, engine):
    """The pixels of a text by Pillow alone."""
    image = Image.new("L", (500, 3 * size), 255)
    font = ImageFont.truetype(labels.BUNDLED, size, layout_engine=engine)
    ImageDraw.Draw(image).text((50, 2 * size), text, 0, font, "ls")
    return crop(np.asarray(image) < 128)


@raqm
def test_arabic_letters_are_joined():
    """As the characters for their forms: at the beginning, within and at the end."""
    forms = plain("\ufe91\ufee0\ufe90", 40, ImageFont.Layout.RAQM)
    np.testing.assert_array_equal(crop(ink("بلب", 500, 40)), forms)
    apart = plain("\ufe8f\ufedd\ufe8f", 40, ImageFont.Layout.RAQM)
    assert apart.shape[1] > forms.shape[1] * 1.2


@raqm
def test_hebrew_letters_go_from_right_to_left():
    """Without Raqm Pillow draws them from the left, as they come."""
    drawn = crop(ink("אבגד", 500, 40))
    np.testing.assert_array_equal(drawn, plain("דגבא", 40, ImageFont.Layout.BASIC))


@raqm
@pytest.mark.parametrize(
    "text, expected",
    [
        ("a אב 12 גד z", ["a ", "<אב 12 גד", " z"]),
        ("אב 12", ["<אב", " 12"]),
        ("style=אב", ["style=", "<אב"]),
        ("אב (c) גד", ["<אב", " (c) ", "<גד"]),
    ],
)
def test_what_goes_from_right_to_left_stays_in_its_place(text, expected):
    assert [f"{'<' * run.backward}{run.text}" for run in runs(text)] == expected


@raqm
def test_two_fonts_from_right_to_left_are_drawn_from_the_right():
    syriac = "אב ࡀ"  # Hebrew, and Mandaic, which no font here draws
    assert read(syriac).endswith(r"\u0840")
    adlam = [run for run in runs("אב \u08a0") if run.backward]  # Arabic of the extra
    assert len(adlam) == 2 and adlam[0].path != adlam[1].path == labels.BUNDLED


def test_the_notice_is_about_the_font_that_is_bundled():
    folder = Path(labels.BUNDLED).parent
    notice = (folder / "NOTICE").read_text("utf-8")
    assert hashlib.sha256(Path(labels.BUNDLED).read_bytes()).hexdigest() in notice
    assert "Bitstream" in (folder / "LICENSE_DEJAVU").read_text("utf-8")


# --- What is written out --------------------------------------------------------------


@pytest.mark.parametrize("text, written", UNSEEN.items(), ids=ascii)
def test_what_cannot_be_seen_is_written_out(text, written):
    assert read(text) == written
    np.testing.assert_array_equal(ink(text), ink(written))


def test_without_the_extra_a_letter_is_written_out_and_the_extra_named(bundled_only):
    with pytest.warns(
        Notice, match=r"like \\u4e2d.*pip install 'vectormix_tf\[fonts\]'"
    ):
        assert read("a中文.z") == r"a\u4e2d\u6587.z"
    assert read("\U0001f98a") == r"\U0001f98a"  # told once


def test_without_raqm_joined_letters_are_written_out_and_it_is_named(without_raqm):
    with pytest.warns(Notice, match="Pillow lacks Raqm; install .* FriBiDi"):
        assert read("שa") == r"\u05e9a"
    assert read("x\u0302") == r"x\u0302" and read("हि") == r"ह\u093f"


def test_what_nothing_can_draw_is_told_of_no_one(bundled_only):
    for text in UNSEEN:
        assert read(text)


def test_more_marks_than_a_letter_has_do_not_cover_other_labels():
    marks = "".join(map(chr, range(0x300, 0x310)))
    assert read(f"Z{marks}") == "Z" + "".join(rf"\u03{ord(m) % 256:02x}" for m in marks)


def test_latin_is_the_same_with_the_extra_and_raqm_and_without(
    bundled_only, without_raqm, monkeypatch
):
    alone = ink("Ждёшь Ελλη style=Café_AVATAR")
    monkeypatch.undo()
    for function in (labels._files, labels._font_of, labels.runs):
        function.cache_clear()
    np.testing.assert_array_equal(ink("Ждёшь Ελλη style=Café_AVATAR"), alone)


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(), max_size=20),  # surrogates too
    st.text(
        "aZ\n\u0301\u200d\u05d0\u0628中ह\u094d\ud800\U0001f1eb\U0001f3fd", max_size=30
    ),
)


@given(TEXTS)
def test_any_text_can_be_drawn_and_is_not_empty(text):
    ink(text)
    assert bool(read(text)) == bool(text.strip(labels.SELECTORS))


# --- Long labels ----------------------------------------------------------------------


@given(text=TEXTS, width=st.floats(0, 300))
def test_a_shortened_text_is_no_wider_than_it_may_be(text, width):
    pen = Pen(14)
    short = pen.shorten(text, width)
    assert pen.width(short) <= max(width, pen.width(labels.ELLIPSIS))


@pytest.mark.parametrize(
    "letter",
    ["e\u0302\u0323", "हि", "\U0001f469\u200d\U0001f680", "\U0001f1eb\U0001f1f7", "\n"],
)
@raqm
def test_a_letter_is_not_cut_in_two(letter):
    pen = Pen(14)
    for width in range(30, 200, 7):
        head, tail = pen.shorten(letter * 40, width).split(labels.ELLIPSIS)
        whole = read(letter)
        assert head == whole * (len(head) // len(whole))
        assert tail == whole * (len(tail) // len(whole))


# --- Where it is drawn ----------------------------------------------------------------


@pytest.mark.parametrize("text", [*BUNDLED.values(), *JOINED.values(), *EXTRA.values()])
@raqm
def test_a_label_is_as_wide_as_is_told_and_in_its_line(text):
    rows, columns = np.nonzero(ink(text))
    assert columns.min() >= 50 - 2 and columns.max() < 50 + Pen(SIZE).width(text) + 2
    assert abs((rows.min() + rows.max()) / 2 - 2.5 * SIZE) < SIZE / 3
    # A sheet has the letters' size for a line, and half of it above and below.
    assert rows.min() > 1.5 * SIZE and rows.max() < 3.5 * SIZE


def test_a_label_ends_or_is_centered_where_it_should():
    for share in (0, 0.5, 1):
        image = Image.new("RGB", (500, 60), "white")
        pen = Pen(SIZE)
        pen.draw(ImageDraw.Draw(image), (250, 30), "HHHHHHH", (0, 0, 0), share)
        _, columns = np.nonzero(np.asarray(image.convert("L")) < 128)
        half = pen.width("HHHHHHH") / 2
        center = 250 + half * (1 - 2 * share)
        assert abs((columns.min() + columns.max()) / 2 - center) <= 2


# --- Elsewhere ------------------------------------------------------------------------
