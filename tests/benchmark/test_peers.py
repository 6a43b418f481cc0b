"""Other packages' loops: they do take steps, on the layers that they are known for."""

import importlib.util

import numpy as np
import pytest

from vectormix_tf.benchmark import flops, peers

TORCH = importlib.util.find_spec("torch") is not None


def descends(step):
    """Whether what steps return falls."""
    losses = [float(step()) for _ in range(4)]
    return np.all(np.isfinite(losses)) and losses[-1] < losses[0]


def test_the_tutorial_s_loop_takes_steps_and_its_loss_falls():
    with peers.in_tensorflow(64) as step:
        assert descends(step)


def test_the_network_ends_at_the_deepest_layer_of_the_tutorial():
    model = peers.network()
    assert sorted(model.output) == sorted([*peers.STYLE, peers.CONTENT])
    # By hand: 3 x 3 kernels, each block at half the size of the one before.
    expected, channels, side = 0, 3, 64
    for count, wide in peers.BLOCKS:
        for _ in range(count):
            expected += 2 * 9 * channels * wide * side**2
            channels = wide
        side //= 2
    assert flops.convolutions(model, 64) == expected


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
def test_pytorch_s_loop_takes_steps_in_a_process_of_its_own():
    with peers.in_pytorch(64) as step:
        step()
        step()


def test_a_process_that_cannot_step_says_why(monkeypatch):
    child = peers.Child
    monkeypatch.setattr(peers, "Child", lambda code: child("raise SystemExit('why')"))
    with (
        peers.in_pytorch(64) as step,
        pytest.raises(peers.EndedError, match="PyTorch.* why"),
    ):
        step()


@pytest.mark.parametrize("installed", [False, True])
def test_pytorch_is_measured_only_where_it_is(installed, monkeypatch):
    found = importlib.util.find_spec("numpy") if installed else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    assert len(peers.available()) == 1 + installed
