"""Measuring steps: all workloads in alternating rounds, beside the machine's peak."""

import contextlib
import dataclasses
import functools
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.backbone.timing import Clock, time_alternately
from vectormix_tf.benchmark import flops
from vectormix_tf.benchmark.processes import Startup
from vectormix_tf.benchmark.results import BenchmarkResult, Measurement
from vectormix_tf.benchmark.runner import Runner
from vectormix_tf.benchmark.workloads import (
    PEAK_PRECISIONS,
    BenchmarkSettings,
    Workload,
    noise,
)
from vectormix_tf.config.octaves import Octave, plan
from vectormix_tf.errors import Notice
from vectormix_tf.io.fingerprint import version
from vectormix_tf.optim import estimates
from vectormix_tf.optim.canvas import pixels
from vectormix_tf.recipes import dream as dream_recipe
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.recipes.scene import read_scene

# Side of the matrices whose product measures the peak: large enough to keep all cores
# busy, small enough to take a moment.
MATRIX_SIDE = 2048
# Pixels a side of the problem that is built for an estimate. Larger pictures have the
# same cost per pixel.
ESTIMATE_SIZE = 512
PACKAGES = ("vectormix_tf", "tensorflow", "keras")

Functions = dict[Hashable, Callable[[], object]]


class MatrixProduct(NamedTuple):
    """A product of square matrices in one precision."""

    precision: str

    def __str__(self) -> str:
        return f"matrix product {self.precision}"


def measure(
    settings: BenchmarkSettings,
    startups: Mapping[Workload, Startup],
    announce: Callable[[str], None] = lambda text: None,
    clock: Clock = time.perf_counter,
) -> BenchmarkResult:
    """Measures all workloads in this process.

    Args:
        settings: What to measure.
        startups: From `processes.measure`; workloads may be missing.
        announce: Called with a line of text before each measurement.
        clock: Returns seconds.
    """
    with contextlib.ExitStack() as stack:
        functions = timed_functions(settings, stack)
        seconds = time_alternately(functions, settings.rounds, announce, clock)
    return summarize(settings, startups, seconds)


def timed_functions(
    settings: BenchmarkSettings, stack: contextlib.ExitStack
) -> Functions:
    """Returns what a round measures: each `MatrixProduct`, each `Workload`.

    Args:
        settings: What to measure.
        stack: Closes the runs of the workloads.
    """
    functions: Functions = {
        MatrixProduct(precision): estimates.multiplier(precision, MATRIX_SIDE)
        for precision in PEAK_PRECISIONS
    }
    for workload in settings.workloads():
        # A mix makes the targets of a transform when a step first takes it; these few
        # steps take one transform, so that they cost what most steps of a run do.
        one = {"jitter": 0, "flips": False} if workload.recipe == "mix" else {}
        run = functools.partial(
            workload.run,
            pause_every=settings.steps,
            steps=settings.steps * (settings.rounds + 1),
            octaves=1,  # every step is at the full size
            finish_steps=0,
            **one,
        )
        runner = Runner(run, settings.steps)
        stack.callback(runner.close)
        functions[workload] = runner.advance
    return functions


def summarize(
    settings: BenchmarkSettings,
    startups: Mapping[Workload, Startup],
    seconds: Mapping[Hashable, Sequence[float]],
) -> BenchmarkResult:
    """Returns the result of a benchmark.

    Args:
        settings: What was measured.
        startups: As for `measure`.
        seconds: From `time_alternately`, of each `MatrixProduct` and `Workload`; other
            keys are ignored.
    """
    work = estimates.PRODUCTS * 2 * MATRIX_SIDE**3
    peaks = {
        precision: work / min(seconds[MatrixProduct(precision)])
        for precision in PEAK_PRECISIONS
    }
    imports = [x.imported for x in startups.values() if x.imported is not None]
    return BenchmarkResult(
        machine=_machine(),
        peaks=peaks,
        import_seconds=min(imports, default=None),
        measurements=tuple(
            _measurement(
                workload,
                [each / settings.steps for each in seconds[workload]],
                peaks,
                startups.get(workload, Startup()),
            )
            for workload in settings.workloads()
        ),
    )


def _measurement(
    workload: Workload,
    rounds: Sequence[float],
    peaks: Mapping[str, float],
    startup: Startup,
) -> Measurement:
    cost, octaves = step_cost(workload), planned_octaves(workload)
    return Measurement(
        name=workload.recipe,
        size=workload.size,
        precision=workload.precision,
        flops=flops.forward_flops(workload, workload.size),
        margin_share=flops.margin_share(workload),
        peak=peaks[workload.precision],
        rounds=tuple(rounds),
        steps=full_size_steps(cost, octaves, peaks),
        startup=startup.first_step,
        memory=startup.memory,
        estimated_run=estimates.seconds(cost, octaves, peaks),
        estimated_memory=estimates.memory(cost, octaves),
    )


def step_cost(workload: Workload) -> estimates.StepCost:
    """Returns the cost of a step, from which time and memory are estimated."""
    settings, size = workload.settings(), min(workload.size, ESTIMATE_SIZE)
    if workload.recipe == "dream":
        problem = dream_recipe.build_problem(settings, pixels(), 1)
    else:
        pictures = noise(size), [noise(size)], None, []
        scene = read_scene(dataclasses.replace(settings, size=size), *pictures)
        problem = mix_recipe.build_problem(settings, scene, 1)
    return estimates.step_cost(problem, workload.precision)


def planned_octaves(workload: Workload) -> list[Octave]:
    """Returns the octaves of a whole run, coarse to fine.

    The notice about octaves that are too small is left out: nobody set their number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        size = workload.size, workload.size
        return plan(size, workload.settings(), workload.size)


def full_size_steps(
    cost: estimates.StepCost, octaves: Sequence[Octave], peaks: Mapping[str, float]
) -> float:
    """Returns how many steps at full size take as long as all steps of a run."""
    full = cost.seconds(octaves[-1], peaks)
    return sum(each.steps * cost.seconds(each, peaks) / full for each in octaves)


def _machine() -> dict[str, object]:
    return {
        "platform": f"{sys.platform} {platform.machine()}",
        "cores": cores(),
        "accelerators": len(tf.config.list_physical_devices("GPU")),
        "python": platform.python_version(),
    } | {name: version(name) for name in PACKAGES}


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
