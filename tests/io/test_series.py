"""Series: folders that go on where they stopped, and those that must not."""

import json
import os

import pytest
from mistakes import die_at_write, full_disk, refusal

from vectormix_tf.errors import OutputError
from vectormix_tf.io import output
from vectormix_tf.io.names import readable
from vectormix_tf.io.series import MANIFEST, Series

ITEMS = {
    f"{i}.png": {"steps": 2, "alpha": alpha, "layers": ("a", "b")}
    for i, alpha in enumerate([0.0, 0.5, 1.0])
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a photo in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"photo")
    return tmp_path


def series(
    where="out", items=ITEMS, command="sweep", about=None, overwrite=False, inputs=None
):
    about = {"pictures": len(items)} if about is None else about
    inputs = ["photo.png"] if inputs is None else inputs
    return Series(where, command, about, items, inputs, overwrite)


def made(**options):
    """A series that has made two of its three pictures."""
    it = series(**options)
    it.begin()
    for name in it.names[:2]:
        it.add(name, f"bytes of {name}".encode())
    return it


def there(it):
    return [name for name in it.names if it.has(name)]


def listed(folder):
    return sorted(os.listdir(folder / "out"))


def test_nothing_is_written_before_it_begins(folder):
    it = series()
    assert os.listdir(folder) == ["photo.png"] and there(it) == []
    it.begin()
    assert listed(folder) == [MANIFEST]
    it.begin()  # a folder that is there is as good


def test_the_same_series_goes_on_where_it_stopped(folder):
    made()
    again = series()
    assert there(again) == ["0.png", "1.png"]
    again.begin()
    assert there(series()) == ["0.png", "1.png"]
    again.add("2.png", b"last")
    assert there(again) == there(series()) == [*ITEMS]
    assert listed(folder) == sorted([*ITEMS, MANIFEST])


@pytest.mark.parametrize(
    "name", ["bad\udcff.png", "new\nline\0.png", "中文 é ש.png"], ids=ascii
)
def test_files_of_any_name_can_be_inputs_and_the_series_goes_on(name, folder):
    items = {"1.png": {"style": name}, "2.png": {"style": "b.png"}}
    assert there(made(items=items)) == ["1.png", "2.png"]
    assert there(series(items=items)) == ["1.png", "2.png"]
    record = json.loads((folder / "out" / MANIFEST).read_bytes())
    assert record["pictures"]["1.png"]["settings"]["style"] == readable(name)


def test_the_manifest_says_what_each_picture_is_made_with(folder):
    made()
    record = json.loads((folder / "out" / MANIFEST).read_text("utf-8"))
    assert record["command"] == {"command": "sweep"}
    assert record["common"] == {"steps": 2, "layers": ["a", "b"]}
    own = [picture["settings"] for picture in record["pictures"].values()]
    assert own == [{"alpha": 0.0}, {"alpha": 0.5}, {"alpha": 1.0}]
    assert [*record["inputs"]] == ["photo.png"]
    assert {"vectormix_tf", "tensorflow", "keras"} <= set(record["versions"])
    sums = [picture["sha256"] for picture in record["pictures"].values()]
    assert [len(value or "") for value in sums] == [64, 64, 0]


@pytest.mark.parametrize("damage", [b"", b"bytes of 1.pn", b"else"])
def test_a_half_or_damaged_picture_is_made_again(damage, folder):
    made()
    (folder / "out/1.png").write_bytes(damage)
    again = series()
    assert there(again) == ["0.png"]
    again.begin()
    again.add("1.png", b"bytes of 1.png")
    assert there(series()) == ["0.png", "1.png"]


def test_a_picture_that_is_gone_is_made_again(folder):
    made()
    (folder / "out/0.png").unlink()
    assert there(series()) == ["1.png"]


@pytest.mark.parametrize("moment", range(1, 7))
def test_a_series_that_is_killed_at_any_write_goes_on(moment, folder, monkeypatch):
    """Each write in turn is the one that does not happen."""
    die_at_write(moment, monkeypatch)
    with pytest.raises(SystemExit):
        it = made()
        it.add("2.png", b"last")
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    again = series()
    for name in there(again):
        assert (folder / "out" / name).read_bytes() == f"bytes of {name}".encode()
    again.begin()
    for name in ITEMS:
        if not again.has(name):
            again.add(name, b"made again")
    assert there(series()) == [*ITEMS]


def test_a_full_disk_is_one_line_and_the_series_goes_on(folder):
    it = made()
    with full_disk():
        assert "free some space" in refusal(it.add, "2.png", b"last, of some bytes")
    assert there(series()) == ["0.png", "1.png"]


# --- What must not go on --------------------------------------------------------------


@pytest.mark.parametrize(
    "options, told",
    [
        ({"command": "grid"}, "command=sweep (now grid)"),
        ({"about": {"pictures": 4}}, "pictures=3 (now 4)"),
        (
            {"items": {name: own | {"steps": 3} for name, own in ITEMS.items()}},
            "steps=2 (now 3)",
        ),
        (
            {"items": ITEMS | {"1.png": ITEMS["1.png"] | {"alpha": 0.4}}},
            "alpha=0.5 (now 0.4)",
        ),
        (
            {"items": {f"x{name}": own for name, own in ITEMS.items()}},
            "steps=unknown (now 2)",
        ),
    ],
    ids=["command", "about", "steps", "alpha", "names"],
)
def test_another_series_is_refused_and_the_difference_named(options, told, folder):
    made()
    before = (folder / "out" / MANIFEST).read_bytes()
    text = refusal(series, **options)
    assert "`out` was made with" in text and told in text
    assert "`overwrite`" in text and "`output`" in text
    assert text.count("(now") <= 3
    assert (folder / "out" / MANIFEST).read_bytes() == before
    assert listed(folder) == ["0.png", "1.png", MANIFEST]


