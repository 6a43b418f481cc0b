"""Pools on Ray: the same pictures, also when an actor or the whole node is killed."""

import os
import pathlib
import subprocess
import sys
from unittest import mock

import pytest
from mistakes import refusal

from vectormix_tf.batches import cluster

QUICK = {"size": 112, "steps": 2, "f1": "conv2a", "f2": "conv1a"}


def test_without_ray_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "vectormix_tf[cluster]" in refusal(cluster.RayPool, "local", 1)


def test_a_cluster_that_is_not_there_is_told_in_one_line():
    text = refusal(cluster.RayPool, "127.0.0.1:1", 1)
    assert text.startswith("`ray` 127.0.0.1:1 cannot be reached: ")


def test_ray_that_is_begun_again_tells_of_idle_workers_too(monkeypatch):
    pool = object.__new__(cluster.RayPool)
    pool._ray, pool._is_ours = mock.Mock(), True
    pool._actors, pool._running = {"1": None, "2": None}, {"an answer": "1"}
    monkeypatch.setattr(cluster.RayPool, "_begin", lambda pool: None)
    told = pool._begin_again()
    assert [each[:2] for each in told] == [("1", "died"), ("2", "died")]
    assert pool._ray.shutdown.called


# Ray notices after some seconds, not twenty, that a node is gone.
SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}

# In a process of its own, as Ray leaves threads and files behind.
PROGRAM = """
import os, pathlib, signal, sys, time
import vectormix_tf as vm
from vectormix_tf.batches.cluster import RayPool

photo, painting, output, victim = sys.argv[1:]
items = [
    {"content": photo, "style": painting, "seed": seed, **QUICK} for seed in range(4)
]
killed = []

def kill(progress):
    if progress.done == 1 and not killed:
        import ray
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            if victim in path.read_bytes().decode().split(chr(0))[0]:
                killed.append(int(path.parent.name))
                os.kill(killed[0], signal.SIGKILL)
        while "raylet" in victim and ray.nodes()[0]["Alive"]:
            time.sleep(0.1)

results = list(vm.batch(items, output, ray="local", workers=1, on_progress=kill))
import ray
print([result.state for result in results], len(killed), ray.is_initialized())

# A connection of the caller stays.
pool = RayPool("local", 1)
other = RayPool("local", 1)
other.close()
stays = ray.is_initialized()
pool.close()
print(stays, ray.is_initialized())
"""


@pytest.mark.skipif(not pathlib.Path("/proc").exists(), reason="needs Linux")
@pytest.mark.parametrize("victim", ["ray::Worker", "raylet/raylet"])
def test_what_is_killed_is_there_again(root, photo, painting, tmp_path, victim):
    program = PROGRAM.replace("QUICK", repr(QUICK))
    output = tmp_path / "out"
    made = subprocess.run(
        [sys.executable, "-c", program, photo, painting, output, victim],
        env=os.environ | {"PYTHONPATH": str(root)} | SOON,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = made.stdout.splitlines()
    assert made.returncode == 0, made.stderr
    # Ray says on stdout that an actor has died.
    assert "['made', 'made', 'made', 'made'] 1 False" in lines, made
    assert "True False" in lines, made
    assert len(list(output.glob("*.png"))) == 4
