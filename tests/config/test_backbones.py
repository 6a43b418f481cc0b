"""Names of layers, and what a backbone says of itself."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.config.backbones import (
    BACKBONES,
    check_backbone,
    check_channels,
    check_weights,
    parse_layers,
    split_channels,
    whole_layers,
)
from vectormix_tf.errors import InputError

INCEPTION = BACKBONES["inception_v3"]

repeatable = settings(max_examples=200)

weights = st.one_of(st.floats(1e-6, 1e6), st.floats(-1e6, -1e-6))
chosen_layers = st.dictionaries(st.sampled_from(INCEPTION.layers), weights, min_size=1)
spaces = st.text(" \t", max_size=2)


@repeatable
@given(chosen_layers)
def test_a_list_of_layers_is_read_back_as_it_was_written(layers):
    text = ",".join(f"{name}:{weight!r}" for name, weight in layers.items())
    assert list(parse_layers(text).items()) == list(layers.items())


@repeatable
@given(st.lists(st.sampled_from(INCEPTION.layers), min_size=1, unique=True))
def test_a_layer_without_a_weight_has_weight_1(names):
    assert parse_layers(",".join(names)) == dict.fromkeys(names, 1.0)


@repeatable
@given(chosen_layers, st.data())
def test_spaces_around_names_and_weights_are_ignored(layers, data):
    def loose(part):
        return data.draw(spaces) + part + data.draw(spaces)

    text = ",".join(f"{loose(n)}:{loose(repr(w))}" for n, w in layers.items())
    assert parse_layers(text) == layers


@repeatable
@given(st.text(st.sampled_from("mixedconv0123ab/:,. -e"), max_size=20))
def test_any_text_is_layers_or_an_input_error(text):
    try:
        layers = parse_layers(text)
    except InputError as error:
        assert "`layers`" in str(error)
    else:
        assert layers and set(layers) <= set(INCEPTION.layers)
        assert all(math.isfinite(w) and w != 0 for w in layers.values())


@pytest.mark.parametrize("text", ["", " ", ",", "mixed3,", ",mixed3", ":1", "mixed3,,"])
def test_a_gap_in_the_list_shows_how_a_list_looks(text):
    said = refusal(parse_layers, text, "f2")
    assert "`f2` must be a list like mixed3:1,mixed5:0.5" in said
    assert repr(text) in said


@pytest.mark.parametrize("value", [None, 3, ["mixed3"], {"mixed3": 1}, b"mixed3"])
def test_what_is_no_text_is_no_list_of_layers(value):
    said = refusal(parse_layers, value, "f1")
    assert "`f1` must be a list of layers" in said and repr(value) in said


@pytest.mark.parametrize(
    "text, close",
    [("mixd3", "mixed3"), ("mixed4:1,conv4", "conv4a"), ("Mixed5", "mixed5")],
)
def test_an_unknown_layer_gets_the_close_ones(text, close):
    said = refusal(parse_layers, text, "f1")
    assert "`f1` names an unknown layer" in said
    assert close in said.split("did you mean")[1]
    assert "`vectormix layers` lists them" in said


def test_a_layer_like_no_other_gets_the_command_that_lists_them():
    said = refusal(parse_layers, "qqq")
    assert "'qqq'" in said and "`vectormix layers` lists them" in said
    assert "did you mean" not in said


def test_a_layer_named_twice_is_refused_by_name():
    assert "names mixed3 twice" in refusal(parse_layers, "mixed3:1,mixed5,mixed3:2")


@pytest.mark.parametrize(
    "weight",
    ["nan", "inf", "-inf", "0", "-0.0", "", "x", "1:2", "0x1", "1e999", "1e38", "-1e7"],
)
def test_a_weight_that_is_no_number_or_would_overflow_is_refused(weight):
    said = refusal(parse_layers, f"mixed3:{weight}", "f1")
    assert "the weight of mixed3 in `f1`" in said and repr(weight) in said


def test_the_example_of_a_list_is_one_for_the_backbone():
    for name, network in BACKBONES.items():
        said = refusal(parse_layers, "", "f2", name)
        example = said.partition("a list like ")[2].partition(";")[0]
        assert set(parse_layers(example, "f2", name)) <= set(network.layers)


# --- Backbones ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layers, stage",
    [
        (["conv1a"], "mixed5"),
        (["mixed5", "mixed5/2"], "mixed5"),
        (["mixed6/0", "conv1a"], "mixed10"),
        (["mixed10"], "mixed10"),
        (["logits", "mixed0"], "logits"),
        (None, "logits"),
    ],
)
def test_a_network_is_loaded_up_to_the_next_stage(layers, stage):
    assert INCEPTION.stage(layers) == stage


def test_a_network_without_stages_is_loaded_whole():
    assert BACKBONES["vgg16"].stage(["conv1_1"]) == BACKBONES["vgg16"].layers[-1]


def test_the_default_layers_of_mixes_are_in_the_first_stage():
    layers = [*parse_layers(INCEPTION.f1), *parse_layers(INCEPTION.f2)]
    assert INCEPTION.stage(layers) == "mixed5"


@pytest.mark.parametrize("backbone", BACKBONES)
def test_each_backbone_s_defaults_are_layers_of_its_own(backbone):
    network = BACKBONES[backbone]
    for text in (network.f1, network.f2, network.dream):
        assert set(parse_layers(text, "f1", backbone)) <= set(network.layers)
    assert network.minimum >= 32


def test_vgg_has_the_names_of_the_paper():
    layers = BACKBONES["vgg16"].layers
    assert layers[:4] == ("conv1_1", "conv1_2", "pool1", "conv2_1")
    assert layers[-2:] == ("conv5_3", "pool5") and len(layers) == 13 + 5
    deeper = BACKBONES["vgg19"].layers
    assert deeper[-2:] == ("conv5_4", "pool5") and len(deeper) == 16 + 5


def test_a_residual_network_has_one_name_for_each_block():
    layers = BACKBONES["resnet50"].layers
    assert layers[:2] == ("conv1", "conv2_1") and layers[-1] == "conv5_3"
    assert len(layers) == 1 + 3 + 4 + 6 + 3


def test_weights_are_checked_against_the_backbone(tmp_path):
    check_weights("bundled")
    check_weights("imagenet", "vgg19")
    said = refusal(check_weights, "bundled", "vgg19")
    assert "the bundled weights are InceptionV3's; for vgg19 give" in said
    missing = str(tmp_path / "none.h5")
    assert "there is no file" in refusal(check_weights, missing, "vgg19")


def test_average_pooling_is_for_those_that_it_suits():
    for name, network in BACKBONES.items():
        check_backbone(name, "max")
        if network.averages:
            check_backbone(name, "average")
        else:
            said = refusal(check_backbone, name, "average")
            assert f"vgg16, vgg19 only; received it for {name}" in said
    assert "did you mean average?" in refusal(check_backbone, "vgg16", "averages")
    assert "did you mean vgg19" in refusal(check_backbone, "vgg-19")


@repeatable
@given(st.integers(0, 999), st.integers(0, 999))
def test_channels_are_read_back_as_they_were_written(one, other):
    first, last = sorted([one, other])
    assert split_channels(f"mixed4/0#{first}-{last}") == (
        "mixed4/0",
        range(first, last + 1),
    )
    assert split_channels(f"mixed4#{one}") == ("mixed4", range(one, one + 1))
    assert split_channels("mixed4") == ("mixed4", None)


@pytest.mark.parametrize("text", ["#", "#x", "#-1", "#3-2", "#1-", "#1,2", "#1e3"])
def test_what_is_no_channel_is_told(text):
    assert "mixed4#42 or mixed4#0-31" in refusal(split_channels, f"mixed4{text}")


def test_only_what_is_amplified_may_be_part_of_a_layer():
    text = "mixed4#0-31:0.5,mixed4#40:-1,mixed3"
    assert parse_layers(text, channels=True) == {
        "mixed4#0-31": 0.5,
        "mixed4#40": -1.0,
        "mixed3": 1.0,
    }
    assert whole_layers([text, "mixed0"]) == ["mixed4", "mixed3", "mixed0"]
    assert "`f1` takes whole layers" in refusal(parse_layers, "mixed4#1", "f1")


def test_a_channel_that_a_layer_does_not_have_is_refused_with_the_range():
    counts = {"mixed4": 768, "conv1a": 32}
    check_channels(["mixed4#767", "conv1a#0-31", "mixed4"], counts)
    for name in ("mixed4#768", "conv1a#31-32"):
        layer = name.partition("#")[0]
        says = refusal(check_channels, [name], counts)
        assert name in says and f"0 to {counts[layer] - 1}" in says
