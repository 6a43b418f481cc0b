"""What the settings of mixes and dreams share, and limits of all settings."""

from typing import Any

import numpy as np

from vectormix_tf.config.backbones import (
    BACKBONES,
    DEFAULT,
    POOLINGS,
    WEIGHTS,
    check_backbone,
    check_weights,
    parse_layers,
)
from vectormix_tf.config.octaves import octave_steps
from vectormix_tf.config.setting import (
    REQUIRED,
    boolean,
    choice,
    integer,
    number,
    settings_class,
    text,
)
from vectormix_tf.errors import InputError

DEFAULT_SIZE = 512  # pixels of a long side: a mix takes a minute on two cores
MAX_SIZE = 32768  # pixels a side: beyond it a step would take hours
MAX_STEPS = 1_000_000  # so that a slip of the keyboard is told from a wish
MAX_PIXELS = 200_000_000  # of an input; 2.4 GB as float32
MAX_SEED = 2**31 - 1  # TensorFlow's stateless random functions take int32 seeds
MAX_RATE = 1e3
MIN_RATE = 1e-9

OCTAVE_MODES = ("detail", "enlarge")
CANVASES = ("fourier", "pixels")
NORMS = ("plain", "squared")
PRECISIONS = ("float32", "bfloat16")  # or "auto"
# Pixels a side; 0 for all. In tiles of a thousand the gradient is that of the whole
# picture to four digits (tests/optim/test_tiles.py).
TILES = {"auto": 1024, "off": 0}  # or a number
LEAST_TILE = 128
OBJECTIVES = ("mean", "square")
GUIDE_MODES = ("match", "channels")
MAX_FRAMES = 9999  # names of files have four digits


# --- Values with a form of their own --------------------------------------------------


def _parse_tile(name: str, value: Any) -> int | str:
    """A number of pixels, or one of `TILES`."""
    if isinstance(value, str) and value in TILES:
        return value
    tile = int(value) if isinstance(value, str) and value.isdecimal() else value
    integer = isinstance(tile, int | np.integer) and not isinstance(tile, bool)
    if not integer or not LEAST_TILE <= tile <= MAX_SIZE:
        raise InputError(
            f"`{name}` must be auto, off or a whole number from {LEAST_TILE} to"
            f" {MAX_SIZE}; received {value!r}."
        )
    return int(tile)


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
        DEFAULT_SIZE,
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
    backbone: str = choice(DEFAULT, BACKBONES, "the network: {choices}")
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
    for layer, weight in parse_layers(values[name], name, backbone, signed).items():
        if weight < 0 and not signed:
            raise InputError(
                f"the weight of {layer} in `{name}` must be above 0; received"
                f" {weight:g}."
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
