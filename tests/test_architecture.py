"""The shape of the package: what each folder may import, and what an import loads."""

import ast
import importlib
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vectormix_tf
from vectormix_tf import lazy

FOLDER = Path(vectormix_tf.__file__).parent
PACKAGE = vectormix_tf.__name__
TREES = {
    path.relative_to(FOLDER).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in FOLDER.rglob("*.py")
}

# From the bottom up: (folder, what of this package it may import, whether TensorFlow
# and Keras may be imported when it is).
BASE = {"errors", "lazy", "config", "io"}
TENSORS = BASE | {"tfserving", "backbone", "ops", "objectives", "optim"}
ABOVE = {"recipes", "galleries", "batches"}
PRODUCTS = {"evaluation", "teaching", "saved_model", "benchmark", "server", "studio"}
LAYERS = [
    ("errors", set(), False),
    ("lazy", set(), False),
    ("config", {"errors", "config"}, False),
    ("io", BASE, False),
    ("filters", (BASE | {"filters"}) - {"lazy"}, False),
    ("tfserving", BASE | {"tfserving"}, False),
    ("client", BASE | {"filters", "tfserving", "client"}, False),
    ("backbone", BASE | {"backbone"}, True),
    ("ops", BASE | {"filters", "ops"}, True),
    ("objectives", BASE | {"backbone", "ops", "objectives"}, True),
    ("optim", TENSORS - {"tfserving"}, True),
    ("recipes", (TENSORS | {"filters", "recipes"}) - {"tfserving"}, True),
    ("galleries", BASE | {"recipes", "galleries"}, False),
    ("evaluation", BASE | {"filters", "backbone", "ops", "evaluation"}, True),
    ("teaching", BASE | {"backbone", "teaching"}, True),
    ("saved_model", TENSORS | {"recipes", "saved_model"}, True),
    ("batches", BASE | {"optim", "recipes", "batches", ""}, False),
    ("benchmark", TENSORS | {"recipes", "benchmark"}, True),
    ("server", {"errors", "tfserving", "server"}, True),
    ("studio", {"errors", "config", "io", "tfserving", "client", "studio", ""}, False),
    ("cli", TENSORS | ABOVE | PRODUCTS | {"filters", "client", "cli", ""}, False),
]
MAY_IMPORT = {folder: allowed for folder, allowed, _ in LAYERS}
LIGHT = {folder for folder, _, tensorflow in LAYERS if not tensorflow}
TOP_FILES = ["__init__.py", "__init__.pyi", "__main__.py", "errors.py", "lazy.py"]


def folder_of(path):
    """First part of a path without its ending; "" is the package itself."""
    first = path.split("/")[0].removesuffix(".py")
    return "" if first in ("__init__", "__main__") else first


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


def own_modules(path, early=None):
    """Paths of the package's files that a file imports."""
    found = set()
    for module, name, at_import in imported(TREES[path]):
        if module.split(".")[0] != PACKAGE or early not in (None, at_import):
            continue
        place = "/".join(module.split(".")[1:])
        for guess in (f"{place}/{name}", place):
            file = guess.strip("/")
            names = [f"{file}.py", f"{file}/__init__.py".lstrip("/")]
            hits = [each for each in names if each in TREES]
            if hits:
                found.add(hits[0])
                break
    return found


def test_the_top_of_the_package_is_a_few_files_and_the_layers():
    files = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert files == {*TOP_FILES, "py.typed"} and len(files) <= 6
    folders = {folder_of(path) for path in TREES} - {""}
    assert folders == set(MAY_IMPORT)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_what_its_row_allows(folder):
    found = {
        folder_of(other)
        for path in TREES
        if folder_of(path) == folder
        for other in own_modules(path)
    }
    assert found <= MAY_IMPORT[folder]


def test_rows_allow_nothing_above_them_nor_what_no_file_imports():
    order = list(MAY_IMPORT)
    for i, (folder, allowed, _) in enumerate(LAYERS):
        assert allowed - {""} <= set(order[: i + 1]), folder


def test_nothing_is_imported_in_a_circle():
    done, trail = set(), []

    def visit(path):
        assert path not in trail, " -> ".join([*trail[trail.index(path) :], path])
        if path in done:
            return
        trail.append(path)
        for other in own_modules(path, early=True):
            visit(other)
        trail.pop()
        done.add(path)

    for path in TREES:
        visit(path)


