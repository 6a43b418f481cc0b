"""Parts: the gradient at an x that is too large to be seen in one go.

Two passes over the parts of x. The first adds up the sums of all objectives, of which
losses are made, and with them the derivative of the loss by each sum. With these
slopes, which know the whole of x, the second derives part by part. So nothing is
approximated: parts overlap by what a cell can see, or by less where that makes no
difference.

Cells of targets are kept in NumPy: TensorFlow's pool of memory never shrinks.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from vectormix_tf.objectives.base import EVERYWHERE
from vectormix_tf.objectives.sums import add
from vectormix_tf.ops.regions import Observed, Place
from vectormix_tf.optim.problem import Problem

PACKED = 2**22  # pixels; of a larger x a target's cells are kept in 8 bits
IMAGE_RANK = 4  # of [1, H, W, 3], whose sides alone are open


class Part(NamedTuple):
    """A part of x as it is seen.

    Attributes:
        scale: Which of the images that `PartsObserver.see` returns it is cut from.
        number: Of the part among those of its scale.
        rows: Of the image, and columns.
        columns: Likewise.
        places: `{layer: int32 [4, 2]}`, a `regions.Place` each, of all layers there.
        masks: What else is observed there, by name.
    """

    scale: int
    number: int
    rows: slice
    columns: slice
    places: Mapping[str, np.ndarray]
    masks: Mapping[str, tf.Tensor]

    def cut(self, image):
        """The part's pixels of an image of its scale."""
        return image[:, self.rows, self.columns]


@runtime_checkable
class PartsObserver(Protocol):
    """What `Problem.observe` is, if it can look at x part by part."""

    def __call__(self, x: tf.Tensor, shift: tf.Tensor, layers: Iterable[str]):
        """As `Problem.observe` says."""

    def splits(self, shape: Sequence[int]) -> bool:
        """Whether an x of that shape is too large to be seen in one go."""

    def see(self, x: tf.Tensor, shift: tf.Tensor, layers) -> Mapping[int, tf.Tensor]:
        """Images of x as it is seen, at each of the scales that layers ask for."""

    def parts(self, shape: Sequence[int], shift: np.ndarray, layers) -> list[Part]:
        """How those of an x of that shape are cut."""

    def look(self, image: tf.Tensor, layers: Iterable[str]) -> Mapping[str, tf.Tensor]:
        """`{layer: activations}` of an image or a part of it, all of one scale."""

    def margins(self, layers: Iterable[str]) -> Mapping[str, int]:
        """How many cells at each side of a layer look at padding."""


