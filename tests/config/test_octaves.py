"""Octaves of a run: sizes and steps."""

import warnings

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import LARGE, Octave, plan, reduced
from vectormix_tf.errors import Notice

cases = settings(max_examples=50)


@cases
@given(
    st.integers(75, 8192),
    st.integers(75, 8192),
    st.integers(1, 8),
    st.floats(1.05, 3),
)
def test_octaves_grow_to_the_full_size(height, width, count, scale):
    assume(min(height, width) / max(height, width) >= 75 / (LARGE / 2))  # no panorama
    chosen = MixSettings(octaves=count, octave_scale=scale, steps=40, octave_steps=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        octaves = plan((height, width), chosen, min(height, width))
    sizes = [octave.size for octave in octaves]
    assert sizes[-1] == (height, width)
    assert sizes == sorted(sizes)
    usual = [octave for octave in octaves if max(octave.size) <= LARGE]
    assert 1 <= len(usual) <= count
    assert [octave.steps for octave in usual] == [*chosen.all_steps[: len(usual)]]
    assert all(min(octave.size) >= 75 for octave in usual[:-1])
    for low, high in zip(usual, usual[1:], strict=False):
        ratio = max(high.size) / max(low.size)
        assert ratio == pytest.approx(scale, abs=0.02 * scale)
    for low, high in zip(sizes[len(usual) - 1 :], sizes[len(usual) :], strict=False):
        assert max(high) / max(low) == pytest.approx(2, abs=0.01)
    assert {octave.steps for octave in octaves[len(usual) :]} <= {chosen.finish_steps}


def test_octaves_below_the_minimum_are_left_out_with_a_notice():
    chosen = MixSettings(octaves=3, octave_scale=2.0, steps=5)
    with pytest.warns(Notice, match="1 of 3 octaves would be under 75 pixels"):
        found = plan((200, 300), chosen, 200)
    assert found == [Octave((100, 150), 5), Octave((200, 300), 5)]
    with pytest.warns(Notice, match="2 of 3"):  # the style is narrow
        assert plan((200, 300), chosen, 80) == [Octave((200, 300), 5)]


def test_large_pictures_are_finished_by_few_steps():
    found = plan((3000, 4000), MixSettings(steps=50), 3000)
    assert found == [
        Octave((750, 1000), 50),
        Octave((1500, 2000), 8),
        Octave((3000, 4000), 8),
    ]
    few = DreamSettings(steps=3, octaves=1)  # never more than there were before
    assert [octave.steps for octave in plan((1025, 199), few, 199)] == [3, 3]


def test_all_steps_may_be_at_full_size():
    chosen = MixSettings(steps=50, finish_steps=0)
    assert plan((3000, 4000), chosen, 3000) == [Octave((3000, 4000), 50)]


def test_a_size_is_divided_side_by_side():
    assert reduced((100, 151), 2) == (50, 76)


@pytest.mark.parametrize("short", [75, 140, 149, 160, 300])
def test_a_panorama_starts_no_smaller_than_the_network_accepts(short):
    found = plan((short, 8000), MixSettings(), short)
    assert min(found[0].size) >= 75
    assert found[-1].size == (short, 8000)
    assert min(found[0].size) < 150  # and no larger than it must
