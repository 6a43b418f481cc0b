"""Times `vectormix batch`: pictures a minute and memory, by workers.

    python benchmarks/batches.py [--pictures=40] [--size=256] [--ways=1,2,ray]

The pictures are mixes of the photographs and paintings of the examples, style by style.
A way is a number of processes, or "ray": as many Ray actors as the machine has cores.
Each way makes all pictures anew, in a folder of its own. "First" is the median of the
first picture of each worker, with the start of TensorFlow; "new style" that of others
whose style their worker has not had; "same style" that of the rest, for which graph and
style targets are warm. Memory is the peak of the sum of all processes, of which shared
pages count once.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PICTURES = Path(__file__).parents[1] / "examples/images"
VECTORMIX = [sys.executable, "-m", "vectormix_tf"]
SAMPLE_SECONDS = 0.5
MEGA = 1e6


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--ways", default="1,2,ray")
    parser.add_argument("--flags", default="", help="others of vectormix batch")
    given = parser.parse_args(arguments)
    print("way     a minute     MB   first  new style  same style", flush=True)
    for way in given.ways.split(","):
        with tempfile.TemporaryDirectory() as folder:
            items = write_items(Path(folder) / "items.jsonl", given)
            measure(way, items, Path(folder) / "made")


def write_items(path: Path, given: argparse.Namespace) -> Path:
    """Writes the items; returns their file."""
    contents = sorted(PICTURES.glob("content_*.jpg"))
    styles = sorted(PICTURES.glob("style_*.jpg"))
    pairs = [(content, style) for style in styles for content in contents]
    others = dict(each.split("=") for each in given.flags.split())
    others = {name: json.loads(value) for name, value in others.items()}
    lines = []
    for number in range(given.pictures):
        content, style = pairs[number % len(pairs)]
        item = {"content": str(content), "style": str(style), "size": given.size}
        seed = {"seed": number // len(pairs)}
        lines.append(json.dumps(item | others | seed) + "\n")
    path.write_text("".join(lines))
    return path


def measure(way: str, items: Path, output: Path) -> None:
    """Makes the items in a way, and prints what it took."""
    flags = ["--ray=local", "--workers=0"] if way == "ray" else [f"--workers={way}"]
    command = [*VECTORMIX, "batch", f"--items={items}", f"--output={output}", *flags]
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        peak = Peak(process.pid)
        process.communicate()
        seconds = time.monotonic() - began
        memory = peak.close()
    if process.returncode:
        raise SystemExit(f"{way}: exit code {process.returncode}")
    report = (output / "report.jsonl").read_text("utf-8")
    results = [json.loads(line) for line in report.splitlines()]
    kinds = sort_out(results)
    medians = [statistics.median(kinds[k]) if kinds[k] else float("nan") for k in kinds]
    rate = 60 * len(results) / seconds
    print(
        f"{way:8}{rate:8.2f} {memory / MEGA:6.0f}"
        f" {medians[0]:7.1f} {medians[1]:10.1f} {medians[2]:11.1f}",
        flush=True,
    )


def sort_out(results: list[dict]) -> dict[str, list[float]]:
    """Seconds of the first pictures of workers, of styles that are new, and others."""
    kinds: dict[str, list[float]] = {"first": [], "new": [], "same": []}
    seen: dict[str, set[str]] = {}
    for result in results:
        styles = seen.setdefault(result["worker"], set())
        style = result["record"]["style"]
        kind = "first" if not styles else "same" if style in styles else "new"
        kinds[kind].append(result["seconds"])
        styles.add(style)
    return kinds


class Peak:
    """Peak of the memory of a process and of all that it started, on Linux."""

    def __init__(self, pid: int):
        self._pid, self._most, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            self._most = max(self._most, sum(map(pss, family(self._pid))))

    def close(self) -> int:
        """Returns the peak in bytes."""
        self._ended.set()
        self._thread.join()
        return self._most


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, new = [pid], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def pss(pid: int) -> int:
    """Bytes of memory of a process; of shared pages its share (proc(5))."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(each.split()[1]) for each in lines if each[:4] == "Pss:")


if __name__ == "__main__":
    main()
