"""Channels: which of a layer are shown, and how."""

import dataclasses
import re

import numpy as np

from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    check_backbone,
    check_weights,
    parse_layers,
)
from vectormix_tf.config.settings import (
    CANVASES,
    MAX_SEED,
    MAX_SIZE,
    MAX_STEPS,
    OBJECTIVES,
)
from vectormix_tf.errors import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
)

# What holds a class to natural pictures, beside the transforms.
CLASS_PRIOR = {
    "size": 224,
    "steps": 256,
    "tv": 0.05,
    "blur": 2.0,
    "weights": "imagenet",
}
MAX_AT_ONCE = 1024  # pictures in one batch; memory ends before
_CHANNELS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VisualizeSettings:
    """Settings of `visualize`.

    Attributes:
        layer: Where the channels are; None takes the first of what the backbone dreams
            of.
        channels: Which: "42", "0-31", "1,5,9-12", or "all".
        size: Side of a picture in pixels.
        steps: How many.
        diversity: How many facets of each channel.
        objective: "mean" of the channel's activations over the picture, or "square",
            the mean of their squares.
        neuron: Whether only the cell in the middle counts.
        canvas: "fourier" (decorrelated) or "pixels".
        transforms: Whether each step sees the picture shifted, enlarged and rotated a
            little.
        tv: Weight of the total variation; at least 0.
        blur: How much the first steps are blurred, pixels (standard deviation); it
            falls in a straight line to none at half of the steps, so that large shapes
            come first. On the canvas "fourier".
        learning_rate: At the first step; it falls in a straight line. On the canvas
            "fourier" Adam's, on "pixels" the standard deviation of a step. None takes
            what suits.
        batch: How many pictures are made at once; it decides the time alone.
        backbone: The network: a key of `backbones.BACKBONES`.
        weights: "bundled" (InceptionV3's), "imagenet" or the path of a weights file.
        seed: Of everything random; the same seed gives the same bytes.
    """

    layer: str | None = None
    channels: str = "0-7"
    size: int = 192
    steps: int = 80
    diversity: int = 1
    objective: str = "mean"
    neuron: bool = False
    canvas: str = "fourier"
    transforms: bool = True
    tv: float = 0.0
    blur: float = 0.0
    learning_rate: float | None = None
    batch: int = 8
    backbone: str = DEFAULT
    weights: str = "bundled"
    seed: int = 0

    def __post_init__(self):
        check_backbone(self.backbone)
        check_weights(self.weights, self.backbone)
        self._check_layer()
        if isinstance(self.channels, int | np.integer | list | tuple | range):
            numbers = np.atleast_1d(self.channels).tolist()
            object.__setattr__(self, "channels", ",".join(map(str, numbers)))
        parse_channels(self.channels)
        check_integer("size", self.size, BACKBONES[self.backbone].minimum, MAX_SIZE)
        check_integer("steps", self.steps, 1, MAX_STEPS)
        check_integer("diversity", self.diversity, 1, MAX_AT_ONCE)
        check_integer("batch", self.batch, 1, MAX_AT_ONCE)
        check_integer("seed", self.seed, 0, MAX_SEED)
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("canvas", self.canvas, CANVASES)
        check_boolean("neuron", self.neuron)
        check_boolean("transforms", self.transforms)
        check_number("tv", self.tv, 0, 1e6)
        check_number("blur", self.blur, 0, 100)
        if self.blur and self.canvas != "fourier":
            raise InputError("`blur` needs `canvas` fourier.")
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, 1e-9, 1e3)

    def _check_layer(self) -> None:
        """Sets a layer that was left open, and refuses one that cannot be had."""
        network = BACKBONES[self.backbone]
        if self.layer is None:
            first, *_ = parse_layers(network.dream, backbone=self.backbone)
            object.__setattr__(self, "layer", first)  # so that records show it
        check_choice("layer", self.layer, network.layers)
        if self.weights == "bundled" and self.layer not in network.bundled_layers:
            raise InputError(
                f"`layer` is {self.layer}, but the bundled weights end at"
                f" {network.bundled}; choose an earlier layer, or"
                ' `weights="imagenet"` (a download), or `weights="FILE"`.'
            )


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
