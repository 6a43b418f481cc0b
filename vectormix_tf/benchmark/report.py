"""Reporting: a benchmark as a table, as JSON, as a plot, and as advice."""

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from vectormix_tf.benchmark.figures import Report, Row
from vectormix_tf.io import plots
from vectormix_tf.io.progress import duration

GIGA = 1e9
MEGA = 1e6
UNKNOWN = "-"
GUIDE_STYLE = {"color": "0.6", "linestyle": "--", "linewidth": 1, "zorder": 0}


class Column(NamedTuple):
    """A column of the table.

    Attributes:
        title: Its head.
        text: What it says of a row.
        left: Whether it is aligned to the left.
    """

    title: str
    text: Callable[[Row], str]
    left: bool = False


def _number(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


# A column more is a line here.
COLUMNS = (
    Column("loop", lambda row: row.name, left=True),
    Column("px", lambda row: str(row.size)),
    Column("in", lambda row: row.precision, left=True),
    Column("GFLOP", lambda row: f"{row.flops / GIGA:.1f}"),
    Column("margins", lambda row: f"{row.margins:.0%}"),
    Column("bound", lambda row: f"{row.bound:.3f}"),
    Column("step", lambda row: f"{row.step:.3f}"),
    Column("x", lambda row: f"{row.ratio:.1f}"),
    Column("start", lambda row: _number(row.start, ".1f")),
    Column("run", lambda row: f"{row.run:.0f}"),
    Column("est.", lambda row: _number(row.foreseen_run, ".0f")),
    Column("MB", lambda row: _number(megabytes(row.memory), ".0f")),
    Column("est.", lambda row: _number(megabytes(row.foreseen_memory), ".0f")),
)

LEGEND = (
    "GFLOP: convolutions of one look at the picture, and the share of its margins.",
    "bound: those of a step, there and back, at the peak above. step: the best round;"
    "\nx: how many times the bound.",
    "start: from the start of a process to its first step. run: a whole one by"
    " default.",
    "MB: the process at its peak. est.: what is told before a run begins. All times are"
    "\nseconds.",
)


def megabytes(memory: float | None) -> float | None:
    """Bytes in millions."""
    return None if memory is None else memory / MEGA


def table(report: Report) -> str:
    """Returns all that was measured, for people; lines without an end."""
    machine = report.machine
    peaks = [f"{name} {peak / GIGA:.0f}" for name, peak in report.peaks.items()]
    lines = [
        f"{machine['cores']} cores, {machine['platform']}, TensorFlow"
        f" {machine['tensorflow']}, Keras {machine['keras']}",
        f"product of matrices, GFLOP/s: {', '.join(peaks)}",
    ]
    if report.imported is not None:
        lines.append(f"import: {report.imported:.1f} s")
    lines += ["", *_grid([*report.rows, *report.peers]), "", *LEGEND, ""]
    lines += [_comparison(report, peer) for peer in report.peers]
    lines += [""] * bool(report.peers) + advice(report)
    return "\n".join(lines)


def _grid(rows: Iterable[Row]) -> list[str]:
    cells = [[column.title for column in COLUMNS]]
    cells += [[column.text(row) for column in COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if column.left else text.rjust(width)
            for text, width, column in zip(line, widths, COLUMNS, strict=True)
        ).rstrip()
        for line in cells
    ]


def _comparison(report: Report, peer: Row) -> str:
    mix = report.usual("mix", peer.size)
    return (
        f"{peer.name} {peer.size} px: {peer.steps:.0f} steps {duration(peer.run)},"
        f" a whole mix {_needs(mix)}: {report.times(peer):.1f} times as long."
    )


def advice(report: Report) -> list[str]:
    """Returns what each size asks for, one line each."""
    lines = []
    for size in sorted({row.size for row in report.rows}):
        parts = []
        for name in dict.fromkeys(row.name for row in report.rows):
            row = report.usual(name, size)
            memory = "" if row.memory is None else f"{row.memory / GIGA:.1f} GB, "
            parts.append(f"{name} {memory}about {_needs(row)}")
        lines.append(f"{size} px: {'; '.join(parts)}.")
    return lines


def _needs(row: Row) -> str:
    return duration(row.run) + " after its start" * (row.start is None)


def as_json(report: Report) -> str:
    """Returns all that was measured, for programs; without an end of line."""
    record = {
        "machine": dict(report.machine),
        "peak_flops_per_second": dict(report.peaks),
        "import_seconds": report.imported,
        "rows": [_record(row) for row in report.rows],
        "peers": [
            _record(peer) | {"times_a_mix": report.times(peer)} for peer in report.peers
        ],
        "advice": advice(report),
    }
    return json.dumps(record, indent=1, ensure_ascii=False)


def _record(row: Row) -> dict[str, Any]:
    """A row with its units in its names, and with what follows from it."""
    return {
        "loop": row.name,
        "size": row.size,
        "precision": row.precision,
        "forward_flops": row.flops,
        "margins": row.margins,
        "bound_seconds": row.bound,
        "step_seconds": row.step,
        "step_seconds_of_rounds": list(row.rounds),
        "times_bound": row.ratio,
        "full_steps": row.steps,
        "start_seconds": row.start,
        "run_seconds": row.run,
        "peak_bytes": row.memory,
        "foreseen_run_seconds": row.foreseen_run,
        "foreseen_peak_bytes": row.foreseen_memory,
    }


def draw(report: Report, ending: str) -> bytes:
    """Draws the seconds of a step over the pixels of a picture, both logarithmic.

    A gray line shows what grows as the pixels do: where a loop is above it, larger
    pictures cost more for each pixel.

    Args:
        report: What was measured.
        ending: One of `plots.FORMATS`.

    Returns:
        The whole file.
    """
    figure, axes = plots.blank("pixels of the picture", "seconds per step")
    sizes = sorted({row.size for row in report.rows})
    axes.set_xscale("log")
    axes.set_yscale("log")
    lines = {}
    for row in (*report.rows, *report.peers):
        lines.setdefault(f"{row.name} {row.precision}", []).append(row)
    for name, rows in lines.items():
        rows = sorted(rows, key=lambda row: row.size)
        pixels = [row.size**2 for row in rows]
        axes.plot(pixels, [row.step for row in rows], marker="o", label=name)
    first = min(report.rows, key=lambda row: (row.size, row.step))
    ends = [sizes[0] ** 2, sizes[-1] ** 2]
    slope = [first.step * pixels / ends[0] for pixels in ends]
    axes.plot(ends, slope, label="as the pixels", **GUIDE_STYLE)
    axes.set_xticks([size**2 for size in sizes], [f"{x} x {x}" for x in sizes])
    axes.set_xticks([], minor=True)
    axes.legend()
    return plots.finished(figure, ending)
