"""Chunks: a run in a graph, some steps at a time, whose state is a value.

It takes the very steps that `loop.optimize` takes, and runs from a SavedModel with
neither Keras nor this package.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf import states
from vectormix_tf.admission import Asked
from vectormix_tf.frames import MARGIN, frame, unframe
from vectormix_tf.problem import Problem

# Whatever a graph may not need in a request stands in a function of its own: TensorFlow
# optimizes it only when it is called for.
apart = functools.partial(
    tf.function, autograph=False, experimental_attributes={"_noinline": True}
)


class Staged(NamedTuple):
    """What a request comes to.

    Attributes:
        problem: What is minimized; of framed images.
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
    """Where a run stands: as `loop.Checkpoint`, with the targets of its octave."""

    octave: Any
    step: Any
    values: Any
    rule: Any
    targets: Any


class Chunk(NamedTuple):
    """What a call returns.

    Attributes:
        state: Of the run, a string scalar.
        losses: Before each of its steps, [steps, terms].
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
    """A kind of run.

    Args:
        stage: What an admitted request comes to.
        asked: Of such a request, `{name: tf.TensorSpec}`.
        terms: Names of the losses that it tells; those of terms that it has not are 0.
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
        terms: Sequence[str],
        head: int = 0,
    ):
        self._stage, self._asked, self._terms = stage, dict(asked), terms
        self._head = head
        begun = apart(self._begin, input_signature=[self._asked])
        self._begun = begun.get_concrete_function()
        self._now = Now(*_specs(self._begun.structured_outputs))
        text, count = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)
        self.start = apart(self._start, input_signature=[self._asked])
        self.go_on = apart(self._go_on, input_signature=[text, count])
        self.all = apart(self._all, input_signature=[self._asked])

    def _start(self, asked):
        staged = self._stage(asked)
        none = tf.zeros([0, len(staged.problem.terms)])
        return self._chunk(asked, staged, Now(*self._begun(asked)), none)

    def _go_on(self, state, count):
        asked, now = states.unpack(state, (self._asked, tuple(self._now)), self._head)
        staged = self._stage(asked)
        now, losses = self._advance(staged, Now(*now), count)
        return self._chunk(asked, staged, now, losses)

    def _all(self, asked):
        staged, now = self._stage(asked), Now(*self._begun(asked))
        now, losses = self._advance(staged, now, tf.reduce_sum(staged.steps))
        return self._image(staged, now), self._told(staged, losses)

    def _begin(self, asked):
        staged = self._stage(asked)
        return self._enter(staged, tf.constant(0), staged.start(staged.sizes[0], None))

    def _enter(self, staged, octave, image):
        """What an octave that starts from an image begins with."""
        problem, x = staged.problem, frame(image)
        values = problem.canvas.encode(x)
        targets = mapped_targets(problem, x)
        return Now(octave, tf.constant(0), values, problem.rule.init(values), targets)

    def _advance(self, staged, now, count):
        problem, last = staged.problem, tf.size(staged.steps) - 1

        def left(now):
            return staged.steps[now.octave] - now.step

        def descend(now, count, losses):
            shape = framed_shape(staged.sizes[now.octave])
            held = problem.canvas.hold(shape)
            take = tf.minimum(count, left(now))
            at = held, now.octave, now.step, take
            values, rule, each = problem.descend(now.values, now.rule, now.targets, *at)
            now = now._replace(step=now.step + take, values=values, rule=rule)
            ends = (left(now) == 0) & (now.octave < last)
            now = tf.cond(ends, lambda: enter(now), lambda: now)
            return now, count - take, tf.concat([losses, each], axis=0)

        def enter(now):
            before = self._framed(staged, now)
            image = staged.start(staged.sizes[now.octave + 1], unframe(before))
            return self._enter(staged, now.octave + 1, image)

        losses = tf.zeros([0, len(problem.terms)])
        state = now, count, losses
        shapes = tf.nest.map_structure(lambda spec: spec.shape, self._now)
        now, _, losses = tf.while_loop(
            lambda now, count, _: (count > 0) & (left(now) > 0),
            descend,
            state,
            shape_invariants=(
                Now(*shapes),
                tf.TensorShape([]),
                tf.TensorShape([None, len(problem.terms)]),
            ),
            parallel_iterations=1,
        )
        return now, losses

    def _chunk(self, asked, staged, now, losses):
        last = tf.size(staged.steps) - 1
        steps = staged.steps[now.octave]
        return Chunk(
            state=states.pack((dict(asked), tuple(now))),
            losses=self._told(staged, losses),
            image=self._image(staged, now),
            octave=now.octave + 1,
            octaves=last + 1,
            step=now.step,
            steps=steps,
            finished=(now.octave == last) & (now.step >= steps),
        )

    def _told(self, staged, losses):
        """Losses in the order of the names, [steps, terms]."""
        own = [term.name for term in staged.problem.terms]
        order = [own.index(n) if n in own else len(own) for n in self._terms]
        return tf.gather(tf.pad(losses, [[0, 0], [0, 1]]), order, axis=1)

    def _framed(self, staged, now):
        shape = framed_shape(staged.sizes[now.octave])
        return staged.problem.canvas.decode(now.values, shape)

    def _image(self, staged, now):
        image = staged.finish(unframe(self._framed(staged, now)))
        return tf.ensure_shape(tf.clip_by_value(image, 0.0, 1.0), [1, None, None, 3])


def framed_shape(size: tf.Tensor) -> tf.Tensor:
    """Shape of framed images of a size (int32 [2])."""
    return tf.concat([[1], size + 2 * MARGIN, [3]], axis=0)


def mapped_targets(problem: Problem, x: tf.Tensor) -> list:
    """`Problem.targets` in a graph: one view after another, by one piece of it."""
    targets = []
    for term in problem.terms:
        views = tf.constant(problem.shifts[problem.different(term)[0]])
        find = apart(functools.partial(_target, problem, term))
        concrete = find.get_concrete_function(views[0], x)
        found = tf.map_fn(
            lambda view, find=concrete: find(view, x),
            views,
            fn_output_signature=_specs(concrete.structured_outputs),
            parallel_iterations=1,
        )
        targets.append(found)
    return targets


def _target(problem, term, view, x):
    return term.target(lambda y, layers: [problem.observe(y, view, layers)], x)


def _specs(tensors):
    return tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), tensors)
