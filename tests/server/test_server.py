"""Our server keeps TensorFlow Serving's contract, and goes on after what is wrong."""

import base64
import gc
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import requests
import tensorflow as tf
from mistakes import refusal
from requests_of_toy import PAIR, REST

from vectormix_tf.cli import main as cli_main
from vectormix_tf.cli import signals
from vectormix_tf.client import connection
from vectormix_tf.client import runs as client
from vectormix_tf.tfserving import messages, versions

grpc = pytest.importorskip("grpc")
pytest.importorskip("tensorflow_serving.apis")

from tensorflow_serving.apis import (  # noqa: E402
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from vectormix_tf.server import model as models  # noqa: E402
from vectormix_tf.server.model import RequestError, ServedModel, newest  # noqa: E402
from vectormix_tf.server.server import Server  # noqa: E402

ROOT = "/v1/models/vectormix"


def b64(data):
    return {"b64": base64.b64encode(data).decode()}


@pytest.fixture
def rest(server):
    """Asks over REST: (method, path, body or None) -> (status, answer)."""

    def ask(method, path, body=None):
        data = json.dumps(body) if isinstance(body, dict) else body
        answer = requests.request(method, server.rest + path, data=data, timeout=30)
        assert answer.headers["content-type"] == "application/json"
        return answer.status_code, answer.json()

    return ask


def predicted(rest, **body):
    status, answer = rest("POST", f"{ROOT}:predict", body)
    assert status == 200, answer
    return answer


def refused(rest, body, path=f"{ROOT}:predict"):
    status, answer = rest("POST", path, body)
    assert list(answer) == ["error"]
    return status, answer["error"]


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.grpc.removeprefix("grpc://")) as found:
        yield found


# --- REST -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["", "/versions/3"])
def test_status_and_metadata_are_those_of_tensorflow_serving(rest, version):
    assert rest("GET", ROOT + version) == (
        200,
        {
            "model_version_status": [
                {
                    "version": "3",
                    "state": "AVAILABLE",
                    "status": {"error_code": "OK", "error_message": ""},
                }
            ]
        },
    )
    status, answer = rest("GET", f"{ROOT}{version}/metadata")
    assert status == 200
    spec = {"name": "vectormix", "signature_name": "", "version": "3"}
    assert answer["model_spec"] == spec
    mix = answer["metadata"]["signature_def"]["signature_def"]["mix"]
    assert mix["inputs"]["alpha"]["dtype"] == "DT_FLOAT"
    shape = {"dim": [], "unknown_rank": False}
    assert mix["inputs"]["alpha"]["tensor_shape"] == shape
    assert mix["method_name"] == "tensorflow/serving/predict"


def test_columns_have_names_and_a_single_one_has_none(rest):
    inputs = {"a_bytes": ["x", b64(b"\xff")], "b": [[1, 2], [3, 4]]}
    answer = predicted(
        rest, signature_name="rows", inputs=inputs | {"a_bytes": ["x", "y"]}
    )
    assert answer == {
        "outputs": {
            "twice_bytes": [b64(b"xx"), b64(b"yy")],
            "text": ["x", "y"],
            "sum": [3, 7],
            "ok": [[True, True], [True, True]],
        }
    }
    found = predicted(rest, signature_name="rows", inputs=inputs)["outputs"]
    assert found["twice_bytes"][1] == b64(b"\xff\xff")
    for values in ({"x": [1, 2.5]}, [1, 2.5]):
        answer = predicted(rest, signature_name="twice", inputs=values)
        assert answer == {"outputs": [2.0, 5.0]}
    text = predicted(rest, signature_name="about", inputs="limits")["outputs"]
    assert json.loads(text)["size"] == 128


def test_rows_have_names_and_a_single_one_has_none(rest):
    rows = [{"a_bytes": b64(b"x"), "b": [1, 2]}, {"a_bytes": "y", "b": [3, -4]}]
    answer = predicted(rest, signature_name="rows", instances=rows)
    assert answer == {
        "predictions": [
            {"twice_bytes": b64(b"xx"), "text": "x", "sum": 3, "ok": [True, True]},
            {"twice_bytes": b64(b"yy"), "text": "y", "sum": -1, "ok": [True, False]},
        ]
    }
    for rows in ([{"x": 1}, {"x": 2}], [1, 2]):
        answer = predicted(rest, signature_name="twice", instances=rows)
        assert answer == {"predictions": [2.0, 4.0]}


