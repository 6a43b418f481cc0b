"""Crews on Ray: the same pictures, also when an actor is killed."""

import sys

import pytest
from mistakes import refusal

from vectormix_tf.batches import cluster

QUICK = {"size": 80, "steps": 2, "f1": "conv2a", "f2": "conv1a"}
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_without_ray_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "vectormix_tf[cluster]" in refusal(cluster.Actors, "local", 1)


def test_a_cluster_that_is_not_there_is_told_in_one_line():
    text = refusal(cluster.Actors, "127.0.0.1:1", 1)
    assert text.startswith("`ray` 127.0.0.1:1 cannot be reached: ")
