"""TensorFlow Serving's REST API as an ASGI app.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

import asyncio
import functools
import json
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from google.protobuf import json_format
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from vectormix_tf.errors import InputError
from vectormix_tf.server import gzip
from vectormix_tf.server.model import DEFAULT_SIGNATURE, RequestError, ServedModel
from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.status import HTTP, TOO_LARGE

TIMEOUT = 30.0  # seconds, as `--rest_api_timeout_in_ms` of TensorFlow Serving
_PATH = re.compile(
    r"(?:https?://[^/]*)?"  # of a whole URL, which RFC 9112, 3.2.2, allows as well
    r"/v1/models/(?P<name>[^/:]+)"
    r"(/versions/(?P<version>[0-9]{1,19})|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>/metadata|:\w+)?"
)


def app(model: ServedModel, max_bytes: int, timeout: float = TIMEOUT) -> ASGIApp:
    """Returns the app; it answers every method and path in JSON.

    Args:
        model: Answers the requests.
        max_bytes: Largest body of a request.
        timeout: Seconds that a request may take.
    """
    pool = ThreadPoolExecutor(model.seats + 1, "rest")

    async def respond(request: Request) -> Response:
        status = HTTP["OK"]
        # Not the path of `request.url`, which the client's Host header is a part of.
        answer = functools.partial(
            _answer, model, request.method, request.scope["path"]
        )
        codings = request.headers.getlist("content-encoding")
        try:
            async with asyncio.timeout(timeout):
                body = await _body(request, max_bytes)

                def work():
                    return answer(gzip.decoded(body, codings, max_bytes), timeout)

                loop = asyncio.get_running_loop()
                content = await loop.run_in_executor(pool, work)
        except RequestError as error:
            status = error.http or HTTP[error.code]
            content = {"error": str(error)}
        except TimeoutError:
            text = f"the request took longer than {timeout:g} seconds"
            content, status = {"error": text}, HTTP["DEADLINE_EXCEEDED"]
        except MemoryError:
            text = "there is not enough memory for the request"
            content, status = {"error": text}, HTTP["RESOURCE_EXHAUSTED"]
        except ClientDisconnect:
            content, status = {"error": "the client has gone"}, HTTP["CANCELLED"]
        except Exception as error:  # a defect of this package: log it and go on
            logging.getLogger(__name__).exception("%s", request.scope["path"])
            text = f"internal error: {error!r}"
            content, status = {"error": text}, HTTP["INTERNAL"]
        accepts = gzip.accepted(request.headers.getlist("accept-encoding"))
        loop = asyncio.get_running_loop()
        encode = functools.partial(_encoded, content, accepts)
        data = await loop.run_in_executor(pool, encode)
        headers = {"Vary": "Accept-Encoding"}
        headers |= {"Content-Encoding": "gzip"} if accepts else {}
        return Response(data, status, headers, "application/json")

    async def application(scope, receive, send):
        response = await respond(Request(scope, receive))
        await response(scope, receive, send)

    return application


async def _body(request: Request, most: int) -> bytes:
    """Returns the body of a request.

    A body that is too large is read to its end: a client that is still sending would
    not see the response.
    """
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > most:
        text = f"the request has {size} bytes, over the limit of {most}"
        raise RequestError("RESOURCE_EXHAUSTED", text, TOO_LARGE)
    return b"".join(chunks)


def _encoded(content: dict[str, Any], compress: bool) -> bytes:
    # TensorFlow Serving's JSON has NaN and Infinity, which `JSONResponse` rejects.
    data = json.dumps(content).encode()
    return gzip.encoded(data) if compress else data


def _answer(
    model: ServedModel, method: str, path: str, body: bytes, timeout: float
) -> dict[str, Any]:
    """Returns the JSON of a response, or raises `RequestError`."""
    parts = _PATH.fullmatch(path)
    verb = {None: "GET", "/metadata": "GET", ":predict": "POST"}
    if not parts or verb.get(parts["what"]) != method:
        raise RequestError("INVALID_ARGUMENT", f"Malformed request: {method} {path}")
    if parts["label"] is not None:
        text = f"Unrecognized servable version label: {parts['label']}"
        raise RequestError("INVALID_ARGUMENT", text)
    name = parts["name"]
    version = None if parts["version"] is None else int(parts["version"])
    if parts["what"] is None:
        return _status(model.states(name, version))
    model.check(name, version)
    if parts["what"] == "/metadata":
        return _metadata(model)
    return _predict(model, body, timeout)


def _status(states: Mapping[int, str]) -> dict[str, Any]:
    ok = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": str(version), "state": state, "status": ok}
            for version, state in states.items()
        ]
    }


def _metadata(model: ServedModel) -> dict[str, Any]:
    signatures = json_format.MessageToDict(
        model.signatures,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
    return {"model_spec": spec, "metadata": {"signature_def": signatures}}


def _predict(model: ServedModel, body: bytes, timeout: float) -> dict[str, Any]:
    request = _parsed(body)
    key = request.get("signature_name", DEFAULT_SIGNATURE)
    # A set of names, as protobuf cannot look up text that is not Unicode.
    if not isinstance(key, str) or key not in set(model.signatures.signature_def):
        text = f'Serving signature name: "{key}" not found in signature def'
        raise RequestError("INVALID_ARGUMENT", text)
    signature = model.signatures.signature_def[key]
    dtypes = {
        name: messages.dtype_name(info.dtype) for name, info in signature.inputs.items()
    }
    by_rows = "instances" in request
    if by_rows == ("inputs" in request):
        text = "a request must have either 'instances' or 'inputs'"
        raise RequestError("INVALID_ARGUMENT", text)
    try:
        if by_rows:
            inputs = _from_rows(request["instances"], dtypes)
        else:
            inputs = _from_columns(request["inputs"], dtypes)
    except (InputError, RecursionError) as error:
        raise RequestError("INVALID_ARGUMENT", str(error)) from error
    outputs = model.predict(key, inputs, timeout)
    if not by_rows:
        columns = {name: _as_json(name, array) for name, array in outputs.items()}
        return {"outputs": _unnamed(columns)}
    return {"predictions": _as_rows(outputs, len(request["instances"]))}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        text = f"JSON Parse error: {error}"
        raise RequestError("INVALID_ARGUMENT", text) from error
    if not isinstance(request, dict):
        raise RequestError("INVALID_ARGUMENT", "JSON must be an object")
    return request


def _from_columns(values: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if len(dtypes) == 1 and not _is_named(values):
        values = dict.fromkeys(dtypes, values)
    _check_named(values, dtypes, "'inputs' object")
    return {name: messages.from_json(values[name], dtypes[name]) for name in dtypes}


def _from_rows(rows: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if not isinstance(rows, list) or not rows:
        raise InputError("'instances' must be a list that is not empty")
    if len(dtypes) == 1:
        rows = [r if _is_named(r) else dict.fromkeys(dtypes, r) for r in rows]
    for row in rows:
        _check_named(row, dtypes, "an instance")
    return {
        name: messages.from_json([row[name] for row in rows], dtype)
        for name, dtype in dtypes.items()
    }


def _is_named(value: Any) -> bool:
    """Whether JSON maps names of inputs to values; {"b64": ...} is a value itself."""
    return isinstance(value, dict) and list(value) != ["b64"]


def _check_named(values: Any, dtypes: Mapping[str, str], where: str) -> None:
    if not isinstance(values, dict):
        raise InputError(f"{where} must have a value for each input, by name")
    for name in dtypes.keys() - values.keys():
        raise InputError(f"Missing named input: {name} in {where}.")
    for name in values.keys() - dtypes.keys():
        raise InputError(f"Unknown named input: {name} in {where}.")


def _as_json(name: str, array: np.ndarray) -> Any:
    return messages.as_json(array.tolist(), texts=not name.endswith("_bytes"))


def _unnamed(columns: dict[str, Any]) -> Any:
    """Returns outputs by name; a single output without its name, as the API asks."""
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _as_rows(outputs: Mapping[str, np.ndarray], count: int) -> list[Any]:
    for name, array in outputs.items():
        if array.shape[:1] != (count,):
            text = f"output {name} has no row for each instance; send 'inputs' instead"
            raise RequestError("INVALID_ARGUMENT", text)
    columns = {name: _as_json(name, array) for name, array in outputs.items()}
    return [
        _unnamed({name: column[row] for name, column in columns.items()})
        for row in range(count)
    ]
