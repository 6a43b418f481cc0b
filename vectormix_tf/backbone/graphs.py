"""Graphs that outlive their process, so that they are traced and optimized only once.

To trace the graph of a mix and to run TensorFlow's passes over it takes longer than a
dozen of its steps. So the optimized graph is collected where it is called first, and
kept in the user's cache folder. Another process with the same settings, versions and
machine registers it as a function, and calls that without the passes. The operations
are the same, and so are the bytes of what they return.

TensorFlow has no public interface for either. Where its inner one has changed, or
anything else fails, graphs are traced as ever.
"""

import contextlib
import functools
import hashlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import TRACING
from vectormix_tf.backbone.machine import machine
from vectormix_tf.io import cache

SWITCH = "VECTORMIX_GRAPHS"  # environment variable; "0" keeps no graphs
FOLDER = "graphs"  # in the cache folder
MOST = 32 * 2**20  # bytes; those of a mix have 0.1 MB

# Environment variables that change what TensorFlow makes of a graph, and how it logs.
_SETS, _LOGS = ("TF_", "XLA_", "ONEDNN_", "DNNL_", "MKL_", "OMP_"), "TF_CPP_"


class Identity(NamedTuple):
    """What makes a graph, besides versions, machine and the shapes of its inputs.

    Attributes:
        key: Its `repr` differs where the graph does.
        variables: That it may read. Their values are not a part of the graph.
    """

    key: Hashable
    variables: Sequence[tf.Variable] = ()


class StoredFunction:
    """A function of tensors whose graph is kept for other processes.

    Within a graph, or where a gradient is recorded, it is a `tf.function`.

    Args:
        function: Of nests of tensors, to nests of tensors.
        identity: None keeps nothing.
        signature: Nests of `tf.TensorSpec`, one for each argument; None makes a graph
            for all shapes that it is called with.
        **options: Further arguments of `tf.function`, which are a part of the identity.
    """

    def __init__(
        self,
        function: Callable,
        identity: Identity | None = None,
        signature: Sequence | None = None,
        **options: Any,
    ):
        self._identity, self._has_signature = identity, signature is not None
        self._shapes, self._ready = str(signature), {}
        if identity is not None and signature is not None:
            signature = _named(signature)
        self._signature = signature
        self._traced = tf.function(function, signature, autograph=False, **options)
        self._is_traced = not self._has_signature

    def __call__(self, *arguments: Any) -> Any:
        """Calls the function."""
        if self._identity is not None and _may_keep():
            return self._graph_for(arguments)(*arguments)
        self._trace_once()
        return self._traced(*arguments)

    def prepare(self) -> None:
        """Makes the graph of the signature now, rather than at the first call."""
        if self._identity is not None and _may_keep():
            self._graph_for(())
        else:
            self._trace_once()

    def _trace_once(self) -> None:
        if not self._is_traced:
            with TRACING:
                self._traced.get_concrete_function()
            self._is_traced = True

    def _graph_for(self, arguments) -> Callable:
        """Returns the graph for such arguments; where there is a signature, for all."""
        specs, shapes = self._signature, self._shapes
        if not self._has_signature:
            specs = tf.nest.map_structure(tf.TensorSpec.from_tensor, arguments)
            shapes = str(specs)
        if shapes not in self._ready:  # its caller may hold `TRACING` in another thread
            with TRACING:
                key = _key(self._identity.key, shapes)
                graph = _load(key, specs, self._identity.variables)
                self._ready.setdefault(shapes, graph or self._trace(key, specs))
        return self._ready[shapes]

    def _trace(self, key, specs) -> Callable:
        """Returns what calls a new graph, which is kept at the first call."""
        specs = specs if self._has_signature else _named(specs)
        concrete = self._traced.get_concrete_function(*specs)
        graph, first = self._traced if self._has_signature else concrete, [True]

        def call(*arguments):
            if not first:
                return graph(*arguments)
            first.clear()
            with _inner().runtime.collected() as graphs:
                results = graph(*arguments)
            names = [spec.name for spec in tf.nest.flatten(specs)]
            variables = self._identity.variables
            _in_background(_keep, key, concrete, names, variables, graphs)
            return results

        return call


