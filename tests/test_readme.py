"""What the pages say can be typed, and what examples/ shows, can be run."""

import configparser
import dataclasses
import importlib.util
import json
import math
import pathlib
import re
import runpy
import shlex
import subprocess
import sys

import av
import pytest
from absl import flags
from PIL import Image
from teaching_toy import save_lite0

from vectormix_tf.backbone.load import load
from vectormix_tf.cli import main as cli_main
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.galleries.axes import FLAGS

ROOT = pathlib.Path(__file__).parent.parent
PAGES = ["README.md", "CONTRIBUTING.md"]
PAGES += sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.md")
)
MOST_LINES = {"README.md": 220, "CONTRIBUTING.md": 130}

QUICK = {
    "mix": ["--size=160", "--steps=2"],
    "dream": ["--size=160", "--steps=1"],
}
# Few layers, where the command itself does not say which.
LIGHT = {
    "mix": ["--f1=conv4a", "--f2=conv2a,conv3b"],
    "dream": ["--layers=conv2b,mixed0"],
    "zoom": ["--layers=conv2b,mixed0"],
}
LIGHT["film"], LIGHT["dream_film"] = LIGHT["mix"], LIGHT["dream"]
NAMED = ("--f1", "--f2", "--layers", "--backbone", "--preset", "--explore")
SHEET = ("--row", "--column")  # of `grid`, and what they vary
SEVERAL = ["--size=160", "--steps=1", "--f1=conv2a", "--f2=conv2a"]
QUICK["sweep"] = [*SEVERAL, "--further_steps=1", "--alphas=0,1"]
QUICK["grid"] = [*SEVERAL, "--proof_size=0"]
QUICK["zoom"] = ["--size=160", "--steps=1", "--further_steps=1", "--frames=2"]
QUICK["film"] = ["--size=160", "--steps=1", "--further_steps=1", "--every=6"]
QUICK["visualize"] = ["--size=96", "--steps=1"]
QUICK["benchmark"] = ["--sizes=80", "--precisions=float32", "--steps=1", "--rounds=1"]
QUICK["benchmark"] += ["--nostartup"]
QUICK["compare"] = ["--size=120"]
QUICK["teach"] = ["--minutes=0.01", "--photos=examples/images", "--size=75"]
QUICK["teach"] += ["--batch_size=2", "--replays=1"]
QUICK["atlas"] = ["--size=75", "--steps=1", "--channels=0-1"]
SIZES = {"atlas": 75}

# The same in Python, where these win over what a page gives.
SMALL_MIX = {"size": 120, "steps": 1, "f1": "conv4a", "f2": "conv2a,conv3b"}
SMALL = {
    "dream": {"size": 120, "steps": 1, "octaves": 1},
    "film": {**SMALL_MIX, "size": 160, "further_steps": 1},
    "dream_film": {"size": 160, "steps": 1, "octaves": 1, "further_steps": 1},
    "mix": SMALL_MIX,
    "mix_vectors": {},
    "sweep": {**SMALL_MIX, "alphas": "0,1", "further_steps": 1},
    "visualize": {"size": 75, "steps": 1},
    "zoom": {"size": 120, "steps": 1, "octaves": 1, "further_steps": 1, "frames": 2},
}


def blocks(language, page="README.md"):
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(page, start="vectormix "):
    lines = "".join(blocks("sh", page)).splitlines()
    return [line.removesuffix(" &") for line in lines if line.startswith(start)]


def uses_a_server(line):
    """Whether it connects to a server, or makes what one serves."""
    name = line.split()[1]
    return name in ("export", "serve") or (name != "studio" and "--server=" in line)


