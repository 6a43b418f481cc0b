"""`vectormix serve`: serves an exported model over gRPC and REST."""

import contextlib
import importlib.util

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.job import quiet_imports, required_flag
from vectormix_tf.cli.messages import print_result
from vectormix_tf.cli.paths import define_path
from vectormix_tf.client.connection import MODEL, PORTS
from vectormix_tf.errors import InputError
from vectormix_tf.io.names import printable
from vectormix_tf.io.progress import print_line
from vectormix_tf.tfserving.messages import MAX_BYTES

# One request at a time would leave cores idle while a graph runs its serial parts.
MAX_CONCURRENCY = 2


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `serve`."""
    integer, string = flags.DEFINE_integer, flags.DEFINE_string
    define_path("model", None, "the folder that export made", flag_values=values)
    string("name", MODEL, "name of the model in requests", flag_values=values)
    string(
        "host",
        "127.0.0.1",
        "address to listen on; the default is reachable from this machine only, 0.0.0.0"
        " from all",
        flag_values=values,
    )
    integer(
        "port", PORTS["grpc"], "port of gRPC; 0 takes a free one", flag_values=values
    )
    integer(
        "rest_port",
        PORTS["http"],
        "port of REST; 0 takes a free one",
        flag_values=values,
    )
    integer(
        "max_concurrency",
        MAX_CONCURRENCY,
        "requests that are computed at once; 16 times as many wait, and any more get an"
        " error that asks to retry later",
        flag_values=values,
    )
    integer(
        "max_bytes",
        MAX_BYTES,
        "the largest request; larger ones are refused",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "warm_up",
        True,
        "run the model's own warm-up requests before the first client is served",
        flag_values=values,
    )


def _run(values: flags.FlagValues) -> int:
    """Serves until the process gets a signal to end; returns the exit code."""
    folder = required_flag(values, "model")
    for package in ("grpc", "tensorflow_serving", "starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"serve needs {package}: pip install 'vectormix_tf[serve]'"
            )
    with quiet_imports():
        from vectormix_tf.server.model import ServedModel
        from vectormix_tf.server.server import Server, wait_for_signal

    model = ServedModel(folder, values.name, values.max_concurrency)
    if values.warm_up and model.first_requests:
        print_line("making the first requests, so that nobody has to wait for them")
        model.warm_up()
    ports = values.port, values.rest_port
    with Server(model, values.host, *ports, values.max_bytes) as server:
        print_result(
            f"serving version {model.version} of {printable(folder)} as {model.name}:"
            f" {server.grpc} {server.rest}"
        )
        with contextlib.suppress(KeyboardInterrupt):  # the terminal was closed
            wait_for_signal()
    return 0


COMMAND = Command(
    "server",
    "vectormix serve --model=FOLDER [flags]",
    "Serve an exported model with the API of TensorFlow Serving, over gRPC and"
    " REST,\nuntil Ctrl-C.",
    _define,
    _run,
)
