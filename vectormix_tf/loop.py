"""The loop: the only tape of the package.

It sees a tensor x, a function that observes it, a canvas, terms and a rule, and nothing
of pictures. Steps run in chunks of about a second inside one graph call; between chunks
only the losses come to Python, so that bars move, Ctrl-C is answered and nothing is
slowed.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.canvas import Canvas
from vectormix_tf.objectives import Term
from vectormix_tf.rules import Rule
from vectormix_tf.settings import Progress

CHUNK_SECONDS = 1.0  # of steps between two looks at the clock and at Ctrl-C
NOT_SHIFTED = np.zeros([1, 2], np.int32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """What is minimized, and how.

    Attributes:
        observe: (x, shift, layers) -> `{layer: tensor}`; shift is an int32 vector out
            of `shifts`, layers are those that terms ask for.
        terms: Their losses are added up.
        canvas: How x is stored.
        rule: How it moves.
        shifts: int32 [k, 2]; every step takes one of them at random.
        seed: Of the choice of shifts.
        steps: Per octave.
    """

    observe: Callable[[tf.Tensor, tf.Tensor, Iterable[str]], Mapping[str, tf.Tensor]]
    terms: Sequence[Term]
    canvas: Canvas
    rule: Rule
    shifts: np.ndarray = dataclasses.field(default_factory=lambda: NOT_SHIFTED)
    seed: int = 0
    steps: int

    def targets(self, x: tf.Tensor) -> list:
        """Returns each term's target for an octave that starts from x.

        Tensors of terms that move get a first axis with one target per shift.
        """
        targets = []
        for term in self.terms:
            shifts = self.shifts if term.moves else self.shifts[:1]
            each = [
                term.target(lambda y, layers, s=s: self.observe(y, s, layers), x)
                for s in shifts
            ]
            targets.append(
                tf.nest.map_structure(lambda *t: tf.stack(t), *each)
                if term.moves
                else each[0]
            )
        return targets

    def descend(self, values, state, targets, shape, octave, first, count):
        """Takes `count` steps in a graph, beginning with step `first` of an octave.

        Args:
            values: x on the canvas.
            state: The rule's state.
            targets: From `targets`.
            shape: Of x, int32 vector.
            octave: Number of the octave, int32 scalar.
            first: Number of the first step, int32 scalar.
            count: How many, int32 scalar.

        Returns:
            values, state, and the terms' losses before each step, [count, terms].
        """
        layers = sorted({layer for term in self.terms for layer in term.layers})

        # A function of its own: in the graph of a loop TensorFlow's layout pass meets
        # the nodes in an order that changes from trace to trace, gives max pooling one
        # of two kernels, as it happens, and the same seed not the same bytes.
        @tf.function(autograph=False, experimental_attributes={"_noinline": True})
        def differentiate(values, shift):
            with tf.GradientTape() as tape:
                tape.watch(values)
                x = self.canvas.decode(values, shape)
                observed = self.observe(x, tf.constant(self.shifts)[shift], layers)
                each = [
                    term.loss(x, observed, _pick(t, shift) if term.moves else t)
                    for term, t in zip(self.terms, targets, strict=True)
                ]
                loss = tf.add_n(each)
            return tape.gradient(loss, values), tf.stack(each)

        def step(i, values, state, losses):
            gradient, each = differentiate(values, self._shift(octave, i))
            done = tf.cast(i, tf.float32) / float(self.steps)
            moved, state = self.rule.update(gradient, state, done)
            return i + 1, values + moved, state, losses.write(i - first, each)

        losses = tf.TensorArray(tf.float32, count, element_shape=[len(self.terms)])
        _, values, state, losses = tf.while_loop(
            lambda i, *_: i < first + count,
            step,
            (first, values, state, losses),
            parallel_iterations=1,
        )
        return values, state, losses.stack()

    def _shift(self, octave, i):
        count = len(self.shifts)
        return tf.random.stateless_uniform(
            [], [self.seed, octave * self.steps + i], 0, count, tf.int32
        )


def _pick(target, index):
    return tf.nest.map_structure(lambda t: t[index], target)


@dataclasses.dataclass(kw_only=True)
class Result:
    """What a run made.

    Attributes:
        x: The mix, in the shape of what it started from.
        losses: `{term: weighted loss before each step}`, all octaves in a row.
        seconds: How long the steps took, tracing included.
        finished: False if Ctrl-C ended it early.
        settings: What it was made with.
    """

    x: np.ndarray
    losses: dict[str, np.ndarray]
    seconds: float
    finished: bool
    settings: Any = None


def optimize(
    problem: Problem,
    start: Callable[[int, tf.Tensor | None], tf.Tensor],
    sizes: Sequence[float] = (1.0,),
    on_progress: Callable[[Progress], None] | None = None,
    pause_every: int = 0,
) -> Result:
    """Runs all octaves.

    Args:
        problem: What is minimized, and how.
        start: (octave, result of the one before or None) -> x that the octave starts
            from.
        sizes: Work of a step in each octave, in any unit, for the time left.
        on_progress: Called after each chunk of steps.
        pause_every: Chunks end at each multiple of it too; 0 leaves that to the clock.

    Returns:
        A `Result`. Ctrl-C (KeyboardInterrupt) keeps what has been made up to then.

    Raises:
        KeyboardInterrupt: If it comes before there is anything to keep.
    """
    run = _Run(problem, list(sizes), on_progress, pause_every)
    x, finished = None, True
    try:
        for octave in range(len(run.sizes)):
            x = start(octave, x)
            x = run.octave(octave, x)
    except KeyboardInterrupt:
        if run.values is None:
            raise
        x, finished = run.preview(), False
    return Result(
        x=np.asarray(x),
        losses=run.record(),
        seconds=time.monotonic() - run.started,
        finished=finished,
    )


class _Run:
    """One run's state in Python: the traced function, the losses, the clock."""

    def __init__(self, problem: Problem, sizes: list[float], on_progress, pause_every):
        self.problem, self.sizes = problem, sizes
        self.on_progress, self.pause_every = on_progress, pause_every
        self.started = time.monotonic()
        self.values = self.shape = self.function = None
        self.pace = None  # seconds per step and unit of size
        self.losses = []

    def octave(self, octave: int, x: tf.Tensor) -> tf.Tensor:
        problem = self.problem
        targets = problem.targets(x)
        values = problem.canvas.encode(x)
        state = problem.rule.init(values)
        self.values, self.shape = values, tf.shape(x)
        if self.function is None:
            self.function = self._trace(values, state, targets)
        first, count = 0, 1
        while first < problem.steps:
            begun = time.monotonic()
            values, state, losses = self.function(
                values, state, targets, self.shape, octave, first, count
            )
            self.losses.append(losses.numpy())  # waits for the graph
            self.values = values
            first += count
            self._tell(octave, first, (time.monotonic() - begun) / count)
            count = self._next_count(octave, first)
        return self.preview()

    def _trace(self, values, state, targets):
        """One trace for all octaves: shapes that may change are left open."""

        def spec(tensor):
            shape = [None] * len(tensor.shape) if changes else tensor.shape
            return tf.TensorSpec(shape, tensor.dtype)

        changes = len(set(self.sizes)) > 1

        number = tf.TensorSpec([], tf.int32)
        signature = [
            *tf.nest.map_structure(spec, [values, state, targets]),
            tf.TensorSpec(self.shape.shape, tf.int32),
            *(number, number, number),
        ]
        # Wrapped, for TensorFlow counts the traces of a method over all its objects.
        descend = functools.partial(self.problem.descend)
        return tf.function(descend, signature, autograph=False)

    def _next_count(self, octave: int, done: int) -> int:
        seconds = max(self.pace * self.sizes[octave], 1e-6)
        count = min(self.problem.steps - done, max(1, int(CHUNK_SECONDS / seconds)))
        if self.pause_every:
            count = min(count, self.pause_every - done % self.pause_every)
        return count

    def _tell(self, octave: int, done: int, seconds: float) -> None:
        pace = seconds / self.sizes[octave]
        first = self.pace is None  # the first chunk holds the tracing as well
        self.pace = pace
        if self.on_progress is None:
            return
        steps = self.problem.steps
        left = (
            self.sizes[octave] * (steps - done) + sum(self.sizes[octave + 1 :]) * steps
        )
        self.on_progress(
            Progress(
                octave=octave + 1,
                octaves=len(self.sizes),
                step=done,
                steps=steps,
                losses=dict(
                    zip(self._names(), self.losses[-1][-1].tolist(), strict=True)
                ),
                seconds_left=None if first and left else pace * left,
                preview=lambda: self.preview().numpy(),
            )
        )

    def _names(self) -> list[str]:
        return [term.name for term in self.problem.terms]

    def preview(self) -> tf.Tensor:
        """What there is now."""
        return self.problem.canvas.decode(self.values, self.shape)

    def record(self) -> dict[str, np.ndarray]:
        names = self._names()
        losses = np.concatenate(self.losses or [np.zeros([0, len(names)], np.float32)])
        return dict(zip(names, losses.T, strict=True))