def test_numbers_that_are_none_go_both_ways(server):
    body = b'{"signature_name": "twice", "inputs": [NaN, Infinity, -Infinity, 1e300]}'
    answer = requests.post(f"{server.rest}{ROOT}:predict", body, timeout=30)
    assert answer.text == '{"outputs": [NaN, Infinity, -Infinity, Infinity]}'


def test_what_is_asked_for_must_be_there(rest):
    body = {"signature_name": "about", "inputs": "mix"}
    other = "/v1/models/other"
    for path, words in [
        (f"{other}:predict", "Servable not found for request: Latest(other)"),
        (f"{ROOT}/versions/4:predict", "Specific(vectormix, 4)"),
    ]:
        status, error = refused(rest, body, path)
        assert status == 404 and words in error
    assert rest("GET", other)[0] == rest("GET", f"{other}/metadata")[0] == 404
    status, answer = rest("GET", f"{ROOT}/versions/4")
    error = "Could not find any versions of model vectormix with version 4"
    assert (status, answer) == (404, {"error": error})
    status, answer = rest("GET", f"{ROOT}/labels/stable")
    assert (status, "label: stable" in answer["error"]) == (400, True)


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/"),
        ("GET", "/v1/models"),
        ("GET", f"{ROOT}:predict"),
        ("POST", ROOT),
        ("POST", f"{ROOT}:classify"),
        ("DELETE", ROOT),
        ("OPTIONS", ROOT),
        ("TRACE", ROOT),
        ("SAVE", ROOT),
        ("GET", f"{ROOT}/versions/{'9' * 30}"),
    ],
)
def test_a_path_that_is_none_is_malformed(rest, method, path):
    assert rest(method, path) == (400, {"error": f"Malformed request: {method} {path}"})


IMAGE = {"image_bytes": b64(PAIR["content_bytes"]), "size": 80}


@pytest.mark.parametrize(
    "body, words",
    [
        (b"", "JSON Parse error"),
        (b"{", "JSON Parse error"),
        (b"\xff", "JSON Parse error"),
        (b"[" * 100_000, "JSON Parse error"),
        (b'{"signature_name": "\\ud800", "inputs": {}}', "not found in signature def"),
        (b'{"signature_name": "about", "inputs": "\\ud800"}', "not of type DT_STRING"),
        (
            b'{"signature_name": "about", "inputs": {"b64": "/w=="}}',
            "there is no",
        ),
        (
            b'{"signature_name": "twice", "inputs": [1%s]}' % (b"0" * 400),
            "is not of type DT_FLOAT",
        ),
        (b"[]", "JSON must be an object"),
        ({}, 'Serving signature name: "serving_default" not found'),
        ({"signature_name": "no", "inputs": {}}, '"no" not found in signature def'),
        ({"signature_name": ["mix"], "inputs": {}}, "not found in signature def"),
        ({"signature_name": "about"}, "either 'instances' or 'inputs'"),
        (
            {"signature_name": "about", "inputs": "a", "instances": []},
            "either 'instances' or 'inputs'",
        ),
        ({"signature_name": "features", "inputs": 3}, "a value for each input"),
        ({"signature_name": "features", "inputs": {"size": 3}}, "Missing named input"),
        (
            {"signature_name": "features", "inputs": IMAGE | {"beta": 0}},
            "Unknown named input: beta",
        ),
        ({"signature_name": "features", "instances": [3]}, "a value for each input"),
        ({"signature_name": "features", "instances": []}, "that is not empty"),
        ({"signature_name": "features", "instances": 3}, "that is not empty"),
        ({"signature_name": "twice", "inputs": {"x": ["1"]}}, 'value "1" is not of'),
        ({"signature_name": "twice", "inputs": [True]}, "value true is not of"),
        (
            {"signature_name": "twice", "inputs": ["1" * 99]},
            '1..." is not'.replace('"', ""),
        ),
        ({"signature_name": "twice", "inputs": [[1], [2, 3]]}, "same length"),
        ({"signature_name": "twice", "inputs": [1, [2]]}, "not of type"),
        ({"signature_name": "twice", "inputs": [[1]]}, "to have shape"),
        (
            {"signature_name": "features", "inputs": IMAGE | {"size": 2**31}},
            "is not of type DT_INT32",
        ),
        (
            {"signature_name": "features", "inputs": IMAGE | {"size": 1.5}},
            "is not of type DT_INT32",
        ),
        (
            {
                "signature_name": "features",
                "inputs": IMAGE | {"image_bytes": {"b64": "?"}},
            },
            "is not of type DT_STRING",
        ),
        (
            {"signature_name": "features", "inputs": IMAGE | {"image_bytes": 3}},
            "is not of type DT_STRING",
        ),
        ({"signature_name": "features", "instances": [IMAGE]}, "to have shape"),
    ],
)
def test_a_body_that_is_wrong_is_told(rest, body, words):
    status, error = refused(rest, body)
    assert status == 400 and words in error
    assert predicted(rest, signature_name="twice", inputs=[1]) == {"outputs": [2.0]}


