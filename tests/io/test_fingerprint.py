"""Fingerprints: what they see, and how they say what differs."""

import hashlib
import pathlib

import numpy as np
import pytest
from mistakes import refusal

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import named_files
from vectormix_tf.io import fingerprint as fingerprints
from vectormix_tf.io.fingerprint import (
    check_same,
    fingerprint,
    json_round_trip,
    sha256,
    version,
)

PICTURE = np.random.default_rng(0).random([1, 30, 24, 3], np.float32)


def prints(inputs=None, **settings):
    return fingerprint("mix", {"steps": 6} | settings, inputs or {})


def test_a_fingerprint_sees_contents_and_not_names(tmp_path):
    one, other = tmp_path / "a.png", tmp_path / "b.png"
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    assert prints({"init": one}) == prints({"init": str(other)})
    other.write_bytes(b"another")
    assert prints({"init": one}) != prints({"init": other})
    assert prints({"init": None}) == prints()
    flat = PICTURE.reshape([1, 24, 30, 3])
    assert prints({"init": flat}) != prints({"init": PICTURE})
    assert prints(weights=pathlib.Path("w.h5")) == prints(weights="w.h5")


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_a_setting_that_names_a_file_is_an_input_too(kind, tmp_path):
    file = tmp_path / "first.png"

    def now(data):
        file.write_bytes(data)
        return prints(named_files(MixSettings(init=kind(file))))

    before = now(b"one")
    assert before["inputs"] == {"init": hashlib.sha256(b"one").hexdigest()}
    text = refusal(check_same, "x", before, now(b"two"), "stop")
    assert text == "x was made with another init; use the same files, or stop."


@pytest.mark.parametrize(
    "part, value, told",
    [
        ("command", {"command": "dream"}, "command=mix (now dream)"),
        ("settings", {"steps": 7}, "steps=6 (now 7)"),
        ("settings", {"steps": 6, "tv": 1}, "tv=unknown (now 1)"),
        ("inputs", {"mask": "00"}, "no mask"),
        ("versions", {}, "tensorflow="),
    ],
)
def test_what_differs_is_named_with_what_to_do(part, value, told):
    then = prints()
    text = refusal(check_same, "the file", then, then | {part: value}, "start anew")
    assert text.startswith("the file was made with ") and told in text
    assert text.endswith(", or start anew.")
    check_same("the file", then, prints(), "start anew")


def test_a_tuple_differs_not_from_the_list_that_a_file_has():
    path = pathlib.PurePosixPath("a/b")
    record = json_round_trip({"scale": (1.0, 2.0), "path": path})
    assert record == {"scale": [1.0, 2.0], "path": "a/b"}


def test_sums_are_those_of_files_and_of_arrays_with_their_shape(tmp_path):
    (tmp_path / "a").write_bytes(b"some")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"some").hexdigest()
    assert sha256(PICTURE) == sha256(PICTURE.copy()) != sha256(PICTURE[:, ::-1])
    assert sha256(PICTURE) != sha256(PICTURE[0])


def test_versions_are_those_of_packages_and_unknown_without(monkeypatch):
    assert version("numpy") == np.__version__
    assert version("no_such_package") == "unknown"
    monkeypatch.setattr(fingerprints, "version", lambda package: "0.0")
    assert prints()["versions"]["vectormix_tf"] == "0.0"


def test_a_file_that_has_gone_is_one_line():
    assert "`gone.png` cannot be read: No such file" in refusal(sha256, "gone.png")
