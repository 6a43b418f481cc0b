"""Ballots: rows, sheets, sides drawn by lot, and the key beside the folder."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from mistakes import full_disk, refusal
from PIL import Image

from vectormix_tf.evaluation import ballot

COLORS = {"photo": 60, "painting": 120, "plain": 180, "mine": 240}


@pytest.fixture
def rows(tmp_path, monkeypatch):
    """Path of a file with four rows, beside its pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ballot, "LARGE", 180)  # for speed
    monkeypatch.setattr(ballot, "SMALL", 75)
    (tmp_path / "in").mkdir()
    for name, gray in COLORS.items():
        Image.new("RGB", (96, 64), (gray,) * 3).save(tmp_path / f"in/{name}.png")
    row = "photo.png\tpainting.png\tplain\tplain.png\tmine\tmine.png\n"
    (tmp_path / "in/rows.tsv").write_text("\ufeff" + row * 2 + "\n" + row * 2, "utf-8")
    return Path("in/rows.tsv")


def make(rows, folder="vote", seed=0, overwrite=False):
    pairs = ballot.read_rows(str(rows))
    ballot.check(folder, pairs, str(rows), overwrite)
    ballot.write(folder, ballot.draw(pairs, seed), overwrite)
    return key_of(folder)


def key_of(folder):
    return json.loads(Path(f"{folder}.key.json").read_text("utf-8"))


def test_the_key_says_which_picture_is_on_which_side_of_a_sheet(rows):
    key = make(rows)
    for number, names in key["sheets"].items():
        with Image.open(f"vote/{int(number):02}.png") as sheet:
            row = np.asarray(sheet.convert("L"))[sheet.height // 2]
        # From left to right: the small pictures are above and below the middle.
        large = [gray for gray in row if (row == gray).sum() == ballot.LARGE]
        assert large[0] == COLORS[names["LEFT"]]
        assert large[-1] == COLORS[names["RIGHT"]]
    assert sorted(os.listdir("vote")) == [
        *(f"0{number}.png" for number in (1, 2, 3, 4)),
        "ballot.html",
    ]


def test_nothing_in_the_folder_tells_the_sides(rows):
    text = rows.read_text("utf-8-sig").replace("plain\t", "way-one\t")
    rows.write_text(text.replace("mine\t", "way-two\t"), "utf-8")
    key = make(rows)
    assert {"LEFT", "RIGHT"} == set(key["sheets"]["1"])
    for path in Path("vote").iterdir():
        data = path.read_bytes()
        for word in (b"way-one", b"way-two", b"plain.png", b"mine.png", b"rows.tsv"):
            assert word not in data
    sheets = sorted(Path("vote").glob("*.png"), key=os.path.getsize)
    with Image.open(sheets[0]) as sheet:
        assert set(sheet.info) <= {"icc_profile"}


def test_the_lot_is_the_same_for_a_seed_and_fair_over_many_rows(rows):
    pairs = ballot.read_rows(str(rows))[:1] * 400
    numbered = [pair._replace(label=str(i)) for i, pair in enumerate(pairs)]
    drawn = ballot.draw(numbered, 0)
    assert drawn == ballot.draw(numbered, 0) != ballot.draw(numbered, 1)
    assert 160 < sum(pair.names[0] == "mine" for pair in drawn) < 240
    assert [int(pair.label) for pair in drawn] != sorted(range(400))
    assert sorted(int(pair.label) for pair in drawn) == list(range(400))
    for pair in drawn:  # a name moves with its picture
        assert [os.path.basename(path)[:-4] for path in pair.mixes] == [*pair.names]


def test_the_lot_of_other_pairs_is_another_one(rows):
    pairs = ballot.read_rows(str(rows))[:1] * 40
    others = [pair._replace(names=("plain", "yours")) for pair in pairs]
    sides = [
        [pair.names[0] == "plain" for pair in ballot.draw(each, 0)]
        for each in (pairs, others)
    ]
    assert sides[0] != sides[1]


def test_a_ballot_is_replaced_only_on_demand_and_then_wholly(rows):
    first = make(rows)
    pairs = ballot.read_rows(str(rows))
    assert "set `overwrite`" in refusal(ballot.check, "vote", pairs, str(rows), False)
    rows.write_text("\n".join(rows.read_text("utf-8").splitlines()[:2]), "utf-8")
    second = make(rows, overwrite=True)
    assert sorted(os.listdir("vote")) == ["01.png", "02.png", "ballot.html"]
    assert second["ballot"] != first["ballot"] and len(second["sheets"]) == 2
    assert sorted(os.listdir(".")) == ["in", "vote", "vote.key.json"]


def test_a_folder_with_other_files_is_never_replaced(rows):
    make(rows)
    Path("vote/votes.txt").touch()
    line = refusal(ballot.check, "vote", ballot.read_rows(str(rows)), str(rows), True)
    assert "has other files" in line and os.path.join("vote", "votes.txt") in line


def test_an_input_in_the_folder_is_not_lost(rows):
    make(rows)
    text = rows.read_text("utf-8").replace("mine.png", "../vote/01.png")
    rows.write_text(text, "utf-8")
    line = refusal(ballot.check, "vote", ballot.read_rows(str(rows)), str(rows), True)
    assert "also an input" in line


@pytest.mark.parametrize("folder", [".", "..", "in/rows.tsv", "no/vote", "/"])
def test_a_folder_that_cannot_be_written_is_one_line(folder, rows):
    assert refusal(ballot.check, folder, ballot.read_rows(str(rows)), str(rows), True)


def test_a_full_disk_leaves_what_was_there(rows):
    first = make(rows)
    before = Path("vote/01.png").read_bytes()
    drawn = ballot.draw(ballot.read_rows(str(rows)), 1)
    with full_disk():
        assert "No space left" in refusal(ballot.write, "vote", drawn, True)
    assert Path("vote/01.png").read_bytes() == before
    assert key_of("vote") == first
    assert sorted(os.listdir(".")) == ["in", "vote", "vote.key.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_without_its_key_there_is_no_new_ballot(overwrite, rows, monkeypatch):
    if overwrite:
        first = make(rows)
    drawn = ballot.draw(ballot.read_rows(str(rows)), 1)
    write_bytes = ballot.output.write_bytes

    def fails(path, *arguments):
        if path.endswith(ballot.KEY_ENDING):
            raise OSError("no")
        write_bytes(path, *arguments)

    monkeypatch.setattr(ballot.output, "write_bytes", fails)
    assert "could not write" in refusal(ballot.write, "vote", drawn, overwrite)
    left = ["in", "vote", "vote.key.json"] if overwrite else ["in"]
    assert sorted(os.listdir(".")) == left
    if overwrite:
        text = Path("vote/ballot.html").read_text("utf-8")
        assert first["ballot"] in text


ROW = "photo.png\tpainting.png\tplain\tplain.png\tmine\tmine.png"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{ROW}\n\na\tb\n", ("line 3", "2 columns", "6 columns, separated by tabs")),
        (ROW.replace("\t", " "), ("line 1", "1 columns")),
        (f"{ROW}\tmore", ("line 1", "7 columns")),
        (ROW.replace("\tplain\t", "\t \t"), ("line 1", "name A is empty")),
        (ROW.replace("\tmine\t", "\tplain\t"), ("line 1", "both", "'plain'")),
        (ROW.replace("mine.png", "plain.png"), ("line 1", "both pictures are")),
        ("\n \n", ("has no row",)),
        (b"\xff\xfep\0", ("no text in UTF-8",)),
    ],
)
def test_a_wrong_row_is_one_line_that_names_it(text, words, rows):
    data = text if isinstance(text, bytes) else text.encode()
    rows.write_bytes(data)
    line = refusal(ballot.read_rows, str(rows))
    assert "in/rows.tsv" in line and all(word in line for word in words)


