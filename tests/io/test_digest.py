"""Digests: what they see of a function and what they do not."""

import functools
import textwrap

import numpy as np
import pytest

from vectormix_tf.io.digest import digest


def made(source, name="f", **values):
    """A function as a module defines it."""
    module = {"__name__": "own", **values}
    exec(textwrap.dedent(source), module)
    return module[name]


PLAIN = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    "other",
    [
        PLAIN,
        "\n\n# A comment.\n" + PLAIN,
        "def f(x):\n\n    return x + 1  # as before\n",
        "other = 3\n" + PLAIN,
    ],
)
def test_the_same_code_elsewhere_has_the_same_digest(other):
    assert digest(made(PLAIN)) == digest(made(other))


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 2\n",
        "def f(x):\n    return x - 1\n",
        "def f(x, y=1):\n    return x + 1\n",
        "def f(x):\n    return (lambda y: y + 1)(x)\n",
    ],
)
def test_other_code_has_another_digest(other):
    assert digest(made(PLAIN)) != digest(made(other))


def test_code_within_a_function_counts():
    source = "def f(x):\n    return (lambda y: y + {})(x)\n"
    assert digest(made(source.format(1))) != digest(made(source.format(2)))


@pytest.mark.parametrize(
    "one, other",
    [
        (1, 2),
        (1, 1.0),
        ("a", "b"),
        ([1, 2], [1, 3]),
        ({"a": 1}, {"a": 2}),
        (np.float32([1, 2]), np.float32([1, 3])),
        (np.float32([1, 2]), np.float64([1, 2])),
        (made(PLAIN), made("def f(x):\n    return x\n")),
        (functools.partial(max, 1), functools.partial(max, 2)),
        (max, min),
    ],
    ids=str,
)
def test_values_that_a_function_uses_count(one, other):
    """As variables of the module, of a function around it, and as defaults."""

    def inner(value):
        return lambda x: x + value

    def default(value):
        return lambda x, y=value: x + y

    for build in (inner, default, lambda v: made("def f(x): return x + v", v=v)):
        assert digest(build(one)) == digest(build(one))
        assert digest(build(one)) != digest(build(other))


def test_tensors_count_by_their_numbers():
    import tensorflow as tf

    one, same, other = (
        tf.constant(each) for each in ([1.0, 2.0], [1.0, 2.0], [1.0, 3])
    )
    assert digest(one) == digest(same) != digest(other)
    assert digest(one) == digest(np.float32([1, 2]))


def test_a_function_that_calls_itself_has_a_digest():
    source = "def f(x):\n    return f(x - {}) if x else 0\n"
    assert digest(made(source.format(1))) == digest(made(source.format(1)))
    assert digest(made(source.format(1))) != digest(made(source.format(2)))


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor

    def method(self, x):
        return x * self.factor


def test_objects_that_can_be_called_count_with_what_they_hold():
    assert digest(Scale(1)) == digest(Scale(1)) != digest(Scale(2))
    assert digest(Scale(1).method) == digest(Scale(1).method) != digest(Scale(2).method)


def test_calls_do_not_change_a_digest():
    """Python specializes code that runs often, and caches fill."""

    @functools.cache
    def cached(x):
        return x + 1

    function = made(PLAIN)
    before = digest([cached, function])
    for i in range(1000):
        cached(i)
        function(i)
    assert digest([cached, function]) == before


def test_of_installed_packages_the_names_alone_count():
    assert digest(np.linalg.norm) != digest(np.linalg.det)
    assert digest(made("def f(x): return np.sum(x)", np=np))
