"""Times mixes of two checkouts of this repository against each other, in turns.

    python benchmarks/versus.py OLD NEW

OLD and NEW are folders with a checkout each. Every number is that of a fresh process,
from its launch on; the machine's speed varies, so that only ratios of one run count.
NEW is launched twice per round: with an empty cache folder, and once more with what the
first launch has kept there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PICTURES = Path(__file__).parents[1] / "examples/images"
CONTENT, STYLE = PICTURES / "content_coffee.jpg", PICTURES / "style_harvest.jpg"

# Runs in a process of each checkout; its last line of output is JSON.
CHILD = """
import json, resource, sys, time
launched, options, (content, style) = json.loads(sys.argv[1])
import vectormix_tf
class Enough(Exception):
    pass
def mix(whole):
    times = {}
    def watch(progress):
        times.setdefault("picture", time.time())
        if progress.step:
            times.setdefault("step", time.time())
            if not whole:
                raise Enough
    try:
        vectormix_tf.mix(content, style, on_progress=watch, **options)
    except Enough:
        pass
    return times
first = mix(True)
whole = time.time() - launched
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
begun = time.time()
again = mix(False)["step"] - begun
shown, stepped = (first[key] - launched for key in ("picture", "step"))
print(json.dumps([shown, stepped, whole, again, memory]))
"""
COLUMNS = (
    "first picture, s",
    "first step, s",
    "whole, s",
    "first step of a second mix, s",
    "MB",
)
SIDES = ("old", "new", "again")
PRESETS = ("default", "quick")


def measure(checkout: str, cache: str, options: dict) -> list[float]:
    """Returns the numbers of `COLUMNS` for a fresh process of a checkout."""
    # `python -c` looks into the current folder first.
    kept = {"VECTORMIX_CACHE": cache, "VECTORMIX_GRAPHS": "1"}
    place = {"cwd": checkout, "env": os.environ | kept | {"PYTHONPATH": checkout}}
    pictures = [str(CONTENT), str(STYLE)]
    given = json.dumps([time.time(), options, pictures])
    command = [sys.executable, "-c", CHILD, given]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **place)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Prints a table of medians, and what part of the old ones the new ones are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="folder of a checkout")
    parser.add_argument("new", help="folder of another one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", default="float32,bfloat16")
    arguments = parser.parse_args()
    old, new = (str(Path(side).resolve()) for side in (arguments.old, arguments.new))
    header = "{:20}{:30}{:>8}{:>8}{:>7}{:>8}{:>7}"
    print(header.format("", "", "old", "new", "ratio", "again", "ratio"))
    for precision in arguments.precisions.split(","):
        for preset in PRESETS:
            chosen = {} if preset == "default" else {"preset": preset}
            options = chosen | {"precision": precision}
            runs: dict[str, list] = {side: [] for side in SIDES}
            for _ in range(arguments.rounds):
                with tempfile.TemporaryDirectory() as cache:
                    for side, checkout in zip(SIDES, (old, new, new), strict=True):
                        runs[side].append(measure(checkout, cache, options))
            for i, column in enumerate(COLUMNS):
                was, first, again = (
                    statistics.median(run[i] for run in runs[side]) for side in SIDES
                )
                print(
                    f"{f'{preset}, {precision}':20}{column:30}{was:8.2f}{first:8.2f}"
                    f"{first / was:7.2f}{again:8.2f}{again / was:7.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
