"""Networks: those of Keras, with numbers in them and our layers as their outputs."""

import contextlib
import functools
import importlib.resources
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from vectormix_tf.backbone.rewrite import average_pooling, keras, without_normalization
from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    WEIGHTS,
    Backbone,
    check_weights,
)
from vectormix_tf.errors import InputError
from vectormix_tf.io.progress import DelayedWriter

BUNDLED = (
    importlib.resources.files("vectormix_tf")
    / "backbone/weights/inception_v3_mixed5.npz"
)

Folded = list[tuple[np.ndarray, np.ndarray]]  # (kernel, bias) of each convolution


class LayerInfo(NamedTuple):
    """Where a layer stands in the network.

    Attributes:
        stride: Image pixels from one cell to the next; 0 where there is but one.
        field: Receptive field of a cell: side of the square of pixels that it can see;
            0 where that is the whole image.
        channels: Length of a cell's vector.
        convolutions: How many of the network's convolutions must be there for it.
    """

    stride: int
    field: int
    channels: int
    convolutions: int


Network = tuple[keras.Model, dict[str, LayerInfo]]  # its outputs, by name, are in both


def cut(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """The network up to the deepest of `layers`, with them as its outputs."""
    return keras.Model(network.input, {name: network.output[name] for name in layers})


def load(
    weights: str,
    backbone: str = DEFAULT,
    pooling: str = "max",
    classes: bool = False,
) -> Network:
    """Returns a network with all layers that `weights` reach, and their info.

    Args:
        weights: As for `extractor.Extractor`.
        backbone: A key of `BACKBONES`.
        pooling: "max" or "average".
        classes: Whether a download must reach `logits`, which makes it larger; a file
            reaches what it reaches.

    Raises:
        InputError: If the weights cannot be had, or are another network's.
    """
    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"Keras runs on {keras.backend.backend()}, this package needs TensorFlow;"
            " set KERAS_BACKEND=tensorflow."
        )
    if weights not in WEIGHTS:
        return _load(os.fspath(weights), backbone, pooling)
    check_weights(weights, backbone)
    return _load_named(weights, backbone, pooling, classes)


def _load(
    weights: str,
    backbone: str = DEFAULT,
    pooling: str = "max",
    classes: bool = False,
) -> Network:
    kind = BACKBONES[backbone]
    if kind.bundled:
        network, info = _load_folded(weights, backbone, classes)
    else:
        network, info = _named(_read(weights, kind), kind)
    if pooling == "average":
        network = average_pooling(network)
    network.trainable = False
    return network, info


_load_named = functools.cache(_load)


def untaught(backbone: str) -> Network:
    """Returns a network with random numbers."""
    kind = BACKBONES[backbone]
    network = _build(kind, input_shape=(None, None, 3))
    return _named(_with_logits(network, kind) if kind.classes else network, kind)


def _build(kind: Backbone, top: bool = False, weights: str | None = None, **options):
    build = getattr(keras.applications, kind.title)
    return build(include_top=top, weights=weights, **options)


def _with_logits(network: keras.Model, kind: Backbone) -> keras.Model:
    """What Keras puts on top but for the softmax, for images of any size."""
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(network.output)
    # Without a name, so that Keras' counter makes it the last of the convolutions.
    logits = keras.layers.Conv2D(kind.classes, 1)(mean)  # [1, 1, 1, classes]
    return keras.Model(network.input, logits)


def _named(network: keras.Model, kind: Backbone) -> Network:
    """The same network with all our layers as its outputs."""
    outputs = {name: _output(network, at) for name, at in kind.places.items()}
    return keras.Model(network.input, outputs), _survey(network, outputs)


def _output(network: keras.Model, place: str):
    """The tensor at one of `Backbone.places`."""
    kind, sharp, number = place.partition("#")
    if sharp:
        alike = [x for x in network.layers if type(x).__name__ == kind]
        return alike[int(number)].output
    name, slash, branch = place.partition("/")
    layer = network.get_layer(name)
    return layer.input[int(branch)] if slash else layer.output


def walk(network: keras.Model) -> Iterator[tuple]:
    """Yields (layer, stride, fields along y and x, convolutions) from the image on.

    They are those of its output: see `LayerInfo`.
    """
    order = {layer.name: i for i, layer in enumerate(_convolutions(network), start=1)}
    seen = {}  # id of a tensor -> (stride, fields, convolutions)
    for layer in network.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        known = [seen[id(x)] for x in inputs if id(x) in seen]
        stride, fields, depth = known[0] if known else (1, (1, 1), 0)
        for _, other, deeper in known[1:]:  # the branches of a block
            fields = tuple(np.maximum(fields, other))
            depth = max(depth, deeper)
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            stride, fields = 0, (0, 0)
        elif hasattr(layer, "strides"):
            kernel = getattr(layer, "kernel_size", None) or layer.pool_size
            fields = tuple(
                f + (k - 1) * stride for f, k in zip(fields, kernel, strict=True)
            )
            stride *= layer.strides[0]
        depth = max(depth, order.get(layer.name, 0))
        seen[id(layer.output)] = stride, fields, depth
        yield layer, stride, fields, depth


def _survey(network: keras.Model, outputs: dict) -> dict[str, LayerInfo]:
    """Notes what each named layer can see."""
    seen = {id(layer.output): found for layer, *found in walk(network)}
    info = {}
    for name, tensor in outputs.items():
        stride, fields, depth = seen[id(tensor)]
        info[name] = LayerInfo(stride, int(max(fields)), tensor.shape[-1], depth)
    return info


