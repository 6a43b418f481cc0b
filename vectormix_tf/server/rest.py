"""Rest: the API of TensorFlow Serving over HTTP, as an ASGI app.

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
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from vectormix_tf.errors import InputError
from vectormix_tf.server.model import DEFAULT_SIGNATURE, Refusal, Served
from vectormix_tf.tfserving import messages

# The other way round than `connection.CODES`, and complete.
STATUS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
TOO_LARGE = 413
TIMEOUT = 30.0  # seconds that a request may take: --rest_api_timeout_in_ms
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(/versions/(?P<version>\d{1,18})|/labels/(?P<label>\w+))?"
    r"(?P<what>/metadata|:\w+)?"
)


def app(model: Served, max_bytes: int, timeout: float = TIMEOUT) -> Starlette:
    """Returns the app.

    Args:
        model: What it serves.
        max_bytes: Largest body of a request.
        timeout: Seconds that a request may take.
    """
    pool = ThreadPoolExecutor(model.seats + 1, "rest")

    async def answer(request: Request) -> Response:
        status = 200
        ask = functools.partial(_answer, model, request.method, request.url.path)
        try:
            async with asyncio.timeout(timeout):
                body = await _body(request, max_bytes)
                work = functools.partial(ask, body, timeout)
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(pool, work)
        except Refusal as refusal:
            status = refusal.http or STATUS.get(refusal.code, 500)
            found = {"error": str(refusal)}
        except TimeoutError:
            text = f"the request took longer than {timeout:g} seconds"
            found, status = {"error": text}, STATUS["DEADLINE_EXCEEDED"]
        except ClientDisconnect:
            found, status = {"error": "the client has gone"}, STATUS["CANCELLED"]
        except Exception as error:  # a mistake of ours, and no reason to fall silent
            logging.getLogger(__name__).exception("%s", request.url.path)
            found, status = {"error": f"internal error: {error!r}"}, 500
        # Not starlette's own: JSON of TensorFlow Serving has NaN and Infinity.
        return Response(json.dumps(found), status, media_type="application/json")

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", answer, methods=methods)])


async def _body(request: Request, most: int) -> bytes:
    """Reads it; what is too large is read as well, or no one would hear the answer."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        else:
            chunks.clear()
    if size > most:
        text = f"the request has {size} bytes, and at most {most} are taken"
        raise Refusal("RESOURCE_EXHAUSTED", text, TOO_LARGE)
    return b"".join(chunks)


def _answer(
    model: Served, method: str, path: str, body: bytes, timeout: float
) -> dict[str, Any]:
    found = _PATH.fullmatch(path)
    verb = {None: "GET", "/metadata": "GET", ":predict": "POST"}
    if not found or verb.get(found["what"]) != method:
        raise Refusal("INVALID_ARGUMENT", f"Malformed request: {method} {path}")
    if found["label"] is not None:
        text = f"Unrecognized servable version label: {found['label']}"
        raise Refusal("INVALID_ARGUMENT", text)
    name = found["name"]
    version = None if found["version"] is None else int(found["version"])
    if found["what"] is None:
        return _status(model.states(name, version))
    model.check(name, version)
    if found["what"] == "/metadata":
        return _metadata(model)
    return _predict(model, body, timeout)


def _status(states: Mapping[int, str]) -> dict[str, Any]:
    fine = {"error_code": "OK", "error_message": ""}
    return {
        "model_version_status": [
            {"version": str(version), "state": state, "status": fine}
            for version, state in states.items()
        ]
    }


def _metadata(model: Served) -> dict[str, Any]:
    found = json_format.MessageToDict(
        model.signatures,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    spec = {"name": model.name, "signature_name": "", "version": str(model.version)}
    return {"model_spec": spec, "metadata": {"signature_def": found}}


def _predict(model: Served, body: bytes, timeout: float) -> dict[str, Any]:
    request = _parsed(body)
    key = request.get("signature_name", DEFAULT_SIGNATURE)
    if not isinstance(key, str) or key not in model.signatures.signature_def:
        text = f'Serving signature name: "{key}" not found in signature def'
        raise Refusal("INVALID_ARGUMENT", text)
    signature = model.signatures.signature_def[key]
    dtypes = {n: messages.dtype_name(i.dtype) for n, i in signature.inputs.items()}
    rows = "instances" in request
    if rows == ("inputs" in request):
        text = "a request has either 'instances' or 'inputs' in it"
        raise Refusal("INVALID_ARGUMENT", text)
    try:
        if rows:
            inputs = _from_rows(request["instances"], dtypes)
        else:
            inputs = _from_columns(request["inputs"], dtypes)
    except (InputError, RecursionError) as error:
        raise Refusal("INVALID_ARGUMENT", str(error)) from error
    outputs = model.predict(key, inputs, timeout)
    if not rows:
        columns = {name: _shown(name, array) for name, array in outputs.items()}
        return {"outputs": _only(columns)}
    return {"predictions": _as_rows(outputs, len(request["instances"]))}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        text = f"JSON Parse error: {error}"
        raise Refusal("INVALID_ARGUMENT", text) from error
    if not isinstance(request, dict):
        raise Refusal("INVALID_ARGUMENT", "JSON must be an object")
    return request


def _from_columns(values: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if len(dtypes) == 1 and not _is_named(values):
        values = dict.fromkeys(dtypes, values)
    _check_named(values, dtypes, "'inputs' object")
    return {name: messages.from_json(values[name], dtypes[name]) for name in dtypes}


def _from_rows(rows: Any, dtypes: Mapping[str, str]) -> dict[str, np.ndarray]:
    if not isinstance(rows, list) or not rows:
        raise InputError("'instances' must be a list with something in it")
    if len(dtypes) == 1:
        rows = [r if _is_named(r) else dict.fromkeys(dtypes, r) for r in rows]
    for row in rows:
        _check_named(row, dtypes, "an instance")
    return {
        name: messages.from_json([row[name] for row in rows], dtype)
        for name, dtype in dtypes.items()
    }


def _is_named(value: Any) -> bool:
    """Whether it has names of inputs, and is not a value itself."""
    return isinstance(value, dict) and list(value) != ["b64"]


def _check_named(values: Any, dtypes: Mapping[str, str], where: str) -> None:
    if not isinstance(values, dict):
        raise InputError(f"{where} must have a value for each input, by name")
    for name in dtypes.keys() - values.keys():
        raise InputError(f"Missing named input: {name} in {where}.")
    for name in values.keys() - dtypes.keys():
        raise InputError(f"Unknown named input: {name} in {where}.")


def _shown(name: str, array: np.ndarray) -> Any:
    return messages.as_json(array.tolist(), texts=not name.endswith("_bytes"))


def _only(columns: dict[str, Any]) -> Any:
    """An output that is the only one goes without its name."""
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _as_rows(outputs: Mapping[str, np.ndarray], count: int) -> list[Any]:
    for name, array in outputs.items():
        if array.shape[:1] != (count,):
            text = f"output {name} has no row for each instance; send 'inputs' instead"
            raise Refusal("INVALID_ARGUMENT", text)
    columns = {name: _shown(name, array) for name, array in outputs.items()}
    return [_only({n: each[i] for n, each in columns.items()}) for i in range(count)]
