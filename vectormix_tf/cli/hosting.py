"""Hosting: the commands that export a model and serve it."""

import dataclasses
import importlib.util
import pathlib
import time

from absl import flags

from vectormix_tf.cli.flags import define_settings, given
from vectormix_tf.cli.job import load, quiet_imports, required
from vectormix_tf.client.connection import MODEL, PORTS
from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.config.settings import build
from vectormix_tf.errors import InputError
from vectormix_tf.io.progress import announce, duration
from vectormix_tf.tfserving.messages import MAX_BYTES
from vectormix_tf.tfserving.versions import new_version

HELP = {
    "precision": "what the network computes in: float32 or bfloat16, which some"
    " processors do faster",
    "canvas": "how a mix is stored while it is optimized: fourier or pixels",
    "amplify": "layers or channels that mixes dream of at the same time",
    "layers": "what dreams amplify, name[:weight],...; by default"
    f" {BACKBONES[DEFAULT].dream} ({DEFAULT})",
    "max_size": "long side of the largest result in pixels; who asks for more gets it",
    "max_steps": "most steps of an octave; likewise",
    "max_pixels": "of a picture that is sent; a larger one is refused",
    "max_bytes": "likewise, of its file",
}

MOST = 2  # computed at once: a graph uses all cores already, but not all of the time


def define_export(values: flags.FlagValues) -> None:
    """The flags of `export`."""
    string, integer = flags.DEFINE_string, flags.DEFINE_integer
    text = "the folder of the model's versions, which holds nothing else"
    string("output", None, text, flag_values=values)
    text = "number of the version; 0 takes the next one"
    integer("version", 0, text, flag_values=values)
    define_settings(ExportSettings, values, texts=HELP)


def export(values: flags.FlagValues) -> int:
    """Writes a model; returns the exit code."""
    folder = required(values, "output")
    settings = build(ExportSettings, given(ExportSettings, values))
    version = new_version(folder, values.version)
    load()
    from vectormix_tf.export import saved_model

    begun = time.monotonic()
    chosen = dataclasses.asdict(settings)
    path = saved_model.export(folder, version, tell=announce, **chosen)
    files = pathlib.Path(path).rglob("*")
    megabytes = sum(each.stat().st_size for each in files if each.is_file()) / 1e6
    seconds = duration(time.monotonic() - begun)
    print(f"wrote {path}: {megabytes:.0f} MB in {seconds}", flush=True)
    return 0


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
    flags.DEFINE_boolean(
        "warm_up",
        True,
        "make the requests that lie beside the model before it answers",
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
        from vectormix_tf.server import model as served_model
        from vectormix_tf.server import server as tf_server

    model = served_model.Served(folder, values.name, values.max_concurrency)
    if values.warm_up and model.first_requests:
        announce("making the first requests, so that nobody has to wait for them")
        model.warm_up()
    ports = values.port, values.rest_port
    with tf_server.Server(model, values.host, *ports, values.max_bytes) as server:
        print(
            f"serving version {model.version} of {folder} as {model.name}:"
            f" {server.grpc} {server.rest}",
            flush=True,
        )
        tf_server.wait_for_signal()
    return 0
