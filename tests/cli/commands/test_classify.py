"""`vectormix classify`."""

import io
import shutil
import sys

import keras
from cli_cases import (
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    folder_named,
    holds,
    picture,
    refused,
    succeeds,
    use_jax,
)
from mistakes import unreachable
from PIL import Image

import vectormix_tf
from vectormix_tf.backbone import load as networks
from vectormix_tf.cli.main import main


def own_mistakes():
    rows = [
        ("no picture", [], ("which picture?", "classify PHOTO.jpg")),
        ("missing file", ["photo.png", "no.png"], ("`no.png` does not exist",)),
        ("folder", ["sub"], ("is a folder",), folder_named("sub")),
        ("text", ["x.jpg"], ("no picture",), holds("x.jpg", b"hello" * 99)),
        ("large", ["photo.png", "--max_pixels=99"], ("80 x 80", "--max_pixels")),
        ("max_pixels 0", ["photo.png", "--max_pixels=0"], ("--max_pixels=0",)),
        ("top 0", ["photo.png", "--top=0"], ("--top", "[1, 1000]", "received 0")),
        ("top 1001", ["--top=1001", "photo.png"], ("--top", "received 1001")),
        ("weights", ["photo.png", "--weights=no.h5"], ("no file 'no.h5'",)),
        ("flag of others", ["photo.png", "--size=80"], ("Unknown", "size", "--help")),
        ("backend", ["photo.png"], ("KERAS_BACKEND is 'jax'",), use_jax),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"classify: {name}", ["classify", *argv], words, *prepare)


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_weights_without_classes_are_one_line(capsys, folder):
    shutil.copy(networks.EARLIER["mixed5"], "short.npz")
    line = refused(capsys, folder, ["classify", "photo.png", "--weights=short.npz"])
    assert "short.npz end at mixed5 and do not reach logits" in line
    assert "choose a file with classes, or --weights=imagenet" in line


def test_no_network_for_the_classes_is_one_line(capsys, folder, monkeypatch):
    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    line = refused(capsys, folder, ["classify", "photo.png", "--weights=imagenet"])
    assert "URL fetch failure" in line and "--weights=FILE" in line


def test_the_bundled_weights_see_a_cat_and_say_how_often_they_are_right(
    capsys, root, monkeypatch
):
    monkeypatch.chdir(root)
    out, err = succeeds(capsys, ["classify", "examples/images/content_cat.jpg"])
    names = [line.partition("% ")[2] for line in out.splitlines()]
    assert len(names) == 5 and {"Persian cat", "Egyptian cat", "tabby"} & set(names)
    assert len(err) == 1 and "right for 3 of 50 photographs" in err[0]
    assert err[0].endswith("more often: --weights=imagenet.")


class Counted:
    def __init__(self, call):
        self.call, self.calls = call, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.call(*arguments)


def test_classify_names_what_pictures_show(classifier, capsys, folder, monkeypatch):
    load = Counted(networks._load_inception)
    monkeypatch.setattr(networks, "_load_inception", load)
    Image.new("RGB", (90, 80), "red").save("red.png")
    weights = f"--weights={classifier[1]}"
    alone, err = succeeds(capsys, ["classify", "photo.png", weights])
    assert not err and load.calls == 1
    guesses = vectormix_tf.classify("photo.png", classifier[1])
    assert [line.strip().split("% ") for line in alone.splitlines()] == [
        [f"{100 * probability:.1f}", name] for name, probability in guesses
    ]
    assert len(guesses) == 5
    # Of several the names stand before, flags may stand anywhere.
    (folder / "my.flags").write_text("--top=2")
    argv = ["photo.png", weights, "red.png", "--flagfile=my.flags"]
    out, err = succeeds(capsys, ["classify", *argv])
    assert not err and load.calls == 3  # weights are read once for all pictures
    first, second = out.splitlines()[:3], out.splitlines()[3:]
    assert first == ["photo.png", *alone.splitlines()[:2]]
    assert second[0] == "red.png" and len(second) == 3
    assert second[1:] != first[1:]


def test_a_name_that_the_console_has_no_letters_for_is_no_error(folder, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", console)
    monkeypatch.setattr(
        "vectormix_tf.cli.commands.classify.classify_each",
        lambda *_: [[("macaw", 0.5)]] * 2,
    )
    picture(1).save("größe.png")
    assert main(["classify", "größe.png", "photo.png"]) == 0
    assert console.buffer.getvalue().decode().splitlines() == [
        *(r"gr\xf6\xdfe.png", " 50.0% macaw", "photo.png", " 50.0% macaw")
    ]


def test_the_help_of_classify_lists_its_own_flags(capsys):
    assert set(flags_of(capsys, "classify")) == {
        *("top", "weights", "max_pixels", "flagfile", "threads")
    }
