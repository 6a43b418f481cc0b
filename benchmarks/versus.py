"""Times mixes of two checkouts of this repository against each other, in turns.

    python benchmarks/versus.py OLD NEW

OLD and NEW are folders with a checkout each. Every number is that of a fresh process,
from its launch on; the machine's speed varies, so that only ratios of one run count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PICTURES = Path(__file__).parents[1] / "examples/images"
CONTENT, STYLE = PICTURES / "content_coffee.jpg", PICTURES / "style_harvest.jpg"

# Runs in a process of each checkout; its last line of output is JSON.
CHILD = """
import json, resource, sys, time
launched, options, (content, style) = json.loads(sys.argv[1])
import vectormix_tf
def mix():
    first = []
    def watch(progress):
        if progress.step and not first:
            first.append(time.time())
    vectormix_tf.mix(content, style, on_progress=watch, **options)
    return first[0]
first = mix() - launched
whole, begun = time.time() - launched, time.time()
again = mix() - begun
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([first, whole, again, memory]))
"""
COLUMNS = ("first step, s", "whole, s", "first step of a second mix, s", "MB")
CASES = {
    "default, float32": {},
    "default, bfloat16": {"precision": "bfloat16"},
    "quick, float32": {"preset": "quick"},
    "quick, bfloat16": {"preset": "quick", "precision": "bfloat16"},
}


def measure(checkout: str, options: dict) -> list[float]:
    """Returns the numbers of `COLUMNS` for a fresh process of a checkout."""
    # `python -c` looks into the current folder first.
    place = {"cwd": checkout, "env": os.environ | {"PYTHONPATH": checkout}}
    pictures = [str(CONTENT), str(STYLE)]
    given = json.dumps([time.time(), options, pictures])
    command = [sys.executable, "-c", CHILD, given]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **place)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Prints a table of medians, old and new, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", help="folder of a checkout")
    parser.add_argument("new", help="folder of another one")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    sides = [str(Path(side).resolve()) for side in (arguments.old, arguments.new)]
    print(f"{'':20}{'':32}{'old':>8}{'new':>8}{'ratio':>8}")
    for name, options in CASES.items():
        runs: dict[str, list] = {side: [] for side in sides}
        for _ in range(arguments.rounds):
            for side in sides:
                runs[side].append(measure(side, options))
        for i, column in enumerate(COLUMNS):
            old, new = (statistics.median(r[i] for r in runs[side]) for side in sides)
            print(f"{name:20}{column:32}{old:8.2f}{new:8.2f}{new / old:8.2f}")


if __name__ == "__main__":
    main()
