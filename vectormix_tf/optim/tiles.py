"""Tiles: the gradient at an x that is too large to be observed at once.

It takes two passes over the tiles of x. The first adds up the sums of all objectives;
from these come the losses and the derivatives of their total by the sums, the slopes.
The second differentiates the sums of one tile at a time and multiplies by the slopes.
That is the chain rule, not an approximation: tiles overlap by what a cell can see, or
by less where that makes no difference.

Cells of targets are kept in NumPy arrays, as TensorFlow's memory pool never shrinks.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import TRACING
from vectormix_tf.objectives.sums import add
from vectormix_tf.ops.regions import Observed, Place
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import Transform

PACKED = 2**22  # pixels; of a larger x the cells of targets are kept in 8 bits
# Share of a tile that the pieces of a larger side have: of a picture that is cut, there
# is more to be kept in memory besides the tile.
CUT = 3, 4
IMAGE_RANK = 4  # of [1, H, W, c], of which only H and W vary from tile to tile


# --- How an image is cut --------------------------------------------------------------


class Span(NamedTuple):
    """A piece of a side, in pixels, from `start` to before `stop`.

    Pieces overlap. A piece owns what is from `first` to before `last`; every pixel of
    the side is owned by one piece.
    """

    start: int
    stop: int
    first: int
    last: int


def cut_side(length: int, tile: int, overlap: int, stride: int) -> list[Span]:
    """Cuts a side into overlapping pieces of equal length.

    If a piece starts at a multiple of the network's stride, its cell i is cell
    `start / stride + i` of the whole side, but for the zeros with which the network
    pads its layers. So all pieces start at multiples, and the last one ends with the
    side.

    Args:
        length: Of the side, pixels.
        tile: About the most pixels that a side that is not cut has. A piece owns about
            `CUT` of it at most.
        overlap: Least number of pixels beyond these, on each inner side.
        stride: Of the network, a power of 2.

    Returns:
        The pieces in order.
    """
    overlap = -(-overlap // stride) * stride
    if length <= tile + 2 * overlap:
        return [Span(0, length, 0, length)]
    tile = max(1, tile * CUT[0] // CUT[1])
    count = -(-(length - 2 * overlap) // tile)
    own = -(-(length - 2 * overlap) // count)
    size = -(-own // stride) * stride + 2 * overlap + length % stride
    last = length - size  # a multiple of stride
    starts = [last * i // (count - 1) // stride * stride for i in range(count)]
    edges = [0, *(start + overlap for start in starts[1:]), length]
    return [
        Span(start, start + size, *edges[i : i + 2]) for i, start in enumerate(starts)
    ]


class Tile(NamedTuple):
    """A rectangle of an image of x.

    Attributes:
        scale: Of the image; a key of what `TilingObserver.images` returns.
        number: Of the tile among those of its scale.
        rows: Slice of the image.
        columns: Slice of the image.
        places: `{layer: int32 [4, 2]}`, the fields of a `regions.Place` for each layer
            that is observed at this scale.
        masks: What else is observed in the tile, by name.
    """

    scale: int
    number: int
    rows: slice
    columns: slice
    places: Mapping[str, np.ndarray]
    masks: Mapping[str, tf.Tensor]

    def of(self, image):
        """The tile's pixels of an image of its scale."""
        return image[:, self.rows, self.columns]


@runtime_checkable
class TilingObserver(Protocol):
    """A `Problem.observe` that can also observe x tile by tile."""

    def __call__(self, x: tf.Tensor, transform: Transform, layers: Iterable[str]):
        """As `Problem.observe`."""

    def needs_tiles(self, shape: Sequence[int]) -> bool:
        """Whether an x of that shape is too large to be observed at once."""

    def images(
        self, x: tf.Tensor, transform: Transform, layers: Iterable[str]
    ) -> Mapping[int, tf.Tensor]:
        """Returns the transformed x at each of the scales of some layers."""

    def tiles(
        self, shape: Sequence[int], transform: Transform, layers: Iterable[str]
    ) -> list[Tile]:
        """Returns how the images of an x of that shape are cut."""

    def activations(
        self, image: tf.Tensor, layers: Iterable[str]
    ) -> Mapping[str, tf.Tensor]:
        """Returns `{layer: activations}` of an image or tile, all of one scale."""


# --- Steps ----------------------------------------------------------------------------


