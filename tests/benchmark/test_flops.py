"""FLOPs against counts by hand, and against what they must add up to."""

import keras
import pytest

from vectormix_tf.backbone.load import cut, load
from vectormix_tf.benchmark import flops
from vectormix_tf.benchmark.workloads import Workload
from vectormix_tf.config.backbones import BACKBONES, whole_layers
from vectormix_tf.ops.border import PADDING

MIX, DREAM = Workload("mix", 256, "float32"), Workload("dream", 256, "float32")


def tiny():
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, padding="same")(image)  # 10 x 10 cells
    x = keras.layers.Conv2D(8, (1, 3), strides=2, groups=2)(x)  # 5 x 4 cells
    x = keras.layers.MaxPooling2D(2)(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1, use_bias=False)(x))  # 2 x 2


def test_a_tiny_network_has_the_flops_counted_by_hand():
    first = 2 * (3 * 3) * 3 * 4 * (10 * 10)
    second = 2 * (1 * 3) * (4 // 2) * 8 * (5 * 4)
    third = 2 * (1 * 1) * 8 * 2 * (2 * 2)
    assert flops.convolution_flops(tiny(), 10) == first + second + third


@pytest.mark.parametrize("workload", [MIX, DREAM], ids=str)
def test_half_the_side_is_about_a_quarter_of_the_work(workload):
    whole = flops.forward_flops(workload, 2048, margin=0)
    assert flops.forward_flops(workload, 1024, margin=0) == pytest.approx(
        whole / 4, rel=0.05
    )


@pytest.fixture(scope="module")
def network():
    """What a mix observes, by default."""
    chosen = BACKBONES["inception_v3"]
    layers = whole_layers([chosen.f1, chosen.f2])
    return cut(load("bundled", layers=layers)[0], layers)


def test_a_mix_has_a_second_pass_at_half_the_size(network):
    side = 256 + 2 * PADDING
    whole, half = (flops.convolution_flops(network, x) for x in (side, side // 2))
    assert flops.forward_flops(MIX, 256) == whole + half


def test_a_small_mix_has_no_pass_at_half_its_size(network):
    small = Workload("mix", 96, "float32")
    whole = flops.convolution_flops(network, 96 + 2 * PADDING)
    assert flops.forward_flops(small, 96) == whole


def test_the_margin_s_share_is_what_a_bare_picture_needs_less():
    bare = flops.forward_flops(DREAM, 256, margin=0)
    share = flops.margin_share(DREAM)
    assert flops.forward_flops(DREAM, 256) * (1 - share) == pytest.approx(bare)
    area = (256 + 2 * PADDING) ** 2
    assert share == pytest.approx(1 - 256**2 / area, abs=0.03)
