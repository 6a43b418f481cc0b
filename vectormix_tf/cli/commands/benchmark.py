"""`vectormix benchmark`."""

import os

from absl import flags

from vectormix_tf.benchmark import processes
from vectormix_tf.benchmark import report as reports
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
from vectormix_tf.cli.job import INTERRUPTED, check_backend, load, say
from vectormix_tf.io import output, plots
from vectormix_tf.io.progress import print_line


def _define(values: flags.FlagValues) -> None:
    """The flags of `benchmark`."""
    several, boolean = flags.DEFINE_multi_string, flags.DEFINE_boolean
    integer, string = flags.DEFINE_integer, flags.DEFINE_string
    several(
        "sizes",
        [",".join(map(str, SIZES))],
        "sides of the square pictures in pixels, with commas between them",
        flag_values=values,
    )
    several(
        "precisions",
        [",".join(PRECISIONS)],
        f"what the network computes in: {', '.join(PRECISIONS)}",
        flag_values=values,
    )
    integer("rounds", ROUNDS, "how often everything has its turn", flag_values=values)
    integer("steps", STEPS, "steps in a turn", flag_values=values)
    boolean(
        "peers",
        True,
        "also measure the loop of TensorFlow's tutorial (VGG-19), and the same in"
        " PyTorch where that is installed; they take minutes",
        flag_values=values,
    )
    boolean(
        "children",
        True,
        "also measure start and memory, each in a process of its own",
        flag_values=values,
    )
    boolean("json", False, "print JSON instead of a table", flag_values=values)
    string(
        "plot",
        None,
        f"also draw the time of a step over the pixels: {' '.join(plots.FORMATS)}",
        flag_values=values,
    )
    boolean("overwrite", False, "replace files that exist", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    """Measures, prints and draws; returns the exit code."""
    settings = BenchmarkSettings(
        sizes=parse_sizes(values.sizes),
        precisions=tuple(dict.fromkeys(split(values.precisions))),
        rounds=values.rounds,
        steps=values.steps,
        peers=values.peers,
        children=values.children,
    )
    if values.plot is not None:
        plots.check_plot(values.plot)
        output.check_path(values.plot, (), values.overwrite, what="plot")
    check_backend()
    try:
        report = _measure(settings)
    except KeyboardInterrupt:
        say("interrupted; what was measured so far is of no use and is not shown")
        return INTERRUPTED
    print(reports.as_json(report) if values.json else reports.table(report))
    if values.plot is not None:
        drawn = reports.draw(report, os.path.splitext(values.plot)[1])
        output.write_bytes(values.plot, drawn, values.overwrite)
    return 0


def _measure(settings: BenchmarkSettings):
    starts = {}
    # They come first: this process is small as long as it has not loaded TensorFlow.
    for subject in settings.subjects() if settings.children else ():
        print_line(f"start and memory: {subject}")
        starts[subject] = processes.measure(subject, print_line)
    load()
    from vectormix_tf.benchmark import measure as measuring

    return measuring.measure(settings, starts, print_line)


COMMAND = Command(
    "machine",
    "vectormix benchmark [flags]",
    "Tell how fast it is here: what this machine can do, what a step, a start and a"
    "\nwhole run take at several sizes, and how other packages do.",
    _define,
    _run,
)
