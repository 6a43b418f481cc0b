"""Where a part of a layer is: what it owns, what counts, what is drawn."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.objectives.sums import add
from vectormix_tf.ops.regions import Observed, Place, keep, kept, place, whole
from vectormix_tf.optim.tiles import cut_side

cases = settings(max_examples=25)


def layer(height, width, channels=3):
    drawn = np.random.default_rng(0).random([1, height, width, channels])
    return tf.constant(drawn, tf.float32)


def parts(cells, tile, overlap):
    """(place, cells of the part) of each part of a layer."""
    size = cells.shape[1:3]
    for rows in cut_side(size[0], tile, overlap, 1):
        for columns in cut_side(size[1], tile, overlap, 1):
            sides = rows, columns
            numbers = [[getattr(s, w) for s in sides] for w in FIELDS]
            at = Place(*tf.constant([list(size), *numbers]))
            yield at, cells[:, rows.start : rows.stop, columns.start : columns.stop]


FIELDS = ("start", "first", "last")


def test_the_interior_weighs_one_inside_and_nothing_at_the_border():
    cells = layer(5, 6)
    expected = np.zeros([1, 5, 6, 1])
    expected[:, 2:3, 2:4] = 1
    weights = place("a", {"a": cells}).inner(cells, 2)
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(
    ("length", "inside"), [(1, [1]), (2, [1, 1]), (3, [0, 1, 0]), (4, [0, 1, 1, 0])]
)
def test_the_middle_of_a_small_layer_always_counts(length, inside):
    cells = layer(length, 9)
    weights = place("a", {"a": cells}).inner(cells, 3).numpy()
    np.testing.assert_array_equal(weights[0, :, 4, 0], inside)


@cases
@given(
    height=st.integers(6, 40),
    width=st.integers(6, 40),
    tile=st.integers(3, 20),
    overlap=st.integers(0, 5),
    margin=st.integers(0, 4),
)
def test_parts_count_what_the_whole_counts(height, width, tile, overlap, margin):
    cells = layer(height, width)
    at = whole(tf.constant([height, width]))
    whats = {
        "inner": lambda place, part: place.inner(part, margin),
        "middle": lambda place, part: place.middle(part),
    }
    for what in whats.values():
        expected = tf.reduce_sum(cells * what(at, cells), [1, 2])
        found = [
            tf.reduce_sum(part * what(place, part), [1, 2])
            for place, part in parts(cells, tile, overlap)
        ]
        np.testing.assert_allclose(tf.add_n(found), expected, rtol=1e-5)


@cases
@given(
    height=st.integers(6, 40),
    width=st.integers(6, 40),
    tile=st.integers(3, 20),
    most=st.integers(1, 99),
)
def test_parts_draw_the_sample_of_the_whole(height, width, tile, most):
    cells, at = layer(height, width), whole(tf.constant([height, width]))
    numbers, owned = at.sample(most, width)
    assert len(numbers) <= most and np.all(owned)
    np.testing.assert_array_equal(np.unique(numbers), numbers)  # each once, in a row
    wanted = tf.gather(tf.reshape(cells, [-1, 3]), numbers)
    found = tf.zeros_like(wanted)
    for place_, part in parts(cells, tile, 2):
        numbers, owned = place_.sample(most, part.shape[2])
        few = tf.gather(tf.reshape(part, [-1, 3]), numbers)
        found += few * tf.cast(owned, tf.float32)[:, tf.newaxis]
    np.testing.assert_array_equal(found, wanted)


def test_what_is_kept_comes_back_where_a_part_owns_it():
    cells = layer(20, 17)
    for at, part in parts(cells, 6, 2):
        observed = Observed({"a": part}, {"a": at})
        own = keep("a", observed)
        assert isinstance(own, np.ndarray)
        back = tf.reshape(kept(own, "a", observed), part.shape)
        np.testing.assert_array_equal(back, part * at.inner(part))
        packing = Observed({"a": part}, {"a": at}, packs=True)
        packed = keep("a", packing)
        assert packed.roots.nbytes == own.size
        found = at.own(tf.reshape(kept(packed, "a", packing), part.shape))
        span = np.ptp(own, axis=(0, 1, 2))
        root = np.sqrt((own - own.min(axis=(0, 1, 2))) / span)
        finest = span * (root / 255 + (0.5 / 255) ** 2)  # half a level of the root
        assert np.all(np.abs(found - own) <= finest + 1e-6)
        np.testing.assert_array_equal(
            np.min(found, axis=(0, 1, 2)), np.min(own, axis=(0, 1, 2))
        )
    assert keep("a", {"a": cells}) is cells
    np.testing.assert_array_equal(kept(cells, "a", {"a": cells})[1], cells[0, 0, 1])


def test_sums_of_parts_add_up_by_name():
    one = {"a": (tf.constant(1.0), [tf.constant(2.0)]), "b": tf.constant(3.0)}
    other = {"a": (tf.constant(10.0), [tf.constant(20.0)]), "c": tf.constant(30.0)}
    found = add({0: one}, {0: other, 1: tf.constant(5.0)})
    assert {key: value.numpy() for key, value in found[0].items() if key != "a"} == {
        "b": 3.0,
        "c": 30.0,
    }
    assert float(found[0]["a"][0]) == 11 and float(found[0]["a"][1][0]) == 22
    assert float(found[1]) == 5
