"""`vectormix batch`: its items, what it tells, how it goes on, and its mistakes."""

import json
import os

import pytest
from cli_cases import (
    QUICK,
    Mistake,
    check_mistake,
    each_mistake,
    picture,
    succeeds,
)

from vectormix_tf.batches import run
from vectormix_tf.batches.pools import Event
from vectormix_tf.cli.main import main

PAIRS = ["batch", "--contents=*photo.png", "--styles=painting.png", "--output=out"]


@pytest.fixture
def folder(folder):
    picture(3).save(folder / "second-photo.png")
    return folder


@pytest.fixture
def at_once(monkeypatch):
    """Workers that have made everything at once; the list of their tasks."""
    tasks = []

    class Pool:
        def __init__(self, count, cores):
            self.count, self.cores, self.told = count, cores, [Event("1", "ready", {})]
            tasks.append((count, cores))

        def give(self, worker, task):
            tasks.append(task)
            state = "failed" if task.record.get("seed") == 13 else "made"
            self.told.append(Event(worker, state, {"error": "why", "seconds": 1.0}))

        def events(self, seconds):
            told, self.told = self.told, []
            return told

        def close(self):
            pass

    monkeypatch.setattr(run, "ProcessPool", Pool)
    return tasks


def lines(path, *items):
    with open(path, "w") as file:
        file.writelines(json.dumps(item) + "\n" for item in items)


def test_each_content_is_mixed_with_each_style(capsys, folder):
    argv = [*PAIRS, *QUICK["mix"], "--format=webp"]
    out, err = succeeds(capsys, argv)
    assert out == f"2 made, 0 found, 0 failed: {os.path.join('out', 'report.jsonl')}\n"
    assert [line.split(" ")[0] for line in err] == ["1/2", "2/2"]
    names = sorted(os.listdir("out"))
    assert names[0].startswith("photo-painting-") and names[0].endswith(".webp")
    assert names[1] == "report.jsonl" and names[2].startswith("second-photo-painting-")
    with open("out/report.jsonl") as file:
        assert json.loads(file.readline())["record"]["steps"] == 2
    before = {e.name: e.stat().st_mtime_ns for e in os.scandir("out")}
    out, err = succeeds(capsys, argv)
    assert out.startswith("0 made, 2 found, 0 failed") and not err
    after = {e.name: e.stat().st_mtime_ns for e in os.scandir("out")}
    assert all(after[n] == before[n] for n in before if n != "report.jsonl")


def test_items_are_lines_of_a_file(capsys, folder, at_once):
    pair = {"content": "photo.png", "style": "painting.png"}
    lines("items.jsonl", pair, {"command": "dream", "image": "photo.png", "size": 99})
    argv = ["batch", "--items=items.jsonl", "--output=out"]
    out, _ = succeeds(capsys, [*argv, "--workers=3", "--threads=6"])
    assert out.startswith("2 made")
    (count, cores), *tasks = at_once
    assert (count, cores) == (3, 6)
    assert [task.record.get("command") for task in tasks] == [None, "dream"]


def test_some_that_fail_are_told_by_the_exit_code(capsys, folder, at_once):
    pair = {"content": "photo.png", "style": "painting.png"}
    lines("items.jsonl", *({**pair, "seed": seed} for seed in (12, 13, 14)), {})
    assert main(["batch", "--items=items.jsonl", "--output=out"]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("2 made, 0 found, 2 failed: ")
    assert "item 4 failed: a mix needs --style" in err or "item 4 failed" in err
    argv = ["batch", "--items=items.jsonl", "--output=new", "--max_failures=0"]
    assert main(argv) == 1
    assert capsys.readouterr().out.startswith("0 made, 0 found, 1 failed, 3 left: ")


def test_ctrl_c_tells_how_it_goes_on(capsys, folder, at_once, monkeypatch):
    def interrupt(progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(run.Bar, "__call__", lambda bar, p: interrupt(p))
    assert main(PAIRS) == 130
    out, err = capsys.readouterr()
    assert "interrupted; the same command goes on in out" in err
    assert out.startswith("0 made, 0 found, 0 failed, 2 left")


def own_mistakes():
    items = ["batch", "--items=items.jsonl", "--output=out"]
    rows = [
        ("nothing", ["batch", "--output=out"], ("--items or --contents is missing",)),
        ("no styles", [*PAIRS[:2], PAIRS[3]], ("--styles is missing",)),
        ("no output", PAIRS[:3], ("--output is missing",)),
        ("no match", [*PAIRS, "--styles=no*.jpg"], ("`no*.jpg` names no file",)),
        ("alpha", [*PAIRS, "--alpha=2"], ("--alpha",)),
        ("format", [*PAIRS, "--format=bmp"], (".png",)),
        ("workers", [*PAIRS, "--workers=0"], ("--workers",)),
        ("max_failures", [*PAIRS, "--max_failures=-1"], ("--max_failures",)),
        ("no file", items, ("`items.jsonl` cannot be read",)),
        ("both", [*PAIRS, "--items=a"], ("--contents goes with --contents",)),
        ("flags of lines", [*items, "--alpha=1"], ("--alpha goes with --contents",)),
        ("output is a file", [*PAIRS, "--output=photo.png"], ("is a file; name a",)),
        ("place", [*PAIRS, "--output=ftp://x/y"], ("s3://BUCKET/PREFIX",)),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"batch: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)
