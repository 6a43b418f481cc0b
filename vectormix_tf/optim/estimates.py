"""Estimates: what memory and time a run takes, known before it begins.

The numbers were fitted to what `vectormix benchmark` measures; its table has both.
"""

import contextlib
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from vectormix_tf.backbone import load as networks
from vectormix_tf.config.octaves import LARGE, Octave, reduced
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io.progress import duration
from vectormix_tf.objectives.base import EVERYWHERE, NOWHERE
from vectormix_tf.ops.border import MARGIN
from vectormix_tf.optim import tiling
from vectormix_tf.optim.observer import split_scale
from vectormix_tf.optim.problem import Problem

# --- What was fitted, for runs that compare with a target and for those that do not ---

BASE = {True: 1.04e9, False: 0.78e9}  # bytes of TensorFlow, a network and its graphs
START = {True: 12.0, False: 5.0}  # seconds until the first step
ALWAYS = {True: 18e9, False: 4e9}  # FLOP of a step, whatever the size
EACH = {True: 680, False: 380}  # FLOP of an activation, but for the convolutions
BYTES = {True: 4.0, False: 2.4}  # of an activation: gradients come when others go

# Images as large as the result, [H, W, 3]: pictures, canvas, gradient, the optimizer's
# state, and what is in between.
IMAGES = 17
FLOAT = 4  # bytes
ELSE = 2.5e9, 1.25  # bytes besides these images, and a factor on them, at most
FIRST_PASS = 0.5  # of parts: forward once more, of there and back

# FLOP/s of some machine, for how much longer one octave takes than another.
RELATIVE = {"float32": 1e11, "bfloat16": 2e11}

# Product of matrices by which the machine's speed is told.
SIDE, PRODUCTS, TRIES = 1024, 4, 3
SEED = (0, 0)

GIGA = 1e9
MEMORY = Path("/proc/meminfo")
AVAILABLE = "MemAvailable:"
KIB = 1024


class Look(NamedTuple):
    """What a step does with a picture.

    Attributes:
        numbers: Activations per pixel, all layers of the network.
        flops: Of the convolutions per pixel, forward.
        scales: Area of all images that are looked at, in units of the largest.
        kept: Numbers per pixel of targets that say where things are, of one view.
        views: How many such targets there are, if the picture is seen in one go.
        compares: Whether there are targets that differ from view to view.
        precision: What the network computes in.
        tile: Most pixels of a side that are seen in one go; 0 for all.
        overlap: Of tiles, in pixels.
        stride: The network's.
    """

    numbers: float
    flops: float
    scales: float
    kept: float
    views: int
    compares: bool
    precision: str
    tile: int
    overlap: int
    stride: int

    def memory(self, octave: Octave) -> float:
        """Peak of the process in bytes."""
        tiled, own = self._cut(octave)
        activations = BYTES[self.compares] * self.numbers * own
        kept = FLOAT * self.kept
        if tiled:
            kept /= 4
        else:
            activations, kept = self.scales * activations, self.views * kept
        every = activations + _framed(octave.size) * kept + pictures(octave.size)
        return BASE[self.compares] + every

    def seconds(self, octave: Octave, peaks: Mapping[str, float]) -> float:
        """Of a step, with FLOP/s of products of matrices by precision."""
        tiled, own = self._cut(octave)
        pixels = self.scales * own * (tiled or 1) * (1 + FIRST_PASS * bool(tiled))
        products = 2 * self.flops / peaks[self.precision]
        rest = EACH[self.compares] * self.numbers / peaks["float32"]
        always = ALWAYS[self.compares] / peaks["float32"]
        return always + pixels * (products + rest)

    def _cut(self, octave: Octave) -> tuple[int, int]:
        """(how many tiles, 0 for none; pixels of one)."""
        counts, lengths = [], []
        for side in octave.size:
            length = side + 2 * MARGIN
            tile = self.tile or length
            cut = tiling.cut(length, tile, self.overlap, self.stride)
            counts.append(len(cut))
            lengths.append(cut[0].stop - cut[0].start)
        count = math.prod(counts)
        return count if count > 1 else 0, math.prod(lengths)


def look(problem: Problem, precision: str) -> Look:
    """Returns what a problem does whose `observe` is a `observer.Observer`."""
    observer = problem.observe
    extractor = observer.extractor
    arranged = {
        split_scale(layer)[0]
        for term in problem.terms
        for layer in term.layers
        if term.moves == EVERYWHERE
    }
    infos = [extractor.info[layer] for layer in arranged]
    scales = {split_scale(layer)[1] for layer in problem.layers}
    numbers, flops = densities(extractor.model)
    return Look(
        numbers=numbers,
        flops=flops,
        scales=sum(1 / scale**2 for scale in scales),
        kept=sum(info.channels / max(1, info.stride) ** 2 for info in infos),
        views=len(problem.shifts),
        compares=any(term.moves != NOWHERE for term in problem.terms),
        precision=precision,
        tile=observer.tile,
        overlap=observer.overlap,
        stride=observer.stride,
    )


