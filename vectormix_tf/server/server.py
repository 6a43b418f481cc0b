"""Serving: a small server with TensorFlow Serving's contract, gRPC and REST.

For tests, and for those who do not have its binary: what it does not do (batches,
several models and versions, labels), the binary does.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
import uvicorn
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.server import rest
from vectormix_tf.server.model import Refusal, Served, check_names, check_tensor
from vectormix_tf.tfserving import messages

MAX_PORT = 65535
GRACE = 30.0  # seconds that what is computed has left when the server is to end
SPARE = 4  # threads that answer where all others compute or wait


class Server:
    """Serves a model over gRPC and REST until it is stopped.

    Attributes:
        model: What it serves.
        grpc: Its address, e.g. "grpc://127.0.0.1:8500".
        rest: Its other address, e.g. "http://127.0.0.1:8501".
    """

    def __init__(
        self,
        model: Served,
        host: str = "127.0.0.1",
        port: int = 0,
        rest_port: int = 0,
        max_bytes: int = messages.MAX_BYTES,
        timeout: float = rest.TIMEOUT,
    ):
        """Starts it.

        Args:
            model: What it serves.
            host: Name or address of the network it listens to; "0.0.0.0" is all.
            port: Of gRPC; 0 takes one that is free.
            rest_port: Of REST; likewise.
            max_bytes: Largest request.
            timeout: Seconds that a request over REST may take.

        Raises:
            InputError: If it cannot listen there.
        """
        check_integer("port", port, 0, MAX_PORT)
        check_integer("rest_port", rest_port, 0, MAX_PORT)
        check_integer("max_bytes", max_bytes, 1, 2**31 - 1)
        self.model = model
        shown = f"[{host}]" if ":" in host else host
        listener = _listener(host, rest_port)
        with contextlib.ExitStack() as stack:
            stack.callback(listener.close)
            self._grpc = _grpc_server(model, max_bytes)
            port = _bound(self._grpc, shown, port)
            stack.pop_all()
        self.grpc = f"grpc://{shown}:{port}"
        self.rest = f"http://{shown}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            rest.app(model, max_bytes, timeout),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=int(GRACE),
        )
        self._http = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._http.run, args=([listener],), name="http", daemon=True
        )
        self._grpc.start()
        self._thread.start()
        pause = threading.Event()
        while not self._http.started and self._thread.is_alive():
            pause.wait(0.01)

    def stop(self, grace: float = GRACE) -> None:
        """Takes no more requests, lets those that are computed end, and ends."""
        self.model.state = "UNLOADING"
        self._http.should_exit = True
        self._http.force_exit = not grace
        self._grpc.stop(grace).wait()
        self._thread.join(grace or 1.0)
        self.model.state = "END"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def wait_for_signal() -> None:
    """Returns when the process is asked to end: SIGINT or SIGTERM.

    The second time it ends at once, for then nothing is caught any more.
    """
    asked, numbers = threading.Event(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: asked.set()) for number in numbers]
    while not asked.wait(0.5):  # Windows interrupts no wait that has no end
        pass
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def _listener(host: str, port: int) -> socket.socket:
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=kind)
    except OSError as error:
        raise _cannot_listen(host, port, "rest_port", error) from error


def _grpc_server(model: Served, max_bytes: int) -> grpc.Server:
    server = grpc.server(
        ThreadPoolExecutor(model.seats + SPARE, "grpc"),
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
            # Or else two servers could share a port, each with half of the requests.
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(model), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(model), server)
    return server


def _bound(server: grpc.Server, host: str, port: int) -> int:
    try:
        found = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise _cannot_listen(host, port, "port", error) from error
    return found


def _cannot_listen(host: str, port: int, flag: str, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or "it is taken, or not of this machine"
    return InputError(
        f"cannot listen at {host}:{port}: {reason}; choose another --{flag} or --host."
    )


@contextlib.contextmanager
def _refusing(context: grpc.ServicerContext) -> Iterator[None]:
    """Gives refusals their status; anything else is our mistake and is logged."""
    try:
        yield
    except Refusal as refusal:
        context.abort(grpc.StatusCode[refusal.code], str(refusal))


def _asked(spec: Any) -> tuple[str, int | None]:
    """Name and version in a ModelSpec."""
    if spec.WhichOneof("version_choice") == "version_label":
        text = f"Unrecognized servable version label: {spec.version_label}"
        raise Refusal("INVALID_ARGUMENT", text)
    return spec.name, spec.version.value if spec.HasField("version") else None


def _arrays(specs: Mapping[str, tf.TensorSpec], protos: Any) -> dict[str, np.ndarray]:
    """Reads tensors; their shapes are looked at first, for few bytes can name many."""
    check_names(set(protos), set(specs))
    arrays = {}
    for name, proto in protos.items():
        shape = [dim.size for dim in proto.tensor_shape.dim]
        try:
            check_tensor(name, tf.as_dtype(proto.dtype), shape, specs[name])
            arrays[name] = messages.to_array(proto)
        except (TypeError, ValueError) as error:  # no such type, a wrong shape
            raise Refusal("INVALID_ARGUMENT", str(error)) from error
    return arrays


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: Served):
        self._model = model

    def Predict(self, request, context):  # noqa: N802
        """Calls a signature."""
        with _refusing(context):
            model, spec = self._model, request.model_spec
            model.check(*_asked(spec))
            inputs = _arrays(model.specs(spec.signature_name), request.inputs)
            outputs = model.predict(
                spec.signature_name, inputs, context.time_remaining()
            )
            answer = predict_pb2.PredictResponse()
            answer.model_spec.CopyFrom(spec)
            answer.model_spec.version.value = model.version
            for name, array in outputs.items():
                if not request.output_filter or name in request.output_filter:
                    kind = tf.as_dtype(array.dtype)
                    proto = tf.make_tensor_proto(array, kind, array.shape)
                    answer.outputs[name].CopyFrom(proto)
            return answer

    def GetModelMetadata(self, request, context):  # noqa: N802
        """Tells of the signatures."""
        with _refusing(context):
            model = self._model
            model.check(*_asked(request.model_spec))
            if list(request.metadata_field) != ["signature_def"]:
                text = f"Metadata field {list(request.metadata_field)} is not supported"
                raise Refusal("INVALID_ARGUMENT", text)
            answer = get_model_metadata_pb2.GetModelMetadataResponse()
            answer.model_spec.name = model.name
            answer.model_spec.version.value = model.version
            answer.metadata["signature_def"].Pack(model.signatures)
            return answer


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, model: Served):
        self._model = model

    def GetModelStatus(self, request, context):  # noqa: N802
        """Tells which version there is."""
        with _refusing(context):
            answer = get_model_status_pb2.GetModelStatusResponse()
            kind = get_model_status_pb2.ModelVersionStatus
            states = self._model.states(*_asked(request.model_spec))
            for version, state in states.items():
                answer.model_version_status.add(
                    version=version, state=kind.State.Value(state)
                )
            return answer
