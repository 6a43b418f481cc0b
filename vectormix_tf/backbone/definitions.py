"""Optimized graphs as bytes: definitions of functions that another process can call.

A graph comes as TensorFlow has placed and optimized it. Its nodes become the body of a
function, and functions that it calls come with it. Only graphs that compute are taken:
none that draws numbers, reads files or changes a variable.
"""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.framework import function_pb2, graph_pb2
from tensorflow.python.eager.polymorphic_function import atomic_function
from tensorflow.python.framework import func_graph, op_def_registry

PACKAGE = __name__.partition(".")[0]
ARGUMENT, RESULT = "_Arg", "_Retval"

# Operations with a state that graphs may have: they read a variable, call a function,
# or draw the numbers of a seed that is given.
_READS = {"ReadVariableOp", "PartitionedCall", "StatefulPartitionedCall"}
_STATELESS = "StatelessRandom"
FUSED = "_FusedConv2D", "_MklNativeFusedConv2D"
# What tracing noted of a graph and running it does not need.
_NOTES = ("_output_shapes", "_user_specified_name", "_XlaHasReferenceVars")
_GRADIENTS = ("forward_function_name", "backward_function_name")


class Definition(NamedTuple):
    """A function that can be registered and called.

    Attributes:
        functions: Definitions; the first one is called, by its name.
        variables: Which variables follow its own arguments, by number.
        results: A nest of their numbers.
    """

    functions: list[function_pb2.FunctionDef]
    variables: list[int]
    results: Any

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.functions[0].signature.name


def encode(
    graph: graph_pb2.GraphDef,
    name: str,
    types: Sequence[tf.DType],
    variables: Sequence[int],
    results: Any,
) -> bytes:
    """Returns a function as bytes.

    Args:
        graph: Optimized graph, with nodes for arguments and results.
        name: The function's new name, which is also in front of the names of functions
            that it calls: names of traces would be taken in another process.
        types: Of its arguments and variables; some may be missing in the graph.
        variables: As of `Definition`.
        results: Nest of dictionaries, lists and tuples, with anything as its leaves.

    Raises:
        ValueError: If it does more than to compute, or the nest has other types.
    """
    library = function_pb2.FunctionDefLibrary()
    library.function.append(_function(graph, types))
    library.function.extend(graph.library.function)
    _check(library)
    old = [each.signature.name for each in library.function]
    names = {each: f"{name}_{i}" for i, each in enumerate(old)}
    for function in library.function:
        _rename(function, names)
    record = {"variables": list(variables), "results": _as_json(results)}
    header = json.dumps(record).encode()
    return header + b"\n" + library.SerializeToString(deterministic=True)


def decode(data: bytes) -> Definition:
    """Returns the function that `encode` has made bytes of.

    Raises:
        ValueError: If they are no such bytes, or it does more than to compute.
    """
    header, _, rest = data.partition(b"\n")
    record, library = json.loads(header), function_pb2.FunctionDefLibrary()
    library.ParseFromString(rest)
    _check(library)
    results = _from_json(record["results"], itertools.count())
    return Definition(list(library.function), record["variables"], results)


def argument_names(graph: graph_pb2.GraphDef) -> dict[int, str]:
    """Returns the names that a graph's arguments were given, by number.

    What is not used may be left out.
    """
    nodes = _by_number(graph, ARGUMENT).items()
    return {i: node.attr["_user_specified_name"].s.decode() for i, node in nodes}


def _by_number(graph, kind):
    return {node.attr["index"].i: node for node in graph.node if node.op == kind}


def _body(graph: graph_pb2.GraphDef) -> graph_pb2.GraphDef:
    """Returns a graph with placeholders as its arguments and without its results."""
    body = graph_pb2.GraphDef(versions=graph.versions, library=graph.library)
    for node in graph.node:
        if node.op == RESULT:
            continue
        copy = body.node.add()
        copy.CopyFrom(node)
        _make_valid(copy)
        for note in _NOTES:
            copy.attr.pop(note, None)
        if node.op == ARGUMENT:
            copy.op = "Placeholder"
            copy.attr.clear()
            copy.attr["dtype"].CopyFrom(node.attr["T"])
    return body