class TiledSteps:
    """Steps of a problem whose x is observed tile by tile.

    Where the target of an objective depends on how x is shifted, all steps of an octave
    take one transform: targets for several would need more memory than everything else.
    """

    def __init__(self, problem: Problem):
        arranged = any(
            "shift" in objective.depends_on for objective in problem.objectives
        )
        self._problem = dataclasses.replace(problem, one_transform=arranged)
        self._traces = {}

    @staticmethod
    def needed(problem: Problem, x: tf.Tensor) -> bool:
        """Whether x is too large to be observed at once."""
        observer = problem.observe
        return isinstance(observer, TilingObserver) and observer.needs_tiles(x.shape)

    def steps(self, x: tf.Tensor, octave: int) -> Callable:
        """Returns a function that takes the steps of an octave.

        Args:
            x: What the octave starts from.
            octave: Its number.

        Returns:
            (values, state, first, count, commit) -> None. At the end it calls commit
            with what `Problem.descend` returns.
        """
        problem, shape = self._problem, tuple(x.shape)
        constants = problem.canvas.constants(tf.shape(x))
        targets = self.octave_targets(x, octave)
        del x  # so that it can be freed

        def evaluate(values, number):
            number = int(number)
            return self.gradient(values, constants, shape, number, targets[number])

        update = functools.partial(self._call, Problem.update)

        def take(values, state, first, count, commit):
            losses = []
            for i in range(first, first + count):
                values, state, each = problem.step(
                    octave, i, values, state, evaluate, update
                )
                losses.append(each)
            commit(values, state, tf.stack(losses))

        return take

    def octave_targets(self, x: tf.Tensor, octave: int) -> dict[int, list]:
        """Returns `targets` by number, for all transforms that an octave's steps take.

        Args:
            x: What the octave starts from.
            octave: Its number.
        """
        problem, known = self._problem, {}
        steps = range(problem.steps_of(octave))
        numbers = {int(problem.transform_number(octave, i)) for i in steps}
        with TRACING:
            return {number: self.targets(x, number, known) for number in numbers}

    def targets(self, x: tf.Tensor, number: int, known: dict[tuple, Any]) -> list:
        """Returns the target of each objective under the transform of a number.

        Args:
            x: What the octave starts from.
            number: Of the transform.
            known: Targets of x that were made before; new ones are added.
        """

        def make(objective, number):
            return self._problem.target(objective, number, x, self._observe)

        return self._problem.targets_under(number, known, make)

    def _observe(self, y, transform, layers) -> Iterator[Observed]:
        observer = self._problem.observe
        if not observer.needs_tiles(y.shape):
            yield observer(y, transform, layers)
            return
        images, shape = self._images(y, transform, layers), tuple(y.shape)
        del y  # so that it can be freed
        packs = math.prod(shape[1:3]) > PACKED
        for tile in observer.tiles(shape, transform, layers):
            pixels = tf.convert_to_tensor(tile.of(images[tile.scale]))
            yield _observed(observer, pixels, tile.places, tile.masks, packs)

    def _images(self, y, transform, layers):
        """Images of y by scale, of which targets are made."""
        return self._problem.observe.images(y, transform, layers)

    def gradient(self, values, constants, shape, number, targets):
        """Returns the gradient by values and the losses [objectives].

        Args:
            values: Parameters of x.
            constants: From `Canvas.constants`, for the shape of x.
            shape: Of x.
            number: Of the transform.
            targets: Of each objective, for this transform.
        """
        problem = self._problem
        tiles = problem.observe.tiles(
            shape, problem.transforms.at(number), problem.layers
        )
        images, sums = self._call(_images_and_sums, values, constants, number)
        of_x = list(sums)
        upstream, losses, slopes = self._by_images(tiles, images, targets, sums)
        del images  # the last step needs the memory
        for scale in upstream:  # one after another, without its array
            upstream[scale] = tf.convert_to_tensor(upstream[scale])
        own = {i: slopes[i] for i in of_x}
        return self._call(_gradient, values, constants, number, upstream, own), losses

    def _by_images(self, tiles, images, targets, sums):
        """Derivatives of the loss by the images of x, in two passes over the tiles.

        Args:
            tiles: From `TilingObserver.tiles`.
            images: `{scale: image}`.
            targets: Of each objective.
            sums: Those of the objectives without layers, by number.

        Returns:
            `{scale: array}`, the losses [objectives], and the derivatives of their
            total by the sums of each objective.
        """
        problem, names = self._problem, []
        for tile in tiles:
            own = self._call(_tile_sums, *_inputs(tile, images, problem, targets))
            names.append({i: list(each) for i, each in own.items()})
            sums = add(sums, own)
        sums = [sums[i] for i in sorted(sums)]
        with TRACING:  # it differentiates, outside of a graph
            losses, slopes = problem.losses_and_slopes(sums, targets)
        slopes = tf.nest.pack_sequence_as(sums, slopes)
        upstream = {s: np.zeros(image.shape, np.float32) for s, image in images.items()}
        for tile, keys in zip(tiles, names, strict=True):
            own = {i: {n: slopes[i][n] for n in each} for i, each in keys.items()}
            inputs = _inputs(tile, images, problem, targets)
            tile.of(upstream[tile.scale])[:] += self._call(_tile_gradient, *inputs, own)
        return upstream, losses, slopes

    def _call(self, function, *values):
        """Calls a function of the problem and some tensors in a graph for all sizes."""
        values = tf.nest.map_structure(tf.convert_to_tensor, values)
        signature = tf.nest.map_structure(_open, values)
        key = function, str(signature)
        if key not in self._traces:
            own = functools.partial(function, self._problem)
            graph = tf.function(own, signature, autograph=False)
            with TRACING:
                graph.get_concrete_function()
            self._traces[key] = graph
        return self._traces[key](*values)


