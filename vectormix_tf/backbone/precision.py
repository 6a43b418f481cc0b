"""Precision: which one this machine computes a network in faster.

Processors that multiply bfloat16 in hardware differ too much to go by their flags: one
takes half of the time, the next half as much again. So each is timed, once.
"""

import dataclasses
import functools
import hashlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.timing import Clock, time_alternately
from vectormix_tf.config.settings import PRECISIONS, Settings
from vectormix_tf.errors import OutputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import version

SIDE = 320  # pixels: large enough that a step is all network
ROUNDS = 3

CACHE = "VECTORMIX_CACHE"  # names a folder to use in place of the user's own


def settled(settings: Settings, layers: Iterable[str]) -> Settings:
    """The same settings, with "auto" replaced by the precision that is faster here.

    Args:
        settings: With `precision`, and the network.
        layers: What the network is asked for.
    """
    if settings.precision != "auto":
        return settings
    network = settings.weights, settings.backbone, settings.pooling
    choice = _faster(tuple(sorted(layers)), *network)
    return dataclasses.replace(settings, precision=choice)


@functools.cache
def _faster(layers, weights, backbone, pooling) -> str:
    asked = [*layers, backbone, pooling, *_machine()]
    key = hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16]
    path = os.path.join(cache_folder(), "precision.json")
    known = _known(path)
    if key not in known:

        def make(precision):
            return _step(
                Extractor(layers, weights, backbone, pooling, False, precision)
            )

        known[key] = time_each({name: make(name) for name in PRECISIONS})
        _keep(path, known)
    # Of two that are as fast the first one wins.
    return min(PRECISIONS, key=known[key].get)


def time_each(
    steps: Mapping[str, Callable[[], None]],
    rounds: int = ROUNDS,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Least seconds of each step."""
    seconds = time_alternately(steps, rounds, clock=clock)
    return {name: min(each) for name, each in seconds.items()}


def _step(extractor: Extractor) -> Callable[[], None]:
    """What of a step depends on the precision: a look at an image, and its gradient."""
    image = tf.random.stateless_uniform([1, SIDE, SIDE, 3], [0, 0])

    @tf.function(autograph=False)
    def differentiate(image):
        means = [tf.reduce_mean(each) for each in extractor(image).values()]
        return tf.gradients(tf.add_n(means), image)[0]

    return lambda: differentiate(image).numpy()


def _machine() -> list[str]:
    """What the timing holds for."""
    devices = [device.name for device in tf.config.list_physical_devices()]
    packages = [version(name) for name in ("tensorflow", "keras")]
    return [*packages, _processor(), str(os.cpu_count()), *devices]


def _processor() -> str:
    """Name and abilities of the processor, as far as the system tells."""
    try:
        with open("/proc/cpuinfo") as file:
            told = {line for line in file if line.startswith(("model name", "flags"))}
        return "".join(sorted(told))
    except OSError:
        return f"{platform.processor()} {platform.machine()} {platform.node()}"


def cache_folder() -> str:
    """Where what was measured on this machine is kept, by each system's custom."""
    home = os.path.expanduser("~")
    usual = {
        "win32": os.environ.get("LOCALAPPDATA", home),
        "darwin": os.path.join(home, "Library", "Caches"),
    }.get(sys.platform)
    usual = usual or os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.environ.get(CACHE) or os.path.join(usual, "vectormix_tf")


def _known(path: str) -> dict:
    """What was measured before; a file that is not ours is as good as none."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return {
            key: {name: float(times[name]) for name in PRECISIONS}
            for key, times in found.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _keep(path: str, known: Mapping) -> None:
    """Writes it down; where that fails, the next run measures again."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        output.write_bytes(path, json.dumps(known, indent=1).encode(), overwrite=True)
    except (OSError, OutputError):
        return
