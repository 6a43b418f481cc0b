"""The lesson: dense distillation against attacks.

At each layer of the plan a head must predict the teacher's activations at the same
place; the logits must give the teacher's classes. Each batch is replayed, and between
replays the picture moves, within an L2 ball, to where the pupil is most wrong; the
teacher always sees the clean one ("free" adversarial training: Shafahi et al. 2019,
arXiv:1904.12843, algorithm 1).
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone import environment
from vectormix_tf.config.backbones import LOGITS
from vectormix_tf.config.teach import SIZE, TeachSettings
from vectormix_tf.teaching.geometry import pupil_grids, sampling
from vectormix_tf.teaching.photographs import Draw, Photographs, crop_matrices
from vectormix_tf.teaching.pupil import Pupil
from vectormix_tf.teaching.teachers import EFFICIENTNET, Teacher

# Shares of the lesson at which the first phase ends (plain pictures), the ball has its
# whole radius, and the normalization is frozen: it is then what is written.
PLAIN, GROWN, FROZEN = 0.13, 0.4, 0.78
WARM_UP = 0.05  # share of the lesson in which the rate rises
LEAST_RATE, GOING_ON = 2e-6, 0.3  # added to the rate; factor where weights were given
TEACHER_MORE = 32  # pixels a side that the teacher sees more
TEMPERATURE, CLASSES_WEIGHT = 2.0, 0.5  # of the logits (Hinton et al. 2015)
MOST = 10.0  # deviations from the mean: channels that rarely wake have long tails
FLOOR = 0.02  # added to deviations
BETAS, EPSILON, DECAY = (0.9, 0.99), 1e-8, 0.02  # of AdamW
LONGEST = 5.0  # L2 norm to which a gradient is shortened
FORGET = 0.02  # share of the normalization's statistics that a step replaces
KEPT, RAMP = 0.998, 15  # of the running mean of weights: at most; steps until a half
MEASURED = 128  # crops that the scale of the teacher's activations is measured on
MEASURE = 1 << 30  # number of the first batch that is drawn for that


class Batch(NamedTuple):
    """What a batch is taught.

    Attributes:
        image: [b, size, size, 3] in [0, 1].
        wants: `{layer: the teacher's activations, standardized [b, h, w, c]}`.
        logits: The teacher's, [b, classes].
    """

    image: tf.Tensor
    wants: dict[str, tf.Tensor]
    logits: tf.Tensor


def teacher_size(size: int) -> int:
    """Side of the pictures that the teacher sees, for crops of `size` pixels."""
    return size + TEACHER_MORE


def rate_at(share: float, settings: TeachSettings) -> float:
    """Learning rate when a share of the lesson is done: it rises, then falls."""
    peak = settings.learning_rate * (1 if settings.weights is None else GOING_ON)
    rise = min(1, share / WARM_UP)
    return peak * rise * (1 + math.cos(math.pi * share)) / 2 + LEAST_RATE


def radius_at(share: float, settings: TeachSettings) -> float:
    """Radius of the ball of attacks; whole from the start where weights were given."""
    strength = min(max((share - PLAIN) / (GROWN - PLAIN), 0), 1)
    if settings.weights is not None:
        strength = 1
    return settings.eps * settings.size / SIZE * strength


def length(x: tf.Tensor) -> tf.Tensor:
    """L2 norm of each picture [b, H, W, c], as [b, 1, 1, 1]; above 0."""
    return tf.sqrt(tf.reduce_sum(x**2, [1, 2, 3], keepdims=True)) + 1e-12


def into_ball(attack: tf.Tensor, radius: tf.Tensor) -> tf.Tensor:
    """Shortens attacks to a length of at most `radius`."""
    return attack * tf.minimum(radius / length(attack), 1)


def divergence(told: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """KL from softened classes to others, of logits [b, classes].

    Times the temperature's square, so that gradients do not depend on it (Hinton et
    al. 2015, arXiv:1503.02531, section 2.1).
    """
    wanted = tf.nn.log_softmax(wanted / TEMPERATURE)
    told = tf.nn.log_softmax(told / TEMPERATURE)
    each = tf.reduce_sum(tf.exp(wanted) * (wanted - told), -1)
    return tf.reduce_mean(each) * TEMPERATURE**2


def _variable(value) -> tf.Variable:
    return tf.Variable(value, trainable=False)


class AdamW:
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), by TensorFlow's kernels.

    With Keras' optimizer the graph of a step has half as many operations again, and is
    traced as much longer. Vectors, such as biases, do not decay.

    Args:
        parameters: What is learnt.

    Attributes:
        moments: Mean and mean square of each parameter's gradients.
        count: Updates so far.
    """

    def __init__(self, parameters):
        self._values = [each.value for each in parameters]
        self.moments = [
            [_variable(tf.zeros_like(value)) for _ in BETAS] for value in self._values
        ]
        self.count = _variable(0.0)

    def apply(self, gradients, rate) -> None:
        """Moves the parameters against their gradients."""
        count = self.count.assign_add(1)
        powers = [beta**count for beta in BETAS]
        triples = zip(self._values, self.moments, gradients, strict=True)
        for value, (mean, square), gradient in triples:
            if len(value.shape) > 1:
                value.assign_sub(rate * DECAY * value)
            tf.raw_ops.ResourceApplyAdam(
                var=value.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                epsilon=EPSILON,
                grad=gradient,
            )

    @property
    def variables(self) -> list[tf.Variable]:
        """All that it remembers; zeros at its start."""
        return [self.count, *(each for pair in self.moments for each in pair)]


