"""What can be chosen of a dream, and of a film of dreams."""

import dataclasses

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.settings import (
    MAX_FRAMES,
    MAX_SIZE,
    MAX_STEPS,
    AmplifySettings,
)
from vectormix_tf.errors import (
    InputError,
    check_choice,
    check_integer,
    check_number,
)

OCTAVE_MODES = ("detail", "enlarge")
DREAM_COLORS = ("dream", "content")
# How much faster than on average a film moves at t in [0, 1]; their means are 1.
EASINGS = {
    "linear": lambda t: 1.0,
    "in": lambda t: 2 * t,
    "out": lambda t: 2 * (1 - t),
    "in_out": lambda t: 6 * t * (1 - t),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DreamSettings(AmplifySettings):
    """Settings of `dream`; others are described at their base classes.

    Attributes:
        layers: What to amplify, "name[:weight],...": layers, or channels of them such
            as "mixed4#42" or "mixed4#0-31"; a negative weight suppresses. None takes
            the backbone's default.
        octave_mode: From one octave to the next, "detail" gives back the photograph's
            detail that the smaller one did not have, "enlarge" does not.
        color: "dream", or "content": only the lightness is dreamt.
        jitter: Greatest shift of the picture before a step, in pixels.
        step_size: Length of a step: the standard deviation of what it adds to a pixel.
    """

    layers: str | None = None
    steps: int = 15
    octaves: int = 4
    octave_scale: float = 1.3
    finish_steps: int = 4
    octave_mode: str = "detail"
    color: str = "dream"
    jitter: int = 32
    step_size: float = 0.009

    def __post_init__(self):
        super().__post_init__()
        self._choose_layers("layers", BACKBONES[self.backbone].dream, signed=True)
        check_integer("jitter", self.jitter, 0, MAX_SIZE)
        check_number("step_size", self.step_size, 1e-9, 10)
        check_choice("octave_mode", self.octave_mode, OCTAVE_MODES)
        check_choice("color", self.color, DREAM_COLORS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZoomSettings(DreamSettings):
    """Settings of `zoom`: those of its first frame, a dream, and how it goes on.

    Attributes:
        frames: How many.
        further_steps: Steps of every frame but the first, at its full size.
        zoom: How much a frame is enlarged to the next, percent.
        rotate: How far it turns, degrees, counterclockwise.
        shift: How far it moves to the right and down: "X,Y", percent of its sides.
        easing: How zoom, turn and shift are spread over the film, with these as their
            mean: "linear" (evenly), "in" (from rest), "out" (to rest), "in_out".
    """

    frames: int
    further_steps: int = 6
    zoom: float = 5.0
    rotate: float = 0.0
    shift: str = "0,0"
    easing: str = "linear"

    def __post_init__(self):
        super().__post_init__()
        check_integer("frames", self.frames, 1, MAX_FRAMES)
        check_integer("further_steps", self.further_steps, 1, MAX_STEPS)
        check_number("zoom", self.zoom, -50, 100)
        check_number("rotate", self.rotate, -180, 180)
        for number in self.shift_pair:
            check_number("shift", number, -50, 50)
        check_choice("easing", self.easing, EASINGS)

    @property
    def shift_pair(self) -> tuple[float, float]:
        """`shift` as two numbers."""
        try:
            x, y = (float(part) for part in self.shift.split(","))
        except (AttributeError, ValueError):
            raise InputError(
                "`shift` must be X,Y in percent, such as 2,-1; received"
                f" {self.shift!r}."
            ) from None
        return x, y
