"""What can be chosen: settings with their checks, names, and the record of progress.

Nothing here is heavy: a mistake in a flag is found before TensorFlow is loaded.
"""

import dataclasses
import difflib
import math
import os
from collections.abc import Callable, Iterable, Mapping

import numpy as np

MINIMUM_SIDE = 75  # pixels; InceptionV3 leaves no cell of `mixed10` below it (Keras)
MAX_SIZE = 32768  # pixels a side: beyond it a step would take hours
MAX_STEPS = 1_000_000  # so that a slip of the keyboard is told from a wish
MAX_PIXELS = 200_000_000  # of an input; 2.4 GB as float32
MAX_SEED = 2**31 - 1  # TensorFlow's stateless random functions take int32 seeds

CANVASES = ("fourier", "pixels")
INITS = ("recolored", "content", "noise", "style")  # or the path of a picture
NORMS = ("plain", "squared")
WEIGHTS = ("bundled", "imagenet")  # or the path of a file

STEM = ("conv1a", "conv2a", "conv2b", "conv3b", "conv4a")
BLOCKS = tuple(f"mixed{i}" for i in range(11))
BRANCHES = (4, 4, 4, 3, 4, 4, 4, 4, 3, 4, 4)  # of mixed0 ... mixed10
LAYERS = STEM + tuple(
    name
    for block, count in zip(BLOCKS, BRANCHES, strict=True)
    for name in (*(f"{block}/{i}" for i in range(count)), block)
)
BUNDLED_LAYERS = LAYERS[: LAYERS.index("mixed5") + 1]


class Notice(UserWarning):
    """Something the user may want to know; its text is one line."""


class InputError(ValueError):
    """A mistake that the caller can mend; one line: what is wrong, what to do."""

    def __init__(self, text: str):
        super().__init__(" ".join(text.splitlines()))


