"""Items: records become settings and pictures, and what tells one from another."""

import json

import numpy as np
import pytest
from mistakes import refusal

from vectormix_tf.batches import items
from vectormix_tf.batches.items import parse, plain
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError

PAIR = {"content": "a/photo.jpg", "style": "b/painting.jpg"}
FILM = {"command": "film", "video": "a/clip.mp4"}


def digest(path):
    return f"digest of {path.rpartition('/')[2]}"


@pytest.mark.parametrize(
    ("record", "kind", "name"),
    [
        (PAIR, MixSettings, "photo-painting.png"),
        ({"command": "mix", "style": "b/x y.jpg"}, MixSettings, "x_y.png"),
        ({"command": "dream", "image": "a/cat.webp"}, DreamSettings, "cat.png"),
        ({**FILM, "style": ["b/p.jpg"]}, FilmSettings, "clip-p.mp4"),
        ({**FILM, "dream": True}, DreamFilmSettings, "clip.mp4"),
        ({**PAIR, "output": "x.JPG"}, MixSettings, "x.jpg"),
        ({**FILM, "dream": True, "output": "y.webp"}, DreamFilmSettings, "y.webp"),
    ],
)
def test_a_record_is_a_command_with_its_flags(record, kind, name):
    item = parse(record)
    assert type(item.settings) is kind and item.name + item.ending == name


def test_settings_of_a_record_are_those_of_the_item():
    item = parse({**PAIR, "alpha": 0.3, "size": 99, "seed": None})
    assert item.settings == MixSettings(alpha=0.3, size=99)
    pictures = {"content": "a/photo.jpg", "style": ("b/painting.jpg",)}
    assert item.pictures == pictures
    film = parse({**FILM, "style": "p.jpg", "key": ["2:alpha=0.1"], "every": 2})
    others = {"dream": False, "key": ["2:alpha=0.1"], "every": 2, "fps": 25}
    assert film.others == others


def test_several_styles_have_weights():
    item = parse({"content": "a.jpg", "style": ["p.jpg:2", "q.jpg"]})
    assert item.pictures["style"] == ("p.jpg", "q.jpg")
    assert item.settings.style_weights == (2.0, 1.0)


def test_a_style_alone_is_a_texture():
    assert parse({"style": "p.jpg"}).settings.alpha == 0.0


def test_a_long_name_is_cut():
    name = parse({"command": "dream", "image": "x" * 300}).name
    assert len(name) == items.LONGEST


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ([], "an item must be an object"),
        ({"command": "zoom"}, "`command` must be one of mix, dream, film"),
        ({}, "a mix needs `style`"),
        ({"command": "dream"}, "a dream needs `image`"),
        ({"command": "film", "style": "a"}, "a film needs `video`"),
        (FILM, "a film needs `style`, or `dream`"),
        ({**FILM, "style": "a", "dream": True}, "a film needs `style`, or `dream`"),
        ({**FILM, "style": "a", "guide": "b"}, "`guide` is of a film with `dream`"),
        ({**FILM, "dream": True, "key": ["1:alpha=1"]}, "`key` is not of a film"),
        ({**FILM, "style": "a", "key": ["alpha"]}, "FRAME:NAME=VALUE"),
        ({**FILM, "style": "a", "every": 0}, "`every`"),
        ({**FILM, "style": "a", "fps": 0}, "`fps`"),
        ({**PAIR, "alpa": 1}, "`alpa` is no flag of mix: did you mean alpha"),
        ({**PAIR, "layers": "mixed4"}, "`layers` is no flag of mix"),
        ({**PAIR, "alpha": 3}, "`alpha` must be in [0, 1]"),
        ({**PAIR, "content": ["a", "b"]}, "`content` is one picture; received 2"),
        ({**PAIR, "content": 7}, "`content` must be the path of a file, not 7"),
        ({**PAIR, "output": "a/b.png"}, "`output` must be the name of a file"),
        ({**PAIR, "output": "b.mp4"}, "`output` must be one of .png"),
        ({**FILM, "dream": True, "output": "b.png"}, "`output` must be one of .mp4"),
    ],
)
def test_a_mistake_is_one_line(record, words):
    assert words in refusal(parse, record)


