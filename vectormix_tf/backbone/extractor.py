"""Feature extraction: activations of a network's layers, by stable names.

`config.backbones.BACKBONES` lists the networks and the names of their layers.
"""

import functools
from collections.abc import Hashable, Iterable

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone import environment, inception, rewrite
from vectormix_tf.backbone.graphs import Identity, StoredFunction
from vectormix_tf.backbone.inception import LayerInfo
from vectormix_tf.backbone.load import cut, densities, load, load_inception, untrained
from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    LOGITS,
    WEIGHTS,
    check_backbone,
    check_weights,
)
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError, close_names

# Mean of ImageNet's blue, green and red: `keras.applications.imagenet_utils`.
IMAGENET_MEAN = np.array([103.939, 116.779, 123.68], np.float32)

KEPT = 4  # extractors that are kept for further runs

# From an image in [0, 1] to the range and channel order that a network was trained on.
PREPROCESSING = {
    "signed": lambda image: image * 2.0 - 1.0,
    "caffe": lambda image: image[..., ::-1] * 255.0 - IMAGENET_MEAN,
}


class Extractor:
    """One multi-output Keras network, truncated at the deepest layer requested.

    Args:
        layers: Names of layers of the backbone.
        weights: "bundled" (InceptionV3 only), "imagenet" (downloaded by Keras), or the
            path of a Keras weights file of the backbone, with or without its classes
            (`logits` needs them). For InceptionV3 also a file in the bundled format.
        backbone: A key of `BACKBONES`.
        pooling: "max", or "average" with a VGG (Gatys et al. 2015, section 3).
        redirect_relu: Whether ReLUs that would block the whole gradient of an image
            pass it instead; see `rewrite.redirect_relu`.
        precision: Type that the network computes in, "float32" or "bfloat16". The
            activations returned are float32 in any case.
        xla: Whether XLA compiles the network, once for every image size.

    Attributes:
        model: An `inception.Inception`, or of another backbone a Keras model. A
            `tf.Module` that holds it saves its weights.
        info: `{layer: LayerInfo}`.

    Raises:
        InputError: If the backbone has no such layer or pooling, or the weights cannot
            be loaded or do not reach a layer.
    """

    def __init__(
        self,
        layers: Iterable[str],
        weights: str = "bundled",
        backbone: str = DEFAULT,
        pooling: str = "max",
        redirect_relu: bool = False,
        precision: str = "float32",
        xla: bool = False,
    ):
        check_backbone(backbone, pooling)
        self._order = BACKBONES[backbone].layers.index
        self._prepare = PREPROCESSING[BACKBONES[backbone].preprocessing]
        layers = set(layers)
        for name in layers:
            if name not in BACKBONES[backbone].layers:
                close = close_names(name, BACKBONES[backbone].layers)
                raise InputError(f"{backbone} has no layer {name!r}; {close}")
        layers = sorted(layers, key=self._order)
        self._is_inception = backbone == DEFAULT
        if self._is_inception:
            self.model, info = load_inception(weights, layers, precision)
        else:
            network, info = load(weights, backbone, pooling, layers)
        for name in layers:
            if name not in info:
                last = max(info, key=self._order)
                other = "a file with classes" if name == LOGITS else "an earlier layer"
                raise InputError(
                    f"the weights {weights} end at {last} and do not reach {name};"
                    f' choose {other}, or `weights="imagenet"`.'
                )
        self.info = {name: info[name] for name in layers}
        self._precision, self._redirects, self._xla = precision, redirect_relu, xla
        if not self._is_inception:
            self.model = environment.build(lambda: self._rewritten(network))
        self._call, self._sizes = self._function(), {}

    def _rewritten(self, network):
        model = cut(network, self.info)
        if self._precision != "float32":
            model = rewrite.cast(model, self._precision)
        return rewrite.redirect_relu(model) if self._redirects else model

    def __call__(self, image, layers: Iterable[str] | None = None) -> dict:
        """Computes the activations of an image.

        Args:
            image: [B, H, W, 3] in [0, 1], both sides at least the backbone's `minimum`.
            layers: Some of the extractor's layers; None for all.

        Returns:
            `{layer: activations [B, h, w, c]}`, float32.
        """
        activations = self._call(image)
        return {name: activations[name] for name in layers or self.info}

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """Returns `{layer: (h, w)}` for an image of height x width pixels."""
        key = height, width
        if key not in self._sizes and self._is_inception:
            every = inception.sizes(height, width)
            self._sizes[key] = {name: every[name] for name in self.info}
        if key not in self._sizes:
            shapes = self.model.compute_output_shape((1, height, width, 3))
            self._sizes[key] = {name: tuple(shapes[name][1:3]) for name in self.info}
        return self._sizes[key]

    def densities(self) -> tuple[float, float]:
        """Returns activations and FLOP of convolutions, forward, per pixel."""
        if self._is_inception:
            return inception.densities(list(self.info)[-1])
        return densities(self.model)

    def _function(self):
        """Returns a function with one graph for images of all sizes."""

        def activations(image):
            image = tf.cast(self._prepare(image), self._precision)
            if self._is_inception:
                relu = rewrite.redirected_relu if self._redirects else tf.nn.relu
                outputs = self.model(image, self.info, relu)
            else:
                outputs = self.model(image, training=False)
            return {name: tf.cast(each, tf.float32) for name, each in outputs.items()}

        return StoredFunction(
            # A new object for each extractor: TensorFlow counts retraces by function
            # and would warn that one function is traced again and again.
            functools.partial(activations),
            self.identity(),
            [tf.TensorSpec([None, None, None, 3])],
            # False would forbid XLA to the caller's graph.
            jit_compile=self._xla or None,
        )

    def identity(self, *key: Hashable) -> Identity | None:
        """Returns what makes a graph that contains the network.

        Args:
            *key: What makes the rest of it.

        Returns:
            None where such graphs are not kept: networks that XLA compiles, and those
            of Keras, whose variables are its own.
        """
        if self._xla or not self._is_inception:
            return None
        network = "inception_v3", tuple(self.info), self._precision, self._redirects
        variables = [each for pair in self.model.weights for each in pair]
        return Identity((network, key), variables)


