"""The precision "auto": times float32 and bfloat16 on this machine, and caches it.

Whether bfloat16 is faster cannot be read from a processor's flags: of those that
multiply it in hardware, some need half of the time of float32, others half as much
again.
"""

import dataclasses
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping

import tensorflow as tf

from vectormix_tf.backbone.environment import TRACING
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.machine import machine
from vectormix_tf.backbone.timing import Clock, time_alternately
from vectormix_tf.config.settings import PRECISIONS, Settings
from vectormix_tf.errors import OutputError
from vectormix_tf.io import output
from vectormix_tf.io.cache import cache_folder

SIDE = 320  # pixels; large enough that the network takes nearly all of a step
ROUNDS = 3


def resolve_precision(settings: Settings, layers: Iterable[str]) -> Settings:
    """Returns the settings with the precision "auto" replaced by the faster one here.

    Args:
        settings: Settings with a `precision` and the network.
        layers: Layers of the network that are computed.
    """
    if settings.precision != "auto":
        return settings
    network = settings.weights, settings.backbone, settings.pooling
    choice = _faster(tuple(sorted(layers)), *network)
    return dataclasses.replace(settings, precision=choice)


@functools.cache
def _faster(layers, weights, backbone, pooling) -> str:
    conditions = [*layers, backbone, pooling, *machine()]
    key = hashlib.sha256("\n".join(conditions).encode()).hexdigest()[:16]
    path = os.path.join(cache_folder(), "precision.json")
    known = _known(path)
    if key not in known:

        def make(precision):
            return _step(
                Extractor(layers, weights, backbone, pooling, False, precision)
            )

        with TRACING:
            known[key] = time_each({name: make(name) for name in PRECISIONS})
        _keep(path, known)
    # Equal times select the first, float32.
    return min(PRECISIONS, key=known[key].get)


def time_each(
    steps: Mapping[str, Callable[[], None]],
    rounds: int = ROUNDS,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Returns the shortest duration of each step, in seconds."""
    seconds = time_alternately(steps, rounds, clock=clock)
    return {name: min(each) for name, each in seconds.items()}


def _step(extractor: Extractor) -> Callable[[], None]:
    """Returns the part of a step that depends on precision: activations, gradient."""
    image = tf.random.stateless_uniform([1, SIDE, SIDE, 3], [0, 0])

    @tf.function(autograph=False)
    def differentiate(image):
        means = [tf.reduce_mean(each) for each in extractor(image).values()]
        return tf.gradients(tf.add_n(means), image)[0]

    return lambda: differentiate(image).numpy()


def _known(path: str) -> dict:
    """Returns earlier measurements; a damaged file counts as none."""
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        return {
            key: {name: float(times[name]) for name in PRECISIONS}
            for key, times in record.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _keep(path: str, known: Mapping) -> None:
    """Writes measurements; if that fails, the next run measures again."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        output.write_bytes(path, json.dumps(known, indent=1).encode(), overwrite=True)
    except (OSError, OutputError):
        return
