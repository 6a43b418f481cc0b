"""Messages: what goes over the wire to TensorFlow Serving and back.

`tensorflow-serving-api` has these messages as well, but importing it loads TensorFlow.
Ours come from `predict.proto` and are the same bytes.
"""

import base64
import functools
import importlib.resources
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from vectormix_tf.errors import InputError

PACKAGE = "vectormix.wire"
# Of a request that our server takes, unless it is told otherwise; the state of a mix of
# 1024 pixels is a third of it.
MAX_BYTES = 1 << 29

# DataType: NumPy's name, and the field that holds values of that kind one by one.
_KINDS = {
    "DT_FLOAT": ("float32", "float_val"),
    "DT_DOUBLE": ("float64", "double_val"),
    "DT_INT32": ("int32", "int_val"),
    "DT_UINT8": ("uint8", "int_val"),
    "DT_INT16": ("int16", "int_val"),
    "DT_INT8": ("int8", "int_val"),
    "DT_UINT16": ("uint16", "int_val"),
    "DT_STRING": ("object", "string_val"),
    "DT_INT64": ("int64", "int64_val"),
    "DT_BOOL": ("bool", "bool_val"),
    "DT_HALF": ("float16", "half_val"),
    "DT_UINT32": ("uint32", "uint32_val"),
    "DT_UINT64": ("uint64", "uint64_val"),
}
_BY_DTYPE = {np.dtype(dtype): kind for kind, (dtype, _) in _KINDS.items()}


# `functools.cache` alone would let two threads make two of what must be one.
_FIRST = threading.RLock()


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    """Not protobuf's own: there another package may have the same names."""
    data = importlib.resources.files("vectormix_tf").joinpath("tfserving/predict.binpb")
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def kind(name: str) -> type:
    """The class of a message in `predict.proto`, by its name."""
    with _FIRST:
        found = _pool().FindMessageTypeByName(f"{PACKAGE}.{name}")
        return message_factory.GetMessageClass(found)


def _data_types():
    with _FIRST:
        return _pool().FindEnumTypeByName(f"{PACKAGE}.DataType")


def dtype_name(number: int) -> str:
    """Returns e.g. "DT_FLOAT" for 1; "DT_8" for a type that is not known here."""
    found = _data_types().values_by_number.get(number)
    return found.name if found is not None else f"DT_{number}"


def as_array(value: Any) -> np.ndarray:
    """Returns a value as it is sent.

    Args:
        value: An array; or one number or text: bytes and str become DT_STRING, bool
            DT_BOOL, int DT_INT32 and float DT_FLOAT.

    Raises:
        InputError: If there is no such tensor.
    """
    if isinstance(value, bytes | str):
        array = np.empty((), object)
        array[()] = value
        return array
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return np.array(value, np.int32)
        except OverflowError:
            raise InputError(f"{value} is too large for an int32.") from None
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return np.array(value, np.float32)
    array = np.asarray(value)
    if array.dtype.kind in "SU":
        array = array.astype(object)
    if array.dtype not in _BY_DTYPE:
        raise InputError(f"{array.dtype} cannot be sent; use numbers, bytes or text.")
    return array


def to_tensor(value: Any) -> Any:
    """Returns a value, see `as_array`, as a TensorProto."""
    array = as_array(value)
    tensor = kind("TensorProto")()
    name = _BY_DTYPE[array.dtype]
    tensor.dtype = _data_types().values_by_name[name].number
    tensor.tensor_shape.SetInParent()  # a scalar has one, too
    for side in array.shape:
        tensor.tensor_shape.dim.add(size=side)
    if name == "DT_STRING":
        tensor.string_val.extend(map(_as_bytes, array.ravel().tolist()))
    else:
        ordered = array.astype(array.dtype.newbyteorder("<"), copy=False)
        tensor.tensor_content = ordered.tobytes()
    return tensor


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise InputError(f"an array of texts must hold no {type(value).__name__}.")
    return value


def to_array(tensor: Any) -> np.ndarray:
    """Returns a TensorProto as an array; one of strings holds bytes objects.

    As in TensorFlow, values are in `tensor_content` or in a field of their kind; there
    the last one stands for all that are left out, and none for zeros.

    Raises:
        InputError: If it is none that can be read.
    """
    shape = [each.size for each in tensor.tensor_shape.dim]
    name = dtype_name(tensor.dtype)
    if (
        name not in _KINDS
        or tensor.tensor_shape.unknown_rank
        or min(shape, default=0) < 0
    ):
        raise InputError(f"a tensor of {name} {shape} came, which cannot be read.")
    count = math.prod(shape)
    dtype, field = _KINDS[name]
    if tensor.tensor_content:
        return _from_content(tensor.tensor_content, dtype, shape)
    values = list(getattr(tensor, field)[:count])
    filler = values[-1] if values else b"" if name == "DT_STRING" else 0
    values += [filler] * (count - len(values))
    if name == "DT_HALF":  # their bits
        return np.array(values, np.uint16).view(np.float16).reshape(shape)
    array = np.empty(count, dtype)
    array[:] = values
    return array.reshape(shape)


