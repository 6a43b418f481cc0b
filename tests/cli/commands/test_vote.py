"""`vectormix vote`."""

import json
import os
import pathlib

from cli_cases import (
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    folder_named,
    holds,
    succeeds,
)
from PIL import Image

ROW = b"photo.png\tpainting.png\tplain\tphoto.png\tmine\tpainting.png\n"
SIDES = {str(n): {"LEFT": "plain", "RIGHT": "mine"} for n in (1, 2)}
KEY = json.dumps({"format": 1, "ballot": "0f", "sheets": SIDES}).encode()
MAKE = ["vote", "--rows=rows.tsv", "--output=vote"]
COUNT = ["vote", "--count=vote"]


def files(**contents):
    """Prepares files; `__` in a name stands for a dot."""

    def prepare(folder, patch):
        for name, data in contents.items():
            holds(name.replace("__", "."), data)(folder, patch)

    return prepare


def own_mistakes():
    rows, key = files(rows__tsv=ROW), files(vote__key__json=KEY)
    lone = files(rows__tsv=ROW.replace(b"photo", b"no", 1))
    voted = {"vote__key__json": KEY}
    cases = [
        ("nothing", ["vote"], ("--rows or --count is missing",)),
        ("rows", MAKE, ("file `rows.tsv` does not exist",)),
        ("output", MAKE[:2], ("--output is missing",), rows),
        ("columns", MAKE, ("line 1", "2 columns"), files(rows__tsv=b"a\tb")),
        ("no picture", MAKE, ("`rows.tsv`, line 1: content", "no.png"), lone),
        ("large", [*MAKE, "--max_pixels=99"], ("line 1", "--max_pixels"), rows),
        ("seed", [*MAKE, "--seed=-1"], ("--seed must be in",), rows),
        ("a folder", [*MAKE, "--output=no/x"], ("`no` does not exist",), rows),
        ("a file", [*MAKE, "--output=photo.png"], ("is a file",), rows),
        ("here", [*MAKE, "--output=."], ("no name of a new folder",), rows),
        (
            "key",
            MAKE,
            ("key `vote.key.json` exists", "--overwrite"),
            lambda *given: (rows(*given), key(*given)),
        ),
        ("votes", [*MAKE, "votes.txt"], ("unexpected `votes.txt`", "--count"), rows),
        ("count and rows", [*COUNT, MAKE[1]], ("leave --rows out",)),
        ("count and output", [*COUNT, MAKE[2]], ("leave --output out",)),
        ("no votes", COUNT, ("which votes?", "--count=FOLDER VOTES.txt"), key),
        ("empty count", ["vote", "--count=", "a.txt"], ("--count is missing",)),
        ("no key", [*COUNT, "a.txt"], ("key of the ballot `vote.key.json`",)),
        ("no file", [*COUNT, "a.txt"], ("`a.txt` does not exist",), key),
        (
            "folder",
            [*COUNT, "sub"],
            ("`sub` cannot be read",),
            lambda *given: (key(*given), folder_named("sub")(*given)),
        ),
        ("empty", [*COUNT, "a.txt"], ("has no vote",), files(a__txt=b"", **voted)),
        (
            "bad",
            [*COUNT, "a.txt"],
            ("line 2", "neither LEFT nor RIGHT"),
            files(a__txt=b"1 LEFT\n2 both", **voted),
        ),
        (
            "twice",
            [*COUNT, "a.txt", "a.txt"],
            ("is given twice",),
            files(a__txt=b"1 LEFT\n2 LEFT", **voted),
        ),
    ]
    for name, argv, words, *prepare in cases:
        yield Mistake(f"vote: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_a_ballot_is_made_and_its_votes_are_counted(capsys, folder):
    (folder / "in").mkdir()
    row = ROW.replace(b"photo", b"../photo").replace(b"painting", b"../painting")
    (folder / "in/rows.tsv").write_bytes(row * 2)
    out, err = succeeds(capsys, ["vote", "--rows=in/rows.tsv", "--output=a b/"])
    assert not err and "vectormix vote '--count=a b' VOTES.txt" in out
    key = json.loads(pathlib.Path("a b.key.json").read_text("utf-8"))
    assert sorted(os.listdir("a b")) == ["01.png", "02.png", "ballot.html"]
    for voter, wanted in (("anna", ["plain", "plain"]), ("ben", ["mine", "plain"])):
        lines = [
            f"{number} {side}\n"
            for (number, names), name in zip(key["sheets"].items(), wanted, strict=True)
            for side in names
            if names[side] == name
        ]
        (folder / f"{voter}.txt").write_text("".join(lines))
    out, err = succeeds(capsys, ["vote", "--count=a b", "anna.txt", "ben.txt"])
    assert out == "mine 1 : 3 plain; voters disagreed on 1 of 2 sheets\n" and not err
    (folder / "carl.txt").write_text("02 LEFT")
    out, (line,) = succeeds(capsys, ["vote", "--count=a b", "carl.txt"])
    assert out.endswith("plain; no sheet has the votes of two voters\n")
    assert line == "vectormix: notice: `carl.txt` has no vote on 01."


def test_another_seed_and_overwrite_make_another_ballot(capsys, folder, monkeypatch):
    blank = Image.new("RGB", (9, 9))  # for speed
    monkeypatch.setattr("vectormix_tf.evaluation.ballot._sheet", lambda *_: blank)
    (folder / "rows.tsv").write_bytes(ROW * 9)
    sides = []
    for flags in ([], ["--overwrite"], ["--overwrite", "--seed=1"]):
        succeeds(capsys, [*MAKE, *flags])
        sides.append(pathlib.Path("vote.key.json").read_text("utf-8"))
    assert sides[0] == sides[1] != sides[2]


def test_the_help_of_vote_lists_its_own_flags(capsys):
    assert set(flags_of(capsys, "vote")) == {
        *("rows", "output", "overwrite", "seed", "count", "max_pixels"),
        *("flagfile", "threads"),
    }