def close_names(name: str, known: Iterable[str]) -> str:
    """Returns the tail of an error: the known names like `name`, or all of them."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"choose from {', '.join(known)}."


def parse_layers(text: str, what: str = "layers") -> dict[str, float]:
    """Reads `"name[:weight],..."`, e.g. `"mixed3:1,mixed5:0.5"`; a missing weight is 1.

    Args:
        text: The list; spaces around names are ignored.
        what: The name of the setting, for errors.

    Returns:
        Layer names with their weights, in the order of `text`.

    Raises:
        InputError: If a name is not in `LAYERS` or comes twice, or a weight is not a
            finite number other than 0.
    """
    if not isinstance(text, str):
        raise InputError(f"`{what}` must be a list of layers; received {text!r}.")
    layers = {}
    for item in text.split(","):
        name, colon, weight = (part.strip() for part in item.partition(":"))
        if not name:
            raise InputError(
                f"`{what}` must be a list like mixed3:1,mixed5:0.5; received {text!r}."
            )
        if name not in LAYERS:
            raise InputError(
                f"`{what}` names an unknown layer {name!r}; {_close_layers(name)}"
            )
        if name in layers:
            raise InputError(f"`{what}` names {name} twice; name it once.")
        try:
            layers[name] = float(weight) if colon else 1.0
        except ValueError:
            layers[name] = math.nan
        if not math.isfinite(layers[name]) or layers[name] == 0:
            raise InputError(
                f"the weight of {name} in `{what}` must be a finite number other than"
                f" 0; received {weight!r}."
            )
    return layers


def _is_known_or_file(value: object, known: tuple[str, ...]) -> bool:
    return isinstance(value, str | os.PathLike) and (
        value in known or os.path.isfile(value)
    )


def _close_layers(name: str) -> str:
    close = difflib.get_close_matches(name, LAYERS, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{hint}`vectormix layers` lists them."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What `mix` and `dream` share.

    Attributes:
        size: Long side of the result in pixels; 0 keeps the picture's own.
        steps: Steps per octave.
        octaves: How many sizes, coarse to fine.
        octave_scale: Factor from one octave's size to the next.
        weights: "bundled", "imagenet" or the path of a weights file.
        seed: Of everything random; the same seed gives the same bytes.
        max_pixels: Larger pictures are refused before they are decoded.
    """

    size: int = 512
    steps: int
    octaves: int
    octave_scale: float
    weights: str = "bundled"
    seed: int = 0
    max_pixels: int = MAX_PIXELS

    def __post_init__(self):
        check_integer("size", self.size, 0, MAX_SIZE)
        if 0 < self.size < MINIMUM_SIDE:
            raise InputError(
                f"`size` must be at least {MINIMUM_SIDE} (InceptionV3 needs it), or 0"
                f" for the picture's own; received {self.size}."
            )
        check_integer("steps", self.steps, 1, MAX_STEPS)
        check_integer("octaves", self.octaves, 1, 32)
        check_number("octave_scale", self.octave_scale, 1.01, 16)
        check_integer("seed", self.seed, 0, MAX_SEED)
        check_integer("max_pixels", self.max_pixels, 1, 2**40)
        if not _is_known_or_file(self.weights, WEIGHTS):
            raise InputError(
                f"`weights` must be bundled, imagenet or the path of a file;"
                f" there is no file {self.weights!r}."
            )

    def _check_layers(self, what: str, signed: bool = False) -> None:
        for name, weight in parse_layers(getattr(self, what), what).items():
            if weight < 0 and not signed:
                raise InputError(
                    f"the weight of {name} in `{what}` must be above 0;"
                    f" received {weight:g}."
                )
            if self.weights == "bundled" and name not in BUNDLED_LAYERS:
                raise InputError(
                    f"`{what}` names {name}, but the bundled weights end at mixed5;"
                    " choose an earlier layer, or --weights=imagenet (a download), or"
                    " --weights=FILE."
                )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixSettings(Settings):
    """Settings of `mix`; those of every picture are described at their base class.

    Attributes:
        alpha: Share of the content, in [0, 1]: 1 is content alone, 0 style alone.
        f1: Layers whose activations keep the content's arrangement,
            "name[:weight],...".
        f2: Layers whose Gram matrices hold the style's texture, likewise.
        canvas: "fourier" (decorrelated) or "pixels".
        init: "recolored" (the content in the style's colors), "content", "noise",
            "style" or the path of a picture.
        amplify: Layers to dream of at the same time, "name[:weight],..."; "" for none.
        tv: Weight of the total variation; at least 0.
        learning_rate: Of Adam at the first step; it falls in a straight line. None
            takes what suits the canvas.
    """

    alpha: float = 0.5
    steps: int = 108
    octaves: int = 1
    octave_scale: float = 1.6
    f1: str = "conv4a,mixed2"
    f2: str = "conv1a,conv2b,conv4a,mixed0,mixed2,mixed3,mixed5"
    canvas: str = "fourier"
    init: str = "recolored"
    amplify: str = ""
    tv: float = 0.0
    learning_rate: float | None = None

    def __post_init__(self):
        super().__post_init__()
        check_number("alpha", self.alpha, 0, 1)
        check_number("tv", self.tv, 0, 1e6)
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, 1e-9, 1e3)
        self._check_layers("f1")
        self._check_layers("f2")
        if self.amplify:
            self._check_layers("amplify", signed=True)
        check_choice("canvas", self.canvas, CANVASES)
        if not _is_known_or_file(self.init, INITS):
            raise InputError(
                f"`init` must be one of {', '.join(INITS)} or the path of a picture;"
                f" received {self.init!r}: {close_names(str(self.init), INITS)}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DreamSettings(Settings):
    """Settings of `dream`; those of every picture are described at their base class.

    Attributes:
        layers: What to amplify, "name[:weight],..."; a negative weight suppresses.
        jitter: Greatest shift of the picture before a step, in pixels.
        step_size: Length of a step: the standard deviation of what it adds to a pixel.
    """

    layers: str = "mixed3:1,mixed5:1"
    steps: int = 15
    octaves: int = 4
    octave_scale: float = 1.3
    jitter: int = 32
    step_size: float = 0.009

    def __post_init__(self):
        super().__post_init__()
        self._check_layers("layers", signed=True)
        check_integer("jitter", self.jitter, 0, MAX_SIZE)
        check_number("step_size", self.step_size, 1e-9, 10)


def build(kind: type, values: Mapping[str, object]):
    """Returns `kind(**values)`; an unknown name is an `InputError`."""
    known = [field.name for field in dataclasses.fields(kind)]
    for name in values:
        if name not in known:
            raise InputError(f"unknown setting {name!r}; {close_names(name, known)}")
    return kind(**values)


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Refuses what is not a number in [low, high]."""
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a number; received {value!r}.")
    if not low <= value <= high:  # also true of NaN
        raise InputError(
            f"`{name}` must be in [{low:g}, {high:g}]; received {value!r}."
        )


def check_integer(name: str, value: object, low: int, high: int) -> None:
    """Refuses what is not a whole number in [low, high]."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InputError(f"`{name}` must be a whole number; received {value!r}.")
    if not low <= value <= high:
        raise InputError(f"`{name}` must be in [{low}, {high}]; received {value!r}.")


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Refuses what is not one of the known names."""
    if not isinstance(value, str) or value not in known:
        raise InputError(
            f"`{name}` must be one of {', '.join(known)}; received {value!r}:"
            f" {close_names(str(value), known)}"
        )


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come, after each chunk of steps.

    Attributes:
        octave: From 1 to `octaves`.
        step: Steps done in this octave, up to `steps`.
        losses: The weighted loss of each term at the last step, by name.
        seconds_left: Estimate for the rest of the run; None before the first steps.
        preview: Returns what there is now, an image [1, H, W, 3] in [0, 1] (or the
            vector); decoded only when called.
    """

    octave: int
    octaves: int
    step: int
    steps: int
    losses: Mapping[str, float]
    seconds_left: float | None
    preview: Callable[[], np.ndarray]

    @property
    def loss(self) -> float:
        """Sum of the terms' losses."""
        return sum(self.losses.values())
