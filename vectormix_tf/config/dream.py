"""Settings of dreams, and of films that go ever deeper into one."""

from typing import Any

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.setting import (
    REQUIRED,
    choice,
    integer,
    number,
    same,
    settings_class,
    text,
)
from vectormix_tf.config.settings import (
    MAX_FRAMES,
    MAX_SIZE,
    MAX_STEPS,
    OCTAVE_MODES,
    AmplifySettings,
    complete_layers,
)
from vectormix_tf.errors import InputError, check_number

DREAM_COLORS = ("dream", "content")
DREAM_CHROMAS = ("image", "free")
# How much faster than on average a film moves at t in [0, 1]; their means are 1.
EASINGS = {
    "linear": lambda t: 1.0,
    "in": lambda t: 2 * t,
    "out": lambda t: 2 * (1 - t),
    "in_out": lambda t: 6 * t * (1 - t),
}


@settings_class
class DreamSettings(AmplifySettings):
    """Settings of `dream`."""

    layers: str | None = text(
        None,
        "what to amplify, name[:weight],...: layers, or channels of them such as"
        " mixed4#42 or mixed4#0-31; a negative weight suppresses; by default"
        f" {BACKBONES[DEFAULT].dream} ({DEFAULT})",
        optional=True,
    )
    steps: int = same(AmplifySettings, "steps", default=15)
    octaves: int = same(AmplifySettings, "octaves", default=4)
    octave_scale: float = same(AmplifySettings, "octave_scale", default=1.3)
    finish_steps: int = same(AmplifySettings, "finish_steps", default=4)
    octave_mode: str = choice(
        "detail",
        OCTAVE_MODES,
        "detail gives back the photograph's detail from octave to octave, enlarge does"
        " not",
        served="open",
    )
    color: str = choice(
        "dream",
        DREAM_COLORS,
        "dream; content: only the lightness is dreamt",
        served="open",
    )
    chroma: str = choice(
        "image",
        DREAM_CHROMAS,
        "image: without colored fringes, and near the colors of the image; free: as the"
        " optimization leaves it",
    )
    jitter: int = integer(
        32,
        0,
        MAX_SIZE,
        "greatest shift of the picture before a step, in pixels",
        served="open",
    )
    step_size: float = number(
        0.009,
        1e-9,
        10,
        "length of a step: standard deviation of what it adds to a pixel",
        served="open",
    )
    guide_size: int = same(AmplifySettings, "guide_size", served="open")

    @classmethod
    def complete(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the backbone's layers."""
        values = super().complete(values)
        default = BACKBONES[values["backbone"]].dream
        if values["layers"] != "":  # "" is for a dream of the caller's own objectives
            complete_layers(values, "layers", default, signed=True)
        return values


def _parse_shift(name: str, value: Any) -> str:
    """Two numbers in percent, as a text."""
    for part in _pair(name, value):
        check_number(name, part, -50, 50)
    return str(value)


def _pair(name: str, value: Any) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in value.split(","))
    except (AttributeError, ValueError):
        raise InputError(
            f"`{name}` must be X,Y in percent, such as 2,-1; received {value!r}."
        ) from None
    return x, y


@settings_class
class ZoomSettings(DreamSettings):
    """Settings of `zoom`: those of its first frame, a dream, and how it goes on."""

    frames: int = integer(REQUIRED, 1, MAX_FRAMES, "how many frames")
    further_steps: int = integer(
        6, 1, MAX_STEPS, "steps of every frame but the first, at its full size"
    )
    zoom: float = number(
        5.0, -50, 100, "how much a frame is enlarged to the next, percent"
    )
    rotate: float = number(
        0.0, -180, 180, "how far it turns, degrees, counterclockwise"
    )
    shift: str = text(
        "0,0",
        "how far it moves to the right and down: X,Y, percent of its sides",
        parse=_parse_shift,
    )
    easing: str = choice(
        "linear",
        EASINGS,
        "how motion is spread over the film: {choices}",
    )

    @property
    def shift_pair(self) -> tuple[float, float]:
        """`shift` as two numbers."""
        return _pair("shift", self.shift)
