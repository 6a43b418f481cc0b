"""`vectormix benchmark`: its result, mistakes in its flags, and a small real run."""

import json
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.benchmark import flops, processes
from vectormix_tf.benchmark import measure as measuring
from vectormix_tf.benchmark.measure import MATRIX_SIDE, MatrixProduct
from vectormix_tf.benchmark.processes import Startup
from vectormix_tf.benchmark.workloads import BenchmarkSettings, Workload
from vectormix_tf.cli import main as cli_main
from vectormix_tf.cli.commands import benchmark
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import plan
from vectormix_tf.optim.estimates import PRODUCTS

PEAKS = {"float32": 1e11, "bfloat16": 4e11}
MIX, DREAM = Workload("mix", 96, "float32"), Workload("dream", 96, "float32")
SMALL = BenchmarkSettings(sizes=(96,), precisions=("float32",), steps=2, rounds=2)
RUN = ["benchmark", "--sizes=96", "--precisions=float32", "--steps=2", "--rounds=1"]
ALONE = [*RUN, "--nostartup"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


# --- The result -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def made():
    """A result of made-up seconds."""
    seconds = {
        MatrixProduct("float32"): [4.0, 2.0],
        MatrixProduct("bfloat16"): [1.0, 0.5],
        "another function": [7.0, 6.0],
        MIX: [3.0, 5.0],
        DREAM: [2.0, 1.0],
    }
    startups = {MIX: Startup(3.0, 9.0, 10**9), DREAM: Startup()}
    return measuring.summarize(SMALL, startups, seconds)


def test_the_peak_is_that_of_the_fastest_round(made):
    work = PRODUCTS * 2 * MATRIX_SIDE**3
    assert made.peaks == {"float32": work / 2, "bfloat16": work / 0.5}


def test_a_step_is_its_share_of_a_round(made):
    assert [x.rounds for x in made.measurements] == [(1.5, 2.5), (1.0, 0.5)]


def test_startup_and_memory_are_those_of_the_processes(made):
    assert made.import_seconds == 3.0
    mix, dream = made.measurements
    assert (mix.startup, mix.memory) == (9.0, 10**9)
    assert (dream.startup, dream.memory) == (None, None)


def test_a_measurement_has_its_flops_and_its_peak(made):
    mix = made.measurements[0]
    assert mix.flops == flops.forward_flops(MIX, 96)
    assert mix.peak == made.peaks["float32"]
    assert mix.bound == 2 * mix.flops / mix.peak


def test_without_processes_startup_is_unknown():
    functions = *map(MatrixProduct, measuring.PEAK_PRECISIONS), MIX, DREAM
    made = measuring.summarize(SMALL, {}, {each: [1.0] for each in functions})
    assert made.import_seconds is None and made.measurements[0].startup is None


def test_octaves_count_by_the_time_of_their_steps(monkeypatch):
    cost, octaves = measuring.step_cost(MIX), plan((4000, 3000), MixSettings(), 3000)
    times = [cost.seconds(octave, PEAKS) for octave in octaves]
    expected = (48 * times[0] + 8 * times[1] + 8 * times[2]) / times[2]
    found = measuring.full_size_steps(cost, octaves, PEAKS)
    assert found == pytest.approx(expected)
    assert measuring.full_size_steps(cost, octaves[:1], PEAKS) == 48


def test_a_small_workload_leaves_octaves_out_without_a_notice():
    assert len(measuring.planned_octaves(DREAM)) < DREAM.settings().octaves


# --- Mistakes -------------------------------------------------------------------------


def existing(folder, patch):
    (folder / "old.png").write_bytes(b"old")


def no_matplotlib(folder, patch):
    patch.setitem(sys.modules, "matplotlib", None)


def jax(folder, patch):
    patch.setenv("KERAS_BACKEND", "jax")


@pytest.mark.parametrize(
    ("flags", "words", "prepare"),
    [
        (["--sizes=10"], ("--sizes", "75", "received 10"), None),
        (["--sizes=512,big"], ("--sizes", "'96,512,big'"), None),
        (["--sizes="], ("--sizes",), None),
        (["--precisions=float16"], ("--precisions", "float32", "'float16'"), None),
        (["--rounds=0"], ("--rounds", "received 0"), None),
        (["--rounds=many"], ("--rounds=many", "--help"), None),
        (["--steps=0"], ("--steps", "received 0"), None),
        (["--startup=maybe"], ("--startup", "maybe"), None),
        (["--plot=x.jpg"], ("plot `x.jpg`", "`.svg`"), None),
        (["--plot=no/x.png"], ("plot", "`no` does not exist"), None),
        (["--plot=old.png"], ("old.png` exists", "--overwrite"), existing),
        (["--plot=x.png"], ("pip install 'vectormix_tf[plot]'",), no_matplotlib),
        (["photo.png"], ("unexpected 'photo.png'",), None),
        ([], ("KERAS_BACKEND is 'jax'",), jax),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_mistake_is_one_line_before_any_work(
    flags, words, prepare, folder, monkeypatch, capsys
):
    if prepare:
        prepare(folder, monkeypatch)
    monkeypatch.setattr(benchmark, "_measure", None)  # whatever calls it breaks
    before = sorted(folder.iterdir())
    assert cli_main.main([*RUN, *flags]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("vectormix: ")
    assert len(err.splitlines()) == 1
    for word in words:
        assert word in err
    assert sorted(folder.iterdir()) == before


def test_ctrl_c_is_one_line_and_130(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "measure", interrupted)
    assert cli_main.main(RUN) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("vectormix: interrupted")


# --- Runs -----------------------------------------------------------------------------


def test_a_small_benchmark_prints_json_and_draws(folder, capsys):
    assert cli_main.main([*ALONE, "--json", "--plot=steps.svg"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert [(r["recipe"], r["size"]) for r in record["measurements"]] == [
        ("mix", 96),
        ("dream", 96),
    ]
    for row in record["measurements"]:
        assert len(row["step_seconds_of_rounds"]) == 1
        assert 0 < row["bound_seconds"] < np.inf and row["step_seconds"] > 0
    assert record["import_seconds"] is None
    assert "round 1 of 1: mix 96 px float32" in err.splitlines()
    assert (folder / "steps.svg").read_text("utf-8").count(
        "proportional to the pixels"
    ) >= 1


def quick_run(workload, on_progress, pause_every, steps, octaves, finish_steps, **_):
    for step in range(1, steps + 1):
        on_progress(SimpleNamespace(step=step))


def test_startup_and_memory_are_in_the_table(monkeypatch, capsys, folder):
    measured = []

    def startup(workload, announce):
        measured.append(workload)
        return Startup(1.5, 4.0, 2 * 10**9)

    monkeypatch.setattr(processes, "measure", startup)
    monkeypatch.setattr(Workload, "run", quick_run)
    assert cli_main.main([*RUN, "--plot=steps.png"]) == 0
    out, err = capsys.readouterr()
    assert measured == [MIX, DREAM]
    assert "startup and memory: mix 96 px float32" in err.splitlines()
    assert "import: 1.5 s" in out.splitlines()
    assert "mix 2.0 GB, about" in out.splitlines()[-1]
    with Image.open(folder / "steps.png") as plot:
        assert plot.size[0] > 500


def test_ctrl_c_between_steps_ends_all_runs(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = threading.active_count()
    monkeypatch.setattr(measuring, "time_alternately", interrupted)
    assert cli_main.main(ALONE) == 130
    assert threading.active_count() == before
    assert len(capsys.readouterr().err.splitlines()) == 1
