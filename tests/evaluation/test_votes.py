"""Votes: their files, and the count."""

import json
import pathlib

import pytest
from mistakes import refusal

from vectormix_tf.errors import Notice
from vectormix_tf.evaluation import votes
from vectormix_tf.evaluation.votes import Key, Tally

SIDES = {1: "ab", 2: "ba", 3: "ab", 4: "ca"}  # names at the left and at the right
KEY = Key("0f", {n: {"LEFT": x, "RIGHT": y} for n, (x, y) in SIDES.items()})


@pytest.fixture
def voter(tmp_path, monkeypatch):
    """Writes a file of votes; returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name="votes.txt"):
        data = text if isinstance(text, bytes) else text.encode()
        pathlib.Path(name).write_bytes(data)
        return name

    return write


def test_votes_are_read_with_and_without_a_mark_and_a_reason(voter):
    text = "\ufeff# ballot 0f\r\n01 LEFT it's calm\r\n\r\n2  right\r\n"
    text += " 03\tLeft, yes\n004 RIGHT"
    expected = {1: "LEFT", 2: "RIGHT", 3: "LEFT", 4: "RIGHT"}
    assert votes.read_votes(voter(text), KEY) == expected


def test_wins_and_sheets_on_which_voters_disagree_are_counted():
    anna = {1: "LEFT", 2: "RIGHT", 3: "LEFT", 4: "LEFT"}  # a a a c
    ben = {1: "LEFT", 2: "LEFT"}  # a b
    assert votes.count(KEY, [anna, ben]) == [
        Tally(("a", "b"), (4, 1), shared=2, disputed=1),
        Tally(("a", "c"), (0, 1), shared=0, disputed=0),
    ]


def test_a_sheet_without_a_vote_is_told(voter):
    with pytest.warns(Notice, match="no vote on 02, 04"):
        votes.read_votes(voter("1 LEFT\n3 LEFT"), KEY)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("01 LEFT\nLEFT 2\n", ("line 2", "is no vote: LEFT 2")),
        ("01 LEFT\n02\n", ("line 2", "is no vote: 02")),
        ("# a remark", ("line 1", "is no vote")),
        ("-1 LEFT", ("line 1", "is no vote")),
        ("\n05 LEFT", ("line 2", "no sheet 05", "01 to 04")),
        ("0 LEFT", ("no sheet 00",)),
        ("9" * 5000 + " LEFT", ("is no vote",)),
        ("01 both", ("line 1", "both is neither LEFT nor RIGHT")),
        ("01 LEFTY", ("LEFTY is neither",)),
        ("01 LEFT\n02 LEFT\n1 RIGHT", ("line 3", "sheet 01", "line 1")),
        ("# ballot 1e\n01 LEFT", ("line 1", "another ballot")),
        ("", ("has no vote",)),
        ("# ballot 0f\n\n", ("has no vote",)),
        (b"01 LEFT sch\xf6n", ("no text in UTF-8",)),
    ],
)
def test_a_line_that_is_no_vote_is_named(text, words, voter):
    line = refusal(votes.read_votes, voter(text), KEY)
    assert "`votes.txt`" in line and all(word in line for word in words)
    assert len(line) < 200


def test_a_voter_is_counted_once(voter):
    all_left = "\n".join(f"{sheet} LEFT" for sheet in SIDES)
    one, other = voter(all_left), voter(all_left, "other.txt")
    assert len(votes.read_all([one, other], KEY)) == 2
    line = refusal(votes.read_all, [one, other, "./votes.txt"], KEY)
    assert "`./votes.txt` is given twice" in line


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"format": 2}', '{"format": 1, "ballot": "a", "sheets": {"x": {}}}'],
)
def test_a_file_that_is_no_key_is_told(text, voter):
    voter(text, "vote.key.json")
    assert "is no key of this version" in refusal(votes.read_key, "vote")


def test_a_key_is_found_beside_its_folder_however_that_is_written(voter):
    sheets = {str(n): sides for n, sides in KEY.sheets.items()}
    voter(json.dumps({"format": 1, "ballot": "0f", "sheets": sheets}), "vote.key.json")
    assert votes.read_key("vote/") == votes.read_key("./vote") == KEY
    assert "the key of the ballot `no.key.json`" in refusal(votes.read_key, "no")
