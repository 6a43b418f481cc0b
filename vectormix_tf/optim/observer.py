"""The observer: transforms x, scales it down, and returns activations and masks."""

import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import PADDING, fit_padded
from vectormix_tf.ops.regions import Observed, place
from vectormix_tf.optim.tiles import Span, Tile, cut_side
from vectormix_tf.optim.transforms import Transform

# Pixels by which tiles overlap: enough that the zeros with which the network pads its
# layers hardly matter (tests/optim/test_tiles.py).
OVERLAP = 48
NO_TILES = 0  # as the size of tiles


def at_scales(layers: Mapping[str, float], levels: int) -> dict[str, float]:
    """Names the same layers for an image at full size, at half, at a quarter, ...

    So broad strokes count as much as fine ones.

    Args:
        layers: `{layer: weight}`.
        levels: Number of scales.

    Returns:
        `{name: weight}` for an `Observer`, with names such as `"mixed2@4"`.
    """
    return {
        f"{name}@{2**level}" if level else name: weight
        for level in range(levels)
        for name, weight in layers.items()
    }


def split_scale(layer: str) -> tuple[str, int]:
    """Splits a name of `at_scales`: `"mixed2@4"` is `("mixed2", 4)`."""
    name, _, scale = layer.partition("@")
    return name, int(scale or 1)


class Observer:
    """Observes padded images with an extractor; a `tiles.TilingObserver`.

    Layers have the names of `at_scales`: `"mixed2@4"` is mixed2 of the image at a
    quarter of its size. `masks.at(mask, layer)` names the weights that a mask gives the
    cells of a layer.

    Args:
        extractor: The network.
        masks: `{name: [1, H, W, 1]}`; padded and transformed as the image is.
        tile: Most pixels of a side that are observed at once; `NO_TILES` for all.
        overlap: By how many pixels tiles overlap on each side, at least.
        packs: Whether targets keep cells in 8 bits even if x is observed at once.
    """

    def __init__(
        self,
        extractor: Extractor,
        masks: Mapping[str, tf.Tensor] | None = None,
        tile: int = NO_TILES,
        overlap: int = OVERLAP,
        packs: bool = False,
    ):
        self.extractor, self._masks, self._packs = extractor, masks or {}, packs
        strides = [info.stride for info in extractor.info.values()]
        # A layer of stride 0 is a function of the whole image, which no tile shows.
        self.tile = tile if all(strides) else NO_TILES
        self.overlap, self.stride = overlap, max(strides)
        self._cache = None, []

    def __call__(
        self, x: tf.Tensor, transform: Transform, layers: Iterable[str]
    ) -> Observed:
        """Observes all of x [1, H, W, 3] under a transform."""
        observed = Observed()
        for scale, image in self.images(x, transform, layers).items():
            own = [layer for layer in layers if split_scale(layer)[1] == scale]
            observed |= self.activations(image, own)
        if self._masks:
            sizes = {layer: tf.shape(observed[layer])[1:3] for layer in observed}
            observed |= self._mask_weights(tf.shape(x), transform, sizes)
        margins = self.margins(layers)
        return Observed(observed, packs=self._packs, margins=margins)

    def images(
        self, x: tf.Tensor, transform: Transform, layers: Iterable[str]
    ) -> dict[int, tf.Tensor]:
        """Returns the transformed x at each of the scales of some layers."""
        image = transform.apply(x)
        scales = sorted({split_scale(layer)[1] for layer in layers})
        return {scale: scaled_down(image, scale) for scale in scales}

    def activations(self, image, layers: Iterable[str]) -> dict[str, tf.Tensor]:
        """Returns `{layer: activations}` of an image or tile, all of one scale."""
        found = self.extractor(image, [split_scale(layer)[0] for layer in layers])
        return {layer: found[split_scale(layer)[0]] for layer in layers}

    def margins(self, layers: Iterable[str]) -> dict[str, int]:
        """How many cells at each side of a layer look at the reflected padding."""
        return {layer: self._margin(*split_scale(layer)) for layer in layers}

    def _margin(self, name, scale):
        stride = self.extractor.info[name].stride * scale
        # A layer that is a function of the whole image (the logits) counts whole.
        return max(1, PADDING // stride) if stride else 0

    # --- Tiles ------------------------------------------------------------------------

    def needs_tiles(self, shape: Sequence[int]) -> bool:
        """Whether an image of that shape is too large for one tile."""
        return self.tile != NO_TILES and any(len(self._cut(n)) > 1 for n in shape[1:3])

    def _cut(self, length: int) -> list[Span]:
        return cut_side(length, self.tile, self.overlap, self.stride)

    def tiles(
        self, shape: Sequence[int], transform: Transform, layers: Iterable[str]
    ) -> list[Tile]:
        """Returns how the images of an x of that shape are cut."""
        fields = [None if f is None else np.asarray(f).tolist() for f in transform]
        key = list(shape), fields, list(layers)
        if self._cache[0] != key:
            self._cache = key, list(self._tiles(shape, transform, layers))
        return self._cache[1]

    def _tiles(self, shape, transform, layers):
        scales = {}
        for layer in layers:
            scales.setdefault(split_scale(layer)[1], []).append(layer)
        for scale, own in scales.items():
            size = [side // scale for side in shape[1:3]]
            sizes = self.extractor.sizes(*size)
            sizes = {layer: sizes[split_scale(layer)[0]] for layer in own}
            weights = self._mask_weights(tf.constant(shape), transform, sizes)
            both = itertools.product(*map(self._cut, size))
            for number, spans in enumerate(both):
                places = {n: self._place(n, sizes[n], size, spans) for n in own}
                cells = {
                    masks.at(mask, n): self._cells(weights[masks.at(mask, n)], n, spans)
                    for mask, n in itertools.product(self._masks, own)
                }
                rows, columns = (slice(span.start, span.stop) for span in spans)
                yield Tile(scale, number, rows, columns, places, cells)

    def _place(self, layer, whole, size, spans) -> np.ndarray:
        """Fields of the `regions.Place` of a tile in a layer, int32 [4, 2]."""
        stride = self.extractor.info[split_scale(layer)[0]].stride
        start, first, last = (
            np.array([getattr(span, edge) // stride for span in spans])
            for edge in ("start", "first", "last")
        )
        ends = [span.last == side for span, side in zip(spans, size, strict=True)]
        last = np.where(ends, whole, last)
        return np.stack([whole, start, first, last], dtype=np.int32)

    def _cells(self, weights, layer, spans):
        """Cells of a tile out of those of the whole layer."""
        name = split_scale(layer)[0]
        lengths = [span.stop - span.start for span in spans]
        height, width = self.extractor.sizes(*lengths)[name]
        stride = self.extractor.info[name].stride
        top, left = (span.start // stride for span in spans)
        return weights[:, top : top + height, left : left + width]

    # --- Masks ------------------------------------------------------------------------

    def _mask_weights(self, shape, transform, sizes) -> dict[str, tf.Tensor]:
        """Weights of cells by each mask, for layers of some sizes."""
        weights = {}
        for name, mask in self._masks.items():
            image = transform.apply(fit_padded(mask, shape))
            for layer, size in sizes.items():
                weights[masks.at(name, layer)] = masks.cells(image, size)
        return weights


def scaled_down(image: tf.Tensor, scale: int) -> tf.Tensor:
    """Returns means of squares of pixels; what is left over at the end is left out."""
    return image if scale == 1 else tf.nn.avg_pool2d(image, scale, scale, "VALID")


def middle(layer: str, observed: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """A `Where` with 1 for the cell in the middle and 0 for all others."""
    return place(layer, observed).middle(observed[layer])
