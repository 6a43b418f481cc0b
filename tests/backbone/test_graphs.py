"""Graphs that are kept for other processes; here, for other objects of this one."""

import gc
import os
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from vectormix_tf.backbone import graphs
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.graphs import Identity, StoredFunction
from vectormix_tf.io import cache

OPEN = tf.TensorSpec([None], tf.float32)
X = np.linspace(0, 1, 4, dtype=np.float32)


class Counting:
    """A function that counts how often it is traced."""

    def __init__(self):
        self.variable = tf.Variable(3.0)
        self.traced = 0

    def __call__(self, x):
        self.traced += not tf.executing_eagerly()
        return {"a": tf.sin(x) * self.variable + 1.0, "b": (tf.reduce_sum(x**2),)}

    def stored(self, key="k", signature=(OPEN,), **options):
        """The function as another process would make it."""
        graphs.settle()
        identity = Identity(key, [self.variable])
        return StoredFunction(self.__call__, identity, signature, **options)


@pytest.fixture
def counting(kept_graphs):
    return Counting()


def check(results, x=X, factor=3.0):
    assert list(results) == ["a", "b"] and type(results["b"]) is tuple
    np.testing.assert_allclose(results["a"], factor * np.sin(x) + 1, rtol=1e-5)
    np.testing.assert_allclose(results["b"][0], np.sum(x**2), rtol=1e-5)


@pytest.mark.parametrize("signature", [(OPEN,), None])
def test_a_function_is_traced_once_for_all_processes(counting, signature):
    for _ in range(3):
        function = counting.stored(signature=signature)
        for _ in range(2):
            check(function(tf.constant(X)))
    assert counting.traced == 1


def test_prepared_it_does_not_trace_when_it_is_called(counting):
    for expected in (1, 1):
        function = counting.stored()
        function.prepare()
        assert counting.traced == expected
        check(function(tf.constant(X)))
        assert counting.traced == expected


def test_values_of_variables_are_no_part_of_a_graph(counting):
    counting.stored()(tf.constant(X))
    counting.variable.assign(5.0)
    check(counting.stored()(tf.constant(X)), factor=5.0)
    other = Counting()
    other.variable.assign(7.0)
    check(other.stored()(tf.constant(X)), factor=7.0)
    assert (counting.traced, other.traced) == (1, 0)


def test_a_graph_that_reads_another_variable_is_not_kept(counting, kept_graphs):
    function = StoredFunction(counting.__call__, Identity("k"), [OPEN])
    check(function(tf.constant(X)))
    graphs.settle()
    assert not kept_graphs.exists()


def test_python_numbers_are_taken_as_tensors(counting):
    signature = [tf.TensorSpec([], tf.int32), OPEN]
    for _ in range(2):
        graphs.settle()
        function = StoredFunction(lambda i, x: x[i] * 2.0, Identity("i"), signature)
        assert float(function(2, tf.constant(X))) == 2 * X[2]


def test_where_a_gradient_is_recorded_it_has_one(counting):
    counting.stored()(tf.constant(X))
    x, function = tf.constant(X), counting.stored()
    function(x)
    assert counting.traced == 1
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = function(x)
    np.testing.assert_allclose(tape.gradient(results["a"], x), 3 * np.cos(X), rtol=1e-5)


def test_within_a_graph_it_is_a_part_of_it(counting):
    counting.stored()(tf.constant(X))
    function = counting.stored()
    function(tf.constant(X))

    @tf.function(autograph=False)
    def outer(x):
        return tf.gradients(function(x)["a"], x)[0]

    np.testing.assert_allclose(outer(tf.constant(X)), 3 * np.cos(X), rtol=1e-5)


def another_key(counting, patch):
    return counting.stored("other")


def another_shape(counting, patch):
    return counting.stored(signature=[tf.TensorSpec([4], tf.float32)])


def another_variable_of_the_environment(counting, patch):
    patch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    return counting.stored()


def another_version(counting, patch):
    versions = [*graphs._versions(), "another"]
    patch.setattr(graphs, "_versions", lambda: versions)
    return counting.stored()


def other_sources(counting, patch):
    patch.setattr(graphs, "__file__", os.path.dirname(graphs.__file__))
    graphs._versions.cache_clear()
    function = counting.stored()
    function.prepare()
    graphs._versions.cache_clear()
    return function


def switched_off(counting, patch):
    patch.setenv(graphs.SWITCH, "0")
    return counting.stored()


