"""`vectormix mix`."""

import json

import pytest
from cli_cases import (
    MIX,
    MIX_RUN,
    Mistake,
    check_mistake,
    each_mistake,
    picture,
    refused,
    succeeds,
)

MISTAKES = [
    Mistake("alpha nan", [*MIX, "--alpha=nan"], ("--alpha", "[0, 1]", "nan")),
    Mistake("alpha 2", [*MIX, "--alpha=2"], ("--alpha", "[0, 1]", "2.0")),
    Mistake("alpha -1", [*MIX, "--alpha=-1"], ("--alpha", "[0, 1]", "-1.0")),
    Mistake("alpha in words", [*MIX, "--alpha=half"], ("--alpha=half", "float")),
    Mistake("tv", [*MIX, "--tv=-1"], ("--tv", "[0, 1e+06]")),
    Mistake("canvas", [*MIX, "--canvas=pixel"], ("--canvas", "did you mean pixels")),
    Mistake("init", [*MIX, "--init=nois"], ("--init", "did you mean noise")),
    Mistake("no flags: mix", ["mix"], ("give a content, a style or both",)),
    Mistake("two masks", [*MIX, *["--style_mask=photo.png"] * 2], ("1 styles and 2",)),
    Mistake("no mask", [*MIX, "--mask=no.png"], ("mask", "does not exist")),
    Mistake("weight 0", [*MIX[:2], "--style=painting.png:0", MIX[3]], ("sum to zero",)),
    Mistake("no checkpoint", [*MIX, "--resume"], ("--resume needs --checkpoint",)),
    Mistake("nothing to resume", [*MIX, "--resume", "--checkpoint=no"], ("not exist",)),
    Mistake("no steps", [*MIX, "--steps=0", "--plot=x.svg"], ("--steps 0", "--plot")),
    Mistake(
        "none to keep",
        [*MIX, "--preset=instant", "--checkpoint=x"],
        ("--steps 0", "no --checkpoint"),
    ),
    Mistake(
        "instant elsewhere",
        [*MIX, "--preset=instant", "--server=localhost:1"],
        ("is not for servers; leave --server out",),
    ),
    Mistake("preset", [*MIX, "--preset=gatis"], ("did you mean gatys2015",)),
    Mistake("statistic", [*MIX, "--statistic=grim"], ("did you mean gram",)),
    Mistake("two sides", [*MIX, "--size=99x99"], ("one number",)),
    Mistake("guide of nothing", [*MIX, "--guide=photo.png"], ("needs --amplify",)),
    Mistake("channels of f1", [*MIX, "--f1=mixed4#1"], ("--f1 takes whole layers",)),
    Mistake(
        "backbone", [*MIX, "--backbone=vgg_16"], ("--backbone", "did you mean vgg16")
    ),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_an_init_picture_that_is_none_is_one_line(capsys, folder):
    (folder / "first.png").write_text("hello")
    line = refused(capsys, folder, [*MIX_RUN, "--init=first.png"])
    assert "init picture `first.png` is no picture" in line


@pytest.mark.parametrize("flag", ["--alpha=1", "--f1=conv1a", "--canvas=pixels",
                                  "--learning_rate=0.5", "--tv=5",
                                  "--init=content", "--init=painting.png"])  # fmt: skip
def test_a_flag_of_mix_changes_the_picture(flag, capsys, folder):
    succeeds(capsys, [*MIX_RUN, "--output=plain.png"])
    succeeds(capsys, [*MIX_RUN, flag])
    plain, other = (folder / "plain.png"), (folder / "out.png")
    assert plain.read_bytes() != other.read_bytes()


def test_the_manifest_names_the_picture_that_init_names(capsys, folder):
    picture(9).save("first.png")
    succeeds(capsys, [*MIX_RUN, "--init=first.png", "--manifest=run.json"])
    inputs = json.loads((folder / "run.json").read_text())["inputs"]
    assert list(inputs) == ["photo.png", "painting.png", "first.png"]


def test_amplify_adds_a_term_to_a_mix(capsys, folder):
    flags = ["--amplify=conv2b:0.01", "--manifest=run.json"]
    succeeds(capsys, [*MIX_RUN, *flags])
    losses = json.loads((folder / "run.json").read_text())["losses"]
    assert list(losses) == ["content", "tone", "style", "amplify"]
    assert all(loss < 0 for loss in losses["amplify"])


@pytest.mark.parametrize("alpha, terms", [(0, ["style"]), (1, ["content"])])
def test_at_an_end_of_alpha_the_other_picture_has_no_say(alpha, terms, capsys, folder):
    succeeds(capsys, [*MIX_RUN, f"--alpha={alpha}", "--manifest=run.json"])
    assert list(json.loads((folder / "run.json").read_text())["losses"]) == terms
