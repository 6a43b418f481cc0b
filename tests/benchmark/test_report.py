"""A result as a table, as JSON, as a plot, as a summary."""

import json

import pytest
from benchmark_results import measurement, result
from matplotlib.figure import Figure

from vectormix_tf.benchmark import report as reports
from vectormix_tf.io import progress as progress_bar

MIX = [
    measurement(
        size=256,
        rounds=(0.5, 0.75),
        startup=4.0,
        memory=1_100_000_000,
        estimated_run=9.0,
        estimated_memory=1e9,
    ),
    measurement(size=1024, rounds=(8.0,)),
]
DREAM = [
    measurement("dream", size, rounds=(size / 512,), steps=20.0) for size in (256, 1024)
]
RESULT = result(*MIX, *DREAM)


def test_the_table_has_a_line_for_each_measurement_under_the_machine():
    lines = reports.table(RESULT).splitlines()
    assert lines[:4] == [
        "2 cores, linux x86_64, TensorFlow 2.0, Keras 3.0",
        "matrix product, GFLOP/s: float32 6, bfloat16 24",
        "import: 3.0 s",
        "",
    ]
    head, *rows = [line.split() for line in lines[4:9]]
    assert head[:4] == ["loop", "px", "in", "GFLOP"]
    assert rows[0] == [
        *("mix", "256", "float32", "3.0", "25%"),
        *("1.000", "0.500", "0.5", "4.0", "8", "9", "1100", "1000"),
    ]
    assert rows[1][-5:] == ["-", "80", "-", "-", "-"]  # neither startup nor memory
    assert [line[0] for line in rows] == ["mix", "mix", "dream", "dream"]


def test_columns_of_numbers_end_below_each_other():
    lines = reports.table(RESULT).splitlines()[4:9]
    assert len({len(line) for line in lines}) == 1


def test_lines_fit_a_screen():
    assert max(map(len, reports.table(RESULT).splitlines())) <= 88


def test_the_table_ends_with_the_summary():
    text = reports.table(result(*DREAM))
    assert "mix" not in text
    assert text.splitlines()[-2:] == reports.summary(result(*DREAM))


def test_the_summary_is_a_line_for_each_size():
    small, large = reports.summary(RESULT)
    late = "plus startup"
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
def test_durations_are_in_seconds_or_minutes(seconds, text):
    assert progress_bar.duration(seconds) == text


def test_json_has_every_value_with_its_unit():
    record = json.loads(reports.as_json(RESULT))
    assert record["import_seconds"] == 3.0
    assert record["peak_flops_per_second"] == {"float32": 6e9, "bfloat16": 24e9}
    assert [r["size"] for r in record["measurements"]] == [256, 1024, 256, 1024]
    assert record["measurements"][0] == {
        "recipe": "mix",
        "size": 256,
        "precision": "float32",
        "forward_flops": 3e9,
        "margin_share": 0.25,
        "bound_seconds": 1.0,
        "step_seconds": 0.5,
        "step_seconds_of_rounds": [0.5, 0.75],
        "step_over_bound": 0.5,
        "full_size_steps": 10.0,
        "startup_seconds": 4.0,
        "run_seconds": 8.5,
        "peak_bytes": 1_100_000_000,
        "estimated_run_seconds": 9.0,
        "estimated_peak_bytes": 1e9,
    }
    assert record["measurements"][1]["peak_bytes"] is None
    assert record["summary"] == reports.summary(RESULT)


def test_the_plot_has_steps_over_pixels_and_a_line_of_slope_1(monkeypatch):
    seen = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: seen.append(figure))
    reports.draw(RESULT, ".png")
    axes = seen[0].axes[0]
    assert axes.get_xscale() == axes.get_yscale() == "log"
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.get_lines()}
    assert lines == {
        "mix float32": [[256**2, 0.5], [1024**2, 8.0]],
        "dream float32": [[256**2, 0.5], [1024**2, 2.0]],
        "proportional to the pixels": [[256**2, 0.5], [1024**2, 8.0]],
    }


@pytest.mark.parametrize("ending", [".png", ".SVG", ".pdf"])
def test_the_same_result_is_plotted_in_the_same_bytes(ending):
    assert reports.draw(RESULT, ending) == reports.draw(RESULT, ending)
