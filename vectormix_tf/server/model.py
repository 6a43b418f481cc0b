"""A loaded SavedModel that answers requests as TensorFlow Serving does.

The texts about unknown names and wrong values are those of TensorFlow Serving's binary
where they are known, so that a client which understands one server understands both.
"""

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, prediction_log_pb2

from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.status import name_of_number
from vectormix_tf.tfserving.versions import WARM_UP, versions

# Requests that may wait for each one that is computed; further ones are UNAVAILABLE.
MOST_WAITING = 16
DEFAULT_SIGNATURE = "serving_default"
# Characters of an error. gRPC sends it in a header, of which clients take 8 KiB, and
# writes a character in up to 12 bytes; a longer one would hide the status.
MOST_TEXT = 600


class RequestError(Exception):
    """A request that is answered with a status instead of a result.

    Unlike a `VectormixError` its text may have several lines: it is sent as it is.

    Attributes:
        code: Name of the gRPC status, e.g. "INVALID_ARGUMENT".
        http: The HTTP status, where it differs from that of `code`; else None.
    """

    def __init__(self, code: str, text: str, http: int | None = None):
        super().__init__(text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}...")
        self.code, self.http = code, http


class ServedModel:
    """The newest version of a model, with a queue of requests; thread-safe.

    Attributes:
        name: Model name in requests.
        version: Version that is loaded.
        state: Name of a `ModelVersionStatus.State`; requests are answered while it is
            "AVAILABLE".
        signatures: `SignatureDefMap` of the SavedModel.
        seats: How many requests may be computed or wait at the same time.
        first_requests: Path of the version's warm-up requests, or None.
    """

    def __init__(self, folder: str | os.PathLike, name: str, most: int):
        """Loads the newest version.

        Args:
            folder: Has a subfolder for each version, named by its number.
            name: Model name in requests.
            most: How many requests are computed at the same time, 1 to 1024.

        Raises:
            InputError: If there is no model in the folder, or it cannot be loaded.
        """
        check_integer("max_concurrency", most, 1, 1024)
        if not re.fullmatch(r"[^/:\s]+", name):
            raise InputError(
                f"`name` must be without /, : and spaces; received {name!r}."
            )
        self.name, self.state = name, "AVAILABLE"
        self.version = newest(folder)
        self.seats = most * (1 + MOST_WAITING)
        self._computed = threading.Semaphore(most)
        self._seated = threading.Semaphore(self.seats)
        path = os.path.join(folder, str(self.version))
        requests = os.path.join(path, WARM_UP)
        self.first_requests = requests if os.path.isfile(requests) else None
        self.signatures = get_model_metadata_pb2.SignatureDefMap()
        try:
            with open(os.path.join(path, "saved_model.pb"), "rb") as file:
                graphs = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs
            for key, signature in graphs[0].signature_def.items():
                self.signatures.signature_def[key].CopyFrom(signature)
            self._model = tf.saved_model.load(path)
        except Exception as error:  # a damaged file can raise almost anything
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"model `{path}` cannot be loaded: {text}") from error

    def warm_up(self) -> None:
        """Makes the version's warm-up requests, so that its graphs are traced.

        Raises:
            InputError: If the model fails at one of them.
        """
        try:
            for record in tf.data.TFRecordDataset(self.first_requests):
                log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
                request = log.predict_log.request
                tensors = request.inputs.items()
                inputs = {name: tf.make_ndarray(tensor) for name, tensor in tensors}
                self.predict(request.model_spec.signature_name, inputs, None)
        except Exception as error:  # a damaged file can raise almost anything
            raise InputError(
                f"model {self.name} fails at its warm-up requests:"
                f" {str(error) or type(error).__name__}"
            ) from error

    def check(self, name: str, version: int | None) -> None:
        """Raises NOT_FOUND unless this model and version are the ones requested.

        Args:
            name: Model name in the request.
            version: Version in the request; None for the newest.

        Raises:
            RequestError: If they are others, or the model is being unloaded.
        """
        matches = name == self.name and version in (None, self.version)
        if not matches or self.state != "AVAILABLE":
            servable = f"Latest({name})"
            if version is not None:
                servable = f"Specific({name}, {version})"
            text = f"Servable not found for request: {servable}"
            raise RequestError("NOT_FOUND", text)

    def states(self, name: str, version: int | None) -> dict[int, str]:
        """Returns `{version: state}` of the version that is loaded.

        Raises:
            RequestError: If another model or version is requested.
        """
        if name != self.name or version not in (None, self.version):
            tail = "" if version is None else f" with version {version}"
            text = f"Could not find any versions of model {name}{tail}"
            raise RequestError("NOT_FOUND", text)
        return {self.version: self.state}

    def specs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns the inputs of a signature, by name.

        Args:
            signature: Its key; "" stands for "serving_default".

        Raises:
            RequestError: If there is no such signature.
        """
        key = signature or DEFAULT_SIGNATURE
        if key not in self._model.signatures:
            text = f'Serving signature key "{key}" not found.'
            raise RequestError("FAILED_PRECONDITION", text)
        return self._model.signatures[key].structured_input_signature[1]

    def outputs(self, signature: str) -> set[str]:
        """Returns the names of a signature's outputs; see `specs`."""
        key = signature or DEFAULT_SIGNATURE
        return set(self.signatures.signature_def[key].outputs)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None
    ) -> dict[str, np.ndarray]:
        """Calls a signature as soon as fewer than `most` others are computed.

        Args:
            signature: Its key; "" stands for "serving_default".
            inputs: Arrays by name.
            timeout: Seconds that the request may wait before it is computed; None
                for any number. A computation that has begun is finished, because
                TensorFlow does not stop in the middle of a graph.

        Returns:
            Arrays by name; one of strings holds bytes objects.

        Raises:
            RequestError: If there is no such signature, the inputs do not fit it or
                the graph rejects them, or too many requests wait.
        """
        specs = self.specs(signature)
        check_names(set(inputs), set(specs))
        for name, array in inputs.items():
            check_tensor(name, tf.as_dtype(array.dtype), array.shape, specs[name])
        function = self._model.signatures[signature or DEFAULT_SIGNATURE]
        with self._seat(timeout):
            try:
                tensors = {
                    name: tf.constant(array, specs[name].dtype)
                    for name, array in inputs.items()
                }
                outputs = function(**tensors)
                # On a GPU an error may surface only here, when values are fetched.
                return {
                    name: messages.as_array(tensor.numpy())
                    for name, tensor in outputs.items()
                }
            except tf.errors.OpError as error:
                code = name_of_number(error.error_code)
                raise RequestError(code, _without_traces(error.message)) from error
            except UnicodeDecodeError as error:  # TensorFlow's text has the bytes sent
                text = _without_traces(error.object.decode(errors="replace"))
                raise RequestError("INVALID_ARGUMENT", text) from error

    @contextlib.contextmanager
    def _seat(self, timeout: float | None) -> Iterator[None]:
        """Waits until a request may be computed, or raises `RequestError`."""
        if not self._seated.acquire(blocking=False):
            text = f"{self.seats} requests are computed or wait; try again later"
            raise RequestError("UNAVAILABLE", text)
        try:
            if not self._computed.acquire(timeout=timeout):
                text = f"the request was still waiting after {timeout:.3g} seconds"
                raise RequestError("DEADLINE_EXCEEDED", text)
            try:
                yield
            finally:
                self._computed.release()
        finally:
            self._seated.release()


