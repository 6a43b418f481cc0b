"""Axes: which flags can vary, and which files a value names."""

import dataclasses

import pytest
from mistakes import refusal

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.galleries import axes


def read(flag, *texts, which="row", parse=lambda flag, text: text):
    return axes.read_axis(flag, texts, which, parse)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """The current folder, with files in photos/."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "sub.png").mkdir(parents=True)
    for name in ("b.JPG", "a.png", "c.txt", "d.heic", "[x].png"):
        (folder / name).touch()
    return folder


def test_every_setting_and_both_pictures_can_vary():
    fields = {field.name for field in dataclasses.fields(MixSettings)}
    assert {*axes.FLAGS} == fields - {"style_weights"} | {"content", "style"}


def test_a_value_is_parsed_and_labeled_as_it_was_typed():
    parse = lambda flag, text: (flag, float(text))  # noqa: E731
    assert read("alpha", "0.20", "1", parse=parse) == axes.Axis(
        "alpha", [("alpha=0.20", ("alpha", 0.2)), ("alpha=1", ("alpha", 1.0))]
    )


def paths(flag, *texts):
    axis = read(flag, *texts)
    return [path.replace("\\", "/") for _, path in axis.values]


def test_a_folder_stands_for_its_pictures_in_sorted_order(photos):
    names = ["photos/[x].png", "photos/a.png", "photos/b.JPG", "photos/d.heic"]
    assert paths("content", "photos") == paths("style", "photos/") == names


def test_a_glob_stands_for_the_pictures_that_it_matches(photos):
    assert paths("style", "photos/[ab].*") == ["photos/a.png", "photos/b.JPG"]
    assert paths("style", "photos/*") == paths("style", "photos")
    assert paths("style", "photos/?.*", "photos/a.png")[-1] == "photos/a.png"


def test_a_file_is_taken_as_it_is_even_with_a_name_like_a_glob(photos):
    assert paths("content", "photos/[x].png") == ["photos/[x].png"]
    assert paths("content", "photos/c.txt", "none.png") == ["photos/c.txt", "none.png"]


def test_a_file_s_label_has_neither_folder_nor_ending(photos):
    labels = [label for label, _ in read("content", "photos/*.*g", "x/e.f.png").values]
    assert labels == ["content=[x]", "content=a", "content=b", "content=e.f"] or (
        labels == ["content=[x]", "content=a", "content=e.f"]  # a system of cases
    )


@pytest.mark.parametrize("text", ["photos/*.gif", "photos/c.*", "photos/sub.png"])
def test_what_holds_no_picture_is_one_line(text, photos):
    line = refusal(read, "style", text, which="column")
    assert line.startswith(f"--column={text} holds no picture; ") and ".jpg" in line


def test_mistakes_are_one_line():
    line = refusal(read, "alhpa")
    assert line.endswith("no flag of mix that can vary; did you mean alpha or xla?")
    assert "--columns=x is no flag" in refusal(read, "x", which="column")
    assert "style_scale" in refusal(read, "style_weights")
    line = refusal(read, "alpha", which="column")
    assert line == "--columns=alpha has no values; add --column=VALUE."

    def parse(flag, text):
        return float(text)

    line = refusal(read, "alpha", "0.5", "half", parse=parse)
    assert line.startswith("--row=half is no value of --alpha: ")
