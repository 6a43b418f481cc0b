"""Settings of feature visualization: which channels of a layer, and how."""

import re
from typing import Any

import numpy as np

from vectormix_tf.config.backbones import (
    BACKBONES,
    check_backbone,
    check_weights,
    parse_layers,
)
from vectormix_tf.config.setting import (
    boolean,
    choice,
    integer,
    number,
    same,
    settings_class,
    text,
)
from vectormix_tf.config.settings import (
    CANVASES,
    MAX_RATE,
    MAX_SIZE,
    MAX_STEPS,
    MIN_RATE,
    OBJECTIVES,
    Settings,
)
from vectormix_tf.errors import InputError, check_choice, check_integer

# What holds a class to natural pictures, beside the transforms; gradients of networks
# that were not taught against attacks need more of it.
CLASS_PRIOR = {"size": 224, "steps": 256, "tv": 0.02, "blur": 1.0}
NOISY_PRIOR = {"tv": 0.05, "blur": 2.0}
MAX_AT_ONCE = 1024  # pictures in one batch; memory ends before
_CHANNELS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def parse_channels(text: str) -> list[int] | None:
    """Reads which channels of a layer are meant; None stands for all.

    Args:
        text: "42", "0-31", "1,5,9-12", or "all".

    Raises:
        InputError: If it is none of these, or names a channel twice.
    """
    if text == "all":
        return None
    found = {}
    for part in text.split(",") if isinstance(text, str) else [""]:
        match = _CHANNELS.fullmatch(part.strip())
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise InputError(
                "`channels` must be numbers and ranges such as 42, 0-31 or 1,5,9-12, or"
                f" all; received {text!r}."
            )
        for channel in range(first, last + 1):
            if channel in found:
                raise InputError(
                    f"`channels` names {channel} twice; name it once: {text}."
                )
            found[channel] = True
    return list(found)


def _channels_text(name: str, value: Any) -> str:
    """Numbers as the text that stands for them; a text is checked."""
    if isinstance(value, int | np.integer | list | tuple | range | np.ndarray):
        value = ",".join(map(str, np.atleast_1d(value).tolist()))
    parse_channels(value)
    return str(value)


@settings_class
class VisualizeSettings:
    """Settings of `visualize`."""

    layer: str | None = text(
        None,
        "the layer whose channels are shown; by default the first that a dream"
        " amplifies",
        optional=True,
    )
    channels: str = text(
        "0-7", "which: 42, 0-31, 1,5,9-12 or all", parse=_channels_text
    )
    size: int = integer(
        192, 0, MAX_SIZE, "side of a picture in pixels, at least what the network needs"
    )
    steps: int = integer(80, 1, MAX_STEPS, "how many steps each picture takes")
    diversity: int = integer(1, 1, MAX_AT_ONCE, "how many facets of each channel")
    objective: str = choice(
        "mean",
        OBJECTIVES,
        "what of a channel is raised: the mean of its activations, or square, that of"
        " their squares",
    )
    neuron: bool = boolean(False, "whether only the cell in the middle counts")
    canvas: str = choice(
        "fourier",
        CANVASES,
        "how the picture is stored while it is optimized: fourier or pixels",
    )
    transforms: bool = boolean(
        True,
        "whether each step sees the picture shifted, enlarged and rotated a little",
    )
    tv: float = number(0.0, 0, 1e6, "weight of the total variation, which smooths")
    blur: float = number(
        0.0,
        0,
        100,
        "standard deviation in pixels by which the first steps are blurred, so that"
        " large shapes come first; it falls to 0 at half of the steps",
    )
    learning_rate: float | None = number(
        None,
        MIN_RATE,
        MAX_RATE,
        "at the first step: Adam's on the fourier canvas (default: 0.06), on pixels the"
        " standard deviation of a step (default: 0.01)",
        optional=True,
    )
    batch: int = integer(8, 1, MAX_AT_ONCE, "how many pictures are made at once")
    backbone: str = same(Settings, "backbone")
    weights: str = same(Settings, "weights")
    seed: int = same(Settings, "seed")

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the layer, and checks what goes together."""
        backbone = values["backbone"]
        check_backbone(backbone)
        check_weights(values["weights"], backbone)
        network = BACKBONES[backbone]
        if values["layer"] is None:
            first, *_ = parse_layers(network.dream, backbone=backbone)
            values["layer"] = first  # so that records show it
        check_choice("layer", values["layer"], network.layers)
        check_integer("size", values["size"], network.minimum, MAX_SIZE)
        if values["blur"] and values["canvas"] != "fourier":
            raise InputError("`blur` needs `canvas` fourier.")
        return values
