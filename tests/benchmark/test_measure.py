"""`vectormix benchmark`: what is made of turns, mistakes, and one small real run."""

import json
import sys
import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from vectormix_tf.benchmark import flops, peers, processes
from vectormix_tf.benchmark import measure as measuring
from vectormix_tf.benchmark.measure import SIDE, Peer, Product
from vectormix_tf.benchmark.processes import Start
from vectormix_tf.benchmark.workloads import BenchmarkSettings, Subject
from vectormix_tf.cli import main as cli_main
from vectormix_tf.cli.commands import benchmark
from vectormix_tf.config.octaves import plan
from vectormix_tf.config.settings import MixSettings
from vectormix_tf.optim.estimates import PRODUCTS

PEAKS = {"float32": 1e11, "bfloat16": 4e11}
MIX, DREAM = Subject("mix", 96, "float32"), Subject("dream", 96, "float32")
SMALL = BenchmarkSettings(sizes=(96,), precisions=("float32",), steps=2, rounds=2)
RUN = ["benchmark", "--sizes=96", "--precisions=float32", "--steps=2", "--rounds=1"]
ALONE = [*RUN, "--nopeers", "--nochildren"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return tmp_path


# --- What is made of turns ------------------------------------------------------------


@pytest.fixture(scope="module")
def made():
    """A report of turns whose seconds are made up."""
    seconds = {
        Product("float32"): [4.0, 2.0],
        Product("bfloat16"): [1.0, 0.5],
        Peer("other", 96): [7.0, 6.0],
        MIX: [3.0, 5.0],
        DREAM: [2.0, 1.0],
    }
    starts = {MIX: Start(3.0, 9.0, 10**9), DREAM: Start()}
    return measuring.report(SMALL, starts, seconds)


def test_the_peak_is_that_of_the_best_turn(made):
    work = PRODUCTS * 2 * SIDE**3
    assert made.peaks == {"float32": work / 2, "bfloat16": work / 0.5}


def test_a_step_is_its_share_of_a_turn(made):
    assert [row.rounds for row in made.rows] == [(1.5, 2.5), (1.0, 0.5)]
    assert [row.rounds for row in made.peers] == [(7.0, 6.0)]


def test_start_and_memory_are_what_the_children_told(made):
    assert made.imported == 3.0
    mix, dream = made.rows
    assert (mix.start, mix.memory) == (9.0, 10**9)
    assert (dream.start, dream.memory) == (None, None)


def test_a_row_knows_its_flops_and_its_peak(made):
    mix = made.rows[0]
    assert mix.flops == flops.forward(MIX, 96)
    assert mix.peak == made.peaks["float32"]
    assert mix.bound == 2 * mix.flops / mix.peak


def test_without_children_nothing_is_known_of_starts():
    seconds = {each: [1.0] for each in (*map(Product, measuring.PEAKS), MIX, DREAM)}
    made = measuring.report(SMALL, {}, seconds)
    assert made.imported is None and made.rows[0].start is None


def test_octaves_count_by_the_time_of_their_steps(monkeypatch):
    look, octaves = measuring.foreseen(MIX), plan((4000, 3000), MixSettings(), 3000)
    times = [look.seconds(octave, PEAKS) for octave in octaves]
    expected = (108 * times[0] + 8 * times[1] + 8 * times[2]) / times[2]
    found = measuring.full_steps(look, octaves, PEAKS)
    assert found == pytest.approx(expected)
    assert measuring.full_steps(look, octaves[:1], PEAKS) == 108


def test_the_plan_of_a_small_subject_leaves_octaves_out_in_silence():
    assert len(measuring.planned(DREAM)) < DREAM.chosen().octaves


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
        (["--sizes=10"], ("`sizes`", "75", "received 10"), None),
        (["--sizes=512,big"], ("`sizes`", "'96,512,big'"), None),
        (["--sizes="], ("`sizes`",), None),
        (["--precisions=float16"], ("`precisions`", "float32", "'float16'"), None),
        (["--rounds=0"], ("`rounds`", "received 0"), None),
        (["--rounds=many"], ("--rounds=many", "--help"), None),
        (["--steps=0"], ("`steps`", "received 0"), None),
        (["--peers=maybe"], ("--peers", "maybe"), None),
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
    assert [(r["loop"], r["size"]) for r in record["rows"]] == [
        ("mix", 96),
        ("dream", 96),
    ]
    for row in record["rows"]:
        assert len(row["step_seconds_of_rounds"]) == 1
        assert 0 < row["bound_seconds"] < np.inf and row["step_seconds"] > 0
    assert record["peers"] == [] and record["import_seconds"] is None
    assert "round 1 of 1: mix 96 px float32" in err.splitlines()
    assert (folder / "steps.svg").read_text("utf-8").count("as the pixels") >= 1


class Others:
    """Stands for a peer's loop, and for how it is entered and left."""

    def __init__(self, noted):
        self._noted = noted

    def __call__(self, size):
        return self

    def __enter__(self):
        return lambda: self._noted.append("step")

    def __exit__(self, *_):
        self._noted.append("end")


def broken(size):
    raise peers.EndedError("out of memory")


def network():
    """Stands for VGG-19 and is built at once."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(1, 3)(image))


def quick_run(subject, tell, pause_every, steps, octaves, finish_steps):
    for step in range(1, steps + 1):
        tell(SimpleNamespace(step=step))


def test_children_and_peers_are_in_the_table(monkeypatch, capsys, folder):
    noted = []

    def told(subject, announce):
        noted.append(subject)
        return Start(1.5, 4.0, 2 * 10**9)

    loops = {"other": Others(noted), "broken": broken}
    monkeypatch.setattr(processes, "measure", told)
    monkeypatch.setattr(peers, "available", lambda: loops)
    monkeypatch.setattr(peers, "network", network)
    monkeypatch.setattr(Subject, "run", quick_run)
    assert cli_main.main([*RUN, "--plot=steps.png"]) == 0
    out, err = capsys.readouterr()
    # A first step, one in the round that does not count, one in the round that does.
    assert noted == [MIX, DREAM, "step", "step", "step", "end"]
    assert "import: 1.5 s" in out.splitlines()
    assert "other 96 px: 500 steps" in out and "broken" not in out
    assert "mix 2.0 GB, about" in out.splitlines()[-1]
    assert "broken 96 px is left out: out of memory" in err.splitlines()
    with Image.open(folder / "steps.png") as plot:
        assert plot.size[0] > 500


def test_ctrl_c_between_turns_ends_all_runs(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    before = threading.active_count()
    monkeypatch.setattr(measuring, "in_turns", interrupted)
    assert cli_main.main(ALONE) == 130
    assert threading.active_count() == before
    assert len(capsys.readouterr().err.splitlines()) == 1
