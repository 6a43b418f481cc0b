"""Hosting: the command that serves an exported model."""

import importlib.util

from absl import flags

from vectormix_tf.checks import InputError
from vectormix_tf.connection import MODEL, PORTS
from vectormix_tf.job import quiet_imports, required
from vectormix_tf.messages import MAX_BYTES

MOST = 2  # computed at once: a graph uses all cores already, but not all of the time


def define_serve(values: flags.FlagValues) -> None:
    """The flags of `serve`."""
    integer, string = flags.DEFINE_integer, flags.DEFINE_string
    string("model", None, "the folder that export made", flag_values=values)
    string("name", MODEL, "under which it is asked for", flag_values=values)
    string(
        "host",
        "127.0.0.1",
        "where it listens: by default to this machine alone, with 0.0.0.0 to all",
        flag_values=values,
    )
    integer("port", PORTS["grpc"], "of gRPC; 0 takes a free one", flag_values=values)
    integer(
        "rest_port", PORTS["http"], "of REST; 0 takes a free one", flag_values=values
    )
    integer(
        "max_concurrency",
        MOST,
        "requests that are computed at once; 16 times as many wait, others are told to"
        " come later",
        flag_values=values,
    )
    integer(
        "max_bytes",
        MAX_BYTES,
        "the largest request; larger ones are refused",
        flag_values=values,
    )


def serve(values: flags.FlagValues) -> int:
    """Serves until the process is asked to end; returns the exit code."""
    folder = required(values, "model")
    for package in ("grpc", "tensorflow_serving", "starlette", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"serve needs {package}: pip install 'vectormix_tf[serve]'"
            )
    with quiet_imports():
        from vectormix_tf import served, serving

    model = served.Served(folder, values.name, values.max_concurrency)
    ports = values.port, values.rest_port
    with serving.Server(model, values.host, *ports, values.max_bytes) as server:
        print(
            f"serving version {model.version} of {folder} as {model.name}:"
            f" {server.grpc} {server.rest}",
            flush=True,
        )
        serving.wait_for_signal()
    return 0
