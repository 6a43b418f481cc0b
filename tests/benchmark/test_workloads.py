"""Settings of a benchmark, and its workloads and pictures."""

import numpy as np
import pytest
from mistakes import refusal

from vectormix_tf.benchmark.workloads import (
    PRECISIONS,
    BenchmarkSettings,
    Workload,
    noise,
    parse_sizes,
    split,
)
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError


def test_sizes_are_lists_and_repeated_flags_each_once_in_order():
    assert parse_sizes(["512, 256", "96", "256"]) == (96, 256, 512)


@pytest.mark.parametrize("text", ["", "256,", "2.5", "256x256", "large"])
def test_sizes_that_are_not_whole_numbers_are_refused(text):
    assert "whole numbers" in refusal(parse_sizes, [text])


def test_lists_of_names_may_have_spaces():
    assert split(["float32, bfloat16", "auto"]) == ["float32", "bfloat16", "auto"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recipes", ()),
        ("recipes", ("zoom",)),
        ("sizes", ()),
        ("sizes", (74,)),
        ("sizes", (40000,)),
        ("precisions", ()),
        ("precisions", ("auto",)),
        ("rounds", 0),
        ("steps", 0),
        ("steps", 10**6),
        ("startup", "no"),
    ],
)
def test_an_error_names_the_wrong_setting(name, value):
    with pytest.raises(InputError, match=f"`{name}`"):
        BenchmarkSettings(**{name: value})


def test_workloads_are_all_recipes_sizes_and_precisions():
    workloads = BenchmarkSettings(sizes=(96, 128)).workloads()
    assert len(set(workloads)) == len(workloads) == 2 * 2 * len(PRECISIONS)


def test_a_workload_has_the_default_settings_at_its_size():
    own = {"size": 96, "precision": "bfloat16"}
    assert Workload("mix", *own.values()).settings() == MixSettings(**own)
    settings = Workload("dream", *own.values()).settings(steps=3)
    assert settings == DreamSettings(steps=3, **own)


def test_noise_is_smooth_seeded_and_a_picture():
    image = noise(96)
    assert image.shape == (1, 96, 96, 3) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1 and image.std() > 0.1
    assert np.abs(np.diff(image, axis=1)).max() < 0.2
    np.testing.assert_array_equal(image, noise(96))
    assert np.abs(image - noise(96, 2)).max() > 0.1
