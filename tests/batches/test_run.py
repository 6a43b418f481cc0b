"""Batches: who makes which item, what is tried again, and what is told."""

import itertools
import json

import pytest
from mistakes import refusal

from vectormix_tf.batches import pools, run
from vectormix_tf.batches.bar import Bar
from vectormix_tf.batches.pools import Event
from vectormix_tf.batches.run import batch
from vectormix_tf.errors import OutputError


class FakePool:
    """Workers that do at once what a function says; 'a' and 'b' are there."""

    def __init__(self, act, workers=("a", "b")):
        self.act, self.given, self.closed = act, [], False
        self.waiting = [Event(worker, "ready", {}) for worker in workers]

    def give(self, worker, task):
        self.given.append((worker, task))
        self.waiting += [Event(worker, "working", {"fraction": 0.5})]
        self.waiting += self.act(worker, task)

    def events(self, seconds):
        if not self.waiting:
            raise AssertionError("nobody would ever tell anything")
        return [self.waiting.pop(0)]

    def close(self):
        self.closed = True


def made(worker, task):
    return [Event(worker, "made", {"seconds": 2.0, "notices": ["look"]})]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png", "p.png", "q.png"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.fixture
def pool(monkeypatch):
    """Makes all workers of batches those of a fake pool."""

    def use(act=made, workers=("a", "b")):
        fake = FakePool(act, workers)
        monkeypatch.setattr(run, "ProcessPool", lambda count, cores: fake)
        return fake

    return use


def mixes(*pairs, **options):
    return [
        {"content": f"{content}.png", "style": f"{style}.png", **options}
        for content, style in pairs
    ]


FOUR = mixes(*itertools.product("ab", "pq"))


def states(results):
    return {result.number: result.state for result in results}


def test_each_item_is_given_once_and_told(folder, pool):
    fake = pool()
    results = list(batch(FOUR, "out", workers=2, on_progress=None))
    assert states(results) == dict.fromkeys((1, 2, 3, 4), "made")
    assert sorted(task.number for _, task in fake.given) == [1, 2, 3, 4]
    assert fake.closed
    first = results[0]
    assert first.record == FOUR[first.number - 1] and first.seconds == 2.0
    assert first.notices == ("look",) and first.output.startswith("out/")


def test_a_worker_keeps_to_the_style_for_which_it_is_warm(folder, pool):
    fake = pool()
    list(batch(FOUR, "out", workers=2, on_progress=None))
    styles = {}
    for worker, task in fake.given:
        styles.setdefault(worker, set()).add(task.record["style"])
    assert styles == {"a": {"p.png"}, "b": {"q.png"}}


def test_a_worker_without_a_style_of_its_own_helps_with_the_fullest(folder, pool):
    items = mixes(*(("ab"[i % 2], "p") for i in range(6)), ("a", "q"))
    for seed, item in enumerate(items):
        item["seed"] = 0 if item["style"] == "q.png" else seed // 2
    fake = pool(workers=("a", "b", "c"))
    results = list(batch(items, "out", workers=3, on_progress=None))
    assert len(results) == 7 and len({worker for worker, _ in fake.given}) == 3


def test_what_is_there_is_found_and_the_rest_is_made(folder, pool):
    fake = pool()
    results = list(batch(FOUR[:2], "out", on_progress=None))
    for result in results:
        (folder / result.output).write_bytes(b"picture")
    fake = pool()
    results = list(batch(FOUR, "out", on_progress=None))
    assert states(results) == {1: "found", 2: "found", 3: "made", 4: "made"}
    assert sorted(task.number for _, task in fake.given) == [3, 4]


def test_items_with_the_same_key_are_made_once(folder, pool):
    fake = pool()
    results = list(batch([FOUR[0], FOUR[1], FOUR[0]], "out", on_progress=None))
    assert states(results) == {1: "made", 2: "made", 3: "found"}
    assert len(fake.given) == 2
    outputs = {result.number: result.output for result in results}
    assert outputs[1] == outputs[3] != outputs[2]


def test_a_broken_item_stops_no_other(folder, pool):
    pool()
    items = [{"content": "no.png", "style": "p.png"}, FOUR[0], {"command": "x"}, 7]
    results = {each.number: each for each in batch(items, "out", on_progress=None)}
    assert states(results.values()) == {
        1: "failed",
        2: "made",
        3: "failed",
        4: "failed",
    }
    assert "`no.png` cannot be read" in results[1].error
    assert results[1].output is None and results[4].record == 7


@pytest.mark.parametrize("state", ["died", "retry", "stopped"])
def test_what_may_not_fail_again_is_tried_three_times(folder, pool, state):
    tries = []

    def act(worker, task):
        tries.append(task.number)
        if task.number == 1:
            again = [Event(worker, "ready", {})] * (state == "died")
            return [Event(worker, state, {"error": "why"}), *again]
        return made(worker, task)

    pool(act)
    results = {r.number: r for r in batch(FOUR, "out", workers=2, on_progress=None)}
    assert tries.count(1) == run.ATTEMPTS and len(tries) == 3 + run.ATTEMPTS
    assert results[1].state == "failed" and "why" in results[1].error
    assert ("its worker ended 3 times" in results[1].error) == (state == "died")
    assert [results[i].state for i in (2, 3, 4)] == ["made"] * 3


def test_what_fails_by_itself_is_tried_once(folder, pool):
    fake = pool(lambda worker, task: [Event(worker, "failed", {"error": "too small"})])
    results = list(batch([*FOUR, FOUR[0]], "out", on_progress=None))
    assert states(results) == dict.fromkeys((1, 2, 3, 4, 5), "failed")
    assert len(fake.given) == 4 and {r.error for r in results} == {"too small"}


