"""`vectormix layers`."""

from cli_cases import (
    Mistake,
    check_mistake,
    each_mistake,
    flags_of,
    succeeds,
    use_jax,
)

MISTAKES = [
    Mistake("layers: size", ["layers", "--size=74"], ("--size", "[75, 32768]")),
    Mistake(
        "layers: backbone", ["layers", "--backbone=vgg_16"], ("did you mean vgg16",)
    ),
    Mistake(
        "layers: size of vgg16",
        ["layers", "--backbone=vgg16", "--size=31"],
        ("[32, 32768]",),
    ),
    Mistake(
        "layers: bundled vgg16",
        ["layers", "--backbone=vgg16", "--weights=bundled"],
        ("the bundled weights are InceptionV3's", "--weights=FILE"),
    ),
    Mistake("layers: size 0", ["layers", "--size=0"], ("--size", "received 0")),
    Mistake("layers: weights", ["layers", "--weights=no.h5"], ("no file 'no.h5'",)),
    Mistake("layers: flag", ["layers", "--weihgts=x"], ("Did you mean: weights",)),
    Mistake("layers: stray word", ["layers", "mixed3"], ("'mixed3'", "--name=value")),
    Mistake("layers: backend", ["layers"], ("KERAS_BACKEND is 'jax'",), use_jax),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_layers_prints_each_layer_with_its_stride_and_channels(capsys):
    out, err = succeeds(capsys, ["layers"])
    assert not err
    head, *rows = (line.split() for line in out.splitlines())
    assert head == ["layer", "h", "x", "w", "channels", "stride", "field"]
    table = {row[0]: row for row in rows}
    assert rows[0][0] == "conv1a" and rows[-1][0] == "logits"
    # name, h, x, w, channels, stride, field
    assert table["mixed5"][:6] == ["mixed5", "30", "x", "30", "768", "16"]


def test_layers_ends_with_the_classes_and_downloads_nothing(capsys):
    for weights in ("bundled", "imagenet"):
        out, err = succeeds(capsys, ["layers", f"--weights={weights}"])
        assert not err
        last = out.splitlines()[-1].split()
        assert last == ["logits", "1", "x", "1", "1000", "-", "all"]


def test_layers_lists_another_backbone_without_its_weights(capsys):
    out, err = succeeds(capsys, ["layers", "--backbone=resnet50", "--size=64"])
    assert not err
    rows = [line.split() for line in out.splitlines()[1:]]
    assert rows[0] == ["conv1", "32", "x", "32", "64", "2", "7"]
    assert rows[-1] == ["conv5_3", "2", "x", "2", "2048", "32", "483"]


def test_layers_reads_a_flagfile_too(capsys, folder):
    (folder / "my.flags").write_text("--size=300\n")
    by_file, _ = succeeds(capsys, ["layers", "--flagfile=my.flags"])
    by_flag, _ = succeeds(capsys, ["layers", "--size=300"])
    assert by_file == by_flag != succeeds(capsys, ["layers"])[0]


def test_the_help_of_layers_lists_its_own_flags(capsys):
    assert set(flags_of(capsys, "layers")) == {
        *("size", "backbone", "weights", "flagfile", "threads")
    }
