"""Settings of pictures in words, and what the names of strengths stand for."""

from collections.abc import Mapping
from typing import Any

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import DEFAULT_SIZE
from vectormix_tf.studio.contexts import Fact, Preset

# alpha of mixes, as `vectormix mix --preset` has it.
PRESETS = (
    Preset("bold", "Bold", 0.3),
    Preset("even", "Even", 0.5),
    Preset("faithful", "Faithful", 0.75),
)
# {name: settings of a dream}: more octaves make larger things, more steps make more of
# them.
DREAMS: Mapping[str, Mapping[str, Any]] = {
    "light": {"steps": 8, "octaves": 3},
    "usual": {"steps": 15, "octaves": 4},
    "deep": {"steps": 30, "octaves": 5},
}
USUAL = "usual"
SIZE = DEFAULT_SIZE
SIZES = (384, 512, 768, 1024)  # to choose from
STRENGTHS = tuple(
    Preset(name, name.title(), settings["steps"]) for name, settings in DREAMS.items()
)
# What a person may set: what an exported model takes with a request, and nothing that
# names a file.
SHARED = ("steps", "seed", "octaves", "octave_scale", "octave_steps", "color")
OPEN: Mapping[str, tuple[str, ...]] = {
    "mix": (*SHARED, "alpha", "style_scale"),
    "dream": (*SHARED, "jitter", "step_size"),
}
# So that one order is no week of work: of all octaves together.
MOST_STEPS = 2000
_SHARES = (  # up to this alpha
    (0.15, "Nearly all style"),
    (0.4, "More style than photograph"),
    (0.6, "Half the photograph, half the style"),
    (0.85, "More photograph than style"),
    (1.0, "Nearly all photograph"),
)


def checked(kind: str, settings: Mapping[str, Any]) -> MixSettings | DreamSettings:
    """All settings of a mix or dream.

    Raises:
        InputError: If one is none.
    """
    return MixSettings(**settings) if kind == "mix" else DreamSettings(**settings)


def strength_of(settings: Mapping[str, Any]) -> str:
    """The name of a dream's strength that has these steps; the usual one if none."""
    steps = settings.get("steps")
    names = (n for n, each in DREAMS.items() if each["steps"] == steps)
    return next(names, USUAL)


def facts(
    kind: str, settings: Mapping[str, Any], sides: tuple[int, int]
) -> tuple[Fact, ...]:
    """Settings as a list.

    Args:
        kind: "mix" or "dream".
        settings: By name.
        sides: (width, height) in pixels; width alone, the long side, with height 0.
    """
    if not settings:  # of a work whose order is gone
        return (Fact("Kind", kind.title()),)
    known = checked(kind, settings)
    size = f"{sides[0]} × {sides[1]} pixels" if sides[1] else f"{sides[0]} pixels"
    found = [Fact("Kind", kind.title())]
    if isinstance(known, MixSettings):
        found.append(Fact("Alpha", f"{known.alpha:.2f}"))
    found += [Fact("Size", size), Fact("Steps", str(known.steps))]
    if known.octaves > 1:
        found.append(Fact("Octaves", str(known.octaves)))
    said = {"alpha", "steps", "octaves", "seed"}
    found += [
        Fact(name.replace("_", " ").capitalize(), str(value))
        for name, value in sorted(settings.items())
        if name not in said
    ]
    return (*found, Fact("Seed", str(known.seed)))


def in_words(kind: str, settings: Mapping[str, Any], size: int, style: str = "") -> str:
    """Settings as a sentence.

    Args:
        kind: "mix" or "dream".
        settings: By name.
        size: Long side in pixels.
        style: Title of the style, or "".
    """
    if not settings:
        return "How it was made is no longer known."
    known = checked(kind, settings)
    if isinstance(known, MixSettings):
        share = next(text for most, text in _SHARES if known.alpha <= most)
        after = f", after {style}" if style else ""
        return (
            f"{share}{after}: alpha {known.alpha:.2f}, {size} pixels, {known.steps}"
            " steps."
        )
    return (
        f"What the network sees in it: {known.octaves} octaves of {known.steps} steps,"
        f" {size} pixels."
    )


def title_of(kind: str, style: str | None) -> str:
    """What a job is called.

    Args:
        kind: "mix" or "dream".
        style: Title of the style; "" for a painting of one's own, None for none.
    """
    if kind == "dream":
        return "Dream"
    return f"Mix with {style}" if style else "Mix with a painting of your own"
