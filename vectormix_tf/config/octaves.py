"""Plans: the octaves of a run, from coarse to fine."""

import math
import warnings
from typing import NamedTuple

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import Notice

# Long side in pixels up to which all steps are at full size: what a layer sees of a
# larger picture is too small a part of it to move large shapes.
LARGE = 1024


class Octave(NamedTuple):
    """One size of a run.

    Attributes:
        size: (height, width) in pixels.
        steps: How many.
    """

    size: tuple[int, int]
    steps: int


def plan(size: tuple[int, int], settings: Settings, shortest: int) -> list[Octave]:
    """Returns the octaves, coarse to fine; those too small get a notice.

    Up to `LARGE` pixels they are those of the settings. Beyond, each one is twice as
    large as the one before, and few steps finish it.

    Args:
        size: Of the result, (height, width).
        settings: With octaves, steps and the network.
        shortest: Shortest side of any picture at full size.
    """
    halvings = max(0, math.ceil(math.log2(max(size) / LARGE)))
    if not settings.finish_steps:
        halvings = 0
    sizes = _grown(
        reduced(size, 2**halvings),
        settings.octaves,
        settings.octave_scale,
        shortest / 2**halvings,
        BACKBONES[settings.backbone].minimum,
    )
    if len(sizes) < settings.octaves:
        warnings.warn(
            f"{settings.octaves - len(sizes)} of {settings.octaves} octaves would be"
            f" under {BACKBONES[settings.backbone].minimum} pixels a side and are left"
            " out.",
            Notice,
            stacklevel=3,
        )
    found = list(map(Octave, sizes, settings.all_steps))
    steps = min(settings.finish_steps, settings.steps)
    return found + [
        Octave(reduced(size, 2**i), steps) for i in reversed(range(halvings))
    ]


def reduced(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Returns (height, width) divided by a factor."""
    height, width = size
    return round(height / factor), round(width / factor)


def _grown(
    size: tuple[int, int], octaves: int, scale: float, shortest: float, minimum: int
) -> list[tuple[int, int]]:
    """The sizes up to `size`; those at which a picture is too small are left out."""
    return [
        reduced(size, scale**i)
        for i in reversed(range(octaves))
        if i == 0 or round(shortest / scale**i) >= minimum
    ]
