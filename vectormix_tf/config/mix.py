"""Settings of `mix`."""

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.presets import ALONE, PRESETS
from vectormix_tf.config.setting import (
    boolean,
    choice,
    combined,
    integer,
    number,
    same,
    settings_class,
    settings_of,
    text,
)
from vectormix_tf.config.settings import (
    CANVASES,
    DEFAULT_SIZE,
    MAX_RATE,
    MAX_SIZE,
    MIN_RATE,
    OCTAVE_MODES,
    AmplifySettings,
    complete_layers,
    sides_of,
)
from vectormix_tf.errors import InputError, check_integer

INITS = ("recolored", "content", "noise", "style", "pieces")  # or a picture's path
# Names that `statistic` may have; `objectives.statistic` adds to them.
STATISTICS = ["gram", "covariance", "moments", "sliced", "histogram"]
COLORS = ("style", "content", "match")
CHROMAS = ("style", "free")
LOSSES = ("relative", "gatys")
OPTIMIZERS = ("adam", "lbfgs")


def _parse_size(name: str, value: Any) -> int | str:
    """A long side; or "640x480", which stays a text."""
    if not isinstance(value, str):
        check_integer(name, value, 0, MAX_SIZE)
        return int(value)
    try:
        sides = tuple(int(side) for side in value.lower().split("x"))
    except ValueError:
        sides = ()
    if len(sides) not in (1, 2):
        raise InputError(
            f"`{name}` must be a whole number of pixels, or without a content"
            f" WIDTHxHEIGHT; received {value!r}."
        )
    for side in sides:  # only a single one may be 0: the picture's own
        check_integer(name, side, len(sides) - 1, MAX_SIZE)
    return sides[0] if len(sides) == 1 else value


