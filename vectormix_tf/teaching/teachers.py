"""Teachers: EfficientNets, and which of their activations each layer is taught."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone import environment
from vectormix_tf.backbone.environment import keras
from vectormix_tf.errors import InputError
from vectormix_tf.io.progress import DelayedWriter
from vectormix_tf.teaching.geometry import Grid, padded
from vectormix_tf.teaching.sources import FORMATS, IMAGENET

CLASSES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """The activations of a teacher, and who is taught them.

    Names: `e5` is the expansion of block 5, `d5` its depthwise convolution, `o5` its
    output; `head` is the last convolution.

    Attributes:
        taps: Each layer of the pupil -> the activations that it must tell.
        widths: Channels of each block's output.
        kernels: Side of each block's depthwise kernel.
        halving: Numbers of the blocks whose depthwise convolution has stride 2.
        head: Channels of the head.
    """

    taps: Mapping[str, tuple[str, ...]]
    widths: tuple[int, ...]
    kernels: tuple[int, ...]
    halving: tuple[int, ...]
    head: int

    @property
    def wanted(self) -> list[str]:
        """Names of all activations that are taught, each once."""
        return list(dict.fromkeys(name for each in self.taps.values() for name in each))

    def channels(self, name: str) -> int:
        """Number of channels of some activations."""
        if name == "head":
            return self.head
        block = int(name[1:])
        return self.widths[block] if name[0] == "o" else 6 * self.widths[block - 1]

    def grids(self, size: int) -> dict[str, Grid]:
        """Where the cells of the activations look, in pictures of `size` pixels."""
        grid, grids = padded(Grid(0, 1, size), 3, 2), {}  # the stem
        for block, kernel in enumerate(self.kernels):
            grids[f"e{block}"] = grid
            grid = padded(grid, kernel, 2 if block in self.halving else 1)
            grids[f"d{block}"] = grids[f"o{block}"] = grid
        return grids | {"head": grid}


# EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946, table 1) and its Lite0, which has
# the same blocks without squeeze and excitation, and ReLU6 for swish.
EFFICIENTNET = Plan(
    taps={
        "conv4a": ("e2",),
        "mixed0": ("e4",),
        "mixed2": ("e5",),
        "mixed3": ("e7",),
        "mixed4": ("e9",),
        "mixed5": ("d10", "o10"),
        "mixed6": ("e11",),
        "mixed7": ("e11", "o13"),
        "mixed8": ("e14",),
        "mixed10": ("d15", "head"),
    },
    widths=(16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320),
    kernels=(3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3),
    halving=(1, 3, 5, 11),
    head=1280,
)
# Keras' names of the same blocks.
_KERAS_BLOCKS = (
    *("1a", "2a", "2b", "3a", "3b", "4a", "4b", "4c"),
    *("5a", "5b", "5c", "6a", "6b", "6c", "6d", "7a"),
)

# Image [b, size, size, 3] in [0, 1] -> {activations: [b, h, w, c], "logits": [b, 1000]}
Teacher = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def load(teacher: str, size: int) -> Teacher:
    """Returns a teacher for pictures of one size.

    Args:
        teacher: "imagenet", or the path of a file; see `sources.FORMATS`.
        size: Side of the pictures in pixels.

    Raises:
        InputError: If it cannot be loaded.
    """
    if teacher == IMAGENET:
        return _efficientnet_b0(_download, size)
    if teacher.lower().endswith(".npz"):
        return lite0(read_lite0(teacher))
    return _efficientnet_b0(lambda network: _read_keras(network, teacher), size)


def _unreadable(path: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return InputError(f"could not read the teacher `{path}` ({reason}); {FORMATS}")


# --- EfficientNet-Lite0 ---------------------------------------------------------------


def lite0_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays in a file of EfficientNet-Lite0."""
    plan, shapes, before = EFFICIENTNET, {"stem/k": (3, 3, 3, 32)}, 32
    for i, (kernel, width) in enumerate(zip(plan.kernels, plan.widths, strict=True)):
        inner = 6 * before if i else before
        if i:
            shapes[f"{i}/e/k"] = (1, 1, before, inner)
        shapes[f"{i}/d/k"] = (kernel, kernel, inner, 1)
        shapes[f"{i}/p/k"] = (1, 1, inner, width)
        before = width
    shapes |= {"head/k": (1, 1, before, plan.head), "fc/k": (plan.head, CLASSES)}
    biases = {}
    for name, shape in shapes.items():
        channels = shape[-2] if "/d/" in name else shape[-1]
        biases[f"{name.removesuffix('k')}b"] = (channels,)
    return shapes | biases