def shared_extractor(
    settings: Settings, layers: Iterable[str], redirect_relu: bool = False
) -> Extractor:
    """Returns an extractor that further runs share, which saves its trace.

    Args:
        settings: With the network, its weights and its precision. Weights of a file are
            read again, for it may have changed.
        layers: As for `Extractor`.
        redirect_relu: Likewise.
    """
    make = _kept if settings.weights in WEIGHTS else Extractor
    return make(
        tuple(layers),
        settings.weights,
        settings.backbone,
        settings.pooling,
        precision=settings.precision,
        xla=settings.xla,
        redirect_relu=redirect_relu,
    )


_kept = functools.lru_cache(KEPT)(Extractor)


def describe(
    size: int, weights: str | None = None, backbone: str = DEFAULT
) -> list[tuple[str, tuple[int, int], LayerInfo]]:
    """Returns `(name, (h, w), info)` of every layer at `size` x `size` pixels.

    Args:
        size: Pixels a side.
        weights: As for `Extractor`; only layers that they reach are described. Nothing
            is downloaded: None, "bundled" and "imagenet" reach all.
        backbone: A key of `BACKBONES`.

    Raises:
        InputError: If there is no such backbone, or the weights cannot be loaded.
    """
    check_backbone(backbone)
    if weights is not None:
        check_weights(weights, backbone)
    if weights is None or weights in WEIGHTS:
        network, info = untrained(backbone)
    else:
        network, info = load(weights, backbone)
    shapes = network.compute_output_shape((1, size, size, 3))
    return [(name, tuple(shapes[name][1:3]), info[name]) for name in info]
