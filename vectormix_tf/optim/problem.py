"""Problem: what is minimized, its targets, its gradient and its steps.

It knows x, a function that observes it, a canvas, objectives and an optimizer, and
nothing of pictures. `tiles` has the gradient of an x that is too large to be observed
at once; the gradient tapes of the optimization are in these two modules.
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.graphs import Identity
from vectormix_tf.objectives.base import Objective, Observe
from vectormix_tf.optim.canvas import Canvas
from vectormix_tf.optim.optimizers import Optimizer
from vectormix_tf.optim.transforms import NO_TRANSFORM, Transform, Transforms

KNOWN = 16  # targets that are kept: of four styles, each flipped in four ways


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """What is minimized, and how.

    Attributes:
        observe: (x, transform, layers) -> `{layer: tensor}`, with one of `transforms`
            and the names of layers that the objectives need. A `tiles.TilingObserver`
            can also observe x tile by tile.
        objectives: Their losses are added up.
        canvas: How x is stored.
        optimizer: How it moves.
        transforms: Every step takes one of them at random.
        one_transform: Whether all steps of an octave take the same one.
        seed: Of the choice of transforms.
        steps: Number of steps of every octave, or of each; the last one is that of all
            further octaves. In a graph it may be a tensor, int32 [octaves].
        parameters: Tensors that are inputs of its graph, so that other problems can
            share it; see `bind`.
        bind: `parameters` as inputs of a graph -> this problem, of that graph. None
            takes it as it is.
        known: Targets of earlier problems with the same `observe`, by key; new ones are
            added. None keeps none.
        identity: What makes the graph of a step, so that other processes can share it;
            None does not keep it.
    """

    observe: Callable[[tf.Tensor, Transform, Iterable[str]], Mapping[str, tf.Tensor]]
    objectives: Sequence[Objective]
    canvas: Canvas
    optimizer: Optimizer
    transforms: Transforms = NO_TRANSFORM
    one_transform: bool = False
    seed: int = 0
    steps: int | Sequence[int] | tf.Tensor
    parameters: Mapping[str, tf.Tensor] = dataclasses.field(default_factory=dict)
    bind: Callable[[Mapping[str, tf.Tensor]], "Problem"] | None = None
    known: dict[Hashable, Any] | None = None
    identity: Identity | None = None

    def bound(self, parameters: Mapping[str, tf.Tensor]) -> "Problem":
        """Returns the problem of a graph whose inputs are these parameters."""
        return self if self.bind is None else self.bind(parameters)

    def steps_of(self, octave):
        """Number of steps of an octave: an int, or an int32 scalar for one."""
        if tf.is_tensor(self.steps):
            return self.steps[octave]
        counts = np.atleast_1d(self.steps).astype(np.int32)
        if isinstance(octave, int):
            return int(counts[min(octave, len(counts) - 1)])
        return tf.constant(counts)[tf.minimum(octave, len(counts) - 1)]

    @property
    def layers(self) -> list[str]:
        """All layers that the objectives look at."""
        return sorted(
            {layer for objective in self.objectives for layer in objective.layers}
        )

    # --- Targets ----------------------------------------------------------------------

    def target(
        self,
        objective: Objective,
        number: tf.Tensor | int,
        x: tf.Tensor,
        observe: Callable[..., Iterable[Mapping[str, tf.Tensor]]] | None = None,
    ):
        """Returns an objective's target under the transform of a number.

        Args:
            objective: One of the objectives.
            number: Of the transform, int32 scalar.
            x: What the octave starts from.
            observe: As `self.observe`, but returns an iterable over the tiles of x;
                None observes x at once.
        """
        transform = self.transforms.at(number)

        def at_once(y, layers):
            return [self.observe(y, transform, layers)]

        def by_tiles(y, layers):
            return observe(y, transform, layers)

        function: Observe = at_once if observe is None else by_tiles
        return objective.target(function, x)

    def targets(self, x: tf.Tensor) -> list:
        """Returns each objective's targets for an octave that starts from x.

        Their tensors have a first axis: of the transforms that differ in what the
        objective depends on, as `Transforms.distinct` groups them.
        """
        return [self._mapped_targets(objective, x) for objective in self.objectives]

    def targets_under(
        self,
        number: int,
        made: dict[tuple[int, int], Any],
        make: Callable[[Objective, int], Any],
    ) -> list:
        """Returns each objective's target under one transform.

        Args:
            number: Of the transform.
            made: Targets so far, by objective and group of transforms that agree in
                what it depends on; new ones are added.
            make: (objective, number of a transform) -> target.
        """
        targets = []
        for i, objective in enumerate(self.objectives):
            first, group = self.transforms.distinct(objective.depends_on)
            key = i, int(group[number])
            if key not in made:
                made[key] = make(objective, int(first[group[number]]))
            targets.append(made[key])
        return targets

    def known_target(self, objective: Objective, number: int, x: tf.Tensor):
        """Returns `target` with a first axis of 1; that in `known`, if there is one."""
        if self.known is None or objective.target_key is None:
            return self._row_of_targets(objective, number, x)
        fields = (getattr(self.transforms, name) for name in objective.depends_on)
        moves = tuple(np.asarray(f)[number].tobytes() for f in fields if f is not None)
        key = objective.target_key(), tuple(x.shape), moves
        if key not in self.known:
            self.known[key] = self._row_of_targets(objective, number, x)
            while len(self.known) > KNOWN:
                del self.known[next(iter(self.known))]  # the oldest
        return self.known[key]

    def _row_of_targets(self, objective, number, x):
        target = self.target(objective, number, x)
        return tf.nest.map_structure(lambda t: tf.expand_dims(t, 0), target)

    def _mapped_targets(self, objective, x):
        """`targets` of an objective.

        One after another by one function, so that the graph and the memory that it
        needs do not grow with their number.
        """
        numbers, _ = self.transforms.distinct(objective.depends_on)
        make = tf.function(
            functools.partial(self.target, objective),
            autograph=False,
            experimental_attributes={"_noinline": True},
        ).get_concrete_function(tf.TensorSpec([], tf.int32), x)
        return tf.map_fn(
            lambda number: make(number, x),
            tf.constant(numbers),
            fn_output_signature=tf.nest.map_structure(
                lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype),
                make.structured_outputs,
            ),
            parallel_iterations=1,
        )

    # --- Steps ------------------------------------------------------------------------

    def transform_number(self, octave, i):
        """Number of the transform of step i of an octave, int32 scalar."""
        number = octave * self.steps_of(octave) + (0 if self.one_transform else i)
        seeds = [self.seed, number]
        return tf.random.stateless_uniform([], seeds, 0, self.transforms.size, tf.int32)

    def step(self, octave, i, values, state, evaluate, update):
        """Takes one step; the only place where steps are taken.

        Args:
            octave: Number of the octave, int32 scalar.
            i: Number of the step in it, int32 scalar.
            values: Parameters of x.
            state: State of the optimizer.
            evaluate: (values, number of the transform) -> gradient, losses.
            update: `self.update`, or what wraps it.

        Returns:
            values, state, and the losses before the step, [objectives].
        """
        gradient, losses = evaluate(values, self.transform_number(octave, i))
        steps = tf.cast(self.steps_of(octave), tf.float32)
        done = tf.cast(i, tf.float32) / steps
        values, state = update(values, gradient, state, done)
        return values, state, losses

    def update(self, values, gradient, state, done):
        """Returns values and state after the optimizer's step."""
        step, state = self.optimizer.update(gradient, state, done)
        return values + step, state

    def descend(self, values, state, targets, constants, octave, first, count):
        """Takes steps in one graph, at an x that is observed at once.

        Args:
            values: Parameters of x.
            state: State of the optimizer.
            targets: From `targets`.
            constants: From `Canvas.constants`, for the shape of x.
            octave: Number of the octave, int32 scalar.
            first: Number of the first step, int32 scalar.
            count: How many, int32 scalar.

        Returns:
            values, state, and the losses before each step, [count, objectives].
        """
        # A function of its own: in the body of a loop TensorFlow's layout optimizer
        # visits nodes in an order that varies from trace to trace, and so gives max
        # pooling one of two kernels. Then one seed would not give the same bytes.
        evaluate = tf.function(
            self._evaluator(targets, constants),
            autograph=False,
            experimental_attributes={"_noinline": True},
        )

        def step(i, values, state, losses):
            values, state, each = self.step(
                octave, i, values, state, evaluate, self.update
            )
            return i + 1, values, state, losses.write(i - first, each)

        losses = tf.TensorArray(tf.float32, count, element_shape=[len(self.objectives)])
        _, values, state, losses = tf.while_loop(
            lambda i, *_: i < first + count,
            step,
            (first, values, state, losses),
            parallel_iterations=1,
        )
        return values, state, losses.stack()

    def step_at_once(self, values, state, targets, constants, octave, i):
        """Takes step i of an octave, at an x that is observed at once.

        Arguments are as of `descend`; what is returned is as of `step`.
        """
        evaluate = self._evaluator(targets, constants)
        return self.step(octave, i, values, state, evaluate, self.update)

    def _evaluator(self, targets, constants):
        """Returns (values, number of the transform) -> gradient, losses."""
        groups = [
            self.transforms.distinct(objective.depends_on)[1]
            for objective in self.objectives
        ]

        def evaluate(values, number):
            own = [
                _row(target, tf.constant(group)[number])
                for target, group in zip(targets, groups, strict=True)
            ]
            with tf.GradientTape() as tape:
                tape.watch(values)
                x = self.canvas.decode_with(values, constants)
                transform = self.transforms.at(number)
                observed = self.observe(x, transform, self.layers)
                sums = [
                    objective.sums(
                        x, observed, objective.share(target, objective.layers, 0)
                    )
                    for objective, target in zip(self.objectives, own, strict=True)
                ]
            losses, slopes = self.losses_and_slopes(sums, own)
            sums = tf.nest.flatten(sums)
            return tape.gradient(sums, values, output_gradients=slopes), losses

        return evaluate

    def losses_and_slopes(self, sums, targets):
        """Returns all losses, and the derivatives of their total by the sums."""
        flat = tf.nest.flatten(sums)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            each = [
                objective.loss(own, target)
                for objective, own, target in zip(
                    self.objectives, sums, targets, strict=True
                )
            ]
            loss = tf.add_n(each)
        zero = tf.UnconnectedGradients.ZERO
        slopes = tape.gradient(loss, flat, unconnected_gradients=zero)
        for slope, tensor in zip(slopes, flat, strict=True):
            slope.set_shape(tensor.shape)
        return tf.stack(each), slopes


def _row(target, number):
    """Returns one row of each tensor of a target; its last one, if there are fewer."""
    tensors, axis = tf.nest.flatten(target), tf.constant(0)
    if tensors:
        number = tf.minimum(number, tf.shape(tensors[0])[0] - 1)
    return tf.nest.map_structure(lambda t: tf.gather(t, number, axis=axis), target)
