"""Large pictures: steps at an x so large that memory decides how they are taken.

x, the derivative of the loss by it, the parameters and the state of the optimizer are
NumPy arrays, of which there is one each. TensorFlow sees tiles, rows or one color of
them at a time. What is computed is what `tiles` computes, but for the state, which is
kept in 16 bits: the upper half of a float32 (bfloat16), with an error of 1/512. So the
mean of squares that Adam keeps stops growing where a step adds less than that to it:
after some hundreds of steps of an octave, of which large ones take eight.
"""

import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.io.completion import complete
from vectormix_tf.objectives.sums import add
from vectormix_tf.ops.slabs import spans
from vectormix_tf.optim.canvas import ArrayCanvas
from vectormix_tf.optim.memory import release
from vectormix_tf.optim.observer import Observer, scaled_down, split_scale
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.tiles import PACKED, TiledSteps, row_gradient, row_sums

TILES = 16  # between two of which memory that was freed goes back to the system
STATE = np.uint16  # holds a bfloat16, which files of NumPy arrays do not know


class LargeSteps(TiledSteps):
    """`TiledSteps` whose values and state are arrays that steps change in place."""

    def __init__(self, problem: Problem):
        super().__init__(problem)
        self._changing = threading.Lock()  # held while values are between two steps

    @staticmethod
    def needed(problem: Problem, x: Any) -> bool:
        """Whether x is large, and the problem suits these steps."""
        return (
            LargeSteps.suits(problem)
            and TiledSteps.needed(problem, x)
            and math.prod(x.shape[1:3]) > PACKED
        )

    @staticmethod
    def suits(problem: Problem) -> bool:
        """Whether canvas, optimizer and transforms of a problem work in place."""
        return (
            isinstance(problem.observe, Observer)
            and problem.canvas.arrays is not None
            and problem.optimizer.elementwise
            and problem.transforms.only_moves
        )

    def begin(self, x: tf.Tensor) -> tuple[np.ndarray, Any]:
        """Returns the parameters of x, and the optimizer's state before its steps."""
        release()  # of the octaves before
        values = self._canvas.encode(np.asarray(x))  # not a copy, as x.numpy() is
        one = self._problem.optimizer.init(tf.zeros([1] * values.ndim))

        def whole(leaf):
            return np.zeros(values.shape, STATE) if leaf.shape else leaf.numpy()

        return values, tf.nest.map_structure(whole, one)

    def image(self, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Returns x of a shape for its parameters, after the step that changes them."""
        with self._changing:
            return self._decoded(values, self._canvas.constants(shape), shape)

    def steps(self, x: tf.Tensor, octave: int) -> Callable:
        """Returns a function that takes the steps of an octave.

        Args:
            x: What the octave starts from.
            octave: Its number.

        Returns:
            (values, state, first, count, commit) -> None. After each step it calls
            commit(values, state, its losses [1, objectives]). Values and state are
            changed from here to the end of that call, and Ctrl-C waits until then.
        """
        problem, shape = self._problem, tuple(x.shape)
        constants = self._canvas.constants(shape)
        targets = self.octave_targets(x, octave)
        del x  # so that it can be freed

        def take(values, state, first, count, commit):
            def change(i, found):
                nonlocal state
                with self._changing:
                    after, state, losses = problem.step(
                        octave, i, values, state, lambda *_: found, self._update
                    )
                    commit(after, state, losses[tf.newaxis])

            for i in range(first, first + count):
                release()  # what targets, or the step before, have left
                number = int(problem.transform_number(octave, i))
                found = self.gradient(values, constants, shape, number, targets[number])
                if not complete(change, i, found):
                    raise KeyboardInterrupt

        return take

    def _observe(self, y, transform, layers):
        parts = super()._observe(y, transform, layers)
        del y  # so that it can be freed
        for number, observed in enumerate(parts):
            if number % TILES == 0:
                release()  # what making y, and the tiles before, have left
            yield observed

    def _images(self, y, transform, layers):
        """As `Observer.images`, with one copy of y."""
        image = np.array(y)
        transform.move(image)
        scales = sorted({split_scale(layer)[1] for layer in layers})
        return {scale: _reduced(image, scale) for scale in scales}

    @property
    def _canvas(self) -> ArrayCanvas:
        return self._problem.canvas.arrays

    def _decoded(self, values, constants, shape):
        x = np.empty(shape, np.float32)
        self._canvas.decode(values, constants, x)
        return x

    def gradient(self, values, constants, shape, number, targets):
        """Returns parts of the gradient by values, and the losses [objectives].

        Args:
            values: Parameters of x.
            constants: From `ArrayCanvas.constants`, for the shape of x.
            shape: Of x.
            number: Of the transform.
            targets: Of each objective, for this transform.

        Returns:
            What `ArrayCanvas.gradients` returns, and the losses. None in place of the
            parts if a loss or its derivative by x is not finite.
        """
        problem = self._problem
        transform = problem.transforms.at(number)
        tiles = problem.observe.tiles(shape, transform, problem.layers)
        x = self._decoded(values, constants, shape)
        of_x = self._sums_of_x(x)
        transform.move(x)
        images = {scale: _reduced(x, scale) for scale in {tile.scale for tile in tiles}}
        upstream, losses, slopes = self._by_images(tiles, images, targets, of_x)
        del images
        release()  # what slabs and tiles have left
        upstream = _at_full_size(upstream, shape)
        for image in (x, upstream):
            transform.move_back(image)
        self._add_derivative_of_x(x, upstream, {i: slopes[i] for i in of_x})
        slabs = (upstream[:, rows] for rows in spans(*shape[1:3]))
        if not all(np.isfinite(each).all() for each in (losses, *slabs)):
            return None, losses
        return self._canvas.gradients(values, constants, x, upstream), losses

    def _sums_of_x(self, x):
        """Sums of the objectives without layers, by number."""
        sums = {}
        for rows in self._rows(x):
            own = self._call(
                row_sums, x[:, rows], np.int32(rows.start), np.int32(x.shape[1])
            )
            sums = add(sums, own)
        return sums

    def _add_derivative_of_x(self, x, upstream, slopes):
        """Adds the derivative of the loss by x through `_sums_of_x`."""
        if not slopes:
            return
        for rows in self._rows(x):
            at = np.int32(rows.start), np.int32(x.shape[1])
            upstream[:, rows] += self._call(row_gradient, x[:, rows], *at, slopes)

    def _rows(self, x) -> list[slice]:
        """In which rows x is given to the objectives without layers."""
        without = [each for each in self._problem.objectives if not each.layers]
        if all(objective.rows for objective in without):
            return spans(*x.shape[1:3]) if without else []
        return [slice(0, x.shape[1])]

    def _update(self, values, parts: Iterator | None, state, done):
        """As `Problem.update`, in place; NaN for values if there is no gradient."""
        if parts is None:
            return np.float32(np.nan), state
        leaves, after = tf.nest.flatten(state), []
        for index, gradient in parts:
            own = [leaf[index] if leaf.shape else leaf for leaf in leaves]
            own = tf.nest.pack_sequence_as(state, own)
            new, own = self._call(_updated, values[index], gradient, own, done)
            values[index], after = new, tf.nest.flatten(own)
            for leaf, part in zip(leaves, after, strict=True):
                if leaf.shape:
                    leaf[index] = part
        scalars = [
            leaf if leaf.shape else part.numpy()
            for leaf, part in zip(leaves, after, strict=True)
        ]
        return values, tf.nest.pack_sequence_as(state, scalars)


def _updated(problem, values, gradient, state, done):
    """`Problem.update` with a state in 16 bits."""
    state = tf.nest.map_structure(_unpacked, state)
    values, state = problem.update(values, gradient, state, done)
    return values, tf.nest.map_structure(_packed, state)


def _packed(leaf):
    """A scalar of the state as it is, an array in 16 bits."""
    return (
        tf.bitcast(tf.cast(leaf, tf.bfloat16), tf.uint16) if leaf.shape.rank else leaf
    )


def _unpacked(leaf):
    if not leaf.shape.rank:
        return leaf
    return tf.cast(tf.bitcast(leaf, tf.bfloat16), tf.float32)


def _reduced(x, scale):
    """An image of x at one of the scales, [1, H // scale, W // scale, 3]."""
    if scale == 1:
        return x
    height, width = (side // scale for side in x.shape[1:3])
    image = np.empty([1, height, width, 3], np.float32)
    for rows in spans(height, width * scale**2):
        image[:, rows] = scaled_down(
            tf.constant(x[:, rows.start * scale : rows.stop * scale]), scale
        )
    return image


def _at_full_size(upstream, shape):
    """The derivative by x of a shape, from those by its images; they are freed."""
    whole = upstream.pop(1, None)
    whole = np.zeros(shape, np.float32) if whole is None else whole
    for scale in list(upstream):
        image = upstream.pop(scale)
        image /= scale**2
        height, width = image.shape[1:3]
        for i in range(scale):
            for j in range(scale):
                at = np.s_[:, i : height * scale : scale, j : width * scale : scale]
                whole[at] += image
    return whole
