"""Octaves: the sizes of a run from coarse to fine, and the steps of each."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from vectormix_tf.config.backbones import BACKBONES
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


class OctaveSettings(Protocol):
    """The settings that octaves depend on; `settings.Settings` has them."""

    @property
    def backbone(self) -> str: ...  # noqa: D102
    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def octaves(self) -> int: ...  # noqa: D102
    @property
    def octave_scale(self) -> float: ...  # noqa: D102
    @property
    def octave_steps(self) -> float: ...  # noqa: D102
    @property
    def finish_steps(self) -> int: ...  # noqa: D102


def reduced_sides(
    sides: Sequence[Any],
    scale: Any,
    number: Any,
    round_: Callable[[Any], Any] = round,
) -> list[Any]:
    """Divides lengths by the scale of an octave; for numbers and for tensors.

    Args:
        sides: Lengths in pixels.
        scale: Factor from one octave's size to the next.
        number: How many octaves below the largest.
        round_: Rounds half to even: `round`, or `tf.round` for tensors.

    Returns:
        The lengths, rounded.
    """
    factor = scale**number
    return [round_(side / factor) for side in sides]


def octave_steps(
    steps: Any, share: Any, number: Any, round_: Callable[[Any], Any] = round
) -> Any:
    """Steps of an octave, before at least 1 is taken; for numbers and for tensors.

    Args:
        steps: Of the first octave.
        share: Factor on the steps from one octave to the next.
        number: Of the octave, from 0, coarse to fine.
        round_: As for `reduced_sides`.
    """
    return round_(steps * share**number)


def plan(
    size: tuple[int, int], settings: OctaveSettings, shortest: int
) -> list[Octave]:
    """Returns the octaves, coarse to fine; those too small get a notice.

    Up to `LARGE` pixels they are those of the settings. Beyond, each one is twice as
    large as the one before, and few steps finish it.

    Args:
        size: Of the result, (height, width).
        settings: With octaves, steps and the network.
        shortest: Shortest side of any picture at full size.
    """
    halvings = max(0, math.ceil(math.log2(max(size) / LARGE)))
    network = BACKBONES[settings.backbone]
    # Of a panorama fewer: the network must accept the short side of the first octave.
    halvings = min(halvings, max(0, math.floor(math.log2(shortest / network.minimum))))
    if not settings.finish_steps:
        halvings = 0
    sides = *reduced(size, 2**halvings), shortest / 2**halvings
    octaves: list[Octave] = []
    for number in reversed(range(settings.octaves)):
        height, width, least = reduced_sides(sides, settings.octave_scale, number)
        if number == 0 or least >= network.minimum:
            share = settings.octave_steps
            steps = max(1, octave_steps(settings.steps, share, len(octaves)))
            octaves.append(Octave((height, width), steps))
    if len(octaves) < settings.octaves:
        warnings.warn(
            f"{settings.octaves - len(octaves)} of {settings.octaves} octaves would be"
            f" under {network.minimum} pixels a side and are left out.",
            Notice,
            stacklevel=3,
        )
    steps = min(settings.finish_steps, settings.steps)
    return octaves + [
        Octave(reduced(size, 2**i), steps) for i in reversed(range(halvings))
    ]


def reduced(size: tuple[int, int], factor: float) -> tuple[int, int]:
    """Returns (height, width) divided by a factor."""
    height, width = reduced_sides(size, factor, 1)
    return height, width
