"""Remote: mixes and dreams with --server, which another machine computes."""

import functools
from os.path import isfile
from typing import Any

from absl import flags

from vectormix_tf.cli.flags import given, mix_inputs, paths_of, pictures_of, read_all
from vectormix_tf.cli.job import Job, required
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.errors import InputError

# Flags that mean nothing there, and why.
_HERE_ALONE = {
    "checkpoint": "a run on a server is not kept when it stops",
    "resume": "a run on a server is not kept when it stops",
    "style_mask": "a model has one style, and it is everywhere",
    "explore": "a model dreams of layers that were chosen when it was exported",
}


def define_server(values: flags.FlagValues) -> None:
    """The flag that sends the work away."""
    flags.DEFINE_string(
        "server",
        None,
        "let a server compute it: grpc://HOST:PORT or http://HOST:PORT, with /MODEL"
        " behind it if need be",
        flag_values=values,
    )


def mix(values: flags.FlagValues) -> int:
    """Makes a mix on a server; returns the exit code."""
    _refuse(values)
    pictures, chosen = mix_inputs(values)
    if pictures["content"] is None or len(pictures["style"]) != 1:
        raise InputError("a server mixes one --content with one --style; give both.")
    if pictures["guide"] is not None:
        raise InputError("--guide does not go with --server: of mixes it has none.")
    (pictures["style"],) = pictures["style"]
    del pictures["style_mask"], pictures["guide"], chosen["style_weights"]
    return _make("mix", values, pictures, chosen)


def dream(values: flags.FlagValues) -> int:
    """Makes a dream on a server; returns the exit code."""
    _refuse(values)
    required(values, "image")
    pictures = pictures_of(values, "image", "guide", "mask")
    return _make("dream", values, pictures, given(DreamSettings, values))


def _make(
    command: str,
    values: flags.FlagValues,
    pictures: dict[str, Any],
    chosen: dict[str, Any],
) -> int:
    first = chosen.get("init")
    files = paths_of(pictures) + [first] * (first is not None and isfile(first))
    job = Job(command, values, None, files)
    read = read_all(pictures, values)
    from vectormix_tf.client import runs as client

    recipe = {"mix": client.mix, "dream": client.dream}[command]
    return job.make(functools.partial(recipe, server=values.server, **read, **chosen))


def _refuse(values: flags.FlagValues) -> None:
    for name, why in _HERE_ALONE.items():
        if name in values and values[name].value:
            raise InputError(f"--{name} does not go with --server: {why}.")
    if values.depth == 16:
        raise InputError("--depth=16 does not go with --server: it sends 8 bits.")
