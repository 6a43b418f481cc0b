"""Programs that set Keras and TensorFlow otherwise, run threads, or fork."""

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal

import vectormix_tf as vm
from vectormix_tf.backbone import environment, load

MIX = {"size": 120, "steps": 2, "style_levels": 1, "on_progress": None}
DREAM = {"size": 120, "steps": 2, "octaves": 1, "on_progress": None}


def sha(result):
    return hashlib.sha256(np.ascontiguousarray(result.image)).hexdigest()


def fresh():
    """Forgets the networks, as in a new process."""
    load._load_named.cache_clear()


@pytest.fixture(scope="module")
def alone(photo, painting):
    """Bytes of a mix and a dream."""
    fresh()
    return sha(vm.mix(photo, painting, **MIX)), sha(vm.dream(photo, **DREAM))


def settings_of_keras():
    names = "image_data_format", "floatx", "epsilon", "backend"
    found = [getattr(keras.config, name)() for name in names]
    found += [keras.config.dtype_policy().name, os.environ.get("KERAS_BACKEND")]
    return [*found, random.getstate(), *np.random.get_state()[2:]]  # noqa: NPY002


@contextlib.contextmanager
def replaced(change, value, usual):
    change(value)
    try:
        yield
    finally:
        change(usual)


def data_format():
    change = keras.config.set_image_data_format
    return replaced(change, "channels_first", "channels_last")


def floats(dtype):
    return lambda: replaced(keras.config.set_floatx, dtype, "float32")


def policy(name):
    return lambda: replaced(keras.config.set_dtype_policy, name, "float32")


@contextlib.contextmanager
def other_models():
    """As a notebook has them, which have used the counters of names."""
    assert [keras.applications.InceptionV3(weights=None) for _ in range(2)]
    yield


@contextlib.contextmanager
def scopes():
    with tf.name_scope("outer"), tf.device("CPU:0"), keras.name_scope("other"):
        yield


STATES = {
    "channels_first": data_format,
    "float64": floats("float64"),
    "float16": floats("float16"),
    "mixed_float16": policy("mixed_float16"),
    "bfloat16": policy("bfloat16"),
    "other models": other_models,
    "scopes": scopes,
    "a tape": lambda: tf.GradientTape(persistent=True),
}


@pytest.mark.parametrize("state", STATES)
def test_what_the_caller_has_set_changes_no_byte_and_stays_set(state, photo, alone):
    fresh()
    with STATES[state]():
        before = settings_of_keras()
        assert sha(vm.dream(photo, **DREAM)) == alone[1]
        assert settings_of_keras() == before


# --- What cannot work -----------------------------------------------------------------


def entries(photo, painting):
    return {
        "mix": lambda: vm.mix(photo, painting, **MIX),
        "dream": lambda: vm.dream(photo, **DREAM),
        "visualize": lambda: vm.visualize("mixed0", size=80, steps=1, on_progress=None),
        "mix_vectors": lambda: vm.mix_vectors([1.0], [2.0], abs, abs),
        "sweep": lambda: next(vm.sweep(photo, painting, on_progress=None)),
        "zoom": lambda: next(vm.zoom(photo, frames=2, on_progress=None)),
        "export": lambda: vm.export("never"),
    }


@contextlib.contextmanager
def graph():
    with tf.Graph().as_default():
        yield


REFUSED = {
    "graph": (graph, "is building a graph here"),
    "strategy": (lambda: tf.distribute.OneDeviceStrategy("CPU:0").scope(), "strategy"),
}


@pytest.mark.parametrize("entry", entries("", ""))
@pytest.mark.parametrize("state", REFUSED)
def test_what_cannot_work_is_one_line(state, entry, photo, painting):
    make, words = REFUSED[state]
    with make():
        said = refusal(entries(photo, painting)[entry])
    assert words in said and "call this outside" in said


def test_within_a_function_that_is_traced_it_is_one_line(photo):
    @tf.function(autograph=False)
    def outer():
        vm.dream(photo, **DREAM)

    assert "call this outside of tf.function" in refusal(outer)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_process_that_was_forked_after_a_run_says_so(monkeypatch):
    monkeypatch.setattr(environment, "_used_by", {os.getpid() + 1})
    assert 'get_context("spawn")' in refusal(environment.check_caller)


def test_a_fork_before_any_run_and_the_process_itself_are_fine(monkeypatch):
    monkeypatch.setattr(environment, "_used_by", set())
    environment.check_caller()
    environment.check_caller()
    assert environment._used_by == {os.getpid()}


# --- What only a new process shows ----------------------------------------------------

SHOW = """
import os, sys, vectormix_tf as vm
try:
    result = vm.dream(sys.argv[1], size=120, steps=2, octaves=1, on_progress=None)
except vm.InputError as error:
    print("InputError", error)
else:
    import hashlib, numpy as np
    print(hashlib.sha256(np.ascontiguousarray(result.image)).hexdigest())
    import keras
    print(keras.config.image_data_format(), os.environ.get("KERAS_BACKEND"))
"""


def lines_of(code, *arguments, **environ):
    kept = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=kept | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_keras_json_decides_nothing(photo, alone, tmp_path):
    settings = {"image_data_format": "channels_first", "backend": "jax"}
    settings |= {"floatx": "float64", "epsilon": 1e-3}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    lines = lines_of(SHOW, photo, KERAS_HOME=str(tmp_path))
    assert lines == [alone[1], "channels_first None"]


def test_another_backend_is_one_line_from_python_too(photo):
    (line,) = lines_of(SHOW, photo, KERAS_BACKEND="jax")
    assert line.startswith("InputError KERAS_BACKEND is 'jax', but this package needs")


# --- Threads --------------------------------------------------------------------------


def at_once(functions):
    """Results of functions that threads call at the same time, in their order."""
    barrier, found = threading.Barrier(len(functions)), [None] * len(functions)

    def call(i):
        barrier.wait()
        try:
            found[i] = functions[i]()
        except Exception as error:
            found[i] = error

    threads = [threading.Thread(target=call, args=[i]) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_first_calls_of_many_threads_give_the_bytes_that_they_give_alone(
    photo, painting, alone
):
    wide = sha(vm.dream(photo, **DREAM | {"size": 144}))
    fresh()
    found = at_once(
        [
            lambda: sha(vm.mix(photo, painting, **MIX)),
            lambda: sha(vm.dream(photo, **DREAM)),
            lambda: sha(vm.dream(photo, **DREAM | {"size": 144})),
            lambda: vm.mix(photo, painting, objectives=[broken()], **MIX),
            lambda: sha(vm.mix(photo, painting, **MIX)),
            lambda: sha(vm.dream(photo, **DREAM)),
        ]
    )
    assert "division by zero" in str(found[3])
    assert found[:3] == [*alone, wide] and found[4:] == [*alone]


def broken():
    """An objective whose function raises."""
    return vm.objectives.from_function("broken", ["mixed0"], lambda _: 1 / 0)


FIRST = """
import sys, threading, hashlib, numpy as np, vectormix_tf as vm
barrier, found = threading.Barrier(4), set()
def dream():
    barrier.wait()
    result = vm.dream(sys.argv[1], size=120, steps=2, octaves=1, on_progress=None)
    found.add(hashlib.sha256(np.ascontiguousarray(result.image)).hexdigest())
threads = [threading.Thread(target=dream) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(*found)
"""


def test_the_very_first_calls_of_a_process_may_be_those_of_threads(photo, alone):
    assert lines_of(FIRST, photo) == [alone[1]]