def read_lite0(path: str) -> dict[str, np.ndarray]:
    """Reads a file of EfficientNet-Lite0, whose normalization is folded in.

    Raises:
        InputError: If it is another file, or damaged.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            arrays = {name: np.float32(data[name]) for name in data.files}
    except Exception as error:  # damaged files raise almost anything
        raise _unreadable(path, error) from error
    for name, shape in lite0_shapes().items():
        if name not in arrays or arrays[name].shape != shape:
            found = f"shape {arrays[name].shape}" if name in arrays else "nothing"
            raise InputError(
                f"`{path}` is no EfficientNet-Lite0: {name} has {found} in place of"
                f" {shape}; {FORMATS}"
            )
        if not np.isfinite(arrays[name]).all():
            raise InputError(f"`{path}` has numbers in {name} that are not finite.")
    return arrays


def lite0(arrays: Mapping[str, np.ndarray]) -> Teacher:
    """Returns EfficientNet-Lite0 with the arrays that `read_lite0` returns."""
    weights = {name: tf.constant(array) for name, array in arrays.items()}
    plan = EFFICIENTNET

    def convolve(x, name, stride=1):
        x = tf.nn.conv2d(x, weights[f"{name}/k"], stride, "SAME")
        return x + weights[f"{name}/b"]

    def activations(image):
        seen = {}
        # As TensorFlow's own EfficientNet-Lite prepares its pictures.
        x = tf.nn.relu6(convolve((image * 255 - 127) / 128, "stem", 2))
        for i in range(len(plan.widths)):
            h, stride = x, 2 if i in plan.halving else 1
            if f"{i}/e/k" in weights:
                h = seen[f"e{i}"] = tf.nn.relu6(convolve(h, f"{i}/e"))
            strides = [1, stride, stride, 1]
            h = tf.nn.depthwise_conv2d(h, weights[f"{i}/d/k"], strides, "SAME")
            h = seen[f"d{i}"] = tf.nn.relu6(h + weights[f"{i}/d/b"])
            h = convolve(h, f"{i}/p")
            x = h + x if i and stride == 1 and h.shape[-1] == x.shape[-1] else h
            seen[f"o{i}"] = x
        seen["head"] = tf.nn.relu6(convolve(x, "head"))
        mean = tf.reduce_mean(seen["head"], [1, 2])
        return seen | {"logits": mean @ weights["fc/k"] + weights["fc/b"]}

    return activations


# --- EfficientNetB0 of Keras ----------------------------------------------------------


def _efficientnet_b0(read: Callable[[keras.Model], None], size: int) -> Teacher:
    """Returns Keras' EfficientNetB0 for pictures of one size; `read` sets its weights.

    With a fixed size Keras pads as TensorFlow's "same" does, see `Plan.grids`.
    """

    def build():
        whole = keras.applications.EfficientNetB0(
            weights=None, classifier_activation=None, input_shape=(size, size, 3)
        )
        read(whole)
        (normalization,) = (
            x for x in whole.layers if isinstance(x, keras.layers.Normalization)
        )
        normalization.finalize_state()  # which `set_weights` leaves undone
        outputs = {name: _output(whole, name) for name in EFFICIENTNET.wanted}
        outputs["logits"] = whole.output
        return keras.Model(whole.input, outputs), _input_scale(normalization)

    network, (mean, scale) = environment.build(build)

    def activations(image):
        return network(((image - mean) * scale + mean) * 255, training=False)

    return activations


def _output(network: keras.Model, name: str):
    """Returns the tensor of some activations."""
    if name == "head":
        return network.get_layer("top_activation").output
    block = f"block{_KERAS_BLOCKS[int(name[1:])]}_"
    if name[0] != "o":
        middle = "expand_" if name[0] == "e" else ""
        return network.get_layer(f"{block}{middle}activation").output
    names = {layer.name for layer in network.layers}
    last = f"{block}add"
    return network.get_layer(last if last in names else f"{block}project_bn").output


def _input_scale(normalization) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the network's own normalization lacks: (mean, scale) of colors.

    Keras' download holds deviations in place of variances, which Keras corrects by a
    layer without weights that it adds for the download alone.
    """
    mean, variance, *_ = normalization.get_weights()
    deviation = np.float32([0.229, 0.224, 0.225])  # of ImageNet's red, green, blue
    is_download = np.allclose(variance, deviation, atol=1e-3)
    return mean, 1 / np.sqrt(deviation) if is_download else np.ones(3, np.float32)


def _download(network: keras.Model) -> None:
    try:
        with contextlib.redirect_stdout(DelayedWriter()):
            whole = keras.applications.EfficientNetB0(weights=IMAGENET)
    except Exception as error:  # Keras raises a bare Exception when the fetch fails
        reason = " ".join(str(error).split())
        raise InputError(
            f"could not get the teacher EfficientNetB0 ({reason}); connect to the"
            f" network once, or give a file: {FORMATS}"
        ) from error
    network.set_weights(whole.get_weights())


def _read_keras(network: keras.Model, path: str) -> None:
    try:
        network.load_weights(path)
    except Exception as error:  # damaged files raise almost anything
        raise _unreadable(path, error) from error
