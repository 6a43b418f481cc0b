"""Features: what a network sees in an image, under names that stay the same.

`backbones.BACKBONES` has the networks and the names of their layers.
"""

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone import load as networks
from vectormix_tf.backbone import rewrite
from vectormix_tf.backbone.load import LayerInfo
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, LOGITS, check_backbone
from vectormix_tf.errors import InputError, close_names

# Mean of ImageNet's blue, green and red: `keras.applications.imagenet_utils`.
IMAGENET_MEAN = np.array([103.939, 116.779, 123.68], np.float32)

# From an image in [0, 1] to what a network was taught on.
PREPROCESSING = {
    "signed": lambda image: image * 2.0 - 1.0,
    "caffe": lambda image: image[..., ::-1] * 255.0 - IMAGENET_MEAN,
}


class Extractor:
    """One multi-output Keras network, cut off behind the deepest layer asked for.

    Args:
        layers: Names of layers of the backbone.
        weights: "bundled" (InceptionV3's alone), "imagenet" (Keras' download) or the
            path of a file: a Keras weights file of the backbone, with or without
            classes (`logits` needs them); for InceptionV3 also one in the bundled
            file's format.
        backbone: A key of `backbones.BACKBONES`.
        pooling: "max", or "average" with a VGG (Gatys et al. 2015, section 3).
        wakes: Whether what is dead all over an image has a gradient; `rewrite.wake`.
        precision: What the network computes in, "float32" or "bfloat16"; what it
            returns is float32 all the same, so that sums over it are.
        xla: Whether XLA compiles the network, anew for every size of image.

    Attributes:
        model: The Keras model; tracked by a `tf.Module` that holds it, for exports.
        info: `{layer: LayerInfo}`.

    Raises:
        InputError: If the backbone cannot be had so, or the weights cannot be had or do
            not reach a layer.
    """

    def __init__(
        self,
        layers: Iterable[str],
        weights: str = "bundled",
        backbone: str = DEFAULT,
        pooling: str = "max",
        wakes: bool = False,
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
        network, info = networks.load(weights, backbone, pooling, LOGITS in layers)
        for name in layers:
            if name not in info:
                last = max(info, key=self._order)
                other = "a file with classes" if name == LOGITS else "an earlier layer"
                raise InputError(
                    f"the weights {weights} end at {last} and do not reach {name};"
                    f' choose {other}, or `weights="imagenet"`.'
                )
        self.info = {name: info[name] for name in layers}
        self.model = networks.cut(network, layers)
        self._precision = precision
        if precision != "float32":
            self.model = rewrite.cast(self.model, precision)
        if wakes:
            self.model = rewrite.wake(self.model)
        self._look, self._known = self._trace(xla), {}

    def __call__(self, image, layers: Iterable[str] | None = None) -> dict:
        """Looks at an image.

        Args:
            image: [1, H, W, 3] in [0, 1], both sides at least the backbone's `minimum`.
            layers: Some of the extractor's; None for all.

        Returns:
            `{layer: activations [1, h, w, c]}`.
        """
        seen = self._look(image)
        return {name: seen[name] for name in layers or self.info}

    def sizes(self, height: int, width: int) -> dict[str, tuple[int, int]]:
        """`{layer: (h, w)}` of an image of that size."""
        key = height, width
        if key not in self._known:
            shapes = self.model.compute_output_shape((1, height, width, 3))
            self._known[key] = {name: tuple(shapes[name][1:3]) for name in self.info}
        return self._known[key]

    def _trace(self, xla):
        """One trace for all that look, at images of any size."""

        def look(image):
            seen = self.model(
                tf.cast(self._prepare(image), self._precision), training=False
            )
            return {name: tf.cast(each, tf.float32) for name, each in seen.items()}

        return tf.function(
            # Wrapped, for TensorFlow counts the traces of all as one's, and warns.
            functools.partial(look),
            [tf.TensorSpec([None, None, None, 3])],
            autograph=False,
            jit_compile=xla or None,  # False would forbid it to whoever calls
        )


def describe(
    size: int, weights: str | None = None, backbone: str = DEFAULT
) -> list[tuple[str, tuple[int, int], LayerInfo]]:
    """Returns `(name, (h, w), info)` of every layer at `size` x `size` pixels.

    Args:
        size: Pixels a side.
        weights: As for `Extractor`; only layers that they reach are described. None
            stands for the bundled ones where there are any. With "imagenet" nothing is
            downloaded: the layers are known without the numbers.
        backbone: A key of `backbones.BACKBONES`.
    """
    check_backbone(backbone)
    if weights is None and BACKBONES[backbone].bundled:
        weights = "bundled"
    if weights in (None, "imagenet"):
        network, info = networks.untaught(backbone)
    else:
        network, info = networks.load(weights, backbone)
    shapes = network.compute_output_shape((1, size, size, 3))
    return [(name, tuple(shapes[name][1:3]), info[name]) for name in info]
