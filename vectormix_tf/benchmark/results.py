"""Results of a benchmark: measurements, and what follows from them by arithmetic."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from vectormix_tf.config.mix import MixSettings

# The backward pass costs as much as the forward pass. In training it costs twice as
# much, but here only the gradient by a layer's input is needed, not that by its kernel.
PASSES = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured of one optimization loop at one size.

    Attributes:
        name: Of the recipe.
        size: Side of the square picture in pixels.
        precision: In which the network computes.
        flops: FLOP of all convolutions in a forward pass.
        margin_share: Share of them, in [0, 1], that is spent on the reflected margin
            around the picture.
        peak: FLOP/s of matrix products in that precision.
        rounds: Seconds per step in each round.
        steps: Length of a whole run, in steps at its full size.
        startup: Seconds from the start of a new process to the end of its first step;
            None if not measured.
        memory: Peak memory of that process in bytes; None if not measured.
        estimated_run: Seconds of a whole run as `optim.estimates` predicts them; None
            for a loop that it does not know.
        estimated_memory: Bytes, likewise.
    """

    name: str
    size: int
    precision: str
    flops: float
    margin_share: float
    peak: float
    rounds: tuple[float, ...]
    steps: float
    startup: float | None = None
    memory: int | None = None
    estimated_run: float | None = None
    estimated_memory: float | None = None

    @property
    def step(self) -> float:
        """Seconds per step in the fastest round: other load can only add to it."""
        return min(self.rounds)

    @property
    def bound(self) -> float:
        """Least seconds of a step: its convolutions at the speed of matrix products."""
        return PASSES * self.flops / self.peak

    @property
    def ratio(self) -> float:
        """`step / bound`."""
        return self.step / self.bound

    @property
    def run(self) -> float:
        """Seconds of a whole run; without its startup if that was not measured."""
        if self.startup is None:
            return self.steps * self.step
        return self.startup + (self.steps - 1) * self.step  # it includes the first step


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """Everything that a benchmark measured.

    Attributes:
        machine: Platform, cores and versions, by name.
        peaks: FLOP/s of matrix products, by precision.
        import_seconds: From the start of a process until this package is imported; None
            if not measured.
        measurements: One for each workload.
    """

    machine: Mapping[str, Any]
    peaks: Mapping[str, float]
    import_seconds: float | None
    measurements: tuple[Measurement, ...]

    def by_default(self, name: str, size: int) -> Measurement:
        """The measurement of a recipe in its default precision.

        If that one was not measured, or is "auto", it is the precision with the fastest
        step.
        """
        every = [x for x in self.measurements if (x.name, x.size) == (name, size)]
        default = [x for x in every if x.precision == MixSettings.precision]
        return min(default or every, key=lambda x: x.step)
