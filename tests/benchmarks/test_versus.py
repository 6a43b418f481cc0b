"""benchmarks/versus.py: mixes of two checkouts, timed in turns."""

import runpy
import sys

MIX = """
import os, time
from types import SimpleNamespace
def mix(content, style, on_progress, **options):
    with open({log!r}, "a") as log:
        print({name!r}, os.environ["VECTORMIX_CACHE"], options, file=log)
    on_progress(SimpleNamespace(step=0))
    time.sleep({seconds})
    on_progress(SimpleNamespace(step=1))
    time.sleep({seconds})
"""


def test_two_checkouts_are_timed_in_turns(root, tmp_path, monkeypatch, capsys):
    log, folders = tmp_path / "log", []
    for name, seconds in {"old": 0.6, "new": 0.3}.items():
        folder = tmp_path / name
        folder.mkdir()
        code = MIX.format(log=str(log), name=name, seconds=seconds)
        (folder / "vectormix_tf.py").write_text(code)
        folders.append(str(folder))
    monkeypatch.setattr(sys, "argv", ["versus.py", *folders, "--rounds=1"])
    runpy.run_path(str(root / "benchmarks/versus.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["old", "new", "ratio", "again", "ratio"]
    rows = {row[:50].strip(): [*map(float, row[50:].split())] for row in lines[1:]}
    assert len(rows) == 4 * 5
    for name, (old, new, ratio, again, ratio_again) in rows.items():
        assert abs(ratio - new / old) < 0.02 + 0.02 / old
        assert abs(ratio_again - again / old) < 0.02 + 0.02 / old
        if "step" in name:
            assert old >= 0.6 and new >= 0.3 and again >= 0.3
        if "whole" in name:  # sleeps twice
            assert old >= 1.2 and new >= 0.6 and again >= 0.6
        if "picture" in name:
            assert old < 0.6
    calls = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
    # Each process mixes twice, and the new checkout has two processes.
    assert [name for name, *_ in calls] == (["old"] * 2 + ["new"] * 4) * 4
    # The second one finds what the first one has kept, and nothing of another case.
    caches = [cache for _, cache, _ in calls]
    assert len(set(caches)) == 4
    assert all(len(set(caches[i : i + 6])) == 1 for i in range(0, 24, 6))
    options = [options for *_, options in calls]
    assert sum("bfloat16" in each for each in options) == 12
    assert sum("quick" in each for each in options) == 12
