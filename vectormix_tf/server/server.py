"""A small server with TensorFlow Serving's API, over gRPC and REST.

It is meant for tests and for machines without TensorFlow Serving's binary, which adds
batches, several models and versions, and version labels.
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
from vectormix_tf.server.model import (
    RequestError,
    ServedModel,
    check_filter,
    check_names,
    check_tensor,
)
from vectormix_tf.tfserving import messages

MAX_PORT = 65535
GRACE = 30.0  # seconds that running requests have left when the server stops
SPARE = 4  # threads for status and errors while all others compute or wait
_UNREADABLE = object()  # in the place of a message that is no request


class Server:
    """Serves a model over gRPC and REST until it is stopped.

    Attributes:
        model: The model that answers.
        grpc: Address for gRPC, e.g. "grpc://127.0.0.1:8500".
        rest: Address for REST, e.g. "http://127.0.0.1:8501".
    """

    def __init__(
        self,
        model: ServedModel,
        host: str = "127.0.0.1",
        port: int = 0,
        rest_port: int = 0,
        max_bytes: int = messages.MAX_BYTES,
        timeout: float = rest.TIMEOUT,
    ):
        """Starts listening; returns when requests are answered.

        Args:
            model: The model that answers.
            host: Name or address of the network interface; "0.0.0.0" is all of them.
            port: Port of gRPC; 0 takes a free one.
            rest_port: Port of REST; 0 takes a free one.
            max_bytes: Largest request.
            timeout: Seconds that a request over REST may take.

        Raises:
            InputError: If the server cannot listen there.
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
            http="h11",  # httptools answers odd targets and methods itself, not in JSON
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
        if not self._http.started:
            self._grpc.stop(None)
            listener.close()
            raise InputError(f"cannot answer at {self.rest}; see the log for why.")

    def stop(self, grace: float = GRACE) -> None:
        """Accepts no more requests, finishes the running ones, and stops.

        Args:
            grace: Seconds after which running requests are cancelled.
        """
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
    """Blocks until SIGINT or SIGTERM; a second signal ends the process at once.

    Must be called in the main thread.
    """
    received, numbers = threading.Event(), (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: received.set()) for number in numbers]
    while not received.wait(0.5):  # on Windows a wait without timeout blocks signals
        pass
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def _listener(host: str, port: int) -> socket.socket:
    try:
        kind = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=kind)
    except OSError as error:
        raise _cannot_listen(host, port, "rest_port", error) from error


def _grpc_server(model: ServedModel, max_bytes: int) -> grpc.Server:
    server = grpc.server(
        ThreadPoolExecutor(model.seats + SPARE, "grpc"),
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", -1),
            # Without this two servers could share a port and get half of the requests.
            ("grpc.so_reuseport", 0),
        ],
        interceptors=[_Reader()],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Prediction(model), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Model(model), server)
    return server


def _bound(server: grpc.Server, host: str, port: int) -> int:
    try:
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise _cannot_listen(host, port, "port", error) from error


def _cannot_listen(host: str, port: int, name: str, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or "in use, or not of this machine"
    return InputError(
        f"cannot listen at {host}:{port}: {reason}; choose another `{name}` or `host`."
    )


class _Reader(grpc.ServerInterceptor):
    """Answers a message that is no request before gRPC notices that it cannot be read.

    gRPC (1.66 to 1.85 at least) answers such a message twice. Its core refuses the
    second answer, and about 17 KB per message, however short, are never given back.
    """

    def intercept_service(self, continuation, handler_call_details):
        """Replaces how a method reads its message; all of ours take and give one."""
        handler = continuation(handler_call_details)
        if handler is None:  # there is no such method
            return None

        def read(data):
            try:
                return handler.request_deserializer(data)
            except Exception:  # protobuf's readers differ in what they raise
                return _UNREADABLE

        def answer(request, context):
            if request is _UNREADABLE:
                text = f"the message is no request to {handler_call_details.method}"
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer, read, handler.response_serializer
        )


@contextlib.contextmanager
def _aborting(context: grpc.ServicerContext) -> Iterator[None]:
    """Answers a `RequestError` with its status; gRPC logs any other exception."""
    try:
        yield
    except RequestError as error:
        context.abort(grpc.StatusCode[error.code], str(error))
    except MemoryError:
        text = "there is not enough memory for the request"
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def _requested(spec: Any) -> tuple[str, int | None]:
    """Returns the name and version in a ModelSpec; version None is the newest."""
    if spec.WhichOneof("version_choice") == "version_label":
        text = f"Unrecognized servable version label: {spec.version_label}"
        raise RequestError("INVALID_ARGUMENT", text)
    return spec.name, spec.version.value if spec.HasField("version") else None


def _arrays(specs: Mapping[str, tf.TensorSpec], protos: Any) -> dict[str, np.ndarray]:
    """Reads TensorProtos as arrays.

    Shapes are checked first: a proto of few bytes can describe a huge tensor.
    """
    check_names(set(protos), set(specs))
    arrays = {}
    for name, proto in protos.items():
        shape = [dim.size for dim in proto.tensor_shape.dim]
        try:
            check_tensor(name, tf.as_dtype(proto.dtype), shape, specs[name])
            arrays[name] = messages.to_array(proto)
        except (TypeError, ValueError) as error:  # no such type, a wrong shape
            raise RequestError("INVALID_ARGUMENT", str(error)) from error
    return arrays


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: ServedModel):
        self._model = model

    def Predict(self, request, context):  # noqa: N802
        """Calls a signature."""
        with _aborting(context):
            model, spec = self._model, request.model_spec
            model.check(*_requested(spec))
            inputs = _arrays(model.specs(spec.signature_name), request.inputs)
            wanted = set(request.output_filter)
            check_filter(wanted, model.outputs(spec.signature_name))
            outputs = model.predict(
                spec.signature_name, inputs, context.time_remaining()
            )
            answer = predict_pb2.PredictResponse()
            answer.model_spec.CopyFrom(spec)
            answer.model_spec.version.value = model.version
            for name, array in outputs.items():
                if not wanted or name in wanted:
                    kind = tf.as_dtype(array.dtype)
                    proto = tf.make_tensor_proto(array, kind, array.shape)
                    answer.outputs[name].CopyFrom(proto)
            return answer

    def GetModelMetadata(self, request, context):  # noqa: N802
        """Describes the signatures."""
        with _aborting(context):
            model = self._model
            model.check(*_requested(request.model_spec))
            if list(request.metadata_field) != ["signature_def"]:
                text = f"Metadata field {list(request.metadata_field)} is not supported"
                raise RequestError("INVALID_ARGUMENT", text)
            answer = get_model_metadata_pb2.GetModelMetadataResponse()
            answer.model_spec.name = model.name
            answer.model_spec.version.value = model.version
            answer.metadata["signature_def"].Pack(model.signatures)
            return answer


class _Model(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, model: ServedModel):
        self._model = model

    def GetModelStatus(self, request, context):  # noqa: N802
        """Reports the state of the version that is loaded."""
        with _aborting(context):
            answer = get_model_status_pb2.GetModelStatusResponse()
            kind = get_model_status_pb2.ModelVersionStatus
            states = self._model.states(*_requested(request.model_spec))
            for version, state in states.items():
                answer.model_version_status.add(
                    version=version, state=kind.State.Value(state)
                )
            return answer
