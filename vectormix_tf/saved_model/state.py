"""States: where a run stands, as one string that a client keeps between two calls."""

from typing import Any

import tensorflow as tf

DIGITS = 12  # of a length
HASHES = 10**DIGITS - 1


def pack(tensors: Any) -> tf.Tensor:
    """Returns a nest of tensors as a string scalar: their lengths, then each one."""
    strings = [tf.io.serialize_tensor(each) for each in tf.nest.flatten(tensors)]
    lengths = [
        tf.strings.as_string(tf.strings.length(each), width=DIGITS, fill="0")
        for each in strings
    ]
    return tf.strings.join([*lengths, *strings])


def checksum(data: tf.Tensor) -> tf.Tensor:
    """Digits by which a string that was damaged on its way is told from what it was."""
    number = tf.strings.to_hash_bucket_fast(data, HASHES)
    return tf.strings.as_string(number, width=DIGITS, fill="0")


def unpack(state: tf.Tensor, specs: Any, head: int = 0) -> Any:
    """Undoes `pack`; a string that does not fit the specs is INVALID_ARGUMENT.

    Args:
        state: String scalar.
        specs: A nest of `tf.TensorSpec`.
        head: Bytes before what was packed.
    """
    leaves = tf.nest.flatten(specs)
    start, found = head + DIGITS * len(leaves), []
    for i, spec in enumerate(leaves):
        digits = tf.strings.substr(state, head + DIGITS * i, DIGITS)
        length = tf.strings.to_number(digits, tf.int32)
        part = tf.strings.substr(state, start, length)
        found.append(tf.ensure_shape(tf.io.parse_tensor(part, spec.dtype), spec.shape))
        start += length
    return tf.nest.pack_sequence_as(specs, found)
