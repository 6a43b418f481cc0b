"""Slabs: a function of pixels gives the same, however many rows it gets at a time."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.ops import slabs
from vectormix_tf.ops.chroma import _enlarged, limit_chroma, palette
from vectormix_tf.ops.color import color_with, recolor
from vectormix_tf.ops.slabs import by_rows


def image(seed, height=37, width=20, channels=3):
    drawn = np.random.default_rng(seed).uniform(size=(1, height, width, channels))
    return tf.constant(drawn, tf.float32)


def test_each_slab_has_no_more_pixels_and_all_rows_come_once(monkeypatch):
    monkeypatch.setattr(slabs, "SLAB", 100)  # five rows of 20
    seen = []

    def doubled(first, second):
        seen.append(first.shape[1])
        return 2 * first + second[..., :1]

    first, second = image(0), image(1)
    found = by_rows(doubled, first, second)
    np.testing.assert_array_equal(found, 2 * first + second[..., :1])
    assert seen == [5] * 7 + [2]


def test_a_row_is_never_cut(monkeypatch):
    monkeypatch.setattr(slabs, "SLAB", 1)
    np.testing.assert_array_equal(by_rows(tf.identity, image(0, 3)), image(0, 3))


def test_in_a_graph_nothing_is_cut(monkeypatch):
    monkeypatch.setattr(slabs, "SLAB", 100)
    calls = []

    @tf.function(autograph=False)
    def graph(pixels):
        return by_rows(lambda each: calls.append(each.shape[1]) or each, pixels)

    np.testing.assert_array_equal(graph(image(0)), image(0))
    assert calls == [37]


def assert_alike(found, whole):
    """Close, and the same in 8 bits."""
    np.testing.assert_allclose(found, whole, atol=1e-5)
    levels = (np.rint(255 * np.asarray(each)) for each in (found, whole))
    np.testing.assert_array_equal(*levels)


def test_chroma_is_limited_alike_in_slabs(monkeypatch):
    picture, palettes = image(2), [palette(image(3)), palette(image(4))]
    weights = [image(5, channels=1), 0.3]
    whole = limit_chroma(picture, palettes, weights)
    monkeypatch.setattr(slabs, "SLAB", 100)
    found = limit_chroma(picture, palettes, weights)
    assert_alike(found, whole)


@pytest.mark.parametrize("height", [37, 38, 101, 400])
def test_rows_of_an_enlarged_picture_are_those_of_the_whole(height):
    small = image(9)
    rows_of = _enlarged(small, tf.constant([height, 75]))
    parts = [rows_of(slice(top, min(top + 7, height))) for top in range(0, height, 7)]
    whole = tf.image.resize(small, [height, 75])
    # Not even a rounding apart, unless a processor multiplies and adds at once.
    np.testing.assert_allclose(tf.concat(parts, 1), whole, rtol=0, atol=1e-7)


def test_colors_of_another_picture_are_taken_alike_in_slabs(monkeypatch):
    picture, other = image(10), image(11)
    whole = by_rows(color_with, picture, other)
    monkeypatch.setattr(slabs, "SLAB", 100)
    found = by_rows(color_with, picture, other)
    assert_alike(found, whole)


def test_a_picture_is_recolored_alike_in_slabs(monkeypatch):
    picture, other, weights = image(6), image(7, 90), image(8, channels=1)
    whole = recolor(picture, other, weights=weights)
    monkeypatch.setattr(slabs, "SLAB", 100)
    np.testing.assert_allclose(
        recolor(picture, other, weights=weights), whole, atol=1e-6
    )
