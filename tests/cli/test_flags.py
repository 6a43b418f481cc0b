"""Flags made of settings: their help, their defaults, and files of flags."""

import dataclasses

import pytest
from cli_cases import (
    NO_FLAGS,
    OUTPUT_FLAGS,
    OWN_FLAGS,
    RUNS,
    SETTINGS,
    flags_of,
    succeeds,
)

from vectormix_tf.config.setting import settings_of
from vectormix_tf.galleries.grid import SIZE


@pytest.mark.parametrize("command", list(SETTINGS))
def test_the_help_of_a_command_lists_its_own_flags(command, capsys):
    fields = {field.name for field in dataclasses.fields(SETTINGS[command])} - NO_FLAGS
    fields -= {"alpha"} if command == "sweep" else set()
    assert set(flags_of(capsys, command)) == fields | OUTPUT_FLAGS | OWN_FLAGS[command]


@pytest.mark.parametrize("command", list(SETTINGS))
def test_each_setting_has_help_and_the_default_of_its_field(command, capsys):
    flags = flags_of(capsys, command)
    expected = {f.name: f.default for f in dataclasses.fields(SETTINGS[command])}
    expected |= {"size": SIZE} if command == "grid" else {}
    for name, value in expected.items():
        if name in NO_FLAGS or (command, name) == ("sweep", "alpha"):
            continue
        text, default = flags[name]
        text = text.partition("; of --dream")[0]
        assert text == settings_of(SETTINGS[command])[name].help_text and len(text) > 5
        if value not in (None, dataclasses.MISSING):
            assert default.strip("'[]") == str(value).strip("(),")


@pytest.mark.parametrize("command", list(SETTINGS))
def test_flags_may_stand_in_a_flagfile(command, capsys, folder):
    ending = "webp" if command in ("sweep", "zoom", "film") else "png"
    one, other = f"flags.{ending}", f"file.{ending}"
    succeeds(capsys, [*RUNS[command], "--seed=5", f"--output={one}"])
    (folder / "my.flags").write_text("\n".join([*RUNS[command][1:], "--seed=5"]))
    succeeds(capsys, [command, "--flagfile=my.flags", f"--output={other}"])
    assert (folder / one).read_bytes() == (folder / other).read_bytes()
