"""Figures: what a benchmark has measured, and what follows from it by arithmetic."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vectormix_tf.config.settings import MixSettings

# A step goes through the network and back, and the way back costs as much: of the two
# products that training takes there, a picture needs but the one for the input.
PASSES = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one loop at one size.

    Attributes:
        name: Of the recipe, or of another package's loop.
        size: Side of the square picture in pixels.
        precision: What the network computes in.
        flops: Of a look: all convolutions of the network, forward.
        margins: Share of them that goes into the border around the picture, in [0, 1].
        peak: What the machine can do in that precision, FLOP/s.
        rounds: Seconds per step in each round.
        steps: How many steps of this size a whole run amounts to.
        start: Seconds from the start of the process until the first step was done; None
            if that was not measured.
        memory: Peak of the whole process in bytes, likewise.
        foreseen_run: Seconds of a whole run, as estimated before it; None for another
            package's.
        foreseen_memory: Bytes, likewise.
    """

    name: str
    size: int
    precision: str
    flops: float
    margins: float
    peak: float
    rounds: tuple[float, ...]
    steps: float
    start: float | None = None
    memory: int | None = None
    foreseen_run: float | None = None
    foreseen_memory: float | None = None

    @property
    def step(self) -> float:
        """Seconds per step in the best round: whatever else runs here only adds."""
        return min(self.rounds)

    @property
    def bound(self) -> float:
        """Seconds that the convolutions of a step take at the machine's peak."""
        return PASSES * self.flops / self.peak

    @property
    def ratio(self) -> float:
        """How many times its bound a step takes."""
        return self.step / self.bound

    @property
    def run(self) -> float:
        """Seconds of a whole run by default; without the start if that is unknown."""
        if self.start is None:
            return self.steps * self.step
        return self.start + (self.steps - 1) * self.step  # the first is in the start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """All that a benchmark has measured.

    Attributes:
        machine: What it was measured on, by name.
        peaks: FLOP/s of a product of matrices, by precision.
        imported: Seconds from the start of a process until this package could be
            called; None if that was not measured.
        rows: Of this package.
        peers: Of other packages' loops.
    """

    machine: Mapping[str, Any]
    peaks: Mapping[str, float]
    imported: float | None
    rows: tuple[Row, ...]
    peers: tuple[Row, ...] = ()

    def usual(self, name: str, size: int) -> Row:
        """The row of a recipe as it is by default; else in what is fastest here."""
        rows = [row for row in self.rows if (row.name, row.size) == (name, size)]
        asked = [row for row in rows if row.precision == MixSettings.precision]
        return min(asked or rows, key=lambda row: row.step)

    def times(self, peer: Row) -> float:
        """How many whole mixes a peer's whole run takes at its size."""
        return peer.run / self.usual("mix", peer.size).run
