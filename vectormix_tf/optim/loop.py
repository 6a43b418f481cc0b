"""The loop: steps, octaves, checkpoints.

Steps run in chunks of about a second inside one graph call; only losses come to Python
in between, so that bars move, Ctrl-C is answered and nothing is slowed. What is seen
part by part takes its steps in Python.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.io.progress import Progress
from vectormix_tf.io.results import Result
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.tiles import TiledSteps

CHUNK_SECONDS = 1.0  # of steps between two looks at the clock and at Ctrl-C
CHECKPOINT_SECONDS = 10.0  # between two checkpoints: what a power cut may cost
LONG_SAVE = 0.5  # seconds; a longer one stretches the wait, so that all take under 5 %


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Where a run stands; with it `optimize` goes on to the very same bytes.

    What is random depends on the problem's seed, the octave and the step alone.

    Attributes:
        octave: Number of the octave, from 0.
        step: Steps done in it; in the last octave of a finished run all of them.
        x: What the octave started from; targets depend on it. None within a run that
            nobody asks for checkpoints.
        values: x on the canvas now.
        state: The rule's state, flattened (`tf.nest`) or not.
        losses: Weighted, before each step since the run began, of each objective,
            [steps so far, objectives].
        seconds: How long the steps took.
    """

    octave: int
    step: int
    x: np.ndarray | tf.Tensor | None
    values: np.ndarray | tf.Tensor
    state: Any
    losses: np.ndarray
    seconds: float


