"""Names of files that are not text, and records of them."""

import json
import os

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from vectormix_tf.io import records
from vectormix_tf.io.manifest import manifest
from vectormix_tf.io.names import is_hidden, is_readable, printable, readable
from vectormix_tf.io.results import PictureResult

# Any name that a file may have on Linux.
FILE_NAMES = st.binary(min_size=1, max_size=12).map(
    lambda name: name.decode("utf-8", "surrogateescape")
)


def only_json(text):
    """Refuses what Python reads beyond the standard: NaN, Infinity."""
    raise AssertionError(text)


def test_bytes_that_are_no_text_are_escaped_and_all_else_stays():
    assert readable("caf\udce9.png") == r"caf\xe9.png"
    assert readable("\ud800") == r"\ud800"
    assert readable("né ü 写真 🙂.png") == "né ü 写真 🙂.png"
    assert readable("two\nlines") == "two\nlines"


def test_a_printable_name_is_one_line_and_no_command_to_a_terminal():
    assert printable("a\nb\r\x1b[31m\x7f\x9b.png") == r"a\nb\r\x1b[31m\x7f\x9b.png"
    assert printable("né\udcff") == r"né\xff"
    seen = "é\u3000中\U0001f469\u200d\U0001f680"  # letters joined to one emoji
    assert printable(f"\u202e{seen}") == rf"\u202e{seen}"


@given(FILE_NAMES)
def test_every_name_becomes_unicode_and_stays_so(name):
    for text in (readable(name), printable(name)):
        text.encode()
        assert is_readable(text) and readable(text) == text
    assert is_readable(name) == (readable(name) == name)


@pytest.mark.parametrize("name", ["._photo.jpg", ".DS_Store", "a/.hidden.png"])
def test_companions_are_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["photo.jpg", ".folder/photo.jpg", "a._b.jpg"])
def test_photographs_are_not_hidden(name):
    assert not is_hidden(name)


@given(st.dictionaries(FILE_NAMES, st.lists(FILE_NAMES)))
def test_a_record_of_any_names_is_strict_json(record):
    back = json.loads(records.encode(record).decode("utf-8"))
    assert back == {
        readable(name): [readable(each) for each in names]
        for name, names in record.items()
    }


def test_a_record_has_no_number_that_json_has_not():
    with pytest.raises(ValueError, match="JSON"):
        records.encode({"loss": float("nan")})


def test_a_manifest_is_strict_json_whatever_files_and_losses_are(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    with open(path, "wb") as file:
        file.write(b"photo")
    result = PictureResult(
        x=np.zeros([1, 3, 4, 3], np.float32),
        losses={"style": np.float32([0.5, np.nan, np.inf])},
        seconds=1.0,
        finished=True,
        settings=_settings(path),
    )
    text = manifest("mix", result, [path]).decode("utf-8")
    record = json.loads(text, parse_constant=only_json)
    assert record["losses"] == {"style": [0.5, None, None]}
    (name,) = record["inputs"]
    assert name == f"{tmp_path}/caf\\xe9.png" == record["settings"]["init"]
    assert record["size"] == [4, 3]


def _settings(path):
    from vectormix_tf.config.mix import MixSettings

    return MixSettings(init=path)
