"""The shape of the package: reading order, imports, what happens at import."""

import ast
import importlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import vectormix_tf

FOLDER = Path(vectormix_tf.__file__).parent
PACKAGE = vectormix_tf.__name__
TREES = {path.stem: ast.parse(path.read_text("utf-8")) for path in FOLDER.glob("*.py")}
NAMES = sorted(TREES)
MOST_LINES = 400

# Third-party packages, (at import, first inside a function).
OUTSIDE = {
    "__init__": ((), ()),
    "__main__": ((), ()),
    "checks": (("numpy",), ()),
    "layers": ((), ()),
    "classes": ((), ()),
    "settings": (("numpy",), ()),
    "dream_settings": ((), ()),
    "channels": (("numpy",), ()),
    "profiles": (("PIL", "numpy"), ()),
    "images": (("PIL", "numpy"), ("tensorflow", "pillow_heif")),
    "output": (("PIL", "numpy"), ("tensorflow",)),
    "results": (("PIL", "numpy"), ()),
    "bars": (("tqdm",), ()),
    "stencils": (("numpy",), ()),
    "presets": ((), ()),
    "messages": (("google", "numpy"), ()),
    "connection": (("numpy",), ("grpc", "requests")),
    "client": (("PIL", "numpy"), ()),
    "fingerprints": (("numpy",), ("tensorflow",)),
    "manifest": ((), ()),
    "twins": (("keras", "tensorflow"), ()),
    "networks": (("numpy",), ()),
    "features": (("numpy", "tensorflow"), ()),
    "precision": (("tensorflow",), ()),
    "canvas": (("numpy", "tensorflow"), ()),
    "roots": (("tensorflow",), ()),
    "colors": (("numpy", "tensorflow"), ()),
    "places": (("numpy", "tensorflow"), ()),
    "cells": (("tensorflow",), ()),
    "distances": (("tensorflow",), ()),
    "transport": (("numpy", "tensorflow"), ()),
    "statistics": (("tensorflow",), ()),
    "objectives": (("tensorflow",), ()),
    "guides": (("tensorflow",), ()),
    "batches": (("tensorflow",), ()),
    "rules": (("tensorflow",), ()),
    "plans": ((), ()),
    "export_settings": ((), ()),
    "octaves": (("tensorflow",), ()),
    "problem": (("numpy", "tensorflow"), ()),
    "parts": (("numpy", "tensorflow"), ()),
    "tiles": ((), ()),
    "frames": (("tensorflow",), ()),
    "views": (("numpy", "tensorflow"), ()),
    "estimates": (("keras", "tensorflow"), ()),
    "loop": (("numpy", "tensorflow"), ()),
    "checkpoint": (("numpy",), ()),
    "pictures": (("numpy", "tensorflow"), ()),
    "masks": (("tensorflow",), ()),
    "amplifying": (("numpy", "tensorflow"), ()),
    "scenes": (("numpy", "tensorflow"), ()),
    "mixing": (("numpy", "tensorflow"), ()),
    "dreaming": (("numpy", "tensorflow"), ()),
    "vectors": (("numpy", "tensorflow"), ()),
    "classifying": (("numpy",), ()),
    "decoding": (("tensorflow",), ()),
    "admission": (("tensorflow",), ()),
    "states": (("tensorflow",), ()),
    "chunks": (("tensorflow",), ()),
    "staging": (("tensorflow",), ()),
    "signatures": (("tensorflow",), ()),
    "versions": ((), ()),
    "exporting": (("numpy", "tensorflow"), ()),
    "films": (("PIL",), ("av",)),
    "sheets": (("PIL", "numpy"), ()),
    "visualizing": (("numpy", "tensorflow"), ()),
    "plots": (("numpy",), ("matplotlib",)),
    "series": ((), ()),
    "sweeping": (("numpy",), ()),
    "zooming": (("PIL", "numpy"), ("tensorflow",)),
    "exploring": (("PIL",), ()),
    "atlases": (("PIL",), ()),
    "axes": ((), ()),
    "grids": (("PIL",), ()),
    "subjects": (("numpy",), ()),
    "figures": ((), ()),
    "flops": (("keras",), ()),
    "turns": ((), ()),
    "children": ((), ()),
    "peers": (("numpy",), ("keras", "tensorflow", "torch")),
    "benchmarking": (("tensorflow",), ()),
    "reporting": ((), ()),
    "served": (("numpy", "tensorflow", "tensorflow_serving"), ()),
    "rest": (("google", "numpy", "starlette"), ()),
    "serving": (
        ("grpc", "numpy", "tensorflow", "tensorflow_serving", "uvicorn"),
        (),
    ),
    "job": (("absl",), ()),
    "options": (("absl",), ()),
    "moving": (("absl",), ()),
    "measuring": (("absl",), ()),
    "hosting": (("absl",), ()),
    "remote": (("absl",), ()),
    "showing": (("absl",), ()),
    "commands": (("absl",), ()),
    "cli": (("absl",), ()),
}