@pytest.mark.parametrize(
    "line, status",
    [
        (f"GET http://vectormix{ROOT} HTTP/1.1", 200),
        ("OPTIONS * HTTP/1.1", 400),
        ("GET http://vectormix HTTP/1.1", 400),
    ],
)
def test_a_whole_url_or_none_as_a_target_is_answered_in_json(server, line, status):
    host, port = server.rest.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as raw:
        raw.sendall(f"{line}\r\nHost: [\r\nConnection: close\r\n\r\n".encode())
        head, _, body = raw.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status)
    assert list(json.loads(body)) == [
        "error" if status == 400 else "model_version_status"
    ]


def test_the_highest_number_of_a_version_is_not_found_over_both(rest, server):
    highest = 2**63 - 1
    assert rest("GET", f"{ROOT}/versions/{highest}")[0] == 404
    connected = client.connect(f"{server.grpc}/vectormix/{highest}")
    with connected, pytest.raises(client.ServerError) as caught:
        connected.status()
    assert caught.value.code == "NOT_FOUND"


def test_deep_lists_are_told(rest):
    lists = "[" * 900 + "]" * 900
    body = f'{{"signature_name": "twice", "inputs": {lists}}}'.encode()
    assert refused(rest, body) == (400, "lists in JSON are at most 32 deep.")


def test_a_mistake_of_ours_is_an_answer_too(rest, server, monkeypatch, caplog):
    monkeypatch.setattr(server.model, "predict", lambda *_: 1 / 0)
    status, error = refused(rest, {"signature_name": "twice", "inputs": [1]})
    assert status == 500 and "internal error: ZeroDivisionError" in error
    assert "ZeroDivisionError" in caplog.text


def test_a_request_that_gets_no_memory_is_told(rest, server, monkeypatch):
    def predict(*_):
        raise MemoryError

    monkeypatch.setattr(server.model, "predict", predict)
    status, error = refused(rest, {"signature_name": "twice", "inputs": [1]})
    assert (status, error) == (429, "there is not enough memory for the request")


def test_outputs_without_rows_are_told(rest, server, monkeypatch):
    monkeypatch.setattr(server.model, "predict", lambda *_: {"y": np.zeros(3)})
    status, error = refused(rest, {"signature_name": "twice", "instances": [1]})
    assert status == 400 and "output y has no row for each instance" in error


def test_a_body_that_is_too_large_is_read_and_refused(rest, server):
    status, error = refused(rest, bytes(5 << 20))
    assert status == 413
    assert error == "the request has 5242880 bytes, over the limit of 1048576"
    at_most = b'{"signature_name": "twice", "inputs": [1]}'.ljust(1 << 20)
    assert rest("POST", f"{ROOT}:predict", at_most) == (200, {"outputs": [2.0]})


