"""Functions are timed alternately, by a clock of our own."""

import itertools

from vectormix_tf.backbone.timing import time_alternately


def test_each_is_called_once_per_round_and_the_first_round_is_not_measured():
    now, calls = [0.0], []
    lengths = {"a": iter([100, 1, 2, 3]), "b": iter([200, 10, 20, 30])}

    def call(name):
        calls.append(name)
        now[0] += next(lengths[name])

    functions = {name: lambda name=name: call(name) for name in lengths}
    seconds = time_alternately(functions, 3, clock=lambda: now[0])
    assert seconds == {"a": [1, 2, 3], "b": [10, 20, 30]}
    assert calls == ["a", "b"] * 4


def test_a_line_announces_each_call():
    lines = []
    time_alternately({"a": lambda: None}, 2, lines.append, itertools.count().__next__)
    assert lines == ["a", "round 1 of 2: a", "round 2 of 2: a"]
