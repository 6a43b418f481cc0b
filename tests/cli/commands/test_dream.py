"""`vectormix dream`, and its sheet of all layers."""

import json

from cli_cases import (
    DREAM,
    DREAM_RUN,
    Mistake,
    check_mistake,
    each_mistake,
    holds,
    new_files,
    picture,
    succeeds,
)
from PIL import Image


def own_mistakes():
    explore = [*DREAM, "--explore"]
    rows = [
        ("layers", [*explore, "--layers=mixed3"], ("all layers; leave --layers out",)),
        ("plot", [*explore, "--plot=x.png"], ("leave --plot out",)),
        ("a film", [*explore, "--output=x.gif"], ("must end with", "`.png`")),
        (
            "sheet of others",
            [*explore, "--output=old.png"],
            ("old.png` exists",),
            holds("old.png", b"old"),
        ),
    ]
    for name, argv, words, *prepare in rows:
        yield Mistake(f"dream: {name}", argv, words, *prepare)


MISTAKES = [
    *own_mistakes(),
    Mistake("jitter", [*DREAM, "--jitter=-1"], ("--jitter", "received -1")),
    Mistake("step_size", [*DREAM, "--step_size=nan"], ("--step_size", "nan")),
    Mistake("guide", [*DREAM, "--guide=no.png"], ("guide picture", "does not exist")),
    Mistake("empty guide", [*DREAM, "--guide="], ("--guide is empty",)),
    Mistake("guide mode", [*DREAM, "--guide_mode=mach"], ("did you mean match",)),
    Mistake("guide size", [*DREAM, "--guide_size=-1"], ("--guide_size", "-1")),
    Mistake("objective", [*DREAM, "--objective=men"], ("did you mean mean",)),
    Mistake("octave mode", [*DREAM, "--octave_mode=x"], ("detail, enlarge",)),
    Mistake("color of a dream", [*DREAM, "--color=style"], ("dream, content",)),
    Mistake("direction", [*DREAM, "--direction=no.npy"], ("no file 'no.npy'",)),
    Mistake("channels", [*DREAM, "--layers=mixed4#x"], ("mixed4#42 or mixed4#0-31",)),
    Mistake("no flags: dream", ["dream"], ("--image is missing", "dream of")),
    Mistake("flag of the other", [*DREAM, "--alpha=1"], ("alpha", "Unknown")),
    Mistake(
        "bundled vgg16",
        [*DREAM, "--backbone=vgg16"],
        ("the bundled weights are InceptionV3's", "--weights=FILE"),
    ),
    Mistake(
        "average pooling", [*DREAM, "--pooling=average"], ("--pooling", "vgg16, vgg19")
    ),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_learning_rate_is_another_name_for_a_dream_s_step_size(capsys, folder):
    argv = [argument for argument in DREAM_RUN if "output" not in argument]
    succeeds(capsys, [*argv, "--step_size=0.05", "--output=a.png"])
    succeeds(capsys, [*argv, "--learning_rate=0.05", "--output=b.png"])
    succeeds(capsys, [*argv, "--output=c.png"])
    a, b, c = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert a == b and a != c


def test_save_every_counts_from_new_in_each_octave(capsys, folder):
    argv = [*DREAM_RUN, "--size=96", "--octaves=2", "--octave_scale=1.2"]
    succeeds(capsys, [*argv, "--save_every=2", "--steps=3"])
    assert new_files(folder) == ["out-1-2.png", "out-2-2.png", "out.png"]
    sizes = []
    for name in new_files(folder):
        with Image.open(name) as image:
            sizes.append(image.size)
    assert sizes == [(80, 80), (96, 96), (96, 96)]


def test_the_manifest_s_size_is_width_then_height(capsys, folder):
    picture(1, 80, 100).save("wide.png")
    succeeds(capsys, [*DREAM_RUN, "--image=wide.png", "--size=0", "--manifest=a.json"])
    assert json.loads((folder / "a.json").read_text())["size"] == [100, 80]
