"""`vectormix visualize`."""

import dataclasses

import pytest
from cli_cases import (
    CHANNEL,
    EACH_WRONG_CHANNEL,
    OUTPUT_FLAGS,
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    new_files,
    refused,
    succeeds,
)
from PIL import Image

from vectormix_tf.cli.main import main
from vectormix_tf.config.classes import find
from vectormix_tf.config.visualize import CLASS_PRIOR, VisualizeSettings
from vectormix_tf.io.progress import ProgressBar

VISUALIZE = ["visualize", *CHANNEL, "--output=out.png"]


def own_mistakes():
    show = ["visualize", "--output=out.png"]
    rows = [
        ("unknown", ["--class=macw"], ("'macw'", "macaw")),
        ("layer too", ["--class=macaw", "--layer=mixed3"], ("leave --layer out",)),
        ("no classes", ["--class=macaw", "--backbone=vgg16"], ("inception_v3",)),
        ("channels too", ["--class=macaw", "--channels=1"], ("--channels out",)),
    ]
    for name, flags, words in rows:
        yield Mistake(f"class: {name}", [*show, *flags], words)
    ending, exists = [*VISUALIZE, "--output=x.gif"], [*VISUALIZE, "--output=photo.png"]
    yield Mistake("ending", ending, ("must end with", "`.gif`"))
    yield Mistake("exists", exists, ("`photo.png` exists", "--overwrite"))


@each_mistake(own_mistakes())
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


@EACH_WRONG_CHANNEL
def test_a_mistake_about_channels_is_one_line(flags, words, capsys, folder):
    err = refused(capsys, folder, [*VISUALIZE, *flags])
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    "flags, size", [(["--channels=3"], (75, 75)), (["--channels=3-5"], None)]
)
def test_visualize_writes_a_picture_or_a_sheet(flags, size, capsys, folder):
    _, err = succeeds(capsys, [*VISUALIZE, *flags, "--seed=4"])
    assert new_files(folder) == ["out.png"] and err[-1].startswith("batch 1/1 step 1/1")
    with Image.open("out.png") as sheet:
        assert sheet.size == size if size else sheet.width > 3 * 75
    again = [*VISUALIZE, *flags, "--seed=4", "--output=again.png"]
    succeeds(capsys, again)
    assert (folder / "out.png").read_bytes() == (folder / "again.png").read_bytes()
    succeeds(capsys, [*again, "--seed=5", "--overwrite"])
    assert (folder / "out.png").read_bytes() != (folder / "again.png").read_bytes()


def test_a_class_is_shown_as_the_channel_of_the_logits(capsys, folder):
    argv, quick = ["visualize", "--output=one.png"], ["--size=80", "--steps=2"]
    succeeds(capsys, [*argv, *quick, "--class=giant panda"])
    (panda,) = find("giant panda")
    prior = [f"--{name}={value}" for name, value in CLASS_PRIOR.items()]
    flags = ["--layer=logits", f"--channels={panda}", "--output=other.png"]
    succeeds(capsys, [*argv, *prior, *quick, *flags])
    assert (folder / "one.png").read_bytes() == (folder / "other.png").read_bytes()


def test_other_weights_are_held_more_to_natural_pictures(classifier, capsys, folder):
    argv = ["visualize", f"--weights={classifier[1]}", "--size=80", "--steps=1"]
    succeeds(capsys, [*argv, "--class=giant panda", "--output=one.png"])
    (panda,) = find("giant panda")
    flags = ["--layer=logits", f"--channels={panda}", "--output=other.png"]
    succeeds(capsys, [*argv, *flags, "--tv=0.05", "--blur=2"])
    assert (folder / "one.png").read_bytes() == (folder / "other.png").read_bytes()


def test_ctrl_c_leaves_the_channels_so_far(capsys, folder, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "__call__", interrupt)
    assert main([*VISUALIZE, "--channels=3-6", "--batch=2"]) == 130
    expected = "vectormix: interrupted; wrote what there was then to out.png"
    assert capsys.readouterr().err.splitlines()[-1] == expected
    with Image.open("out.png") as sheet:
        assert 2 * 75 < sheet.width < 3 * 75


def test_the_help_of_visualize_lists_each_setting_with_its_default(capsys):
    fields = dataclasses.fields(VisualizeSettings)
    shown = flags_of(capsys, "visualize")
    assert set(shown) == {f.name for f in fields} | OUTPUT_FLAGS | {"class"}
    for field in fields:
        value = field.default
        assert value is None or shown[field.name][1].strip("'") == str(value)