def reading_order():
    """The names in the docstring's list, left to right, then down."""
    text = vectormix_tf.__doc__
    block = re.search(r"from those above it:\n\n(.*?)\n\n", text, re.DOTALL).group(1)
    # Columns stand two or more spaces apart: name, what it does, name, what it does.
    cells = [re.split(r" {2,}", line.strip()) for line in block.splitlines()]
    return [name for line in cells for name in line[::2]]


ORDER = reading_order()


def imported(tree):
    """Yields (module, name or None, whether at import time)."""
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, id(node) not in inner
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.module, alias.name, id(node) not in inner


def own_imports(name, early=None):
    """The files of the package that a file imports."""
    found = set()
    for module, item, at_import in imported(TREES[name]):
        if module.split(".")[0] != PACKAGE or early not in (None, at_import):
            continue
        parts = module.split(".")[1:] or ([item] if item in TREES else [])
        found.add(parts[0] if parts else "__init__")
    return found


def outside_imports(name, early):
    return {
        module.split(".")[0]
        for module, _, at_import in imported(TREES[name])
        if at_import == early
    } - {PACKAGE, *sys.stdlib_module_names}


def test_the_docstring_lists_every_file_once_and_cli_last():
    assert sorted([*ORDER, "__init__", "__main__"]) == NAMES
    assert ORDER[-1] == "cli"


@pytest.mark.parametrize("name", ORDER)
def test_a_file_imports_only_from_those_above_it(name):
    allowed = set(ORDER[: ORDER.index(name)])
    if name == "cli":
        allowed.add("__init__")  # for the version
    assert own_imports(name) <= allowed


def test_main_imports_only_cli_and_init_imports_nothing():
    assert own_imports("__main__") == {"cli"}
    assert own_imports("__init__") == set()


def test_cli_imports_what_needs_tensorflow_only_inside_functions():
    heavy = {name for name in ORDER if {"tensorflow", "keras"} & set(OUTSIDE[name][0])}
    assert heavy  # so that the line below can fail
    reached, ahead = set(), {"cli"}
    while ahead:
        name = ahead.pop()
        reached.add(name)
        ahead |= own_imports(name, early=True) - reached
    assert not reached & heavy
    assert own_imports("job", early=False) & heavy


@pytest.mark.parametrize("name", NAMES)
def test_a_file_imports_from_outside_only_what_the_table_allows(name):
    early, late = OUTSIDE[name]
    assert outside_imports(name, True) <= set(early)
    assert outside_imports(name, False) <= set(late)


def test_the_table_of_outside_imports_has_no_idle_line():
    assert sorted(OUTSIDE) == NAMES
    needless = {
        (name, package)
        for name, (early, late) in OUTSIDE.items()
        for package in {*early, *late}
        - outside_imports(name, True)
        - outside_imports(name, False)
    }
    assert not needless


def test_tapes_are_where_what_is_minimized_is():
    tapes = [
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if "GradientTape" in (getattr(node, "attr", ""), getattr(node, "id", ""))
    ]
    # Of what x is seen as, and of what the terms say of that; then part by part.
    assert tapes == ["parts", "parts", "problem", "problem"]