# --- Whether, and under which key -----------------------------------------------------


def _may_keep() -> bool:
    """Whether a call is no part of a graph or gradient, and nothing watches it."""
    return (
        os.environ.get(SWITCH) != "0"
        and tf.executing_eagerly()
        and not tf.config.functions_run_eagerly()
        and _inner() is not None
        and not _inner().runtime.is_watched()
        and _has_cpu_alone()
    )


class _Inner(NamedTuple):
    definitions: ModuleType
    runtime: ModuleType


@functools.cache
def _inner() -> _Inner | None:
    """Returns what uses TensorFlow's inner interface; None if that is another one."""
    try:
        from vectormix_tf.backbone import definitions, runtime
    except (ImportError, AttributeError):
        return None
    return _Inner(definitions, runtime)


@functools.cache
def _has_cpu_alone() -> bool:
    # Where there are others, graphs say which of them computes what.
    return {each.device_type for each in tf.config.list_physical_devices()} == {"CPU"}


def _key(key: Hashable, shapes: str) -> str:
    """Returns all that a graph depends on."""
    environment = sorted(
        item
        for item in os.environ.items()
        if item[0].startswith(_SETS) and not item[0].startswith(_LOGS)
    )
    conditions = _inner().runtime.conditions()
    return repr([_versions(), environment, conditions, key, shapes])


@functools.cache
def _versions() -> list[str]:
    """Returns what does not change in a process: code, packages, machine."""
    sources = hashlib.sha256()
    folder = Path(__file__).parents[1]
    for path in sorted(folder.rglob("*.py")):
        sources.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
    versions = [sys.version, tf.version.GIT_VERSION, tf.version.COMPILER_VERSION]
    return [sources.hexdigest(), *versions, np.__version__, *machine()]


# --- Graphs of other processes --------------------------------------------------------


def _load(key: str, specs: Any, variables: Sequence[tf.Variable]) -> Callable | None:
    """Returns the function that was kept under a key, or None."""
    data = cache.read(FOLDER, key)
    if data is None:
        return None
    definitions, runtime = _inner()
    types = [spec.dtype for spec in tf.nest.flatten(specs)]
    try:
        return runtime.Registered(definitions.decode(data), types, variables)
    except Exception:  # whatever is wrong, a new graph replaces it
        return None


# --- Graphs for other processes -------------------------------------------------------

_NUMBERS = itertools.count()


def _named(specs: Any) -> Any:
    """Gives specs the names of a new function, by which its graph is found."""
    function, numbers = next(_NUMBERS), itertools.count()
    return tf.nest.map_structure(
        lambda spec: tf.TensorSpec(
            spec.shape, spec.dtype, f"kept_{function}_{next(numbers)}"
        ),
        specs,
    )


def _keep(key, concrete, names, variables, graphs) -> None:
    """Keeps the graph of a function, out of those that were collected."""
    definitions = _inner().definitions
    own = set(enumerate(names))
    (graph,) = (g for g in graphs if own & {*definitions.argument_names(g).items()})
    numbers = {id(variable.handle): i for i, variable in enumerate(variables)}
    captured = [numbers[id(handle)] for handle in concrete.captured_inputs]
    name = f"kept_{hashlib.sha256(key.encode()).hexdigest()}"
    types = [each.dtype for each in concrete.inputs]
    results = concrete.structured_outputs
    data = definitions.encode(graph, name, types, captured, results)
    cache.write(FOLDER, key, data, MOST)


_BEGUN: list[threading.Thread] = []


def _in_background(work: Callable, *arguments: Any) -> None:
    """Calls a function in a thread, which the process waits for at its end."""

    def run():
        with contextlib.suppress(Exception):  # then nothing is kept
            work(*arguments)

    _BEGUN[:] = [each for each in _BEGUN if each.is_alive()]
    with contextlib.suppress(RuntimeError):  # there is no thread to be had
        thread = threading.Thread(target=run)
        thread.start()
        _BEGUN.append(thread)


def settle() -> None:
    """Waits until all graphs so far are kept."""
    for thread in _BEGUN:
        thread.join()