@pytest.mark.parametrize("path", ["none.tsv", "in", "a\0b"])
def test_a_file_of_rows_that_cannot_be_read_is_one_line(path, rows):
    assert "file `" in refusal(ballot.read_rows, path)


@pytest.mark.parametrize(
    ("name", "what"), [("photo", "content picture"), ("mine", "picture")]
)
def test_a_missing_picture_is_named_with_its_row_and_nothing_is_left(name, what, rows):
    os.rename(f"in/{name}.png", "in/gone.png")
    drawn = ballot.draw(ballot.read_rows(str(rows))[3:], 0)
    line = refusal(ballot.write, "vote", drawn)
    path = os.path.join("in", f"{name}.png")
    assert f"`in/rows.tsv`, line 5: {what} `{path}` does not exist" in line
    assert os.listdir(".") == ["in"]


def test_pictures_of_any_size_are_shown_as_large_and_clear_ones_on_white(rows):
    image = Image.new("RGBA", (40, 20), (9, 9, 9, 0))
    image.paste((0, 0, 0, 255), (0, 0, 20, 20))
    image.save("in/mine.png")
    (drawn,) = ballot.draw(ballot.read_rows(str(rows))[:1], 0)
    ballot.write("vote", [drawn])
    with Image.open("vote/01.png") as sheet:
        assert sheet.width >= 2 * ballot.LARGE + ballot.SMALL
        middle = np.asarray(sheet.convert("L"))[sheet.height // 2]
    # Its left half is clear; Lanczos blurs the edge between them.
    assert (middle < 30).sum() == pytest.approx(ballot.LARGE // 2, abs=9)
