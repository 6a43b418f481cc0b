"""Backbones: what InceptionV3 sees in an image, under names that stay the same.

Keras names the inner layers of InceptionV3 by a counter that goes on from model to
model (`activation_94`), so layers have names of our own: the stem's `conv1a` ...
`conv4a` (their ReLU outputs), the blocks `mixed0` ... `mixed10`, and `mixed4/0`,
`mixed4/1`, ... for the branches of a block in the order in which it joins them.
`settings.LAYERS` lists them.
"""

import functools
import importlib.resources
import os
import warnings
import zipfile
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from vectormix_tf.settings import BLOCKS, LAYERS, STEM, InputError

# Keras is multi-backend and reads its choice once, at its import; this package is
# TensorFlow.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import keras  # noqa: E402

BUNDLED = importlib.resources.files("vectormix_tf") / "weights/inception_v3_mixed5.npz"

Folded = list[tuple[np.ndarray, np.ndarray]]  # (kernel, bias) of each convolution


class LayerInfo(NamedTuple):
    """Where a layer stands in the network.

    Attributes:
        stride: Image pixels from one cell to the next.
        field: Receptive field of a cell: side of the square of pixels that it can see.
        channels: Length of a cell's vector.
        convolutions: How many of the network's convolutions must be there for it.
    """

    stride: int
    field: int
    channels: int
    convolutions: int


class Extractor:
    """One multi-output Keras InceptionV3, cut off behind the deepest layer asked for.

    Args:
        layers: Names from `settings.LAYERS`.
        weights: "bundled", "imagenet" (Keras' download) or the path of a file: a Keras
            weights file of InceptionV3, or one in the bundled file's format.

    Attributes:
        model: The Keras model; tracked by a `tf.Module` that holds it, for exports.
        info: `{layer: LayerInfo}`.

    Raises:
        InputError: If the weights cannot be had or do not reach a layer.
    """

    def __init__(self, layers: Iterable[str], weights: str = "bundled"):
        layers = sorted(set(layers), key=LAYERS.index)
        network, info = load_network(weights)
        for name in layers:
            if name not in info:
                last = max(info, key=LAYERS.index)
                raise InputError(
                    f"the weights {weights} end at {last} and do not reach {name};"
                    " choose an earlier layer, or --weights=imagenet."
                )
        self.info = {name: info[name] for name in layers}
        self.model = _cut(network, layers)
        self._parts = {tuple(layers): self.model}

    def __call__(self, image, layers: Iterable[str] | None = None) -> dict:
        """Looks at an image.

        Args:
            image: [1, H, W, 3] in [0, 1], both sides at least `settings.MINIMUM_SIDE`.
            layers: Some of the extractor's; None for all.

        Returns:
            `{layer: activations [1, h, w, c]}`.
        """
        wanted = tuple(sorted(layers or self.info, key=LAYERS.index))
        if wanted not in self._parts:
            self._parts[wanted] = _cut(self.model, wanted)
        # Keras' own preprocessing for InceptionV3 takes [0, 1] to [-1, 1].
        return self._parts[wanted](image * 2.0 - 1.0, training=False)


def _cut(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """The network up to the deepest of `layers`, with them as its outputs."""
    return keras.Model(network.input, {name: network.output[name] for name in layers})


def load_network(weights: str) -> tuple[keras.Model, dict[str, LayerInfo]]:
    """Returns InceptionV3 with all layers that `weights` reach, and their info."""
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"Keras runs on {keras.backend.backend()}, this package needs TensorFlow;"
            " set KERAS_BACKEND=tensorflow."
        )
    return _load_named(weights) if weights in _LOADERS else _load(weights)


def describe(size: int, weights: str = "bundled") -> list[tuple[str, tuple, LayerInfo]]:
    """Returns `(name, (h, w), info)` of every layer at `size` x `size` pixels.

    With "imagenet" nothing is downloaded: the layers are known without the numbers.
    """
    if weights == "imagenet":
        network, info = _blank()
    else:
        network, info = load_network(weights)
    shapes = network.compute_output_shape((1, size, size, 3))
    return [(name, tuple(shapes[name][1:3]), info[name]) for name in info]


@functools.cache
def _load_named(weights: str):
    return _load(weights)


def _load(weights: str):
    folded = _LOADERS.get(weights, _from_path)(weights)
    network, info = _blank()
    info = {n: i for n, i in info.items() if i.convolutions <= len(folded)}
    if not info:
        raise InputError(
            f"the weights {weights} hold no layer of InceptionV3; {_FORMATS}"
        )
    network = _without_normalization(_cut(network, info))
    for layer, arrays in zip(_convolutions(network), folded, strict=False):
        if [v.shape for v in layer.weights] != [a.shape for a in arrays]:
            raise InputError(
                f"the weights {weights} are not InceptionV3's: other shapes; {_FORMATS}"
            )
        layer.set_weights(arrays)
    network.trainable = False
    return network, info


