"""Estimates of the memory and time of a run before it begins.

The constants were fitted to measurements of `vectormix benchmark`, whose table shows
estimates and measurements side by side.
"""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.config.octaves import LARGE, Octave, reduced
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io.progress import duration
from vectormix_tf.ops.border import PADDING
from vectormix_tf.optim.large import LargeSteps
from vectormix_tf.optim.memory import GIGA, room
from vectormix_tf.optim.observer import split_scale
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.tiles import PACKED, cut_side

# --- Fitted constants -----------------------------------------------------------------

# By whether a run has targets that depend on the transform (a mix) or not (a dream).

BASE = {True: 0.95e9, False: 0.9e9}  # bytes of TensorFlow, a network and its graphs
START = {True: 4.5, False: 3.0}  # seconds until the first step
ALWAYS = {True: 18e9, False: 4e9}  # FLOP of a step at any size
EACH = {True: 600, False: 380}  # FLOP per activation besides the convolutions
# Bytes per activation; less than a float and its gradient, as some are freed before the
# gradients of others are computed.
BYTES = {True: 4.0, False: 2.4}

# Number of arrays of the size of the result, [H, W, 3]: pictures, parameters, gradient,
# the optimizer's state and temporaries; and where `large.LargeSteps` are taken.
IMAGES, IMAGES_IN_PLACE = 12, 6
FLOAT = 4  # bytes
ELSE = 2.5e9, 1.25  # upper bounds: bytes besides these arrays, and a factor on them
FIRST_PASS = 0.5  # of tiles, a second forward pass, as a share of forward and backward

# FLOP/s of an assumed machine; only the ratio of octaves to each other depends on it.
RELATIVE = {"float32": 1e11, "bfloat16": 2e11}

# Size and number of the matrix products that measure the machine's speed.
SIDE, PRODUCTS, TRIES = 1024, 4, 3
SEED = (0, 0)


class Choice(NamedTuple):
    """How the user chooses a size, for messages that name one that fits.

    Attributes:
        least: Fewest pixels of a side, which the network needs.
        scale: Long side, relative to the setting `size`.
        is_pair: Whether `size` is width and height.
    """

    least: int = 1
    scale: float = 1.0
    is_pair: bool = False

    def allows(self, size: tuple[int, int]) -> bool:
        """Whether a (height, width) may be chosen."""
        return min(size) >= self.least and max(size) / self.scale >= self.least

    def words(self, size: tuple[int, int]) -> str:
        """The setting that gives a (height, width)."""
        if self.is_pair:
            return f'`size="{size[1]}x{size[0]}"`'
        return f"`size={int(max(size) / self.scale)}`"


ANY_SIZE = Choice()


class StepCost(NamedTuple):
    """What determines the memory and time of a step.

    Attributes:
        activations: Number per pixel, in all layers of the network.
        flops: Of the convolutions, forward, per pixel.
        area: Of the images at all scales, in units of the largest.
        kept: Numbers per pixel in the targets that depend on the shift, for one
            transform.
        transforms: Number of transforms, each with such targets if x is observed at
            once.
        compares: Whether there are targets that depend on the transform.
        precision: In which the network computes.
        tile: Most pixels of a side that are observed at once; 0 for all.
        overlap: Of tiles, pixels.
        stride: Of the network, pixels.
        in_place: Whether steps of large pictures are `large.LargeSteps`.
        saves: Whether checkpoints are written, which keep one more picture.
    """

    activations: float
    flops: float
    area: float
    kept: float
    transforms: int
    compares: bool
    precision: str
    tile: int
    overlap: int
    stride: int
    in_place: bool = False
    saves: bool = False

    def memory(self, octave: Octave) -> float:
        """Peak memory of the process, bytes."""
        tiled, own = self._cut(octave)
        activations = BYTES[self.compares] * self.activations * own
        kept = FLOAT * self.kept
        if tiled:
            kept /= 4
        else:
            activations, kept = self.area * activations, self.transforms * kept
        every = activations + _padded(octave.size) * kept
        every += pictures(octave.size, self.in_place and tiled > 0)
        every += self.saves * _picture(octave.size)
        return BASE[self.compares] + every

    def seconds(self, octave: Octave, peaks: Mapping[str, float]) -> float:
        """Time of a step, with the machine's FLOP/s by precision."""
        tiled, own = self._cut(octave)
        pixels = self.area * own * (tiled or 1) * (1 + FIRST_PASS * bool(tiled))
        products = 2 * self.flops / peaks[self.precision]
        rest = EACH[self.compares] * self.activations / peaks["float32"]
        always = ALWAYS[self.compares] / peaks["float32"]
        return always + pixels * (products + rest)

    def _cut(self, octave: Octave) -> tuple[int, int]:
        """Number of tiles, or 0 if x is observed at once; and pixels of one."""
        counts, lengths = [], []
        for side in octave.size:
            length = side + 2 * PADDING
            tile = self.tile or length
            cut = cut_side(length, tile, self.overlap, self.stride)
            counts.append(len(cut))
            lengths.append(cut[0].stop - cut[0].start)
        count = math.prod(counts)
        return count if count > 1 else 0, math.prod(lengths)


