"""Connections: the API of TensorFlow Serving, over gRPC and over REST alike.

The contract is on https://www.tensorflow.org/tfx/serving (api_rest, serving_basic).
"""

import json
import re
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vectormix_tf.errors import InputError, ServerError
from vectormix_tf.tfserving import messages

MODEL = "vectormix"  # its name where an address has none
PORTS = {"grpc": 8500, "http": 8501, "https": 443}  # those of TensorFlow Serving
# Seconds between tries where a server is not there: it may be starting anew. Asking
# twice changes nothing, for a server keeps no runs.
WAITS = (0.2, 0.5, 1.0)
# Names of the codes for those of HTTP, as TensorFlow Serving gives them.
CODES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    412: "FAILED_PRECONDITION",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_GRPC_OPTIONS = [
    # By default a client takes no more than 4 MB, and a picture may be larger.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Or else it takes seconds to find that a server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
_SERVICES = "/tensorflow.serving."
_THREADS = 32  # that can ask over one REST connection without waiting for each other


def connect(address: str, timeout: float = 60.0) -> "Connection":
    """Returns a connection; nothing is sent yet.

    Args:
        address: "grpc://HOST:PORT" or "http://HOST:PORT" (or https), without a port
            8500 and 8501; behind it "/MODEL" or "/MODEL/VERSION", without which it is
            the newest version of "vectormix".
        timeout: Seconds that one answer may take.

    Raises:
        InputError: If the address is none, or a package is missing.
    """
    try:
        parts = urllib.parse.urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        scheme = host = port = None
    if scheme not in PORTS or not host or parts.query or parts.fragment:
        raise InputError(
            f"the server's address must be grpc://HOST:PORT or http://HOST:PORT, with"
            f" /MODEL or /MODEL/VERSION behind it if need be; received {address!r}."
        )
    model, _, version = parts.path.strip("/").partition("/")
    if version and not version.isdecimal():
        raise InputError(
            f"the version in {address!r} must be a whole number; received {version!r}."
        )
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{port or PORTS[scheme]}"
    transport = _Grpc(place) if scheme == "grpc" else _Rest(f"{scheme}://{place}")
    number = int(version) if version else None
    at = f"{scheme}://{place}"
    return Connection(transport, at, model or MODEL, number, timeout)


class Connection:
    """One model of one server; several threads may use it.

    Attributes:
        address: The server's, for messages.
        model: Name of the model.
        version: The one that was asked for; None for the newest.
        timeout: Seconds that one answer may take.
    """

    def __init__(self, transport, address, model, version, timeout):
        self._transport, self.address = transport, address
        self.model, self.version, self.timeout = model, version, timeout
        self._signatures, self._about = None, {}

    def status(self) -> int:
        """Returns the version that is served.

        Raises:
            ServerError: If the server is down, or no version is AVAILABLE.
        """
        states = self._ask(self._transport.status)
        ready = [version for version, state in states.items() if state == "AVAILABLE"]
        if not ready:
            found = ", ".join(f"version {v} is {s}" for v, s in states.items())
            raise ServerError(
                "UNAVAILABLE",
                f"model {self.model} at {self.address} is not ready:"
                f" {found or 'there is no version'}; try again later.",
            )
        return max(ready)

    def signatures(self) -> dict[str, dict[str, dict[str, str]]]:
        """Returns `{signature: {"inputs": {name: dtype}, "outputs": {...}}}`."""
        if self._signatures is None:
            found = self._ask(self._transport.signatures)
            # TensorFlow has some of its own, such as __saved_model_init_op.
            found = {name: v for name, v in found.items() if not name.startswith("__")}
            self._signatures = found
        return self._signatures

    def predict(
        self, signature: str, inputs: Mapping[str, Any], timeout: float | None = None
    ) -> dict[str, np.ndarray | bytes]:
        """Calls a signature.

        Args:
            signature: Its name.
            inputs: By name: arrays; bytes, text, int (as int32) or float (as float32).
            timeout: Seconds that the answer may take; None takes the connection's.

        Returns:
            By name, arrays; text is in arrays of `object`. What ends in "_bytes" and is
            one value comes as bytes.

        Raises:
            ServerError: If the server refuses it, or is not there.
        """
        arrays = {name: messages.as_array(value) for name, value in inputs.items()}

        def call(model, version, left):
            return self._transport.predict(model, version, signature, arrays, left)

        answer = self._ask(call, timeout)
        if self._transport.drops_types:
            answer = _typed(answer, self.signatures()[signature]["outputs"])
        return {name: _presented(name, array) for name, array in answer.items()}

    def about(self, key: str) -> dict[str, Any]:
        """Returns what the model says of itself: "mix", "dream" or "limits"."""
        if key not in self._about:
            text = self.predict("about", {"key": key})["text"]
            self._about[key] = json.loads(text.item())
        return self._about[key]

    def close(self) -> None:
        """Ends it."""
        self._transport.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _ask(self, call: Callable, timeout: float | None = None) -> Any:
        """Calls once, and again while the server is not there and there is time."""
        seconds = self.timeout if timeout is None else timeout
        last = time.monotonic() + seconds
        for wait in (*WAITS, None):
            try:
                left = max(last - time.monotonic(), 1e-3)
                return call(self.model, self.version, left)
            except ServerError as error:
                late = wait is None or time.monotonic() + wait >= last
                if error.code != "UNAVAILABLE" or late:
                    raise self._told(error, seconds) from error
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")  # pragma: no cover

    def _told(self, error: ServerError, seconds: float) -> ServerError:
        """The same with what a user has to know of it."""
        text = _plain(str(error)).rstrip(" .")
        if error.code == "UNAVAILABLE":
            text = f"the server at {self.address} is not available: {text}"
            text += "; start it, or try again later."
        elif error.code == "DEADLINE_EXCEEDED":
            text = f"the server at {self.address} did not answer within {seconds:g}"
            text += " seconds; give it more time or less to do."
        elif error.code == "NOT_FOUND":
            text = f"{text}: is model {self.model} served at {self.address}?"
        else:
            text = f"the server at {self.address} refused: {text}."
        return ServerError(error.code, text)


def _plain(text: str) -> str:
    """What a model says, out of what TensorFlow wraps around it."""
    _, wrapped, behind = text.partition("assertion failed: [")
    if wrapped:
        behind = re.split(r"\s*\[\[\{\{|\s*\[Op:|\n", behind)[0]
        return behind.rstrip().removesuffix("]").replace("] [", " ")
    lines = [re.split(r"\s*\[\[\{\{|\s*\[Op:", line)[0] for line in text.splitlines()]
    return next((line.strip() for line in lines if line.strip()), "no reason given")


def _presented(name: str, array: np.ndarray) -> np.ndarray | bytes:
    if array.dtype != object:
        return array
    if name.endswith("_bytes"):
        return array if array.ndim else array.item()
    texts = np.empty(array.shape, object)
    flat = array.ravel().tolist()
    texts.ravel()[:] = [t.decode(errors="replace") for t in flat]
    return texts


# --- gRPC -----------------------------------------------------------------------------


class _Grpc:
    drops_types = False

    def __init__(self, place: str):
        try:
            import grpc
        except ImportError as error:
            raise _missing("grpcio") from error
        self._error = grpc.RpcError
        self._channel = grpc.insecure_channel(place, _GRPC_OPTIONS)

    def status(self, model, version, timeout) -> dict[int, str]:
        request = messages.kind("GetModelStatusRequest")()
        request.model_spec.CopyFrom(messages.model_spec(model, version))
        answer = self._call(
            "ModelService/GetModelStatus", request, "GetModelStatusResponse", timeout
        )
        states = messages.kind("ModelVersionStatus").State
        return {
            each.version: states.Name(each.state)
            for each in answer.model_version_status
        }

    def signatures(self, model, version, timeout) -> dict:
        request = messages.kind("GetModelMetadataRequest")()
        request.model_spec.CopyFrom(messages.model_spec(model, version))
        request.metadata_field.append("signature_def")
        name = "PredictionService/GetModelMetadata"
        answer = self._call(name, request, "GetModelMetadataResponse", timeout)
        packed = answer.metadata["signature_def"].value
        found = messages.kind("SignatureDefMap").FromString(packed).signature_def
        return {
            name: {
                side: {
                    key: messages.dtype_name(info.dtype)
                    for key, info in getattr(each, side).items()
                }
                for side in ("inputs", "outputs")
            }
            for name, each in found.items()
        }

    def predict(self, model, version, signature, arrays, timeout) -> dict:
        request = messages.predict_request(model, version, signature, arrays)
        answer = self._call(
            "PredictionService/Predict", request, "PredictResponse", timeout
        )
        outputs = answer.outputs.items()
        return {name: messages.to_array(tensor) for name, tensor in outputs}

    def _call(self, method, request, answer, timeout):
        call = self._channel.unary_unary(
            _SERVICES + method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=messages.kind(answer).FromString,
        )
        try:
            return call(request, timeout=timeout)
        except self._error as error:
            raise ServerError(error.code().name, error.details() or "") from error

    def close(self) -> None:
        self._channel.close()


# --- REST -----------------------------------------------------------------------------


class _Rest:
    drops_types = True  # JSON has numbers and text, and one output goes without name

    def __init__(self, root: str):
        try:
            import requests
        except ImportError as error:
            raise _missing("requests") from error
        self._requests, self._root = requests, root
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=_THREADS)
            self._session.mount(scheme, adapter)

    def status(self, model, version, timeout) -> dict[int, str]:
        answer = self._call("GET", model, version, "", timeout)
        return {
            int(each["version"]): each["state"]
            for each in answer["model_version_status"]
        }

    def signatures(self, model, version, timeout) -> dict:
        answer = self._call("GET", model, version, "/metadata", timeout)
        found = answer["metadata"]["signature_def"]["signature_def"]
        return {
            name: {
                side: {key: info["dtype"] for key, info in each.get(side, {}).items()}
                for side in ("inputs", "outputs")
            }
            for name, each in found.items()
        }

    def predict(self, model, version, signature, arrays, timeout) -> Any:
        inputs = {n: messages.as_json(array.tolist()) for n, array in arrays.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs})
        answer = self._call("POST", model, version, ":predict", timeout, body.encode())
        return answer["outputs"]

    def _call(self, method, model, version, tail, timeout, body=None) -> Any:
        model = urllib.parse.quote(model, safe="")
        place = f"{self._root}/v1/models/{model}"
        place += tail if version is None else f"/versions/{version}{tail}"
        problems = self._requests.exceptions
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._session.request(
                method, place, data=body, headers=headers, timeout=timeout
            )
        except problems.Timeout as error:
            raise ServerError("DEADLINE_EXCEEDED", str(error)) from error
        except problems.RequestException as error:
            raise ServerError("UNAVAILABLE", _cause(error)) from error
        try:
            found = answer.json()
        except ValueError:
            found = {"error": f"HTTP {answer.status_code}, and no JSON"}
        if answer.status_code == 200 and "error" not in found:
            return found
        code = CODES.get(answer.status_code, "UNKNOWN")
        raise ServerError(code, str(found.get("error", f"HTTP {answer.status_code}")))

    def close(self) -> None:
        self._session.close()


def _missing(package: str) -> InputError:
    return InputError(
        f"a server is asked with {package}: pip install 'vectormix_tf[client]'"
    )


def _cause(error: Exception) -> str:
    """That the connection was refused, without all who have handed it on."""
    return str(error).rpartition("] ")[2].strip("'\")> ")


def _typed(outputs: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Gives JSON its names and types back."""
    if len(dtypes) == 1:
        outputs = dict.fromkeys(dtypes, outputs)
    return {
        name: messages.from_json(value, dtypes[name]) for name, value in outputs.items()
    }
