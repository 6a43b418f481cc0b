"""How long an order will take: what fairness charges for, before the job has begun.

A step takes time in proportion to its pixels, and a little that does not depend on
them. Workers measure their pace, and tell it with each job that they end; orders are
predicted by the mean of what was told lately, and by what a machine of two cores needs
until then. A prediction that is wrong by a factor is wrong for all people alike, so it
changes nobody's turn.
"""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import plan
from vectormix_tf.errors import Notice
from vectormix_tf.studio import schema
from vectormix_tf.studio.database import insert, reads, writes

# Seconds of a step for each million pixels on a machine of two cores, and before the
# first step; see examples/SPEED.md.
PACES: Mapping[str, float] = {"mix": 0.9, "dream": 0.75}
STARTS: Mapping[str, float] = {"served": 2.0, "library": 9.0}
ALWAYS_PIXELS = 20_000  # that a step costs more at any size
MEGA = 1e6
WEIGHT = 0.2  # of the latest measurement in the mean
LEAST_WORK = 0.5  # million pixels times steps below which a measurement tells nothing


@dataclasses.dataclass(frozen=True)
class Cost:
    """What an order will take.

    Attributes:
        seconds: Of work, on the workers there are.
        steps: Of all octaves.
    """

    seconds: float
    steps: int


@reads
def predict(
    source: Connection,
    kind: str,
    settings: Mapping[str, Any],
    sides: tuple[int, int],
    engine: str = "served",
) -> Cost:
    """Predicts an order.

    Args:
        source: The database.
        kind: One of `schema.JOB_KINDS`.
        settings: Of the mix or dream, by name; those left out have their defaults.
        sides: (height, width) of the result in pixels.
        engine: One of `schema.ENGINES`.

    Raises:
        InputError: If a setting is none.
    """
    paces = schema.paces.c
    query = sa.select(paces.seconds).where(paces.kind == kind, paces.engine == engine)
    pace = source.scalar(query)
    seconds = work_of(kind, settings, sides) * (PACES[kind] if pace is None else pace)
    steps = sum(steps for _, steps in _octaves(kind, settings, sides))
    return Cost(STARTS[engine] + seconds, steps)


@writes
def measured(
    source: Connection, kind: str, engine: str, work: float, seconds: float
) -> None:
    """Tells how long some steps took.

    Args:
        source: The database.
        kind: One of `schema.JOB_KINDS`.
        engine: One of `schema.ENGINES`.
        work: The sum of `work_of` their octaves.
        seconds: That they took.
    """
    if work < LEAST_WORK or seconds <= 0:
        return
    paces = schema.paces.c
    row = insert(source, schema.paces)
    new = {"kind": kind, "engine": engine, "seconds": seconds / work}
    mean = (1 - WEIGHT) * paces.seconds + WEIGHT * row.excluded.seconds
    source.execute(
        row.values(new).on_conflict_do_update(
            index_elements=[paces.kind, paces.engine], set_={"seconds": mean}
        )
    )


def work_of(kind: str, settings: Mapping[str, Any], sides: tuple[int, int]) -> float:
    """Million pixels times steps of a whole job; arguments as of `predict`."""
    octaves = _octaves(kind, settings, sides)
    return sum(_work(height * width) * steps for (height, width), steps in octaves)


def _work(pixels: int) -> float:
    return (pixels + ALWAYS_PIXELS) / MEGA


def _octaves(
    kind: str, settings: Mapping[str, Any], sides: tuple[int, int]
) -> list[tuple[tuple[int, int], int]]:
    known: MixSettings | DreamSettings
    known = MixSettings(**settings) if kind == "mix" else DreamSettings(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # of octaves that are left out
        return [(each.size, each.steps) for each in plan(sides, known, min(sides))]
