"""Batches whose workers, actors, Ray or driver are killed: the same pictures, once."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow

COUNT = 40
QUICK = {"size": 256, "steps": 10, "f1": "mixed2", "f2": "conv1a,conv2b,mixed2"}


@pytest.fixture(scope="module")
def items(root, tmp_path_factory):
    """Path of 40 items."""
    pictures = root / "examples/images"
    contents = sorted(pictures.glob("content_*.jpg"))
    styles = sorted(pictures.glob("style_*.jpg"))
    pairs = [(content, style) for style in styles for content in contents][:COUNT]
    path = tmp_path_factory.mktemp("items") / "items.jsonl"
    with open(path, "w") as file:
        for i in range(COUNT):
            content, style = map(str, pairs[i % len(pairs)])
            item = {"content": content, "style": style, "seed": i // len(pairs)}
            file.write(json.dumps(item | QUICK) + "\n")
    return path


class Run:
    """`vectormix batch` in a process of its own."""

    def __init__(self, root, items, output, *flags):
        program = [sys.executable, "-m", "vectormix_tf", "batch", f"--items={items}"]
        self.output = output
        self.process = subprocess.Popen(
            [*program, f"--output={output}", *flags],
            env=os.environ | {"PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, count, seconds=300):
        """Waits until so many pictures are there."""
        last = time.monotonic() + seconds
        while len(pictures(self.output)) < count:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < last
            time.sleep(0.05)

    def end(self):
        """Waits for its end; returns exit code, stdout and stderr."""
        out, err = self.process.communicate(timeout=600)
        return self.process.returncode, out, err


def pictures(folder):
    """{name: (bytes, time of change)} of all pictures."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in pathlib.Path(folder).glob("*.png")
    }


def processes(pattern):
    """Numbers of the processes whose command line matches."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if re.search(pattern, path.read_bytes().decode(errors="replace")):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def whole(root, items, tmp_path_factory):
    """The pictures of a batch that nothing happens to."""
    run = Run(root, items, tmp_path_factory.mktemp("whole") / "out", "--workers=2")
    code, out, err = run.end()
    assert code == 0 and out.startswith(f"{COUNT} made, 0 found, 0 failed"), err
    return {name: data for name, (data, _) in pictures(run.output).items()}


WORKER = r"vectormix_tf\.batches\.worker import serve"


@pytest.mark.parametrize(
    ("flags", "target"),
    [
        (["--workers=2"], WORKER),
        (["--workers=2"], None),
        (["--ray=local", "--workers=2"], "ray::Worker"),
        (["--ray=local", "--workers=2"], "raylet/raylet"),
        (["--ray=local", "--workers=2"], None),
    ],
    ids=["process", "driver", "actor", "raylet", "driver of ray"],
)
def test_killed_and_gone_on_they_are_the_same_pictures(
    root, items, whole, tmp_path, flags, target
):
    """None that was done is made again."""
    run = Run(root, items, tmp_path / "out", *flags)
    done, killed = {}, 0
    for count in (5, 15, 25):
        if run.process.poll() is not None:
            run.end()
            run = Run(root, items, tmp_path / "out", *flags)
        run.until(count)
        done |= pictures(run.output)
        victims = processes(target)[:1] if target else [run.process.pid]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        if target is None:
            run.process.wait()
        time.sleep(1)
    code, out, err = run.end()
    runs = 1
    while code != 0 and runs < 5:
        assert target is None, (out, err)
        run, runs = Run(root, items, tmp_path / "out", *flags), runs + 1
        code, out, err = run.end()
    assert code == 0 and "0 failed" in out, err
    made = pictures(run.output)
    assert {name: data for name, (data, _) in made.items()} == whole
    assert all(made[name] == done[name] for name in done)
    # Actors go on by themselves until Ray has noticed that their raylet is gone.
    assert killed == 3 or target == "raylet/raylet" and killed
    lines = (run.output / "report.jsonl").read_text().splitlines()
    assert len(lines) == COUNT
    assert not (run.output / "unfinished").exists()
    print(f"{flags} {target}: {killed} killed, {runs} runs at the end")


def test_a_node_of_two_is_lost(root, items, whole, tmp_path, monkeypatch):
    """Two raylets of one machine, of a core each; the second one is killed."""
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    common = ["--num-cpus=1", "--object-store-memory=134217728"]
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a-token-of-this-test-" * 3)
    env = os.environ | {"PYTHONPATH": str(root)}
    head = ["--head", "--port=26379", "--include-dashboard=false"]
    begin = [*ray, "start", "--node-ip-address=127.0.0.1", *common]
    try:
        subprocess.run([*begin, *head], env=env, check=True, **quiet)
        before = set(processes("raylet/raylet"))
        begin = [*ray, "start", "--address=127.0.0.1:26379", *common]
        subprocess.run(begin, env=env, check=True, **quiet)
        (second,) = set(processes("raylet/raylet")) - before
        flags = ["--ray=127.0.0.1:26379", "--workers=2"]
        run = Run(root, items, tmp_path / "out", *flags)
        run.until(10)
        assert len(processes("ray::Worker")) == 2
        done = pictures(run.output)
        os.kill(second, signal.SIGKILL)
        code, out, err = run.end()
        assert code == 0 and out.startswith(f"{COUNT} made, 0 found, 0 failed"), err
    finally:
        subprocess.run([*ray, "stop", "--force"], check=False, **quiet)
    made = pictures(run.output)
    assert {name: data for name, (data, _) in made.items()} == whole
    assert all(made[name] == done[name] for name in done)
