"""Plots: the lines that they draw, and bytes that never change."""

import io
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from mistakes import refusal
from PIL import Image

from vectormix_tf.io import plots
from vectormix_tf.io.results import Result

FALLING = {"content": np.array([4.0, 2, 1, 3, 2]), "style": np.array([8.0, 4, 2, 2, 1])}


def result(losses=FALLING, steps=(3, 3)):
    return Result(
        x=np.zeros([1, 80, 80, 3], np.float32),
        losses=losses,
        seconds=1.0,
        finished=True,
        steps=steps,
    )


@pytest.fixture
def axes(monkeypatch):
    """Call it with a result: the axes that are drawn for it."""

    def draw(made):
        seen = []

        def savefig(figure, *_, **__):
            seen.append(figure)

        with monkeypatch.context() as patch:
            patch.setattr(Figure, "savefig", savefig)
            plots.encode(made, ".png")
        return seen[0].axes[0]

    return draw


def test_each_term_is_a_line_over_the_steps(axes):
    drawn = axes(result())
    lines = {line.get_label(): line for line in drawn.get_lines()}
    for name, losses in FALLING.items():
        np.testing.assert_array_equal(lines[name].get_xdata(), [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(lines[name].get_ydata(), losses)
    assert (drawn.get_xlabel(), drawn.get_ylabel()) == ("step", "loss")
    assert [text.get_text() for text in drawn.get_legend().get_texts()] == [*FALLING]


def test_the_borders_of_octaves_are_marked(axes):
    def borders(made):
        lines = axes(made).get_lines()
        return [line.get_xdata()[0] for line in lines if line.get_label()[0] == "_"]

    assert borders(result()) == [3.5]
    assert borders(result(steps=(2, 2, 2))) == [2.5, 4.5]
    assert borders(result(steps=(5,))) == []
    assert borders(result(steps=(2, 1, 1, 1))) == [2.5, 3.5, 4.5]


def test_the_scale_is_logarithmic_only_where_all_losses_are_above_zero(axes):
    assert axes(result()).get_yscale() == "log"
    for other in (0.0, -1.0):
        losses = {**FALLING, "amplify": np.array([1.0, 1, 1, 1, other])}
        assert axes(result(losses)).get_yscale() == "linear"


def test_a_single_step_is_a_point(axes):
    one = {"amplify": np.array([-2.0])}
    (line,) = axes(result(one, (1,))).get_lines()
    assert line.get_marker() == "o"
    assert axes(result()).get_lines()[0].get_marker() == "None"


@pytest.mark.parametrize(
    "name, written",
    [
        ("потеря", "потеря"),
        ("損失", r"\u640d\u5931"),
        ("a\nb\0\udcff", r"a\nb\x00\xff"),
        ("_mine", " _mine"),
        ("$x$ and $", "$x$ and $"),
        ("100 %", "100 %"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("ending", plots.FORMATS)
def test_a_term_may_have_any_name(name, written, ending, axes):
    """matplotlib would hide `_mine`, set `$x$` as a formula, and draw boxes."""
    made = result({name: FALLING["content"]})
    (text,) = axes(made).get_legend().get_texts()
    assert text.get_text() == written and not text.get_parse_math()
    assert plots.encode(made, ending)


@pytest.mark.parametrize("ending", [*plots.FORMATS, ".PNG"])
def test_the_same_losses_give_the_same_bytes_of_that_format(ending):
    one, other = (plots.encode(result(), ending) for _ in range(2))
    assert one == other
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[ending.lower()]
    assert one.startswith(start)
    changed = {name: losses * 2 for name, losses in FALLING.items()}
    assert plots.encode(result(changed), ending) != one


def test_a_png_is_as_large_as_it_says():
    with Image.open(io.BytesIO(plots.encode(result(), ".png"))) as image:
        assert image.size == (960, 540)


def test_matplotlib_is_left_as_it_was():
    before, loaded = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    plots.encode(result(), ".svg")
    assert dict(matplotlib.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded


@pytest.mark.parametrize("path", ["a.jpg", "a", "svg"])
def test_an_unknown_ending_is_one_line(path):
    text = refusal(plots.check_plot, path)
    assert path in text and "`.png`, `.svg`, `.pdf`" in text
    plots.check_plot("a.SVG")


def test_without_matplotlib_there_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = refusal(plots.check_plot, "a.png")
    assert text == "`plot` needs matplotlib: pip install 'vectormix_tf[plot]'"


@pytest.mark.parametrize(
    "name, value",
    [
        ("axes.facecolor", "black"),
        ("savefig.dpi", 40),
        ("font.family", ["monospace"]),
        ("lines.linewidth", 9),
        ("text.usetex", True),
    ],
)
def test_styles_of_the_caller_change_no_plot(name, value):
    before = plots.encode(result(), ".png")
    with matplotlib.rc_context({name: value}):
        assert plots.encode(result(), ".png") == before
        assert matplotlib.rcParams[name] == value
