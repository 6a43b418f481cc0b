"""How figures are shown: as a table, as JSON, as a plot, as advice."""

import json

import pytest
from figures import report, row
from matplotlib.figure import Figure

from vectormix_tf.benchmark import report as reports
from vectormix_tf.io import progress as progress_bar

MIX = [
    row(
        size=256,
        rounds=(0.5, 0.75),
        start=4.0,
        memory=1_100_000_000,
        foreseen_run=9.0,
        foreseen_memory=1e9,
    ),
    row(size=1024, rounds=(8.0,)),
]
DREAM = [row("dream", size, rounds=(size / 512,), steps=20.0) for size in (256, 1024)]
PEER = row("VGG-19", 256, rounds=(4.0,), steps=500.0, margins=0.0)
REPORT = report(*MIX, *DREAM, peers=(PEER,))


def test_the_table_has_a_line_for_each_row_under_the_machine():
    lines = reports.table(REPORT).splitlines()
    assert lines[:4] == [
        "2 cores, linux x86_64, TensorFlow 2.0, Keras 3.0",
        "product of matrices, GFLOP/s: float32 6, bfloat16 24",
        "import: 3.0 s",
        "",
    ]
    head, *rows = [line.split() for line in lines[4:10]]
    assert head[:4] == ["loop", "px", "in", "GFLOP"]
    assert rows[0] == [
        *("mix", "256", "float32", "3.0", "25%"),
        *("1.000", "0.500", "0.5", "4.0", "8", "9", "1100", "1000"),
    ]
    assert rows[1][-5:] == ["-", "80", "-", "-", "-"]  # neither start nor memory
    assert [line[0] for line in rows] == ["mix", "mix", "dream", "dream", "VGG-19"]


def test_columns_of_numbers_end_below_each_other():
    lines = reports.table(REPORT).splitlines()[4:10]
    assert len({len(line) for line in lines}) == 1


def test_lines_fit_a_screen():
    assert max(map(len, reports.table(REPORT).splitlines())) <= 88


def test_a_peer_s_run_is_compared_with_a_whole_mix():
    assert (
        "VGG-19 256 px: 500 steps 33 minutes, a whole mix 8.5 seconds:"
        " 235.3 times as long." in reports.table(REPORT).splitlines()
    )


def test_without_peers_and_starts_the_table_is_shorter():
    text = reports.table(report(*DREAM))
    assert "mix" not in text and "times as long" not in text


def test_advice_is_a_line_for_each_size():
    small, large = reports.advice(REPORT)
    late = "after its start"
    assert small == (
        f"256 px: mix 1.1 GB, about 8.5 seconds; dream about 10 seconds {late}."
    )
    assert large == (
        f"1024 px: mix about 80 seconds {late}; dream about 40 seconds {late}."
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 seconds"),
        (9.94, "9.9 seconds"),
        (10, "10 seconds"),
        (119, "119 seconds"),
        (121, "2 minutes"),
        (3600, "60 minutes"),
    ],
)
def test_durations_are_told_as_one_would(seconds, text):
    assert progress_bar.duration(seconds) == text


def test_json_has_every_figure_with_its_unit():
    record = json.loads(reports.as_json(REPORT))
    assert record["import_seconds"] == 3.0
    assert record["peak_flops_per_second"] == {"float32": 6e9, "bfloat16": 24e9}
    assert [r["size"] for r in record["rows"]] == [256, 1024, 256, 1024]
    assert record["rows"][0] == {
        "loop": "mix",
        "size": 256,
        "precision": "float32",
        "forward_flops": 3e9,
        "margins": 0.25,
        "bound_seconds": 1.0,
        "step_seconds": 0.5,
        "step_seconds_of_rounds": [0.5, 0.75],
        "times_bound": 0.5,
        "full_steps": 10.0,
        "start_seconds": 4.0,
        "run_seconds": 8.5,
        "peak_bytes": 1_100_000_000,
        "foreseen_run_seconds": 9.0,
        "foreseen_peak_bytes": 1e9,
    }
    assert record["rows"][1]["peak_bytes"] is None
    assert record["peers"][0]["times_a_mix"] == pytest.approx(2000 / 8.5)
    assert record["advice"] == reports.advice(REPORT)


def test_the_plot_has_steps_over_pixels_and_a_line_of_slope_1(monkeypatch):
    seen = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: seen.append(figure))
    reports.draw(REPORT, ".png")
    axes = seen[0].axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert lines == {
        "mix float32": [[256**2, 0.5], [1024**2, 8.0]],
        "dream float32": [[256**2, 0.5], [1024**2, 2.0]],
        "VGG-19 float32": [[256**2, 4.0]],
        "as the pixels": [[256**2, 0.5], [1024**2, 8.0]],
    }


@pytest.mark.parametrize("ending", [".png", ".SVG", ".pdf"])
def test_the_same_figures_are_the_same_bytes(ending):
    assert reports.draw(REPORT, ending) == reports.draw(REPORT, ending)
