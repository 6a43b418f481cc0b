"""Settings of mixes, and what they share with those of dreams."""

from collections.abc import Mapping
from typing import Any, Self

from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    POOLINGS,
    WEIGHTS,
    check_backbone,
    check_weights,
    parse_layers,
    split_channels,
)
from vectormix_tf.config.octaves import octave_steps
from vectormix_tf.config.presets import ALONE, PRESETS
from vectormix_tf.config.setting import (
    REQUIRED,
    boolean,
    choice,
    combined,
    integer,
    number,
    settings_class,
    settings_of,
    text,
)
from vectormix_tf.errors import InputError, check_integer

MAX_SIZE = 32768  # pixels a side: beyond it a step would take hours
MAX_STEPS = 1_000_000  # so that a slip of the keyboard is told from a wish
MAX_PIXELS = 200_000_000  # of an input; 2.4 GB as float32
MAX_SEED = 2**31 - 1  # TensorFlow's stateless random functions take int32 seeds
MAX_RATE = 1e3
MIN_RATE = 1e-9

CANVASES = ("fourier", "pixels")
INITS = ("recolored", "content", "noise", "style")  # or the path of a picture
NORMS = ("plain", "squared")
# Names that `statistic` may have; `objectives.statistic` adds to them.
STATISTICS = ["gram", "covariance", "moments", "sliced", "histogram"]
COLORS = ("style", "content", "match")
LOSSES = ("relative", "gatys")
PRECISIONS = ("float32", "bfloat16")  # or "auto"
# Pixels a side; 0 for all. In tiles of a thousand the gradient is that of the whole
# picture to four digits (tests/optim/test_tiled.py).
TILES = {"auto": 1024, "off": 0}  # or a number
LEAST_TILE = 128
OPTIMIZERS = ("adam", "lbfgs")
OBJECTIVES = ("mean", "square")
GUIDE_MODES = ("match", "channels")
MAX_FRAMES = 9999  # names of files have four digits


# --- Values with a form of their own --------------------------------------------------


def _parse_tile(name: str, value: Any) -> int | str:
    """A number of pixels, or one of `TILES`."""
    if isinstance(value, str) and value in TILES:
        return value
    tile = int(value) if isinstance(value, str) and value.isdecimal() else value
    integer = isinstance(tile, int) and not isinstance(tile, bool)
    if not integer or not LEAST_TILE <= tile <= MAX_SIZE:
        raise InputError(
            f"`{name}` must be auto, off or a whole number from {LEAST_TILE} to"
            f" {MAX_SIZE}; received {value!r}."
        )
    return tile


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
    for side in sides:
        check_integer(name, side, 0, MAX_SIZE)
    return sides[0] if len(sides) == 1 else value


def sides_of(size: int | str) -> tuple[int, ...]:
    """The sides that a size names: the long one, or width and height."""
    if isinstance(size, str):
        return tuple(int(side) for side in size.lower().split("x"))
    return (size,)


def _any_path(name: str, value: Any) -> Any:
    """A value that is checked together with others."""
    return value


# --- What pictures have in common -----------------------------------------------------


