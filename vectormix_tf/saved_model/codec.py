"""Decodes and encodes picture files inside a graph.

The files come from clients that nobody vouches for. The header of a file gives the
size of its picture, so a picture beyond the limits is refused before it is decoded.
"""

from typing import NamedTuple

import tensorflow as tf

from vectormix_tf.io.images import scaled_side
from vectormix_tf.ops.resize import long_side

PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
# First byte and number of bytes of the width and height in a PNG file: two big-endian
# 32-bit integers (PNG specification, 11.2.2).
PNG_SIDES = 16, 8
PREVIEW_QUALITY = 90  # of JPEG, in [1, 100]


class Limits(NamedTuple):
    """Limits of an exported model; a request beyond one of them is refused.

    Attributes:
        size: Most pixels of the long side of a result.
        steps: Most steps of an octave.
        pixels: Most pixels (height times width) of a picture in a request.
        bytes: Most bytes of its file.
    """

    size: int
    steps: int
    pixels: int
    bytes: int


def require(conditions: dict[str, tf.Tensor], tensor: tf.Tensor) -> tf.Tensor:
    """Returns a tensor that can be computed only if all conditions hold.

    Args:
        conditions: `{error message: bool scalar}`.
        tensor: Returned unchanged. Use the returned tensor in its place: only what
            depends on that one waits for the conditions.

    Raises:
        tf.errors.InvalidArgumentError: If a condition is false, with its message.
    """
    checks = [tf.debugging.Assert(holds, [text]) for text, holds in conditions.items()]
    with tf.control_dependencies(checks):
        return tf.identity(tensor)


def decode(data: tf.Tensor, what: str, limits: Limits) -> tf.Tensor:
    """Decodes a PNG or JPEG file.

    The orientation in its EXIF data and its ICC profile are ignored.

    Args:
        data: The file, a string scalar.
        what: What error messages call the picture.
        limits: Its limits in `pixels` and `bytes`.

    Returns:
        Image [1, H, W, 3] in [0, 1].

    Raises:
        tf.errors.InvalidArgumentError: If it is no such file, damaged or too large.
    """
    is_png = starts_with(data, PNG) & (tf.strings.length(data) >= sum(PNG_SIDES))
    mebibytes = limits.bytes >> 20
    data = require(
        {
            f"the {what} is no PNG or JPEG file; send one of these.": is_png
            | starts_with(data, JPEG),
            f"the {what} has more than {mebibytes} MiB; send a smaller file.": (
                tf.strings.length(data) <= limits.bytes
            ),
        },
        data,
    )
    height, width = tf.unstack(
        tf.cond(is_png, lambda: _png_size(data), lambda: _jpeg_size(data))
    )
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    text = f"the {what} must have 1 to {limits.pixels} pixels; send a smaller one."
    data = require({text: (height > 0) & (width > 0) & (pixels <= limits.pixels)}, data)
    levels = tf.cond(
        is_png,
        lambda: tf.io.decode_png(data, channels=3),
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    return tf.cast(levels, tf.float32)[tf.newaxis] / 255


def starts_with(data: tf.Tensor, start: bytes) -> tf.Tensor:
    """Returns whether a string begins with these bytes, a bool scalar."""
    return tf.strings.substr(data, 0, len(start)) == start


def _png_size(data):
    """Reads (height, width) from a PNG file's header, int32 [2]."""
    sides = tf.io.decode_raw(
        tf.strings.substr(data, *PNG_SIDES), tf.int32, little_endian=False
    )
    return tf.reverse(tf.ensure_shape(sides, [2]), [0])


def _jpeg_size(data):
    """Reads (height, width) from a JPEG file's header, int32 [2]."""
    return tf.image.extract_jpeg_shape(data)[:2]


def fitted_size(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Returns (height, width) with `size` as the long side and the image's aspect.

    It is `io.images.fitted_size` for tensors, with the same arithmetic.

    Args:
        image: [1, H, W, c].
        size: Pixels of the long side, at least 1, an integer scalar.

    Returns:
        int32 [2].
    """
    sides = tf.cast(tf.shape(image)[1:3], tf.int64)
    fitted = scaled_side(sides, tf.reduce_max(sides), tf.cast(size, tf.int64))
    return tf.cast(tf.maximum(fitted, 1), tf.int32)


def shrink_to_fit(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Shrinks an image whose long side has more than `size` pixels.

    Args:
        image: [1, H, W, 3].
        size: int32 scalar.

    Returns:
        Image [1, h, w, 3] in [0, 1].
    """
    long = tf.minimum(size, tf.reduce_max(tf.shape(image)[1:3]))
    return tf.clip_by_value(long_side(image, long), 0.0, 1.0)


def to_uint8(image: tf.Tensor) -> tf.Tensor:
    """Converts image [1, H, W, 3] in [0, 1] to uint8 [H, W, 3]."""
    return tf.cast(tf.round(tf.clip_by_value(image[0], 0.0, 1.0) * 255), tf.uint8)


def encode_png(image: tf.Tensor) -> tf.Tensor:
    """Encodes image [1, H, W, 3] in [0, 1] as a PNG file, a string scalar."""
    return tf.io.encode_png(to_uint8(image))


def encode_jpeg(image: tf.Tensor) -> tf.Tensor:
    """Encodes image [1, H, W, 3] in [0, 1] as a JPEG file for a preview."""
    return tf.io.encode_jpeg(to_uint8(image), quality=PREVIEW_QUALITY)
