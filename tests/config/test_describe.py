"""What is made from the settings: the page, the types and the forms of notebooks."""

import dataclasses
import json
import re
import typing

import pytest

from vectormix_tf.config import describe, options
from vectormix_tf.config.setting import of

FORM = re.compile(r"(\w+) = (.+?)  # @param (.+)")


@pytest.mark.parametrize(
    ("path", "make"),
    [(describe.PAGE, describe.page), (describe.OPTIONS, describe.options)],
)
def test_what_is_committed_is_what_the_settings_say(path, make, root):
    committed = (root / path).read_text(encoding="utf-8")
    assert committed == make(), "run python -m vectormix_tf.config.describe"


def test_writing_makes_both_files(tmp_path):
    for path in (describe.PAGE, describe.OPTIONS):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    describe.write(tmp_path)
    assert (tmp_path / describe.PAGE).read_text("utf-8") == describe.page()
    assert (tmp_path / describe.OPTIONS).read_text("utf-8") == describe.options()


@pytest.mark.parametrize("command", describe.CLASSES)
def test_every_setting_is_an_option_with_a_type_that_has_its_default(command):
    kind = describe.CLASSES[command]
    name = kind.__name__.replace("Settings", "Options")
    types = typing.get_type_hints(getattr(options, name))
    fields = {field.name: field for field in dataclasses.fields(kind)}
    assert types.keys() == fields.keys()
    for name, hint in types.items():
        default = fields[name].default
        if default is dataclasses.MISSING:
            continue
        if typing.get_origin(hint) is typing.Literal:
            assert default in typing.get_args(hint)
        else:
            assert any(
                isinstance(default, typing.get_origin(each) or each)
                for each in typing.get_args(hint) or (hint,)
            )


def test_the_page_has_a_row_for_every_setting_with_its_range():
    text = describe.page()
    for kind in describe.CLASSES.values():
        for field in dataclasses.fields(kind):
            assert f"| `{field.name}` | " in text
    assert "| `alpha` | `0.5` | [0, 1] | share of the content" in text
    assert "| `flips` | `true` | true, false |" in text
    assert "| `frames` | needed | [1, 9999] |" in text


@pytest.mark.parametrize("notebook", ["mix", "dream", "serve"])
def test_the_forms_of_notebooks_are_made_from_the_settings(notebook, root):
    text = (root / f"examples/{notebook}.ipynb").read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
    forms = [found for found in map(FORM.fullmatch, lines) if found]
    kind = describe.CLASSES["dream" if notebook == "dream" else "mix"]
    known = {field.name for field in dataclasses.fields(kind)}
    checked = 0
    for found in forms:
        name, value = found[1], found[2]
        if name in known:
            shown = describe.form(kind, name, json.loads(value))
            assert found[0] == shown
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "alpha",
            0.5,
            'alpha = 0.5  # @param {type:"slider", min:0, max:1, step:0.05}',
        ),
        ("steps", 9, 'steps = 9  # @param {type:"integer"}'),
        ("tv", 0.1, 'tv = 0.1  # @param {type:"number"}'),
        ("f1", "mixed3", 'f1 = "mixed3"  # @param {type:"string"}'),
        ("color", "match", 'color = "match"  # @param ["style", "content", "match"]'),
        ("flips", True, 'flips = True  # @param {type:"boolean"}'),
    ],
)
def test_a_form_offers_what_a_setting_may_be(name, value, line):
    assert describe.form(describe.CLASSES["mix"], name, value) == line


def test_values_are_told_in_a_few_words():
    fields = {f.name: of(f) for f in dataclasses.fields(describe.CLASSES["mix"])}
    assert describe.values(fields["flips"]) == "true, false"
    assert describe.values(fields["style_scale"]) == "several in [0.05, 1e+06]"
    assert describe.values(fields["loss"]) == "`relative` `gatys`"
    assert describe.values(fields["init"]).endswith("`pieces` or a picture")
