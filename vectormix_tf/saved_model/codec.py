"""Decoding: encoded pictures in a graph, which anyone may have sent.

How large a picture is stands in its header, so none is decoded that is too large.
"""

from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.io.images import scaled_side
from vectormix_tf.ops.resize import long_side

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
SIDES = 16, 8  # PNG specification, 11.2.2: where the width and height are, how long
PREVIEW_QUALITY = 90


class Limits(NamedTuple):
    """What a graph accepts.

    Attributes:
        size: Longest side of a result, pixels; what asks for more gets this.
        steps: Most steps of an octave; likewise.
        pixels: Of a picture that is sent; a larger one is refused.
        bytes: Likewise.
    """

    size: int
    steps: int
    pixels: int
    bytes: int


def required(conditions: dict[str, tf.Tensor], tensor: tf.Tensor) -> tf.Tensor:
    """Returns a tensor; it is INVALID_ARGUMENT to ask for it where a condition fails.

    Args:
        conditions: What is told where one is false -> bool scalar.
        tensor: What may only be used if all are true.
    """
    checks = [tf.debugging.Assert(true, [text]) for text, true in conditions.items()]
    with tf.control_dependencies(checks):
        return tf.identity(tensor)


def decode(data: tf.Tensor, what: str, limits: Limits) -> tf.Tensor:
    """Decodes a PNG or JPEG file, as it lies: neither turned nor converted to sRGB.

    Args:
        data: String scalar.
        what: Its name in errors.
        limits: Of `pixels` and `bytes`.

    Returns:
        Image [1, H, W, 3] in [0, 1].
    """
    is_png = starts_with(data, PNG) & (tf.strings.length(data) >= sum(SIDES))
    mebibytes = limits.bytes >> 20
    data = required(
        {
            f"the {what} is no PNG or JPEG file; send one of these.": is_png
            | starts_with(data, JPEG),
            f"the {what} has more than {mebibytes} MiB; send a smaller file.": (
                tf.strings.length(data) <= limits.bytes
            ),
        },
        data,
    )
    height, width = tf.unstack(tf.cond(is_png, lambda: _png(data), lambda: _jpeg(data)))
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    text = f"the {what} must have 1 to {limits.pixels} pixels; send a smaller one."
    data = required(
        {text: (height > 0) & (width > 0) & (pixels <= limits.pixels)}, data
    )
    levels = tf.cond(
        is_png,
        lambda: tf.io.decode_png(data, channels=3),
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    return tf.cast(levels, tf.float32)[tf.newaxis] / 255


def starts_with(data: tf.Tensor, start: bytes) -> tf.Tensor:
    """Whether a string begins so, bool scalar."""
    return tf.strings.substr(data, 0, len(start)) == start


def _png(data):
    """Height and width in the header, int32 [2]."""
    sides = tf.io.decode_raw(
        tf.strings.substr(data, *SIDES), tf.int32, little_endian=False
    )
    return tf.reverse(tf.ensure_shape(sides, [2]), [0])


def _jpeg(data):
    return tf.image.extract_jpeg_shape(data)[:2]


def fitted_size(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns (height, width) with `size` as the long side, int32 [2].

    `io.images.fitted_size` for tensors, with the same arithmetic.

    Args:
        image: [1, H, W, c].
        size: Length of the long side, at least 1, an integer scalar.
    """
    sides = tf.cast(tf.shape(image)[1:3], tf.int64)
    fitted = scaled_side(sides, tf.reduce_max(sides), tf.cast(size, tf.int64))
    return tf.cast(tf.maximum(fitted, 1), tf.int32)


def not_larger(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Image [1, H, W, 3] with a long side of at most `size`, in [0, 1]."""
    long = tf.minimum(size, tf.reduce_max(tf.shape(image)[1:3]))
    return tf.clip_by_value(long_side(image, long), 0.0, 1.0)


def levels(image: tf.Tensor) -> tf.Tensor:
    """Image [1, H, W, 3] in 8 bits, [H, W, 3]."""
    return tf.cast(tf.round(tf.clip_by_value(image[0], 0.0, 1.0) * 255), tf.uint8)


def png(image: tf.Tensor) -> tf.Tensor:
    """The file of image [1, H, W, 3], a string scalar."""
    return tf.io.encode_png(levels(image))


def jpeg(image: tf.Tensor) -> tf.Tensor:
    """Likewise, for a quick look."""
    return tf.io.encode_jpeg(levels(image), quality=PREVIEW_QUALITY)