# --- Folding --------------------------------------------------------------------------


def _load_folded(weights: str, backbone: str, classes: bool) -> Network:
    kind = BACKBONES[backbone]
    folded = _read_folded(weights, kind, classes)
    network, info = untaught(backbone)
    info = {n: i for n, i in info.items() if i.convolutions <= len(folded)}
    if not info:
        raise InputError(
            f"the weights {weights} hold no layer of {kind.title}; {_formats(kind)}"
        )
    network = without_normalization(cut(network, info))
    for layer, arrays in zip(_convolutions(network), folded, strict=False):
        if [v.shape for v in layer.weights] != [a.shape for a in arrays]:
            raise InputError(
                f"the weights {weights} are not {kind.title}'s: other shapes;"
                f" {_formats(kind)}"
            )
        layer.set_weights(arrays)
    return network, info


def _in_order(network: keras.Model, kind: type) -> list:
    """The layers of one kind in the order of creation, which Keras' counter tells."""

    def number(layer):
        tail = layer.name.rpartition("_")[2]
        return int(tail) if tail.isdigit() else 0

    return sorted((x for x in network.layers if isinstance(x, kind)), key=number)


def _convolutions(network: keras.Model) -> list:
    return _in_order(network, keras.layers.Conv2D)


def fold(network: keras.Model) -> Folded:
    """Takes each (x - mean) / sqrt(variance + epsilon) + beta into the kernel.

    Where the network has classes, their matrix is the last kernel, of a single cell.
    """
    folded = []
    norms = _in_order(network, keras.layers.BatchNormalization)
    for convolution, norm in zip(_convolutions(network), norms, strict=True):
        beta, mean, variance = norm.get_weights()  # InceptionV3 has no gamma
        factor = 1 / np.sqrt(variance + norm.epsilon)
        folded.append((convolution.get_weights()[0] * factor, beta - mean * factor))
    for dense in _in_order(network, keras.layers.Dense):
        matrix, bias = dense.get_weights()
        folded.append((matrix[None, None], bias))  # [1, 1, c, classes], [classes]
    return folded


# --- Where the numbers come from ------------------------------------------------------

# What readers raise over a file that is not what it should be.
_BROKEN = (
    *(OSError, ValueError, KeyError, AttributeError, UserWarning),
    zipfile.BadZipFile,
)


def _formats(kind: Backbone) -> str:
    """The tail of an error: what could be given instead."""
    if kind.bundled:
        return (
            f"give a Keras weights file of {kind.title} (.h5), a file in the bundled"
            " format (.npz), bundled or imagenet."
        )
    return f"give a Keras weights file of {kind.title} (.h5) or imagenet."


def _read_folded(weights: str, kind: Backbone, classes: bool = False) -> Folded:
    if weights == "bundled":
        with importlib.resources.as_file(BUNDLED) as path:
            return _read_npz(path)
    # Keras' own new format is an archive too.
    if zipfile.is_zipfile(weights) and not weights.endswith(".keras"):
        return _from_file(weights, kind, _read_npz)
    return fold(_read(weights, kind, classes))


def _read(weights: str, kind: Backbone, classes: bool = False) -> keras.Model:
    """Keras' network with the numbers of a download or a file."""
    if weights == "imagenet":
        return _download(kind, classes)
    read = _read_with_classes if kind.classes else _read_keras
    return _from_file(weights, kind, lambda path: read(path, kind))


def _download(kind: Backbone, classes: bool) -> keras.Model:
    try:  # Keras downloads once, checks the file's hash and keeps it in ~/.keras/models
        with contextlib.redirect_stdout(DelayedWriter()):
            return _build(kind, top=classes, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when the fetch fails
        reason = " ".join(str(error).split())
        instead = 'use `weights="bundled"`, or ' if kind.bundled and not classes else ""
        raise InputError(
            f"could not get the imagenet weights ({reason}); connect to the network"
            f' once, or {instead}give a file: `weights="FILE"`.'
        ) from error


def _from_file(path: str, kind: Backbone, read):
    if not os.path.isfile(path):
        raise InputError(f"there is no weights file {path!r}; {_formats(kind)}")
    try:
        with warnings.catch_warnings():
            # Where a file lacks layers, Keras only warns and leaves them random.
            warnings.simplefilter("error", UserWarning)
            return read(path)
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"could not read the weights {path} ({reason}); {_formats(kind)}"
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


def _read_keras(path: str, kind: Backbone) -> keras.Model:
    network = _build(kind)
    try:
        network.load_weights(path)
    except (ValueError, UserWarning):  # the other kind of file has the classes too
        whole = _build(kind, top=True)
        whole.load_weights(path)
        arrays = whole.get_weights()  # those of the classes come last
        network.set_weights(arrays[: len(network.weights)])
    return network


def _read_with_classes(path: str, kind: Backbone) -> keras.Model:
    """Reads the classes too, where the file has them."""
    whole = _build(kind, top=True)
    try:
        whole.load_weights(path)
    except (ValueError, UserWarning):  # the other kind of file ends before them
        whole = keras.Model(whole.input, whole.get_layer("avg_pool").input)
        whole.load_weights(path)
    return whole