def _from_content(content: bytes, dtype: str, shape: list[int]) -> np.ndarray:
    stored = np.dtype(dtype).newbyteorder("<")
    if stored.hasobject or len(content) != math.prod(shape) * stored.itemsize:
        raise InputError(
            f"a tensor of {dtype} {shape} came with {len(content)} bytes of content,"
            " which cannot be read."
        )
    return np.frombuffer(content, stored).astype(dtype).reshape(shape)


def as_json(value: Any, texts: bool = False) -> Any:
    """Returns an array's `tolist()` as TensorFlow Serving has it in JSON.

    Args:
        value: Numbers, text and bytes, in lists or not.
        texts: Whether bytes are text; otherwise they become `{"b64": ...}`.
    """
    if isinstance(value, list):
        return [as_json(each, texts) for each in value]
    if not isinstance(value, bytes):
        return value
    if texts:
        return value.decode(errors="replace")
    return {"b64": base64.b64encode(value).decode()}


def from_json(value: Any, name: str) -> np.ndarray:
    """Returns an array of what JSON holds; one of strings holds bytes objects.

    Args:
        value: Numbers, text or `{"b64": ...}`, in lists of lists or not.
        name: The type that it has to be: "DT_FLOAT", ...

    Raises:
        InputError: If it is of another type, or lists have different lengths.
    """
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if len(shape) > _DEEPEST:
        raise InputError(f"lists in JSON are at most {_DEEPEST} deep.")
    dtype = np.dtype(_KINDS[name][0]) if name in _KINDS else None
    read = _READERS.get(dtype and dtype.kind)
    if read is None:
        raise InputError(f"JSON holds no {name}.")
    leaves = []
    for leaf in _leaves(value, shape):
        try:
            leaves.append(dtype.type(read(leaf)) if dtype.kind in "iu" else read(leaf))
        except (TypeError, ValueError, OverflowError):
            text = json.dumps(leaf)
            text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            raise InputError(f"JSON value {text} is not of type {name}.") from None
    array = np.empty(len(leaves), dtype)
    with np.errstate(over="ignore"):
        array[:] = leaves
    return array.reshape(shape)


def _leaves(value: Any, shape: list[int]) -> Iterator[Any]:
    if not shape:
        yield value
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise InputError("lists in JSON must all be of the same length and depth.")
    for each in value:
        yield from _leaves(each, shape[1:])


def _of(*types: type) -> Callable[[Any], Any]:
    def read(value):
        # JSON's true is no number, though Python's is.
        if not isinstance(value, types) or isinstance(value, bool) != (bool in types):
            raise TypeError
        return value

    return read


def _string(value: Any) -> bytes:
    if isinstance(value, dict) and list(value) == ["b64"]:
        return base64.b64decode(value["b64"], validate=True)
    return _of(str)(value).encode()


# By NumPy's letter for the kind of an array.
_READERS = {
    "O": _string,
    "b": _of(bool),
    "f": _of(int, float),
    "i": _of(int),
    "u": _of(int),
}
_DEEPEST = 32
_SHOWN = 40  # letters of a wrong value


def predict_request(
    model: str, version: int | None, signature: str, inputs: Mapping[str, Any]
) -> Any:
    """Returns a PredictRequest.

    Args:
        model: Its name.
        version: None for the newest.
        signature: Its name.
        inputs: Values by name, see `as_array`.
    """
    request = kind("PredictRequest")()
    request.model_spec.CopyFrom(model_spec(model, version, signature))
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_tensor(value))
    return request


def model_spec(model: str, version: int | None = None, signature: str = "") -> Any:
    """Returns a ModelSpec: which model, and what of it."""
    spec = kind("ModelSpec")(name=model, signature_name=signature)
    if version is not None:
        spec.version.value = version
    return spec


def warm_up(
    model: str, signature: str, inputs: Mapping[str, Any], version: int | None = None
) -> bytes:
    """Returns a record of `assets.extra/tf_serving_warmup_requests`.

    Args:
        model: Its name.
        signature: The one that is called when the model has been loaded.
        inputs: Values by name, see `as_array`.
        version: None for whichever is loaded.

    Returns:
        A serialized PredictionLog; the same arguments always give the same bytes.
    """
    log = kind("PredictionLog")()
    request = predict_request(model, version, signature, inputs)
    log.predict_log.request.CopyFrom(request)
    return log.SerializeToString(deterministic=True)