def _open(tensor):
    """The signature of a tensor; sizes that vary from tile to tile are left open."""
    shape = tensor.shape
    if tensor.dtype != tf.int32 or len(shape) == IMAGE_RANK:  # and no shape as a tensor
        last = shape[-1:] if len(shape) == IMAGE_RANK else [None] * len(shape[-1:])
        shape = [*([None] * len(shape[:-1])), *last]
    return tf.TensorSpec(shape, tensor.dtype)


# --- Functions that are traced --------------------------------------------------------


def _inputs(tile, images, problem, targets):
    """Arguments of `_tile_sums`, with targets of objectives that see the tile."""
    shares = {
        i: objective.share(target, tile.places, tile.number)
        for i, (objective, target) in enumerate(
            zip(problem.objectives, targets, strict=True)
        )
        if set(objective.layers) & set(tile.places)
    }
    return tile.of(images[tile.scale]), dict(tile.places), dict(tile.masks), shares


def _observed(observer, pixels, places, masks, packs=False):
    found = {layer: Place(*tf.unstack(place)) for layer, place in places.items()}
    margins = observer.margins(places)
    seen = {**observer.activations(pixels, places), **masks}
    return Observed(seen, found, packs, margins)


def _images_and_sums(problem, values, constants, number):
    """Images of x by scale, and by number the sums of the objectives without layers."""
    x = problem.canvas.decode_with(values, constants)
    sums = {
        i: objective.sums(x, {}, ())
        for i, objective in enumerate(problem.objectives)
        if not objective.layers
    }
    transform = problem.transforms.at(number)
    return problem.observe.images(x, transform, problem.layers), sums


def _tile_sums(problem, pixels, places, masks, shares):
    """Sums of a tile by number of the objective."""
    observed = _observed(problem.observe, pixels, places, masks)
    return {i: problem.objectives[i].sums(None, observed, s) for i, s in shares.items()}


def _tile_gradient(problem, pixels, places, masks, shares, slopes):
    """Derivative of the loss by the pixels of a tile."""
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        sums = _tile_sums(problem, pixels, places, masks, shares)
    sums, slopes = tf.nest.flatten(sums), tf.nest.flatten(slopes)
    return tape.gradient(sums, pixels, output_gradients=slopes)


def _gradient(problem, values, constants, number, upstream, slopes):
    """Derivative of the loss by values, from those by images and by sums of x."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        both = _images_and_sums(problem, values, constants, number)
    both, upstream = tf.nest.flatten(both), tf.nest.flatten((upstream, slopes))
    return tape.gradient(both, values, output_gradients=upstream)


def row_sums(problem, pixels, first, height):
    """What rows of x add to the sums of the objectives without layers, by number."""
    return {
        i: objective.rows(pixels, first, height)
        if objective.rows
        else objective.sums(pixels, {}, ())
        for i, objective in enumerate(problem.objectives)
        if not objective.layers
    }


def row_gradient(problem, pixels, first, height, slopes):
    """Derivative of the loss by rows of x, through the objectives without layers."""
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        sums = row_sums(problem, pixels, first, height)
    sums, slopes = tf.nest.flatten(sums), tf.nest.flatten(slopes)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(sums, pixels, slopes, unconnected_gradients=zero)
