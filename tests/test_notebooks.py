"""The notebooks of examples/: their runs on small pictures, and their installation."""

import configparser
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import types

import pytest
from IPython.core.inputtransformer2 import TransformerManager

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
SMALL = {
    "size": 120,
    "steps": 2,
    "frames": 2,
    "flags": "--f1=conv2a --f2=conv2a --layers=conv2a --statistic=moments"
    " --canvas=pixels",
}
# In a process of its own: what a kernel warns of is not for our tests.
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.stdin, 4)
resources = {"metadata": {"path": sys.argv[1]}}
nbclient.NotebookClient(notebook, timeout=300, resources=resources).execute()
nbformat.write(notebook, sys.stdout)
"""
# Pictures that each shows.
NOTEBOOKS = {"dream": 5, "mix": 5, "serve": 5, "vectors": 6}
LOCAL = {"HOST:8500"}  # where a reader's own server is
named = pytest.mark.parametrize("name", NOTEBOOKS)


def read(name):
    return json.loads((EXAMPLES / f"{name}.ipynb").read_text(encoding="utf-8"))


def shown(notebook):
    """How many pictures its outputs have."""
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    kinds = [key for out in outputs for key in out.get("data", {})]
    return sum(kind.startswith("image/") for kind in kinds)


def test_every_notebook_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.ipynb")} == set(NOTEBOOKS)


def test_a_server_that_ends_is_told_where_it_is_started(tmp_path, capsys, monkeypatch):
    """Not by a name that does not exist in a later cell."""
    sources = ("".join(cell["source"]) for cell in read("serve")["cells"])
    (start,) = (source for source in sources if "Popen(" in source)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    names = {"sys": sys}
    with pytest.raises(RuntimeError, match="the server has ended"):
        exec(compile(start, "serve.ipynb", "exec"), names)
    assert "model `models/vectormix` is no folder" in capsys.readouterr().out
    names["process"].stdout.close()
    assert names["process"].wait(60) == 2


# Those that trace networks take as long as many other tests together.
QUICK = {"vectors"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in sorted(NOTEBOOKS)
    ],
)
def test_a_notebook_runs_from_start_to_end(name, tmp_path):
    (tmp_path / "images").symlink_to(EXAMPLES / "images", target_is_directory=True)
    notebook = read(name)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        for setting, value in SMALL.items():
            given = rf'(?m)^{setting} = (\d+|"")'
            source = re.sub(given, f"{setting} = {value!r}", source)
        cell["source"] = source
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    run = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path)],
        input=json.dumps(notebook),
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert shown(json.loads(run.stdout)) == NOTEBOOKS[name]


@named
def test_a_notebook_is_kept_with_small_outputs(name):
    assert shown(read(name)) == NOTEBOOKS[name]
    assert (EXAMPLES / f"{name}.ipynb").stat().st_size < 2**20
    text = json.dumps([cell.get("outputs") for cell in read(name)["cells"]])
    assert "stderr" not in text and str(pathlib.Path.home()) not in text


@named
def test_no_notebook_names_an_address_that_its_user_did_not_give(name):
    text = "\n".join("".join(cell["source"]) for cell in read(name)["cells"])
    hosts = re.findall(r"(?:https?|git|ssh)(?:\+\w+)?://([^/\s\"']*)", text)
    assert set(hosts) <= LOCAL and "git@" not in text
    assert "github" not in text.lower() and "badge" not in text.lower()


def test_the_package_names_no_home_page(root):
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg", encoding="utf-8")
    assert not {"url", "project_urls", "home_page"} & set(config["metadata"])
    assert "://" not in (root / "setup.cfg").read_text(encoding="utf-8")


def installation(name, address, absent):
    """Commands of a notebook's first code cell, run where modules are absent."""
    cells = read(name)["cells"]
    source = "".join(next(c["source"] for c in cells if c["cell_type"] == "code"))
    field = 'address = ""  # @param {type:"string"}'
    assert source.count(field) == 1
    source = source.replace(field, f"address = {address!r}")
    commands, names = [], {}

    def note(*words):
        commands.append(" ".join(words).format(**names))

    shell = types.SimpleNamespace(
        run_line_magic=note, system=lambda line: note("!", line)
    )
    names["get_ipython"] = lambda: shell
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            importlib.util, "find_spec", lambda module: module not in absent or None
        )
        patch.setattr(importlib.metadata, "version", lambda package: "2.0")
        exec(TransformerManager().transform_cell(source), names)
    return commands


@named
def test_where_the_package_is_there_nothing_is_installed(name):
    for address in ("", "GIT", "x.whl"):
        assert installation(name, address, absent=()) == []


@named
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", ["pip install --quiet .."]),
        (
            "GIT",
            [
                "! git clone --quiet --depth 1 GIT checkout",
                "cd checkout/examples",
                "pip install --quiet ..",
            ],
        ),
        ("x.whl", ["pip install --quiet x.whl"]),
    ],
    ids=["checkout", "git", "wheel"],
)
def test_a_missing_package_comes_from_the_checkout_or_the_address(
    name, address, expected
):
    commands = installation(name, address, absent=["vectormix_tf"])
    assert [line.removesuffix(" matplotlib") for line in commands] == expected


def test_serving_installs_what_it_lacks_and_keeps_the_tensorflow_there():
    absent = ["grpc", "tensorflow_serving"]
    assert installation("serve", "", absent) == [
        "pip install --quiet grpcio tensorflow-serving-api tensorflow==2.0"
    ]
