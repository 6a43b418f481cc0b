"""Chunks: a run in a graph, some steps at a time, whose state is a value.

It takes the same steps as `loop.optimize`, by `Problem.descend`, and runs from a
SavedModel without Keras and this package.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.ops.border import PADDING, crop_padding, pad
from vectormix_tf.optim.problem import Problem
from vectormix_tf.saved_model import state as run_state
from vectormix_tf.saved_model.requests import Asked

ALL = tf.int32.max  # steps


class Staged(NamedTuple):
    """What a request comes to.

    Attributes:
        problem: What is minimized; of padded images.
        start: (size, the image before or None) -> image that an octave starts from.
        finish: The last touch to an image that leaves.
        sizes: Of each octave, int32 [octaves, 2].
        steps: Likewise, int32 [octaves].
    """

    problem: Problem
    start: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]
    finish: Callable[[tf.Tensor], tf.Tensor]
    sizes: tf.Tensor
    steps: tf.Tensor


class Now(NamedTuple):
    """The state of a run: as `loop.Checkpoint`, but with the targets of its octave."""

    octave: Any
    step: Any
    values: Any
    state: Any
    targets: Any


class Chunk(NamedTuple):
    """What a call returns.

    Attributes:
        state: Of the run, a string scalar.
        losses: Before each of its steps, [steps, objectives].
        image: What there is now, [1, H, W, 3] in [0, 1].
        octave: From 1.
        octaves: How many.
        step: Done in this octave.
        steps: Of this octave.
        finished: Whether there is no step left.
    """

    state: tf.Tensor
    losses: tf.Tensor
    image: tf.Tensor
    octave: tf.Tensor
    octaves: tf.Tensor
    step: tf.Tensor
    steps: tf.Tensor
    finished: tf.Tensor


class Chunks:
    """A kind of run. Each piece of its graph is traced once and used by many.

    Args:
        stage: What an admitted request comes to.
        asked: Of such a request, `{name: tf.TensorSpec}`.
        objectives: Names of the losses that it returns; 0 for those that it has not.
        head: Bytes that stand before a state when it comes back.

    Attributes:
        start: Request -> the chunk before the first step.
        go_on: (state, count) -> that of at most so many further steps.
        all: Request -> (image, losses) of a whole run.
    """

    def __init__(
        self,
        stage: Callable[[Asked], Staged],
        asked: Mapping[str, tf.TensorSpec],
        objectives: Sequence[str],
        head: int = 0,
    ):
        self._stage, self._asked, self._objectives = stage, dict(asked), objectives
        self._head = head
        text, number = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)
        image = tf.TensorSpec([1, None, None, 3])
        self._begun = apart(self._begin, self._asked, number, image)
        self._now = Now(*_specs(self._begun.structured_outputs))
        self._first = apart(self._begin_first, self._asked)
        self._shown = apart(self._image, self._asked, self._now)
        self._advanced = apart(self._advance, self._asked, self._now, number)
        losses = tf.TensorSpec([None, len(objectives)])
        self._chunk = apart(self._tell, self._asked, self._now, losses)
        self.start = apart(self._start, self._asked)
        self.go_on = apart(self._go_on, text, number)
        self.all = apart(self._all, self._asked)

    def _start(self, asked):
        none = tf.zeros([0, len(self._objectives)])
        return Chunk(*self._chunk(asked, Now(*self._first(asked)), none))

    def _go_on(self, state, count):
        specs = self._asked, tuple(self._now)
        asked, now = run_state.unpack(state, specs, self._head)
        now, losses = self._advanced(asked, Now(*now), count)
        return Chunk(*self._chunk(asked, Now(*now), losses))

    def _all(self, asked):
        first = Now(*self._first(asked))
        now, losses = self._advanced(asked, first, tf.constant(ALL))
        return self._shown(asked, Now(*now)), losses

    def _begin_first(self, asked):
        staged = self._stage(asked)
        image = staged.start(staged.sizes[0], None)
        return Now(*self._begun(asked, tf.constant(0), image))

    def _begin(self, asked, octave, image):
        """Where a run stands as it begins an octave with an image."""
        problem, x = self._stage(asked).problem, pad(image)
        values = problem.canvas.encode(x)
        state = problem.optimizer.init(values)
        return Now(octave, tf.constant(0), values, state, problem.targets(x))

    def _advance(self, asked, now, count):
        """(now, losses) after at most `count` steps, across octaves."""
        staged = self._stage(asked)
        problem, last = staged.problem, tf.size(staged.steps) - 1

        def left(now):
            return staged.steps[now.octave] - now.step

        def descend(now, count, losses):
            # An octave begins with its first step, so that the last chunk of the one
            # before shows its end.
            now = tf.cond(left(now) > 0, lambda: now, lambda: begin(now))
            constants = problem.canvas.constants(_padded_shape(staged, now))
            take = tf.minimum(count, left(now))
            at = constants, now.octave, now.step, take
            values, state, each = problem.descend(
                now.values, now.state, now.targets, *at
            )
            now = now._replace(step=now.step + take, values=values, state=state)
            return now, count - take, tf.concat([losses, each], axis=0)

        def begin(now):
            before = crop_padding(_padded(staged, now))
            image = staged.start(staged.sizes[now.octave + 1], before)
            return Now(*self._begun(asked, now.octave + 1, image))

        shapes = tf.nest.map_structure(lambda spec: spec.shape, self._now)
        width = len(problem.objectives)
        now, _, losses = tf.while_loop(
            lambda now, count, _: (count > 0) & ((left(now) > 0) | (now.octave < last)),
            descend,
            (now, count, tf.zeros([0, width])),
            (shapes, tf.TensorShape([]), tf.TensorShape([None, width])),
            parallel_iterations=1,
        )
        return now, self._told(problem, losses)

    def _told(self, problem, losses):
        """Losses in the order of the names, [steps, objectives]."""
        own = [objective.name for objective in problem.objectives]
        order = [own.index(n) if n in own else len(own) for n in self._objectives]
        return tf.gather(tf.pad(losses, [[0, 0], [0, 1]]), order, axis=1)

    def _tell(self, asked, now, losses):
        staged = self._stage(asked)
        last, steps = tf.size(staged.steps) - 1, staged.steps[now.octave]
        return Chunk(
            state=run_state.pack((dict(asked), tuple(now))),
            losses=losses,
            image=self._shown(asked, now),
            octave=now.octave + 1,
            octaves=last + 1,
            step=now.step,
            steps=steps,
            finished=(now.octave == last) & (now.step >= steps),
        )

    def _image(self, asked, now):
        staged = self._stage(asked)
        image = staged.finish(crop_padding(_padded(staged, now)))
        return tf.ensure_shape(tf.clip_by_value(image, 0.0, 1.0), [1, None, None, 3])


def apart(function: Callable, *specs) -> Callable:
    """A piece of a graph that is optimized only when it is called for."""
    piece = tf.function(
        function, autograph=False, experimental_attributes={"_noinline": True}
    )
    return piece.get_concrete_function(*specs)


def _padded(staged, now):
    return staged.problem.canvas.decode(now.values, _padded_shape(staged, now))


def _padded_shape(staged, now):
    """Shape of the padded images of an octave."""
    return tf.concat([[1], staged.sizes[now.octave] + 2 * PADDING, [3]], axis=0)


def _specs(tensors):
    return tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), tensors)
