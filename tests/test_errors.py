"""Checks take what they should and tell the rest in one line."""

import pathlib

from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.errors import (
    InputError,
    check_choice,
    check_integer,
    check_number,
    close_names,
    is_known_or_file,
)

repeatable = settings(max_examples=200)


def test_close_names_are_at_most_three_or_else_all():
    known = ("noise", "style", "content", "recolored")
    assert close_names("nose", known) == "did you mean noise?"
    assert close_names("zzzzzz", iter(known)) == f"choose from {', '.join(known)}."
    many = [f"mixed{i}" for i in range(9)]
    assert close_names("mixed", many).count("mixed") == 3


@repeatable
@given(st.integers(), st.integers(-50, 50), st.integers(0, 50))
def test_check_integer_takes_what_is_between_and_nothing_else(value, low, more):
    if low <= value <= low + more:
        check_integer("n", value, low, low + more)
    else:
        assert "`n`" in refusal(check_integer, "n", value, low, low + more)


@repeatable
@given(st.floats(), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_check_number_takes_what_is_between_and_nothing_else(value, low, more):
    if low <= value <= low + more:
        check_number("x", value, low, low + more)
    else:
        assert "`x`" in refusal(check_number, "x", value, low, low + more)


def test_check_choice_takes_only_what_is_known():
    check_choice("norm", "plain", ("plain", "squared"))
    said = refusal(check_choice, "norm", "squares", ("plain", "squared"))
    assert "`norm` must be one of plain, squared" in said
    assert "did you mean squared?" in said


def test_a_mistake_is_a_value_error_too():
    assert issubclass(InputError, ValueError)


def test_a_mistake_is_told_in_one_line():
    assert str(InputError("a file\nwith a line break")) == "a file with a line break"


def test_a_known_name_or_a_file_is_found_as_text_or_path(tmp_path):
    file = tmp_path / "here"
    assert not is_known_or_file(str(file), ("noise",))
    file.write_bytes(b"")
    assert is_known_or_file(str(file), ("noise",))
    assert is_known_or_file(pathlib.Path(file), ("noise",))
    assert is_known_or_file("noise", ("noise",)) and not is_known_or_file(3, ("3",))
