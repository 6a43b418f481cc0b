"""What can be chosen: settings with their checks, names, and the record of progress.

Nothing here is heavy: a mistake in a flag is found before TensorFlow is loaded.
"""

import copy
import dataclasses
from collections.abc import Mapping

from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    check_backbone,
    check_weights,
    parse_layers,
    split_channels,
)
from vectormix_tf.errors import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    close_names,
    is_known_or_file,
)

MAX_SIZE = 32768  # pixels a side: beyond it a step would take hours
MAX_STEPS = 1_000_000  # so that a slip of the keyboard is told from a wish
MAX_PIXELS = 200_000_000  # of an input; 2.4 GB as float32
MAX_SEED = 2**31 - 1  # TensorFlow's stateless random functions take int32 seeds

CANVASES = ("fourier", "pixels")
INITS = ("recolored", "content", "noise", "style")  # or the path of a picture
NORMS = ("plain", "squared")
STATISTICS = ("gram", "covariance", "moments", "sliced", "histogram")
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What `mix` and `dream` share.

    Attributes:
        size: Long side of the result in pixels; 0 keeps the picture's own.
        steps: Of the first octave.
        octaves: How many sizes, coarse to fine.
        octave_scale: Factor from one octave's size to the next.
        octave_steps: Factor on the number of steps from one octave to the next.
        finish_steps: Of each octave beyond `resize.LARGE` pixels, which is twice as
            large as the one before; 0 takes all steps at full size.
        backbone: The network: a key of `backbones.BACKBONES`.
        weights: "bundled" (InceptionV3's), "imagenet" or the path of a weights file.
        pooling: "max", or "average" with a VGG (Gatys et al. 2015, section 3).
        precision: What the network computes in: "float32"; "bfloat16", which some
            processors do faster; or "auto", whichever is faster on this machine.
        xla: Whether XLA compiles the network: for GPUs.
        tile: Most pixels of a side that the network sees in one go: "auto", "off" for
            the whole picture, or a number.
        seed: Of everything random; the same seed gives the same bytes.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    size: int = 512
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float = 1.0
    finish_steps: int = 8
    backbone: str = DEFAULT
    weights: str = "bundled"
    pooling: str = "max"
    precision: str = "float32"
    xla: bool = False
    tile: int | str = "auto"
    seed: int = 0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self):
        check_backbone(self.backbone, self.pooling)
        network = BACKBONES[self.backbone]
        for side in self._sides():
            check_integer("size", side, 0, MAX_SIZE)
            if 0 < side < network.minimum:
                raise InputError(
                    f"`size` must be at least {network.minimum} ({network.title} needs"
                    f" it), or 0 for the picture's own; received {self.size}."
                )
        check_choice("precision", self.precision, (*PRECISIONS, "auto"))
        check_boolean("xla", self.xla)
        self._check_tile()
        check_integer("steps", self.steps, 1, MAX_STEPS)
        check_integer("octaves", self.octaves, 1, 32)
        check_number("octave_scale", self.octave_scale, 1.01, 16)
        check_integer("finish_steps", self.finish_steps, 0, MAX_STEPS)
        check_number("octave_steps", self.octave_steps, 0.01, 4)
        check_integer("seed", self.seed, 0, MAX_SEED)
        check_integer("max_pixels", self.max_pixels, 1, 2**40)
        check_weights(self.weights, self.backbone)

    def _check_tile(self) -> None:
        tile = self.tile
        if isinstance(tile, str):
            if tile in TILES:
                return
            tile = int(tile) if tile.isdecimal() else None  # of a flag
        integer = isinstance(tile, int) and not isinstance(tile, bool)
        if not integer or not LEAST_TILE <= tile <= MAX_SIZE:
            raise InputError(
                f"`tile` must be auto, off or a whole number from {LEAST_TILE} to"
                f" {MAX_SIZE}; received {self.tile!r}."
            )
        object.__setattr__(self, "tile", tile)

    @property
    def tile_side(self) -> int:
        """Most pixels of a side that are seen in one go; 0 for any number of them."""
        return TILES.get(self.tile, self.tile)

    @property
    def all_steps(self) -> tuple[int, ...]:
        """Steps of each octave up to `resize.LARGE` pixels, coarse to fine."""
        shares = (self.octave_steps**i for i in range(self.octaves))
        return tuple(max(1, round(self.steps * share)) for share in shares)

    def _sides(self) -> tuple:
        return (self.size,)

    def _choose_layers(self, what: str, default: str, signed: bool = False) -> None:
        """Sets a list of layers that was left open, and checks it.

        What may be signed is amplified, and may name channels too.
        """
        if getattr(self, what) is None:
            object.__setattr__(self, what, default)  # so that records show it
        network = BACKBONES[self.backbone]
        layers = parse_layers(getattr(self, what), what, self.backbone, signed)
        for name, weight in layers.items():
            if weight < 0 and not signed:
                raise InputError(
                    f"the weight of {name} in `{what}` must be above 0;"
                    f" received {weight:g}."
                )
            layer, _ = split_channels(name)
            if self.weights == "bundled" and layer not in network.bundled_layers:
                raise InputError(
                    f"`{what}` names {layer}, but the bundled weights end at"
                    f" {network.bundled}; choose an earlier layer, or"
                    ' `weights="imagenet"` (a download), or `weights="FILE"`.'
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AmplifySettings(Settings):
    """How layers are amplified; of `dream`, and of a mix that dreams.

    Attributes:
        objective: "mean" of the activations, or "square".
        neuron: Whether the cell in the middle counts alone.
        direction: Path of a .npy file, [channels]: only what lies along it is raised.
        guide_mode: How a guide leads: "match" (each cell to the guide's cell that is
            most like it) or "channels" (each channel as much as the guide has of it).
        guide_size: Long side of the guide in pixels; 0 keeps its own.
    """

    objective: str = "mean"
    neuron: bool = False
    direction: str = ""
    guide_mode: str = "match"
    guide_size: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_choice("objective", self.objective, OBJECTIVES)
        check_boolean("neuron", self.neuron)
        if not is_known_or_file(self.direction, ("",)):
            raise InputError(
                "`direction` must be the path of a .npy file; there is no file"
                f" {self.direction!r}."
            )
        check_choice("guide_mode", self.guide_mode, GUIDE_MODES)
        check_integer("guide_size", self.guide_size, 0, MAX_SIZE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixSettings(AmplifySettings):
    """Settings of `mix`; those of every picture are described at their base class.

    Attributes:
        preset: A key of `presets.PRESETS`; the values it sets are in the other fields.
        size: As elsewhere; without a content also "WIDTHxHEIGHT".
        alpha: Share of the content, in [0, 1]: 1 is content alone, 0 style alone.
        statistic: What of f2 is compared: a name in `STATISTICS`.
        style_levels: At how many sizes f2 looks, each half of the one before, as long
            as the shortest side of any picture is 1.5 times what the network needs.
        style_weights: Share of each style; none shares evenly.
        style_scale: Size of the strokes, 1 for as large as in the painting at the size
            of the result; one number, or one for each style.
        color: "style", "content" (the luminance alone is mixed) or "match" (the style
            takes the content's colors first).
        tileable: Makes a texture whose borders fit each other.
        loss: "relative", or "gatys" for the paper's squared ones.
        optimizer: "adam" or "lbfgs".
        jitter: Greatest shift of the picture before a step, in pixels.
        flips: Whether some steps see everything turned over: what the network likes
            from all sides is less of an accident.
        f1: Layers whose activations keep the content's arrangement,
            "name[:weight],..."; None takes the backbone's default.
        f2: Layers whose statistics hold the style's texture, likewise.
        canvas: "fourier" (decorrelated) or "pixels".
        init: "recolored" (the content in the style's colors), "content", "noise",
            "style" or the path of a picture.
        amplify: Layers or channels to dream of at the same time, "name[:weight],...";
            "" for none.
        tv: Weight of the total variation; at least 0.
        learning_rate: Of Adam at the first step; it falls in a straight line. Of
            L-BFGS the share of its step. None takes what suits.
    """

    preset: str | None = None
    size: int | str = 512
    alpha: float = 0.5
    steps: int = 108
    octaves: int = 1
    octave_scale: float = 1.6
    f1: str | None = None
    f2: str | None = None
    statistic: str = "covariance"
    style_levels: int = 2
    style_weights: tuple[float, ...] = ()
    style_scale: tuple[float, ...] = (1.0,)
    color: str = "style"
    tileable: bool = False
    loss: str = "relative"
    optimizer: str = "adam"
    jitter: int = 8
    flips: bool = True
    canvas: str = "fourier"
    init: str = "recolored"
    amplify: str = ""
    tv: float = 0.0
    learning_rate: float | None = None

    def __post_init__(self):
        super().__post_init__()
        check_number("alpha", self.alpha, 0, 1)
        check_choice("statistic", self.statistic, STATISTICS)
        check_integer("style_levels", self.style_levels, 1, 8)
        for name in ("style_weights", "style_scale"):
            self._set_numbers(name)
        check_choice("color", self.color, COLORS)
        check_boolean("tileable", self.tileable)
        check_boolean("flips", self.flips)
        check_choice("loss", self.loss, LOSSES)
        check_choice("optimizer", self.optimizer, OPTIMIZERS)
        check_integer("jitter", self.jitter, 0, MAX_SIZE)
        check_number("tv", self.tv, 0, 1e6)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, 1e-9, 1e3)
        self._choose_layers("f1", BACKBONES[self.backbone].f1)
        self._choose_layers("f2", BACKBONES[self.backbone].f2)
        if self.amplify:
            self._choose_layers("amplify", "", signed=True)
        check_choice("canvas", self.canvas, CANVASES)
        if not is_known_or_file(self.init, INITS):
            raise InputError(
                f"`init` must be one of {', '.join(INITS)} or the path of a picture;"
                f" received {self.init!r}: {close_names(str(self.init), INITS)}"
            )
        if self.loss == "gatys" and self.statistic != "gram":
            raise InputError(
                "`loss` gatys compares Gram matrices; set `statistic` to gram."
            )

    def _sides(self) -> tuple:
        """Those of "640x480"; a text of one number becomes that number."""
        if not isinstance(self.size, str):
            return (self.size,)
        try:
            sides = tuple(int(side) for side in self.size.lower().split("x"))
        except ValueError:
            sides = ()
        if len(sides) not in (1, 2):
            raise InputError(
                "`size` must be a whole number of pixels, or without a content"
                f" WIDTHxHEIGHT; received {self.size!r}."
            )
        if len(sides) == 1:
            object.__setattr__(self, "size", sides[0])
        return sides

    def _set_numbers(self, name: str) -> None:
        values = getattr(self, name)
        values = [values] if isinstance(values, int | float) else values
        if not isinstance(values, list | tuple):
            raise InputError(f"`{name}` must be numbers; received {values!r}.")
        for value in values:
            check_number(name, value, 0 if name == "style_weights" else 0.05, 1e6)
        object.__setattr__(self, name, tuple(float(value) for value in values))

    @property
    def texture_size(self) -> tuple[int, int]:
        """(height, width) of what has no content; one number makes a square."""
        sides = self._sides()
        return sides[-1], sides[0]


def opened(settings: Settings, **tensors) -> Settings:
    """The same settings, with tensors for what is known only when a graph runs."""
    found = copy.copy(settings)
    for name, tensor in tensors.items():
        object.__setattr__(found, name, tensor)  # not a value that can be checked
    return found


def is_exactly(value: object, number: float) -> bool:
    """Whether a setting is known, and is that number."""
    return isinstance(value, int | float) and value == number


def build(kind: type, values: Mapping[str, object]):
    """Returns `kind(**values)`; an unknown name is an `InputError`."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise InputError(f"unknown setting {name!r}; {close_names(name, known)}")
    return kind(**values)
