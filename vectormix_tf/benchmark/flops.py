"""FLOPs of a forward pass, counted layer by layer."""

import functools
import math

from vectormix_tf.backbone.environment import keras
from vectormix_tf.backbone.load import cut, load
from vectormix_tf.benchmark.workloads import Workload
from vectormix_tf.config.backbones import parse_layers, whole_layers
from vectormix_tf.ops.border import PADDING
from vectormix_tf.recipes.mix import max_style_levels


def convolution_flops(model: keras.Model, side: int) -> int:
    """Counts the multiplications and additions of a network's convolutions.

    Everything else (pooling, biases, ReLUs) adds about a hundredth.

    Args:
        model: Of images [1, H, W, 3].
        side: H and W.

    Returns:
        2 kh kw c_in c_out h w, summed over all `Conv2D`.
    """
    layers = {x.name: x for x in model.layers if isinstance(x, keras.layers.Conv2D)}
    outputs = keras.Model(model.input, {n: x.output for n, x in layers.items()})
    shapes = outputs.compute_output_shape((1, side, side, 3))
    return sum(
        2 * math.prod(layer.kernel.shape) * math.prod(shapes[name][1:3])
        for name, layer in layers.items()
    )


def forward_flops(workload: Workload, side: int, margin: int = PADDING) -> int:
    """Counts the convolutions of one forward pass of a workload.

    A mix also passes reduced copies of the picture through the network, one for each
    further level of its style; they are included.

    Args:
        workload: Gives the layers, and with its size the levels.
        side: Of the picture in pixels: in a coarse octave it is less than the
            workload's.
        margin: Pixels of reflected margin on each side of the picture.
    """
    return sum(
        _flops_of_layers(tuple(layers), (side + 2 * margin) // scale)
        for scale, layers in _layers_of_scales(workload).items()
    )


@functools.cache
def _flops_of_layers(layers: tuple[str, ...], side: int) -> int:
    """Cached: precisions and octaves of a workload share networks."""
    network, _ = load("bundled", layers=layers)
    return convolution_flops(cut(network, layers), side)


def margin_share(workload: Workload) -> float:
    """The share of `forward_flops`, in [0, 1], that the margin adds."""
    bare = forward_flops(workload, workload.size, margin=0)
    return 1 - bare / forward_flops(workload, workload.size)


def _layers_of_scales(workload: Workload) -> dict[int, list[str]]:
    """The layers that are computed, by the factor that divides the picture's size."""
    settings = workload.settings()
    if workload.recipe == "dream":
        return {1: whole_layers([settings.layers], settings.backbone)}
    layers = {1: whole_layers([settings.f1, settings.f2], settings.backbone)}
    levels = min(
        settings.style_levels, max_style_levels(workload.size, settings.backbone)
    )
    style = list(parse_layers(settings.f2, backbone=settings.backbone))
    return layers | {2**level: style for level in range(1, levels)}