@pytest.mark.parametrize(
    "change",
    [
        another_key,
        another_shape,
        another_variable_of_the_environment,
        another_version,
        other_sources,
        switched_off,
    ],
)
def test_a_graph_of_other_conditions_is_not_taken(counting, change):
    counting.stored()(tf.constant(X))
    with pytest.MonkeyPatch.context() as patch:
        function = change(counting, patch)
        check(function(tf.constant(X)))
    assert counting.traced == 2
    check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2


def test_options_of_tensorflow_are_conditions(counting):
    counting.stored()(tf.constant(X))
    before = tf.config.optimizer.get_jit()
    tf.config.optimizer.set_jit("autoclustering")
    try:
        function = counting.stored()
        function.prepare()
    finally:
        tf.config.optimizer.set_jit(before or False)
    assert counting.traced == 2


def test_switched_off_nothing_is_kept(counting, kept_graphs, monkeypatch):
    monkeypatch.setenv(graphs.SWITCH, "0")
    check(counting.stored()(tf.constant(X)))
    graphs.settle()
    assert not kept_graphs.exists()


def test_without_an_identity_nothing_is_kept(counting, kept_graphs):
    function = StoredFunction(counting.__call__)
    check(function(tf.constant(X)))
    graphs.settle()
    assert not kept_graphs.exists()


def test_a_file_that_is_damaged_is_replaced(counting, kept_graphs):
    counting.stored()(tf.constant(X))
    graphs.settle()
    (file,) = kept_graphs.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2
    graphs.settle()
    (file,) = kept_graphs.iterdir()
    assert len(file.read_bytes()) > 100
    check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2


@pytest.mark.parametrize("data", [b"", b"{}\n", b'{"variables": [9]}\n\x0a\x01x'])
def test_content_that_means_nothing_is_replaced(
    counting, kept_graphs, monkeypatch, data
):
    with monkeypatch.context() as patch:
        write = cache.write
        patch.setattr(cache, "write", lambda *a: write(*a[:2], data, a[-1]))
        counting.stored()(tf.constant(X))
        graphs.settle()
    check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2
    check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2


def test_a_folder_that_cannot_be_written_is_no_error(counting, kept_graphs):
    kept_graphs.parent.write_text("a file, where a folder should be")
    for _ in range(2):
        check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2


def test_of_a_tensorflow_without_what_is_needed_graphs_are_traced(
    counting, kept_graphs, monkeypatch
):
    monkeypatch.setattr(graphs, "_inner", lambda: None)
    for _ in range(2):
        check(counting.stored()(tf.constant(X)))
    assert counting.traced == 2 and not kept_graphs.exists()


def test_what_has_begun_in_several_threads_is_kept_for_each(counting):
    functions = [counting.stored(str(i)) for i in range(4)]
    threads = [
        threading.Thread(target=function, args=[tf.constant(X)])
        for function in functions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.traced == 4
    for i in range(4):
        check(counting.stored(str(i))(tf.constant(X)))
    assert counting.traced == 4


def test_a_graph_is_freed_with_its_function(counting):
    counting.stored()(tf.constant(X))
    function = counting.stored()
    function(tf.constant(X))
    (loaded,) = function._ready.values()
    name = loaded.name
    assert context.context().has_function(name)
    twin = counting.stored()
    check(twin(tf.constant(X)))
    del function, loaded
    gc.collect()
    check(twin(tf.constant(X)))
    del twin
    gc.collect()
    assert not context.context().has_function(name)


def test_an_extractor_sees_the_same_by_a_graph_that_was_kept(kept_graphs):
    picture = tf.random.stateless_uniform([1, 90, 100, 3], [1, 2])
    first = Extractor(["conv2b", "mixed0"])(picture)
    graphs.settle()
    assert len(os.listdir(kept_graphs)) == 1
    extractor = Extractor(["conv2b", "mixed0"])
    again = extractor(picture)
    assert list(again) == list(first)
    for name, activations in first.items():
        np.testing.assert_array_equal(again[name], activations)
    assert not extractor._call._is_traced


@pytest.mark.parametrize(
    "options",
    [{"layers": ["conv2b"]}, {"precision": "bfloat16"}, {"redirect_relu": True}],
)
def test_another_extractor_has_another_identity(options):
    usual = {"layers": ["conv2b", "mixed0"]}
    keys = [Extractor(**each).identity("a").key for each in (usual, usual | options)]
    assert keys[0] != keys[1]
    assert keys[0] != Extractor(**usual).identity("b").key


def test_what_xla_compiles_is_not_kept():
    assert Extractor(["conv2b"], xla=True).identity("a") is None
