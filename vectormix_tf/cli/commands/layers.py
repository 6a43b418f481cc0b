"""`vectormix layers`: lists the layers of a network."""

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import define_setting
from vectormix_tf.cli.job import check_backend, quiet_imports
from vectormix_tf.cli.messages import print_result
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, check_weights
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_SIZE
from vectormix_tf.errors import check_choice, check_integer


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `layers`."""
    flags.DEFINE_integer(
        "size", 512, "side of a square picture in pixels", flag_values=values
    )
    define_setting(MixSettings, "backbone", values, DEFAULT)
    define_setting(MixSettings, "weights", values, None)


def _run(values: flags.FlagValues) -> int:
    """Prints a line for each layer; returns the exit code."""
    check_backend()
    check_choice("backbone", values.backbone, BACKBONES)
    check_integer("size", values.size, BACKBONES[values.backbone].minimum, MAX_SIZE)
    if values.weights is not None:
        check_weights(values.weights, values.backbone)
    with quiet_imports():
        from vectormix_tf.backbone.extractor import describe
    print_result(
        f"{'layer':10} {'h x w':>11} {'channels':>8} {'stride':>6} {'field':>5}"
    )
    for name, (height, width), info in describe(
        values.size, values.weights, values.backbone
    ):
        shape = f"{height} x {width}"
        stride, field = info.stride or "-", info.field or "all"
        print_result(f"{name:10} {shape:>11} {info.channels:8} {stride:>6} {field:>5}")
    return 0


COMMAND = Command(
    "network",
    "vectormix layers [flags]",
    "List the layers of a network: their shape at a size, channels, stride and"
    " receptive field in pixels.",
    _define,
    _run,
)