class Lesson:
    """A pupil, its teacher, and all that changes while it learns.

    Args:
        settings: Of the lesson.
        photographs: What both look at.
        teacher: For pictures of `teacher_size(settings.size)` pixels.

    Attributes:
        pupil: The network that learns.
        means: `{path: running mean}` of its variables; this is what is written.
        scale: `{activations: (mean, deviation) of the teacher's channels}`.
        step: Steps that are done.
        batch: Batches that are done.
        averaged: Steps in the running mean.
        frozen: Whether the normalization is.
        slower: Factor on the rate, after losses that were not finite.
    """

    def __init__(
        self, settings: TeachSettings, photographs: Photographs, teacher: Teacher
    ):
        self.settings, self.photographs = settings, photographs
        self.names = [*EFFICIENTNET.taps, LOGITS]  # of the losses
        random = np.random.default_rng(settings.seed)
        with_weights = (settings.precision, random, settings.weights)
        self.pupil = Pupil(EFFICIENTNET, *with_weights)
        self.means = {each.path: _variable(each.value) for each in self.pupil.own}
        self.step = self.batch = self.averaged = 0
        self.frozen, self.slower = self.pupil.folds, 1.0
        self._momentum = _variable(0.0)
        for norm in self.pupil.norms:
            norm.momentum = self._momentum
        self.optimizer = AdamW(self.pupil.parameters)
        self._functions(teacher)
        self.scale: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def _functions(self, teacher: Teacher) -> None:
        """Makes the graphs, each of which is traced when it is first called."""
        size, other = self.settings.size, teacher_size(self.settings.size)
        pupils, teachers = pupil_grids(size), EFFICIENTNET.grids(other)
        self._rows = {
            (layer, name): tf.constant(
                sampling(pupils[layer], size, teachers[name], other)
            )
            for layer, names in EFFICIENTNET.taps.items()
            for name in names
        }
        graph = functools.partial(tf.function, autograph=False)
        self._look = graph(lambda *crops: teacher(_cut(*crops)))
        self._cut, self._target = graph(_cut), graph(self._wants)
        self._updates = {
            is_frozen: graph(functools.partial(self._update, is_frozen))
            for is_frozen in (False, True)
        }

    # --- Batches ----------------------------------------------------------------------

    def _drawn(self, number: int) -> Draw:
        """Draws the crops of a batch, which depend on its number alone."""
        random = np.random.default_rng([self.settings.seed, number])
        return self.photographs.draw(self.settings.batch_size, random)

    def _crops(self, draw: Draw, size: int) -> tuple:
        """Arguments of `_cut`."""
        squares = self.photographs.squares
        matrices = crop_matrices(draw, squares.shape[-1], size)
        arrays = (squares[draw.which], *matrices, draw.gain, draw.shift, draw.blend)
        return tuple(map(tf.constant, arrays))

    def measure(self) -> None:
        """Measures the scale of the teacher's activations on some crops."""
        moments = {name: [] for name in EFFICIENTNET.wanted}
        for i in range(-(-MEASURED // self.settings.batch_size)):
            draw = self._drawn(MEASURE + i)
            seen = self._look(*self._crops(draw, teacher_size(self.settings.size)))
            for name, values in moments.items():
                mean = tf.reduce_mean(seen[name], [0, 1, 2])
                square = tf.reduce_mean(seen[name] ** 2, [0, 1, 2])
                values.append((mean.numpy(), square.numpy()))
        for name, values in moments.items():
            mean, square = np.mean(values, 0)
            deviation = np.sqrt(np.maximum(square - mean**2, 0)) + FLOOR
            self.scale[name] = mean, deviation

    def prepare(self, number: int) -> Batch:
        """Returns a batch: its crops, and what the teacher sees in them."""
        draw = self._drawn(number)
        seen = self._look(*self._crops(draw, teacher_size(self.settings.size)))
        image = self._cut(*self._crops(draw, self.settings.size))
        return Batch(image, self._target(seen), seen["logits"])

    def _wants(self, seen):
        wants = {}
        for layer, names in EFFICIENTNET.taps.items():
            parts = []
            for name in names:
                rows, (mean, deviation) = self._rows[layer, name], self.scale[name]
                read = tf.einsum("yh,bhwc->bywc", rows, seen[name])
                read = tf.einsum("xw,bywc->byxc", rows, read)
                read = (read - mean) / deviation
                parts.append(tf.clip_by_value(read, -MOST, MOST))
            wants[layer] = tf.concat(parts, -1)
        return wants

    # --- Steps ------------------------------------------------------------------------

    def losses(self, image, batch: Batch, training: bool = False) -> tf.Tensor:
        """Errors of what the pupil tells of an image: of each layer, and of classes.

        Args:
            image: [b, size, size, 3] in [0, 1]; that of the batch, or attacked.
            batch: What is wanted.
            training: Whether the batch's own statistics normalize it.
        """
        told = self.pupil.model(image * 2 - 1, training=training)
        told = {name: tf.cast(each, tf.float32) for name, each in told.items()}
        errors = [
            tf.reduce_mean((told[name] - wanted) ** 2)
            for name, wanted in batch.wants.items()
        ]
        classes = divergence(told[LOGITS][:, 0, 0], batch.logits)
        return tf.stack([*errors, classes])

    def _update(self, is_frozen, batch, attack, radius, rate, forget, part):
        """One step; the same backward pass moves the attack that comes next."""
        self._momentum.assign(1 - forget)
        parameters = [each.value for each in self.pupil.parameters]
        image = tf.clip_by_value(batch.image + attack, 0, 1)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([image, *parameters])
            losses = self.losses(image, batch, training=not is_frozen)
            loss = tf.reduce_sum(losses[:-1]) + CLASSES_WEIGHT * losses[-1]
        up, *gradients = tape.gradient(loss, [image, *parameters])
        norm = tf.linalg.global_norm(gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, LONGEST, norm)
        self.optimizer.apply(gradients, rate)
        for variable in self.pupil.own:
            mean = self.means[variable.path]
            mean.assign_sub(part * (mean - variable.value))
        attack = into_ball(attack + radius * up / length(up), radius)
        return tf.concat([losses, [norm]], 0), attack

    def update(
        self, batch: Batch, attack: tf.Tensor, radius: float, rate: float
    ) -> tuple[np.ndarray, tf.Tensor]:
        """Takes a step on an attacked batch.

        Returns:
            Losses, in the order of `names`, and last the norm of the gradient; the
            next attack.
        """
        self.step += 1
        self.averaged += 1
        part = 1 - min(KEPT, self.averaged / (self.averaged + RAMP))
        forget = max(FORGET, 1 / self.step)  # plain means at first
        numbers = (radius, rate * self.slower, forget, part)
        update = self._updates[self.frozen]
        with environment.TRACING:
            losses, attack = update(batch, attack, *map(tf.constant, numbers))
        return losses.numpy(), attack

    def teach(self, share: float, most: int) -> np.ndarray:
        """Teaches one batch.

        Args:
            share: How much of the lesson is done, in [0, 1).
            most: Most steps to take.

        Returns:
            The losses of each step and the norm of its gradient.
        """
        if share >= FROZEN and not self.frozen:
            self._freeze()
        radius, rate = (at(share, self.settings) for at in (radius_at, rate_at))
        batch = self.prepare(self.batch)
        seeds = [self.settings.seed, self.batch]
        attack = tf.random.stateless_normal(batch.image.shape, seeds)
        far = tf.random.stateless_uniform([attack.shape[0], 1, 1, 1], seeds)
        attack = into_ball(attack, tf.constant(radius)) * far
        rows = []
        for _ in range(min(self.settings.replays if radius else 1, most)):
            losses, attack = self.update(batch, attack, radius, rate)
            rows.append(losses)
        self.batch += 1
        return np.stack(rows)

    def _freeze(self) -> None:
        """From here on the normalization is a fixed scale and shift, as in the file."""
        self.frozen, self.averaged = True, 0
        for variable in self.pupil.own:
            self.means[variable.path].assign(variable.value)

    # --- What is written --------------------------------------------------------------

    def variables(self) -> dict[str, tf.Variable]:
        """All variables by names that stay the same from run to run."""
        found = {f"pupil/{each.path}": each.value for each in self.pupil.model.weights}
        found |= {f"mean/{path}": mean for path, mean in self.means.items()}
        moments = enumerate(self.optimizer.variables)
        return found | {f"optimizer/{i}": each for i, each in moments}

    def folded(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The running mean of the weights, with the normalization folded in."""
        return self.pupil.fold({k: each.numpy() for k, each in self.means.items()})


def _cut(squares, rows, columns, gain, shift, blend):
    """Cuts crops out of squares and colors them: [b, size, size, 3] in [0, 1]."""
    x = tf.cast(squares, tf.float32) / 255  # [b, 3, side, side]
    x = tf.matmul(tf.matmul(rows[:, None], x), columns[:, None], transpose_b=True)
    x = tf.transpose(x, [0, 2, 3, 1])
    x = tf.clip_by_value((x - 0.5) * gain + 0.5 + shift, 0, 1)
    return (1 - blend) * x + blend * tf.roll(x, 1, 0)
