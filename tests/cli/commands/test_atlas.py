"""`vectormix atlas`."""

import dataclasses
import os

from cli_cases import (
    CHANNEL,
    EACH_WRONG_CHANNEL,
    OUTPUT_FLAGS,
    Mistake,
    bytes_of,
    check_mistake,
    each_mistake,
    flags_of,
    refused,
    succeeds,
)

from vectormix_tf.cli.main import main
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.galleries.atlas import DEFAULTS
from vectormix_tf.io.progress import ProgressBar

ATLAS = ["atlas", *CHANNEL, "--output=out", "--channels=0-4", "--batch=2"]


@EACH_WRONG_CHANNEL
def test_a_mistake_about_channels_is_one_line(flags, words, capsys, folder):
    err = refused(capsys, folder, [*ATLAS, *flags])
    for word in words:
        assert word in err


MISTAKES = [
    Mistake("file", [*ATLAS, "--output=photo.png"], ("is a file; name a folder",)),
    Mistake("diversity", [*ATLAS, "--diversity=2"], ("'diversity'",)),
]


@each_mistake(MISTAKES)
def test_a_mistake_is_one_line_and_no_file_is_touched(
    case, capsys, folder, monkeypatch
):
    check_mistake(case, capsys, folder, monkeypatch)


def test_an_atlas_that_was_stopped_goes_on_with_what_it_lacks(
    capsys, folder, monkeypatch
):
    show, seen = ProgressBar.__call__, []

    def interrupt(bar, progress):
        seen.append(progress.octave)
        if progress.octave == 2:
            raise KeyboardInterrupt
        show(bar, progress)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "__call__", interrupt)
        assert main(ATLAS) == 130
    err = capsys.readouterr().err.splitlines()
    assert err[-1] == "vectormix: interrupted; the same command goes on in out"
    names = {"0000.png", "0001.png", "index.html", "series.json", "sheet.png"}
    assert {*os.listdir(folder / "out")} == names
    times = {
        n: (folder / "out" / n).stat().st_mtime_ns for n in ("0000.png", "0001.png")
    }
    _, err = succeeds(capsys, ATLAS)
    assert [line for line in err if line.startswith("tiles")] == [
        "tiles 4/5",
        "tiles 5/5",
    ]
    for name, then in times.items():
        assert (folder / "out" / name).stat().st_mtime_ns == then
    assert {*os.listdir(folder / "out")} == names | {
        *("0002.png", "0003.png", "0004.png")
    }
    before = bytes_of(folder / "out")
    assert succeeds(capsys, ATLAS) == ("", [])
    assert bytes_of(folder / "out") == before


def test_an_atlas_goes_on_over_nothing_else(capsys, folder):
    succeeds(capsys, ATLAS)
    for flags, words in [
        (["--seed=7"], ("seed=0 (now 7)", "--overwrite")),
        (["--channels=0-5"], ("tiles=5 (now 6)",)),
    ]:
        err = refused(capsys, folder, [*ATLAS, *flags])
        for word in words:
            assert word in err
    succeeds(capsys, [*ATLAS, "--batch=3"])
    (folder / "out/index.html").write_text("theirs")
    assert "index.html` exists" in refused(capsys, folder, ATLAS)
    succeeds(capsys, [*ATLAS, "--overwrite"])
    assert "theirs" not in (folder / "out/index.html").read_text()


def test_the_help_of_atlas_lists_each_setting_with_its_default(capsys):
    fields = [f for f in dataclasses.fields(VisualizeSettings) if f.name != "diversity"]
    shown = flags_of(capsys, "atlas")
    assert set(shown) == {f.name for f in fields} | OUTPUT_FLAGS
    for field in fields:
        value = DEFAULTS.get(field.name, field.default)
        assert value is None or shown[field.name][1].strip("'") == str(value)
