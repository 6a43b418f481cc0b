"""What README says can be typed, and what examples/ shows can be run."""

import ast
import importlib.util
import pathlib
import re
import shlex

import av
import pytest
from PIL import Image

from vectormix_tf.cli import main as cli_main

QUICK = {
    "mix": ["--size=160", "--steps=2"],
    "dream": ["--size=160", "--steps=1"],
}
# Few layers, where the command itself does not say which.
LIGHT = ["--f1=mixed0", "--f2=conv2b,mixed0"]
NAMED = ("--f1", "--f2", "--backbone", "--preset")
SEVERAL = ["--size=160", "--steps=1", "--f1=conv2a", "--f2=conv2a"]
QUICK["sweep"] = [*SEVERAL, "--further_steps=1", "--alphas=0,1"]
QUICK["grid"] = [*SEVERAL, "--proof_size=0"]
QUICK["zoom"] = ["--size=160", "--steps=1", "--further_steps=1", "--frames=2"]
QUICK["visualize"] = ["--size=96", "--steps=1"]
QUICK["benchmark"] = ["--sizes=80", "--precisions=float32", "--steps=1", "--rounds=1"]
QUICK["benchmark"] += ["--nostartup"]
QUICK["atlas"] = ["--size=75", "--steps=1", "--channels=0-1"]
SIZES = {"atlas": 75}


def blocks(root, language, page="README.md"):
    text = (root / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(page, start="vectormix "):
    root = pathlib.Path(__file__).parent.parent
    lines = "".join(blocks(root, "sh", page)).splitlines()
    return [line.removesuffix(" &") for line in lines if line.startswith(start)]


def is_hosting(line):
    """Whether it takes a server, or makes what one serves."""
    return line.split()[1] in ("export", "serve") or "--server=" in line


README, GALLERY = commands("README.md"), commands("examples/GALLERY.md")
GALLERY += commands("examples/LARGE.md")
HOSTING = [line for line in README if is_hosting(line)]
README = [line for line in README if not is_hosting(line)]
HOSTING += commands("examples/SERVING.md") + commands("examples/serving/README.md")
SLOW = [*GALLERY, *(line for line in README if "--explore" in line)]


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    """An empty folder that sees the examples as a checkout does."""
    (tmp_path / "examples").symlink_to(root / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture_size(name, path, flags):
    """Long side of a picture, or of the first one in a folder."""
    if path.suffix == ".mp4":
        with av.open(path) as film:
            return film.streams.video[0].width
    if name == "grid":  # a sheet is as large as its labels make it
        path = path.with_name(f"{path.stem}-cells") / "cell-01-01.png"
    if "--explore" in flags:
        path = path.with_name(f"{path.stem}-layers") / "mixed0.png"
    with Image.open(path / "0001.png" if path.is_dir() else path) as made:
        return max(made.size)


def test_the_pages_have_commands():
    assert len(README) >= 20 and len(GALLERY) >= 8


@pytest.mark.parametrize(
    "line",
    [pytest.param(x, marks=[pytest.mark.slow] * (x in SLOW)) for x in README + GALLERY],
)
def test_a_command_of_the_pages_runs(line, folder, capsys):
    _, name, *flags = shlex.split(line)
    quick = [] if "--help" in flags else QUICK.get(name, [])
    if any(flag.startswith("--save_every") for flag in flags):
        quick = ["--size=160", "--steps=2", "--save_every=1"]
    if quick and name == "mix" and not any(flag.startswith(NAMED) for flag in flags):
        quick = [*quick, *LIGHT]
    varied = [flag.partition("=")[2] for flag in flags if flag.startswith("--column")]
    quick = [each for each in quick if each[2:].partition("=")[0] not in varied]
    assert cli_main.main([name, *flags, *quick]) == 0, capsys.readouterr().err
    for flag in flags:
        if flag.startswith("--output="):
            size = picture_size(name, folder / flag[9:], flags)
            assert size > 160 if name == "visualize" else size == SIZES.get(name, 160)


@pytest.fixture
def models(folder, toy_model, monkeypatch):
    """`folder` with a model, which it takes no time to export, and pictures."""
    (folder / "models").mkdir()
    (folder / "models/vectormix").symlink_to(toy_model, target_is_directory=True)
    (folder / "photo.jpg").symlink_to("examples/images/content_coffee.jpg")
    (folder / "painting.jpg").symlink_to("examples/images/style_harvest.jpg")
    monkeypatch.setattr(
        "vectormix_tf.saved_model.export.export", lambda path, *_, **__: path
    )
    monkeypatch.setattr("vectormix_tf.server.server.wait_for_signal", lambda: None)
    return folder


@pytest.mark.parametrize("line", dict.fromkeys(HOSTING))
def test_a_command_that_serves_or_asks_a_server_runs(line, models, server, capsys):
    _, name, *flags = shlex.split(line)
    here = {"grpc": server.grpc, "http": server.rest}
    asked = [flag[9:] for flag in flags if flag.startswith("--server=")]
    flags += [f"--server={here[address.partition(':')[0]]}" for address in asked]
    flags += ["--port=0", "--rest_port=0"] * (name == "serve")
    assert cli_main.main([name, *flags]) == 0, capsys.readouterr().err
    for flag in flags * (name != "export"):
        if flag.startswith("--output="):
            assert picture_size(name, models / flag[9:], flags) == 80


@pytest.mark.parametrize("page", ["README.md", "examples/serving/README.md"])
def test_the_command_of_the_page_runs(page, root, monkeypatch):
    monkeypatch.syspath_prepend(root / "examples/serving")
    app = importlib.import_module("app")
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    monkeypatch.setattr(app.Server, "run", lambda self: None)
    (line,) = commands(page, "python examples/serving/app.py ")
    assert app.main(shlex.split(line)[2:]) == 0


def test_the_two_first_commands_set_up_and_do_what_they_say(root):
    first, second = (line for line in blocks(root, "sh")[:2])
    setup = "python3 -m venv .venv && .venv/bin/pip install --quiet "
    assert first.startswith(setup) and second.startswith(setup)
    assert len(first.splitlines()) == len(second.splitlines()) == 1
    assert ".venv/bin/vectormix mix " in first and "-m pytest" in second


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "examples/serving/README.md",
        *(f"examples/{x}.md" for x in ("GALLERY", "MIXING", "LARGE", "SERVING")),
    ],
)
def test_pictures_and_links_of_the_pages_exist(page, root):
    text = (root / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links
    for link in links:
        assert (root / page).parent.joinpath(link).is_file(), link


def test_the_python_of_readme_is_python_with_names_that_exist(root):
    import vectormix_tf

    for block in blocks(root, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                for name in node.names:
                    assert hasattr(vectormix_tf, name.name)


@pytest.mark.filterwarnings("ignore::vectormix_tf.errors.Notice")
@pytest.mark.parametrize(("script", "made"), [("mix", 4), ("dream", 4)])
def test_the_example_scripts_run(script, made, root, folder, capsys):
    path = root / "examples" / f"{script}.py"
    spec = importlib.util.spec_from_file_location(f"example_{script}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pictures = module.PAIR if script == "mix" else [module.PHOTOGRAPH]
    few = {"f1": "mixed0", "f2": "conv2b,mixed0"} if script == "mix" else {}
    module.main(*pictures, size=128, steps=2, **few)
    assert len(list(folder.glob("*.png"))) == made