# --- Keys -----------------------------------------------------------------------------


def test_a_key_is_the_same_wherever_files_lie():
    key = parse(PAIR).key(digest)
    moved = parse({"content": "z/photo.jpg", "style": ["painting.jpg"], "alpha": 0.5})
    assert moved.key(digest) == key and len(key) == 16 and int(key, 16)


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.4},
        {"seed": 1},
        {"content": "other.jpg"},
        {"style": "other.jpg"},
        {"style": ["b/painting.jpg", "b/painting.jpg"]},
        {"mask": "m.png"},
        {"output": "x.webp"},
    ],
)
def test_a_key_differs_where_bytes_do(change):
    assert parse({**PAIR, **change}).key(digest) != parse(PAIR).key(digest)


def test_keys_of_films_go_by_what_only_films_have():
    record = {**FILM, "style": "p.jpg"}
    others = [{}, {"every": 2}, {"fps": 20.0}, {"key": ["1:alpha=0.2"]}]
    assert len({parse({**record, **each}).key(digest) for each in others}) == 4


def test_a_key_goes_by_versions_and_by_the_content_of_weights(tmp_path, monkeypatch):
    weights = tmp_path / "w.weights.h5"
    weights.write_bytes(b"one")
    record = {**PAIR, "weights": str(weights)}
    key = parse(record).key(digest)
    assert parse(record).key(lambda path: f"{path} now") != key
    monkeypatch.setattr(items, "version", lambda package: "9")
    assert parse(record).key(digest) != key


def test_warm_are_items_with_the_same_styles_and_settings():
    one = parse(PAIR).affinity
    assert parse({**PAIR, "content": "other.jpg"}).affinity == one
    for change in ({"style": "x.jpg"}, {"size": 99}, {"mask": "m.png"}):
        assert parse({**PAIR, **change}).affinity != one


# --- Records --------------------------------------------------------------------------


def test_a_record_becomes_plain(tmp_path):
    record = {"content": tmp_path / "a", "alpha": np.float32(0.5), "size": np.int64(9)}
    assert plain(record) == {"content": str(tmp_path / "a"), "alpha": 0.5, "size": 9}
    for wrong in ({"a": object()}, {"a": float("nan")}, {"a": np.zeros(2)}):
        assert "an item is of texts, numbers and paths" in refusal(plain, wrong)


def test_lines_are_records_and_a_bad_one_is_an_error_in_its_place(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_text('﻿{"style": "a"}\n\n{"style": \n{"content": "b"}\n', "utf-8")
    first, wrong, last = items.read_lines(str(path))
    assert (first, last) == ({"style": "a"}, {"content": "b"})
    assert isinstance(wrong, InputError) and "line 3 of" in str(wrong)


def test_a_file_without_items_is_refused(tmp_path):
    path = tmp_path / "items.jsonl"
    assert "cannot be read" in refusal(items.read_lines, str(path))
    path.write_text("\n \n")
    assert "has no item" in refusal(items.read_lines, str(path))
    path.write_bytes(b"\xff\xfe\xff")
    assert "no text in UTF-8" in refusal(items.read_lines, str(path))


def test_pairs_are_each_content_with_each_style_style_by_style():
    found = items.pairs(["a.jpg", "b.jpg"], ["x.jpg", "y.jpg"], {"size": 99}, ".webp")
    assert [(each["content"], each["style"]) for each in found] == [
        ("a.jpg", ["x.jpg"]),
        ("b.jpg", ["x.jpg"]),
        ("a.jpg", ["y.jpg"]),
        ("b.jpg", ["y.jpg"]),
    ]
    assert found[1]["output"] == "b-x.webp" and found[0]["size"] == 99
    assert json.dumps(found) and parse(found[0]).ending == ".webp"
