"""Flags that are paths: home folders, in every flag and every command."""

import os

import pytest
from absl import flags
from cli_cases import DREAM, GRID, MIX, PAIR, SWEEP, ZOOM, picture, refused, succeeds
from mistakes import refusal

from vectormix_tf.cli.flags import mix_inputs
from vectormix_tf.cli.main import NAMES, load_command
from vectormix_tf.cli.paths import PathParser, expanded

# Flags whose values are texts, but no paths.
NO_PATHS = {
    "size", "backbone", "pooling", "precision", "tile", "objective", "guide_mode",
    "preset", "f1", "f2", "statistic", "color", "chroma", "loss", "optimizer", "canvas",
    "amplify", "server", "layers", "easing", "shift", "alphas", "key", "rows",
    "columns", "octave_mode", "layer", "channels", "class", "name", "host", "sizes",
    "precisions", "database", "filter", "public_url", "format", "ray",
}  # fmt: skip
# Of these one command has a path, and another one something else.
BOTH = {("vote", "rows")}


@pytest.fixture
def home(folder, monkeypatch):
    """The home folder, which is not the current one."""
    path = folder.parent / "home"
    path.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(path))
    return path


def flags_of(name):
    values = flags.FlagValues()
    load_command(name).define(values)
    return values


def test_a_home_folder_is_found_at_the_start_of_a_path_only(home):
    for path in ("a.png", "./~/a.png", "a/~", "", "a~b.png", "~a.png", "~$a.docx"):
        assert expanded(path) == path
    assert expanded("~") == str(home)
    assert expanded("~/a.png") == f"{home}/a.png"
    assert expanded("~/*/a b.png:0.5") == f"{home}/*/a b.png:0.5"


@pytest.mark.skipif(os.name == "nt", reason="Windows guesses where it is")
def test_the_home_folder_of_another_user_is_found_or_it_is_one_line(folder):
    import pwd

    user = pwd.getpwuid(os.getuid())
    assert expanded(f"~{user.pw_name}/a.png") == os.path.join(user.pw_dir, "a.png")
    said = refusal(expanded, "~no.such.user/a.png")
    assert said.startswith("~no.such.user is nobody's") and "whole path" in said
    (folder / "~no.such.user").mkdir()  # then it is a folder
    assert expanded("~no.such.user/a.png") == "~no.such.user/a.png"


@pytest.mark.parametrize("command", NAMES)
def test_every_flag_is_a_path_or_known_to_be_none(command):
    """A new flag of paths must not be forgotten."""
    texts = (flags.ArgumentParser, flags.WhitespaceSeparatedListParser)
    values = flags_of(command)
    for name in values:
        if isinstance(values[name].parser, PathParser):
            assert name not in NO_PATHS or (command, name) in BOTH
        elif type(values[name].parser) in texts:
            assert name in NO_PATHS, name


@pytest.mark.parametrize("command", ["mix", "sweep", "grid"])
def test_pictures_of_a_mix_may_be_in_the_home_folder(command, home):
    values = flags_of(command)
    names = ("mask", "guide", "init", "weights")
    values(
        ["x", "--content=~/c.png", "--style=~/a.png:0.5", "--style=~/b.png"]
        + ["--style_mask=~/m.png", "--init=noise"]
        + [f"--{name}=~/{name}" for name in names]
    )
    for name in names:
        assert values[name].value == f"{home}/{name}"
    values = flags_of(command)
    values(["x", "--content=~/c.png", "--style=~/a.png:0.5", "--style=~/b.png"])
    pictures, options = mix_inputs(values)
    assert pictures["content"] == f"{home}/c.png"
    assert pictures["style"] == [f"{home}/a.png", f"{home}/b.png"]
    assert options["style_weights"] == [0.5, 1.0]


def test_values_that_only_look_like_paths_stay(home):
    values = flags_of("mix")
    values(["x", "--weights=bundled", "--init=noise"])
    assert (values.weights, values.init) == ("bundled", "noise")


@pytest.mark.parametrize(
    "argv",
    [MIX, DREAM, GRID + ["--rows=alpha", "--row=0.2"], ZOOM, SWEEP],
    ids=lambda argv: argv[0],
)
@pytest.mark.parametrize("place", ["~/no/x.png", "~/no/x.webp", "~no.user/x.png"])
def test_no_error_proposes_to_make_a_folder_called_tilde(
    argv, place, capsys, folder, home
):
    line = refused(capsys, folder, [*argv, f"--output={place}"])
    assert "`~" not in line
    if argv[0] in ("mix", "dream", "grid") and place.endswith("no/x.png"):
        assert f"`{home / 'no'}` does not exist; make it" in line


def test_an_export_below_a_file_is_one_line_before_the_graphs(capsys, folder):
    line = refused(capsys, folder, ["export", "--output=photo.png/models"])
    assert "photo.png` is not a folder; name another" in line


def test_a_run_reads_from_and_writes_to_the_home_folder(capsys, folder, home):
    picture(3).save(home / "photo.png")
    (home / "my.flags").write_text(
        "--image=~/photo.png\n--output=~/out.png\n--manifest=~/run.json\n"
    )
    quick = ["--size=80", "--steps=1", "--octaves=1", "--layers=conv2a"]
    succeeds(capsys, ["dream", "--flagfile=~/my.flags", *quick])
    assert {"out.png", "run.json"} <= {*os.listdir(home)}
    assert not (folder / "~").exists()


def test_a_row_of_a_grid_is_a_folder_or_a_glob_in_the_home_folder(home, folder):
    from vectormix_tf.cli.commands.grid import _axis

    (home / "photos").mkdir()
    hidden = ("._b.jpg", ".DS_Store", "Thumbs.db", ".hidden.png")
    for name in ("b.jpg", "a.png", *hidden):
        (home / "photos" / name).write_bytes(b"")
    for place in ("~/photos", "~/photos/*", "~/photos/[ab].*"):
        values = flags_of("grid")
        values(["x", "--rows=content", f"--row={place}"])
        axis = _axis(values, "row")
        assert axis.values == [
            ("content=a", f"{home}/photos/a.png"),
            ("content=b", f"{home}/photos/b.jpg"),
        ]


@pytest.mark.parametrize("place", ["only", "only/*", "only/.*"])
def test_a_folder_of_companions_alone_holds_no_picture(place, capsys, folder):
    (folder / "only").mkdir()
    (folder / "only" / "._photo.png").write_bytes(b"")
    argv = ["grid", PAIR[1], "--output=out.png", "--rows=content", f"--row={place}"]
    assert "holds no picture" in refused(capsys, folder, argv)
