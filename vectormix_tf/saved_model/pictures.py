"""Pictures of a request inside a graph, most of which may be left out."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from vectormix_tf.ops import masks
from vectormix_tf.ops.resize import to_size
from vectormix_tf.saved_model.codec import Limits, decode, encode_png, require
from vectormix_tf.saved_model.requests import Request

NO_FILE = b""  # in place of a picture's file where the request has no such picture


def checked_limits(limits: Limits) -> Limits:
    """Returns the limits of pictures that are resized already, in a checked request.

    A state may be forged, so these pictures are checked again.
    """
    return limits._replace(pixels=limits.size**2)


def if_given(data: tf.Tensor, convert: Callable[[], tf.Tensor]) -> tf.Tensor:
    """Returns the file that `convert` makes, or `NO_FILE` where there is no picture."""
    return tf.cond(data == NO_FILE, lambda: tf.constant(NO_FILE), convert)


def resized_start(data: tf.Tensor, limits: Limits, size: tf.Tensor) -> tf.Tensor:
    """Resizes the picture that a run starts from, if there is one.

    Args:
        data: Its file, or `NO_FILE`, a string scalar.
        limits: Limits of the model.
        size: (height, width), int32 [2].

    Returns:
        A PNG file, or `NO_FILE`.
    """

    def convert():
        return encode_png(to_size(decode(data, "start picture", limits), size))

    return if_given(data, convert)


def resized_mask(data: tf.Tensor, limits: Limits, size: tf.Tensor) -> tf.Tensor:
    """Converts a mask to gray and resizes it, if there is one, as `masks.read` does.

    Args:
        data: Its file, or `NO_FILE`, a string scalar.
        limits: Limits of the model.
        size: (height, width), int32 [2].

    Returns:
        A PNG file, or `NO_FILE`.

    Raises:
        tf.errors.InvalidArgumentError: If the mask is black everywhere.
    """

    def convert():
        mask = decode(data, "mask", limits)
        mask = to_size(tf.reduce_mean(mask, axis=-1, keepdims=True), size)
        text = "the mask is black everywhere; paint white where it is to count."
        white = tf.reduce_any(mask > masks.FLOOR)
        return encode_png(require({text: white}, mask))

    return if_given(data, convert)


def read_mask(request: Request, image: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Reads the mask of a checked request; without one it is white everywhere.

    Args:
        request: The request.
        image: [1, H, W, 3], of the mask's size.
        limits: From `checked_limits`.

    Returns:
        [1, H, W, 1] in [0, 1].
    """
    mask = tf.cond(
        request["mask_bytes"] == NO_FILE,
        lambda: tf.ones_like(image),
        lambda: decode(request["mask_bytes"], "mask", limits),
    )
    return tf.ensure_shape(mask[..., :1], [1, None, None, 1])


def index_of(text: tf.Tensor, choices: Sequence[str]) -> tf.Tensor:
    """Returns the index of a text among the choices, an int32 scalar."""
    return tf.argmax(text == tf.constant(choices), output_type=tf.int32)
