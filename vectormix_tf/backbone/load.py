"""Loads Keras networks with weights, and our layers as their outputs."""

import contextlib
import functools
import importlib.resources
import math
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

from vectormix_tf.backbone import environment, folded, inception
from vectormix_tf.backbone.environment import keras
from vectormix_tf.backbone.folded import Folded
from vectormix_tf.backbone.inception import Inception, LayerInfo
from vectormix_tf.backbone.rewrite import average_pooling, without_normalization
from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    LOGITS,
    WEIGHTS,
    Backbone,
    check_keras,
    check_weights,
)
from vectormix_tf.errors import InputError
from vectormix_tf.io.progress import DelayedWriter

_FOLDER = importlib.resources.files("vectormix_tf") / "backbone/weights"
WHOLE = _FOLDER / "inception_v3.npz"
# The bundled file of a stage, where that is not `WHOLE`. Mixes are better with the
# features of this one: voters chose them over the other's (examples/WEIGHTS.md).
EARLIER = {"mixed5": _FOLDER / "inception_v3_mixed5.npz"}

T = TypeVar("T")


# The outputs of the model are a dictionary with the same names as the info.
Network = tuple[keras.Model, dict[str, LayerInfo]]


def load_inception(
    weights: str, layers: Iterable[str] | None = None, precision: str = "float32"
) -> tuple[Inception, dict[str, LayerInfo]]:
    """Returns InceptionV3 without Keras' layers, and the layers that `weights` reach.

    Args:
        weights: As for `extractor.Extractor`.
        layers: As for `load`.
        precision: Type of the weights.

    Raises:
        InputError: As `load`.
    """
    check_keras(keras.config.backend())
    stage = BACKBONES[DEFAULT].stage(layers)
    if weights in WEIGHTS:
        check_weights(weights)
        with environment.TRACING:  # two threads would each load it
            network = _named_inception(weights, stage, precision)
    else:
        network = _load_inception(os.fspath(weights), stage, precision)
    return network, _reached(len(network.weights))


def _load_inception(weights: str, stage: str, precision: str) -> Inception:
    kind = BACKBONES[DEFAULT]
    return environment.build(
        lambda: Inception(_checked_pairs(weights, kind, stage), precision)
    )


_named_inception = functools.cache(_load_inception)


def cut(network: keras.Model, layers: Iterable[str]) -> keras.Model:
    """Returns the network with only `layers` as outputs, without deeper layers."""
    return keras.Model(network.input, {name: network.output[name] for name in layers})


def load(
    weights: str,
    backbone: str = DEFAULT,
    pooling: str = "max",
    layers: Iterable[str] | None = None,
) -> Network:
    """Returns a network with layers that `weights` reach, and their info.

    Args:
        weights: As for `extractor.Extractor`.
        backbone: A key of `BACKBONES`.
        pooling: "max" or "average".
        layers: Which are wanted, if not all: the network then ends at the first of
            `Backbone.stages` that reaches them. That takes less time, a download
            without classes (`logits`) is smaller, and there are bundled weights up to
            `mixed5` that suit mixes better than the others (`EARLIER`).

    Raises:
        InputError: If the weights cannot be loaded, or are those of another network.
    """
    check_keras(keras.config.backend())
    stage = BACKBONES[backbone].stage(layers)
    if weights not in WEIGHTS:
        path = os.fspath(weights)
        return environment.build(lambda: _load(path, backbone, pooling, stage))
    check_weights(weights, backbone)
    with environment.TRACING:  # two threads would each load it
        return _load_named(weights, backbone, pooling, stage)


def _load(weights: str, backbone: str, pooling: str, stage: str) -> Network:
    kind = BACKBONES[backbone]
    if kind.bundled:
        network, info = _load_folded(weights, kind, stage)
    else:
        network, info = _named(_read(weights, kind), kind)
    if pooling == "average":
        network = average_pooling(network)
    network.trainable = False
    return network, info


@functools.cache
def _load_named(*arguments) -> Network:
    return environment.build(lambda: _load(*arguments))


def untrained(backbone: str) -> Network:
    """Returns a network with random weights."""
    return environment.build(lambda: _untrained(BACKBONES[backbone]))


def _untrained(kind: Backbone) -> Network:
    network = _build(kind, input_shape=(None, None, 3))
    return _named(_with_logits(network, kind) if kind.classes else network, kind)


