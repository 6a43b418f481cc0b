"""InceptionV3 without Keras' layers, with normalization folded into its convolutions.

Keras' own network stays the definition (tests/backbone/test_inception.py holds both
equal), but to build its 311 layers and to call them takes longer than all else that
happens before a first step. One description serves for the activations of images, for
the geometry of layers and for their sizes: each is a way to read it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from vectormix_tf.backbone.folded import Folded

Sides = tuple[int, int]  # along y and x


class LayerInfo(NamedTuple):
    """Geometry of a layer.

    Attributes:
        stride: Image pixels from one cell to the next; 0 if the layer has one cell.
        field: Side of a cell's receptive field in image pixels; 0 if that is the whole
            image.
        channels: Number of channels.
        convolutions: How many convolutions, in order of creation, the layer needs.
    """

    stride: int
    field: int
    channels: int
    convolutions: int


class Reader(Protocol):
    """What the operations of the network mean; x is whatever it makes of them."""

    def convolve(
        self,
        x: Any,
        channels: int,
        kernel: Sides,
        stride: int,
        padding: str,
        relu: bool,
    ) -> Any:
        """A convolution with bias; the next one in order of creation."""

    def pool(self, x: Any, kind: str, stride: int, padding: str) -> Any:
        """Pools 3 x 3 cells; kind is "MAX" or "AVG"."""

    def join(self, branches: Sequence[Any]) -> Any:
        """Joins the channels of several branches."""

    def mean(self, x: Any) -> Any:
        """The mean of all cells, as one."""


def read(reader: Reader, x: Any) -> Iterator[tuple[str, Any]]:
    """Reads the network (Szegedy et al. 2015, arXiv:1512.00567) from the image on.

    Convolutions come in the order in which `keras.applications.InceptionV3` creates
    them.

    Args:
        reader: What operations mean.
        x: The image, as the reader understands it.

    Yields:
        Each layer of `config.backbones`, in order, with what the reader makes of it.
    """

    def conv(x, channels, height, width, stride=1, padding="SAME"):
        return reader.convolve(x, channels, (height, width), stride, padding, True)

    def chain(x, *convolutions):
        for channels, height, width in convolutions:
            x = conv(x, channels, height, width)
        return x

    def both(x):
        return reader.join([conv(x, 384, 1, 3), conv(x, 384, 3, 1)])

    def block(number, *branches):
        for i, branch in enumerate(branches):
            yield f"mixed{number}/{i}", branch
        joined = reader.join(branches)
        yield f"mixed{number}", joined
        return joined

    x = conv(x, 32, 3, 3, 2, "VALID")
    yield "conv1a", x
    x = conv(x, 32, 3, 3, padding="VALID")
    yield "conv2a", x
    x = conv(x, 64, 3, 3)
    yield "conv2b", x
    x = conv(reader.pool(x, "MAX", 2, "VALID"), 80, 1, 1, padding="VALID")
    yield "conv3b", x
    x = conv(x, 192, 3, 3, padding="VALID")
    yield "conv4a", x
    x = reader.pool(x, "MAX", 2, "VALID")

    for number, pooled in ((0, 32), (1, 64), (2, 64)):
        x = yield from block(
            number,
            conv(x, 64, 1, 1),
            chain(x, (48, 1, 1), (64, 5, 5)),
            chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
            conv(reader.pool(x, "AVG", 1, "SAME"), pooled, 1, 1),
        )

    x = yield from block(
        3,
        conv(x, 384, 3, 3, 2, "VALID"),
        conv(chain(x, (64, 1, 1), (96, 3, 3)), 96, 3, 3, 2, "VALID"),
        reader.pool(x, "MAX", 2, "VALID"),
    )

    for number, c in ((4, 128), (5, 160), (6, 160), (7, 192)):
        x = yield from block(
            number,
            conv(x, 192, 1, 1),
            chain(x, (c, 1, 1), (c, 1, 7), (192, 7, 1)),
            chain(x, (c, 1, 1), (c, 7, 1), (c, 1, 7), (c, 7, 1), (192, 1, 7)),
            conv(reader.pool(x, "AVG", 1, "SAME"), 192, 1, 1),
        )

    x = yield from block(
        8,
        conv(chain(x, (192, 1, 1)), 320, 3, 3, 2, "VALID"),
        conv(chain(x, (192, 1, 1), (192, 1, 7), (192, 7, 1)), 192, 3, 3, 2, "VALID"),
        reader.pool(x, "MAX", 2, "VALID"),
    )

    for number in (9, 10):
        x = yield from block(
            number,
            conv(x, 320, 1, 1),
            both(conv(x, 384, 1, 1)),
            both(chain(x, (448, 1, 1), (384, 3, 3))),
            conv(reader.pool(x, "AVG", 1, "SAME"), 192, 1, 1),
        )

    yield "logits", reader.convolve(reader.mean(x), 1000, (1, 1), 1, "VALID", False)


# --- Activations ----------------------------------------------------------------------


class Inception(tf.Module):
    """The network with weights.

    Args:
        pairs: Kernel and bias of the first convolutions, in order of creation.
        dtype: In which weights are kept and activations computed.
    """

    def __init__(self, pairs: Folded, dtype: str = "float32"):
        super().__init__()
        self.weights = [
            (
                tf.Variable(tf.cast(kernel, dtype), trainable=False),
                tf.Variable(tf.cast(bias, dtype), trainable=False),
            )
            for kernel, bias in pairs
        ]
        self.dtype = dtype

    def __call__(
        self,
        image: tf.Tensor,
        layers: Iterable[str],
        relu: Callable[[tf.Tensor], tf.Tensor] = tf.nn.relu,
    ) -> dict[str, tf.Tensor]:
        """Computes activations.

        Args:
            image: [B, H, W, 3] in [-1, 1], both sides at least 75.
            layers: Names of layers that the weights reach.
            relu: Computes the ReLUs.

        Returns:
            `{layer: activations [B, h, w, c]}`, in the network's type.
        """
        missing, found = set(layers), {}
        for name, x in read(
            _Activations(self.weights, relu), tf.cast(image, self.dtype)
        ):
            if name in missing:
                found[name] = x
                missing.remove(name)
                if not missing:
                    break
        return found


class _Activations:
    def __init__(self, weights, relu):
        self._weights, self._relu = iter(weights), relu

    def convolve(self, x, channels, kernel, stride, padding, relu):
        # Without this TensorFlow differentiates by the weights too.
        kernel, bias = map(tf.stop_gradient, next(self._weights))
        x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, stride, padding), bias)
        return self._relu(x) if relu else x

    def pool(self, x, kind, stride, padding):
        pool = tf.nn.max_pool2d if kind == "MAX" else tf.nn.avg_pool2d
        return pool(x, 3, stride, padding)

    def join(self, branches):
        return tf.concat(branches, axis=-1)

    def mean(self, x):
        return tf.reduce_mean(x, axis=[1, 2], keepdims=True)


# --- Geometry -------------------------------------------------------------------------


class _Cells(NamedTuple):
    stride: int
    fields: Sides
    channels: int
    convolutions: int


class _Geometry:
    """Strides, receptive fields and shapes of kernels; sums per pixel of the image."""

    def __init__(self):
        self.kernels, self.activations, self.flops = [], 0.0, 0.0

    def convolve(self, x, channels, kernel, stride, padding, relu):
        shape = *kernel, x.channels, channels
        self.kernels.append(shape)
        x = self._cover(x, kernel, stride)
        if x.stride:
            kept = 1 + relu  # Keras' activation is a layer, and so is a convolution
            self.activations += kept * channels / x.stride**2
            self.flops += 2 * float(tf.TensorShape(shape).num_elements()) / x.stride**2
        return x._replace(channels=channels, convolutions=len(self.kernels))

    def pool(self, x, kind, stride, padding):
        x = self._cover(x, (3, 3), stride)
        self.activations += x.channels / x.stride**2
        return x

    def join(self, branches):
        fields = zip(*(each.fields for each in branches), strict=True)
        channels = sum(each.channels for each in branches)
        deepest = max(each.convolutions for each in branches)
        stride = branches[0].stride
        self.activations += channels / stride**2
        return _Cells(stride, tuple(map(max, fields)), channels, deepest)

    def mean(self, x):
        return x._replace(stride=0, fields=(0, 0))

    def _cover(self, x, kernel, stride):
        sides = zip(x.fields, kernel, strict=True)
        fields = tuple(field + (side - 1) * x.stride for field, side in sides)
        return x._replace(stride=x.stride * stride, fields=fields)


IMAGE = _Cells(1, (1, 1), 3, 0)


def geometry() -> dict[str, LayerInfo]:
    """Returns the geometry of all layers."""
    return {
        name: LayerInfo(x.stride, max(x.fields), x.channels, x.convolutions)
        for name, x in read(_Geometry(), IMAGE)
    }


def kernels() -> list[tuple[int, int, int, int]]:
    """Returns the shape of each convolution's kernel, [kh, kw, in, out]."""
    reader = _Geometry()
    list(read(reader, IMAGE))
    return reader.kernels


def densities(last: str) -> tuple[float, float]:
    """Returns activations and FLOP of convolutions, forward, per pixel of the image.

    Args:
        last: The layer at which the network ends.
    """
    reader = _Geometry()
    for name, _ in read(reader, IMAGE):
        if name == last:
            break
    return reader.activations, reader.flops


class _Sizes:
    def convolve(self, x, channels, kernel, stride, padding, relu):
        sides = zip(x, kernel, strict=True)
        return tuple(_length(side, k, stride, padding) for side, k in sides)

    def pool(self, x, kind, stride, padding):
        return tuple(_length(side, 3, stride, padding) for side in x)

    def join(self, branches):
        return branches[0]

    def mean(self, x):
        return 1, 1


def _length(side: int, kernel: int, stride: int, padding: str) -> int:
    counted = side if padding == "SAME" else side - kernel + 1
    return -(-counted // stride)


def sizes(height: int, width: int) -> dict[str, Sides]:
    """Returns `{layer: (h, w)}` for an image of height x width pixels."""
    return dict(read(_Sizes(), (height, width)))