def test_a_client_that_goes_away_harms_no_one(rest, server):
    host, port = server.rest.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("POST", f"{ROOT}:predict")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"{")
    connection.close()
    assert predicted(rest, signature_name="twice", inputs=[1]) == {"outputs": [2.0]}


# --- gRPC, by the stubs of tensorflow-serving-api -------------------------------------


def test_their_stubs_call_a_signature(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "vectormix"
    request.model_spec.signature_name = "mix"
    for name, value in {**PAIR, **REST}.items():
        kind = tf.float32 if name == "alpha" else None
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value, kind))
    answer = stub.Predict(request, 30)
    assert answer.model_spec.version.value == 3
    assert tf.make_ndarray(answer.outputs["losses"]).shape == (5, 3)
    image = tf.io.decode_png(answer.outputs["image_bytes"].string_val[0])
    assert image.shape == (64, 80, 3)
    request.output_filter.append("losses")
    assert list(stub.Predict(request, 30).outputs) == ["losses"]


def test_their_stubs_get_status_and_metadata(channel):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "vectormix"
    stub = model_service_pb2_grpc.ModelServiceStub(channel)
    (status,) = stub.GetModelStatus(request, 30).model_version_status
    assert (status.version, status.state) == (3, status.AVAILABLE)
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "vectormix"
    request.metadata_field.append("signature_def")
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    answer = stub.GetModelMetadata(request, 30)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    assert found.signature_def["mix"].inputs["steps"].dtype == tf.int32
    request.metadata_field.append("more")
    assert refused_by(stub.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"


def refused_by(call, request):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, 30)
    return caught.value.code().name, caught.value.details()


def test_a_grpc_request_that_gets_no_memory_is_told(channel, server, monkeypatch):
    def specs(_):
        raise MemoryError

    monkeypatch.setattr(server.model, "specs", specs)
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "vectormix"
    expected = "RESOURCE_EXHAUSTED", "there is not enough memory for the request"
    assert refused_by(stub.Predict, request) == expected


def test_what_no_client_of_ours_would_send_is_refused(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "vectormix"
    code, text = refused_by(stub.Predict, request)
    assert (code, '"serving_default" not found' in text) == (
        "FAILED_PRECONDITION",
        True,
    )
    request.model_spec.signature_name = "twice"
    code, text = refused_by(stub.Predict, request)
    assert code == "INVALID_ARGUMENT" and "Missing but required: {x}" in text
    proto = request.inputs["x"]
    proto.dtype = 1
    proto.tensor_shape.dim.add(size=-1)
    assert refused_by(stub.Predict, request)[0] == "INVALID_ARGUMENT"
    proto.tensor_shape.dim[0].size = 3
    proto.tensor_content = b"123"
    code, text = refused_by(stub.Predict, request)
    assert code == "INVALID_ARGUMENT" and "3 bytes" in text
    proto.dtype = 99
    assert refused_by(stub.Predict, request)[0] == "INVALID_ARGUMENT"
    request.model_spec.version_label = "stable"
    code, text = refused_by(stub.Predict, request)
    assert (code, "label: stable" in text) == ("INVALID_ARGUMENT", True)


@pytest.mark.parametrize("text", ["x" * 100_000, "\u20ac" * 100_000])
@pytest.mark.parametrize(
    "part, code",
    [
        ("model", "NOT_FOUND"),
        ("signature", "FAILED_PRECONDITION"),
        ("input", "INVALID_ARGUMENT"),
        ("value", "INVALID_ARGUMENT"),
    ],
)
def test_a_status_survives_a_text_too_long_for_a_header(channel, part, code, text):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    names = {"model": "vectormix", "signature": "about", "input": "key", "value": "mix"}
    names[part] = text
    request = predict_pb2.PredictRequest()
    request.model_spec.name = names["model"]
    request.model_spec.signature_name = names["signature"]
    request.inputs[names["input"]].CopyFrom(tf.make_tensor_proto(names["value"]))
    answered, said = refused_by(stub.Predict, request)
    assert (answered, len(said) < 1000) == (code, True)


def test_bytes_that_are_no_text_get_a_status_over_grpc_too(channel):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "vectormix", "about"
    request.inputs["key"].CopyFrom(tf.make_tensor_proto(b"\xff"))
    code, said = refused_by(stub.Predict, request)
    assert code == "INVALID_ARGUMENT" and "there is no" in said


@pytest.mark.parametrize(
    "method",
    [
        "PredictionService/Predict",
        "PredictionService/GetModelMetadata",
        "ModelService/GetModelStatus",
    ],
)
def test_a_message_that_is_no_request_gets_a_status_and_leaves_no_object(
    channel, method, caplog
):
    call = channel.unary_unary(f"/tensorflow.serving.{method}")

    def objects_after(messages):
        for _ in range(messages):
            expected = f"the message is no request to /tensorflow.serving.{method}"
            assert refused_by(call, b"\xff") == ("INVALID_ARGUMENT", expected)
        gc.collect()
        return len(gc.get_objects())

    before = objects_after(20)
    assert objects_after(100) < before + 100  # gRPC alone leaves 22 of each
    assert not caplog.records


def test_an_output_that_does_not_exist_is_refused_before_any_work(
    channel, server, monkeypatch
):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    request = twice_of([1.0])
    request.output_filter.append("y")
    assert list(stub.Predict(request, 30).outputs) == ["y"]
    request.output_filter.append("z")
    monkeypatch.setattr(server.model, "predict", lambda *_: 1 / 0)
    code, said = refused_by(stub.Predict, request)
    assert code == "INVALID_ARGUMENT" and "not found in signature: z. Outputs" in said


LARGE = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def twice_of(numbers):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "vectormix"
    request.model_spec.signature_name = "twice"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(numbers))
    return request


