r"""Labels: a line of text in any script, drawn with the fonts that are there.

The bundled font draws Latin, Greek, Cyrillic, Hebrew, Arabic and symbols. Fonts of
other scripts are an extra, `vectormix_tf[fonts]`; the machine's own fonts are not used.
So a sheet is the same everywhere, except for what needs the extra, or Raqm.

What nothing draws is written as Python's ASCII writes it, e.g. \u4e2d, as is what would
not be seen: control characters, line breaks, parts of file names that are not UTF-8.

Raqm, which Pillow has where the library FriBiDi is installed, joins letters, places
marks and sets text from right to left. Without it such letters are written as above.
"""

import functools
import importlib.util
import itertools
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import ImageDraw, ImageFont, features

from vectormix_tf.errors import Notice
from vectormix_tf.io.names import JOINERS, escaped, is_unseen

BUNDLED = str(Path(__file__).parent / "fonts" / "DejaVuSans.ttf")
EXTRAS = ("manimgx_fonts", "manimgx_fonts_cjk")  # packages of the extra, OFL-1.1
ENDINGS = (".ttf", ".otf", ".ttc")
REGULAR = 400  # weight of a variable font

ELLIPSIS = "…"
# Letters without case, marks, emoji and tones; elsewhere a joiner would not be seen.
JOINABLE = ("Lo", "Mn", "Mc", "So", "Sk")
SELECTORS = "\ufe0e\ufe0f"  # ask for a colored emoji or a plain one; all are plain here
TONES = ("\U0001f3fb", "\U0001f3ff")  # skin of the emoji before them, first to last
FLAGS = ("\U0001f1e6", "\U0001f1ff")  # letters, two of which are a flag
RIGHT_TO_LEFT = ("R", "AL", "AN")  # bidirectional classes, Unicode Standard Annex 9
MOST_MARKS = 4  # on one letter; more of them would cover other labels
NO_GLYPH = "\uffff"  # which no font has, as it is no character
SAMPLE = 24  # pixels; size at which glyphs are compared


class Run(NamedTuple):
    """A part of a label in one font.

    Attributes:
        path: File of the font.
        text: As it is read, from its first letter.
        backward: Whether it goes from right to left.
    """

    path: str
    text: str
    backward: bool


class Pen:
    """Measures and draws labels in one size.

    Args:
        size: Of the letters, pixels.
    """

    def __init__(self, size: int):
        self._size = size
        ascent, descent = _font(BUNDLED, size, False).getmetrics()
        self._middle = (ascent - descent) / 2  # of a line, above its base line

    def width(self, text: str) -> int:
        """Width of a text, pixels, with one on each side; 0 of none.

        Letters may extend beyond their advance.
        """
        lengths = (self._length(run) for run in runs(text))
        return int(sum(lengths)) + 2 if text else 0

    def shorten(self, text: str, width: float) -> str:
        """Returns a text of at most `width` pixels; a longer one is cut in its middle.

        What belongs to one letter, such as its marks, is not separated; nor is the name
        of a letter that no font draws.
        """
        if self.width(text) <= width:
            return text
        letters = [part for _, part in _parts(text)]
        kept = min(len(letters) - 1, int(width))  # no letter is narrower than a pixel
        while kept > 0 and self.width(_cut(letters, kept)) > width:
            kept -= 1
        return _cut(letters, kept)

    def draw(
        self,
        canvas: ImageDraw.ImageDraw,
        place: tuple[float, float],
        text: str,
        color: tuple[int, int, int],
        share: float = 0.5,
    ) -> None:
        """Draws a text.

        Args:
            canvas: Where to.
            place: x and y, pixels; y is the middle of the line.
            text: One line.
            color: RGB.
            share: Part of the text that is to the left of x, in [0, 1].
        """
        x, y = place
        parts = runs(text)
        x -= share * sum(self._length(run) for run in parts)
        for run in parts:
            font, options = self._set(run)
            base = x, y + self._middle
            canvas.text(base, run.text, color, font, "ls", **options)
            x += self._length(run)

    def _length(self, run: Run) -> float:
        font, options = self._set(run)
        return font.getlength(run.text, **options)

    def _set(self, run: Run) -> tuple[ImageFont.FreeTypeFont, dict[str, str]]:
        """Returns the font of a run, and what its methods are told."""
        # Without need the bundled font does without Raqm, as some machines must.
        needed = run.path != BUNDLED or any(map(_is_joined, run.text))
        shaped = needed and has_raqm()
        direction = {"direction": "rtl" if run.backward else "ltr"} if shaped else {}
        return _font(run.path, self._size, shaped), direction


def _cut(letters: list[str], kept: int) -> str:
    """Keeps the first and last letters: names often differ only at their end."""
    tail = kept // 2
    first, last = letters[: kept - tail], letters[len(letters) - tail :]
    return "".join([*first, ELLIPSIS, *last])


def has_raqm() -> bool:
    """Whether Pillow can join letters and set text from right to left."""
    return features.check_feature("raqm")


@functools.lru_cache(maxsize=4096)
def runs(text: str) -> tuple[Run, ...]:
    """Returns a label in parts of one font each, from left to right.

    Warns:
        Notice: Once, if the extra or Raqm would draw more of it.
    """
    parts = _parts(text)
    backward = _backward([letters for _, letters in parts])
    singles = [Run(*part, back) for part, back in zip(parts, backward, strict=True)]
    same_font = itertools.groupby(singles, lambda run: (run.path, run.backward))
    found = [
        Run(path, "".join(run.text for run in same), back)
        for (path, back), same in same_font
    ]
    ordered = []
    for back, stretch in itertools.groupby(found, lambda run: run.backward):
        ordered += [*stretch][:: -1 if back else 1]
    return tuple(ordered)


