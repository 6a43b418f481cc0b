"""Four changes of CONTRIBUTING's table, made in a copy: these files, and no others."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

SIDE = 80
STATISTIC = """# The mean square of every channel.
peaks = Statistic(
    lambda cells, weights: (weighted_squares(cells, weights), tf.reduce_sum(weights)),
    lambda sums: means(sums)[0],
    relative_l1,
)


"""
OBJECTIVE = '''"""An objective that prefers dark pictures."""

import tensorflow as tf

from vectormix_tf.objectives.functions import from_function


def darkness(weight: float):
    """Pulls the first layer's activations down."""
    return from_function(
        "darkness", ["conv1a"], lambda seen: tf.reduce_mean(seen["conv1a"]), weight
    )
'''
FLAG = """    darken: float = number(
        0.0, 0, 1, "how much darker the result is made", served="local"
    )
"""
DARKEN = """    if settings.darken:
        return lambda image: image * (1 - settings.darken)
"""
COMMAND = '''"""`vectormix hello`: greets."""

from absl import flags

from vectormix_tf.cli.command import Command


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_string("name", "world", "whom to greet", flag_values=values)


def _run(values: flags.FlagValues) -> int:
    print(f"hello {values.name}")
    return 0


COMMAND = Command("machine", "vectormix hello", "Greet someone.", _define, _run)
'''
# What the changed copy must do, in one process.
USE = """
import sys
from vectormix_tf.cli.main import main
assert main(["hello", "--name=you"]) == 0
assert main(["mix", *sys.argv[1:], "--darken=2", "--output=bad.png"]) == 2
for name, flags in {"plain": [], "dark": ["--darken=0.5"]}.items():
    assert main(["mix", *sys.argv[1:], *flags, f"--output={name}.png"]) == 0
assert main(["mix", *sys.argv[1:], "--statistic=peaks", "--output=peaks.png"]) == 0
import vectormix_tf as vm
from vectormix_tf.objectives.darkness import darkness
options = {"f1": "conv2a", "f2": "conv1a", "size": 80, "steps": 3, "on_progress": None}
made = vm.mix("content.png", "style.png", objectives=[darkness(0.5)], **options)
assert set(made.losses) == {"content", "tone", "style", "darkness"}
"""


def insert(path, before, text):
    """Puts text in front of the only place where `before` stands."""
    old = path.read_text("utf-8")
    assert old.count(before) == 1, (path, before)
    path.write_text(old.replace(before, text + before), "utf-8")


def rows(root):
    """The files that CONTRIBUTING names for a change now, by the change."""
    table = (root / "CONTRIBUTING.md").read_text("utf-8")
    found = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and "`" in cells[2]:
            name = re.sub(r"[`]", "", cells[0])
            found[name] = set(re.findall(r"`([\w/]+\.py)`", cells[2]))
    return found


@pytest.fixture
def copy(root, tmp_path):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "vectormix_tf", tmp_path / "vectormix_tf", ignore=ignore)
    drawn = np.random.default_rng(0)
    for name in ("content", "style"):
        pixels = drawn.integers(0, 256, [SIDE, SIDE, 3], dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    return tmp_path


def changed(root, copy):
    """Files of the package that differ from the checkout's."""
    paths = (copy / "vectormix_tf").rglob("*.py")
    names = {path.relative_to(copy / "vectormix_tf").as_posix(): path for path in paths}
    return {
        name
        for name, path in names.items()
        if not (root / "vectormix_tf" / name).is_file()
        or (root / "vectormix_tf" / name).read_bytes() != path.read_bytes()
    }


def test_the_table_of_changes_names_files_that_exist(root):
    table = rows(root)
    assert len(table) == 11
    for files in table.values():
        for name in files - {"cli/commands/NAME.py"}:
            assert (root / "vectormix_tf" / name).is_file(), name


def test_four_changes_touch_the_files_that_contributing_names(root, copy):
    package, table = copy / "vectormix_tf", rows(root)
    config, recipe = package / "config/mix.py", package / "recipes/mix.py"

    statistics = package / "objectives/statistics.py"
    insert(statistics, "BUILT_IN = {", STATISTIC)
    insert(statistics, '        "gram": gram,', '        "peaks": peaks,\n')
    insert(config, '"gram", "covariance", "moments"', '"peaks", ')
    assert changed(root, copy) == table["statistic of a style"]

    insert(config, "    alpha: float = number(", FLAG)
    insert(recipe, '    if settings.color == "content":\n        return', DARKEN)
    both = table["flag of mix"] | table["statistic of a style"]
    assert changed(root, copy) == both

    (package / "cli/commands/hello.py").write_text(COMMAND, "utf-8")
    (package / "objectives/darkness.py").write_text(OBJECTIVE, "utf-8")
    new = {"cli/commands/hello.py", "objectives/darkness.py"}
    assert changed(root, copy) == both | new

    flags = ["--content=content.png", "--style=style.png", "--f1=conv2a"]
    flags += ["--f2=conv1a", f"--size={SIDE}", "--steps=3", "--chroma=free"]
    run = subprocess.run(
        [sys.executable, "-c", USE, *flags],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "hello you" in run.stdout
    assert "vectormix: --darken must be in [0, 1]; received 2.0." in run.stderr
    plain, dark = (
        np.float32(Image.open(copy / f"{name}.png")) for name in ("plain", "dark")
    )
    np.testing.assert_allclose(dark, plain / 2, atol=1)