def _build(kind: Backbone, top: bool = False, weights: str | None = None, **options):
    build = getattr(keras.applications, kind.title)
    return build(include_top=top, weights=weights, **options)


def _with_logits(network: keras.Model, kind: Backbone) -> keras.Model:
    """Adds the logits of Keras' top, for images of any size; no softmax."""
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(network.output)
    # Without a name: Keras' counter then makes it the last of the convolutions.
    logits = keras.layers.Conv2D(kind.classes, 1)(mean)  # [1, 1, 1, classes]
    return keras.Model(network.input, logits)


def _named(network: keras.Model, kind: Backbone) -> Network:
    """Returns the network with all our layers as its outputs."""
    outputs = {name: _output(network, at) for name, at in kind.places.items()}
    return keras.Model(network.input, outputs), _geometry(network, outputs)


def _output(network: keras.Model, place: str):
    """Returns the tensor that one of `Backbone.places` describes."""
    kind, by_number, number = place.partition("#")
    if by_number:
        same_kind = [x for x in network.layers if type(x).__name__ == kind]
        return same_kind[int(number)].output
    name, is_branch, branch = place.partition("/")
    layer = network.get_layer(name)
    return layer.input[int(branch)] if is_branch else layer.output


def walk(network: keras.Model) -> Iterator[tuple]:
    """Yields (layer, stride, receptive fields, convolutions) from the image on.

    The numbers are those of `LayerInfo` for the layer's output; the receptive field has
    two, along y and x.
    """
    order = {layer.name: i for i, layer in enumerate(_convolutions(network), start=1)}
    geometry = {}  # id of a tensor -> (stride, fields, convolutions)
    for layer in network.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        known = [geometry[id(x)] for x in inputs if id(x) in geometry]
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
        geometry[id(layer.output)] = stride, fields, depth
        yield layer, stride, fields, depth


def densities(model: keras.Model) -> tuple[float, float]:
    """Returns activations and FLOP of convolutions, forward, per pixel of the image."""
    activations = flops = 0.0
    for layer, stride, *_ in walk(model):
        if stride and not isinstance(layer, keras.layers.InputLayer):
            activations += layer.output.shape[-1] / stride**2
            if isinstance(layer, keras.layers.Conv2D):
                flops += 2 * math.prod(layer.kernel.shape) / stride**2
    return activations, flops


def _geometry(network: keras.Model, outputs: dict) -> dict[str, LayerInfo]:
    """Returns the geometry of each named output."""
    by_tensor = {id(layer.output): numbers for layer, *numbers in walk(network)}
    info = {}
    for name, tensor in outputs.items():
        stride, fields, depth = by_tensor[id(tensor)]
        info[name] = LayerInfo(stride, int(max(fields)), tensor.shape[-1], depth)
    return info


# --- Folding batch normalization into convolutions ------------------------------------


def _load_folded(weights: str, kind: Backbone, stage: str) -> Network:
    pairs = _checked_pairs(weights, kind, stage)
    network, info = _untrained(kind)
    info = {n: i for n, i in info.items() if i.convolutions <= len(pairs)}
    network = without_normalization(cut(network, info))
    for layer, arrays in zip(_convolutions(network), pairs, strict=False):
        layer.set_weights(arrays)
    return network, info


def _checked_pairs(weights: str, kind: Backbone, stage: str) -> Folded:
    """Reads weights of InceptionV3, and refuses those of another network."""
    pairs = _read_folded(weights, kind, stage)
    if not _reached(len(pairs)):
        raise InputError(
            f"the weights {weights} hold no layer of {kind.title}; {_formats(kind)}"
        )
    for (kernel, bias), shape in zip(pairs, inception.kernels(), strict=False):
        if (kernel.shape, bias.shape) != (shape, shape[-1:]):
            raise InputError(
                f"the weights {weights} are not {kind.title}'s: other shapes;"
                f" {_formats(kind)}"
            )
    return pairs


def _reached(convolutions: int) -> dict[str, LayerInfo]:
    """Returns the layers that the first convolutions of InceptionV3 reach."""
    every = inception.geometry()
    return {n: i for n, i in every.items() if i.convolutions <= convolutions}