EVERY = dict.fromkeys(line for page in PAGES for line in commands(page))
REMOTE = [line for line in EVERY if uses_a_server(line)]
STUDIO = [line for line in EVERY if line.split()[1] == "studio"]
BATCH = [line for line in EVERY if line.split()[1] == "batch"]
# Each of its commands needs what those before it have made.
STORY = commands("examples/VOTING.md")
LOCAL = [
    line
    for line in EVERY
    if not uses_a_server(line) and line not in {*STORY, *STUDIO, *BATCH}
]
SLOW = {*commands("examples/GALLERY.md"), *commands("examples/LARGE.md")}
SLOW |= set(commands("examples/TEACH.md"))
SLOW |= {line for line in LOCAL if "--explore" in line}
SLOW -= set(commands("README.md"))


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    """An empty folder that sees the examples as a checkout does."""
    (tmp_path / "examples").symlink_to(root / "examples", target_is_directory=True)
    (tmp_path / "photo.jpg").symlink_to("examples/images/content_coffee.jpg")
    (tmp_path / "painting.jpg").symlink_to("examples/images/style_harvest.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def untrained_vgg19(tmp_path):
    """Path of random weights of VGG-19, in place of a download."""
    import keras

    path = str(tmp_path / "vgg19.weights.h5")
    keras.applications.VGG19(include_top=False, weights=None).save_weights(path)
    return path


def smaller(name, flags):
    """The flags of a command, with those of `QUICK` in place of its own."""
    quick = [] if "--help" in flags else QUICK.get(name, [])
    name = "dream_film" if "--dream" in flags else name
    if any(flag.startswith("--save_every") for flag in flags):
        quick = ["--size=160", "--steps=2", "--save_every=1"]
    if quick and not any(flag.startswith(NAMED) for flag in flags):
        quick = [*quick, *LIGHT.get(name, [])]
    varied = [flag.partition("=")[2] for flag in flags if flag.startswith(SHEET)]
    quick = [each for each in quick if each[2:].partition("=")[0] not in varied]
    replaced = {each.partition("=")[0] for each in quick}
    return [flag for flag in flags if flag.partition("=")[0] not in replaced] + quick


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


# --- Commands -------------------------------------------------------------------------


def test_the_pages_have_commands():
    assert len(LOCAL) >= 50 and len(SLOW) >= 10 and len(REMOTE) >= 5


@pytest.mark.parametrize(
    "line",
    [pytest.param(x, marks=[pytest.mark.slow] * (x in SLOW)) for x in LOCAL],
)
def test_a_command_of_the_pages_runs(line, folder, request, capsys):
    _, name, *flags = shlex.split(line)
    named_class = any(flag.startswith("--class=") for flag in flags)
    if "--preset=gatys2015" in flags:
        flags += [f"--weights={request.getfixturevalue('untrained_vgg19')}"]
    if name == "teach":
        flags += [f"--teacher={save_lite0(folder / 'lite0.npz')}"]
    if "--preset=quick" in flags:  # half of a test's size is too small for an octave
        flags.append("--octaves=1")
    flags = smaller(name, flags)
    assert cli_main.main([name, *flags]) == 0, capsys.readouterr().err
    if name == "teach":
        assert list(load("mine.npz")[1])[-1] == "logits"
        return
    for flag in flags:
        if flag.startswith("--output="):
            size = picture_size(name, folder / flag[9:], flags)
            if name == "visualize":
                assert size == 96 if named_class else size > 160
            else:
                assert size == SIZES.get(name, 160)


def test_the_commands_of_voting_md_run_one_after_another(folder, capsys):
    """With the first of its pairs."""
    page = "examples/VOTING.md"
    preset, rows, votes = blocks("text", page)
    (folder / "mine.txt").write_text(preset)
    (folder / "rows.tsv").write_text(rows.splitlines()[0])
    for voter in ("anna", "ben"):
        (folder / f"votes_{voter}.txt").write_text(votes.splitlines()[0])
    for line in STORY:
        _, name, *flags = shlex.split(line)
        for each in ("--row=", "--column="):
            first = [flag for flag in flags if flag.startswith(each)][:1]
            flags = [flag for flag in flags if not flag.startswith(each)] + first
        assert cli_main.main([name, *smaller(name, flags)]) == 0, (
            capsys.readouterr().err
        )
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        "default (2 : 0|0 : 2) mine; voters disagreed on 0 of 1 sheets", last
    )


