"""Problem: what is minimized, and the gradient of it.

The only tapes of the package are here and, for an x that is seen part by part, in
`parts`.

It sees a tensor x, a function that observes it, a canvas, objectives and a rule, and
nothing of pictures.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from vectormix_tf.objectives.base import Objective
from vectormix_tf.optim.canvas import Canvas
from vectormix_tf.optim.optimizers import Rule

NOT_SHIFTED = np.zeros([1, 2], np.int32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    """What is minimized, and how.

    Attributes:
        observe: (x, shift, layers) -> `{layer: tensor}`; shift is an int32 vector out
            of `shifts`, layers are those that objectives ask for. A `PartsObserver` may
            look at x part by part as well.
        objectives: Their losses are added up.
        canvas: How x is stored.
        rule: How it moves.
        shifts: int32 [k, 2]; every step takes one of them at random.
        seed: Of the choice of shifts.
        steps: Of every octave, or a number for each; the last is that of all beyond.
            In a graph it may be a tensor, int32 [octaves].
    """

    observe: Callable[[tf.Tensor, tf.Tensor, Iterable[str]], Mapping[str, tf.Tensor]]
    objectives: Sequence[Objective]
    canvas: Canvas
    rule: Rule
    shifts: np.ndarray = dataclasses.field(default_factory=lambda: NOT_SHIFTED)
    seed: int = 0
    steps: int | Sequence[int] | tf.Tensor

    def steps_of(self, octave):
        """How many steps an octave takes; of an int32 scalar an int32 scalar."""
        if tf.is_tensor(self.steps):
            return self.steps[octave]
        counts = np.atleast_1d(self.steps).astype(np.int32)
        if isinstance(octave, int):
            return int(counts[min(octave, len(counts) - 1)])
        return tf.constant(counts)[tf.minimum(octave, len(counts) - 1)]

    @property
    def layers(self) -> list[str]:
        """All that objectives look at."""
        return sorted(
            {layer for objective in self.objectives for layer in objective.layers}
        )

    def targets(self, x: tf.Tensor) -> list:
        """Returns each objective's target for an octave that starts from x.

        Its tensors get a first axis: one target for each of the shifts that make a
        difference to the objective.
        """
        targets = []
        for objective in self.objectives:
            each = [
                objective.target(lambda y, layers, s=s: [self.observe(y, s, layers)], x)
                for s in self.shifts[self.different(objective)[0]]
            ]
            targets.append(tf.nest.map_structure(lambda *t: tf.stack(t), *each))
        return targets

    def different(self, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of the shifts that a objective has targets for, which is whose)."""
        seen = self.shifts[:, objective.moves]
        _, first, which = np.unique(
            seen, axis=0, return_index=True, return_inverse=True
        )
        return first, which.reshape(-1).astype(np.int32)

    def descend(self, values, state, targets, held, octave, first, count):
        """Takes `count` steps in a graph, beginning with step `first` of an octave.

        Args:
            values: x on the canvas.
            state: The rule's state.
            targets: From `targets`.
            held: What the canvas holds for the shape of x.
            octave: Number of the octave, int32 scalar.
            first: Number of the first step, int32 scalar.
            count: How many, int32 scalar.

        Returns:
            values, state, and the losses before each step, [count, objectives].
        """
        which = [self.different(objective)[1] for objective in self.objectives]
        steps = self.steps_of(octave)

        # A function of its own: in the graph of a loop TensorFlow's layout pass meets
        # the nodes in an order that changes from trace to trace, gives max pooling one
        # of two kernels, as it happens, and the same seed not the same bytes.
        @tf.function(autograph=False, experimental_attributes={"_noinline": True})
        def differentiate(values, shift):
            chosen = []
            for target, index in zip(targets, which, strict=True):
                at = tf.constant(index)[shift]
                chosen.append(tf.nest.map_structure(lambda t, at=at: t[at], target))
            with tf.GradientTape() as tape:
                tape.watch(values)
                x = self.canvas.paint(values, held)
                shifts = tf.constant(self.shifts)
                observed = self.observe(x, shifts[shift], self.layers)
                sums = [
                    objective.sums(
                        x, observed, objective.share(target, objective.layers, 0)
                    )
                    for objective, target in zip(self.objectives, chosen, strict=True)
                ]
            each, slopes = self.losses(sums, chosen)
            sums = tf.nest.flatten(sums)
            return tape.gradient(sums, values, output_gradients=slopes), each

        def step(i, values, state, losses):
            gradient, each = differentiate(values, self.shift(octave, i))
            done = tf.cast(i, tf.float32) / tf.cast(steps, tf.float32)
            moved, state = self.rule.update(gradient, state, done)
            return i + 1, values + moved, state, losses.write(i - first, each)

        losses = tf.TensorArray(tf.float32, count, element_shape=[len(self.objectives)])
        _, values, state, losses = tf.while_loop(
            lambda i, *_: i < first + count,
            step,
            (first, values, state, losses),
            parallel_iterations=1,
        )
        return values, state, losses.stack()

    def losses(self, sums, targets):
        """Each objective's loss, and the slopes: derivatives of their sum by `sums`."""
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
        slopes = [
            tf.ensure_shape(s, t.shape) for s, t in zip(slopes, flat, strict=True)
        ]
        return tf.stack(each), slopes

    def shift(self, octave, i):
        """Number of the shift of a step."""
        count, number = len(self.shifts), octave * self.steps_of(octave) + i
        return tf.random.stateless_uniform([], [self.seed, number], 0, count, tf.int32)
