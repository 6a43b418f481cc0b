"""`vectormix benchmark`: measures how fast this machine computes mixes and dreams."""

import os

from absl import flags

from vectormix_tf.benchmark import processes
from vectormix_tf.benchmark.report import as_json, draw, table
from vectormix_tf.benchmark.results import BenchmarkResult
from vectormix_tf.benchmark.workloads import (
    PRECISIONS,
    ROUNDS,
    SIZES,
    STEPS,
    BenchmarkSettings,
    parse_sizes,
    split,
)
from vectormix_tf.cli.command import Command
from vectormix_tf.cli.job import check_backend, load_tensorflow
from vectormix_tf.cli.messages import exit_code, print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.io import output, plots
from vectormix_tf.io.progress import print_line


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `benchmark`."""
    several, boolean = flags.DEFINE_multi_string, flags.DEFINE_boolean
    integer = flags.DEFINE_integer
    several(
        "sizes",
        [",".join(map(str, SIZES))],
        "sides of the square pictures in pixels, with commas between them",
        flag_values=values,
    )
    several(
        "precisions",
        [",".join(PRECISIONS)],
        f"precisions in which the network computes: {', '.join(PRECISIONS)}",
        flag_values=values,
    )
    integer(
        "rounds",
        ROUNDS,
        "rounds of measurements; each measures all recipes, sizes and precisions",
        flag_values=values,
    )
    integer("steps", STEPS, "steps of each of them in a round", flag_values=values)
    boolean(
        "startup",
        True,
        "also measure startup time and peak memory, each in a new process",
        flag_values=values,
    )
    boolean("json", False, "print JSON instead of a table", flag_values=values)
    define_path(
        "plot",
        None,
        f"also plot the time of a step over the pixels: {' '.join(plots.FORMATS)}",
        flag_values=values,
    )
    boolean("overwrite", False, "replace files that exist", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Measures, prints and plots; returns the exit code."""
    settings = BenchmarkSettings(
        sizes=parse_sizes(values.sizes),
        precisions=tuple(dict.fromkeys(split(values.precisions))),
        rounds=values.rounds,
        steps=values.steps,
        startup=values.startup,
    )
    if values.plot is not None:
        plots.check_plot(values.plot)
        output.check_path(values.plot, (), values.overwrite, what="plot")
    check_backend()
    try:
        result = _measure(settings)
    except KeyboardInterrupt:
        return exit_code(False, "an incomplete benchmark is not shown")
    try:
        print_result(as_json(result) if values.json else table(result))
    finally:
        if values.plot is not None:
            plot = draw(result, os.path.splitext(values.plot)[1])
            output.write_bytes(values.plot, plot, values.overwrite)
    return 0


def _measure(settings: BenchmarkSettings) -> BenchmarkResult:
    """Measures in new processes first, then in this one."""
    startups = {}
    # TensorFlow in this process would leave less memory to the others.
    for workload in settings.workloads() if settings.startup else ():
        print_line(f"startup and memory: {workload}")
        startups[workload] = processes.measure(workload, print_line)
    load_tensorflow()
    from vectormix_tf.benchmark.measure import measure

    return measure(settings, startups, print_line)


COMMAND = Command(
    "machine",
    "vectormix benchmark [flags]",
    "Measure the speed of this machine, and time and memory of steps, startups and"
    "\nwhole runs at several sizes.",
    _define,
    _run,
)
