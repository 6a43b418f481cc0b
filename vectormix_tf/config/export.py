"""Settings of an exported model: what all its runs have in common, and its limits."""

import os
from typing import Any, TypeVar

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import LARGE
from vectormix_tf.config.setting import (
    choice,
    field_of,
    integer,
    of,
    same,
    served_settings,
    settings_class,
    text,
)
from vectormix_tf.config.settings import MAX_STEPS, PRECISIONS, Settings
from vectormix_tf.errors import InputError, check_integer

MIB = 1 << 20
K = TypeVar("K", MixSettings, DreamSettings)


@settings_class
class ExportSettings:
    """Settings of `export`: what all runs of a model have in common, and its limits."""

    backbone: str = same(MixSettings, "backbone")
    weights: str = same(MixSettings, "weights")
    pooling: str = same(MixSettings, "pooling")
    precision: str = choice(
        "float32",
        (*PRECISIONS, "auto"),  # refused below in a line that says why
        "what the network computes in: float32 or bfloat16, which some processors do"
        " faster",
    )
    f1: str | None = same(MixSettings, "f1")
    f2: str | None = same(MixSettings, "f2")
    statistic: str = same(MixSettings, "statistic")
    style_levels: int = same(MixSettings, "style_levels")
    canvas: str = same(
        MixSettings,
        "canvas",
        help="how a mix is stored while it is optimized: fourier or pixels",
    )
    amplify: str = same(
        MixSettings,
        "amplify",
        help="layers or channels that mixes dream of at the same time",
    )
    layers: str | None = text(
        None,
        "what dreams amplify, name[:weight],...; by default"
        f" {BACKBONES[DEFAULT].dream} ({DEFAULT})",
        optional=True,
    )
    objective: str = same(DreamSettings, "objective")
    max_size: int = integer(
        LARGE,
        BACKBONES[DEFAULT].minimum,
        LARGE,
        "long side of the largest result in pixels; a request for more is refused",
    )
    max_steps: int = integer(
        500, 1, MAX_STEPS, "most steps of an octave; a request for more is refused"
    )
    max_pixels: int = integer(
        1 << 24,
        1,
        1 << 28,
        "most pixels of a picture that is sent; a larger one is refused",
    )
    max_bytes: int = integer(
        64 * MIB,
        MIB,
        1 << 30,
        "most bytes of a picture's file; a larger one is refused",
    )

    def __post_init__(self) -> None:
        if self.precision == "auto":
            raise InputError(
                "`precision` must be float32 or bfloat16: which is faster depends on"
                " the machine that serves."
            )
        least = BACKBONES[self.backbone].minimum
        check_integer("max_size", self.max_size, least, LARGE)
        _ = self.mix, self.dream  # which check what they are made of
        check_integer("max_pixels", self.max_pixels, self.max_size**2, 1 << 28)

    @property
    def mix(self) -> MixSettings:
        """What all mixes have in common, and the defaults of short requests."""
        return self._of(MixSettings)

    @property
    def dream(self) -> DreamSettings:
        """What all dreams have in common, and the defaults of short requests."""
        return self._of(DreamSettings)

    def _of(self, kind: type[K]) -> K:
        own = served_settings(kind, "fixed", "open", "short")
        values = {name: v for name, v in vars(self).items() if name in own}
        usual = kind()
        values["size"] = min(int(usual.size), self.max_size)
        values["steps"] = min(usual.steps, self.max_steps)
        return kind(**values)


def record(settings: Settings) -> dict[str, dict[str, Any]]:
    """What an exported model tells of its settings.

    Args:
        settings: Of its mixes or dreams.

    Returns:
        As JSON holds them: "fixed" and "open", each `{name: value}`; and "settings",
        `{name: what may be asked for}` of those that are open, see `schema`.
    """
    kind = type(settings)
    fixed = _values(settings, served_settings(kind, "fixed"))
    if os.path.isfile(fixed["weights"]):
        fixed["weights"] = os.path.basename(fixed["weights"])
    open_ = served_settings(kind, "open", "short")
    return {
        "fixed": fixed,
        "open": _values(settings, open_),
        "settings": {name: schema(kind, name) for name in open_},
    }


def schema(kind: type, name: str) -> dict[str, Any]:
    """Type, default, range or choices, and help of a setting, as JSON holds them."""
    field = field_of(kind, name)
    setting = of(field).as_served()
    found: dict[str, Any] = {
        "type": setting.kind.__name__,
        "default": _plain(field.default),
        "help": setting.help_text,
    }
    if setting.low is not None:
        found |= {"low": setting.low, "high": setting.high}
    if setting.choices is not None:
        found["choices"] = [each for each in setting.choices if each]
    return found


def _values(settings: Any, names: Any) -> dict[str, Any]:
    return {name: _plain(getattr(settings, name)) for name in names}


def _plain(value: Any) -> Any:
    """A tuple of one as that one: a model has one style."""
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else list(value)
    return value
