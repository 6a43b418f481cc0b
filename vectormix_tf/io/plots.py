"""Plots with matplotlib: the losses of a run, and what other plots share."""

import contextlib
import importlib.util
import io
import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError
from vectormix_tf.io.labels import drawn_by

FORMATS = (".png", ".svg", ".pdf")

INCHES = (8, 4.5)
DOTS_PER_INCH = 120
BORDER_STYLE = {"color": "0.8", "linewidth": 1, "zorder": 0}

# Removes dates, versions and random ids, so that equal plots are equal files.
_METADATA = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_HASHSALT = "vectormix_tf"


def check_plot(path: str) -> None:
    """Checks, before any work, that a plot can be written to `path`.

    Raises:
        InputError: If its ending is not in `FORMATS`, or matplotlib is not installed.
    """
    ending = os.path.splitext(path)[1]
    if ending.lower() not in FORMATS:
        names = ", ".join(f"`{name}`" for name in FORMATS)
        raise InputError(
            f"plot `{path}` must end with one of {names}; received `{ending}`."
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("`plot` needs matplotlib: pip install 'vectormix_tf[plot]'")


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draws as matplotlib does by itself; also a decorator.

    The caller's program, or a `matplotlibrc` in the working folder, may have set other
    colors, fonts and resolutions, or TeX for all texts.
    """
    import matplotlib
    import matplotlib.style

    with matplotlib.style.context("default"):
        yield


@own_style()
def encode(result: Any, ending: str) -> bytes:
    """Plots the loss of each term over the steps of a run.

    The loss axis is logarithmic if all losses are positive. Gray lines separate
    octaves. Equal results give equal bytes.

    Args:
        result: A `Result`.
        ending: One of `FORMATS`.

    Returns:
        The content of the file.
    """
    figure, axes = blank("step", "loss")
    count = 0
    for name, losses in result.losses.items():
        count = len(losses)
        marker = "o" if count == 1 else None  # one point makes no line
        axes.plot(np.arange(1, count + 1), losses, marker=marker, label=legible(name))
    if all(np.all(losses > 0) for losses in result.losses.values()):
        axes.set_yscale("log")
    for last in itertools.accumulate(result.steps):
        if last < count:
            axes.axvline(last + 0.5, **BORDER_STYLE)
    for text in axes.legend().get_texts():
        text.set_parse_math(False)  # `$` in a name is no formula
    return finished(figure, ending)


def legible(name: str) -> str:
    """Returns a name as matplotlib's own font draws it; see `labels`."""
    import matplotlib

    font = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    text = drawn_by(font, name)
    # matplotlib leaves a name that begins so out of a legend.
    return f" {text}" if text.startswith("_") else text


def blank(x: str, y: str) -> tuple[Any, Any]:
    """Returns an empty figure and its axes.

    Args:
        x: Label of the horizontal axis.
        y: Label of the vertical axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(INCHES, DOTS_PER_INCH, layout="constrained")
    return figure, figure.add_subplot(xlabel=x, ylabel=y)


def finished(figure: Any, ending: str) -> bytes:
    """Returns the content of a figure's file; equal figures give equal bytes.

    Args:
        figure: From `blank`.
        ending: One of `FORMATS`.
    """
    import matplotlib

    file = io.BytesIO()
    ending = ending.lower()
    with matplotlib.rc_context({"svg.hashsalt": _HASHSALT}):
        figure.savefig(file, format=ending[1:], metadata=_METADATA[ending])
    return file.getvalue()