def _make_valid(node: Any) -> None:
    """Names the operation that will be run where a pass has left one that is not valid.

    Where a processor has bfloat16, convolutions become fused ones of that type, which
    TensorFlow refuses in a graph that it gets. Later it replaces them by those of
    oneDNN, as its `MklLayoutRewritePass` does; so it is done here.
    """
    if node.op == FUSED[0] and node.attr["T"].type == tf.bfloat16.as_datatype_enum:
        node.op = FUSED[1]
        node.attr["is_filter_const"].b = False
        node.attr["_kernel"].s = b"MklNameChangeOp"


def _function(
    graph: graph_pb2.GraphDef, types: Sequence[tf.DType]
) -> function_pb2.FunctionDef:
    """Returns the definition of a function with a graph as its body."""
    name = f"definition_{id(graph)}"  # it is registered for a moment
    body = func_graph.FuncGraph(name)
    with body.as_default():
        tf.graph_util.import_graph_def(_body(graph), name="")

        unused = [tf.compat.v1.placeholder(each, name="unused") for each in types]

    def tensor(name):
        return body.get_tensor_by_name(name if ":" in name else f"{name}:0")

    inputs, results = _by_number(graph, ARGUMENT), _by_number(graph, RESULT)
    body.inputs = [
        tensor(inputs[i].name) if i in inputs else each for i, each in enumerate(unused)
    ]
    body.outputs = [tensor(results[i].input[0]) for i in range(len(results))]
    body.structured_outputs = body.outputs
    return atomic_function.from_func_graph(name, body, {}).definition


def _check(library: function_pb2.FunctionDefLibrary) -> None:
    own = {function.signature.name for function in library.function}
    kinds = {node.op for function in library.function for node in function.node_def}
    for kind in kinds - own - _READS:
        known = op_def_registry.get(kind)
        if known is None or (known.is_stateful and not kind.startswith(_STATELESS)):
            raise ValueError(f"{kind} does more than to compute")


def _rename(function: function_pb2.FunctionDef, names: Mapping[str, str]) -> None:
    """Renames a function and those that its nodes call."""
    function.signature.name = names[function.signature.name]
    for attribute in _GRADIENTS:
        function.attr.pop(attribute, None)
    for node in function.node_def:
        _make_valid(node)
        node.op = names.get(node.op, node.op)
        node.ClearField("experimental_debug_info")
        for note in _NOTES:
            node.attr.pop(note, None)
        for value in node.attr.values():
            called = [value.func] if value.HasField("func") else value.list.func
            for each in called:
                each.name = names[each.name]


# --- Results --------------------------------------------------------------------------


def _as_json(nest: Any) -> Any:
    """Returns a nest with 0 for each leaf; a list begins with the name of its type."""
    if type(nest) is dict:
        return {name: _as_json(nest[name]) for name in sorted(nest)}
    if type(nest) in (list, tuple) or _is_record(type(nest)):
        kind = f"{type(nest).__module__}:{type(nest).__qualname__}"
        return [kind, *map(_as_json, nest)]
    if tf.nest.is_nested(nest) or nest is None:
        raise ValueError(f"results of type {type(nest)}")
    return 0


def _from_json(record: Any, numbers: Iterator[int]) -> Any:
    """Returns a nest with the next numbers as its leaves."""
    if isinstance(record, dict):
        return {name: _from_json(each, numbers) for name, each in record.items()}
    if isinstance(record, list):
        parts = [_from_json(each, numbers) for each in record[1:]]
        kind = _type(record[0])
        return kind(*parts) if _is_record(kind) else kind(parts)
    return next(numbers)


def _is_record(kind: type) -> bool:
    """Whether a type is a `NamedTuple` of this package."""
    is_own = kind.__module__.partition(".")[0] == PACKAGE
    return is_own and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _type(name: str) -> type:
    """Returns the type of a name; nothing is imported for it."""
    module, _, name = name.partition(":")
    kind = getattr(sys.modules[module], name)
    if kind not in (list, tuple) and not _is_record(kind):
        raise ValueError(f"{name} is no type of results")
    return kind