def test_a_worker_that_dies_without_work_gets_none_until_it_is_ready(folder, pool):
    fake = pool(workers=("a",))
    fake.waiting = [Event("a", state, {"error": ""}) for state in ("died", "ready")]
    results = list(batch(FOUR[:1], "out", on_progress=None))
    assert states(results) == {1: "made"} and len(fake.given) == 1


@pytest.mark.parametrize(("most", "given"), [(0, 1), (1, 2), (None, 4)])
def test_more_failures_than_allowed_end_a_batch(folder, pool, most, given):
    fake = pool(lambda w, t: [Event(w, "failed", {"error": "no"})], workers=("a",))
    results = list(batch(FOUR, "out", max_failures=most, on_progress=None))
    assert len(results) == given == len(fake.given) and fake.closed


def test_failures_before_any_work_count_too(folder, pool):
    fake = pool()
    items = [{"content": "no.png", "style": "p.png"}, *FOUR]
    results = list(batch(items, "out", max_failures=0, on_progress=None))
    assert states(results) == {1: "failed"} and not fake.given


def report(folder):
    lines = (folder / "out/report.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_report_has_a_line_for_each_item_in_order(folder, pool):
    pool()
    list(batch([*FOUR[::-1], {"style": "no.png"}], "out", on_progress=None))
    lines = report(folder)
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[4]["state"] == "failed" and lines[0]["record"] == FOUR[3]


def test_no_worker_waits_for_who_takes_the_results(folder, pool):
    fake = pool(workers=("a",))
    results = batch(FOUR, "out", on_progress=None)
    next(results)
    assert len(fake.given) == 2


def test_a_report_that_cannot_be_written_meanwhile_ends_nothing(
    folder, pool, monkeypatch
):
    put, tries = run.Storage.put, []

    def fail(store, name, data):
        tries.append(name)
        if len(tries) < 3:
            raise OutputError("the disk is full.")
        put(store, name, data)

    monkeypatch.setattr(run.Storage, "put", fail)
    monkeypatch.setattr(run, "REPORT_SECONDS", 0.0)
    pool()
    assert len(list(batch(FOUR, "out", on_progress=None))) == 4
    assert len(report(folder)) == 4 and len(tries) > 3


def test_a_batch_that_is_closed_has_its_report_and_ends_its_workers(folder, pool):
    fake = pool()
    results = batch(FOUR, "out", on_progress=None)
    next(results)
    results.close()
    assert fake.closed and len(report(folder)) == 1


def test_workers_that_say_nothing_any_more_end_a_batch(folder, pool, monkeypatch):
    fake = pool(lambda worker, task: [])
    monkeypatch.setattr(
        fake, "events", lambda s, tell=fake.events: fake.waiting and tell(s)
    )
    monkeypatch.setattr(run, "SILENT_SECONDS", 0.2)
    results = batch(FOUR, "out", on_progress=None)
    assert "no worker has answered for" in refusal(list, results) and fake.closed


def test_ctrl_c_ends_the_workers(folder, pool):
    def interrupt(worker, task):
        raise KeyboardInterrupt

    fake = pool(interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(batch(FOUR, "out", on_progress=None))
    assert fake.closed


def test_progress_tells_of_the_whole_and_of_each_worker(folder, pool):
    pool()
    seen = []
    list(batch([*FOUR, 7], "out", workers=2, on_progress=seen.append))
    assert {each.count for each in seen} == {5} and seen[-1].done == 5
    assert {each.failed for each in seen} == {1} and seen[-1].per_minute > 0
    works = [each.workers for each in seen if each.workers]
    assert any(set(each) == {"a", "b"} for each in works)
    files = {file for each in works for file, share in each.values() if share == 0.5}
    assert any(file.startswith("a-p-") for file in files)


def test_without_a_terminal_each_item_is_a_line(folder, pool, capsys):
    pool()
    list(batch([FOUR[0], 7, FOUR[1]], "out"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "1/3 item 2 failed: an item must be an object {...}; received 7."
    assert lines[1].startswith("2/3 out/a-p-") and lines[1].endswith("(2 s, worker a)")


def test_on_a_terminal_there_is_a_bar_and_failures_are_lines(
    folder, pool, capsys, monkeypatch
):
    monkeypatch.setattr("vectormix_tf.batches.bar.is_interactive", lambda: True)
    pool(
        lambda w, t: (
            made(w, t) if t.number > 1 else [Event(w, "failed", {"error": "e"})]
        )
    )
    list(batch(FOUR, "out", workers=2))
    err = capsys.readouterr().err
    assert "4/4" in err and "item 1 failed: e" in err and "a-q 50%" in err
    assert "worker a)" not in err


def test_a_closed_bar_shows_nothing():
    Bar().close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "`workers`"),
        ({"workers": 5000, "ray": "local"}, "`workers`"),
        ({"max_failures": -1}, "`max_failures`"),
        ({"on_progress": "x"}, "`on_progress`"),
    ],
)
def test_mistakes_are_told_before_any_work(folder, options, words):
    assert words in refusal(batch, FOUR, "out", **options)


def test_an_empty_batch_is_a_mistake(folder):
    assert "`items` is empty" in refusal(batch, [], "out")


def test_more_workers_than_memory_are_refused(monkeypatch):
    room = pools.memory.Room(int(2e9), " in this container", "")
    monkeypatch.setattr(pools.memory, "room", lambda: room)
    text = refusal(pools.ProcessPool, 9, 2)
    assert "`workers` 9 take at least 6.3 GB" in text and "`workers=2` fits" in text
    assert "2.0 GB are free in this container" in text
