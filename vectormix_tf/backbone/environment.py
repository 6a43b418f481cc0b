"""The caller's program: what it has set, and what else it does at the same time.

Keras and TensorFlow have settings for the whole process or thread: the data format,
dtypes, counters for the names of layers, distribution strategies, graphs that are being
built. Networks of this package are built as if nobody had set any, and no setting is
changed for the caller.
"""

import contextlib
import importlib
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TypeVar

import tensorflow as tf

from vectormix_tf.config.backbones import KERAS_BACKEND, check_keras
from vectormix_tf.errors import InputError

T = TypeVar("T")

VARIABLE = "KERAS_BACKEND"


def _import_keras() -> ModuleType:
    """Imports Keras with TensorFlow as its backend, which it chooses only once.

    The variable wins over the user's `keras.json`; it is set for the import alone.

    Raises:
        InputError: If the variable names another backend.
    """
    if hasattr(sys.modules.get("keras"), "config"):
        return importlib.import_module("keras")
    if VARIABLE in os.environ:
        check_keras(os.environ[VARIABLE])
        return importlib.import_module("keras")
    # TensorFlow imports Keras, and if that fails a part of it stays.
    for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
        del sys.modules[name]
    os.environ[VARIABLE] = KERAS_BACKEND
    try:
        return importlib.import_module("keras")
    finally:
        del os.environ[VARIABLE]


keras = _import_keras()

# Held while a graph is traced or a network is built. TensorFlow derives the gradient of
# a function that several graphs call without a lock of its own.
TRACING = threading.RLock()

_DATA_FORMAT, _FLOAT = "channels_last", "float32"
_used_by: set[int] = set()  # ids of processes


def check_caller() -> None:
    """Refuses to run where TensorFlow cannot.

    Raises:
        InputError: Within a graph or a distribution strategy, without eager execution,
            or in a process that was forked after a run.
    """
    if _used_by and os.getpid() not in _used_by:
        raise InputError(
            "this process was forked after a run, and TensorFlow hangs in forked"
            ' processes; start them with multiprocessing.get_context("spawn").'
        )
    _used_by.add(os.getpid())
    check_keras(keras.config.backend())
    if not tf.executing_eagerly():
        raise InputError(
            "TensorFlow is building a graph here, or its eager execution is disabled;"
            " call this outside of tf.function and tf.Graph, with eager execution."
        )
    if tf.distribute.has_strategy():
        raise InputError(
            "a distribution strategy is in scope here, and one picture is made on one"
            " device; call this outside of `strategy.scope()`."
        )


def build(make: Callable[[], T]) -> T:
    """Calls a function that builds a Keras network.

    Keras draws seeds for weights, which are then replaced, from Python's generator; the
    caller's numbers go on as if nothing had been drawn.

    It runs in a thread of its own, where dtype policies and counters of names are those
    of a new process; two settings of the whole process are replaced meanwhile. No
    `tf.GradientTape` of the caller watches the variables, which would take minutes.

    Args:
        make: Returns the network.
    """

    def make_fixed():
        with tf.variable_creator_scope(_fixed_variable):
            return make()

    with TRACING, _defaults(), ThreadPoolExecutor(1) as thread:
        return thread.submit(make_fixed).result()


def _fixed_variable(create: Callable[..., tf.Variable], **options) -> tf.Variable:
    return create(**options | {"trainable": False})


@contextlib.contextmanager
def _defaults() -> Iterator[None]:
    before = keras.config.image_data_format(), keras.config.floatx()
    drawn = random.getstate()
    _set(_DATA_FORMAT, _FLOAT)
    try:
        yield
    finally:
        _set(*before)
        random.setstate(drawn)


def _set(data_format: str, dtype: str) -> None:
    keras.config.set_image_data_format(data_format)
    keras.config.set_floatx(dtype)