def _blank(top: bool = False):
    """Keras' own InceptionV3 with random weights, all our layers as its outputs."""
    network = keras.applications.InceptionV3(
        include_top=top, weights=None, input_shape=None if top else (None, None, 3)
    )
    activations = [x for x in network.layers if isinstance(x, keras.layers.Activation)]
    # The stem is a chain, so its activations come first in any topological order.
    outputs = {n: x.output for n, x in zip(STEM, activations, strict=False)}
    for block in BLOCKS:
        layer = network.get_layer(block)
        outputs |= {f"{block}/{i}": branch for i, branch in enumerate(layer.input)}
        outputs[block] = layer.output
    info = _survey(network, outputs)
    return keras.Model(network.input, outputs), info


def _survey(network: keras.Model, outputs: dict) -> dict[str, LayerInfo]:
    """Walks the network from the image on and notes what each named layer can see."""
    order = {layer.name: i for i, layer in enumerate(_convolutions(network), start=1)}
    seen = {}  # id of a tensor -> (stride, fields along y and x, convolutions)
    for layer in network.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        known = [seen[id(x)] for x in inputs if id(x) in seen]
        stride, fields, depth = known[0] if known else (1, (1, 1), 0)
        for _, other, deeper in known[1:]:  # the branches of a block
            fields = tuple(np.maximum(fields, other))
            depth = max(depth, deeper)
        if hasattr(layer, "strides"):
            kernel = getattr(layer, "kernel_size", None) or layer.pool_size
            fields = tuple(
                f + (k - 1) * stride for f, k in zip(fields, kernel, strict=True)
            )
            stride *= layer.strides[0]
        depth = max(depth, order.get(layer.name, 0))
        seen[id(layer.output)] = stride, fields, depth
    info = {}
    for name, tensor in outputs.items():
        stride, fields, depth = seen[id(tensor)]
        info[name] = LayerInfo(stride, int(max(fields)), tensor.shape[-1], depth)
    return info


def _without_normalization(network: keras.Model) -> keras.Model:
    """The same network with biases in its convolutions instead of normalization.

    A fifth less work per step, and traced in half of the time.
    """

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D):
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.layers.BatchNormalization):
            return args[0]
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=clone, call_function=call)


def _in_order(network: keras.Model, kind: type) -> list:
    """The layers of one kind in the order of creation, which Keras' counter tells."""

    def number(layer):
        tail = layer.name.rpartition("_")[2]
        return int(tail) if tail.isdigit() else 0

    return sorted((x for x in network.layers if isinstance(x, kind)), key=number)


def _convolutions(network: keras.Model) -> list:
    return _in_order(network, keras.layers.Conv2D)


def _fold(network: keras.Model) -> Folded:
    """Takes each (x - mean) / sqrt(variance + epsilon) + beta into the kernel."""
    folded = []
    norms = _in_order(network, keras.layers.BatchNormalization)
    for convolution, norm in zip(_convolutions(network), norms, strict=True):
        beta, mean, variance = norm.get_weights()  # InceptionV3 has no gamma
        factor = 1 / np.sqrt(variance + norm.epsilon)
        folded.append((convolution.get_weights()[0] * factor, beta - mean * factor))
    return folded


# --- Where the numbers come from ------------------------------------------------------

# What readers raise over a file that is not what it should be.
_BROKEN = (
    *(OSError, ValueError, KeyError, AttributeError, UserWarning),
    zipfile.BadZipFile,
)

_FORMATS = (
    "give a Keras weights file of InceptionV3 (.h5), a file in the bundled format"
    " (.npz), bundled or imagenet."
)


def _bundled(_: str) -> Folded:
    with importlib.resources.as_file(BUNDLED) as path:
        return _read_npz(path)


def _imagenet(_: str) -> Folded:
    try:  # Keras downloads once, checks the file's hash and keeps it in ~/.keras/models
        network = keras.applications.InceptionV3(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when the fetch fails
        reason = " ".join(str(error).split())
        raise InputError(
            f"could not get the imagenet weights ({reason}); connect to the network"
            " once, or use --weights=bundled, or a file: --weights=FILE."
        ) from error
    return _fold(network)


def _from_path(weights: str) -> Folded:
    if not os.path.isfile(weights):
        raise InputError(f"there is no weights file {weights!r}; {_FORMATS}")
    try:
        return _read_npz(weights) if zipfile.is_zipfile(weights) else _read_h5(weights)
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"could not read the weights {weights} ({reason}); {_FORMATS}"
        ) from error


def _read_npz(path) -> Folded:
    """Reads `conv_NN/kernel` and `conv_NN/bias`; see weights/NOTICE."""
    with np.load(path, allow_pickle=False) as data:
        count = sum(name.endswith("/kernel") for name in data.files)
        return [
            tuple(
                data[f"conv_{i:02d}/{n}"].astype(np.float32) for n in ("kernel", "bias")
            )
            for i in range(count)
        ]


def _read_h5(path: str) -> Folded:
    with warnings.catch_warnings():
        # Where a file lacks layers, Keras only warns and leaves them random.
        warnings.simplefilter("error", UserWarning)
        try:
            network = keras.applications.InceptionV3(include_top=False, weights=None)
            network.load_weights(path)
        except (ValueError, UserWarning):  # the other kind of file has the classes too
            network = keras.applications.InceptionV3(include_top=True, weights=None)
            network.load_weights(path)
    return _fold(network)


_LOADERS = {"bundled": _bundled, "imagenet": _imagenet}
