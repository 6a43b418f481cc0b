"""benchmarks/batches.py: what a batch takes, and which pictures count as warm."""

import json
import sys

import pytest
from benchmark_scripts import load


@pytest.fixture
def batches(root):
    return load(root, "batches")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_way_is_a_line_with_rate_memory_and_seconds(batches, capsys):
    flags = '--flags=steps=1 f1="conv2a" f2="conv2a"'
    batches.main(["--pictures=2", "--size=112", "--ways=1", flags])
    head, line = capsys.readouterr().out.splitlines()
    way, rate, memory, first, new, same = line.split()
    assert way == "1" and float(rate) > 1 and 200 < float(memory) < 5000
    assert float(first) > float(same) > 0 and new == "nan" and "MB" in head


def test_pictures_are_sorted_by_what_is_warm(batches):
    results = [
        {"worker": worker, "record": {"style": style}, "seconds": seconds}
        for seconds, (worker, style) in enumerate(["1p", "2p", "1p", "1q", "2p", "1p"])
    ]
    kinds = {"first": [0, 1], "new": [3], "same": [2, 4, 5]}
    assert batches.sort_out(results) == kinds


def test_items_go_style_by_style_and_never_twice(batches, tmp_path):
    given = batches.argparse.Namespace(pictures=100, size=99, flags="steps=3")
    path = batches.write_items(tmp_path / "items.jsonl", given)
    items = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({json.dumps(item) for item in items}) == 100
    assert items[0]["style"] == items[1]["style"] != items[30]["style"]
    assert {item["steps"] for item in items} == {3}
