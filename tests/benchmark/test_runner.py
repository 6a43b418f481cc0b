"""A run advances on request, one step count at a time, and ends when it is closed."""

import threading
from types import SimpleNamespace

import pytest

from vectormix_tf.benchmark.runner import Runner


def counting(done, steps, chunk=1):
    """A run that reports its steps after each chunk."""

    def run(on_progress):
        for step in range(chunk, steps + 1, chunk):
            done.append(step)
            on_progress(SimpleNamespace(step=step))

    return run


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_a_runner_takes_its_steps_and_waits(chunk):
    done = []
    runner = Runner(counting(done, 12, chunk), 4)
    assert done == []
    for number in (1, 2, 3):
        runner.advance()
        assert done == [*range(chunk, 4 * number + 1, chunk)]
    runner.close()


def test_runners_advance_one_after_the_other():
    order = []
    runs = [counting(done := [], 4) for _ in range(2)]

    def recorded(name, run):
        def recording(on_progress):
            def both(progress):
                order.append((name, progress.step))
                on_progress(progress)

            run(both)

        return recording

    runners = [
        Runner(recorded(name, run), 2) for name, run in zip("ab", runs, strict=True)
    ]
    for runner in runners * 2:
        runner.advance()
    for runner in runners:
        runner.close()
    assert order == [(n, s) for steps in ((1, 2), (3, 4)) for n in "ab" for s in steps]
    assert done == [1, 2, 3, 4]


@pytest.mark.parametrize("requests", [0, 1, 3])
def test_a_runner_that_is_closed_leaves_no_thread(requests):
    before = threading.active_count()
    runner = Runner(counting([], 12), 4)
    for _ in range(requests):
        runner.advance()
    runner.close()
    assert threading.active_count() == before


def test_a_runner_can_be_closed_while_it_advances():
    """As after Ctrl-C: the main thread was waiting, the run goes on."""
    begun, go = threading.Event(), threading.Event()
    done = []

    def run(on_progress):
        for step in range(1, 100):
            begun.set()
            go.wait()
            done.append(step)
            on_progress(SimpleNamespace(step=step))

    runner = Runner(run, 50)
    waiting = threading.Thread(target=runner.close)
    runner._requests.put(None)  # nobody waits for the reply
    begun.wait()
    waiting.start()
    while not runner._closed:
        pass
    go.set()
    waiting.join()
    assert done == [1]


def test_advance_raises_the_exception_of_the_run():
    def run(on_progress):
        raise ValueError("no")

    runner = Runner(run, 1)
    with pytest.raises(ValueError, match="no"):
        runner.advance()
    runner.close()