def newest(folder: str | os.PathLike) -> int:
    """Returns the highest version in a folder.

    Raises:
        InputError: If there is none.
    """
    label = f"model `{os.fspath(folder)}`"
    if not os.path.isdir(folder):
        raise InputError(
            f"{label} is no folder; name one that `vectormix export` wrote."
        )
    if os.path.isfile(os.path.join(folder, "saved_model.pb")):
        raise InputError(
            f"{label} is one version of a model; name the folder that holds it, and"
            " give the version a number as its name."
        )
    numbers = [
        number
        for number in versions(folder)
        if os.path.isfile(os.path.join(folder, str(number), "saved_model.pb"))
    ]
    if not numbers:
        raise InputError(
            f"{label} has no folder with a number as its name and a saved_model.pb in"
            " it; name one that `vectormix export` wrote."
        )
    return max(numbers)


def check_names(given: set[str], wanted: set[str]) -> None:
    """Raises INVALID_ARGUMENT if inputs are missing or unknown."""
    if given != wanted:
        missing, extra = sorted(wanted - given), sorted(given - wanted)
        raise RequestError(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(given)}!={len(wanted)}. Sent"
            f" extra: {{{', '.join(extra)}}}. Missing but required:"
            f" {{{', '.join(missing)}}}.",
        )


def check_filter(wanted: set[str], known: set[str]) -> None:
    """Raises INVALID_ARGUMENT if an output that is wanted does not exist."""
    if wanted - known:
        raise RequestError(
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature:"
            f" {', '.join(sorted(wanted - known))}. Outputs expected to be in the set"
            f" {{{', '.join(sorted(known))}}}.",
        )


def check_tensor(name: str, dtype: tf.DType, shape, spec: tf.TensorSpec) -> None:
    """Raises INVALID_ARGUMENT if an input has another type or shape than `spec`."""
    if dtype != spec.dtype:
        text = f"Expects {name} to be {spec.dtype.name} but {dtype.name} is provided"
        raise RequestError("INVALID_ARGUMENT", text)
    if not spec.shape.is_compatible_with(shape):
        text = f"Expects {name} to have shape {spec.shape} but it has {list(shape)}"
        raise RequestError("INVALID_ARGUMENT", text)


def _without_traces(message: str) -> str:
    """Removes what `tf.function` adds about Python, which the binary does not have."""
    message = message.rpartition("<stack traces unavailable>\n")[2]
    return re.sub(r" \[Op:\w+\]", "", message)
