"""The state of a run as one string, which a client keeps between two requests."""

from typing import Any

import tensorflow as tf

DIGITS = 12  # of each length and of a checksum, in decimal
BUCKETS = 10**DIGITS - 1  # a checksum is a hash below this number


def pack(tensors: Any) -> tf.Tensor:
    """Serializes a nest of tensors.

    Returns:
        String scalar: the length of each serialized tensor in `DIGITS` digits, followed
        by the serialized tensors, in the order of `tf.nest.flatten`.
    """
    strings = [tf.io.serialize_tensor(each) for each in tf.nest.flatten(tensors)]
    lengths = [
        tf.strings.as_string(tf.strings.length(each), width=DIGITS, fill="0")
        for each in strings
    ]
    return tf.strings.join([*lengths, *strings])


def checksum(data: tf.Tensor) -> tf.Tensor:
    """Returns a checksum of a string in `DIGITS` digits, a string scalar.

    It detects accidental damage only: whoever wants to can forge it.
    """
    number = tf.strings.to_hash_bucket_fast(data, BUCKETS)
    return tf.strings.as_string(number, width=DIGITS, fill="0")


def unpack(state: tf.Tensor, specs: Any, header_bytes: int = 0) -> Any:
    """Returns the nest of tensors that `pack` serialized.

    Args:
        state: String scalar.
        specs: Nest of `tf.TensorSpec`, with the structure, dtypes and shapes that were
            packed.
        header_bytes: Number of bytes before what `pack` returned.

    Raises:
        tf.errors.InvalidArgumentError: If the string does not fit the specs.
    """
    leaves = tf.nest.flatten(specs)
    start, tensors = header_bytes + DIGITS * len(leaves), []
    for i, spec in enumerate(leaves):
        digits = tf.strings.substr(state, header_bytes + DIGITS * i, DIGITS)
        length = tf.strings.to_number(digits, tf.int32)
        part = tf.strings.substr(state, start, length)
        tensor = tf.io.parse_tensor(part, spec.dtype)
        tensors.append(tf.ensure_shape(tensor, spec.shape))
        start += length
    return tf.nest.pack_sequence_as(specs, tensors)
