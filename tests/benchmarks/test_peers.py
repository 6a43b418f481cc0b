"""benchmarks/peers.py: other loops take steps, and are compared with a whole mix."""

import ast
import contextlib
import importlib.util
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from benchmark_results import measurement, result
from benchmark_scripts import load

from vectormix_tf.benchmark import flops, processes
from vectormix_tf.benchmark.processes import Startup
from vectormix_tf.benchmark.workloads import Workload

TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture
def peers(root):
    return load(root, "peers")


def test_the_package_imports_no_pytorch(root):
    for path in (root / "vectormix_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names]
            names.append(getattr(node, "module", None) or "")
            assert not [name for name in names if name.split(".")[0] == "torch"], path


# --- Loops ----------------------------------------------------------------------------


def descends(step):
    """Whether the losses that steps return fall."""
    losses = [float(step()) for _ in range(4)]
    return np.all(np.isfinite(losses)) and losses[-1] < losses[0]


def test_the_tutorial_s_loop_takes_steps_and_its_loss_falls(peers):
    with peers.in_tensorflow(64) as step:
        assert descends(step)


def test_the_network_ends_at_the_deepest_layer_of_the_tutorial(peers):
    model = peers.network()
    assert sorted(model.output) == sorted([*peers.STYLE, peers.CONTENT])
    # By hand: 3 x 3 kernels, each block at half the size of the one before.
    expected, channels, side = 0, 3, 64
    for count, wide in peers.BLOCKS:
        for _ in range(count):
            expected += 2 * 9 * channels * wide * side**2
            channels = wide
        side //= 2
    assert flops.convolution_flops(model, 64) == expected


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
def test_pytorch_s_loop_takes_steps_in_a_process_of_its_own(peers):
    with peers.in_pytorch(64) as step:
        step()
        step()


def test_a_process_takes_a_step_per_request_until_it_ends(peers):
    with peers.PythonProcess("print(input() + 'yes', flush=True)") as process:
        assert peers._request(process) == "yes\n"
        assert process.failure() == ""
        assert peers._request(process) == ""


def test_a_process_that_cannot_step_says_why(peers, monkeypatch):
    make = peers.PythonProcess
    monkeypatch.setattr(
        peers, "PythonProcess", lambda code: make("raise SystemExit('why')")
    )
    with (
        peers.in_pytorch(64) as step,
        pytest.raises(peers.EndedError, match="PyTorch.* why"),
    ):
        step()


def test_the_process_of_pytorch_finds_this_script(peers):
    """Without PyTorch it fails at that import, and at no earlier one."""
    with (
        peers.in_pytorch(64) as step,
        pytest.raises(peers.EndedError, match="torch")
        if not TORCH
        else contextlib.nullcontext(),
    ):
        step()


@pytest.mark.parametrize("installed", [False, True])
def test_pytorch_is_measured_only_where_it_is_installed(installed, peers, monkeypatch):
    spec = importlib.util.find_spec("numpy") if installed else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert len(peers.available()) == 1 + installed


# --- The comparison -------------------------------------------------------------------


def test_a_peer_s_run_is_compared_with_a_whole_mix_of_its_size(peers):
    mixes = [measurement(size=size, rounds=(size / 512,)) for size in (256, 512)]
    peer = measurement("VGG-19", 256, rounds=(4.0,), steps=500.0)
    lines = peers.table(result(*mixes), [peer]).splitlines()
    assert lines[-1] == (
        "VGG-19 256 px: 500 steps take 33 minutes, a whole mix 5.0 seconds plus"
        " startup: 400.0 times as long."
    )
    assert [line.split()[0] for line in lines[5:8]] == ["mix", "mix", "VGG-19"]
    assert max(map(len, lines)) <= 100


class Loop:
    """Stands for a peer's loop; records its steps and its end."""

    def __init__(self, events):
        self._events = events

    def __call__(self, size):
        return self

    def __enter__(self):
        return lambda: self._events.append("step")

    def __exit__(self, *_):
        self._events.append("end")


def small_network():
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(1, 3)(image))


def quick_run(
    workload, on_progress, pause_every, steps, octaves, finish_steps, jitter, flips
):
    for step in range(1, steps + 1):
        on_progress(SimpleNamespace(step=step))


def test_the_script_measures_peers_beside_the_mix(peers, monkeypatch, capsys):
    events = []

    def broken(size):
        raise peers.EndedError("out of memory")

    def startup(workload, announce):
        events.append(workload)
        return Startup(1.5, 4.0, 2 * 10**9)

    loops = {"other": Loop(events), "broken": broken}
    monkeypatch.setattr(processes, "measure", startup)
    monkeypatch.setattr(peers, "available", lambda: loops)
    monkeypatch.setattr(peers, "network", small_network)
    monkeypatch.setattr(Workload, "run", quick_run)
    peers.main(["--sizes=96", "--rounds=1", "--steps=2"])
    out, err = capsys.readouterr()
    # A first step, one in the round that is not measured, one in the round that is.
    mix = Workload("mix", 96, "float32")
    assert events == [mix, "step", "step", "step", "end"]
    assert "other 96 px: 500 steps take" in out and "broken" not in out
    assert "broken 96 px is left out: out of memory" in err.splitlines()


def test_a_mistake_in_a_flag_is_an_error_before_any_work(peers, capsys):
    with pytest.raises(SystemExit) as error:
        peers.main(["--sizes=10"])
    assert error.value.code == 2
    assert "`sizes`" in capsys.readouterr().err