def optimize(
    problem: Problem,
    start: Callable[[int, tf.Tensor | None], tf.Tensor],
    sizes: Sequence[float] = (1.0,),
    on_progress: Callable[[Progress], None] | None = None,
    pause_every: int = 0,
    resume: Checkpoint | None = None,
    on_checkpoint: Callable[[Checkpoint], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    first: int = 0,
    traces: dict | None = None,
) -> Result:
    """Runs all octaves.

    Args:
        problem: What is minimized, and how.
        start: (octave, result of the one before or None) -> x that the octave starts
            from.
        sizes: Work of a step in each octave, in any unit, for the time left.
        on_progress: Called after each chunk of steps.
        pause_every: Chunks end at each multiple of it too; 0 leaves that to the clock.
        resume: Goes on from there; the other arguments must be those that it had.
        on_checkpoint: Called between chunks from time to time, at Ctrl-C, at the end.
        checkpoint_seconds: Least time between two of these calls; 0 calls it after each
            chunk.
        first: Number of the octave to begin with, as if those before it were done.
        traces: An empty dictionary, for the first of several runs: the others find
            there what it has traced, if their problems differ in nothing but what their
            targets hold.

    Returns:
        A `Result`. Ctrl-C (KeyboardInterrupt) keeps what has been made up to then.

    Raises:
        KeyboardInterrupt: If it comes before there is anything to keep.
    """
    run = _Run(problem, list(sizes), on_progress, pause_every)
    run.on_checkpoint, run.checkpoint_seconds = on_checkpoint, checkpoint_seconds
    run.traces = {} if traces is None else traces
    x, finished = None, True
    try:
        for octave in range(resume.octave if resume else first, len(run.sizes)):
            if resume and octave == resume.octave:
                x = run.again(resume)
            else:
                x = run.descend(run.begin(octave, start(octave, x)))
    except KeyboardInterrupt:
        if run.now is None:
            raise
        x, finished = run.preview(), False
    run.save()
    return Result(
        x=np.asarray(x),
        losses=dict(zip(run.names, run.now.losses.T, strict=True)),
        seconds=run.seconds(),
        finished=finished,
        steps=tuple(map(problem.steps_of, range(first, len(run.sizes)))),
    )


class _Run:
    """One run's state in Python: the traced function, the clocks, where it stands."""

    def __init__(self, problem: Problem, sizes: list[float], on_progress, pause_every):
        self.problem, self.sizes = problem, sizes
        self.on_progress, self.pause_every = on_progress, pause_every
        self.names = [objective.name for objective in problem.objectives]
        self.started = self.saved = time.monotonic()
        self.patience = 1.0  # factor on the time between checkpoints
        # A checkpoint of tensors; Ctrl-C never finds half of it, for it is replaced.
        self.now = self.function = self.tiled_steps = None
        self.shape = None  # of x now
        self.pace = None  # seconds per step and unit of size

    def begin(self, octave: int, x: tf.Tensor) -> Checkpoint:
        values = self.problem.canvas.encode(x)
        none = np.zeros([0, len(self.names)], np.float32)
        return Checkpoint(
            octave=octave,
            step=0,
            x=x,
            values=values,
            state=self.problem.optimizer.init(values),
            losses=none if self.now is None else self.now.losses,
            seconds=0.0,
        )

    def again(self, resume: Checkpoint) -> tf.Tensor:
        """Goes on with an octave."""
        self.started -= resume.seconds
        values = tf.constant(resume.values)
        leaves = [tf.constant(leaf) for leaf in tf.nest.flatten(resume.state)]
        state = tf.nest.pack_sequence_as(self.problem.optimizer.init(values), leaves)
        now = dataclasses.replace(
            resume, x=tf.constant(resume.x), values=values, state=state
        )
        if now.step < self.problem.steps_of(now.octave):
            return self.descend(now)
        self.now, self.shape = now, tf.shape(now.x)
        return self.preview()

    def descend(self, now: Checkpoint) -> tf.Tensor:
        """Takes all steps that an octave still has."""
        tiled = TiledSteps.needed(self.problem, now.x)
        take = self._by_tiles(now) if tiled else self._at_once(now)
        shape = tf.shape(now.x)
        if self.on_checkpoint is None:  # x takes room that steps need
            now = dataclasses.replace(now, x=None)
        self.now, self.shape = now, shape
        count = 1
        while now.step < self.problem.steps_of(now.octave):
            begun = time.monotonic()
            values, state, losses = take(now.values, now.state, now.step, count)
            self.now = now = dataclasses.replace(
                now,
                step=now.step + count,
                values=values,
                state=state,
                losses=np.concatenate([now.losses, losses]),  # waits for the graph
            )
            self._tell((time.monotonic() - begun) / count)
            count = self._next_count(now.octave, now.step)
            wait = self.checkpoint_seconds * self.patience
            if time.monotonic() - self.saved >= wait:
                self.save()
        return self.preview()

    def _at_once(self, now: Checkpoint) -> Callable:
        """Steps at an x that is seen in one go."""
        targets = self.problem.targets(now.x)
        constants = self.problem.canvas.constants(tf.shape(now.x))
        octave = now.octave  # `take` shall not hold x
        if self.function is None:
            self.function = self._trace(now, targets, constants)

        def take(values, state, first, count):
            inputs = targets, constants, octave, first, count
            return self.function(values, state, *inputs)

        return take

    def _by_tiles(self, now: Checkpoint) -> Callable:
        if self.tiled_steps is None:
            self.tiled_steps = TiledSteps(self.problem)
        return self.tiled_steps.steps(now.x, now.octave)

    def save(self) -> None:
        """Hands a checkpoint over, if someone wants it."""
        if self.on_checkpoint is None:
            return
        begun, now = time.monotonic(), self.now
        tensors = tf.nest.flatten([now.x, now.values, now.state])
        x, values, *state = map(np.asarray, tensors)
        self.on_checkpoint(
            dataclasses.replace(
                now, x=x, values=values, state=state, seconds=self.seconds()
            )
        )
        self.saved = time.monotonic()
        self.patience = max(1.0, (self.saved - begun) / LONG_SAVE)

    def _trace(self, now, targets, constants):
        """One trace for all octaves: shapes that may change are left open."""

        def spec(tensor):
            opens = changes and tensor.dtype.is_floating  # and not a shape of its own
            shape = [None] * len(tensor.shape) if opens else tensor.shape
            return tf.TensorSpec(shape, tensor.dtype)

        changes = len(set(self.sizes)) > 1
        number = tf.TensorSpec([], tf.int32)
        signature = [
            *tf.nest.map_structure(spec, [now.values, now.state, targets, constants]),
            *(number, number, number),
        ]
        key = str(signature)
        if key not in self.traces:
            # Wrapped, for TensorFlow counts the traces of a method over all objects.
            descend = functools.partial(self.problem.descend)
            self.traces[key] = tf.function(descend, signature, autograph=False)
        return self.traces[key]

    def _next_count(self, octave: int, done: int) -> int:
        seconds = max(self.pace * self.sizes[octave], 1e-6)
        most = max(1, int(CHUNK_SECONDS / seconds))
        count = min(self.problem.steps_of(octave) - done, most)
        if self.pause_every:
            count = min(count, self.pause_every - done % self.pause_every)
        return count

    def _tell(self, seconds: float) -> None:
        octave, done = self.now.octave, self.now.step
        pace = seconds / self.sizes[octave]
        first = self.pace is None  # the first chunk holds the tracing as well
        self.pace = pace
        if self.on_progress is None:
            return
        steps = [self.problem.steps_of(i) for i in range(len(self.sizes))]
        work = [size * count for size, count in zip(self.sizes, steps, strict=True)]
        left = sum(work[octave:]) - self.sizes[octave] * done
        self.on_progress(
            Progress(
                octave=octave + 1,
                octaves=len(self.sizes),
                step=done,
                steps=steps[octave],
                losses=dict(zip(self.names, self.now.losses[-1].tolist(), strict=True)),
                seconds_left=None if first and left else pace * left,
                preview=lambda: self.preview().numpy(),
            )
        )

    def preview(self) -> tf.Tensor:
        """What there is now."""
        return self.problem.canvas.decode(self.now.values, self.shape)

    def seconds(self) -> float:
        return time.monotonic() - self.started