def densities(model: keras.Model) -> tuple[float, float]:
    """(activations, FLOP of convolutions) of a look, per pixel of the image."""
    numbers = flops = 0.0
    for layer, stride, *_ in networks.walk(model):
        if stride and not isinstance(layer, keras.layers.InputLayer):
            numbers += layer.output.shape[-1] / stride**2
            if isinstance(layer, keras.layers.Conv2D):
                flops += 2 * math.prod(layer.kernel.shape) / stride**2
    return numbers, flops


def memory(look: Look, octaves: Sequence[Octave]) -> float:
    """Peak of a run's process in bytes."""
    return max(look.memory(octave) for octave in octaves)


def seconds(look: Look, octaves: Sequence[Octave], peaks: Mapping[str, float]) -> float:
    """Of a whole run, its start included."""
    steps = (octave.steps * look.seconds(octave, peaks) for octave in octaves)
    return START[look.compares] + sum(steps)


def check_room(size: tuple[int, int]) -> None:
    """Refuses a (height, width) of which not even the pictures fit into memory.

    That is told before they are made; `announce` knows the rest.
    """
    _check(size, pictures(size), lambda size: ELSE[0] + ELSE[1] * pictures(size))


def pictures(size: tuple[int, int]) -> float:
    """Bytes of all that has the size of the result."""
    return _framed(size) * IMAGES * 3 * FLOAT


def _framed(size: tuple[int, int]) -> int:
    """Pixels of a picture and its frame."""
    return math.prod(side + 2 * MARGIN for side in size)


def announce(look: Look, octaves: Sequence[Octave]) -> None:
    """Says what a large run takes; refuses one that does not fit.

    Raises:
        InputError: If there is less memory; it names the largest size that fits.
    """
    size, need = octaves[-1].size, memory(look, octaves)
    hint = ', or leave `tile="off"` out' if look.tile == 0 else ""
    _check(size, need, lambda size: look.memory(Octave(size, 1)), hint)
    if max(size) > LARGE:
        left = duration(seconds(look, octaves, peaks(look.precision)))
        warnings.warn(f"{_takes(size, need)} and {left}.", Notice, stacklevel=2)


def _takes(size, need) -> str:
    height, width = size
    return f"{width} x {height} pixels take about {need / GIGA:.1f} GB of memory"


def _check(size, need, memory, hint="") -> None:
    """Refuses what does not fit, and says what does; `memory` is that of a size."""
    free = free_memory()
    if free is None or need <= free:
        return
    # Where tiles begin, a larger picture may need less than a smaller one.
    sides = range(max(size), 0, -STEP)
    side = next((n for n in sides if memory(reduced(size, max(size) / n)) <= free), 0)
    instead = f"choose `size={side}` or less{hint}" if side else "close other programs"
    raise InputError(
        f"{_takes(size, need)}, and {free / GIGA:.1f} GB are free; {instead}."
    )


STEP = 8  # pixels


def multiplier(precision: str, side: int = SIDE) -> Callable[[], object]:
    """Returns what multiplies matrices, and has done so when it returns."""
    matrix = tf.cast(tf.random.stateless_uniform([side, side], SEED), precision)

    def multiply():
        for _ in range(PRODUCTS):
            product = tf.matmul(matrix, matrix)
        return product[0, 0].numpy()  # waits for an accelerator

    return multiply


def peaks(precision: str) -> dict[str, float]:
    """FLOP/s of a product of matrices, in float32 and in a precision."""
    found = {}
    for each in {"float32", precision}:
        multiply, best = multiplier(each), math.inf
        for _ in range(TRIES):
            begun = time.perf_counter()
            multiply()
            best = min(best, time.perf_counter() - begun)
        found[each] = PRODUCTS * 2 * SIDE**3 / best
    return found


def free_memory() -> int | None:
    """Bytes that this process could have, what it has included; None if unknown."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        told = MEMORY.read_text().splitlines()
        (line,) = [each for each in told if each.startswith(AVAILABLE)]
        own = Path("/proc/self/statm").read_text().split()[1]
        return int(line.split()[1]) * KIB + int(own) * os.sysconf("SC_PAGE_SIZE")
    return None