def stub_of(running, options=()):
    channel = grpc.insecure_channel(running.grpc.removeprefix("grpc://"), options)
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def test_a_plain_stub_gets_large_responses_only_with_the_option(toy_model):
    request = twice_of(np.ones(2 << 20, np.float32))  # 8 MB
    with Server(ServedModel(toy_model, "vectormix", 1)) as running:
        code, text = refused_by(stub_of(running).Predict, request)
        assert code == "RESOURCE_EXHAUSTED" and "4194304" in text
        (found,) = stub_of(running, LARGE).Predict(request, 30).outputs.values()
        assert tf.make_ndarray(found).tolist() == [2.0] * (2 << 20)
        with client.connect(running.grpc) as ours:
            found = ours.predict("twice", {"x": np.ones(2 << 20, np.float32)})["y"]
            assert found.tolist() == [2.0] * (2 << 20)


@pytest.mark.parametrize("missing", [0, 1])
def test_a_message_as_large_as_the_limit_is_accepted_and_no_larger(toy_model, missing):
    request = twice_of(np.ones(2000, np.float32))
    body = b'{"signature_name": "twice", "inputs": [1]}'.ljust(request.ByteSize())
    model = ServedModel(toy_model, "vectormix", 1)
    with Server(model, max_bytes=request.ByteSize() - missing) as running:
        rest = requests.post(f"{running.rest}{ROOT}:predict", body, timeout=30)
        assert rest.status_code == (413 if missing else 200)
        if missing:
            code, _ = refused_by(stub_of(running).Predict, request)
            assert code == "RESOURCE_EXHAUSTED"
        else:
            assert stub_of(running).Predict(request, 30).outputs


