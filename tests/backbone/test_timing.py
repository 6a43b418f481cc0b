"""Turns: whose they are, what they take by a clock of our own, how runs end."""

import itertools
import threading
from types import SimpleNamespace

import pytest

from vectormix_tf.backbone.timing import Runner, in_turns


def test_each_has_its_turn_in_each_round_and_the_first_does_not_count():
    now, calls = [0.0], []
    lengths = {"a": iter([100, 1, 2, 3]), "b": iter([200, 10, 20, 30])}

    def turn(name):
        calls.append(name)
        now[0] += next(lengths[name])

    contestants = {name: lambda name=name: turn(name) for name in lengths}
    seconds = in_turns(contestants, 3, clock=lambda: now[0])
    assert seconds == {"a": [1, 2, 3], "b": [10, 20, 30]}
    assert calls == ["a", "b"] * 4


def test_lines_tell_what_comes_next():
    lines = []
    in_turns({"a": lambda: None}, 2, lines.append, itertools.count().__next__)
    assert lines == ["a", "round 1 of 2: a", "round 2 of 2: a"]


def counting(done, steps, chunk=1):
    """A run that tells its steps after each chunk."""

    def run(tell):
        for step in range(chunk, steps + 1, chunk):
            done.append(step)
            tell(SimpleNamespace(step=step))

    return run


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_a_runner_takes_its_steps_and_waits(chunk):
    done = []
    runner = Runner(counting(done, 12, chunk), 4)
    assert done == []
    for turn in (1, 2, 3):
        runner.turn()
        assert done == [*range(chunk, 4 * turn + 1, chunk)]
    runner.close()


def test_turns_of_runners_are_one_after_the_other():
    order = []
    runs = [counting(done := [], 4) for _ in range(2)]

    def noted(name, run):
        def noting(tell):
            def told(progress):
                order.append((name, progress.step))
                tell(progress)

            run(told)

        return noting

    runners = [
        Runner(noted(name, run), 2) for name, run in zip("ab", runs, strict=True)
    ]
    for runner in runners * 2:
        runner.turn()
    for runner in runners:
        runner.close()
    assert order == [(n, s) for steps in ((1, 2), (3, 4)) for n in "ab" for s in steps]
    assert done == [1, 2, 3, 4]


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_runner_that_is_closed_leaves_no_thread(turns):
    before = threading.active_count()
    runner = Runner(counting([], 12), 4)
    for _ in range(turns):
        runner.turn()
    runner.close()
    assert threading.active_count() == before


def test_a_runner_is_closed_within_a_turn_too():
    """As after Ctrl-C: the main thread was waiting, the run goes on."""
    begun, go = threading.Event(), threading.Event()
    done = []

    def run(tell):
        for step in range(1, 100):
            begun.set()
            go.wait()
            done.append(step)
            tell(SimpleNamespace(step=step))

    runner = Runner(run, 50)
    waiting = threading.Thread(target=runner.close)
    runner._go.put(None)  # a turn that nobody waits for
    begun.wait()
    waiting.start()
    while not runner._over:
        pass
    go.set()
    waiting.join()
    assert done == [1]


def test_a_turn_raises_what_the_run_ends_with():
    def run(tell):
        raise ValueError("no")

    runner = Runner(run, 1)
    with pytest.raises(ValueError, match="no"):
        runner.turn()
    runner.close()
