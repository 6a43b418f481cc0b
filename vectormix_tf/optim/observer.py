"""Views: from where a picture is seen: shifted, turned, smaller, part by part."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import MARGIN, fitted
from vectormix_tf.ops.regions import Observed, place
from vectormix_tf.optim.problem import NOT_SHIFTED
from vectormix_tf.optim.tiled import Part
from vectormix_tf.optim.tiling import Tile, cut


def at_scales(layers: Mapping[str, float], levels: int) -> dict[str, float]:
    """The same layers, seen at full size, at half, at a quarter, ...

    Broad strokes count as much as fine ones then.

    Args:
        layers: Names with weights.
        levels: How many sizes.

    Returns:
        Names such as `"mixed2@4"`, with their weights, for an `Observer`.
    """
    return {
        f"{name}@{2**level}" if level else name: weight
        for level in range(levels)
        for name, weight in layers.items()
    }


# Pixels beyond what a tile owns, in multiples of the stride of the network: enough that
# the zeros which it pads its layers with hardly matter (tests/optim/test_tiled.py).
OVERLAP = 48
WHOLE = 0  # a tile as large as the picture


class Observer:
    """How a `Problem` sees a framed image through a shifted window; a `PartsObserver`.

    Layers are named as `at_scales` does: `"mixed2@4"` is mixed2 of the image at a
    quarter of its size. Masks are seen as well: `masks.at(mask, layer)` names the
    weights of the layer's cells.

    Args:
        extractor: What looks.
        masks: [1, H, W, 1] each; framed and shifted as the image is.
        tile: Most pixels of a side that are seen in one go; `WHOLE` for all.
        overlap: What a tile has beyond them on each side, at least.
        rolls: Where views are those of `numbered_views`, how far each is shifted.
        packs: Whether targets keep cells in 8 bits, although they are of one part.
    """

    def __init__(
        self,
        extractor: Extractor,
        masks: Mapping[str, tf.Tensor] | None = None,
        tile: int = WHOLE,
        overlap: int = OVERLAP,
        rolls: tf.Tensor | None = None,
        packs: bool = False,
    ):
        self.extractor, self._masks = extractor, masks or {}
        self._rolls, self._packs = rolls, packs
        strides = [info.stride for info in extractor.info.values()]
        self.tile = tile if all(strides) else WHOLE  # what sees everything sees it so
        self.overlap, self.stride = overlap, max(strides)
        self._known = None, []

    def __call__(self, x, shift, layers: Iterable[str]) -> Observed:
        """Looks at all of x, from a view."""
        observed = Observed()
        for scale, image in self.see(x, shift, layers).items():
            own = [layer for layer in layers if split_scale(layer)[1] == scale]
            observed |= self.look(image, own)
        sizes = {n: tf.shape(observed[n])[1:3] for n in observed}
        observed |= self._masked(tf.shape(x), shift, sizes)
        margins = self.margins(layers)
        return Observed(observed, packs=self._packs, margins=margins)

    def see(self, x, shift, layers: Iterable[str]) -> dict[int, tf.Tensor]:
        """Images of x at the scales that layers ask for, from a view."""
        window = _window(x, shift, self._rolls)
        scales = sorted({split_scale(layer)[1] for layer in layers})
        return {scale: _smaller(window, scale) for scale in scales}

    def look(self, image, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """`{layer: activations}` of an image of one scale, or a part of it."""
        seen = self.extractor(image, [split_scale(layer)[0] for layer in layers])
        return {layer: seen[split_scale(layer)[0]] for layer in layers}

    def margins(self, layers: Iterable[str]) -> dict[str, int]:
        """How many cells at each side of a layer look at the reflected border."""
        return {layer: self._margin(*split_scale(layer)) for layer in layers}

    def _margin(self, name, scale):
        stride = self.extractor.info[name].stride * scale
        # A layer of one cell that sees everything, the logits, counts whole.
        return max(1, MARGIN // stride) if stride else 0

    def splits(self, shape: Sequence[int]) -> bool:
        """Whether an image of that shape is too large for one tile."""
        return self.tile != WHOLE and any(len(self._cut(n)) > 1 for n in shape[1:3])

    def _cut(self, length: int) -> list[Tile]:
        return cut(length, self.tile, self.overlap, self.stride)

    def parts(self, shape: Sequence[int], shift, layers: Iterable[str]) -> list[Part]:
        """How the images that `see` makes of an x are cut into tiles."""
        key = list(shape), np.asarray(shift).tolist(), list(layers)
        if self._known[0] != key:
            self._known = key, list(self._parts(shape, shift, layers))
        return self._known[1]

    def _parts(self, shape, shift, layers):
        scales = {}
        for layer in layers:
            scales.setdefault(split_scale(layer)[1], []).append(layer)
        for scale, own in scales.items():
            size = [side // scale for side in shape[1:3]]
            sizes = self.extractor.sizes(*size)
            sizes = {layer: sizes[split_scale(layer)[0]] for layer in own}
            masked = self._masked(tf.constant(shape), shift, sizes)
            both = itertools.product(*map(self._cut, size))
            for number, tiles in enumerate(both):
                places = {n: self._place(n, sizes[n], size, tiles) for n in own}
                cells = {
                    masks.at(mask, n): self._cells(masked[masks.at(mask, n)], n, tiles)
                    for mask, n in itertools.product(self._masks, own)
                }
                rows, columns = (slice(tile.start, tile.stop) for tile in tiles)
                yield Part(scale, number, rows, columns, places, cells)

    def _place(self, layer, whole, size, tiles) -> np.ndarray:
        stride = self.extractor.info[split_scale(layer)[0]].stride
        start, first, last = (
            np.array([getattr(tile, what) // stride for tile in tiles])
            for what in ("start", "first", "last")
        )
        ends = [tile.last == side for tile, side in zip(tiles, size, strict=True)]
        last = np.where(ends, whole, last)
        return np.stack([whole, start, first, last], dtype=np.int32)

    def _cells(self, mask, layer, tiles):
        """The cells of a whole layer that a tile has."""
        name = split_scale(layer)[0]
        lengths = [tile.stop - tile.start for tile in tiles]
        height, width = self.extractor.sizes(*lengths)[name]
        stride = self.extractor.info[name].stride
        top, left = (tile.start // stride for tile in tiles)
        return mask[:, top : top + height, left : left + width]

    def _masked(self, shape, shift, sizes) -> dict[str, tf.Tensor]:
        """How much each mask lets cells count, of layers of these sizes."""
        found = {}
        for name, mask in self._masks.items():
            window = _window(fitted(mask, shape), shift, self._rolls)
            for layer, size in sizes.items():
                found[masks.at(name, layer)] = masks.cells(window, size)
        return found


def split_scale(layer: str) -> tuple[str, int]:
    """Name of the network's layer, and the scale it is seen at."""
    name, _, scale = layer.partition("@")
    return name, int(scale or 1)