@pytest.mark.parametrize("line", BATCH)
def test_a_batch_of_the_pages_is_made(line, folder, pool_here, capsys):
    """In this process, of small pictures."""
    _, name, *flags = shlex.split(line)
    if "--items=items.jsonl" in flags:
        (block,) = blocks("json", "examples/BATCH.md")
        items = [json.loads(each) for each in block.splitlines()]
        for item in items:
            kind = "dream_film" if item.get("dream") else item.get("command", "mix")
            item |= SMALL[kind]
        (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
        count = len(items)
    else:
        patterns = [flag.partition("=")[2] for flag in flags if "*" in flag]
        count = math.prod(len(list(folder.glob(each))) for each in patterns)
        names = {flag.partition("=")[0] for flag in [*QUICK["mix"], *LIGHT["mix"]]}
        flags = [flag for flag in flags if flag.partition("=")[0] not in names]
        flags += [*QUICK["mix"], *LIGHT["mix"]]
    assert cli_main.main([name, *flags]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out.startswith(f"{count} made, 0 found, 0 failed")
    assert count > 1


def test_the_python_of_batch_md_runs(folder, pool_here, capsys):
    (block,) = blocks("python", "examples/BATCH.md")
    small = block.replace('"alpha": a', '"alpha": a, **small')
    exec(compile(small, "BATCH.md", "exec"), {"small": SMALL["mix"]})
    made = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert made == ["made"] * 2 and small != block


def test_the_rows_of_voting_md_are_the_cells_of_its_sheets():
    _, rows, _ = blocks("text", "examples/VOTING.md")
    for line in STORY[:2]:
        flags = [word.partition("=")[::2] for word in shlex.split(line)[2:]]
        photos, paintings = (
            [value for name, value in flags if name == each]
            for each in ("--row", "--column")
        )
        folder = f"{dict(flags)['--output'].removesuffix('.png')}-cells"
        expected = [
            [photo, painting, f"{folder}/cell-{y:02}-{x:02}.png"]
            for y, photo in enumerate(photos, start=1)
            for x, painting in enumerate(paintings, start=1)
        ]
        column = 3 if folder == "plain-cells" else 5
        cells = [row.split("\t") for row in rows.splitlines()]
        assert [[*row[:2], row[column]] for row in cells] == expected
        assert len(expected) >= 8


@pytest.fixture
def models(folder, toy_model, monkeypatch):
    """`folder` with a model, which it takes no time to export."""
    (folder / "models").mkdir()
    (folder / "models/vectormix").symlink_to(toy_model, target_is_directory=True)
    monkeypatch.setattr(
        "vectormix_tf.saved_model.export.export", lambda path, *_, **__: path
    )
    monkeypatch.setattr("vectormix_tf.server.server.wait_for_signal", lambda: None)
    return folder


@pytest.mark.parametrize("line", REMOTE)
def test_a_command_that_serves_or_uses_a_server_runs(line, models, server, capsys):
    _, name, *flags = shlex.split(line)
    here = {"grpc": server.grpc, "http": server.rest}
    given = [flag[9:] for flag in flags if flag.startswith("--server=")]
    flags += [f"--server={here[address.partition(':')[0]]}" for address in given]
    flags += ["--port=0", "--rest_port=0"] * (name == "serve")
    assert cli_main.main([name, *flags]) == 0, capsys.readouterr().err
    for flag in flags * (name != "export"):
        if flag.startswith("--output="):
            assert picture_size(name, models / flag[9:], flags) == 80


@pytest.mark.parametrize("line", STUDIO)
def test_a_command_of_the_studio_begins(line, folder, monkeypatch, capsys):
    """What it begins is tested in tests/studio; here, that its flags are right."""
    places = ("children.adopt", "children.give_way", "supervisor.supervise")
    for place in (*places, "web.server.serve", "accounts.link_for"):
        monkeypatch.setattr(f"vectormix_tf.studio.{place}", lambda *_: 0)
    monkeypatch.setattr("vectormix_tf.studio.worker.Worker.run", lambda self: None)
    here = "--data=studio"
    assert cli_main.main(["studio", "upgrade", here]) == 0, capsys.readouterr().err
    _, *words = shlex.split(line)
    elsewhere = ("--database=", "--store=")
    words = [word for word in words if not word.startswith(elsewhere)]
    assert cli_main.main([*words, here]) == 0, capsys.readouterr().err


def test_the_signatures_of_a_model_are_listed_as_serve_md_says(toy_model):
    (line,) = commands("examples/SERVE.md", "saved_model_cli ")
    program = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    words = [
        str(toy_model / "3") if word == "models/vectormix/1" else word
        for word in shlex.split(line)[1:]
    ]
    assert str(toy_model / "3") in words
    done = subprocess.run(
        [*program, *words], capture_output=True, text=True, timeout=99
    )
    assert "signature_def['mix_steps']" in done.stdout, done.stderr


@pytest.mark.parametrize("page", ["README.md", "examples/serving/README.md"])
def test_the_command_of_the_page_runs(page, root, monkeypatch):
    monkeypatch.syspath_prepend(root / "examples/serving")
    app = importlib.import_module("app")
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    monkeypatch.setattr(app.Server, "run", lambda self: None)
    (line,) = commands(page, "python examples/serving/app.py ")
    assert app.main(shlex.split(line)[2:]) == 0


def test_the_two_first_commands_set_up_and_do_what_they_say():
    first, second = (line for line in blocks("sh")[:2])
    setup = "python3 -m venv .venv && .venv/bin/pip install --quiet "
    assert first.startswith(setup) and second.startswith(setup)
    assert len(first.splitlines()) == len(second.splitlines()) == 1
    assert ".venv/bin/vectormix mix " in first and "-m pytest" in second


TESTED = (
    *("vectormix ", "saved_model_cli ", "python examples/serving/app.py "),
    "pip install ",  # whose extras are looked up below
    *(
        "python benchmarks/batches.py",
        "python benchmarks/films.py",
        "python benchmarks/peers.py",
        "python benchmarks/studio.py",
        "python benchmarks/versus.py",
    ),  # by tests/benchmarks
)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_run_by_a_test_or_by_ci(page):
    lines = commands(page, "")
    if page == "README.md":
        lines = lines[2:]  # which .ci/run runs
    if page == "CONTRIBUTING.md":
        assert set(blocks("sh", page)) <= set(blocks("sh"))
        lines = []
    others = [line for line in lines if not line.startswith(TESTED)]
    assert all(line.startswith("docker ") for line in others)
    if others:  # there is no Docker where tests run
        text = (ROOT / page).read_text(encoding="utf-8")
        assert "not run in CI" in " ".join(text.split())


@pytest.mark.parametrize("page", PAGES)
def test_extras_that_a_page_installs_exist(page):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    text = (ROOT / page).read_text(encoding="utf-8")
    for names in re.findall(r"(?:vectormix_tf|\.)\[([a-z,]+)\]'", text):
        assert set(names.split(",")) <= set(config["options.extras_require"])


# --- Python ---------------------------------------------------------------------------


@pytest.fixture
def restored_statistics():
    """Afterwards the package's tables of statistics are what they were before."""
    importlib.import_module("vectormix_tf.objectives.statistics")
    modules = [m for name, m in sys.modules.items() if name.startswith("vectormix_tf.")]
    tables = [vars(m)["STATISTICS"] for m in modules if "STATISTICS" in vars(m)]
    before = [(table, table.copy()) for table in tables if not isinstance(table, tuple)]
    yield
    for table, copy in before:
        table.clear()
        table.extend(copy) if isinstance(table, list) else table.update(copy)


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_of_readme_runs(block, folder, monkeypatch, restored_statistics):
    import vectormix_tf

    called = set()

    def shrink(name, function):
        def call(*args, **options):
            called.add(name)
            return function(*args, **options | SMALL[name])

        return call

    for name in SMALL:
        small = shrink(name, getattr(vectormix_tf, name))
        monkeypatch.setattr(vectormix_tf, name, small)
    exec(compile(block, "README.md", "exec"), {})
    assert called == {name for name in SMALL if re.search(rf"\b{name}\(", block)}
    assert called


SERVED = blocks("python", "examples/SERVE.md")
STUBS = [block for block in SERVED if "tensorflow_serving" in block]


@pytest.mark.parametrize("block", STUBS)
def test_the_stub_of_serve_md_takes_messages_of_any_size(block, server, monkeypatch):
    import grpc
    from requests_of_toy import PAIR

    made, given, connect = [], [], grpc.insecure_channel

    def to_server(address, options):
        given.extend(options)
        return connect(server.grpc.removeprefix("grpc://"), options)

    monkeypatch.setattr(grpc, "insecure_channel", to_server)
    names = {"photo": PAIR["content_bytes"], "painting": PAIR["style_bytes"]}
    exec(compile(block, "SERVE.md", "exec"), names | {"save": made.append})
    assert made[0].startswith(b"\x89PNG")
    # That these lift the limit, and nothing less, is in tests/server/test_server.py.
    assert dict(given) == {
        "grpc.max_receive_message_length": -1,
        "grpc.max_send_message_length": -1,
    }


@pytest.mark.parametrize("block", [block for block in SERVED if block not in STUBS])
def test_the_python_of_serve_md_runs(block, models, server, monkeypatch, capsys):
    from vectormix_tf import client

    connect, shown = client.connect, []
    monkeypatch.setattr(client, "connect", lambda address: connect(server.grpc))
    picture = models / "small.png"
    with Image.open(models / "photo.jpg") as photo:
        photo.resize((80, 60)).save(picture)
    names = {name: picture.read_bytes() for name in ("photo", "painting")}
    names |= {"client": client, "show": lambda *seen: shown.append(seen[3])}
    names |= {"save": (models / "mix.png").write_bytes}
    with connect(server.grpc) as names["server"]:
        exec(compile(block, "SERVE.md", "exec"), names)
    with Image.open(models / "mix.png") as made:
        assert made.size[0] == 80
    assert shown == ([] if "client.mix(" in block else list(range(5, 61, 5)))


@pytest.mark.filterwarnings("ignore::vectormix_tf.errors.Notice")
@pytest.mark.parametrize(("script", "made"), [("mix", 4), ("dream", 4)])
def test_the_example_scripts_run(script, made, root, folder, capsys):
    path = root / "examples" / f"{script}.py"
    spec = importlib.util.spec_from_file_location(f"example_{script}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    small = {"size": 128, "steps": 2}
    if script == "mix":
        few = MixSettings(f1="mixed0", f2="conv2b,mixed0", **small)
        module.main(settings=few)
    else:
        module.main(**small)
    assert len(list(folder.glob("*.png"))) == made


GIVEN = ["photo.jpg", "painting.jpg"]
PROGRAMS = {
    "mix": (["none.jpg"], "`none.jpg` does not exist"),
    "mix of text": (["photo.jpg", "text.jpg"], "text.jpg"),
    "mix of three": (["photo.jpg"] * 3, "unrecognized arguments"),
    "dream": (["none.jpg"], "`none.jpg` does not exist"),
    "own_objective": (["photo.jpg", "none.jpg", "o.png"], "`none.jpg` does not exist"),
    "own_objective of nothing": ([], "arguments are required"),
    "own_objective onto its photo": (["photo.jpg", "painting.jpg", "photo.jpg"], "inp"),
    "own_objective onto text": (["photo.jpg", "painting.jpg", "text.jpg"], "exists"),
    "own_objective to no picture": (
        ["photo.jpg", "painting.jpg", "o"],
        "must end with",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_mistake_in_the_use_of_an_example_is_one_line_and_no_file(
    arguments, words, root, folder, request, capsys, monkeypatch, restored_statistics
):
    script = request.node.callspec.id.partition(" ")[0]
    (folder / "text.jpg").write_text("text")
    before = sorted(folder.iterdir())
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(root / f"examples/{script}.py"), run_name="__main__")
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"{script}.py: error: ") and words in last
    assert sorted(folder.iterdir()) == before
    assert (folder / "text.jpg").read_text() == "text"


# --- Names in the text ----------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_files_of_the_package_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:tests|vectormix_tf|benchmarks)/[^` <>]*)`", text):
        assert (ROOT / name).exists() or "NAME" in name, name


def flags_of(command):
    values = flags.FlagValues()
    cli_main.load_command(command).define(values)
    return set(values)


def test_flags_that_the_pages_name_exist():
    known = {name for command in cli_main.NAMES for name in flags_of(command)}
    known |= {f"no{name}" for name in known} | {"help", "flagfile", "threads"}
    for page in PAGES:
        if page.startswith("examples/serving"):  # the page has flags of its own
            continue
        text = (ROOT / page).read_text(encoding="utf-8")
        text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)  # these are run
        assert set(re.findall(r"`--(\w+)", text)) <= known, page


def test_films_have_the_other_flags_of_what_they_are_made_of():
    """All but those that the page names: of a single picture, and two of a dream."""
    text = (ROOT / "examples/FILMS.md").read_text(encoding="utf-8")
    of_film, of_sweep, of_zoom = re.findall(
        r"The other\s+flags are those of(.*?)\n\n", text + "\n", re.S
    )
    assert flags_of("mix") - flags_of("film") == set(re.findall(r"--(\w+)", of_film))
    single = set(re.findall(r"--(\w+)", of_sweep))
    assert flags_of("mix") - flags_of("sweep") == single | {"alpha"}
    missing = (single | set(re.findall(r"--(\w+)", of_zoom))) - {"preview"}
    assert flags_of("dream") - flags_of("zoom") == missing


def test_every_heading_of_a_page_with_contents_is_among_them():
    text = (ROOT / "examples/MIX.md").read_text(encoding="utf-8")
    contents = re.findall(r"(?m)^- \[(.*)\]\(#.*\)$", text)
    assert contents == re.findall(r"(?m)^## (.*)$", text)


def test_every_setting_of_a_mix_can_vary_along_a_grid():
    names = {field.name for field in dataclasses.fields(MixSettings)}
    assert set(FLAGS) == (names - {"style_weights"}) | {"content", "style"}


# --- Links ----------------------------------------------------------------------------


def headings(path):
    """Names by which links reach the headings of a page, as GitHub makes them."""
    titles = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_pictures_and_links_of_the_pages_exist(page, root):
    text = (root / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert links or page == "examples/images/SOURCES.md"
    for link in links:
        path, _, heading = link.partition("#")
        target = (root / page).parent / path if path else root / page
        assert target.is_file(), link
        assert not heading or heading in headings(target), link


def test_every_page_and_every_picture_of_the_examples_is_linked_from_a_page(root):
    linked = set()
    for page in PAGES:
        text = (root / page).read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#]+)", text):
            linked.add(((root / page).parent / link).resolve())
    index = (root / "examples/README.md").read_text(encoding="utf-8")
    for path in (root / "examples").glob("*.*"):
        assert path.resolve() in linked, path.name
        if path.suffix in (".md", ".ipynb", ".py") and path.name != "README.md":
            assert f"]({path.name})" in index


@pytest.mark.parametrize(
    ("page", "folder"), [("README.md", ""), ("CONTRIBUTING.md", "vectormix_tf")]
)
def test_the_files_in_which_something_is_added_exist(page, folder, root):
    """Those in the last column of a page's tables."""
    text = (root / page).read_text(encoding="utf-8")
    cells = re.findall(r"(?m)\| ([^|]*) \|$", text)
    paths = {path for cell in cells for path in re.findall(r"`([\w/]+/[\w.]*)`", cell)}
    assert len(paths) >= 5
    for path in paths - {"cli/commands/NAME.py"}:
        assert (root / folder / path).exists(), path


@pytest.mark.parametrize("page", MOST_LINES)
def test_a_page_for_readers_in_a_hurry_is_short(page, root):
    lines = (root / page).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES[page]