@settings_class
class Settings:
    """What `mix` and `dream` share."""

    size: int = integer(
        512,
        0,
        MAX_SIZE,
        "long side of the result in pixels; 0 keeps the picture's own",
        served="short",
    )
    steps: int = integer(
        REQUIRED, 1, MAX_STEPS, "steps of the first octave", served="short"
    )
    octaves: int = integer(
        REQUIRED, 1, 32, "how many sizes, coarse to fine", served="open"
    )
    octave_scale: float = number(
        REQUIRED,
        1.01,
        16,
        "factor from one octave's size to the next",
        served="open",
    )
    octave_steps: float = number(
        1.0,
        0.01,
        4,
        "factor on the number of steps from one octave to the next",
        served="open",
    )
    finish_steps: int = integer(
        8,
        0,
        MAX_STEPS,
        "steps of each octave beyond 1024 pixels, twice as large as the one before; 0"
        " takes all steps at full size",
    )
    backbone: str = choice(DEFAULT, BACKBONES, f"the network: {', '.join(BACKBONES)}")
    weights: str = text(
        "bundled",
        "bundled (of inception_v3), imagenet (a download of up to 100 MB) or the path"
        " of a weights file",
        choices=WEIGHTS,
        file="a weights file",
        parse=_any_path,  # depends on the backbone
    )
    pooling: str = choice("max", POOLINGS, "max, or average with a VGG: smoother")
    precision: str = choice(
        "float32",
        (*PRECISIONS, "auto"),
        "what the network computes in: float32; bfloat16, which some processors do"
        " faster; auto, whichever is faster on this machine (measured once)",
    )
    xla: bool = boolean(
        False,
        "let XLA compile the network, anew for every size; for GPUs",
        served="local",
    )
    tile: int | str = text(
        "auto",
        "most pixels of a side that the network sees at once, for less memory: auto,"
        " off (the whole picture) or a number",
        parse=_parse_tile,
        served="local",
    )
    seed: int = integer(
        0,
        0,
        MAX_SEED,
        "of everything random; the same seed gives the same bytes",
        served="short",
    )
    max_pixels: int = integer(
        MAX_PIXELS,
        1,
        2**40,
        "larger pictures are refused before they are decoded",
        served="local",
    )

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Checks values that depend on the network."""
        check_backbone(values["backbone"], values["pooling"])
        network = BACKBONES[values["backbone"]]
        for side in sides_of(values["size"]):
            if 0 < side < network.minimum:
                raise InputError(
                    f"`size` must be at least {network.minimum} ({network.title} needs"
                    f" it), or 0 for the picture's own; received {values['size']}."
                )
        check_weights(values["weights"], values["backbone"])
        return values

    @property
    def tile_side(self) -> int:
        """Most pixels of a side that are seen at once; 0 for any number of them."""
        return TILES[self.tile] if isinstance(self.tile, str) else self.tile

    @property
    def all_steps(self) -> tuple[int, ...]:
        """Steps of each octave up to `octaves.LARGE` pixels, coarse to fine."""
        each = range(self.octaves)
        steps = (octave_steps(self.steps, self.octave_steps, i) for i in each)
        return tuple(max(1, count) for count in steps)


def complete_layers(
    values: dict[str, Any], name: str, default: str, signed: bool = False
) -> None:
    """Fills in a list of layers that was left open, and checks it.

    Args:
        values: All settings by name, with backbone and weights.
        name: Of the setting.
        default: Takes the place of None, so that records show it.
        signed: Whether weights may be negative and channels named: of what is
            amplified.
    """
    if values[name] is None:
        values[name] = default
    backbone = values["backbone"]
    network = BACKBONES[backbone]
    for layer, weight in parse_layers(values[name], name, backbone, signed).items():
        if weight < 0 and not signed:
            raise InputError(
                f"the weight of {layer} in `{name}` must be above 0; received"
                f" {weight:g}."
            )
        whole, _ = split_channels(layer)
        if values["weights"] == "bundled" and whole not in network.bundled_layers:
            raise InputError(
                f"`{name}` names {whole}, but the bundled weights end at"
                f" {network.bundled}; choose an earlier layer, or"
                ' `weights="imagenet"` (a download), or `weights="FILE"`.'
            )


@settings_class
class AmplifySettings(Settings):
    """How layers are amplified; of `dream`, and of a mix that dreams."""

    objective: str = choice(
        "mean",
        OBJECTIVES,
        "what is raised: the mean of the activations, or of their square",
    )
    neuron: bool = boolean(False, "amplify the cell in the middle alone")
    direction: str = text(
        "",
        "a .npy file [channels]: amplify only what lies along it",
        choices=("",),
        file="a .npy file",
    )
    guide_mode: str = choice(
        "match",
        GUIDE_MODES,
        "match: each cell is led to the guide's cell that is most like it; channels: by"
        " how much the guide has of each channel",
    )
    guide_size: int = integer(
        0, 0, MAX_SIZE, "long side of the guide in pixels; 0 keeps its own"
    )


@settings_class
class MixSettings(AmplifySettings):
    """Settings of `mix`."""

    preset: str | None = choice(
        None,
        PRESETS,
        f"settings that go together: {', '.join(PRESETS)}; other settings win",
        optional=True,
        served="local",
    )
    size: int | str = text(  # type: ignore[assignment]
        512,
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
    steps: int = integer(108, 1, MAX_STEPS, "steps of the first octave", served="short")
    octaves: int = integer(1, 1, 32, "how many sizes, coarse to fine", served="open")
    octave_scale: float = number(
        1.6, 1.01, 16, "factor from one octave's size to the next", served="open"
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
    statistic: str = choice(
        "covariance",
        STATISTICS,
        f"what of f2 is compared: {', '.join(STATISTICS)}",
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
        f"what to start from: {', '.join(INITS)} or the path of a picture",
        choices=INITS,
        file="a picture",
        served="open",
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
        "of Adam at the first step (default: 0.042 on the fourier canvas, 0.01 on"
        " pixels); of L-BFGS the share of its step",
        optional=True,
        served="open",
    )

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
            preset = options.get("preset")
            settings_of(cls)["preset"].check("preset", preset)
            alone = not (content and styles)
            values = {**(ALONE if alone else {}), **PRESETS.get(preset or "", {})}
            if alone:
                values["alpha"] = 0.0 if styles else 1.0
            settings = cls(**{**values, **options})
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
        if self.init in ("recolored", missing):
            raise InputError(f"`init` {self.init} needs a {missing}; choose another.")
        if not content and self.size == 0:
            raise InputError("without a content `size` cannot be 0; say how large.")