def test_a_server_that_ends_at_once_does_not_seem_to_serve(toy_model, monkeypatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    text = refusal(Server, ServedModel(toy_model, "vectormix", 1))
    assert "cannot answer at http://127.0.0.1:" in text


# --- Many at once, too slow, at the end -----------------------------------------------


class Gate:
    """A signature that waits until it may go on."""

    structured_input_signature = ((), {})

    def __init__(self):
        self.open, self.began = threading.Event(), threading.Semaphore(0)

    def __call__(self):
        self.began.release()
        assert self.open.wait(30)
        return {"n": tf.constant(1)}


@pytest.fixture
def gated(toy_model, monkeypatch):
    """A server that computes one request at once, and a signature "gate"."""
    monkeypatch.setattr(models, "MOST_WAITING", 1)
    model, gate = ServedModel(toy_model, "vectormix", 1), Gate()
    model._model = type("Model", (), {"signatures": {"gate": gate}})()
    model.signatures.signature_def["gate"].method_name = "gate"
    with Server(model, timeout=0.5) as running:
        yield running, gate
        gate.open.set()


def test_what_waits_too_long_or_finds_no_seat_is_told(gated, monkeypatch):
    monkeypatch.setattr(connection, "WAITS", ())
    running, gate = gated

    def call(found, answers, timeout):
        try:
            answers.append(found.predict("gate", {}, timeout)["n"].item())
        except client.ServerError as error:
            answers.append(error.code)

    with client.connect(running.grpc) as one, client.connect(running.rest) as other:
        first, second = [], []
        threads = [threading.Thread(target=call, args=(one, first, 30))]
        threads[0].start()
        assert gate.began.acquire(timeout=30)
        threads.append(threading.Thread(target=call, args=(one, second, 30)))
        threads[1].start()
        while running.model._seated._value:
            time.sleep(0.01)
        late = []
        call(one, late, 30)  # no seat
        call(other, late, 30)
        assert late == ["UNAVAILABLE", "UNAVAILABLE"]
        gate.open.set()
        for thread in threads:
            thread.join(30)
        assert (first, second) == ([1], [1])
        gate.open.clear()
        call(other, late, 30)  # REST has a limit of its own
        assert late[-1] == "DEADLINE_EXCEEDED"
        call(one, late, 0.2)  # while that is computed
        assert late[-1] == "DEADLINE_EXCEEDED"
        for _ in range(3000):  # until the server has let that one go too
            if running.model._seated._value:
                break
            time.sleep(0.01)
        with pytest.raises(RequestError, match="still waiting after 0.1 seconds"):
            running.model.predict("gate", {}, 0.1)


def test_a_request_over_rest_ends_in_time(gated):
    running, gate = gated
    body = {"signature_name": "gate", "inputs": {}}
    answer = requests.post(
        f"{running.rest}{ROOT}:predict", json.dumps(body), timeout=30
    )
    assert answer.status_code == 504
    assert answer.json() == {"error": "the request took longer than 0.5 seconds"}


def test_a_body_that_does_not_come_ends_in_time(gated):
    running, _ = gated
    host, port = running.rest.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("POST", f"{ROOT}:predict")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"{")
    assert connection.getresponse().status == 504
    connection.close()


def test_what_is_computed_is_answered_before_the_end(gated):
    running, gate = gated
    answers = []
    with client.connect(running.grpc) as found:
        call = threading.Thread(
            target=lambda: answers.append(found.predict("gate", {})["n"].item())
        )
        call.start()
        assert gate.began.acquire(timeout=30)
        stop = threading.Thread(target=running.stop)
        stop.start()
        gate.open.set()
        call.join(30)
        stop.join(30)
    assert answers == [1] and running.model.state == "END"


# --- Folders, ports, the command ------------------------------------------------------


def test_requests_beside_a_model_are_made_before_it_answers(toy_model, tmp_path):
    folder = shutil.copytree(toy_model, tmp_path / "model")
    path = folder / "3" / versions.WARM_UP
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as file:
        for key in ("limits", "mix"):
            file.write(messages.warm_up("", "about", {"key": key}))
    asked, model = [], ServedModel(folder, "vectormix", 1)

    def predict(signature, inputs, timeout):
        asked.append((signature, inputs["key"].item()))

    model.predict = predict
    model.warm_up()
    assert asked == [("about", b"limits"), ("about", b"mix")]
    assert ServedModel(toy_model, "vectormix", 1).first_requests is None


