"""Pieces: the texture of paintings is laid over a picture, in one pass.

Each cell of the picture gets a piece of a painting that a network sees as alike
(`match`). The pieces overlap and are averaged (`lay`). Their detail is added to the
picture, less so at its edges, and the contrast at each scale becomes that of the
paintings (`textured`). Patches matched by features: Li and Wand 2016,
arXiv:1601.04589; pieces that continue those beside them: Ashikhmin 2001, "Synthesizing
natural textures", and Barnes et al. 2009, "PatchMatch".
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vectormix_tf.filters.smoothing import LONG_SIDE, boxed

# All numbers below were found by eye on six pairs of pictures at 512 pixels.
ROUNDS = 8  # in each of them half of the cells may take another piece
CONTINUES = 5.0  # likeness that a piece gains for each neighbor that it continues
EXCESS = 0.6  # likeness that a cell loses in a round for each share it is used too much
MOST_EXCESS = 4.0  # shares; one round does not take away more
NEAR = 1  # a piece counts as used where one so many cells beside it is

REACH = 1  # a piece reaches over so many cells beside its own
FADE = 0.525  # standard deviation of its weights, in cells

# In pixels of a picture whose long side has `LONG_SIDE`.
COARSEST = 8.0  # standard deviation of the blur that divides texture from layout
STROKES = 0.5, 2.0  # times `COARSEST`, for smaller and larger strokes
EDGE = 2.5  # the same of the windows in which edges are measured
SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)  # the same of those between which contrast is set
STRONG = 0.06  # root mean square of lightness at which an edge is kept in full
EDGES_KEPT = 1.5  # times alpha: how much of the texture gives way to a strong edge
LEAST_GAIN, MOST_GAIN = 0.5, 2.5  # of the contrast at a scale

MARGIN = 3  # how far a picture is mirrored, in standard deviations of its blur
TINY = 1e-6


class Pieces(NamedTuple):
    """Which piece each cell of a picture gets; all are int [h, w].

    Attributes:
        style: Number of the painting.
        row: Of the cell in the layer of that painting.
        column: Likewise.
    """

    style: np.ndarray
    row: np.ndarray
    column: np.ndarray


class Layout(NamedTuple):
    """Where the cells of a layer are in a picture.

    Attributes:
        size: (height, width) of the picture, pixels.
        first: Middle of the first cell, (down, right), pixels; it may be outside.
        step: From one cell to the next, likewise.
    """

    size: tuple[int, int]
    first: tuple[float, float]
    step: tuple[float, float]


# --- Which pieces ---------------------------------------------------------------------


def match(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    shares: Sequence[float] = (1.0,),
    applied: Sequence[np.ndarray] = (),
) -> Pieces:
    """Finds a piece for each cell: alike, next to its neighbors', and not used up.

    Alike are features with a high cosine, compared with what else the piece is like:
    so none that is a little like everything is everywhere.

    Args:
        content: Features of the picture, [h, w, c].
        styles: Those of the paintings, each [h', w', c].
        shares: How much of the picture each painting gets; they sum to 1.
        applied: Where each painting may be used, each [h, w] in [0, 1]; a cell takes
            those of at least half of its highest one. Empty is everywhere.
    """
    used = [i for i, share in enumerate(shares) if share > 0]
    grids = [styles[i].shape[:2] for i in used]
    score = np.concatenate([_likeness(content, styles[i]) for i in used], axis=1)
    counts = [rows * columns for rows, columns in grids]
    owner = np.repeat(np.arange(len(used)), counts)
    if applied:
        where = np.stack([np.ravel(applied[i]) for i in used], axis=1)
        barred = where < np.max(where, axis=1, keepdims=True) / 2
        score[barred[:, owner]] = -np.inf
    columns = np.repeat([columns for _, columns in grids], counts)
    rooms = len(score) * np.array([shares[i] for i in used])  # cells of each painting
    chosen = _chosen(score, content.shape[:2], owner, columns, grids, rooms)
    within = chosen - np.cumsum([0, *counts[:-1]])[owner[chosen]]
    row, column = np.divmod(within, columns[chosen])
    number = np.array(used)[owner[chosen]]
    return Pieces(*(each.reshape(content.shape[:2]) for each in (number, row, column)))


def _likeness(content, style):
    """Likeness of each cell of a picture to each of a painting, [h w, h' w']."""
    one, other = (_standardized(each) for each in (content, style))
    score = one.reshape(-1, one.shape[-1]) @ other.reshape(-1, one.shape[-1]).T
    score = score.reshape(content.shape[:2] + style.shape[:2])
    for axis in (0, 1):  # together with the cells around both
        beside = score.copy()
        ahead, back = ([slice(None)] * 4 for _ in range(2))
        ahead[axis] = ahead[axis + 2] = slice(1, None)
        back[axis] = back[axis + 2] = slice(None, -1)
        beside[tuple(ahead)] += score[tuple(back)]
        beside[tuple(back)] += score[tuple(ahead)]
        score = beside
    score = score.reshape(-1, style.shape[0] * style.shape[1])
    score -= np.mean(score, axis=0)
    return score / (np.std(score) + TINY)


def _standardized(features):
    """Features of length 1, each channel standardized over the picture first."""
    features = features - np.mean(features, axis=(0, 1))
    spread = np.std(features, axis=(0, 1))
    features /= spread + 1e-3 * np.mean(spread) + TINY
    return features / (np.linalg.norm(features, axis=-1, keepdims=True) + TINY)


def _chosen(score, size, owner, columns, grids, rooms):
    """Number of the cell of all paintings that each cell gets, int [h w]."""
    chosen = np.argmax(score, axis=1)
    penalty = np.zeros(score.shape[1], np.float32)
    row, column = np.divmod(np.arange(len(score)), size[1])
    for number in range(ROUNDS):
        excess = _excess(chosen, owner, grids, rooms)
        penalty = np.maximum(penalty + EXCESS * np.minimum(excess, MOST_EXCESS), 0)
        # Those like the black squares of a chessboard, then the white ones: a cell and
        # the one beside it would otherwise forever take each other's place.
        turn = np.flatnonzero((row + column + number) % 2 == 0)
        now = score[turn] - penalty
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            beside = _beside(chosen, size, down, right, owner, columns, grids)[turn]
            has = np.flatnonzero(beside >= 0)
            now[has, beside[has]] += CONTINUES
        chosen[turn] = np.argmax(now, axis=1)
    return chosen


def _excess(chosen, owner, grids, rooms):
    """How many shares more than one cells and their paintings are used, [cells]."""
    used = np.bincount(chosen, minlength=len(owner)).astype(np.float32)
    whole = np.bincount(owner[chosen], minlength=len(grids)) / rooms
    parts, first = [], 0
    for (rows, columns), room, many in zip(grids, rooms, whole, strict=True):
        cells = used[first : first + rows * columns].reshape(rows, columns, 1)
        around = boxed(cells, NEAR).ravel() * (rows * columns / room)
        # A painting that is used too much is so with all of its cells.
        parts.append(around - 1 if len(grids) == 1 else around - 2 + many)
        first += rows * columns
    return np.concatenate(parts)


def _beside(chosen, size, down, right, owner, columns, grids):
    """The cell that continues the piece of a neighbor, for each cell; -1 for none."""
    field = chosen.reshape(size)
    rows = np.clip(np.arange(size[0]) + down, 0, size[0] - 1)
    across = np.clip(np.arange(size[1]) + right, 0, size[1] - 1)
    theirs = field[np.ix_(rows, across)].ravel()
    first = np.cumsum([0] + [h * w for h, w in grids])[owner[theirs]]
    row, column = np.divmod(theirs - first, columns[theirs])
    row, column = row - down, column - right
    heights = np.array([height for height, _ in grids])[owner[theirs]]
    inside = (row >= 0) & (row < heights) & (column >= 0) & (column < columns[theirs])
    return np.where(inside, first + row * columns[theirs] + column, -1)


# --- Laying them ----------------------------------------------------------------------


def lay(
    pieces: Pieces,
    layout: Layout,
    styles: Sequence[np.ndarray],
    layouts: Sequence[Layout],
) -> np.ndarray:
    """Returns the weighted mean of the pieces that reach each pixel.

    Args:
        pieces: From `match`.
        layout: Of the picture's cells.
        styles: The paintings, each [H', W', c]; beyond their borders they are mirrored.
        layouts: Of their cells.

    Returns:
        [H, W, c].
    """
    beyond = [_beyond(each) for each in layouts]
    padded = [
        np.pad(style, [*((each, each) for each in sides), (0, 0)], "symmetric")
        for style, sides in zip(styles, beyond, strict=True)
    ]
    pitches = np.array([each.shape[1] for each in padded])
    firsts = np.cumsum([0] + [h * w for h, w, _ in (p.shape for p in padded[:-1])])
    colors = np.concatenate([each.reshape(-1, each.shape[-1]) for each in padded])
    # Index of the pixel of each piece that would lie on the pixel (0, 0).
    down, right = (
        _shift(pieces, axis, layout, layouts) + np.array(beyond)[pieces.style, axis]
        for axis in (0, 1)
    )
    pitch = pitches[pieces.style]
    origin = firsts[pieces.style] + down * pitch + right
    total, weights = 0.0, 0.0
    y, x = np.arange(layout.size[0])[:, None], np.arange(layout.size[1])
    for rows, high in _reaching(pieces, layout, 0):
        for across, wide in _reaching(pieces, layout, 1):
            cells = np.ix_(rows, across)
            weight = (high[:, None] * wide)[..., None]
            index = origin[cells] + y * pitch[cells] + x
            total += weight * np.take(colors, index, axis=0)
            weights += weight
    return total / weights


def _beyond(layout):
    """Pixels beyond each border of a painting that its pieces reach, (down, right)."""
    return [
        int(np.ceil(2 * (REACH + 1) * step - min(first, 0)))
        for first, step in zip(layout.first, layout.step, strict=True)
    ]


def _shift(pieces, axis, layout, layouts):
    """Pixels from where a piece is laid to where it is in its painting, int [h, w]."""
    first, step = (
        np.array([each[i][axis] for each in layouts])[pieces.style] for i in (1, 2)
    )
    here = layout.first[axis] + layout.step[axis] * np.arange(pieces.style.shape[axis])
    here = here[:, None] if axis == 0 else here
    return np.int64(np.round(first + step * pieces[1 + axis] - here))


def _reaching(pieces, layout, axis):
    """For each piece that reaches a pixel of an axis: its cell, and its weight."""
    last = pieces.style.shape[axis] - 1
    pixels = np.arange(layout.size[axis], dtype=np.float32)
    place = (pixels - layout.first[axis]) / layout.step[axis]
    nearest = np.int64(np.round(place))
    for offset in range(-REACH, REACH + 1):
        away = np.float32(place - (nearest + offset))
        weight = np.exp(-(away**2) / np.float32(2 * FADE**2))
        yield np.clip(nearest + offset, 0, last), weight


# --- Texture --------------------------------------------------------------------------


def textured(
    image: np.ndarray,
    laid: np.ndarray,
    styles: Sequence[np.ndarray],
    shares: Sequence[float],
    alpha: float,
    strokes: float = 1.0,
) -> np.ndarray:
    """Adds the texture of pieces to a picture, in the contrast of the paintings.

    Args:
        image: Oklab, [H, W, 3].
        laid: What `lay` made of paintings in Oklab, [H, W, 3].
        styles: Lightness of the paintings, each [H', W'], as large as they are laid.
        shares: Weight of the contrast of each; they sum to 1.
        alpha: Share of the picture: 1 returns it, at 0 no edge is spared.
        strokes: How large the paintings are, relative to the picture.

    Returns:
        Oklab, [H, W, 3].
    """
    strength, unit = 2 * (1 - alpha), max(image.shape[:2]) / LONG_SIDE
    coarsest = COARSEST * unit * np.clip(strokes, *STROKES)
    lightness = image[..., 0]
    edges = lightness - _blurred(lightness, COARSEST * unit)
    edges = np.maximum(_blurred(edges**2, EDGE * unit), 0) / STRONG**2
    share = strength * (1 - min(EDGES_KEPT * alpha, 1) * np.minimum(edges, 1))
    made = image.copy()
    for channel in range(3):
        plane = laid[..., channel]
        plane = plane - _blurred(plane, coarsest)
        made[..., channel] += share * plane
    made[..., 0] = _with_contrast(made[..., 0], styles, shares, unit, min(strength, 1))
    return made


def _with_contrast(plane, styles, shares, unit, power):
    """Gives a plane the contrast of others at each of the `SCALES`, to a power."""
    wanted = [_Waves(style, unit).contrasts() for style in styles]
    wanted = sum(s * each for s, each in zip(shares, wanted, strict=True))
    waves = _Waves(plane, unit)
    gains = np.sqrt(wanted / (waves.contrasts() + TINY**2))
    gains = np.clip(gains, LEAST_GAIN, MOST_GAIN) ** power
    kept = sum(g * band for g, band in zip(gains, waves.bands(), strict=True))
    return waves.times(kept + waves.blur(SCALES[-1]))


def _blurred(plane, sigma):
    """A Gaussian blur of a plane [H, W], in a time that does not depend on sigma."""
    waves = _Waves(plane, sigma, 1.0)
    return waves.times(waves.blur(1.0))


class _Waves:
    """The spectrum of a plane that is mirrored at its borders.

    Args:
        plane: [H, W].
        unit: Pixels that standard deviations are multiples of.
        widest: The greatest of them, units.
    """

    def __init__(self, plane: np.ndarray, unit: float, widest: float = SCALES[-1]):
        self._margin = int(np.ceil(MARGIN * widest * unit))
        self._size, self._unit = plane.shape, unit
        padded = np.pad(plane, self._margin, "symmetric")
        self._shape = padded.shape
        self._waves = np.fft.rfft2(padded)
        down, right = np.fft.fftfreq(padded.shape[0]), np.fft.rfftfreq(padded.shape[1])
        self._square = np.float32(down[:, None] ** 2 + right**2)  # of frequencies

    def blur(self, sigma: float) -> np.ndarray:
        """What a Gaussian of so many units leaves of each wave."""
        width = 2 * (np.pi * sigma * self._unit) ** 2
        return np.exp(np.float32(-width) * self._square)

    def bands(self) -> list[np.ndarray]:
        """What is between two of the `SCALES`, from fine to coarse."""
        passed = [1.0, *(self.blur(sigma) for sigma in SCALES)]
        return [fine - coarse for fine, coarse in itertools.pairwise(passed)]

    def contrasts(self) -> np.ndarray:
        """Variance in each of `bands`."""
        power = np.abs(self._waves) ** 2
        power[:, 1 : (self._shape[1] + 1) // 2] *= 2  # waves and their mirror images
        count = np.prod(self._shape, dtype=np.float64) ** 2
        return np.array([np.sum(power * band**2) / count for band in self.bands()])

    def times(self, factor: np.ndarray) -> np.ndarray:
        """The plane with each wave times a factor, [H, W]."""
        plane = np.fft.irfft2(self._waves * factor, self._shape)
        rows, columns = (slice(self._margin, self._margin + n) for n in self._size)
        return np.float32(plane[rows, columns])