def _in_order(network: keras.Model, kind: type) -> list:
    """Returns the layers of one class in order of creation, by Keras' counter."""

    def number(layer):
        tail = layer.name.rpartition("_")[2]
        return int(tail) if tail.isdigit() else 0

    return sorted((x for x in network.layers if isinstance(x, kind)), key=number)


def _convolutions(network: keras.Model) -> list:
    return _in_order(network, keras.layers.Conv2D)


def fold(network: keras.Model) -> Folded:
    """Folds each (x - mean) / sqrt(variance + epsilon) + beta into its convolution.

    If the network has classes, their matrix is the last kernel, 1 x 1.

    Returns:
        Kernel and bias of each convolution, in order of creation.
    """
    pairs = []
    norms = _in_order(network, keras.layers.BatchNormalization)
    for convolution, norm in zip(_convolutions(network), norms, strict=True):
        beta, mean, variance = norm.get_weights()  # InceptionV3 has no gamma
        factor = 1 / np.sqrt(variance + norm.epsilon)
        pairs.append((convolution.get_weights()[0] * factor, beta - mean * factor))
    for dense in _in_order(network, keras.layers.Dense):
        matrix, bias = dense.get_weights()
        pairs.append((matrix[None, None], bias))  # [1, 1, c, classes], [classes]
    return pairs


# --- Sources of weights ---------------------------------------------------------------


def _formats(kind: Backbone) -> str:
    """Returns the end of an error: what can be given instead."""
    if kind.bundled:
        return (
            f"give a Keras weights file of {kind.title} (.h5), a file in the bundled"
            " format (.npz), bundled or imagenet."
        )
    return f"give a Keras weights file of {kind.title} (.h5) or imagenet."


def _read_folded(weights: str, kind: Backbone, stage: str) -> Folded:
    """Reads the convolutions up to one of `Backbone.stages`."""
    count = kind.stages[stage]
    if weights == "bundled":
        with importlib.resources.as_file(EARLIER.get(stage, WHOLE)) as path:
            return folded.read(path, count)
    # A .keras file, Keras' newer format, is a zip archive as well.
    if zipfile.is_zipfile(weights) and not weights.endswith(".keras"):
        return _from_file(weights, kind, lambda path: folded.read(path, count))
    return fold(_read(weights, kind, stage == LOGITS))[:count]


def _read(weights: str, kind: Backbone, classes: bool = False) -> keras.Model:
    """Returns Keras' network with the weights of a download or a file."""
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
        instead = 'use `weights="bundled"`, or ' if kind.bundled else ""
        raise InputError(
            f"could not get the imagenet weights ({reason}); connect to the network"
            f' once, or {instead}give a file: `weights="FILE"`.'
        ) from error


def _from_file(path: str, kind: Backbone, read):
    if not os.path.isfile(path):
        raise InputError(f"there is no weights file {path!r}; {_formats(kind)}")
    try:
        with warnings.catch_warnings():
            # If a file lacks layers, Keras only warns and leaves them random.
            warnings.simplefilter("error", UserWarning)
            return _finite(read(path))
    except Exception as error:  # damaged files raise almost anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError(
            f"could not read the weights {path} ({reason}); {_formats(kind)}"
        ) from error


def _finite(read: T) -> T:
    """Returns the arrays or the network that were read.

    Raises:
        ValueError: If one of their numbers is none: pictures would become NaN.
    """
    if isinstance(read, keras.Model):
        arrays = read.get_weights()
    else:
        arrays = [array for pair in read for array in pair]
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("a number in it is NaN or infinite")
    return read


def _read_keras(path: str, kind: Backbone) -> keras.Model:
    network = _build(kind)
    try:
        network.load_weights(path)
    except (ValueError, UserWarning):  # the file includes the classes
        whole = _build(kind, top=True)
        whole.load_weights(path)
        arrays = whole.get_weights()  # the classes are last
        network.set_weights(arrays[: len(network.weights)])
    return network


def _read_with_classes(path: str, kind: Backbone) -> keras.Model:
    """Reads a weights file, with its classes if it has them."""
    whole = _build(kind, top=True)
    try:
        whole.load_weights(path)
    except (ValueError, UserWarning):  # the file ends before the classes
        whole = keras.Model(whole.input, whole.get_layer("avg_pool").input)
        whole.load_weights(path)
    return whole