def test_a_folder_without_a_model_is_told(toy_model, tmp_path):
    assert "is no folder" in refusal(newest, tmp_path / "none")
    assert "has no folder with a number" in refusal(newest, tmp_path)
    assert "is one version of a model" in refusal(newest, toy_model / "3")
    (tmp_path / "12").mkdir()
    assert "has no folder with a number" in refusal(newest, tmp_path)
    (tmp_path / "12" / "saved_model.pb").write_bytes(b"broken")
    assert "cannot be loaded" in refusal(ServedModel, tmp_path, "vectormix", 1)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "saved_model.pb").touch()
    assert newest(tmp_path) == 12
    for name in ("013", "9" * 19, "13 "):  # that no request can name
        shutil.copytree(tmp_path / "7", tmp_path / name)
    assert newest(tmp_path) == 12
    assert "without /" in refusal(ServedModel, toy_model, "a/b", 1)
    assert "max_concurrency" in refusal(ServedModel, toy_model, "a", 0)


def test_a_port_that_is_taken_is_told(server):
    for flag in ("port", "rest_port"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = {flag: taken.getsockname()[1]}
            text = refusal(Server, server.model, **port)
        assert "cannot listen at 127.0.0.1:" in text and f"another `{flag}` or" in text
    assert "`port` must be in" in refusal(Server, server.model, port=70000)


@pytest.mark.parametrize("host", ["", "a..b", "a" * 70, "no host", "*"])
def test_a_host_that_is_none_is_told(server, host):
    assert "choose another" in refusal(Server, server.model, host)


def test_it_listens_to_ipv6_as_well(toy_model):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    model = ServedModel(toy_model, "v6", 1)
    with Server(model, "::1") as running:
        for address in (running.grpc, running.rest):
            with client.connect(f"{address}/v6") as found:
                assert found.status() == 3


def test_the_command_tells_what_is_missing(capsys, monkeypatch, tmp_path):
    assert cli_main.main(["serve"]) == 2
    assert "--model is missing" in capsys.readouterr().err
    assert cli_main.main(["serve", f"--model={tmp_path}"]) == 2
    assert "has no folder with a number" in capsys.readouterr().err
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli_main.main(["serve", f"--model={tmp_path}"]) == 2
    assert "pip install 'vectormix_tf[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_command(toy_model, name, capsys):
    number = getattr(signal, name)
    before, ctrl_c = signal.getsignal(number), signal.getsignal(signal.SIGINT)
    beginning = ctrl_c, signals._interrupt  # before a command, and while it begins

    def send():
        for _ in range(3000):
            if signal.getsignal(signal.SIGINT) not in beginning:  # it waits
                break
            time.sleep(0.01)
        time.sleep(0.6)  # longer than one wait
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    flags = [f"--model={toy_model}", "--port=0", "--rest_port=0"]
    assert cli_main.main(["serve", *flags]) == 0
    thread.join(30)
    assert signal.getsignal(number) == before
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1 and err == ""


def test_the_command_serves_until_it_is_asked_to_end(toy_model):
    command = [sys.executable, "-m", "vectormix_tf", "serve", f"--model={toy_model}"]
    with subprocess.Popen(
        [*command, "--port=0", "--rest_port=0", "--name=toy"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            start = f"serving version 3 of {toy_model} as toy: "
            assert line.startswith(start), process.stderr.read()
            for address in line.removeprefix(start).split():
                with client.connect(f"{address}/toy") as found:
                    assert found.status() == 3
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            assert (out, err, process.returncode) == ("", "", 0)
        finally:
            process.kill()


def test_a_model_that_fails_at_its_first_requests_is_one_line(toy_model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(toy_model, folder)
    extra = folder / "3" / versions.WARM_UP
    extra.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(extra)) as writer:
        writer.write(messages.warm_up("vectormix", "none", {"alpha": 0.5}))
    text = refusal(ServedModel(folder, "vectormix", 1).warm_up)
    assert 'fails at its warm-up requests: Serving signature key "none"' in text


def test_damaged_warm_up_requests_are_one_line(toy_model, tmp_path):
    folder = shutil.copytree(toy_model, tmp_path / "model")
    path = folder / "3" / versions.WARM_UP
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(messages.warm_up("vectormix", "about", {"key": "mix"}))
        writer.write(b"\xff\xff")
    whole = path.read_bytes()
    for damaged in (whole, whole[:40], b"damaged" * 9):
        path.write_bytes(damaged)
        text = refusal(ServedModel(folder, "vectormix", 1).warm_up)
        assert text.startswith("model vectormix fails at its warm-up requests: ")