class Split:
    """Steps of a problem whose x is seen part by part.

    Where a target says where things are, all steps of an octave see x from one place:
    targets for several would take more memory than all else.
    """

    def __init__(self, problem: Problem):
        self._problem, self._traces = problem, {}
        self._still = any(
            objective.moves == EVERYWHERE for objective in problem.objectives
        )

    @staticmethod
    def of(problem: Problem, x: tf.Tensor) -> bool:
        """Whether x is too large to be seen in one go."""
        observe = problem.observe
        return isinstance(observe, PartsObserver) and observe.splits(x.shape)

    def steps(self, x: tf.Tensor, octave: int) -> Callable:
        """Returns (values, state, first, count) -> what `Problem.descend` returns.

        Args:
            x: What the octave starts from.
            octave: Its number.
        """
        problem, known, shape = self._problem, {}, tuple(x.shape)
        held = problem.canvas.hold(tf.shape(x))
        steps = problem.steps_of(octave)
        numbers = [
            int(problem.shift(octave, 0 if self._still else i)) for i in range(steps)
        ]
        # Now, for then x can go.
        targets = {number: self._targets(x, number, known) for number in set(numbers)}
        del x

        def take(values, state, first, count):
            losses = []
            for i in range(first, first + count):
                number = numbers[i]
                at = held, shape, number, targets[number]
                gradient, each = self.gradient(values, *at)
                moving = values, gradient, state, np.float32(i / steps)
                values, state = self._call(_move, *moving)
                del moving, gradient
                losses.append(each)
            return values, state, tf.stack(losses)

        return take

    def _targets(self, x, number, known):
        """Of each objective; `known` keeps those that were made."""
        problem, targets = self._problem, []
        for i, objective in enumerate(problem.objectives):
            first, which = problem.different(objective)
            key = i, int(which[number])
            if key not in known:
                shift = problem.shifts[first[which[number]]]
                known[key] = objective.target(
                    lambda y, layers, s=shift: self._observe(y, s, layers), x
                )
            targets.append(known[key])
        return targets

    def _observe(self, y, shift, layers) -> Iterator[Observed]:
        observer = self._problem.observe
        if not observer.splits(y.shape):
            yield observer(y, shift, layers)
            return
        seen = observer.see(y, shift, layers)
        packs = math.prod(y.shape[1:3]) > PACKED
        for part in observer.parts(tuple(y.shape), shift, layers):
            image = part.cut(seen[part.scale])
            yield _look(observer, image, part.places, part.masks, packs)

    def gradient(self, values, held, shape, number, targets):
        """(gradient by values, losses of the objectives), seen with one shift."""
        problem = self._problem
        shift = problem.shifts[number]
        parts = problem.observe.parts(shape, shift, problem.layers)
        seen, sums = self._call(_see, values, held, shift)
        alone, keys = list(sums), []
        for part in parts:
            found = self._call(_sums, *_given(part, seen, problem, targets))
            keys.append({i: list(each) for i, each in found.items()})
            sums = add(sums, found)
        sums = [sums[i] for i in sorted(sums)]
        each, slopes = problem.losses(sums, targets)
        slopes = tf.nest.pack_sequence_as(sums, slopes)
        back = {at: np.zeros(image.shape, np.float32) for at, image in seen.items()}
        for part, names in zip(parts, keys, strict=True):
            own = {i: {n: slopes[i][n] for n in found} for i, found in names.items()}
            given = _given(part, seen, problem, targets)
            part.cut(back[part.scale])[:] += self._call(_slope, *given, own)
        del seen  # the last step needs the room
        own = {i: slopes[i] for i in alone}
        return self._call(_back, values, held, shift, back, own), each

    def _call(self, function, *values):
        """Calls a function of the problem in a graph, one for all sizes."""
        values = tf.nest.map_structure(tf.convert_to_tensor, values)
        signature = tf.nest.map_structure(_open, values)
        key = function, str(signature)
        if key not in self._traces:
            own = functools.partial(function, self._problem)
            self._traces[key] = tf.function(own, signature, autograph=False)
        return self._traces[key](*values)


def _open(tensor):
    shape = tensor.shape
    if tensor.dtype.is_floating or len(shape) == IMAGE_RANK:  # no shape of its own
        last = shape[-1:] if len(shape) == IMAGE_RANK else [None] * len(shape[-1:])
        shape = [*([None] * len(shape[:-1])), *last]
    return tf.TensorSpec(shape, tensor.dtype)


# --- What graphs are made of ----------------------------------------------------------


def _given(part, seen, problem, targets):
    """What a part's sums are made of; of the objectives that look at it."""
    shares = {
        i: objective.share(target, part.places, part.number)
        for i, (objective, target) in enumerate(
            zip(problem.objectives, targets, strict=True)
        )
        if set(objective.layers) & set(part.places)
    }
    return part.cut(seen[part.scale]), dict(part.places), dict(part.masks), shares


def _look(observer, image, places, masks, packs=False):
    found = {layer: Place(*tf.unstack(place)) for layer, place in places.items()}
    seen = {**observer.look(image, places), **masks}
    return Observed(seen, found, packs, observer.margins(places))


def _see(problem, values, held, shift):
    """Images of x, and the sums of objectives that see x alone, by number."""
    x = problem.canvas.paint(values, held)
    alone = {
        i: objective.sums(x, {}, ())
        for i, objective in enumerate(problem.objectives)
        if not objective.layers
    }
    return problem.observe.see(x, shift, problem.layers), alone


def _sums(problem, image, places, masks, shares):
    observed = _look(problem.observe, image, places, masks)
    return {i: problem.objectives[i].sums(None, observed, s) for i, s in shares.items()}


def _slope(problem, image, places, masks, shares, slopes):
    """Derivative of the loss by a part of an image."""
    with tf.GradientTape() as tape:
        tape.watch(image)
        sums = _sums(problem, image, places, masks, shares)
    sums, slopes = tf.nest.flatten(sums), tf.nest.flatten(slopes)
    return tape.gradient(sums, image, output_gradients=slopes)


def _back(problem, values, held, shift, back, slopes):
    """Derivative of the loss by values, from those by images and by sums."""
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = _see(problem, values, held, shift)
    found, slopes = tf.nest.flatten(found), tf.nest.flatten((back, slopes))
    return tape.gradient(found, values, output_gradients=slopes)


def _move(problem, values, gradient, state, done):
    moved, state = problem.rule.update(gradient, state, done)
    return values + moved, state
