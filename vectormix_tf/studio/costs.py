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
from vectormix_tf.config.octaves import LARGE, plan
from vectormix_tf.errors import Notice
from vectormix_tf.studio import schema
from vectormix_tf.studio.database import insert, reads, writes

# Seconds of a step for each million pixels on a machine of two cores, and before the
# first step; see examples/SPEED.md.
USUAL_PACES: Mapping[str, float] = {"mix": 0.9, "dream": 0.75}
STARTS: Mapping[str, float] = {"served": 2.0, "library": 9.0}
ALWAYS_PIXELS = 20_000  # that a step costs more at any size
MEGA = 1e6
WEIGHT = 0.2  # of the latest measurement in the mean
LEAST_WORK = 0.5  # million pixels times steps below which a measurement tells nothing

# Measured seconds of a step for each million pixels, by kind of job and engine.
Paces = Mapping[tuple[str, str], float]
_Octaves = list[tuple[tuple[int, int], int]]  # (height, width) and steps of each


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
def paces(source: Connection) -> Paces:
    """The paces that were measured; none of what no worker has done yet."""
    known = schema.paces.c
    rows = source.execute(sa.select(known.kind, known.engine, known.seconds))
    return {(kind, engine): seconds for kind, engine, seconds in rows}


def engine_for(size: int) -> str:
    """Which of `schema.ENGINES` makes a picture, by its long side in pixels."""
    return "served" if size <= LARGE else "library"


def predict(
    paces: Paces, kind: str, settings: Mapping[str, Any], sides: tuple[int, int]
) -> Cost:
    """Predicts an order.

    Args:
        paces: Of `paces`.
        kind: One of `schema.JOB_KINDS`.
        settings: Of the mix or dream, by name; those left out have their defaults.
        sides: (height, width) of the result in pixels.

    Raises:
        InputError: If a setting is none.
    """
    engine = engine_for(max(sides))
    octaves = _octaves(kind, settings, sides)
    seconds = _work(octaves) * paces.get((kind, engine), USUAL_PACES[kind])
    return Cost(STARTS[engine] + seconds, sum(steps for _, steps in octaves))


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
    known = schema.paces.c
    row = insert(source, schema.paces)
    new = {"kind": kind, "engine": engine, "seconds": seconds / work}
    mean = (1 - WEIGHT) * known.seconds + WEIGHT * row.excluded.seconds
    source.execute(
        row.values(new).on_conflict_do_update(
            index_elements=[known.kind, known.engine], set_={"seconds": mean}
        )
    )


def work_of(kind: str, settings: Mapping[str, Any], sides: tuple[int, int]) -> float:
    """Million pixels times steps of a whole job; arguments as of `predict`."""
    return _work(_octaves(kind, settings, sides))


def _work(octaves: _Octaves) -> float:
    return sum(
        (height * width + ALWAYS_PIXELS) / MEGA * steps
        for (height, width), steps in octaves
    )


def _octaves(
    kind: str, settings: Mapping[str, Any], sides: tuple[int, int]
) -> _Octaves:
    known: MixSettings | DreamSettings
    known = MixSettings(**settings) if kind == "mix" else DreamSettings(**settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)  # of octaves that are left out
        return [(each.size, each.steps) for each in plan(sides, known, min(sides))]
