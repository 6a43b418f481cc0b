"""`vectormix compare`: compares mixes of a photograph and a painting by numbers."""

import json
from collections.abc import Sequence

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_setting
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import DEFAULT_SIZE, MAX_PIXELS
from vectormix_tf.errors import InputError
from vectormix_tf.evaluation.comparison import COLUMNS, Row, compare_each, read_inputs
from vectormix_tf.io.names import printable, readable

USAGE = "vectormix compare --content=PHOTO --style=PAINTING MIX ... [flags]"
# How values are written, by the name of a column without its digits; all others are
# signed, with two decimals.
FORMATS = {
    **{"R": "{:.2f}", "nn": "{:.2f}", "blotch": "{:.2f}", "chroma": "{:.2f}"},
    **{"grid": "{:.1f}", "style": "{:.3f}", "content": "{:.3f}"},
}


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `compare`."""
    define_path("content", None, "the photograph", flag_values=values)
    define_path("style", None, "the painting", flag_values=values)
    flags.DEFINE_integer(
        "size",
        DEFAULT_SIZE,
        "long side in pixels at which all pictures are measured",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "json", False, "print a line of JSON for each picture", flag_values=values
    )
    define_setting(MixSettings, "max_pixels", values, MAX_PIXELS)


def _run(values: flags.FlagValues, paths: Sequence[str]) -> int:
    """Prints a line for each picture; returns the exit code."""
    content, style = (required_flag(values, name) for name in ("content", "style"))
    if not paths:
        raise InputError(f"which pictures? {USAGE.removesuffix(' [flags]')}")
    inputs = read_inputs(content, style, paths, values.size, values.max_pixels)
    load_tensorflow()
    rows = zip(paths, compare_each(inputs), strict=True)
    if values.json:
        for path, row in rows:
            record = {"picture": readable(path)} | row
            print_result(json.dumps(record, ensure_ascii=False, allow_nan=False))
    else:
        print_result(_table([[printable(path), *_cells(row)] for path, row in rows]))
    return 0


def _cells(row: Row) -> list[str]:
    """Returns the values of a row as the table shows them."""
    cells = []
    for name, value in row.items():
        form = FORMATS.get(name.rstrip("0123456789"), "{:+.2f}")
        text = ("yes" if value else "no") if name == "gate" else form.format(value)
        cells.append(text)
    return cells


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows below the names of their columns, the first one to the left."""
    lines = [["picture", *COLUMNS], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        " ".join([f"{first:{widths[0]}}", *map(str.rjust, others, widths[1:])])
        for first, *others in lines
    )


def _legend() -> str:
    """Returns a line for each column, as help shows it."""
    return "\n".join(f"  {name:8}{text}" for name, text in COLUMNS.items())


COMMAND = Command(
    "judgment",
    USAGE,
    "Compare mixes by numbers, one line each.",
    _define,
    _run,
    pictures=True,
    more=f"columns:\n{_legend()}",
)