def test_an_input_of_other_bytes_is_refused(folder):
    made()
    (folder / "photo.png").write_bytes(b"another")
    assert "made with another photo.png; use the same files" in refusal(series)


def test_another_version_is_refused(folder):
    made()
    file = folder / "out" / MANIFEST
    record = json.loads(file.read_text())
    record["versions"]["tensorflow"] = "0.0"
    file.write_text(json.dumps(record))
    assert "tensorflow=0.0 (now " in refusal(series)


def test_files_of_somebody_else_are_refused(folder):
    (folder / "out").mkdir()
    (folder / "out/other.png").write_bytes(b"theirs")
    series()  # a name that is never written
    (folder / "out/1.png").write_bytes(b"theirs")
    text = refusal(series)
    assert f"`{os.path.join('out', '1.png')}` exists and is not part of this" in text
    (folder / "out/1.png").unlink()
    made()
    (folder / "out/2.png").write_bytes(b"theirs")  # not made yet
    assert "2.png" in refusal(series)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": 2}',
        '"pictures": []',
        '"format": 2',
        '"common": 1',
        '"pictures": {"../a.png": {"settings": {}, "sha256": "0"}}',
        '"pictures": {"1.png": {"settings": {}}}',
        '"pictures": {"1.png": {"settings": null, "sha256": null}}',
    ],
)
def test_what_is_no_manifest_is_refused_and_may_be_overwritten(text, folder):
    made()
    file = folder / "out" / MANIFEST
    if isinstance(text, str):
        record = json.loads(file.read_text()) | json.loads(f"{{{text}}}")
        text = json.dumps(record).encode()
    file.write_bytes(text)
    line = refusal(series)
    assert MANIFEST in line and "no manifest" in line and "`overwrite`" in line
    assert file.read_bytes() == text
    made(overwrite=True)
    assert there(series()) == ["0.png", "1.png"]


def test_an_input_is_never_written_or_cleared_away(folder):
    made()
    for name in ("0.png", "2.png", MANIFEST):
        line = refusal(series, inputs=[f"out/{name}"], overwrite=True)
        assert f"{name}` is also an input" in line
    short = {name: ITEMS[name] for name in ("0.png",)}  # 1.png is of the one before
    assert "1.png` is also" in refusal(
        series, items=short, inputs=["out/1.png"], overwrite=True
    )
    assert listed(folder) == ["0.png", "1.png", MANIFEST]


def test_a_folder_that_cannot_be_one_is_one_line(folder):
    assert "`photo.png` is a file" in refusal(series, where="photo.png", inputs=[])
    assert "`no` does not exist" in refusal(series, where="no/out")
    (folder / "out/0.png").mkdir(parents=True)
    assert "0.png` is no file name" in refusal(series)


# --- Anew -----------------------------------------------------------------------------


def test_overwrite_starts_anew_and_clears_away_what_was(folder):
    made()
    (folder / "out/other.png").write_bytes(b"theirs")
    items = {"0.png": ITEMS["0.png"] | {"steps": 9}}
    it = series(items=items, overwrite=True)
    assert listed(folder) == ["0.png", "1.png", "other.png", MANIFEST]
    assert there(it) == []
    it.begin()
    assert listed(folder) == ["other.png", MANIFEST]
    it.add("0.png", b"new")
    assert there(series(items=items)) == ["0.png"]


def test_until_the_first_picture_overwrite_loses_nothing(folder):
    made()
    before = {name: (folder / "out" / name).read_bytes() for name in listed(folder)}
    it = series(items={"0.png": ITEMS["0.png"] | {"steps": 9}}, overwrite=True)
    after = {name: (folder / "out" / name).read_bytes() for name in listed(folder)}
    assert after == before and len(there(series())) > 0
    it.add("0.png", b"new")
    assert listed(folder) == ["0.png", MANIFEST]


def test_the_first_picture_makes_the_folder(folder):
    it = series()
    assert not (folder / "out").exists()
    it.add("0.png", b"one")
    assert listed(folder) == ["0.png", MANIFEST]


def test_overwrite_takes_over_files_of_the_same_names(folder):
    (folder / "out").mkdir()
    (folder / "out/1.png").write_bytes(b"theirs")
    made(overwrite=True)
    assert (folder / "out/1.png").read_bytes() == b"bytes of 1.png"


# --- What is made of them -------------------------------------------------------------


def test_a_product_is_known_by_its_bytes(folder):
    it = made()
    assert not it.owns("sheet.png")
    it.write_product("sheet.png", b"one")
    assert it.owns("sheet.png") and series().owns("sheet.png")
    it.write_product("sheet.png", b"two")
    assert (folder / "sheet.png").read_bytes() == b"two"
    again = series()
    again.begin()
    again.add("2.png", b"last")
    assert series().owns("sheet.png") and not series().owns("photo.png")
    (folder / "sheet.png").write_bytes(b"theirs")
    assert not series().owns("sheet.png")


def test_a_kill_between_manifest_and_product_leaves_both_known(folder, monkeypatch):
    it, write = made(), output.write_bytes
    it.write_product("sheet.png", b"one")

    def die(path, data, overwrite):
        if path == "sheet.png":
            raise SystemExit
        write(path, data, overwrite)

    monkeypatch.setattr(output, "write_bytes", die)
    for data in (b"two", b"three"):
        with pytest.raises(SystemExit):
            series().write_product("sheet.png", data)
        assert series().owns("sheet.png")


def test_a_folder_that_cannot_be_made_is_an_output_error(folder):
    it = series()
    with open("out", "w"):
        pass
    with pytest.raises(OutputError, match="could not prepare `out`"):
        it.begin()
