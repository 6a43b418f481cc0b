"""`vectormix layers`."""

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_one
from vectormix_tf.cli.job import (
    check_backend,
    quiet_imports,
)
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, check_weights
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_SIZE
from vectormix_tf.errors import check_choice, check_integer


def _define(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "size", 512, "side of a square picture in pixels", flag_values=values
    )
    define_one(MixSettings, "backbone", values, DEFAULT)
    define_one(MixSettings, "weights", values, None)


def _run(values: flags.FlagValues) -> int:
    check_backend()
    check_choice("backbone", values.backbone, BACKBONES)
    check_integer("size", values.size, BACKBONES[values.backbone].minimum, MAX_SIZE)
    if values.weights is not None:
        check_weights(values.weights, values.backbone)
    with quiet_imports():
        from vectormix_tf.backbone import extractor as extractors
    print(f"{'layer':10} {'h x w':>11} {'channels':>8} {'stride':>6} {'field':>5}")
    for name, (height, width), info in extractors.describe(
        values.size, values.weights, values.backbone
    ):
        shape = f"{height} x {width}"
        stride, field = info.stride or "-", info.field or "all"
        print(f"{name:10} {shape:>11} {info.channels:8} {stride:>6} {field:>5}")
    return 0


COMMAND = Command(
    "network",
    "vectormix layers [flags]",
    "List the layers of a network: their shape at a size, channels, stride and"
    " receptive field in pixels.",
    _define,
    _run,
)
