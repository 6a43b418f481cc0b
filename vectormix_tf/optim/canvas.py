"""Canvases: how x is stored while it is optimized.

A canvas does not change what is optimized, only which steps are easy: on the Fourier
canvas every frequency and every direction of color moves about equally fast.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Where the sigmoid of the Fourier canvas is inverted: beyond, its slope is too flat to
# return.
DARKEST, LIGHTEST = 0.02, 0.98

# No place of a picture of more than so many pixels a side pulls with more than so many
# times the root mean square of all: in some corner of one of 2048 pixels the gradient
# is a hundred times that, and a step, of one length for each wave, burns a spot there.
LARGE, LOUDEST = 1100, 3.0

BLACK, WHITE = 0.01, 0.99  # where a picture that is touched up has no way to go

# Square root of the covariance of the colors of natural pictures, as lucid publishes it
# (Olah et al. 2017, "Feature visualization", Distill), over its largest column's norm.
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS = (COLORS / np.linalg.norm(COLORS, axis=0).max()).astype(np.float32)


class Canvas(NamedTuple):
    """Functions of which `encode` and `decode` are each other's inverse.

    That is, within what the canvas can hold.

    Attributes:
        encode: x -> parameters, what the rule moves.
        paint: (parameters, what is held) -> x; differentiable, called at every step.
        hold: shape of x as an int32 vector -> tensors that depend on it alone.
    """

    encode: Callable[[tf.Tensor], tf.Tensor]
    paint: Callable[[tf.Tensor, Any], tf.Tensor]
    hold: Callable[[tf.Tensor], Any] = lambda shape: shape

    def decode(self, values: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
        """Returns x of a shape (int32 vector) for parameters."""
        return self.paint(values, self.hold(shape))


def as_it_is() -> Canvas:
    """The canvas of vectors: x itself, of any shape and range."""
    return Canvas(encode=lambda x: x, paint=lambda values, shape: values)


def pixels(batch: int = 1) -> Canvas:
    """Images [B, H, W, 3], each value by itself, clipped to [0, 1].

    The gradient passes through the clip, so that a pixel at its limit can come back.

    Args:
        batch: B, how many images.
    """

    def paint(values, shape):
        clipped = tf.clip_by_value(values, 0.0, 1.0)
        image = values + tf.stop_gradient(clipped - values)
        return tf.ensure_shape(image, [batch, None, None, 3])

    return Canvas(encode=lambda image: image, paint=paint)


def touched_up(
    touch: Callable[..., tf.Tensor],
    hold: Callable[[tf.Tensor], Sequence[tf.Tensor]] = lambda shape: (),
) -> Canvas:
    """Image [1, H, W, 3], each value by itself and without limits, as `touch` shows it.

    The gradient passes the touch, but not to where black would become blacker or white
    whiter: what cannot be seen would have to come all the way back.

    Args:
        touch: (such values, *what is held) -> an image in [0, 1].
        hold: As that of a canvas.
    """

    def paint(values, held):
        image = _shown(values, tf.stop_gradient(touch(values, *held)))
        return tf.ensure_shape(image, [1, None, None, 3])

    return Canvas(lambda image: image, paint, hold)


_IMAGE = tf.TensorSpec([None, None, None, 3], tf.float32)


# Traced once: TensorFlow never lets go of a custom gradient, nor of the graph it is in.
@tf.function(input_signature=[_IMAGE, _IMAGE], autograph=False)
def _shown(values, image):
    """Image, with its gradient going to values, but not beyond black and white."""

    @tf.custom_gradient
    def show(values):
        def gradient(upstream):
            blacker = (image < BLACK) & (upstream > 0)  # a step goes against it
            whiter = (image > WHITE) & (upstream < 0)
            return tf.where(blacker | whiter, 0.0, upstream)

        return tf.identity(image), gradient

    return show(values)


def fourier(decay: float = 1.0, batch: int = 1) -> Canvas:
    """Decorrelated Fourier canvas: sigmoid(colors x irfft2(scale x parameters)).

    Mordvintsev et al. 2018, "Differentiable image parameterizations", Distill. The
    image is periodic on it: give it borders that are cut off at the end.

    Args:
        decay: Exponent p of the spectrum 1 / f^p that equal parameters stand for: 1 is
            that of natural pictures; above it broad shapes move faster than fine ones.
        batch: B, how many images.

    Returns:
        A canvas of images [B, H, W, 3] in [0, 1]; parameters [2, 3 B, H, W // 2 + 1],
        real and imaginary parts of one image's planes after another's.
    """

    def encode(images):
        images = tf.clip_by_value(images, DARKEST, LIGHTEST)  # [B, H, W, 3]
        logits = tf.math.log(images) - tf.math.log1p(-images)
        planes = tf.transpose(logits @ np.linalg.inv(COLORS.T), [0, 3, 1, 2])
        height, width = tf.unstack(tf.shape(images)[1:3])
        planes = tf.reshape(planes, [3 * batch, height, width])  # [3 B, H, W]
        waves = tf.signal.rfft2d(planes)  # [3 B, H, W // 2 + 1]
        parts = tf.stack([tf.math.real(waves), tf.math.imag(waves)])
        return parts / _spectrum(height, width, decay)

    def hold(shape):
        return shape, _spectrum(shape[1], shape[2], decay)

    def paint(values, held):
        shape, spectrum = held
        parts = values * spectrum
        waves = tf.complex(*tf.unstack(parts, 2))
        planes = tf.signal.irfft2d(waves, fft_length=shape[1:3])  # [3 B, H, W]
        planes = tf.reshape(planes, [batch, 3, shape[1], shape[2]])
        logits = tf.transpose(planes, [0, 2, 3, 1]) @ COLORS.T  # [B, H, W, 3]
        image = _evened(tf.sigmoid(logits))
        return tf.ensure_shape(image, [batch, None, None, 3])

    return Canvas(encode, paint, hold)


# Traced once, as above.
@tf.function(input_signature=[_IMAGE], autograph=False)
def _evened(image):
    """Image; the gradient of a large one is bounded at every place."""

    @tf.custom_gradient
    def show(image):
        def gradient(upstream):
            size = tf.norm(upstream, axis=-1, keepdims=True)  # [B, H, W, 1]
            mean = tf.sqrt(tf.reduce_mean(size**2, [1, 2, 3], keepdims=True))
            share = tf.math.divide_no_nan(LOUDEST * mean, size)  # nothing of nothing
            return upstream * tf.minimum(1.0, share)

        return tf.identity(image), gradient

    large = tf.reduce_prod(tf.shape(image)[1:3]) > LARGE**2
    return tf.cond(large, lambda: show(image), lambda: tf.identity(image))


def within(
    canvas: Canvas,
    picture: Callable[[tf.Tensor], tf.Tensor],
    mask: Callable[[tf.Tensor], tf.Tensor],
) -> Canvas:
    """What a canvas holds, where a mask lets it: the rest stays a picture.

    The network looks at both together, so that a soft seam has no gap.

    Args:
        canvas: Of images [1, H, W, 3].
        picture: Shape of x as an int32 vector -> image of that shape.
        mask: Likewise -> [1, H, W, 1] in [0, 1]; 1 is the canvas, 0 the picture.
    """

    def hold(shape):
        return canvas.hold(shape), mask(shape), picture(shape)

    def paint(values, held):
        held, share, rest = held
        return share * canvas.paint(values, held) + (1 - share) * rest

    return Canvas(canvas.encode, paint, hold)


def tiled(canvas: Canvas, margin: int) -> Canvas:
    """Puts `margin` pixels of the opposite side around what a canvas holds.

    Whoever looks at it sees a picture that goes on beyond its borders as if it were
    laid out in tiles.

    Args:
        canvas: Of images [1, H, W, 3]; x is [1, H + 2 margin, W + 2 margin, 3].
        margin: At most the shorter side.
    """

    def encode(x):
        return canvas.encode(x[:, margin:-margin, margin:-margin])

    def hold(shape):
        return canvas.hold(shape - [0, 2 * margin, 2 * margin, 0])

    def paint(values, held):
        tile = canvas.paint(values, held)
        wide = tf.concat([tile[:, :, -margin:], tile, tile[:, :, :margin]], axis=2)
        return tf.concat([wide[:, -margin:], wide, wide[:, :margin]], axis=1)

    return Canvas(encode, paint, hold)


def frequencies(height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """Cycles per pixel of each wave of `tf.signal.rfft2d`, [H, W // 2 + 1].

    That of the mean is set to one wave per picture, so that one can divide by it.
    """
    h, w = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    rows = tf.cast(tf.range(height), tf.float32)
    rows = tf.minimum(rows, h - rows) / h  # cycles per pixel, sign left out
    columns = tf.cast(tf.range(width // 2 + 1), tf.float32) / w
    frequency = tf.sqrt(rows[:, tf.newaxis] ** 2 + columns**2)
    return tf.maximum(frequency, 1.0 / tf.maximum(h, w))


def _spectrum(height, width, decay):
    """Size of each wave for parameters of 1, [H, W // 2 + 1]."""
    # With the square root of the area equal parameters are equal colors at every size.
    side = tf.sqrt(tf.cast(height * width, tf.float32))
    # lucid divides by 4; the power of 10 keeps f = 0.1 where it is for every decay.
    return 10 ** (1 - decay) * side / 4 / frequencies(height, width) ** decay
