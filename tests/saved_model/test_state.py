"""A packed state: a nest of tensors as one string, and back."""

import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.saved_model.state import DIGITS, checksum, pack, unpack

NEST = {
    "numbers": (tf.constant(7), [tf.random.stateless_uniform([2, 3, 1], [0, 0])]),
    "text": tf.constant(b"\0\xff bytes"),
    "levels": tf.constant([1, 2], tf.uint8),
    "none": tf.zeros([0, 4]),
}
SPECS = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), NEST)


@pytest.mark.parametrize("head", [b"", b"before "])
def test_a_state_comes_back_as_it_was(head):
    state = tf.constant(head) + pack(NEST)
    unpacked = unpack(state, SPECS, len(head))
    tf.nest.assert_same_structure(unpacked, NEST)
    pairs = zip(tf.nest.flatten(unpacked), tf.nest.flatten(NEST), strict=True)
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_state_that_does_not_fit_is_refused():
    state = pack(NEST).numpy()
    other = SPECS | {"levels": tf.TensorSpec([3], tf.uint8)}
    kind = SPECS | {"levels": tf.TensorSpec([2], tf.int32)}
    for text, specs in (
        (state, other),
        (state, kind),
        (state[:40], SPECS),
        (b"", SPECS),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            unpack(tf.constant(text), specs)


def test_a_checksum_differs_for_damaged_strings():
    state = pack(NEST).numpy()
    sums = {
        checksum(tf.constant(text)).numpy()
        for text in (state, state[:-1], state + b"\0", state.replace(b"\xff", b"\xfe"))
    }
    assert len(sums) == 4
    assert {len(each) for each in sums} == {DIGITS}
