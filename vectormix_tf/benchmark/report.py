"""A benchmark's result as a table, as JSON, as a plot, and as a summary."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from vectormix_tf.benchmark.results import BenchmarkResult, Measurement
from vectormix_tf.io import plots
from vectormix_tf.io.progress import duration

GIGA = 1e9
MEGA = 1e6
UNKNOWN = "-"
SLOPE_STYLE = {"color": "0.6", "linestyle": "--", "linewidth": 1, "zorder": 0}


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        title: Its head.
        text: Returns its text for a measurement.
        left: Whether it is aligned to the left.
    """

    title: str
    text: Callable[[Measurement], str]
    left: bool = False


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _megabytes(memory: float | None) -> float | None:
    return None if memory is None else memory / MEGA


# A further column is a line here.
COLUMNS = (
    Column("loop", lambda x: x.name, left=True),
    Column("px", lambda x: str(x.size)),
    Column("in", lambda x: x.precision, left=True),
    Column("GFLOP", lambda x: f"{x.flops / GIGA:.1f}"),
    Column("margin", lambda x: f"{x.margin_share:.0%}"),
    Column("bound", lambda x: f"{x.bound:.3f}"),
    Column("step", lambda x: f"{x.step:.3f}"),
    Column("x", lambda x: f"{x.ratio:.1f}"),
    Column("start", lambda x: _number(x.startup, ".1f")),
    Column("run", lambda x: f"{x.run:.0f}"),
    Column("est.", lambda x: _number(x.estimated_run, ".0f")),
    Column("MB", lambda x: _number(_megabytes(x.memory), ".0f")),
    Column("est.", lambda x: _number(_megabytes(x.estimated_memory), ".0f")),
)

LEGEND = (
    "GFLOP: convolutions of one forward pass. margin: the share of them spent on the"
    "\nreflected margin around the picture.",
    "bound: forward and backward pass at the peak above. step: the fastest round."
    "\nx: step / bound.",
    "start: from the start of a process to the end of its first step. run: a whole run"
    "\nwith default settings. MB: peak memory of the process. est.: the estimate that"
    "\na run makes before it begins. All times are in seconds.",
)


def table(result: BenchmarkResult) -> str:
    """Returns the result as text, without a final newline."""
    lines = [*header(result), "", *grid(result.measurements), "", *LEGEND, ""]
    return "\n".join(lines + summary(result))


def header(result: BenchmarkResult) -> list[str]:
    """Returns the lines about the machine."""
    machine = result.machine
    peaks = [f"{name} {peak / GIGA:.0f}" for name, peak in result.peaks.items()]
    lines = [
        f"{machine['cores']} cores, {machine['platform']}, TensorFlow"
        f" {machine['tensorflow']}, Keras {machine['keras']}",
        f"matrix product, GFLOP/s: {', '.join(peaks)}",
    ]
    if result.import_seconds is not None:
        lines.append(f"import: {result.import_seconds:.1f} s")
    return lines


def grid(measurements: Iterable[Measurement]) -> list[str]:
    """Returns aligned lines: the titles of `COLUMNS`, then one per measurement."""
    cells = [[column.title for column in COLUMNS]]
    cells += [[column.text(each) for column in COLUMNS] for each in measurements]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if column.left else text.rjust(width)
            for text, width, column in zip(line, widths, COLUMNS, strict=True)
        ).rstrip()
        for line in cells
    ]


def summary(result: BenchmarkResult) -> list[str]:
    """Returns a line per size: memory and time of each recipe by default."""
    lines = []
    for size in sorted({x.size for x in result.measurements}):
        parts = []
        for name in dict.fromkeys(x.name for x in result.measurements):
            default = result.by_default(name, size)
            memory = default.memory
            room = "" if memory is None else f"{memory / GIGA:.1f} GB, "
            parts.append(f"{name} {room}about {run_duration(default)}")
        lines.append(f"{size} px: {'; '.join(parts)}.")
    return lines


def run_duration(measurement: Measurement) -> str:
    """Returns the duration of a whole run as text."""
    missing = " plus startup" if measurement.startup is None else ""
    return duration(measurement.run) + missing


def as_json(result: BenchmarkResult) -> str:
    """Returns the result as JSON, with units in the names; no final newline."""
    record = {
        "machine": dict(result.machine),
        "peak_flops_per_second": dict(result.peaks),
        "import_seconds": result.import_seconds,
        "measurements": [_record(each) for each in result.measurements],
        "summary": summary(result),
    }
    return json.dumps(record, indent=1, ensure_ascii=False)


def _record(measurement: Measurement) -> dict[str, Any]:
    return {
        "recipe": measurement.name,
        "size": measurement.size,
        "precision": measurement.precision,
        "forward_flops": measurement.flops,
        "margin_share": measurement.margin_share,
        "bound_seconds": measurement.bound,
        "step_seconds": measurement.step,
        "step_seconds_of_rounds": list(measurement.rounds),
        "step_over_bound": measurement.ratio,
        "full_size_steps": measurement.steps,
        "startup_seconds": measurement.startup,
        "run_seconds": measurement.run,
        "peak_bytes": measurement.memory,
        "estimated_run_seconds": measurement.estimated_run,
        "estimated_peak_bytes": measurement.estimated_memory,
    }


@plots.own_style()
def draw(result: BenchmarkResult, ending: str) -> bytes:
    """Plots the seconds per step over the pixels of a picture, both logarithmic.

    A gray line is proportional to the pixels. Where a curve is steeper, larger pictures
    cost more per pixel.

    Args:
        result: What to plot.
        ending: One of `plots.FORMATS`.

    Returns:
        The encoded file.
    """
    figure, axes = plots.blank("pixels of the picture", "seconds per step")
    sizes = sorted({x.size for x in result.measurements})
    axes.set_xscale("log")
    axes.set_yscale("log")
    curves = {}
    for each in result.measurements:
        curves.setdefault(f"{each.name} {each.precision}", []).append(each)
    for name, points in curves.items():
        points = sorted(points, key=lambda x: x.size)
        pixels = [x.size**2 for x in points]
        axes.plot(pixels, [x.step for x in points], marker="o", label=name)
    first = min(result.measurements, key=lambda x: (x.size, x.step))
    ends = [sizes[0] ** 2, sizes[-1] ** 2]
    slope = [first.step * pixels / ends[0] for pixels in ends]
    axes.plot(ends, slope, label="proportional to the pixels", **SLOPE_STYLE)
    axes.set_xticks([size**2 for size in sizes], [f"{x} x {x}" for x in sizes])
    axes.set_xticks([], minor=True)
    axes.legend()
    return plots.finished(figure, ending)