def is_text(node):
    """A docstring, also one below an assignment."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_definition(node):
    if isinstance(node, ast.Assign):
        return all(
            isinstance(part, ast.Name | ast.Tuple | ast.Store)
            for target in node.targets
            for part in ast.walk(target)
        )
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name)
    return isinstance(
        node,
        ast.Import
        | ast.ImportFrom
        | ast.FunctionDef
        | ast.AsyncFunctionDef
        | ast.ClassDef,
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_module_only_defines(name):
    docstring, *rest = TREES[name].body
    assert is_text(docstring)
    others = [
        ast.unparse(node)
        for before, node in itertools.pairwise([docstring, *rest])
        if not is_definition(node) and not (is_text(node) and is_definition(before))
    ]
    if name == "twins":  # Keras reads it at its import
        assert others == ["os.environ.setdefault('KERAS_BACKEND', 'tensorflow')"]
    elif name == "__main__":
        assert others == ["if __name__ == '__main__':\n    sys.exit(main())"]
    else:
        assert others == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_short_enough_to_read(name):
    lines = (FOLDER / f"{name}.py").read_text("utf-8").splitlines()
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("name", vectormix_tf.__all__)
def test_a_public_name_is_there_and_has_a_docstring(name):
    value = getattr(vectormix_tf, name)
    home = importlib.import_module(f"{PACKAGE}.{vectormix_tf._HOMES[name]}")
    assert value is getattr(home, name)
    assert value.__doc__
    assert name in dir(vectormix_tf)


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="vectormix_tf.*mixx"):
        _ = vectormix_tf.mixx


# --- What is loaded -------------------------------------------------------------------

HEAVY = """
import sys
code = None
{}
loaded = sorted({{"tensorflow", "keras"}} & set(sys.modules))
print("code", code, "loaded", *loaded)
"""
CALL = "import vectormix_tf.cli.main; code = vectormix_tf.cli.main.main({!r})"
GRID = [
    *("grid", "--content=a.png", "--style=b.png", "--output=out.png"),
    *("--rows=alpha", "--row=0.2"),
]
DREAM = ["dream", "--image=none.png", "--output=out.png"]


def loads(lines, folder):
    """Runs lines in a new Python; returns the last line of its stdout."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAVY.format(lines)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    "argv, code",
    [
        (["--help"], 0),
        (["--version"], 0),
        (["mix", "--help"], 0),
        (["dream", "--help"], 0),
        (["sweep", "--help"], 0),
        (["grid", "--help"], 0),
        (["classify", "--help"], 0),
        (["classify"], 2),
        (["classify", "none.png"], 2),
        (["sweep", "--content=a.png", "--style=b.png", "--alphas=2"], 2),
        (["sweep", "--content=a.png", "--style=b.png", "--output=out"], 2),
        ([*GRID, "--row=2"], 2),
        ([*GRID, "--row=0.5"], 2),
        (["mix", "--steps=many"], 2),
        (["mix", "--no_such_flag=1"], 2),
        (["mix", "--alpha=2"], 2),
        (["mx"], 2),
        (["benchmark", "--help"], 0),
        (["serve", "--help"], 0),
        ([*DREAM, "--server=grpc://127.0.0.1:9"], 2),
        (["serve"], 2),
        (["benchmark", "--sizes=10"], 2),
        (["visualize", "--help"], 0),
        (["visualize", "--output=out.png", "--channels=4-2"], 2),
        (["atlas", "--help"], 0),
        (["atlas", "--output=no/out"], 2),
        (DREAM, 2),
        ([*DREAM, "--layers=mixed9"], 2),
        (["mix", "--content=none.png", "--style=none.png", "--output=out.png"], 2),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else " ".join(value),
)
def test_what_ends_early_loads_no_tensorflow(argv, code, tmp_path):
    assert loads(CALL.format(argv), tmp_path) == f"code {code} loaded"


@pytest.mark.parametrize(
    "lines",
    [
        "import vectormix_tf",
        "import vectormix_tf; dir(vectormix_tf)",
        "from vectormix_tf import DreamSettings, InputError, MixSettings, Progress",
        "from vectormix_tf import VisualizeSettings; VisualizeSettings()",
        "from vectormix_tf import classes; classes.find('parrot')",
    ],
)
def test_importing_the_package_loads_no_tensorflow(lines, tmp_path):
    assert loads(lines, tmp_path) == "code None loaded"


def test_a_first_use_does_load_tensorflow(tmp_path):
    """Or else the tests above would look at the wrong names."""
    line = loads("import vectormix_tf; vectormix_tf.gram", tmp_path)
    assert "tensorflow" in line.split()