def _parts(text: str) -> list[tuple[str, str]]:
    """Returns (file of the font, text) of each cluster, in the order of the text."""
    return [part for cluster in clusters(text) for part in _with_fonts(cluster)]


def _backward(parts: Sequence[str]) -> list[bool]:
    """Whether each part goes from right to left, or is between two parts that do.

    Spaces and digits after the last one do not, as a label goes from left to right.
    """
    strong = [_direction(part) for part in parts]
    before = itertools.accumulate(strong, _latest)
    after = [*itertools.accumulate(reversed(strong), _latest)][::-1]
    return [bool(one and other) for one, other in zip(before, after, strict=True)]


def _latest(last: bool | None, each: bool | None) -> bool | None:
    return last if each is None else each


def _direction(part: str) -> bool | None:
    """Whether a part goes from right to left; None of digits, spaces and the like."""
    for letter in part:
        kind = unicodedata.bidirectional(letter)
        if kind == "L" or kind in RIGHT_TO_LEFT:
            return kind != "L"
    return None


def clusters(text: str) -> Iterator[str]:
    """Splits a text into letters with what belongs to them: marks, joined emoji."""
    cluster = ""
    for letter in unicodedata.normalize("NFC", text):  # macOS writes é as e and a mark
        if letter in SELECTORS:
            continue
        if cluster and not _belongs(letter, cluster):
            yield cluster
            cluster = ""
        cluster += letter
    if cluster:
        yield cluster


def _belongs(letter: str, cluster: str) -> bool:
    """Whether a letter is part of the cluster before it."""
    if FLAGS[0] <= letter <= FLAGS[1]:
        return len(cluster) == 1 and FLAGS[0] <= cluster <= FLAGS[1]
    if letter in JOINERS:
        return unicodedata.category(cluster[-1]) in JOINABLE
    return (
        unicodedata.category(letter).startswith("M")
        or TONES[0] <= letter <= TONES[1]
        or (cluster[-1] == JOINERS[1] and len(cluster) > 1)
    )


def _with_fonts(cluster: str) -> Iterator[tuple[str, str]]:
    """Yields (file of the font, text): the cluster, or its letters one by one."""
    path = _font_of(cluster)
    if path is not None:
        yield path, cluster
        return
    for letter in cluster:
        path = _font_of(letter)
        if path is None:
            yield BUNDLED, escaped(letter)
            _tell_once(letter)
        else:
            yield path, letter


def drawn_by(path: str, text: str) -> str:
    """Returns a text in which letters that a font does not draw are escaped."""
    return "".join(
        letter if _draws(path, letter) and letter not in JOINERS else escaped(letter)
        for letter in unicodedata.normalize("NFC", text)
    )


@functools.lru_cache(maxsize=4096)
def _font_of(cluster: str) -> str | None:
    """Returns the file of the first font that draws a cluster; None if none does."""
    marks = sum(unicodedata.category(letter).startswith("M") for letter in cluster)
    if marks > MOST_MARKS or marks == len(cluster) or cluster[0] in JOINERS:
        return None
    if any(map(_is_joined, cluster)) and not has_raqm():
        return None
    draws = (path for path in _files() if all(_draws(path, each) for each in cluster))
    return next(draws, None)


def _is_joined(letter: str) -> bool:
    """Whether a letter is drawn right only by Raqm."""
    return (
        letter in JOINERS
        or unicodedata.category(letter).startswith("M")
        or unicodedata.bidirectional(letter) in RIGHT_TO_LEFT
    )


@functools.lru_cache(maxsize=65536)
def _draws(path: str, letter: str) -> bool:
    """Whether a font has a glyph for a letter that can be seen, or a space."""
    if letter in JOINERS:
        return True  # within a cluster, nothing is drawn for it
    if is_unseen(letter):
        return False
    font = _font(path, SAMPLE, False)
    mask, missing = font.getmask(letter), font.getmask(NO_GLYPH)
    if not any(mask.size) or mask.getbbox() is None:
        return letter.isspace()
    return (mask.size, bytes(mask)) != (missing.size, bytes(missing))


@functools.lru_cache(maxsize=256)
def _font(path: str, size: int, shaped: bool) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if shaped else ImageFont.Layout.BASIC
    font = ImageFont.truetype(path, size, layout_engine=engine)
    try:
        axes = font.get_variation_axes()
    except OSError:  # not a variable font
        return font
    font.set_variation_by_axes(
        [REGULAR if axis["name"] == b"Weight" else axis["default"] for axis in axes]
    )
    return font


@functools.cache
def _files() -> tuple[str, ...]:
    """Returns the files of all fonts, the bundled one first."""
    paths = [BUNDLED]
    for package in EXTRAS:
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            files = sorted(Path(folder).iterdir())
            paths += [str(file) for file in files if file.suffix in ENDINGS]
    return tuple(paths)


def _tell_once(letter: str) -> None:
    """Warns that labels lack something that can be installed."""
    kind = unicodedata.category(letter)[0]
    if kind in "CZ" or letter in JOINERS:
        return  # nothing would draw it
    if _is_joined(letter) and not has_raqm():
        _warn("Pillow lacks Raqm; install the library FriBiDi (fribidi) to join them")
    elif len(_files()) == 1:
        _warn("no font has them: pip install 'vectormix_tf[fonts]'")


@functools.cache
def _warn(why: str) -> None:
    text = f"some letters of labels are written like {escaped('中')}, because {why}."
    warnings.warn(text, Notice, stacklevel=2)