def reached(path):
    """All files that are loaded when one is imported."""
    found, ahead = set(), {path}
    while ahead:
        path = ahead.pop()
        found.add(path)
        ahead |= own_modules(path, early=True) - found
    return found


HEAVY = {
    path
    for path, tree in TREES.items()
    if any(
        early and module.split(".")[0] in ("tensorflow", "keras")
        for module, _, early in imported(tree)
    )
}


@pytest.mark.parametrize("folder", sorted(LIGHT))
def test_a_light_folder_loads_no_tensorflow(folder):
    assert HEAVY  # or the line below could not fail
    for path in TREES:
        if folder_of(path) == folder:
            assert not reached(path) & HEAVY, path


def test_init_files_define_nothing():
    for path, tree in TREES.items():
        if path.endswith("__init__.py"):
            assert own_modules(path) <= {"lazy.py"}
            assert not any(
                isinstance(n, ast.FunctionDef | ast.ClassDef) for n in tree.body
            )


def test_only_the_optimization_and_the_lesson_make_gradient_tapes():
    tapes = {
        path
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if "GradientTape" in (getattr(node, "attr", ""), getattr(node, "id", ""))
    }
    assert tapes == {"optim/problem.py", "optim/tiles.py", "teaching/lesson.py"}


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


ALLOWED = {
    "config/describe.py": ["if __name__ == '__main__':\n    write(pathlib.Path.cwd())"],
    "__main__.py": ["if __name__ == '__main__':\n    sys.exit(main())"],
}


@pytest.mark.parametrize("path", sorted(TREES))
def test_a_module_only_defines(path):
    docstring, *rest = TREES[path].body
    assert is_text(docstring)
    others = [
        ast.unparse(node)
        for before, node in itertools.pairwise([docstring, *rest])
        if not is_definition(node) and not (is_text(node) and is_definition(before))
    ]
    assert others == ALLOWED.get(path, [])


@pytest.mark.parametrize("name", vectormix_tf.__all__)
def test_a_public_name_is_there_and_has_a_docstring(name):
    value = getattr(vectormix_tf, name)
    assert value.__doc__
    assert name in dir(vectormix_tf)


@pytest.mark.parametrize("namespace", ["client", "objectives", "optim"])
def test_a_namespace_offers_what_it_lists(namespace):
    module = importlib.import_module(f"{PACKAGE}.{namespace}")
    for name in module.__all__:
        assert getattr(module, name).__doc__
        assert name in dir(module)


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="vectormix_tf.*mixx"):
        _ = vectormix_tf.mixx


def test_a_lazy_name_stays_where_it_was_put(monkeypatch):
    monkeypatch.delitem(vars(vectormix_tf), "InputError", raising=False)
    first = vectormix_tf.InputError
    assert vars(vectormix_tf)["InputError"] is first
    assert lazy.attach(PACKAGE, {"InputError": "errors"})[0]("InputError") is first


# --- What is loaded -------------------------------------------------------------------

PROGRAM = """
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
PAIR = ["--content=none.png", "--style=none.png"]
DREAM = ["dream", "--image=none.png", "--output=out.png"]


def loads(lines, folder):
    """Runs lines in a new Python; returns the last line of its stdout."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(lines)],
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
        (["compare", "--help"], 0),
        (["compare", *PAIR, "none.png"], 2),
        (["vote", "--help"], 0),
        (["vote", "--rows=none.tsv", "--output=votes"], 2),
        (["teach", "--help"], 0),
        (["teach", "--photos=.", "--teacher=imagenet", "--output=out.npz"], 2),
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
        (["studio", "--help"], 0),
        (["studio", "check"], 2),
        (["studio", "wrk"], 2),
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
        "from vectormix_tf.config import classes; classes.find('parrot')",
        "from vectormix_tf import client; client.connect",
        "import numpy as np, vectormix_tf as vm; a = np.eye(99); vm.preview(a, a)",
    ],
)
def test_importing_the_package_loads_no_tensorflow(lines, tmp_path):
    assert loads(lines, tmp_path) == "code None loaded"


def test_a_first_use_does_load_tensorflow(tmp_path):
    """Or else the tests above would look at the wrong names."""
    line = loads("import vectormix_tf; vectormix_tf.mix", tmp_path)
    assert "tensorflow" in line.split()
