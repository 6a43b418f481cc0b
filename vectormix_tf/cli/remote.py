"""`--server`: mixes and dreams that a server computes."""

import functools
import os
from collections.abc import Callable
from os.path import isfile
from typing import Any

from absl import flags

from vectormix_tf.cli.flags import (
    flat_paths,
    given_settings,
    mix_inputs,
    picture_paths,
    read_pictures,
)
from vectormix_tf.cli.job import Job, required_flag
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.errors import InputError
from vectormix_tf.filters.preview import preview, unchanged
from vectormix_tf.io.results import PictureResult

# Flags that have no effect on a server, and why.
_LOCAL_ONLY = {
    "checkpoint": "a run on a server is not kept when it stops",
    "resume": "a run on a server is not kept when it stops",
    "style_mask": "a model has one style, and it is everywhere",
    "explore": "a model dreams of layers that were chosen when it was exported",
}


def define_server(values: flags.FlagValues) -> None:
    """Defines the flag that names the server."""
    flags.DEFINE_string(
        "server",
        None,
        "let a server compute it: grpc://HOST:PORT or http://HOST:PORT, with /MODEL"
        " behind it if need be; several servers of the same model with commas between",
        flag_values=values,
    )


def mix(values: flags.FlagValues) -> int:
    """Runs `mix` on a server; returns the exit code."""
    _check_flags(values)
    pictures, options = mix_inputs(values)
    if pictures["content"] is None or len(pictures["style"]) != 1:
        raise InputError("a server mixes one --content with one --style; give both.")
    if pictures["guide"] is not None:
        raise InputError("--guide does not go with --server: its mixes take no guide.")
    (pictures["style"],) = pictures["style"]
    del pictures["style_mask"], pictures["guide"], options["style_weights"]
    return _run("mix", values, pictures, options)


def dream(values: flags.FlagValues) -> int:
    """Runs `dream` on a server; returns the exit code."""
    _check_flags(values)
    required_flag(values, "image")
    pictures = picture_paths(values, "image", "guide", "mask")
    return _run("dream", values, pictures, given_settings(DreamSettings, values))


def _run(
    command: str,
    values: flags.FlagValues,
    pictures: dict[str, Any],
    options: dict[str, Any],
) -> int:
    """Writes a picture that a server computes; returns the exit code.

    Args:
        command: "mix" or "dream".
        values: The flags.
        pictures: From `picture_paths`.
        options: Settings of the request, by name.
    """
    files, init = flat_paths(pictures), options.get("init")
    if init is not None and isfile(init):
        files.append(init)
    job = Job(command, values, None, files)
    read = read_pictures(pictures, values)
    # What gRPC's own log says of a proxy that refuses is in the one line of the error.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from vectormix_tf.client import runs

    recipe = {"mix": runs.mix, "dream": runs.dream}[command]
    if command == "mix":
        first = functools.partial(preview, **read, **options)
    else:
        first = functools.partial(unchanged, read["image"], **options)
    return job.write(
        functools.partial(recipe, server=values.server, **read, **options),
        functools.partial(_unless_refused, first),
    )


def _unless_refused(first: Callable[[], PictureResult]) -> PictureResult | None:
    """Returns a first picture; None if the default network would refuse the run.

    The server has a network of its own, and may take it.
    """
    try:
        return first()
    except InputError:
        return None


def _check_flags(values: flags.FlagValues) -> None:
    """Raises an `InputError` for a flag that has no effect on a server."""
    for name, why in _LOCAL_ONLY.items():
        if name in values and values[name].value:
            raise InputError(f"--{name} does not go with --server: {why}.")
    if values.depth == 16:
        raise InputError("--depth=16 does not go with --server: it sends 8 bits.")
