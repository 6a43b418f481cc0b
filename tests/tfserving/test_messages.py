"""Our messages are those of TensorFlow Serving, to the byte."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from mistakes import refusal

from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.messages import message_class

prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
metadata_pb2 = pytest.importorskip("tensorflow_serving.apis.get_model_metadata_pb2")
status_pb2 = pytest.importorskip("tensorflow_serving.apis.get_model_status_pb2")

THEIRS = {
    "TensorProto": tf.make_tensor_proto(0).__class__,
    "PredictRequest": predict_pb2.PredictRequest,
    "PredictResponse": predict_pb2.PredictResponse,
    "GetModelMetadataRequest": metadata_pb2.GetModelMetadataRequest,
    "GetModelMetadataResponse": metadata_pb2.GetModelMetadataResponse,
    "SignatureDefMap": metadata_pb2.SignatureDefMap,
    "GetModelStatusRequest": status_pb2.GetModelStatusRequest,
    "GetModelStatusResponse": status_pb2.GetModelStatusResponse,
    "PredictionLog": prediction_log_pb2.PredictionLog,
}
DTYPES = ["float32", "float64", "int32", "uint8", "int16", "int8", "uint16", "int64"]
DTYPES += ["bool", "float16", "uint32", "uint64"]
quick = settings(max_examples=40)
shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
numbers = some.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(np.dtype(dtype), shapes)
)
texts = arrays.arrays(
    object, shapes, elements=some.binary(max_size=9), fill=some.nothing()
)


def is_repeated(field):
    if hasattr(field, "is_repeated"):
        return field.is_repeated
    return field.label == field.LABEL_REPEATED  # before protobuf 6


def same_fields(ours, theirs, seen=()):
    """Each field of ours is one of theirs: number, type and repetition."""
    for field in ours.fields:
        other = theirs.fields_by_name[field.name]
        assert (field.number, is_repeated(field)) == (other.number, is_repeated(other))
        enums = {field.TYPE_ENUM, field.TYPE_INT32}  # of error codes we know no names
        assert field.type == other.type or {field.type, other.type} == enums
        assert field.is_packed == other.is_packed
        if field.message_type is not None and field.message_type.name not in seen:
            more = (*seen, field.message_type.name)
            same_fields(field.message_type, other.message_type, more)
        if field.enum_type is not None:
            values = {value.name: value.number for value in field.enum_type.values}
            others = {value.name: value.number for value in other.enum_type.values}
            assert values.items() <= others.items()


@pytest.mark.parametrize("name", THEIRS)
def test_every_field_has_the_number_and_the_type_of_theirs(name):
    same_fields(message_class(name).DESCRIPTOR, THEIRS[name].DESCRIPTOR)


def test_the_compiled_file_is_that_of_the_source(root, tmp_path):
    pytest.importorskip("grpc_tools")
    made, wire = tmp_path / "made", root / "vectormix_tf" / "tfserving"
    options = [f"--proto_path={wire}", f"--descriptor_set_out={made}"]
    # In a process of its own: beside TensorFlow the compiler crashes.
    command = [sys.executable, "-m", "grpc_tools.protoc", *options, "predict.proto"]
    subprocess.run(command, check=True, timeout=60)
    kind = descriptor_pb2.FileDescriptorSet
    committed = (wire / "predict.binpb").read_bytes()
    assert kind.FromString(made.read_bytes()) == kind.FromString(committed)


@quick
@given(numbers | texts)
def test_tensorflow_reads_what_we_write(array):
    data = messages.to_tensor(array).SerializeToString()
    theirs = tf.make_ndarray(THEIRS["TensorProto"].FromString(data))
    assert theirs.dtype == array.dtype and theirs.shape == array.shape
    np.testing.assert_array_equal(theirs, array)


@quick
@given(numbers | texts)
def test_we_read_what_tensorflow_writes(array):
    theirs = tf.make_tensor_proto(array, tf.as_dtype(array.dtype), array.shape)
    ours = message_class("TensorProto").FromString(theirs.SerializeToString())
    back = messages.to_array(ours)
    assert back.dtype == array.dtype and back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@quick
@given(numbers | texts, some.integers(0, 3))
def test_values_one_by_one_are_read_and_the_last_one_fills_the_rest(array, dropped):
    proto = THEIRS["TensorProto"](dtype=tf.as_dtype(array.dtype).as_datatype_enum)
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    flat = array.ravel()
    kept = flat[: max(min(1, flat.size), flat.size - dropped)]
    name = messages._DTYPES[messages._NAMES[array.dtype]][1]
    sent = kept.view(np.uint16) if array.dtype == np.float16 else kept
    getattr(proto, name).extend(sent.tolist())
    expected = np.empty_like(flat)
    expected[: kept.size] = kept
    if flat.size:
        expected[kept.size :] = kept[-1]
    ours = message_class("TensorProto").FromString(proto.SerializeToString())
    np.testing.assert_array_equal(
        messages.to_array(ours), expected.reshape(array.shape)
    )


@pytest.mark.parametrize("dtype", [*DTYPES, object])
def test_no_values_at_all_are_zeros(dtype):
    tensor = messages.to_tensor(np.ones([0], dtype))
    tensor.tensor_shape.dim[0].size = 2
    array = messages.to_array(tensor)
    assert array.tolist() == ([b"", b""] if dtype is object else [0, 0])


@quick
@given(
    some.dictionaries(some.text(max_size=5), numbers | texts, max_size=3), some.data()
)
def test_a_request_is_the_same_for_both(inputs, data):
    version = data.draw(some.none() | some.integers(0, 2**60))
    ours = messages.predict_request("a model", version, "mix", inputs)
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.name == "a model"
    assert theirs.model_spec.signature_name == "mix"
    assert theirs.model_spec.HasField("version") == (version is not None)
    assert theirs.model_spec.version.value == (version or 0)
    assert sorted(theirs.inputs) == sorted(inputs)
    for name, array in inputs.items():
        np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs[name]), array)
    back = message_class("PredictRequest").FromString(theirs.SerializeToString())
    assert back == ours


def test_a_warm_up_record_is_one_of_theirs():
    record = messages.warm_up("vectormix", "mix", {"steps": 1, "alpha": 0.5})
    theirs = prediction_log_pb2.PredictionLog.FromString(record)
    assert theirs.WhichOneof("log_type") == "predict_log"
    request = theirs.predict_log.request
    assert request.model_spec.signature_name == "mix"
    assert tf.make_ndarray(request.inputs["steps"]) == np.int32(1)
    assert tf.make_ndarray(request.inputs["alpha"]) == np.float32(0.5)


@pytest.mark.parametrize(
    "value, name",
    [
        (b"\xff\0", "DT_STRING"),
        ("é", "DT_STRING"),
        (True, "DT_BOOL"),
        (-3, "DT_INT32"),
        (0.1, "DT_FLOAT"),
        (1e300, "DT_FLOAT"),
        (np.float64(0.1), "DT_FLOAT"),
        (np.int64(3), "DT_INT64"),
        (["a", "b"], "DT_STRING"),
    ],
)
def test_a_value_has_the_type_that_the_model_expects(value, name):
    assert messages.dtype_name(messages.to_tensor(value).dtype) == name


def test_what_cannot_be_sent_is_told():
    assert "too large" in refusal(messages.to_tensor, 2**31)
    assert "complex128 cannot be sent" in refusal(messages.to_tensor, 1j)
    assert "hold no int" in refusal(messages.to_tensor, np.array([1], object))
    assert "inhomogeneous" in refusal(messages.to_tensor, [[1], [2, 3]])
    assert r"'\ud800' is not Unicode" in refusal(messages.to_tensor, "\ud800")


def test_a_tensor_that_cannot_be_read_is_told():
    tensor = messages.to_tensor(np.zeros([2, 2], np.float32))
    tensor.tensor_shape.dim[0].size = 3
    assert "float32 [3, 2]" in refusal(messages.to_array, tensor)
    tensor.tensor_shape.dim[0].size = -1
    assert "[-1, 2]" in refusal(messages.to_array, tensor)
    tensor = messages.to_tensor(b"a")
    tensor.tensor_content = b"\1a"
    assert "2 bytes" in refusal(messages.to_array, tensor)
    tensor = messages.to_tensor(0)
    tensor.dtype = 8
    assert "DT_8" in refusal(messages.to_array, tensor)
    for dtype, field in ((np.int8, "int_val"), (np.float16, "half_val")):
        tensor = messages.to_tensor(np.zeros([1], dtype))
        tensor.tensor_content = b""
        getattr(tensor, field).append(70_000)
        assert "cannot be read" in refusal(messages.to_array, tensor)
    tensor = messages.to_tensor(0)
    tensor.tensor_shape.unknown_rank = True
    assert "cannot be read" in refusal(messages.to_array, tensor)


def test_json_has_no_tensors_of_unknown_types():
    assert "JSON has no values of type DT_8" in refusal(messages.from_json, 1, "DT_8")


@quick
@given(numbers | texts)
def test_json_goes_there_and_back(array):
    name = messages._NAMES[array.dtype]
    value = json.loads(json.dumps(messages.as_json(array.tolist())))
    back = messages.from_json(value, name)
    shape = array.shape  # what has no entries loses the sides behind the first zero
    shape = shape[: shape.index(0) + 1] if 0 in shape else shape
    assert back.dtype == array.dtype and back.shape == shape
    np.testing.assert_array_equal(back, array.reshape(shape))


def test_threads_that_begin_at_once_have_the_same_messages(monkeypatch):
    """Eight clients did not: each had a pool of its own, and none fits another's."""
    files = messages.importlib.resources.files

    def slow(package):
        time.sleep(0.05)
        return files(package)

    monkeypatch.setattr(messages.importlib.resources, "files", slow)
    messages._pool.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        pools = set(threads.map(lambda _: id(message_class("ModelSpec")), range(8)))
    assert len(pools) == 1
    messages.predict_request("mix", None, "mix", {"alpha": 0.5})
