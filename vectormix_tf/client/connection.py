"""A connection to a server with TensorFlow Serving's API, over gRPC or REST.

Source: https://www.tensorflow.org/tfx/serving/api_rest and, for gRPC, serving_basic
beside it.
"""

import contextlib
import itertools
import json
import os
import re
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.client import proxies
from vectormix_tf.errors import InputError, ServerError, check_number
from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.status import HTTP, name_of_http

MODEL = "vectormix"  # model name where an address has none
PORTS = {"grpc": 8500, "http": 8501, "https": 443}  # TensorFlow Serving's defaults
# Seconds between attempts while a server is UNAVAILABLE, as it may be restarting.
# Repeating a request is safe, since a server keeps no state between requests.
WAITS = (0.2, 0.5, 1.0)
_GRPC_OPTIONS = [
    # The default limit of 4 MB is less than a large picture has.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # The default backoff would notice only seconds later that a server is back.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
_OWN_DEADLINE = "deadline exceeded"  # gRPC's text, where the client's time is over
_SERVICES = "/tensorflow.serving."
_MOST_VERSION = 2**63 - 1  # the API has an int64
_DIGITS = 19  # of it
# A label of a host name: letters of any language, and "_", which Docker's names have.
_LABEL = re.compile(r"[\w-]{1,63}")
_TIMEOUTS = 1e-3, 1e6  # seconds
_REDIRECTS, _LEAST_ERROR = range(300, 400), 400  # HTTP status
_CHUNK = 1 << 18  # bytes of a response that are read before its time is checked
_THREADS = 32  # that can use one REST connection without waiting for each other


class _Address(NamedTuple):
    scheme: str
    authority: str  # HOST:PORT
    host: str
    model: str
    version: int | None

    @property
    def root(self) -> str:
        return f"{self.scheme}://{self.authority}"


def connect(address: str, timeout: float = 60.0) -> "Connection":
    """Returns a connection; nothing is sent yet.

    Args:
        address: "grpc://HOST:PORT", "http://HOST:PORT" or "https://HOST:PORT"; the port
            defaults to 8500, 8501 and 443. It may end with "/MODEL" or
            "/MODEL/VERSION"; the defaults are "vectormix" and its newest version.
            Several addresses of the same model, with "," between them, take requests
            in turns, and for each other while one is away or overloaded.
        timeout: Seconds that one response may take.

    Raises:
        InputError: If the address is not of this form, or grpcio or requests is not
            installed.
    """
    several = address.split(",") if isinstance(address, str) else [address]
    first, *others = parsed = [_parsed(each) for each in several]
    for other in others:
        if first._replace(authority=other.authority, host=other.host) != other:
            raise InputError(
                "several addresses must have the same scheme, model and version;"
                f" received {address!r}."
            )
    check_number("timeout", timeout, *_TIMEOUTS)
    transports = [_transport(each) for each in parsed]
    transport = transports[0] if len(transports) == 1 else _InTurns(transports)
    roots = ",".join(each.root for each in parsed)
    return Connection(transport, roots, first.model, first.version, timeout)


def _parsed(address: str) -> _Address:
    try:
        parts = urllib.parse.urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        scheme = host = port = None
    wrong = scheme not in PORTS or port == 0 or not _is_host(host)
    if wrong or parts.query or parts.fragment:
        raise InputError(
            "the server's address must be grpc://HOST:PORT or http://HOST:PORT,"
            f" optionally followed by /MODEL or /MODEL/VERSION; received {address!r}."
        )
    if "@" in parts.netloc:
        raise InputError("the server's address must be without a name and a password.")
    model, _, version = parts.path.strip("/").partition("/")
    is_number = version.isdecimal() and len(version) <= _DIGITS
    if version and not (is_number and int(version) <= _MOST_VERSION):
        raise InputError(
            f"the version in {address!r} must be a whole number; received {version!r}."
        )
    authority = f"[{host}]" if ":" in host else host
    authority = f"{authority}:{port or PORTS[scheme]}"
    number = int(version) if version else None
    return _Address(scheme, authority, host, model or MODEL, number)


def _transport(address: _Address) -> Any:
    if address.scheme == "grpc":
        return _Grpc(address.authority, address.host)
    return _Rest(address.root)


def _is_host(host: str | None) -> bool:
    """Whether an address without brackets, or a name, can be that of a host."""
    if host and ":" in host:
        return bool(re.fullmatch(r"[0-9a-fA-F:.]+(%[\w.-]+)?", host))
    labels = (host or "").removesuffix(".").split(".")
    return all(_LABEL.fullmatch(label) for label in labels)


class Connection:
    """A connection to one model of one server; see `connect`. Thread-safe.

    Attributes:
        address: Scheme, host and port of the server, or of several with "," between.
        model: Name of the model.
        version: Version to use; None for the newest.
        timeout: Seconds that one response may take.
    """

    def __init__(self, transport, address, model, version, timeout):
        self._transport, self.address = transport, address
        self.model, self.version, self.timeout = model, version, timeout
        self._signatures, self._about, self._closed = None, {}, False

    def status(self) -> int:
        """Returns the highest version that is AVAILABLE.

        Raises:
            ServerError: If the server cannot be reached, or no version is AVAILABLE.
        """
        states = self._request(self._transport.status)
        ready = [version for version, state in states.items() if state == "AVAILABLE"]
        if not ready:
            listed = ", ".join(f"version {v} is {s}" for v, s in states.items())
            raise ServerError(
                "UNAVAILABLE",
                f"model {self.model} at {self.address} is not ready:"
                f" {listed or 'there is no version'}; try again later.",
            )
        return max(ready)

    def signatures(self) -> dict[str, dict[str, dict[str, str]]]:
        """Returns `{signature: {"inputs": {name: dtype}, "outputs": {...}}}`.

        A dtype is spelled as in TensorFlow's protos, e.g. "DT_FLOAT".

        Raises:
            ServerError: If the server refuses the request, or cannot be reached.
        """
        if self._signatures is None:
            signatures = self._request(self._transport.signatures)
            # TensorFlow adds internal ones, such as __saved_model_init_op.
            self._signatures = {
                name: sides
                for name, sides in signatures.items()
                if not name.startswith("__")
            }
        return self._signatures

    def predict(
        self, signature: str, inputs: Mapping[str, Any], timeout: float | None = None
    ) -> dict[str, np.ndarray | bytes]:
        """Calls a signature.

        Args:
            signature: Its key.
            inputs: Values by name: arrays, bytes, str, int (sent as int32) or float
                (sent as float32).
            timeout: Seconds that the response may take; None takes the connection's.

        Returns:
            Arrays by name. An array of strings has dtype object and holds str; a scalar
            whose name ends in "_bytes" is returned as bytes.

        Raises:
            InputError: If a value has no TensorFlow type.
            ServerError: If the server refuses the request, or cannot be reached.
        """
        arrays = {name: messages.as_array(value) for name, value in inputs.items()}

        def call(model, version, left):
            return self._transport.predict(model, version, signature, arrays, left)

        outputs = self._request(call, timeout)
        if self._transport.drops_types:
            with reading(self.address):
                dtypes = self.signatures()[signature]["outputs"]
                outputs = _typed(outputs, dtypes)
        return {name: _with_text(name, array) for name, array in outputs.items()}

    def about(self, key: str) -> dict[str, Any]:
        """Returns the model's description of a recipe, or its limits; cached.

        Args:
            key: "mix" or "dream" (their fixed settings, their open settings with
                defaults, the names of their losses), or "limits".

        Raises:
            ServerError: If the server refuses the request, or cannot be reached.
        """
        if key not in self._about:
            answer = self.predict("about", {"key": key})
            with reading(self.address):
                self._about[key] = dict(json.loads(answer["text"].item()))
        return self._about[key]

    def close(self) -> None:
        """Closes the connection."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _request(self, call: Callable, timeout: float | None = None) -> Any:
        """Calls a transport, after checks; see `_repeated`."""
        seconds = self.timeout if timeout is None else timeout
        check_number("timeout", seconds, *_TIMEOUTS)
        if self._closed:
            raise InputError("the connection is closed; make a new one with `connect`.")
        with reading(self.address):
            return self._repeated(call, seconds)

    def _repeated(self, call: Callable, seconds: float) -> Any:
        """Calls, and calls again while the server is UNAVAILABLE and time is left."""
        deadline = time.monotonic() + seconds
        for wait in (*WAITS, None):
            try:
                left = max(deadline - time.monotonic(), 1e-3)
                return call(self.model, self.version, left)
            except ServerError as error:
                last = wait is None or time.monotonic() + wait >= deadline
                if error.code != "UNAVAILABLE" or last:
                    raise self._explained(error, seconds) from error
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _explained(self, error: ServerError, seconds: float) -> ServerError:
        """Returns the error with the server's address and what to do about it."""
        text = _reason(str(error)).rstrip(" .")
        if error.code == "UNAVAILABLE":
            text = f"the server at {self.address} is not available: {text}"
            text += "; start it, or try again later."
        elif error.code == "DEADLINE_EXCEEDED" and text.lower() != _OWN_DEADLINE:
            text = f"the server at {self.address} gave up: {text}; request less work."
        elif error.code == "DEADLINE_EXCEEDED":
            text = f"the server at {self.address} did not answer within {seconds:g}"
            text += " seconds; set a longer timeout or request less work."
        elif error.code == "NOT_FOUND":
            text = f"{text}: is model {self.model} served at {self.address}?"
        else:
            text = f"the server at {self.address} refused: {text}."
        return ServerError(error.code, text)


# What it raises to look for what is not there, or is of another kind.
_FOREIGN = AttributeError, LookupError, OverflowError, RecursionError, TypeError


@contextlib.contextmanager
def reading(address: str) -> Iterator[None]:
    """Turns what a response of another form raises into a `ServerError`."""
    try:
        yield
    except (*_FOREIGN, ValueError) as error:
        if isinstance(error, InputError):  # a value that cannot be sent
            raise
        raise ServerError(
            "INTERNAL",
            f"what answers at {address} does not have the API of TensorFlow Serving"
            f" ({error!r:.60}); is the address right?",
        ) from error


def _reason(text: str) -> str:
    """Extracts the model's own message from what TensorFlow wraps around it."""
    _, assertion, tail = text.partition("assertion failed: [")
    if assertion:
        tail = re.split(r"\s*\[\[\{\{|\s*\[Op:|\n", tail)[0]
        return tail.rstrip().removesuffix("]").replace("] [", " ")
    lines = [re.split(r"\s*\[\[\{\{|\s*\[Op:", line)[0] for line in text.splitlines()]
    return next((line.strip() for line in lines if line.strip()), "no reason given")


def _with_text(name: str, array: np.ndarray) -> np.ndarray | bytes:
    """Decodes strings as UTF-8, except those of an output named "*_bytes"."""
    if array.dtype != object:
        return array
    if name.endswith("_bytes"):
        return array if array.ndim else array.item()
    texts = np.empty(array.shape, object)
    flat = array.ravel().tolist()
    texts.ravel()[:] = [text.decode(errors="replace") for text in flat]
    return texts


# --- Several servers ------------------------------------------------------------------


class _InTurns:
    """Calls one of several servers; if that cannot answer now, the next one."""

    def __init__(self, transports: Sequence[Any]):
        self._transports, self._turns = transports, itertools.count()
        self.drops_types = transports[0].drops_types

    def status(self, *arguments) -> dict[int, str]:
        return self._call("status", *arguments)

    def signatures(self, *arguments) -> dict:
        return self._call("signatures", *arguments)

    def predict(self, *arguments) -> Any:
        return self._call("predict", *arguments)

    def _call(self, method: str, *arguments):
        *arguments, timeout = arguments
        deadline, turn = time.monotonic() + timeout, next(self._turns)
        for i in range(len(self._transports)):
            transport = self._transports[(turn + i) % len(self._transports)]
            left = max(deadline - time.monotonic(), 1e-3)
            try:
                return getattr(transport, method)(*arguments, left)
            except ServerError as error:
                if error.code not in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
                    raise
                last = error
        raise last

    def close(self) -> None:
        for transport in self._transports:
            transport.close()


# --- gRPC -----------------------------------------------------------------------------


class _Grpc:
    """Calls PredictionService and ModelService; raises `ServerError`."""

    drops_types = False

    def __init__(self, authority: str, host: str):
        try:
            import grpc
        except ImportError as error:
            raise _missing("grpcio") from error
        self._error, self._proxy = grpc.RpcError, proxies.of_grpc(host)
        options = [*_GRPC_OPTIONS, ("grpc.enable_http_proxy", int(bool(self._proxy)))]
        self._channel = grpc.insecure_channel(authority, options)

    def status(self, model, version, timeout) -> dict[int, str]:
        request = messages.message_class("GetModelStatusRequest")()
        request.model_spec.CopyFrom(messages.model_spec(model, version))
        answer = self._call(
            "ModelService/GetModelStatus", request, "GetModelStatusResponse", timeout
        )
        states = messages.message_class("ModelVersionStatus").State
        return {
            status.version: states.Name(status.state)
            for status in answer.model_version_status
        }

    def signatures(self, model, version, timeout) -> dict:
        request = messages.message_class("GetModelMetadataRequest")()
        request.model_spec.CopyFrom(messages.model_spec(model, version))
        request.metadata_field.append("signature_def")
        name = "PredictionService/GetModelMetadata"
        answer = self._call(name, request, "GetModelMetadataResponse", timeout)
        packed = answer.metadata["signature_def"].value
        signatures = messages.message_class("SignatureDefMap").FromString(packed)
        return {
            name: {
                side: {
                    key: messages.dtype_name(info.dtype)
                    for key, info in getattr(signature, side).items()
                }
                for side in ("inputs", "outputs")
            }
            for name, signature in signatures.signature_def.items()
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
            response_deserializer=messages.message_class(answer).FromString,
        )
        try:
            return call(request, timeout=timeout)
        except self._error as error:
            code, text = error.code().name, error.details() or ""
            if self._proxy and code == "UNAVAILABLE":
                text = f"{_reason(text)}, through {self._proxy} ({self._proxy.remedy})"
            raise ServerError(code, text) from error

    def close(self) -> None:
        self._channel.close()


# --- REST -----------------------------------------------------------------------------


class _Rest:
    """The same calls as `_Grpc` over the REST API; raises `ServerError`."""

    drops_types = True  # JSON knows no dtypes, and a single output comes without name

    def __init__(self, root: str):
        try:
            import requests
        except ImportError as error:
            raise _missing("requests") from error
        self._errors, self._root = requests.exceptions, root
        self._session = requests.Session()
        # Of the environment only its proxy and its certificates count: with more, the
        # passwords in ~/.netrc would be sent to the server.
        self._session.trust_env, self._proxy = False, proxies.of_rest(root)
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        self._session.verify = next(filter(None, map(os.environ.get, names)), True)
        if self._proxy:
            self._session.proxies = {root.partition(":")[0]: self._proxy.url}
        # Compression costs a server more time than a network costs, most often.
        self._session.headers["Accept-Encoding"] = "identity"
        for scheme in ("http://", "https://"):
            adapter = requests.adapters.HTTPAdapter(pool_maxsize=_THREADS)
            self._session.mount(scheme, adapter)

    def status(self, model, version, timeout) -> dict[int, str]:
        answer = self._call("GET", model, version, "", timeout)
        return {
            int(status["version"]): status["state"]
            for status in answer["model_version_status"]
        }

    def signatures(self, model, version, timeout) -> dict:
        answer = self._call("GET", model, version, "/metadata", timeout)
        signatures = answer["metadata"]["signature_def"]["signature_def"]
        return {
            name: {
                side: {
                    key: info["dtype"] for key, info in signature.get(side, {}).items()
                }
                for side in ("inputs", "outputs")
            }
            for name, signature in signatures.items()
        }

    def predict(self, model, version, signature, arrays, timeout) -> Any:
        inputs = {n: messages.as_json(array.tolist()) for n, array in arrays.items()}
        body = json.dumps({"signature_name": signature, "inputs": inputs})
        answer = self._call("POST", model, version, ":predict", timeout, body.encode())
        return answer["outputs"]

    def _call(self, method, model, version, tail, timeout, body=None) -> Any:
        model = urllib.parse.quote(model, safe="")
        url = f"{self._root}/v1/models/{model}"
        url += tail if version is None else f"/versions/{version}{tail}"
        headers = {"Content-Type": "application/json"}
        try:
            status, content, place = self._exchange(method, url, body, headers, timeout)
        except self._errors.Timeout as error:
            raise ServerError("DEADLINE_EXCEEDED", _OWN_DEADLINE) from error
        except self._errors.RequestException as error:
            text = _cause(error)
            if self._proxy:
                text = f"{self._proxy}: {text} ({self._proxy.remedy})"
            raise ServerError("UNAVAILABLE", text) from error
        try:
            answer = json.loads(content)
            text = str(answer.get("error", f"HTTP {status}"))
        except (ValueError, AttributeError, RecursionError):  # no JSON, or no object
            code = name_of_http(status) if status >= _LEAST_ERROR else "UNKNOWN"
            raise ServerError(code, self._foreign(status, place)) from None
        if status == HTTP["OK"] and "error" not in answer:
            return answer
        raise ServerError(name_of_http(status), text)

    def _exchange(self, method, url, body, headers, timeout) -> tuple[int, bytes, str]:
        """Returns status and body of a response, and where it redirects to."""
        from urllib3.exceptions import HTTPError
        from urllib3.exceptions import TimeoutError as TimeoutError_

        deadline = time.monotonic() + timeout
        with self._session.request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,  # of a POST request they would make a GET request
            stream=True,
        ) as response:
            chunks = []
            read = getattr(response.raw, "read1", response.raw.read)
            try:
                # `timeout` is that of a pause only: the whole response has one as well.
                while chunk := read(_CHUNK):
                    chunks.append(chunk)
                    if time.monotonic() > deadline:
                        raise self._errors.ReadTimeout(_OWN_DEADLINE)
            except TimeoutError_ as error:
                raise self._errors.ReadTimeout(_OWN_DEADLINE) from error
            except HTTPError as error:
                raise self._errors.ConnectionError(error) from error
            place = response.headers.get("Location", "")
            return response.status_code, b"".join(chunks), place

    def _foreign(self, status: int, place: str) -> str:
        """Says what an answer is that no server with this API gives."""
        if status in _REDIRECTS and place:
            return f"HTTP {status} leads to {place}: use the address of that server"
        text = f"HTTP {status}, and no JSON"
        if self._proxy:
            text = f"{self._proxy}, or what is behind it, answered {text}"
            return f"{text} ({self._proxy.remedy})"
        return text

    def close(self) -> None:
        self._session.close()


def _missing(package: str) -> InputError:
    return InputError(
        f"using a server needs {package}: pip install 'vectormix_tf[client]'"
    )


def _cause(error: Exception) -> str:
    """Extracts the innermost reason from an error of requests, urllib3 and socket."""
    inner: Any = error
    while isinstance(inner, Exception):
        error = inner
        parts = [getattr(error, name, None) for name in ("reason", "original_error")]
        parts += error.args
        inner = next((part for part in parts if isinstance(part, Exception)), None)
    return str(error).rpartition("] ")[2].strip("'\")> ")


def _typed(outputs: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Restores the names and dtypes that JSON drops."""
    if len(dtypes) == 1:
        outputs = dict.fromkeys(dtypes, outputs)
    return {
        name: messages.from_json(value, dtypes[name]) for name, value in outputs.items()
    }
