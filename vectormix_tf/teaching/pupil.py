"""The pupil: Keras' InceptionV3 with a head at each layer that is taught."""

from collections.abc import Mapping

import numpy as np

from vectormix_tf.backbone import environment, rewrite
from vectormix_tf.backbone.environment import keras
from vectormix_tf.backbone.folded import Folded
from vectormix_tf.backbone.load import cut, load, untrained
from vectormix_tf.config.backbones import LOGITS
from vectormix_tf.teaching.teachers import Plan

SMALL = 0.01  # deviation of the first weights of heads and classes


class Pupil:
    """InceptionV3 with batch normalization, and linear heads that tell activations.

    Args:
        plan: What the heads tell.
        precision: "float32" or "bfloat16"; weights are float32 in any case.
        random: Draws the first weights.
        weights: What to go on from, as `load` takes it; layers that it reaches keep
            its normalization, which is folded. None begins from random weights.

    Attributes:
        model: Image in [-1, 1] -> `{layer: what its head tells, "logits": ...}`.
        parameters: What is learnt, without the normalization's statistics.
        folds: Whether all layers are folded: there is nothing left to normalize.
    """

    def __init__(
        self,
        plan: Plan,
        precision: str,
        random: np.random.Generator,
        weights: str | None = None,
    ):
        network, _ = untrained("inception_v3")

        def build():
            whole = cut(network, [*plan.taps, LOGITS])
            if precision != "float32":
                whole = rewrite.cast(whole, f"mixed_{precision}")
            told = {LOGITS: whole.output[LOGITS]}
            for layer, names in plan.taps.items():
                width = sum(map(plan.channels, names))
                head = keras.layers.Conv2D(width, 1, name=f"head_{layer}")
                told[layer] = head(whole.output[layer])
            return keras.Model(whole.input, told)

        self.model = environment.build(build)
        layers = self.model.layers
        self.convolutions = [x for x in layers if x.name.startswith("conv2d")]
        self.convolutions.sort(key=lambda layer: _number(layer.name))
        self.norms = [x for x in layers if x.name.startswith("batch_normalization")]
        self.norms.sort(key=lambda layer: _number(layer.name))
        self.parameters = self.model.trainable_variables
        self._draw(random)
        self.folds = weights is not None and self._go_on(weights)

    @property
    def own(self) -> list:
        """Variables of InceptionV3 itself, without the heads."""
        layers = [*self.convolutions, *self.norms]
        return [variable for layer in layers for variable in layer.weights]

    def _draw(self, random: np.random.Generator) -> None:
        """Draws kernels as He et al. 2015 (arXiv:1502.01852, equation 10)."""
        *hidden, classes = self.convolutions
        for layer in self.model.layers:
            if isinstance(layer, keras.layers.Conv2D):
                kernel = layer.kernel
                deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
                if layer is classes or layer not in hidden:
                    deviation = SMALL
                kernel.assign(random.normal(0, deviation, kernel.shape))

    def _go_on(self, weights: str) -> bool:
        """Puts folded weights in; returns whether they reach all layers."""
        network, _ = load(weights)
        known = {x.name: x.get_weights() for x in network.layers if x.weights}
        *hidden, classes = self.convolutions
        for layer, norm in zip(hidden, self.norms, strict=True):
            if layer.name in known:
                kernel, bias = known[layer.name]
                layer.set_weights([kernel])
                variance = np.full_like(bias, 1 - norm.epsilon)
                norm.set_weights([bias, np.zeros_like(bias), variance])
                norm.trainable = False  # its statistics stay; beta is learnt anyway
        if classes.name in known:
            classes.set_weights(known[classes.name])
        return classes.name in known

    def fold(self, values: Mapping[str, np.ndarray]) -> Folded:
        """Folds the normalization into the convolutions.

        Args:
            values: `{path: array}` of the variables in `own`.

        Returns:
            Kernel and bias of each convolution in order of creation, and last the
            matrix of the classes [1, 1, c, classes] with its bias, as `load.fold`.
        """
        pairs = []
        *hidden, classes = self.convolutions
        for layer, norm in zip(hidden, self.norms, strict=True):
            kernel = values[layer.kernel.path]
            beta, mean, variance = (values[each.path] for each in norm.weights)
            factor = 1 / np.sqrt(variance.astype(np.float64) + norm.epsilon)
            pairs.append((kernel * factor, beta - mean * factor))
        pairs.append((values[classes.kernel.path], values[classes.bias.path]))
        return pairs


def _number(name: str) -> int:
    """Keras' counter of layers: 0 of "conv2d", 7 of "conv2d_7"."""
    tail = name.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0
