"""Runs inside a graph, in chunks: a number of steps that one call takes.

The state of a run is a value that each call takes and returns, so a server keeps
nothing between two calls. The steps are those of `loop.optimize`, taken by
`Problem.descend`, but octaves and steps are counted in the graph. So a SavedModel can
run them without Keras and without this package.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from vectormix_tf.ops.border import PADDING, crop_padding, pad
from vectormix_tf.optim.problem import Problem
from vectormix_tf.saved_model.codec import require
from vectormix_tf.saved_model.requests import Request
from vectormix_tf.saved_model.state import pack, unpack

ALL_STEPS = tf.int32.max
NOT_FINITE = (
    "the picture became NaN or infinite; take smaller weights or smaller steps."
)


class Run(NamedTuple):
    """What a request asks to compute.

    Attributes:
        problem: What is minimized, over padded images.
        start: (size int32 [2], image at the end of the octave before or None) -> image
            [1, H, W, 3] that an octave starts from.
        finish: Image [1, H, W, 3] -> the image that is returned, e.g. in other colors.
        sizes: (height, width) of each octave without padding, int32 [octaves, 2].
        steps: Number of steps of each octave, int32 [octaves].
    """

    problem: Problem
    start: Callable[[tf.Tensor, tf.Tensor | None], tf.Tensor]
    finish: Callable[[tf.Tensor], tf.Tensor]
    sizes: tf.Tensor
    steps: tf.Tensor


class RunState(NamedTuple):
    """The state of a run between two steps.

    It is a `loop.Checkpoint`, but with the octave's targets in place of the image that
    they are made from.

    Attributes:
        octave: Number of the octave, from 0.
        step: Number of steps done in it.
        values: The current parameters of x, as the canvas stores them.
        state: The optimizer's state.
        targets: Targets of the objectives in this octave.
    """

    octave: Any
    step: Any
    values: Any
    state: Any
    targets: Any


class Chunk(NamedTuple):
    """What a call that starts or continues a run returns.

    Attributes:
        state: The packed state of the run, a string scalar.
        losses: Losses before each step of the chunk, [steps, objectives].
        image: The current image, [1, H, W, 3] in [0, 1].
        octave: Number of the octave, from 1.
        octaves: Number of octaves.
        step: Number of steps done in this octave.
        steps: Number of steps of this octave.
        finished: Whether the last step of the last octave is done.
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
    """The graphs that start, continue and finish the runs of one variant.

    Each part is traced once, here, and called by all graphs that need it.

    Args:
        build_run: Returns the run of a checked request.
        request_specs: `{name: tf.TensorSpec}` of such a request.
        objectives: Names of the losses in the order of the columns that are returned;
            a column whose objective the run lacks is 0.
        header_bytes: Number of bytes before the packed state in the string that
            `advance` takes.

    Attributes:
        start: request -> `Chunk` of no steps.
        advance: (state, count) -> `Chunk` of at most `count` further steps.
        run_all: request -> (image [1, H, W, 3], losses [steps, objectives]) of a whole
            run.
    """

    def __init__(
        self,
        build_run: Callable[[Request], Run],
        request_specs: Mapping[str, tf.TensorSpec],
        objectives: Sequence[str],
        header_bytes: int = 0,
    ):
        self._build_run, self._request_specs = build_run, dict(request_specs)
        self._objectives, self._header_bytes = objectives, header_bytes
        request = self._request_specs
        text, number = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)
        image = tf.TensorSpec([1, None, None, 3])
        self._octave_state = traced_function(self._begin_octave, request, number, image)
        state = RunState(*_specs(self._octave_state.structured_outputs))
        self._state_specs = state
        self._first_state = traced_function(self._begin_run, request)
        self._current_image = traced_function(self._image, request, state)
        self._take_steps = traced_function(self._steps, request, state, number)
        losses = tf.TensorSpec([None, len(objectives)])
        self._new_chunk = traced_function(self._chunk, request, state, losses)
        self.start = traced_function(self._start, request)
        self.advance = traced_function(self._advance, text, number)
        self.run_all = traced_function(self._run_all, request)

    # --- The three graphs, made of the parts below ------------------------------------

    def _start(self, request):
        no_losses = tf.zeros([0, len(self._objectives)])
        state = RunState(*self._first_state(request))
        return Chunk(*self._new_chunk(request, state, no_losses))

    def _advance(self, packed, count):
        specs = self._request_specs, tuple(self._state_specs)
        request, state = unpack(packed, specs, self._header_bytes)
        state, losses = self._take_steps(request, RunState(*state), count)
        return Chunk(*self._new_chunk(request, RunState(*state), losses))

    def _run_all(self, request):
        first = RunState(*self._first_state(request))
        state, losses = self._take_steps(request, first, tf.constant(ALL_STEPS))
        return self._current_image(request, RunState(*state)), losses

    # --- Parts ------------------------------------------------------------------------

    def _begin_run(self, request):
        """Returns the state before the first step."""
        run = self._build_run(request)
        image = run.start(run.sizes[0], None)
        return RunState(*self._octave_state(request, tf.constant(0), image))

    def _begin_octave(self, request, octave, image):
        """Returns the state before an octave's first step, which starts from image."""
        problem, x = self._build_run(request).problem, pad(image)
        values = problem.canvas.encode(x)
        state = problem.optimizer.init(values)
        return RunState(octave, tf.constant(0), values, state, problem.targets(x))

    def _steps(self, request, state, count):
        """Takes at most `count` steps, across octaves; returns (state, losses)."""
        run = self._build_run(request)
        problem, last = run.problem, tf.size(run.steps) - 1

        def descend(state, count, losses):
            # The next octave begins only with its first step. So a chunk that takes
            # the last step of an octave returns the image at the end of that octave.
            state = tf.cond(
                _steps_left(run, state) > 0,
                lambda: state,
                lambda: self._next_octave(run, request, state),
            )
            constants = problem.canvas.constants(_padded_shape(run, state))
            taken = tf.minimum(count, _steps_left(run, state))
            values, optimizer_state, new_losses = problem.descend(
                state.values,
                state.state,
                state.targets,
                constants,
                state.octave,
                state.step,
                taken,
            )
            state = state._replace(
                step=state.step + taken, values=values, state=optimizer_state
            )
            return state, count - taken, tf.concat([losses, new_losses], axis=0)

        def unfinished(state, count, losses):
            more = (_steps_left(run, state) > 0) | (state.octave < last)
            return (count > 0) & more

        # From one octave to the next the sizes of tensors change.
        shapes = tf.nest.map_structure(lambda spec: spec.shape, self._state_specs)
        columns = len(problem.objectives)
        state, _, losses = tf.while_loop(
            unfinished,
            descend,
            (state, count, tf.zeros([0, columns])),
            (shapes, tf.TensorShape([]), tf.TensorShape([None, columns])),
            parallel_iterations=1,
        )
        return state, self._in_order(problem, losses)

    def _next_octave(self, run, request, state):
        """Returns the state before the first step of the next octave."""
        before = crop_padding(_padded_image(run, state))
        image = run.start(run.sizes[state.octave + 1], before)
        return RunState(*self._octave_state(request, state.octave + 1, image))

    def _in_order(self, problem, losses):
        """Puts the losses [steps, objectives of the run] in the order of the names."""
        own = [objective.name for objective in problem.objectives]
        # A name that the run lacks takes the column of zeros, which comes last.
        order = [own.index(n) if n in own else len(own) for n in self._objectives]
        return tf.gather(tf.pad(losses, [[0, 0], [0, 1]]), order, axis=1)

    def _chunk(self, request, state, losses):
        run = self._build_run(request)
        last, steps = tf.size(run.steps) - 1, run.steps[state.octave]
        return Chunk(
            state=pack((dict(request), tuple(state))),
            losses=losses,
            image=self._current_image(request, state),
            octave=state.octave + 1,
            octaves=last + 1,
            step=state.step,
            steps=steps,
            finished=(state.octave == last) & (state.step >= steps),
        )

    def _image(self, request, state):
        run = self._build_run(request)
        image = run.finish(crop_padding(_padded_image(run, state)))
        finite = tf.reduce_all(tf.math.is_finite(image))
        image = require({NOT_FINITE: finite}, image)
        return tf.ensure_shape(tf.clip_by_value(image, 0.0, 1.0), [1, None, None, 3])


def traced_function(function: Callable, *specs) -> Callable:
    """Traces a function that stays a function of its own inside the graphs it is in.

    TensorFlow does not inline it. So it optimizes each function once, at its first
    call, and not again for every signature that contains it.

    Args:
        function: Of tensors, or of nests of them.
        *specs: A `tf.TensorSpec`, or a nest of them, for each argument.
    """
    traced = tf.function(
        function, autograph=False, experimental_attributes={"_noinline": True}
    )
    return traced.get_concrete_function(*specs)


def _steps_left(run, state):
    """Returns how many steps of the state's octave are still to be taken."""
    return run.steps[state.octave] - state.step


def _padded_image(run, state):
    return run.problem.canvas.decode(state.values, _padded_shape(run, state))


def _padded_shape(run, state):
    """Returns the shape of the padded images of the state's octave, int32 [4]."""
    return tf.concat([[1], run.sizes[state.octave] + 2 * PADDING, [3]], axis=0)


def _specs(tensors):
    return tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), tensors)
