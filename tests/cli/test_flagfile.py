"""Flag files: in the encodings that editors write, and what is none."""

import codecs
import os

import hypothesis.strategies as st
import pytest
from cli_cases import COMMANDS, DREAM, refused, succeeds
from hypothesis import given
from mistakes import refusal

from vectormix_tf.cli.flagfile import expand

TEXT = "# a comment\n--size=96\n\n  --content=né/写真 1.png  \n// another\n--flips\n"
WORDS = ["--size=96", "--content=né/写真 1.png", "--flips"]
ENCODINGS = {
    "UTF-8": (b"", "utf-8"),
    "UTF-8 with a mark": (codecs.BOM_UTF8, "utf-8"),
    "UTF-16 of Windows": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "UTF-16, big endian": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "UTF-32": (codecs.BOM_UTF32_LE, "utf-32-le"),
    "UTF-32, big endian": (codecs.BOM_UTF32_BE, "utf-32-be"),
}
EACH_ENCODING = pytest.mark.parametrize("mark, name", ENCODINGS.values(), ids=ENCODINGS)


def lines(folder, data):
    (folder / "my.flags").write_bytes(data)
    return expand(["--flagfile=my.flags"])


@EACH_ENCODING
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["Unix", "Windows", "old"])
def test_a_flag_file_is_read_in_any_unicode_with_any_line_ends(mark, name, end, folder):
    data = mark + TEXT.replace("\n", end).encode(name)
    assert lines(folder, data) == WORDS
    assert lines(folder, data + "--last=x".encode(name)) == [*WORDS, "--last=x"]


@given(st.text(st.characters(blacklist_characters="\n\r\0", codec="utf-8")))
def test_a_line_is_one_word_whatever_is_in_it(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "drawn.flags"
    file.write_bytes(f"--content=x{text}y".encode())
    assert expand([f"--flagfile={file}"]) == [f"--content=x{text}y"]


@pytest.mark.parametrize("word", ["--flagfile={}", "-flagfile={}", "--flagfile {}"])
def test_every_spelling_of_the_flag_is_read_where_it_stands(word, folder):
    (folder / "a b.flags").write_text("--b=1\n--b=2\n")
    words = [each.format("a b.flags") for each in word.split(" ")]
    assert expand(["--a=0", *words, "--c"]) == ["--a=0", "--b=1", "--b=2", "--c"]
    assert expand(["--", *words]) == ["--", *words]  # a picture that is called so


def test_a_flag_file_may_include_another_but_not_itself(folder):
    (folder / "a").write_text("--a=1\n--flagfile=b\n--a=2\n")
    (folder / "b").write_text("--b=1\n")
    assert expand(["--flagfile=a", "--flagfile=b"]) == ["--a=1", "--b=1", "--a=2",
                                                        "--b=1"]  # fmt: skip
    (folder / "b").write_text("--flagfile=a\n")
    assert "`a` includes itself" in refusal(expand, ["--flagfile=a"])


def test_a_flag_file_in_the_home_folder_is_read(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "a").write_text("--flagfile=~/b\n")
    (folder / "b").write_text("--b\n")
    assert expand(["--flagfile=~/a"]) == expand(["--flagfile", "~/a"]) == ["--b"]


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_name_that_is_not_utf_8_is_read_as_on_the_command_line(mark, folder):
    (word,) = lines(folder, mark + b"--content=caf\xe9.png\n")
    assert os.fsencode(word) == b"--content=caf\xe9.png"


WRONG = codecs.BOM_UTF16_LE + "--steps=x".encode("utf-16-le")
MISTAKES = {
    "missing": (None, "No such file"),
    "folder": ("folder", "directory"),
    "bytes": (b"\0\1\2\xff", "is no text; save it as UTF-8"),
    "UTF-16 without a mark": ("--size=96".encode("utf-16-le"), "is no text"),
    "half of UTF-16": (codecs.BOM_UTF16_LE + b"-", "is no text"),
    "unknown flag": (codecs.BOM_UTF8 + b"--stepz=1", "'stepz'"),
    "wrong value": (WRONG, "--steps"),
    "itself": (b"--flagfile=x", "includes itself"),
    "a film": (b"--steps=1\n" * 200_000, "is no text"),
}


@pytest.mark.skipif(os.name == "nt", reason="the reasons are those of Linux")
@pytest.mark.parametrize("data, words", MISTAKES.values(), ids=MISTAKES)
def test_a_flag_file_that_is_none_is_one_line(data, words, capsys, folder):
    if data == "folder":
        (folder / "x").mkdir()
    elif data is not None:
        (folder / "x").write_bytes(data)
    assert words in refused(capsys, folder, [*DREAM, "--flagfile=x"])


@pytest.mark.parametrize("words", [["--flagfile="], ["--flagfile"]])
def test_a_flag_file_without_a_name_is_one_line(words, capsys, folder):
    assert "--flagfile is empty" in refused(capsys, folder, [*DREAM, *words])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_does_not_need_the_flag_file(command, capsys):
    out, err = succeeds(capsys, [command, "--flagfile=none", "--help"])
    assert "--flagfile" in out and not err
