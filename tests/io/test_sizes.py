"""The size of a result: the one asked for, or the least that the network accepts."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.errors import Notice
from vectormix_tf.io import images
from vectormix_tf.io.sizes import Need, result_size, style_size

NEED = Need(75, "InceptionV3")


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 300))
def test_the_least_size_is_the_least_that_leaves_the_short_side_its_pixels(
    one, other, least
):
    short, long = sorted((one, other))
    size = images.least_size(short, long, least)
    assert min(images.scaled_side(short, long, size), size) >= least
    if size > least:
        assert images.scaled_side(short, long, size - 1) < least


@pytest.mark.parametrize("sides", [(200, 2000), (2000, 200), (40, 400)])
def test_a_panorama_becomes_larger_than_the_default_size_with_a_notice(sides):
    with pytest.warns(Notice, match="and InceptionV3 needs 75 a side: it becomes"):
        found = result_size(sides, 512, 512, NEED, "picture")
    assert found == ((75, 745) if sides[0] < sides[1] else (745, 75))


@pytest.mark.parametrize("size", [0, 300, 512])
def test_a_picture_that_is_wide_enough_has_the_size_asked_for(size):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = result_size((200, 700), size, 512, NEED, "picture")
    assert found == images.fitted_size(200, 700, size)


@pytest.mark.parametrize(
    ("sides", "size", "enough"),
    [((200, 2000), 300, 745), ((60, 60), 0, 75), ((70, 2000), 0, 2129)],
)
def test_a_size_that_was_chosen_is_refused_and_one_that_works_is_named(
    sides, size, enough
):
    text = refusal(result_size, sides, size, 512, NEED, "picture")
    assert f"choose a larger `size`, at least {enough}, or" in text
    assert min(result_size(sides, enough, 512, NEED, "picture")) == 75


def test_a_strip_that_would_be_too_long_is_refused_in_a_line_that_says_why():
    text = refusal(result_size, (20, 10_000), 512, 512, NEED, "content picture")
    assert text == (
        "the content picture is 10000 x 20 pixels: for the 75 pixels a side that"
        " InceptionV3 needs, it would have to be 37250 long, and the most is 32768; cut"
        " it shorter."
    )
    served = NEED._replace(most=744)
    text = refusal(result_size, (200, 2000), 512, 512, served, "picture")
    assert "have to be 745 long, and the most is 744" in text


def test_a_style_that_is_a_strip_is_seen_larger_with_a_notice():
    with pytest.warns(Notice, match="512 x 51 pixels.*it is seen as 745 x 75"):
        size, scale = style_size((200, 2000), 512, 1.0, NEED)
    assert size == (75, 745) and round(512 * scale) == 745
    assert style_size((400, 600), 512, 0.5, NEED) == ((171, 256), 0.5)


def test_a_style_scale_that_was_chosen_is_refused_and_one_that_works_is_named():
    text = refusal(style_size, (200, 2000), 512, 0.6, NEED)
    assert "choose a larger `style_scale`, at least 1.46, or" in text
    assert min(style_size((200, 2000), 512, 1.46, NEED)[0]) == 75


def test_a_style_with_fewer_pixels_than_the_network_needs_is_refused():
    text = refusal(style_size, (74, 200), 512, 1.0, NEED)
    assert "is 200 x 74 pixels, and InceptionV3 needs 75 a side; choose" in text
