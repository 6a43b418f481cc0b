"""`vectormix compare`."""

import json

import pytest
from cli_cases import (
    PAIR,
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    folder_named,
    holds,
    picture,
    succeeds,
    use_jax,
)
from PIL import Image

import vectormix_tf
from vectormix_tf.evaluation import patches
from vectormix_tf.evaluation.comparison import COLUMNS

GIVEN = ["compare", *PAIR]


def own_mistakes():
    rows = [
        ("no mix", GIVEN, ("which pictures?", "vectormix compare --content=PHOTO")),
        ("no content", ["compare", PAIR[1], "photo.png"], ("--content is missing",)),
        ("no style", ["compare", PAIR[0], "photo.png"], ("--style is missing",)),
        ("missing file", [*GIVEN, "photo.png", "no.png"], ("`no.png` does not exist",)),
        ("missing style", [*GIVEN, "photo.png", "--style=no.png"], ("`no.png`",)),
        ("folder", [*GIVEN, "sub"], ("is a folder",), folder_named("sub")),
        ("text", [*GIVEN, "x.jpg"], ("no picture",), holds("x.jpg", b"hello" * 99)),
        ("large", [*GIVEN, "photo.png", "--max_pixels=99"], ("--max_pixels",)),
        ("size", [*GIVEN, "photo.png", "--size=74"], ("--size must be in [75, 2048]",)),
        ("words", [*GIVEN, "photo.png", "--size=all"], ("--size=all",)),
        (
            "narrow",
            [*GIVEN, "wide.png"],
            ("`wide.png` would be 512 x 41 pixels", "larger --size, at least 9"),
            lambda folder, _: picture(1, 80, 1000).save(folder / "wide.png"),
        ),
        (
            "small",
            [*GIVEN, "small.png"],
            ("`small.png` is 90 x 60 pixels", "75 a side"),
            lambda folder, _: picture(1, 60, 90).save(folder / "small.png"),
        ),
        ("flag of others", [*GIVEN, "photo.png", "--alpha=1"], ("Unknown", "alpha")),
        ("backend", [*GIVEN, "photo.png"], ("KERAS_BACKEND is 'jax'",), use_jax),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"compare: {name}", argv, words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


@pytest.fixture(autouse=True)
def few_patches(monkeypatch):
    """Fewer than usual, for speed."""
    monkeypatch.setattr(patches, "COUNT", 150)
    monkeypatch.setattr(patches, "STYLE_COUNT", 600)


def test_the_json_of_compare_are_the_numbers_of_python(capsys, folder):
    argv = [*GIVEN, "photo.png", "--size=80"]
    out, err = succeeds(capsys, [*argv, "--json"])
    (record,) = map(json.loads, out.splitlines())
    assert record.pop("picture") == "photo.png" and not err
    (row,) = vectormix_tf.compare("photo.png", "painting.png", "photo.png", size=80)
    assert record == pytest.approx(row) and list(record) == list(COLUMNS)


def test_the_table_has_a_line_for_each_picture_and_aligned_columns(
    capsys, folder, monkeypatch
):
    first = dict.fromkeys(COLUMNS, 0.126) | {"gate": False, "rho0": -0.004}
    second = dict.fromkeys(COLUMNS, -12345.6) | {"gate": True}
    monkeypatch.setattr(
        "vectormix_tf.cli.commands.compare.compare_each", lambda _: [first, second]
    )
    Image.new("RGB", (80, 80), "red").save("größe.png")
    out, err = succeeds(capsys, [*GIVEN, "photo.png", "größe.png", "--size=80"])
    assert not err
    lines = out.splitlines()
    assert lines[0].split() == ["picture", *COLUMNS]
    assert len({len(line) for line in lines}) == 1
    cells = dict(zip(["picture", *COLUMNS], lines[1].split(), strict=True))
    signed = [f"rho{i}" for i in (1, 2, 3)] + [f"e{i}" for i in range(4)] + ["coh"]
    assert {cells[name] for name in signed} == {"+0.13"} and cells["rho0"] == "-0.00"
    assert {cells[name] for name in ("R", "nn1", "blotch", "chroma")} == {"0.13"}
    assert [cells[name] for name in ("picture", "gate")] == ["photo.png", "no"]
    assert [cells[name] for name in ("grid", "style", "content")] == [
        *("0.1", "0.126", "0.126")
    ]
    assert lines[2].split()[:3] == ["größe.png", "-12345.60", "yes"]


def test_the_help_of_compare_lists_its_own_flags_and_every_column(capsys):
    assert set(flags_of(capsys, "compare")) == {
        *("content", "style", "size", "json", "max_pixels", "flagfile", "threads")
    }
    out, _ = succeeds(capsys, ["compare", "--help"])
    lines = out.splitlines()
    for name, text in COLUMNS.items():
        assert f"  {name:8}{text}" in lines
    flattered = [line for line in lines if "flatters" in line]
    assert len(flattered) == 1 and flattered[0].split()[0] == "style"


def test_voting_md_says_of_every_column_what_help_says(root):
    text = (root / "examples/VOTING.md").read_text("utf-8")
    table = "".join(f"| `{name}` | {words} |\n" for name, words in COLUMNS.items())
    assert table in text
