"""Definitions: graphs as bytes, and what is refused."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from vectormix_tf.backbone import definitions
from vectormix_tf.objectives.statistics import Axes

FLOAT = tf.TensorSpec([None], tf.float32)


def optimized(function, *arguments):
    """The graph of a function as TensorFlow has optimized it."""
    function = tf.function(function, autograph=False)
    with context.collect_graphs() as graphs:
        function(*arguments)
    return max(graphs, key=lambda graph: len(graph.node))


def encoded(function, results=0):
    graph = optimized(function, tf.ones([4]))
    return definitions.encode(graph, "own", [tf.float32], [], results)


def call(definition, count, *tensors):
    """Registers and calls a function."""
    for function in definition.functions:
        context.context().add_function_def(function)
    found = context.context().call_function(
        definition.name.encode(), list(tensors), count
    )
    for function in definition.functions:
        context.context().remove_function(function.signature.name)
    return found


def test_bytes_become_the_same_function():
    @tf.function(
        input_signature=[FLOAT],
        autograph=False,
        experimental_attributes={"_noinline": True},
    )
    def inner(x):
        return tf.sin(x) * 3.0

    definition = definitions.decode(encoded(lambda x: inner(x) + inner(x + 1.0)))
    names = [each.signature.name for each in definition.functions]
    assert names == ["own_0", "own_1"]  # none of a trace, which another process has too
    x = np.linspace(0, 1, 4, dtype=np.float32)
    (found,) = call(definition, 1, tf.constant(x))
    np.testing.assert_allclose(found, 3 * np.sin(x) + 3 * np.sin(x + 1), rtol=1e-5)


def test_what_is_not_used_stays_an_argument():
    graph = optimized(lambda x, y: tf.sin(tf.sin(y)), tf.ones([2]), tf.ones([4]))
    types = [tf.float32] * 2
    definition = definitions.decode(definitions.encode(graph, "own", types, [], 0))
    (found,) = call(definition, 1, tf.ones([2]), tf.ones([4]))
    np.testing.assert_allclose(found, np.sin(np.sin(np.ones(4))), rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: tf.random.uniform([4]) + x,
        lambda x: tf.py_function(lambda y: y, [x], tf.float32) + x,
        lambda x: (tf.io.write_file("never", "x"), x * 2.0)[1],
        lambda x: (tf.raw_ops.Print(input=x, data=[x]), x * 2.0)[0],
    ],
    ids=["random", "python", "file", "print"],
)
def test_a_graph_that_does_more_than_to_compute_is_refused(
    function, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="more than to compute"):
        encoded(function)


def test_bytes_of_a_graph_that_does_more_are_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(definitions, "_check", lambda library: None)
        data = encoded(lambda x: tf.random.uniform([4]) + x)
    with pytest.raises(ValueError, match="RandomUniform does more"):
        definitions.decode(data)


def test_random_numbers_of_a_seed_are_no_state():
    def function(x):
        return x + tf.random.stateless_uniform([4], [1, tf.cast(x[0], tf.int32)])

    definition = definitions.decode(encoded(function))
    (found,) = call(definition, 1, tf.ones([4]))
    np.testing.assert_array_equal(found, function(tf.ones([4])))


class Foreign(NamedTuple):
    part: tf.Tensor


@pytest.mark.parametrize(
    "results",
    [
        0,
        (0, [0, (0,)], ()),
        {"b": 0, "a": {"c": (0, [])}},
        {"mixed0": (Axes(*range(len(Axes._fields))), [0])},
    ],
)
def test_results_keep_the_types_of_their_nest(results):
    data = encoded(lambda x: x * 2.0 + 1.0, results)
    found = definitions.decode(data).results
    tf.nest.assert_same_structure(found, results)
    assert tf.nest.flatten(found) == list(range(len(tf.nest.flatten(results))))


@pytest.mark.parametrize("results", [None, (0, None), Foreign(0), {"a": Foreign(0)}])
def test_results_of_other_types_are_refused(results):
    with pytest.raises(ValueError, match="results of type"):
        encoded(lambda x: x * 2.0 + 1.0, results)


@pytest.mark.parametrize("kind", ["os:system", "subprocess:Popen", "builtins:set"])
def test_bytes_name_no_other_type(kind):
    data = encoded(lambda x: x * 2.0 + 1.0, (0,))
    data = data.replace(b"builtins:tuple", kind.encode())
    with pytest.raises(ValueError, match="no type of results"):
        definitions.decode(data)