def _window(image, view, rolls=None):
    """Images as they are seen from `view`; see `draw_views`, `numbered_views`."""
    for axis, flip in enumerate(tf.unstack(view)[TURNS], start=1):
        image = tf.cond(
            flip > 0,
            lambda image=image, axis=axis: tf.reverse(image, [axis]),
            lambda image=image: image,
        )
    roll = view[:2] if rolls is None else tf.gather(rolls, view[0])
    image = tf.roll(image, roll, [1, 2])
    leans = view[TURNS.stop :]
    return _leaned(image, leans) if leans.shape[0] else image


def _leaned(image, view):
    """Image enlarged to so many percent and rotated by so many degrees; bilinear.

    TensorFlow's gradient of it is the gradient seen from the inverse view, which is not
    quite the adjoint: it is smoothed as an image is.
    """
    percent, degrees = tf.unstack(tf.cast(view, tf.float32))
    angle, scale = degrees * (np.pi / 180), percent / 100
    cosine, sine = tf.cos(angle) / scale, tf.sin(angle) / scale
    y, x = tf.unstack(tf.cast(tf.shape(image)[1:3] - 1, tf.float32) / 2)  # the middle
    back = [cosine, -sine, x - cosine * x + sine * y]
    back += [sine, cosine, y - sine * x - cosine * y, 0.0, 0.0]
    seen = tf.raw_ops.ImageProjectiveTransformV3(
        images=image,
        transforms=[back],
        output_shape=tf.shape(image)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(seen, image.shape)


def _smaller(image, scale):
    return image if scale == 1 else tf.nn.avg_pool2d(image, scale, scale, "VALID")


def middle(layer: str, observed: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Weighs the cells: 1 for the one in the middle alone; a `Where`."""
    return place(layer, observed).middle(observed[layer])


TURNS = slice(2, 4)  # the numbers of a view that say what is turned over
ROLLED, ENLARGED, LEANED = -1, -2, -3  # what is drawn; `Problem.shift` draws from 0 on


def draw_views(
    seed: int,
    count: int,
    most: int,
    flips: bool = False,
    leans: tuple[int, int] | None = None,
) -> np.ndarray:
    """Draws from where a picture is seen: shifts, and whether it is turned over.

    Args:
        seed: Of all that is drawn.
        count: How many, if there is more than one.
        most: Greatest shift along a side, pixels.
        flips: Whether each side is reversed in turn. A network is not the same network
            to a reversed picture, so what all of them like is less of an accident.
        leans: Greatest change of its size in percent, and greatest rotation in degrees.

    Returns:
        int32 [count, 2, 4 or 6]: rows and columns to roll, then rows and columns to
        reverse (0 or 1), then size in percent and rotation in degrees. The first view
        is the picture as it is.
    """
    if most == 0 and not flips and leans is None:
        return NOT_SHIFTED
    views = [draw_rolls(seed, count, most).numpy()]
    if flips or leans is not None:
        views += _turned(count) if flips else [np.zeros([count, 2])]
    if leans is not None:
        views += [
            _drawn([seed, which], count, 1, most).numpy() + usual
            for which, most, usual in zip(
                (ENLARGED, LEANED), leans, (100, 0), strict=True
            )
        ]
    return np.column_stack(views).astype(np.int32)


def numbered_views(count: int, flips: bool) -> np.ndarray:
    """Views whose shifts are not known yet: their first numbers say which it is."""
    numbers = np.arange(count)
    turned = _turned(count) if flips else []
    return np.column_stack([numbers, numbers, *turned]).astype(np.int32)


def draw_rolls(seed: tf.Tensor | int, count: int, most: tf.Tensor | int) -> tf.Tensor:
    """The shifts of `draw_views`, int32 [count, 2]; seed and most may be of a graph."""
    return _drawn([seed, ROLLED], count, 2, most)


def _drawn(seeds, count, width, most):
    """Whole numbers in [-most, most], int32 [count, width]; the first ones are 0."""
    drawn = tf.random.stateless_uniform(
        [count - 1, width], seeds, -most, most + 1, tf.int32
    )
    return tf.pad(drawn, [[1, 0], [0, 0]])


def _turned(count):
    """Whether rows and columns are reversed, by turns."""
    numbers = np.arange(count)
    return [numbers % 2, numbers // 2 % 2]
