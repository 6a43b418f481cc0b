"""Names of ImageNet's classes: the right one at each number, found as people write."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.config import classes
from vectormix_tf.errors import InputError

repeatable = settings(max_examples=200)

LINES = [line.split(", ") for line in classes.LABELS.read_text("utf-8").splitlines()]
ALL = [(number, name) for number, line in enumerate(LINES) for name in line]

# As Keras, torchvision and the challenge's own list count them.
KNOWN = {
    0: "tench",
    87: "African grey",
    88: "macaw",
    207: "golden retriever",
    281: "tabby",
    388: "giant panda",
    639: "maillot",
    817: "sports car",
    980: "volcano",
    985: "daisy",
    999: "toilet tissue",
}


@pytest.mark.parametrize("number, name", KNOWN.items())
def test_a_class_has_its_number(number, name):
    assert classes.names()[number] == name
    assert number in classes.find(name)


def test_there_is_a_name_for_each_of_the_1000_classes():
    names = classes.names()
    assert len(names) == 1000 and all(name.strip() == name != "" for name in names)
    assert sorted(n for n in set(names) if names.count(n) > 1) == ["crane", "maillot"]


def test_the_labels_are_those_of_the_notice():
    digest = hashlib.sha256(classes.LABELS.read_bytes()).hexdigest()
    notice = classes.LABELS.with_name("NOTICE").read_text("utf-8")
    assert digest in notice
    assert "timm" in notice and "Princeton" in notice


# --- What is found --------------------------------------------------------------------


@repeatable
@given(st.sampled_from(ALL), st.data())
def test_a_name_is_found_however_it_is_written(pair, data):
    number, name = pair
    parts = name.replace("-", " ").split()
    joints = st.sampled_from([" ", "_", "-", "", "  "])
    text = parts[0]
    for part in parts[1:]:
        text += data.draw(joints) + part
    change = data.draw(st.sampled_from([str, str.upper, str.lower, str.title]))
    ending = data.draw(st.sampled_from(["", " "] if text.endswith("s") else ["", "s"]))
    assert number in classes.find(change(text) + ending)


@pytest.mark.parametrize("number", range(0, 1000, 37))
def test_a_number_is_taken_as_that_class(number):
    assert classes.find(str(number)) == classes.find(f" {number} ") == [number]


def test_classes_that_share_a_name_are_all_found():
    assert classes.find("crane") == [134, 517]
    assert classes.find("panda") == [387, 388]


def test_a_synonym_finds_its_class_once():
    assert classes.find("panda bear") == [388]
    assert classes.find("king snake") == classes.find("kingsnake") == [56]


@pytest.mark.parametrize("word, members", classes.WORDS.items())
def test_a_common_word_stands_for_several_classes(word, members):
    found = classes.find(word)
    assert found == classes.find(f" {word.title()}s") == sorted(set(found))
    # Each of its members is one class, and no word hides a class of that name.
    assert [classes.find(name) for name in members.split(", ")] == [
        [number] for number in map(classes.names().index, members.split(", "))
    ]
    assert len(found) == len(members.split(", ")) > 1
    assert word not in {name.casefold() for _, name in ALL}


def test_a_parrot_is_one_of_four():
    assert classes.find("parrot") == [87, 88, 89, 90]


def test_what_was_found_may_be_changed():
    classes.find("parrot").clear()
    assert classes.find("parrot")


# --- What is not ----------------------------------------------------------------------


@repeatable
@given(st.text(max_size=12) | st.text("0123456789-. s", max_size=6))
def test_any_text_is_classes_or_an_input_error(text):
    try:
        found = classes.find(text)
    except InputError as error:
        assert "ImageNet has no class" in str(error)
        assert len(str(error).splitlines()) == 1
    else:
        assert found and all(0 <= number < 1000 for number in found)
        assert found == sorted(set(found))


@pytest.mark.parametrize(
    "text, close",
    [
        ("volcanoes", "volcano"),
        ("parot", "parrot"),
        ("Persan cat", "Persian cat"),
        ("gian panda", "giant panda"),
        ("GOLDEN RETREIVER", "golden retriever"),
    ],
)
def test_an_unknown_name_gets_the_close_ones(text, close):
    said = refusal(classes.find, text)
    assert repr(text) in said
    assert close in said.partition("did you mean ")[2].strip("?").split(" or ")


def test_a_part_of_names_gets_them_one_for_each_class():
    said = refusal(classes.find, "Sharks")
    hint = "did you mean great white shark or tiger shark or hammerhead shark?"
    assert said == f"ImageNet has no class 'Sharks'; {hint}"
    assert refusal(classes.find, "terrier").count(" or ") == classes.MOST_HINTS - 1


@pytest.mark.parametrize("text", ["", " ", "1000", "-1", "88.0", "0x1", "9" * 5000])
def test_what_is_like_nothing_is_told_what_there_is(text):
    said = refusal(classes.find, text)
    assert said.endswith(
        "such as macaw, a word such as parrot, or a number below 1000."
    )
