"""What can be chosen of an exported model, and what is still open when it runs."""

import dataclasses
import os
from collections.abc import Iterable
from typing import Any

from vectormix_tf.config.backbones import BACKBONES, DEFAULT, check_backbone
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.octaves import LARGE
from vectormix_tf.config.settings import MAX_STEPS, MixSettings, Settings
from vectormix_tf.errors import InputError, check_integer

LOCAL = ("preset", "style_weights", "max_pixels", "xla", "tile")  # not of a model
MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Settings of `export`: what all runs of a model have in common, and its limits.

    Attributes:
        backbone: As that of a mix; so are all others that are not described here.
        weights: Likewise; they become a part of the model.
        pooling: Likewise.
        precision: "float32" or "bfloat16": the machine that serves is another one.
        f1: Layers that keep a content's arrangement.
        f2: Layers that hold a style's texture.
        statistic: What of f2 is compared.
        style_levels: At how many sizes f2 looks.
        canvas: "fourier" or "pixels", of mixes.
        amplify: What mixes dream of at the same time; "" for nothing.
        layers: What dreams amplify.
        objective: What of it is raised.
        max_size: Long side of the largest result, pixels: as large as can be seen in
            one go, or less. Whoever asks for more gets this.
        max_steps: Most steps of an octave; likewise.
        max_pixels: Of a picture that is sent; a larger one is refused.
        max_bytes: Likewise.
    """

    backbone: str = DEFAULT
    weights: str = "bundled"
    pooling: str = "max"
    precision: str = "float32"
    f1: str | None = None
    f2: str | None = None
    statistic: str = "covariance"
    style_levels: int = 2
    canvas: str = "fourier"
    amplify: str = ""
    layers: str | None = None
    objective: str = "mean"
    max_size: int = LARGE
    max_steps: int = 500
    max_pixels: int = 1 << 24
    max_bytes: int = 64 * MIB

    def __post_init__(self):
        if self.precision == "auto":
            raise InputError(
                "`precision` must be float32 or bfloat16: which is faster depends on"
                " the machine that serves."
            )
        check_backbone(self.backbone)
        least = BACKBONES[self.backbone].minimum
        check_integer("max_size", self.max_size, least, LARGE)
        check_integer("max_steps", self.max_steps, 1, MAX_STEPS)
        check_integer("max_pixels", self.max_pixels, self.max_size**2, 1 << 28)
        check_integer("max_bytes", self.max_bytes, MIB, 1 << 30)
        _ = self.mix, self.dream  # which check what they are made of

    @property
    def mix(self) -> MixSettings:
        """What all mixes have in common, and what short requests leave out."""
        return self._of(MixSettings)

    @property
    def dream(self) -> DreamSettings:
        """Likewise of dreams."""
        return self._of(DreamSettings)

    def _of(self, kind: type) -> Settings:
        own = {field.name for field in dataclasses.fields(kind)} - set(LOCAL)
        values = {n: v for n, v in vars(self).items() if n in own}
        size, steps = min(kind.size, self.max_size), min(kind.steps, self.max_steps)
        return kind(size=size, steps=steps, **values)


def record(settings: Settings, open_names: Iterable[str]) -> dict[str, dict]:
    """What a client is told of a model's settings: those that are fixed or open.

    Args:
        settings: Of its mixes or dreams.
        open_names: Of those that a request may set.

    Returns:
        "fixed" and "open", each `{name: value}`, as JSON holds them.
    """
    values = {
        field.name: _plain(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.name not in LOCAL
    }
    open_ = {name: values.pop(name) for name in open_names if name in values}
    if os.path.isfile(values["weights"]):
        values["weights"] = os.path.basename(values["weights"])
    return {"fixed": values, "open": open_}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else list(value)
    return value
