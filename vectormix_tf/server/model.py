"""Served: a SavedModel that answers as TensorFlow Serving's would.

What a server says of unknown names and wrong values is what the binary says, as far as
it is known; so a client that understands one understands the other.
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
from vectormix_tf.tfserving.versions import WARM_UP, versions

# So many requests for each that is computed may wait; the next is told to come later.
MOST_WAITING = 16
DEFAULT_SIGNATURE = "serving_default"
# By number, as tf.errors and gRPC have them.
CODES = {
    number: name
    for name, number in vars(tf.errors).items()
    if isinstance(number, int) and name.isupper()
}


class Refusal(Exception):
    """What a client is told instead of an answer.

    Attributes:
        code: The name of a gRPC status, e.g. "INVALID_ARGUMENT".
        http: The status that HTTP has for it, where that is not the usual one.
    """

    def __init__(self, code: str, text: str, http: int | None = None):
        super().__init__(text)
        self.code, self.http = code, http


class Served:
    """The newest version of a model.

    Attributes:
        name: Under which it is asked for.
        version: Of the model.
        state: As in `ModelVersionStatus`; it answers while it is "AVAILABLE".
        signatures: A SignatureDefMap.
        seats: How many requests can be computed or wait at once.
        first_requests: The file of those that warm it up, or None.
    """

    def __init__(self, folder: str | os.PathLike, name: str, most: int):
        """Loads it.

        Args:
            folder: With a folder for each version, the numbers being their names.
            name: Of the model.
            most: How many requests are computed at once.

        Raises:
            InputError: If there is no model in the folder.
        """
        check_integer("max_concurrency", most, 1, 1024)
        if not re.fullmatch(r"[^/:\s]+", name):
            raise InputError(f"`name` must be without / and : and spaces; is {name!r}.")
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
            for key, each in graphs[0].signature_def.items():
                self.signatures.signature_def[key].CopyFrom(each)
            self._model = tf.saved_model.load(path)
        except Exception as error:  # of a broken file it may be anything
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"model `{path}` cannot be loaded: {text}") from error

    def warm_up(self) -> None:
        """Makes the first requests."""
        for record in tf.data.TFRecordDataset(self.first_requests):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            request = log.predict_log.request
            inputs = {name: tf.make_ndarray(t) for name, t in request.inputs.items()}
            self.predict(request.model_spec.signature_name, inputs, None)

    def check(self, name: str, version: int | None) -> None:
        """Refuses to be asked for another model or version."""
        fits = name == self.name and version in (None, self.version)
        if not fits or self.state != "AVAILABLE":
            asked = f"Latest({name})"
            if version is not None:
                asked = f"Specific({name}, {version})"
            text = f"Servable not found for request: {asked}"
            raise Refusal("NOT_FOUND", text)

    def states(self, name: str, version: int | None) -> dict[int, str]:
        """Returns `{version: state}`, or refuses."""
        if name != self.name or version not in (None, self.version):
            tail = "" if version is None else f" with version {version}"
            text = f"Could not find any versions of model {name}{tail}"
            raise Refusal("NOT_FOUND", text)
        return {self.version: self.state}

    def specs(self, signature: str) -> dict[str, tf.TensorSpec]:
        """Returns what a signature takes, by name; see `predict`."""
        key = signature or DEFAULT_SIGNATURE
        if key not in self._model.signatures:
            text = f'Serving signature key "{key}" not found.'
            raise Refusal("FAILED_PRECONDITION", text)
        return self._model.signatures[key].structured_input_signature[1]

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], timeout: float | None
    ) -> dict[str, np.ndarray]:
        """Calls a signature, as soon as it is its turn.

        Args:
            signature: Its name; "" takes "serving_default".
            inputs: Arrays by name.
            timeout: Seconds that it may wait for its turn. What has begun is finished,
                for TensorFlow does not stop in the middle of a graph.

        Raises:
            Refusal: If there is no such signature, it refuses the inputs, or there are
                too many requests.
        """
        specs = self.specs(signature)
        check_names(set(inputs), set(specs))
        for name, array in inputs.items():
            check_tensor(name, tf.as_dtype(array.dtype), array.shape, specs[name])
        function = self._model.signatures[signature or DEFAULT_SIGNATURE]
        with self._turn(timeout):
            try:
                tensors = {
                    name: tf.constant(array, specs[name].dtype)
                    for name, array in inputs.items()
                }
                outputs = function(**tensors)
                # It may be computed only now.
                return {
                    name: messages.as_array(tensor.numpy())
                    for name, tensor in outputs.items()
                }
            except tf.errors.OpError as error:
                code = CODES.get(error.error_code, "UNKNOWN")
                raise Refusal(code, _without_traces(error.message)) from error

    @contextlib.contextmanager
    def _turn(self, timeout: float | None) -> Iterator[None]:
        if not self._seated.acquire(blocking=False):
            text = f"{self.seats} requests are computed or wait; come again later"
            raise Refusal("UNAVAILABLE", text)
        try:
            if not self._computed.acquire(timeout=timeout):
                text = f"it was not its turn within {timeout:.3g} seconds"
                raise Refusal("DEADLINE_EXCEEDED", text)
            try:
                yield
            finally:
                self._computed.release()
        finally:
            self._seated.release()


def newest(folder: str | os.PathLike) -> int:
    """Returns the largest version in a folder.

    Raises:
        InputError: If there is none.
    """
    label = f"model `{os.fspath(folder)}`"
    if not os.path.isdir(folder):
        raise InputError(
            f"{label} is no folder; name one that `vectormix export` made."
        )
    if os.path.isfile(os.path.join(folder, "saved_model.pb")):
        raise InputError(
            f"{label} is one version of a model; name the folder that it lies in, and"
            " let its own name be a number."
        )
    found = [
        number
        for number in versions(folder)
        if os.path.isfile(os.path.join(folder, str(number), "saved_model.pb"))
    ]
    if not found:
        raise InputError(
            f"{label} has no folder with a number for a name and a saved_model.pb in"
            " it; name one that `vectormix export` made."
        )
    return max(found)


def check_names(given: set[str], wanted: set[str]) -> None:
    """Refuses inputs that are missing or unknown."""
    if given != wanted:
        missing, extra = sorted(wanted - given), sorted(given - wanted)
        raise Refusal(
            "INVALID_ARGUMENT",
            f"input size does not match signature: {len(given)}!={len(wanted)}. Sent"
            f" extra: {{{', '.join(extra)}}}. Missing but required:"
            f" {{{', '.join(missing)}}}.",
        )


def check_tensor(name: str, dtype: tf.DType, shape, spec: tf.TensorSpec) -> None:
    """Refuses an input of another type or shape."""
    if dtype != spec.dtype:
        text = f"Expects {name} to be {spec.dtype.name} but {dtype.name} is provided"
        raise Refusal("INVALID_ARGUMENT", text)
    if not spec.shape.is_compatible_with(shape):
        text = f"Expects {name} to have shape {spec.shape} but it has {list(shape)}"
        raise Refusal("INVALID_ARGUMENT", text)


def _without_traces(message: str) -> str:
    """Leaves out what `tf.function` tells of Python, which a server has not."""
    message = message.rpartition("<stack traces unavailable>\n")[2]
    return re.sub(r" \[Op:\w+\]", "", message)