def step_cost(problem: Problem, precision: str, saves: bool = False) -> StepCost:
    """Returns the cost of a problem whose `observe` is an `observer.Observer`.

    Args:
        problem: Of the run.
        precision: In which the network computes.
        saves: Whether the run writes checkpoints.
    """
    observer = problem.observe
    extractor = observer.extractor
    arranged = {
        split_scale(layer)[0]
        for objective in problem.objectives
        for layer in objective.layers
        if "shift" in objective.depends_on
    }
    infos = [extractor.info[layer] for layer in arranged]
    scales = {split_scale(layer)[1] for layer in problem.layers}
    activations, flops = extractor.densities()
    return StepCost(
        activations=activations,
        flops=flops,
        area=sum(1 / scale**2 for scale in scales),
        kept=sum(info.channels / max(1, info.stride) ** 2 for info in infos),
        transforms=problem.transforms.size,
        compares=any(bool(objective.depends_on) for objective in problem.objectives),
        precision=precision,
        tile=observer.tile,
        overlap=observer.overlap,
        stride=observer.stride,
        in_place=LargeSteps.suits(problem),
        saves=saves,
    )


def memory(cost: StepCost, octaves: Sequence[Octave]) -> float:
    """Peak memory of the process of a run, bytes."""
    return max(cost.memory(octave) for octave in octaves)


def seconds(
    cost: StepCost, octaves: Sequence[Octave], peaks: Mapping[str, float]
) -> float:
    """Time of a whole run, including its start.

    Args:
        cost: From `step_cost`.
        octaves: With size and number of steps.
        peaks: FLOP/s of the machine by precision, from `peaks`.
    """
    steps = (octave.steps * cost.seconds(octave, peaks) for octave in octaves)
    return START[cost.compares] + sum(steps)


def check_room(
    size: tuple[int, int], choice: Choice = ANY_SIZE, in_place: bool = False
) -> None:
    """Refuses a (height, width) whose pictures alone do not fit into memory.

    Called before they are made; `announce` checks the whole run.

    Args:
        size: Height and width.
        choice: How it is chosen.
        in_place: Whether steps of large pictures may be `large.LargeSteps`.

    Raises:
        InputError: If there is less memory; it names the largest size that fits.
    """

    def memory(size):
        return ELSE[0] + ELSE[1] * pictures(size, in_place)

    _check(size, pictures(size, in_place), memory, choice)


def pictures(size: tuple[int, int], in_place: bool) -> float:
    """Bytes of all arrays of the size of the result.

    Args:
        size: Its height and width.
        in_place: Whether steps of large pictures are `large.LargeSteps`.
    """
    count = IMAGES_IN_PLACE if in_place and _padded(size) > PACKED else IMAGES
    return count * _picture(size)


def _picture(size: tuple[int, int]) -> int:
    """Bytes of one of them."""
    return _padded(size) * 3 * FLOAT


def _padded(size: tuple[int, int]) -> int:
    """Pixels of a picture with its padding."""
    return math.prod(side + 2 * PADDING for side in size)


def announce(
    cost: StepCost, octaves: Sequence[Octave], choice: Choice = ANY_SIZE
) -> None:
    """Refuses a run that does not fit into memory, and announces a large one.

    Args:
        cost: From `step_cost`.
        octaves: In order; the last one is the largest.
        choice: How its size is chosen.

    Warns:
        Notice: Memory and time of a run of more than `octaves.LARGE` pixels a side.

    Raises:
        InputError: If there is less memory; it names the largest size that fits.
    """
    check_memory(cost, octaves, choice)
    size, need = octaves[-1].size, memory(cost, octaves)
    if max(size) > LARGE:
        left = duration(seconds(cost, octaves, peaks(cost.precision)))
        warnings.warn(f"{_takes(size, need)} and {left}.", Notice, stacklevel=2)


def check_memory(
    cost: StepCost, octaves: Sequence[Octave], choice: Choice = ANY_SIZE
) -> None:
    """Refuses a run that does not fit into memory; arguments are as of `announce`.

    Raises:
        InputError: If there is less memory; it names the largest size that fits.
    """
    size, need = octaves[-1].size, memory(cost, octaves)
    hint = ', or leave `tile="off"` out' if cost.tile == 0 else ""
    _check(size, need, lambda size: cost.memory(Octave(size, 1)), choice, hint)


def _takes(size, need) -> str:
    height, width = size
    return f"{width} x {height} pixels take about {need / GIGA:.1f} GB of memory"


def _check(size, need, memory, choice, hint="") -> None:
    """Refuses a size whose `need` exceeds the memory limit, and names one that fits.

    Args:
        size: Height and width.
        need: Bytes.
        memory: size -> bytes.
        choice: How the size is chosen.
        hint: Another remedy, for the message.
    """
    limit = room()
    if limit is None or need <= limit.free:
        return
    free = limit.free
    # Not a bisection: once there are tiles a larger picture may need less memory.
    sizes = (reduced(size, max(size) / side) for side in range(max(size), 0, -STEP))
    fitting = (each for each in sizes if choice.allows(each) and memory(each) <= free)
    found = next(fitting, None)
    instead = f"choose {choice.words(found)} or less{hint}" if found else limit.remedy
    raise InputError(
        f"{_takes(size, need)}, and {free / GIGA:.1f} GB are free{limit.where};"
        f" {instead}."
    )


STEP = 8  # pixels


def multiplier(precision: str, side: int = SIDE) -> Callable[[], object]:
    """Returns a function that multiplies matrices and waits for the product."""
    matrix = tf.cast(tf.random.stateless_uniform([side, side], SEED), precision)

    def multiply():
        for _ in range(PRODUCTS):
            product = tf.matmul(matrix, matrix)
        return product[0, 0].numpy()  # waits for an accelerator

    return multiply


def peaks(precision: str) -> dict[str, float]:
    """Measures FLOP/s of matrix products, in float32 and in `precision`."""
    speeds = {}
    for each in {"float32", precision}:
        multiply, best = multiplier(each), math.inf
        for _ in range(TRIES):
            begun = time.perf_counter()
            multiply()
            best = min(best, time.perf_counter() - begun)
        speeds[each] = PRODUCTS * 2 * SIDE**3 / best
    return speeds
