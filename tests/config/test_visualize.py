"""Which channels are shown, and how: every mistake is one line that helps."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.config.visualize import VisualizeSettings, parse_channels

repeatable = settings(max_examples=200)


def test_what_is_visualized_by_default_is_a_few_channels_of_what_a_dream_amplifies():
    chosen = VisualizeSettings()
    assert (chosen.layer, chosen.channels) == ("mixed6", "0-7")
    options = {"backbone": "vgg16", "weights": "imagenet"}
    assert VisualizeSettings(**options).layer == "conv4_3"


def test_each_setting_of_a_visualization_is_described():
    for field in dataclasses.fields(VisualizeSettings):
        assert f"        {field.name}: " in VisualizeSettings.__doc__


@pytest.mark.parametrize(
    "given, words",
    [
        ({"layer": "mixed99"}, "`layer` must be one of"),
        ({"layer": "mixed4:2"}, "did you mean"),
        ({"layer": "conv1a", "backbone": "vgg16", "weights": "imagenet"}, "`layer`"),
        ({"channels": "9-1"}, "`channels` must be numbers and ranges"),
        ({"channels": []}, "`channels` must be numbers and ranges"),
        ({"channels": 1.5}, "received 1.5"),
        ({"channels": True}, "received 'True'"),
        ({"channels": [3, -1]}, "received '3,-1'"),
        ({"channels": "4,2-5"}, "`channels` names 4 twice; name it once: 4,2-5"),
        ({"size": 74}, "`size` must be in [75, "),
        ({"size": 0}, "`size` must be in [75, "),
        ({"steps": 0}, "`steps` must be in [1, "),
        ({"diversity": 0}, "`diversity` must be in [1, "),
        ({"batch": 1.0}, "`batch` must be a whole number"),
        ({"seed": -1}, "`seed` must be in [0, "),
        ({"objective": "sum"}, "`objective` must be one of mean, square"),
        ({"canvas": "oil"}, "`canvas` must be one of fourier, pixels"),
        ({"neuron": 1}, "`neuron` must be true or false"),
        ({"transforms": "no"}, "`transforms` must be true or false"),
        ({"blur": -1.0}, "`blur` must be in [0, "),
        ({"blur": 1.0, "canvas": "pixels"}, "`blur` needs `canvas` fourier"),
        ({"tv": -0.1}, "`tv` must be in [0, "),
        ({"learning_rate": 0.0}, "`learning_rate` must be in [1e-09, "),
        ({"weights": "none.npz"}, "there is no file 'none.npz'"),
        ({"backbone": "alexnet"}, "`backbone` must be one of"),
    ],
)
def test_a_mistake_in_a_visualization_is_one_line(given, words):
    assert words in refusal(VisualizeSettings, **given)


@pytest.mark.parametrize(
    "given, channels",
    [
        ("42", [42]),
        ("0-3", [0, 1, 2, 3]),
        ("1, 5,9-11 ", [1, 5, 9, 10, 11]),
        ("7-7", [7]),
        ("5,1", [5, 1]),
        ("all", None),
        (7, [7]),
        ([3, 1], [3, 1]),
        (range(2, 4), [2, 3]),
        (np.int64(7), [7]),
    ],
)
def test_channels_are_read_in_their_order(given, channels):
    assert parse_channels(VisualizeSettings(channels=given).channels) == channels


@repeatable
@given(st.lists(st.integers(0, 9999), min_size=1, unique=True))
def test_channels_that_are_given_come_back(numbers):
    assert parse_channels(",".join(map(str, numbers))) == numbers


@repeatable
@given(st.text("0123456789,- al", max_size=12))
def test_any_text_is_channels_or_one_line(text):
    try:
        channels = parse_channels(text)
    except ValueError as error:
        assert "`channels`" in str(error) and len(str(error).splitlines()) == 1
        return
    assert channels is None or len(channels) == len(set(channels)) > 0