@settings_class
class MixSettings(AmplifySettings):
    """Settings of `mix`."""

    preset: str | None = choice(
        None,
        PRESETS,
        "settings that go together: {choices}; other settings win",
        optional=True,
        served="local",
    )
    size: int | str = text(  # type: ignore[assignment]
        DEFAULT_SIZE,
        "long side of the result in pixels; 0 keeps the picture's own; without a"
        " content also WIDTHxHEIGHT",
        parse=_parse_size,
        low=0,
        high=MAX_SIZE,
        served="short",
    )
    alpha: float = number(
        0.5,
        0,
        1,
        "share of the content: 1 is content alone, 0 style alone",
        served="short",
    )
    steps: int = same(
        AmplifySettings,
        "steps",
        default=48,
        low=0,
        help="steps of the first octave; 0 finishes what the mix would start from",
        unserved=(0,),
    )
    octaves: int = same(AmplifySettings, "octaves", default=1)
    octave_scale: float = same(AmplifySettings, "octave_scale", default=1.6)
    octave_mode: str = choice(
        "detail",
        OCTAVE_MODES,
        "detail gives back the content's detail from octave to octave, where a mix"
        " started from it; enlarge does not",
    )
    f1: str | None = text(
        None,
        "layers that keep the content's shapes, name[:weight],...; by default"
        f" {BACKBONES[DEFAULT].f1} ({DEFAULT})",
        optional=True,
    )
    f2: str | None = text(
        None,
        "layers that hold the style's texture, name[:weight],...; by default"
        f" {BACKBONES[DEFAULT].f2} ({DEFAULT})",
        optional=True,
    )
    abstraction: float = number(
        0.0,
        0,
        16,
        "how broad the patches are that the content is simplified to first, in pixels"
        " of a picture of 512; 0 keeps all detail",
    )
    tone: float = number(
        0.03,
        0,
        1e6,
        "how much large areas stay as light or dark as the content has them; 0 leaves"
        " that to the style",
    )
    statistic: str = choice(
        "covariance",
        STATISTICS,
        "what of f2 is compared: {choices}",
    )
    style_levels: int = integer(
        2, 1, 8, "at how many sizes f2 looks, each half of the one before"
    )
    style_weights: tuple[float, ...] = number(
        (),
        0,
        1e6,
        "share of each style; none shares evenly",
        several=True,
        served="local",
        flag=False,  # they come as --style=FILE:WEIGHT
    )
    style_scale: tuple[float, ...] = number(
        (1.0,),
        0.05,
        1e6,
        "size of the strokes, 1 for those of the painting; once, or once for each"
        " style",
        several=True,
        served="open",
    )
    color: str = choice(
        "style",
        COLORS,
        "style; content: only the luminance is mixed; match: the style takes the"
        " content's colors first",
        served="open",
    )
    chroma: str = choice(
        "style",
        CHROMAS,
        "style: without color noise, and within the colors of the style; free: as the"
        " optimization leaves it",
    )
    placement: float = number(
        1.0,
        0,
        1,
        "how much the start has colors where the style has them, those of its sky in"
        " the sky; 0 leaves each to the content",
    )
    tileable: bool = boolean(
        False, "without a content: make a texture whose borders fit each other"
    )
    loss: str = choice(
        "relative", LOSSES, "relative, or gatys for the squared ones of the paper"
    )
    optimizer: str = choice("adam", OPTIMIZERS, " or ".join(OPTIMIZERS))
    jitter: int = integer(
        8,
        0,
        MAX_SIZE,
        "greatest shift of the picture before a step, in pixels",
        served="open",
    )
    flips: bool = boolean(
        True, "mirror content, style and mix together before some of the steps"
    )
    canvas: str = choice(
        "fourier",
        CANVASES,
        "how the picture is stored while it is optimized: fourier or pixels",
    )
    init: str = text(
        "recolored",
        "what to start from: {choices} or the path of a picture",
        choices=INITS,
        file="a picture",
        served="open",
        unserved=("pieces",),
    )
    amplify: str = text(
        "", "layers or channels to dream of at the same time, name[:weight],..."
    )
    tv: float = number(
        0.0, 0, 1e6, "weight of the total variation, which smooths", served="open"
    )
    learning_rate: float | None = number(
        None,
        MIN_RATE,
        MAX_RATE,
        "of Adam at the first step (default: 0.06 on the fourier canvas, 0.01 on"
        " pixels); of L-BFGS the share of its step",
        optional=True,
        served="open",
    )

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the settings of a preset that is given."""
        preset = values.get("preset")
        settings_of(cls)["preset"].check("preset", preset)
        return {**PRESETS.get(preset or "", {}), **values}

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the backbone's layers, and checks what goes together."""
        values = super().complete(values)
        network = BACKBONES[values["backbone"]]
        complete_layers(values, "f1", network.f1)
        complete_layers(values, "f2", network.f2)
        if values["amplify"]:
            complete_layers(values, "amplify", "", signed=True)
        if values["loss"] == "gatys" and values["statistic"] != "gram":
            raise InputError(
                "`loss` gatys compares Gram matrices; set `statistic` to gram."
            )
        return values

    @property
    def texture_size(self) -> tuple[int, int]:
        """(height, width) of a mix without a content; one number makes a square."""
        sides = sides_of(self.size)
        return sides[-1], sides[0]

    def shares(self, count: int, areas: Sequence[float] = ()) -> list[float]:
        """Returns the weights of the styles, which sum to 1.

        Args:
            count: How many styles there are.
            areas: Mean of each style's mask, if they have masks of their own. The
                statistic of a style is a mean over its mask: weighted by the area of
                that, a pixel's gradient does not depend on how large it is.
        """
        weights = self.style_weights or [1.0] * count
        parts = [w * a for w, a in zip(weights, areas or [1.0] * count, strict=True)]
        return [part / sum(parts) for part in parts]

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any],
        content: bool,
        styles: int,
        settings: Self | None = None,
    ) -> Self:
        """Returns the settings of a call: options, then the preset's, then defaults.

        Args:
            options: Settings by name.
            content: Whether there is a content picture.
            styles: How many styles there are.
            settings: An object that takes the place of preset and defaults.

        Raises:
            InputError: If they are wrong, or do not fit the pictures.
        """
        if settings is None:
            alone = not (content and styles)
            values = {**(ALONE if alone else {}), **cls.given(options)}
            if alone and "alpha" not in options:
                values["alpha"] = 0.0 if styles else 1.0
            settings = cls(**values)
        else:
            settings = combined(cls, settings, options)
        settings.check_pictures(content, styles)
        return settings

    def check_pictures(self, content: bool, styles: int) -> None:
        """Refuses settings that do not fit the pictures; see `of`."""
        self._check_alone(content, styles)
        for name in ("style_weights", "style_scale"):
            values = getattr(self, name)
            if len(values) not in (styles, 0 if name == "style_weights" else 1):
                raise InputError(
                    f"there are {styles} styles and {len(values)} values of `{name}`;"
                    " give one for each style."
                )
        if self.style_weights and not sum(self.style_weights) > 0:
            raise InputError(
                "the weights of the styles sum to zero; raise one of them."
            )

    def _check_alone(self, content: bool, styles: int) -> None:
        """Refuses what makes no sense without one of the pictures."""
        if not content and not styles:
            raise InputError("give a content, a style or both.")
        if content and isinstance(self.size, str):
            raise InputError(
                "with a content `size` is one number, the long side; the content has an"
                f" aspect of its own; received {self.size!r}."
            )
        if content and self.tileable:
            raise InputError("`tileable` makes a texture; leave the content out.")
        if content and styles:
            return
        missing, alpha = ("style", 1) if content else ("content", 0)
        if self.alpha != alpha:
            raise InputError(f"without a {missing} `alpha` is {alpha}; leave it out.")
        if self.color != "style":
            raise InputError(f"`color` {self.color} needs a content and a style.")
        if self.init in ("recolored", "pieces", missing):
            raise InputError(f"`init` {self.init} needs a {missing}; choose another.")
        if not content and self.size == 0:
            raise InputError("without a content `size` cannot be 0; say how large.")


def split_weights(values: Sequence[str]) -> tuple[list[str], list[float]]:
    """Splits each FILE:WEIGHT; a value that is the name of a file has no weight.

    Returns:
        The files, and the `style_weights`: none if all are 1.
    """
    paths, weights = [], []
    for value in values:
        path, colon, tail = value.rpartition(":")
        weight = None
        if colon and not os.path.exists(value):
            with contextlib.suppress(ValueError):
                weight = float(tail)
        paths.append(value if weight is None else path)
        weights.append(1.0 if weight is None else weight)
    return paths, weights if set(weights) != {1.0} else []
