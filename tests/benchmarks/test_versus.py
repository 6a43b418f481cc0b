"""benchmarks/versus.py: mixes of two checkouts, timed in turns."""

import runpy
import sys

MIX = """
import time
from types import SimpleNamespace
def mix(content, style, on_progress, **options):
    with open({log!r}, "a") as log:
        print({name!r}, options, file=log)
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
    assert lines[0].split() == ["old", "new", "ratio"]
    rows = {row[:52].strip(): [*map(float, row[52:].split())] for row in lines[1:]}
    assert len(rows) == 4 * 4
    for name, (old, new, ratio) in rows.items():
        assert abs(ratio - new / old) < 0.02
        if "MB" not in name:
            assert old >= 0.6 and new >= 0.3
            assert ("whole" in name) <= (old >= 1.2)  # a whole mix sleeps twice
    calls = log.read_text().splitlines()
    assert len(calls) == 4 * 2 * 2  # each process mixes twice
    assert [call.split()[0] for call in calls] == ["old", "old", "new", "new"] * 4
    assert sum("bfloat16" in call for call in calls) == 8
    assert sum("quick" in call for call in calls) == 8
