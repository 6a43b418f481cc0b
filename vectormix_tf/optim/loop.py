"""The optimization loop: octaves, chunks of steps, progress and checkpoints.

A step is one call of a graph, or several where x is observed tile by tile. About a
second of steps is a chunk. After each of them progress is reported, and what was
reached replaces the checkpoint that Ctrl-C keeps.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import TRACING
from vectormix_tf.backbone.graphs import StoredFunction
from vectormix_tf.errors import NotFiniteError
from vectormix_tf.io.progress import Progress
from vectormix_tf.io.results import Result
from vectormix_tf.optim.large import LargeSteps
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.tiles import TiledSteps

CHUNK_SECONDS = 1.0
# Pixels of x up to which a first call of the steps' graph and the targets may take
# memory at the same time.
AT_THE_SAME_TIME = 2**19
CHECKPOINT_SECONDS = 10.0  # between two checkpoints: what a power failure may cost
# Where saving takes more seconds, checkpoints come less often in proportion, so that
# all of them together take less than LONG_SAVE / CHECKPOINT_SECONDS of the time.
LONG_SAVE = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run, from which `optimize` continues to the same bytes.

    Random numbers depend on the problem's seed, the octave and the step only, so they
    have no state.

    Attributes:
        octave: Number of the octave, from 0.
        step: Number of steps done in it; in a finished run all of the last octave.
        x: What the octave started from, which targets depend on. None during a run
            without checkpoints, where its memory is freed.
        values: The current parameters of x.
        state: The optimizer's state, as a nest or flattened by `tf.nest`.
        losses: Weighted losses before each step since the run began, float32
            [steps so far, objectives].
        seconds: Time that the run has taken.
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
    """Minimizes a problem octave by octave.

    Args:
        problem: What is minimized, and how.
        start: (number of the octave, x at the end of the one before or None) -> x that
            the octave starts from.
        sizes: Relative cost of a step in each octave, for estimates of the time left;
            as many as there are octaves.
        on_progress: Called after each chunk of steps.
        pause_every: Chunks also end at each multiple of so many steps; 0 for never.
        resume: A checkpoint to continue from; the other arguments must be those of its
            run. Steps at a large x change its arrays.
        on_checkpoint: Called between chunks every few seconds, after Ctrl-C and at the
            end. Steps at a large x change the arrays of the checkpoint that it gets.
        checkpoint_seconds: Least time between two of these calls; 0 calls it after each
            chunk.
        first: Number of the first octave; those before it count as done.
        traces: Traced functions, shared by runs that are given the same dictionary. It
            must be empty at first, and their problems may differ in the values of their
            targets and of `Problem.parameters` only.

    Returns:
        A `Result`; after Ctrl-C (KeyboardInterrupt) an unfinished one.

    Raises:
        KeyboardInterrupt: Before the first octave has begun.
        NotFiniteError: If x or the last loss is NaN or infinite; its `result` ends with
            the chunk of steps before.
    """
    run = _Run(problem, list(sizes), on_progress, pause_every)
    run.on_checkpoint, run.checkpoint_seconds = on_checkpoint, checkpoint_seconds
    run.traces = {} if traces is None else traces
    last, finished = [None], True  # x of the octave before; taken out, it can be freed
    try:
        for octave in range(resume.octave if resume else first, len(run.sizes)):
            if resume and octave == resume.octave:
                last = [run.resume(resume)]
            else:
                last = [run.descend(run.begin(octave, start(octave, last.pop())))]
        x = last.pop()
    except KeyboardInterrupt:
        if run.now is None:
            raise
        x, finished = run.preview(), False
    except NotFiniteError as error:
        x = run.preview()
        if _is_finite(x):
            run.save()
            error.result = run.result(x, first, finished=False)
        raise
    run.save()
    return run.result(x, first, finished)


class _Run:
    """A run: its traced function, its clocks and its current checkpoint."""

    def __init__(self, problem: Problem, sizes: list[float], on_progress, pause_every):
        self.problem, self.sizes = problem, sizes
        self.on_progress, self.pause_every = on_progress, pause_every
        self.names = [objective.name for objective in problem.objectives]
        self.started = self.saved = time.monotonic()
        self.patience = 1.0  # factor on the time between checkpoints
        # `now` is a checkpoint of tensors. It is replaced as a whole, so that Ctrl-C
        # cannot leave it half updated; arrays of a large x are guarded by `LargeSteps`.
        self.now = self.function = None
        self.shape = None  # of x
        self.pace = None  # seconds per step and unit of size

    def begin(self, octave: int, x: tf.Tensor) -> Checkpoint:
        if LargeSteps.needed(self.problem, x):
            values, state = self.large_steps.begin(x)
        else:
            values = self.problem.canvas.encode(x)
            state = self.problem.optimizer.init(values)
        none = np.zeros([0, len(self.names)], np.float32)
        return Checkpoint(
            octave=octave,
            step=0,
            x=x,
            values=values,
            state=state,
            losses=none if self.now is None else self.now.losses,
            seconds=0.0,
        )

    def resume(self, resume: Checkpoint) -> tf.Tensor:
        """Takes the remaining steps of a checkpoint's octave."""
        self.started -= resume.seconds
        x, init = tf.constant(resume.x), self.problem.optimizer.init
        if LargeSteps.needed(self.problem, x):  # its steps change arrays
            kept, kind = np.asarray, init(tf.zeros([1] * np.ndim(resume.values)))
        else:
            kept, kind = tf.constant, init(tf.constant(resume.values))
        leaves = [kept(leaf) for leaf in tf.nest.flatten(resume.state)]
        state = tf.nest.pack_sequence_as(kind, leaves)
        values = kept(resume.values)
        now = dataclasses.replace(resume, x=x, values=values, state=state)
        if now.step < self.problem.steps_of(now.octave):
            return self.descend(now)
        self.now, self.shape = now, tf.shape(now.x)
        return self.preview()

    def descend(self, now: Checkpoint) -> tf.Tensor:
        """Takes the remaining steps of an octave and returns its x."""
        begun = time.monotonic()  # the first step may be taken while there is a trace
        take, shape = self._taker(now), tf.shape(now.x)
        if self.on_checkpoint is None:  # the steps need the memory of x
            now = dataclasses.replace(now, x=None)
        self.now, self.shape = now, shape
        count = 1
        while now.step < self.problem.steps_of(now.octave):
            take(now.values, now.state, now.step, count, self._commit)
            now = self.now
            self._report((time.monotonic() - begun) / count)
            count = self._next_count(now.octave, now.step)
            wait = self.checkpoint_seconds * self.patience
            if time.monotonic() - self.saved >= wait:
                self.save()
            begun = time.monotonic()
        return self.preview()

    def _commit(self, values, state, losses) -> None:
        """Replaces the checkpoint by the one after some steps."""
        now, losses = self.now, np.asarray(losses)  # waits for the graph
        step = now.step + len(losses)
        self._check(now, values, losses, step == self.problem.steps_of(now.octave))
        self.now = dataclasses.replace(
            now,
            step=step,
            values=values,
            state=state,
            losses=np.concatenate([now.losses, losses]),
        )

    def _check(self, now, values, losses, done) -> None:
        """Raises a `NotFiniteError` if the steps after `now` lead nowhere.

        A loss may be NaN or infinite in between: L-BFGS then takes a step back.
        """
        if _is_finite(values) and (np.isfinite(losses[-1]).all() or not done):
            return
        wrong = [
            f"{name} was {loss:g}"
            for name, loss in zip(self.names, losses[-1], strict=True)
            if not np.isfinite(loss)
        ]
        found = f" (loss {', '.join(wrong)})" if wrong else ""
        raise NotFiniteError(
            f"the picture became NaN or infinite after step {now.step} of octave"
            f" {now.octave + 1}{found}; take smaller weights or smaller steps."
        )

    def _taker(self, now: Checkpoint) -> Callable:
        """Returns (values, state, first, count, commit) -> None, which takes steps."""
        if LargeSteps.needed(self.problem, now.x):
            return self.large_steps.steps(now.x, now.octave)
        if TiledSteps.needed(self.problem, now.x):
            return self.tiled_steps.steps(now.x, now.octave)
        return self._at_once(now)

    @functools.cached_property
    def tiled_steps(self) -> TiledSteps:
        """Steps at an x that is observed tile by tile."""
        return TiledSteps(self.problem)

    @functools.cached_property
    def large_steps(self) -> LargeSteps:
        """Steps at an x that is so large that memory decides how they are taken."""
        return LargeSteps(self.problem)

    def _at_once(self, now: Checkpoint) -> Callable:
        """Returns what takes steps at an x that is observed at once.

        A target is made when a step first needs it.
        """
        octave, x = now.octave, now.x  # `take` must not keep all of `now`
        problem, made = self.problem, {}
        constants = problem.canvas.constants(tf.shape(x))

        def make(objective, number):
            with TRACING:
                return problem.known_target(objective, number, x)

        def targets(i):
            number = int(problem.transform_number(octave, i))
            return problem.targets_under(number, made, make)

        begun = {}  # results of steps
        if self.function is None:
            self.function, is_new = self._trace(now, targets(now.step), constants)
            if is_new and math.prod(x.shape[1:3]) <= AT_THE_SAME_TIME:
                # TensorFlow optimizes a graph when it is called first; meanwhile.
                given = targets(now.step), constants, octave, now.step
                with ThreadPoolExecutor(1) as thread:
                    first = thread.submit(
                        self.function, problem.parameters, now.values, now.state, *given
                    )
                    for i in range(now.step, problem.steps_of(octave)):
                        if first.done():
                            break
                        targets(i)
                begun[now.step] = first.result()

        def take(values, state, first, count, commit):
            losses = []
            for i in range(first, first + count):
                values, state, each = begun.pop(i, None) or self.function(
                    problem.parameters, values, state, targets(i), constants, octave, i
                )
                losses.append(each)
            commit(values, state, tf.stack(losses))

        return take

    def save(self) -> None:
        """Calls `on_checkpoint`, if there is one."""
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
        """Returns one function for all octaves, and whether it is new.

        Shapes are open if sizes differ; that of the targets' first axis always is.
        """

        def spec(tensor):
            opens = changes and tensor.dtype.is_floating  # not a shape as a tensor
            shape = [None] * len(tensor.shape) if opens else tensor.shape
            return tf.TensorSpec(shape, tensor.dtype)

        def spec_of_target(tensor):
            known = spec(tensor)
            return tf.TensorSpec([None, *known.shape[1:]], known.dtype)

        changes = len(set(self.sizes)) > 1
        number = tf.TensorSpec([], tf.int32)
        signature = [
            tf.nest.map_structure(tf.TensorSpec.from_tensor, self.problem.parameters),
            *tf.nest.map_structure(spec, [now.values, now.state]),
            tf.nest.map_structure(spec_of_target, targets),
            tf.nest.map_structure(spec, constants),
            *(number, number),
        ]
        key = str(signature)
        is_new = key not in self.traces
        if is_new:
            problem = self.problem

            def step(parameters, *inputs):
                return problem.bound(parameters).step_at_once(*inputs)

            function = StoredFunction(step, problem.identity, signature)
            function.prepare()
            self.traces[key] = function
        return self.traces[key], is_new

    def _next_count(self, octave: int, done: int) -> int:
        seconds = max(self.pace * self.sizes[octave], 1e-6)
        most = max(1, int(CHUNK_SECONDS / seconds))
        count = min(self.problem.steps_of(octave) - done, most)
        if self.pause_every:
            count = min(count, self.pause_every - done % self.pause_every)
        return count

    def _report(self, seconds: float) -> None:
        octave, done = self.now.octave, self.now.step
        pace = seconds / self.sizes[octave]
        first = self.pace is None  # the first chunk includes tracing
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
                preview=lambda: np.asarray(self.preview()),
            )
        )

    def preview(self) -> tf.Tensor | np.ndarray:
        """Returns the current x."""
        if isinstance(self.now.values, np.ndarray):
            return self.large_steps.image(self.now.values, tuple(self.shape.numpy()))
        return self.problem.canvas.decode(self.now.values, self.shape)

    def result(self, x: tf.Tensor, first: int, finished: bool) -> Result:
        """Returns the result of the octaves from the first on, which ends with x."""
        return Result(
            x=np.asarray(x),
            losses=dict(zip(self.names, self.now.losses.T, strict=True)),
            seconds=self.seconds(),
            finished=finished,
            steps=tuple(map(self.problem.steps_of, range(first, len(self.sizes)))),
        )

    def seconds(self) -> float:
        return time.monotonic() - self.started


def _is_finite(values: tf.Tensor | np.ndarray) -> bool:
    if not isinstance(values, np.ndarray):
        return bool(tf.reduce_all(tf.math.is_finite(values)))
    # A large array plane by plane, without another one of its size.
    planes = values.reshape([-1, *values.shape[-2:]])
    return all(np.isfinite(plane).all() for plane in planes)
