"""TensorFlow's inner interface: graphs as it has optimized them, and how to call them.

`graphs` imports this module at its first use. Where a release of TensorFlow lacks any
of these names, that fails, and nothing is kept.
"""

import contextlib
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager.context import (
    Context,
    context,
    disable_graph_collection,
    enable_graph_collection,
    export_run_metadata,
)
from tensorflow.python.eager.execute import execute
from tensorflow.python.eager.record import could_possibly_record
from tensorflow.python.framework.config import is_op_determinism_enabled

from vectormix_tf.backbone.definitions import Definition

_OF_A_CONTEXT = (
    Context.add_function_def,
    Context.remove_function,
    Context.device_name,
    Context.function_call_options,
    Context.op_callbacks,
)


def is_watched() -> bool:
    """Whether a gradient is recorded, or something else follows each operation."""
    return could_possibly_record() or bool(context().op_callbacks)


def conditions() -> list[Any]:
    """Returns what the program has set: options of graphs, the device, determinism."""
    options = context().function_call_options.as_attrs()
    return [options, context().device_name, is_op_determinism_enabled()]


class Registered:
    """A definition as a function; the passes over its graph are left out.

    Args:
        definition: What is called.
        types: Of its arguments.
        variables: All that `Definition.variables` numbers.
    """

    def __init__(
        self,
        definition: Definition,
        types: Sequence[tf.DType],
        variables: Sequence[tf.Variable],
    ):
        self.name, self._results = definition.name, definition.results
        self._types, self._count = types, len(tf.nest.flatten(definition.results))
        # The variables themselves, or they might be deleted.
        self._variables = [variables[i] for i in definition.variables]
        for function in definition.functions:
            context().add_function_def(function)
            name = function.signature.name
            weakref.finalize(self, _forget, name).atexit = False

    def __call__(self, *arguments: Any) -> Any:
        """Calls it with nests of tensors."""
        flat = zip(tf.nest.flatten(arguments), self._types, strict=True)
        tensors = [tf.convert_to_tensor(each, dtype) for each, dtype in flat]
        tensors += [variable.handle for variable in self._variables]
        options = ("executor_type", "", "config_proto", _without_passes())
        results = execute(self.name, self._count, tensors, options, context())
        return tf.nest.map_structure(results.__getitem__, self._results)


def _forget(name: str) -> None:
    with contextlib.suppress(Exception):  # TensorFlow is about to end
        context().remove_function(name)


def _without_passes() -> bytes:
    """Returns how functions are called here, but for the passes over their graphs."""
    options = context().function_call_options.config_proto_serialized
    config = tf.compat.v1.ConfigProto.FromString(options)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config.SerializeToString(deterministic=True)


_COLLECTING = threading.Lock()


@contextlib.contextmanager
def collected() -> Iterator[list]:
    """Yields a list, which has the graphs of functions called first at the end.

    One thread after another: TensorFlow puts the graphs of functions that are called
    first at the same time into one, which nobody can take apart.
    """
    graphs: list = []
    with _COLLECTING:
        enable_graph_collection()
        try:
            yield graphs
        finally:
            functions = export_run_metadata().function_graphs
            graphs += [each.post_optimization_graph for each in functions]
            disable_graph_collection()
