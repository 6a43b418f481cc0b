"""The notebooks of examples/, run from start to end on small pictures."""

import configparser
import json
import pathlib
import re
import subprocess
import sys

import pytest

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
NOTEBOOKS = {"dream": 5, "mix": 4, "serve": 5, "vectors": 6}
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


@named
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
def test_the_addresses_of_a_notebook_are_those_of_the_project(name, root):
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg", encoding="utf-8")
    address = config["metadata"]["url"]
    place = address.removeprefix("https://github.com/")
    colab = "https://colab.research.google.com"
    text = "\n".join("".join(cell["source"]) for cell in read(name)["cells"])
    badge = f"({colab}/assets/colab-badge.svg)]"
    assert f"{badge}({colab}/github/{place}/blob/main/examples/{name}.ipynb)" in text
    assert f"git clone --quiet --depth 1 {address}\n" in text
    assert set(re.findall(r"github\.com/[\w.-]+/[\w.-]+", text)) == {address[8:]}


@named
def test_a_notebook_installs_only_what_is_missing(name):
    cells = read(name)["cells"]
    first = "".join(next(c["source"] for c in cells if c["cell_type"] == "code"))
    assert "find_spec" in first and "%pip install" in first
