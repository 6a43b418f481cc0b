"""TensorFlow Serving's messages as protobuf and JSON, without TensorFlow.

Importing `tensorflow-serving-api` loads TensorFlow. The messages here are built from
`predict.proto`, which declares the same fields, and serialize to the same bytes.
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
# Default limit on a request to the server of this package: three times the state of a
# mix of 1024 pixels.
MAX_BYTES = 1 << 29

# {name of a DataType: (NumPy dtype, repeated field of TensorProto for its values)}
_DTYPES = {
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
_NAMES = {np.dtype(dtype): name for name, (dtype, _) in _DTYPES.items()}

# Under `functools.cache` alone two threads could each build a pool, and classes of two
# pools do not mix.
_LOCK = threading.RLock()


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    """A pool of its own: in protobuf's default one the same names may be taken."""
    data = importlib.resources.files("vectormix_tf").joinpath("tfserving/predict.binpb")
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(data.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def message_class(name: str) -> type:
    """Returns the class of a message in `predict.proto`, e.g. "TensorProto"."""
    with _LOCK:
        descriptor = _pool().FindMessageTypeByName(f"{PACKAGE}.{name}")
        return message_factory.GetMessageClass(descriptor)


def _data_types():
    with _LOCK:
        return _pool().FindEnumTypeByName(f"{PACKAGE}.DataType")


def dtype_name(number: int) -> str:
    """Returns e.g. "DT_FLOAT" for 1, and "DT_8" for a number without a name here."""
    value = _data_types().values_by_number.get(number)
    return value.name if value is not None else f"DT_{number}"


def as_array(value: Any) -> np.ndarray:
    """Returns a value as an array of a dtype that TensorFlow has.

    Args:
        value: An array, or a scalar: bytes and str become object (DT_STRING), bool
            becomes bool, int becomes int32 and float becomes float32.

    Raises:
        InputError: If TensorFlow has no such type, an int does not fit int32, or lists
            have different lengths.
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
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise InputError(f"a value cannot be sent: {error}") from error
    if array.dtype.kind in "SU":
        array = array.astype(object)
    if array.dtype not in _NAMES:
        raise InputError(f"{array.dtype} cannot be sent; use numbers, bytes or text.")
    return array


def to_tensor(value: Any) -> Any:
    """Returns a value, which may be all that `as_array` takes, as a TensorProto.

    Raises:
        InputError: If it cannot be sent.
    """
    array = as_array(value)
    tensor = message_class("TensorProto")()
    name = _NAMES[array.dtype]
    tensor.dtype = _data_types().values_by_name[name].number
    tensor.tensor_shape.SetInParent()  # a scalar has an empty shape, not none
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
        try:
            return value.encode()
        except UnicodeEncodeError as error:  # half of a character, from a file's name
            raise InputError(f"{value!a} is not Unicode; send its bytes.") from error
    if not isinstance(value, bytes):
        raise InputError(f"an array of strings must hold no {type(value).__name__}.")
    return value


def to_array(tensor: Any) -> np.ndarray:
    """Returns a TensorProto as an array; one of strings holds bytes objects.

    As in tensorflow/core/framework/tensor.proto, values are in `tensor_content` or in
    the repeated field of their type. There the last value repeats to fill the shape,
    and an empty field means zeros.

    Raises:
        InputError: If its type, shape or content cannot be read.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    name = dtype_name(tensor.dtype)
    if (
        name not in _DTYPES
        or tensor.tensor_shape.unknown_rank
        or min(shape, default=0) < 0
    ):
        raise InputError(f"a tensor of {name} {shape} cannot be read.")
    count = math.prod(shape)
    dtype, field = _DTYPES[name]
    if tensor.tensor_content:
        return _from_content(tensor.tensor_content, dtype, shape)
    values = list(getattr(tensor, field)[:count])
    filler = values[-1] if values else b"" if name == "DT_STRING" else 0
    values += [filler] * (count - len(values))
    array = np.empty(count, np.uint16 if name == "DT_HALF" else dtype)
    try:
        array[:] = values
    except OverflowError as error:
        raise InputError(f"a tensor of {name} cannot be read: {error}.") from error
    return array.view(dtype).reshape(shape)  # `half_val` holds the bits of each value


def _from_content(content: bytes, dtype: str, shape: list[int]) -> np.ndarray:
    stored = np.dtype(dtype).newbyteorder("<")
    if stored.hasobject or len(content) != math.prod(shape) * stored.itemsize:
        raise InputError(
            f"a tensor of {dtype} {shape} cannot be read: it has {len(content)} bytes"
            " of content."
        )
    return np.frombuffer(content, stored).astype(dtype).reshape(shape)


def as_json(value: Any, texts: bool = False) -> Any:
    """Returns an array's `tolist()` as TensorFlow Serving writes it in JSON.

    Args:
        value: Numbers, str and bytes, or nested lists of them.
        texts: Whether bytes are UTF-8 text; otherwise they become `{"b64": ...}`.
    """
    if isinstance(value, list):
        return [as_json(item, texts) for item in value]
    if not isinstance(value, bytes):
        return value
    if texts:
        return value.decode(errors="replace")
    return {"b64": base64.b64encode(value).decode()}


def from_json(value: Any, name: str) -> np.ndarray:
    """Returns a JSON value as an array; one of strings holds bytes objects.

    Args:
        value: Numbers, text or `{"b64": ...}`, or nested lists of them.
        name: Type of the tensor, e.g. "DT_FLOAT".

    Raises:
        InputError: If a value is not of this type, or lists have different lengths.
    """
    shape, inner = [], value
    while isinstance(inner, list):
        shape.append(len(inner))
        inner = inner[0] if inner else None
    if len(shape) > _DEEPEST:
        raise InputError(f"lists in JSON are at most {_DEEPEST} deep.")
    dtype = np.dtype(_DTYPES[name][0]) if name in _DTYPES else None
    read = _READERS.get(dtype and dtype.kind)
    if read is None:
        raise InputError(f"JSON has no values of type {name}.")
    leaves = []
    for leaf in _leaves(value, shape):
        try:
            leaves.append(_within(read(leaf), dtype))
        except (TypeError, ValueError, OverflowError):
            text = json.dumps(leaf)
            text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            raise InputError(f"JSON value {text} is not of type {name}.") from None
    array = np.empty(len(leaves), dtype)
    with np.errstate(over="ignore"):
        array[:] = leaves
    return array.reshape(shape)


def _within(value: Any, dtype: np.dtype) -> Any:
    """Returns a value, unless it is an integer that the type does not have."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= value <= limits.max:
            raise OverflowError  # NumPy 1 would wrap it around
    return value


def _leaves(value: Any, shape: list[int]) -> Iterator[Any]:
    if not shape:
        yield value
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise InputError("lists in JSON must all be of the same length and depth.")
    for item in value:
        yield from _leaves(item, shape[1:])


def _instance_of(*types: type) -> Callable[[Any], Any]:
    def read(value):
        # In Python True is an int; in JSON true is not a number.
        if not isinstance(value, types) or isinstance(value, bool) != (bool in types):
            raise TypeError
        return value

    return read


def _string(value: Any) -> bytes:
    if isinstance(value, dict) and list(value) == ["b64"]:
        return base64.b64decode(value["b64"], validate=True)
    return _instance_of(str)(value).encode()


# By `np.dtype.kind`.
_READERS = {
    "O": _string,
    "b": _instance_of(bool),
    "f": lambda value: float(_instance_of(int, float)(value)),
    "i": _instance_of(int),
    "u": _instance_of(int),
}
_DEEPEST = 32
_SHOWN = 40  # characters of a wrong value in an error


def predict_request(
    model: str, version: int | None, signature: str, inputs: Mapping[str, Any]
) -> Any:
    """Returns a PredictRequest.

    Args:
        model: Name of the model.
        version: Version of the model; None for the newest.
        signature: Key of the signature.
        inputs: Values by name; see `as_array`.

    Raises:
        InputError: If a value cannot be sent.
    """
    request = message_class("PredictRequest")()
    request.model_spec.CopyFrom(model_spec(model, version, signature))
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_tensor(value))
    return request


def model_spec(model: str, version: int | None = None, signature: str = "") -> Any:
    """Returns a ModelSpec; version None is the newest."""
    spec = message_class("ModelSpec")(name=model, signature_name=signature)
    if version is not None:
        spec.version.value = version
    return spec


def warm_up(
    model: str, signature: str, inputs: Mapping[str, Any], version: int | None = None
) -> bytes:
    """Returns a record for `assets.extra/tf_serving_warmup_requests`.

    Args:
        model: Name of the model.
        signature: Key of the signature that is called after the model was loaded.
        inputs: Values by name; see `as_array`.
        version: Version of the model; None for the one that is loaded.

    Returns:
        A serialized PredictionLog; the same arguments always give the same bytes.
    """
    log = message_class("PredictionLog")()
    request = predict_request(model, version, signature, inputs)
    log.predict_log.request.CopyFrom(request)
    return log.SerializeToString(deterministic=True)
