"""Canvases: how x is stored while it is optimized.

A canvas leaves what is minimized as it is and changes how easily x moves in each
direction: it is a preconditioner. On the Fourier canvas all frequencies and all
directions of color move at about the same speed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.ops.fft import fold, forward, frequencies, inverse
from vectormix_tf.ops.slabs import by_rows, spans

# The Fourier canvas stores logits. Images are clipped to this range before they are
# encoded: closer to 0 and 1 the sigmoid is so flat that such a pixel could not return.
DARKEST, LIGHTEST = 0.02, 0.98

# In images of more than LARGE^2 pixels no pixel's gradient is longer than LOUDEST times
# the root mean square of all. In a corner of an image of 2048 pixels a side it is a
# hundred times that, and as a step gives all frequencies the same length, such a
# gradient burns in a bright spot.
LARGE, LOUDEST = 1100, 3.0

# Beyond these values of a shown pixel its gradient does not push it further outward.
BLACK, WHITE = 0.01, 0.99

# Square root of the covariance of the colors of natural images, as published in lucid
# (Olah et al. 2017, "Feature visualization", Distill), over its largest column norm.
COLORS = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
COLORS = (COLORS / np.linalg.norm(COLORS, axis=0).max()).astype(np.float32)


class ArrayCanvas(NamedTuple):
    """A canvas of NumPy arrays, for an x of which there is no room for copies.

    x, what is derived by it and the parameters are there once. Functions take some rows
    or one color of them at a time, and write into the arrays that they are given.

    Attributes:
        encode: x [1, H, W, 3] -> parameters.
        decode: (parameters, constants, x) -> None; x is overwritten.
        gradients: (parameters, constants, x, derivative of the loss by x) -> parts of
            the derivative by the parameters: each an index of the parameters and what
            belongs there. Both arrays of pixels are overwritten. What is yielded may be
            used before the next one is.
        constants: Shape of x -> what the others need besides; made once per octave.
    """

    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray, Any, np.ndarray], None]
    gradients: Callable[..., Iterator[tuple[Any, np.ndarray]]]
    constants: Callable[[Sequence[int]], Any]


class Canvas(NamedTuple):
    """Pure functions from x to parameters and back.

    `decode` inverts `encode` for every x that the canvas can represent.

    Attributes:
        encode: x -> parameters, the tensor that an optimizer moves.
        decode_with: (parameters, constants) -> x; differentiable, called at every step.
        constants: Shape of x (int32 vector) -> what `decode_with` needs besides the
            parameters and what depends on the shape alone; called once per octave.
        arrays: The same canvas for large images, or None.
    """

    encode: Callable[[tf.Tensor], tf.Tensor]
    decode_with: Callable[[tf.Tensor, Any], tf.Tensor]
    constants: Callable[[tf.Tensor], Any] = lambda shape: shape
    arrays: ArrayCanvas | None = None

    def decode(self, parameters: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
        """Returns x of a shape (int32 vector) for its parameters."""
        return self.decode_with(parameters, self.constants(shape))


def direct() -> Canvas:
    """A canvas whose parameters are x itself, of any shape and range; for vectors."""
    return Canvas(encode=lambda x: x, decode_with=lambda parameters, shape: parameters)


def pixels(batch: int = 1) -> Canvas:
    """A canvas whose parameters are the pixels, clipped to [0, 1] when decoded.

    The gradient ignores the clipping, so that a pixel at a limit can leave it again.

    Args:
        batch: B, number of images.

    Returns:
        A canvas of images [B, H, W, 3]; parameters have the same shape.
    """

    def decode_with(parameters, shape):
        clipped = tf.clip_by_value(parameters, 0.0, 1.0)
        image = parameters + tf.stop_gradient(clipped - parameters)
        return tf.ensure_shape(image, [batch, None, None, 3])

    return Canvas(encode=lambda image: image, decode_with=decode_with)


def adjusted(
    adjust: Callable[..., tf.Tensor],
    constants: Callable[[tf.Tensor], Sequence[tf.Tensor]] = lambda shape: (),
) -> Canvas:
    """A canvas of unbounded pixels that a function brings into [0, 1].

    The gradient ignores the function, but is 0 where a descent would make a black pixel
    blacker or a white one whiter: that cannot be seen, and the pixel would have to come
    all the way back before it changes again.

    Args:
        adjust: (parameters [1, H, W, 3], *constants) -> image in [0, 1] of their shape.
        constants: As `Canvas.constants`; tensors for `adjust`.

    Returns:
        A canvas of images [1, H, W, 3]; parameters have the same shape.
    """

    def decode_with(parameters, constants):
        image = tf.stop_gradient(adjust(parameters, *constants))
        return tf.ensure_shape(_shown(parameters, image), [1, None, None, 3])

    return Canvas(lambda image: image, decode_with, constants)


_IMAGE = tf.TensorSpec([None, None, None, 3], tf.float32)


# Traced once: TensorFlow keeps every custom gradient, and the graph it is in, forever.
@tf.function(input_signature=[_IMAGE, _IMAGE], autograph=False)
def _shown(parameters, image):
    """Returns the image, with the gradient of the parameters but at black and white."""

    @tf.custom_gradient
    def show(parameters):
        def gradient(upstream):  # a step goes against it
            blacker = (image < BLACK) & (upstream > 0)
            whiter = (image > WHITE) & (upstream < 0)
            return tf.where(blacker | whiter, 0.0, upstream)

        return tf.identity(image), gradient

    return show(parameters)


def fourier(decay: float = 1.0, batch: int = 1) -> Canvas:
    """The decorrelated Fourier canvas: sigmoid(irfft2(spectrum * parameters) @ colors).

    Mordvintsev et al. 2018, "Differentiable image parameterizations", Distill. Images
    are periodic on it, so they should be padded and cropped at the end.

    Args:
        decay: p of the spectrum 1 / f^p that parameters are multiplied by; 1 is that of
            natural images. A higher one moves low frequencies faster.
        batch: B, number of images.

    Returns:
        A canvas of images [B, H, W, 3] in [0, 1]; parameters are real and imaginary
        parts, [2, 3 B, H, W // 2 + 1], the three planes of each image in a row.
    """

    def encode(images):
        height, width = tf.unstack(tf.shape(images)[1:3])
        logits = by_rows(_logits, images)  # [B, H, W, 3]
        planes = tf.transpose(logits @ np.linalg.inv(COLORS.T), [0, 3, 1, 2])
        del logits  # large pictures need its memory
        planes = tf.reshape(planes, [3 * batch, height, width])  # [3 B, H, W]
        waves = tf.signal.rfft2d(planes)  # [3 B, H, W // 2 + 1]
        del planes
        parts = tf.stack([tf.math.real(waves), tf.math.imag(waves)])
        del waves
        return parts / _spectrum(height, width, decay)

    def constants(shape):
        return shape, _spectrum(shape[1], shape[2], decay)

    def decode_with(parameters, constants):
        shape, spectrum = constants
        parts = parameters * spectrum
        waves = tf.complex(*tf.unstack(parts, 2))
        planes = tf.signal.irfft2d(waves, fft_length=shape[1:3])  # [3 B, H, W]
        planes = tf.reshape(planes, [batch, 3, shape[1], shape[2]])
        logits = tf.transpose(planes, [0, 2, 3, 1]) @ COLORS.T  # [B, H, W, 3]
        image = _bounded(tf.sigmoid(logits))
        return tf.ensure_shape(image, [batch, None, None, 3])

    arrays = _fourier_of_arrays(decay) if batch == 1 else None
    return Canvas(encode, decode_with, constants, arrays)


def _fourier_of_arrays(decay: float) -> ArrayCanvas:
    """`fourier` one plane after another; the factors of frequencies are constants."""

    def constants(shape):
        return _spectrum(shape[1], shape[2], decay).numpy()

    def encode(image):
        return _encoded_planes(image, constants(image.shape))

    return ArrayCanvas(encode, _decode_planes, _gradients_by_planes, constants)


def _encoded_planes(image, spectrum):
    """Parameters of an image; see `ArrayCanvas.encode`."""
    height, width = image.shape[1:3]
    to_planes = np.linalg.inv(COLORS.T)
    values = np.empty([2, 3, height, width // 2 + 1], np.float32)
    for plane in range(3):

        def rows_of(rows, plane=plane):
            return tf.tensordot(_logits(image[0, rows]), to_planes[:, plane], 1)

        waves = forward(rows_of, height, width)
        np.divide(waves.real, spectrum, out=values[0, plane])
        np.divide(waves.imag, spectrum, out=values[1, plane])
    return values


def _decode_planes(values, spectrum, image):
    """Writes an image of some parameters; see `ArrayCanvas.decode`."""
    height, width = image.shape[1:3]
    for plane in range(3):
        waves = np.empty(spectrum.shape, np.complex64)
        np.multiply(values[0, plane], spectrum, out=waves.real)
        np.multiply(values[1, plane], spectrum, out=waves.imag)
        for rows, pixels in inverse(waves, width):
            image[0, rows, :, plane] = pixels
    for rows in spans(height, width):
        image[0, rows] = tf.sigmoid(image[0, rows] @ COLORS.T)


def _gradients_by_planes(values, spectrum, image, upstream):
    """Yields parts of the derivative by parameters; see `ArrayCanvas.gradients`."""
    height, width = image.shape[1:3]
    longest = _longest(upstream)
    for rows in spans(height, width):
        slab = _by_logits(image[0, rows], upstream[0, rows], longest)
        upstream[0, rows] = tf.tensordot(slab, COLORS, 1)
    for plane in range(3):
        waves = forward(lambda rows, p=plane: upstream[0, rows, :, p], height, width)
        for rows in spans(height, width):
            factors = spectrum[rows] * fold(height, width)
            parts = waves[rows].real * factors, waves[rows].imag * factors
            yield np.s_[:, plane, rows], np.stack(parts)


def _longest(upstream: np.ndarray) -> np.float32:
    """The bound of `_bounded` for a gradient [1, H, W, 3]."""
    slabs = spans(*upstream.shape[1:3])
    sums = [float(tf.reduce_sum(upstream[:, rows] ** 2)) for rows in slabs]
    return np.float32(LOUDEST * np.sqrt(sum(sums) / np.prod(upstream.shape[1:3])))


@tf.function(
    input_signature=[tf.TensorSpec([None, None, 3])] * 2 + [tf.TensorSpec([])],
    autograph=False,
)
def _by_logits(image, upstream, longest):
    """The bounded gradient by pixels as that by their logits."""
    size = tf.norm(upstream, axis=-1, keepdims=True)
    share = tf.minimum(1.0, tf.math.divide_no_nan(longest, size))
    return upstream * share * image * (1 - image)


def _logits(images):
    images = tf.clip_by_value(images, DARKEST, LIGHTEST)
    return tf.math.log(images) - tf.math.log1p(-images)


# Traced once, as `_shown`.
@tf.function(input_signature=[_IMAGE], autograph=False)
def _bounded(image):
    """Returns the image; the gradient of a large one is bounded at every pixel."""

    @tf.custom_gradient
    def show(image):
        def gradient(upstream):
            size = tf.norm(upstream, axis=-1, keepdims=True)  # [B, H, W, 1]
            mean = tf.sqrt(tf.reduce_mean(size**2, [1, 2, 3], keepdims=True))
            share = tf.math.divide_no_nan(LOUDEST * mean, size)  # 0 where all are 0
            return upstream * tf.minimum(1.0, share)

        return tf.identity(image), gradient

    large = tf.reduce_prod(tf.shape(image)[1:3]) > LARGE**2
    return tf.cond(large, lambda: show(image), lambda: tf.identity(image))


def masked(
    canvas: Canvas,
    picture: Callable[[tf.Tensor], tf.Tensor],
    mask: Callable[[tf.Tensor], tf.Tensor],
) -> Canvas:
    """A canvas inside of a mask and a fixed picture outside.

    x is both together, so the network also sees the transition between them.

    Args:
        canvas: Of images [1, H, W, 3].
        picture: Shape of x (int32 vector) -> image of that shape.
        mask: Likewise -> [1, H, W, 1] in [0, 1]; 1 shows the canvas, 0 the picture.
    """

    def constants(shape):
        return canvas.constants(shape), mask(shape), picture(shape)

    def decode_with(parameters, constants):
        inner, share, rest = constants
        return share * canvas.decode_with(parameters, inner) + (1 - share) * rest

    arrays = canvas.arrays and _masked_arrays(canvas.arrays, picture, mask)
    return Canvas(canvas.encode, decode_with, constants, arrays)


def _masked_arrays(canvas: ArrayCanvas, picture: Callable, mask: Callable):
    """`masked` in place."""

    def constants(shape):
        shape = tuple(shape)
        own = canvas.constants(shape), mask(tf.constant(shape)).numpy()
        return *own, picture(tf.constant(shape)).numpy()

    def decode(parameters, constants, image):
        inner, share, rest = constants
        canvas.decode(parameters, inner, image)
        for rows in spans(*image.shape[1:3]):
            own = share[:, rows]
            image[:, rows] = own * image[:, rows] + (1 - own) * rest[:, rows]

    def gradients(parameters, constants, image, upstream):
        inner, share, _ = constants
        upstream *= share
        canvas.decode(parameters, inner, image)  # what is behind the mask
        yield from canvas.gradients(parameters, inner, image, upstream)

    return ArrayCanvas(canvas.encode, decode, gradients, constants)


def tileable(canvas: Canvas, margin: int) -> Canvas:
    """A canvas whose image continues beyond each side with its opposite side.

    So x shows what is around an image that is laid out next to copies of itself.

    Args:
        canvas: Of images [1, H, W, 3]; x is [1, H + 2 margin, W + 2 margin, 3].
        margin: Pixels, at most the shorter side.
    """

    def encode(x):
        return canvas.encode(x[:, margin:-margin, margin:-margin])

    def constants(shape):
        return canvas.constants(shape - [0, 2 * margin, 2 * margin, 0])

    def decode_with(parameters, constants):
        tile = canvas.decode_with(parameters, constants)
        wide = tf.concat([tile[:, :, -margin:], tile, tile[:, :, :margin]], axis=2)
        return tf.concat([wide[:, -margin:], wide, wide[:, :margin]], axis=1)

    arrays = canvas.arrays and _tileable_arrays(canvas.arrays, margin)
    return Canvas(encode, decode_with, constants, arrays)


def _tileable_arrays(canvas: ArrayCanvas, margin: int) -> ArrayCanvas:
    """`tileable` in place: the tile is the middle of x."""
    whole, start, end = slice(None), slice(margin), slice(-margin, None)
    tile = np.s_[:, margin:-margin, margin:-margin]
    # Margins, and the pixels of the tile that they repeat: first the columns between
    # the upper and the lower margin, then whole rows.
    first, last = slice(margin, 2 * margin), slice(-2 * margin, -margin)
    columns = [((whole, whole, start), (whole, whole, last))]
    columns += [((whole, whole, end), (whole, whole, first))]
    rows = [((whole, start), (whole, last)), ((whole, end), (whole, first))]

    def encode(x):
        return canvas.encode(x[tile])

    def constants(shape):
        batch, height, width, channels = shape
        inner = batch, height - 2 * margin, width - 2 * margin, channels
        return canvas.constants(inner)

    def decode(parameters, constants, x):
        canvas.decode(parameters, constants, x[tile])
        for beyond, inside in columns + rows:
            x[beyond] = x[inside]

    def gradients(parameters, constants, x, upstream):
        for beyond, inside in reversed(columns + rows):
            upstream[inside] += upstream[beyond]
        yield from canvas.gradients(parameters, constants, x[tile], upstream[tile])

    return ArrayCanvas(encode, decode, gradients, constants)


def _spectrum(height, width, decay):
    """Factors of the parameters of each frequency, [H, W // 2 + 1]."""
    # With the root of the area equal parameters give equal colors at every size. lucid
    # divides by 4; the power of 10 makes all decays agree at f = 0.1.
    side = tf.sqrt(tf.cast(height * width, tf.float32))
    return 10 ** (1 - decay) * side / 4 / frequencies(height, width) ** decay
