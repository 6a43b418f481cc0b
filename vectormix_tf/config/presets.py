"""Presets: settings that go together, and how they meet those that are given."""

from collections.abc import Mapping

from vectormix_tf.config.settings import MixSettings, build
from vectormix_tf.errors import InputError, check_choice

# What `--preset` sets; whatever else is given wins.
PRESETS = {
    # Judged as good as the default by frechet, and 0.01 further from the content, on
    # three pairs at 512 pixels: examples/DEFAULTS.md.
    "quick": {"steps": 40, "learning_rate": 0.065},
    # Looked at on two photographs with one painting, 288 pixels: examples/GALLERY.md.
    "faithful": {"alpha": 0.75},
    "painterly": {"alpha": 0.35, "style_scale": 1.6, "octaves": 2, "octave_scale": 2.0},
    "bold": {
        "alpha": 0.2,
        "style_scale": 2.0,
        "octaves": 3,
        "octave_scale": 1.6,
        "steps": 70,
        "learning_rate": 0.07,
    },
    "sketchy": {"color": "content", "style_scale": 0.6, "alpha": 0.4},
    "dreamy": {"amplify": "mixed4:0.15"},
    # Gatys et al. 2015, arXiv:1508.06576, with a VGG in InceptionV3's place.
    "gatys2015": {
        "backbone": "vgg19",
        "weights": "imagenet",
        "pooling": "average",
        "loss": "gatys",
        "statistic": "gram",
        "optimizer": "lbfgs",
        "learning_rate": None,
        "canvas": "pixels",
        "init": "noise",
        "style_levels": 1,
        "jitter": 0,
        "flips": False,
        "steps": 300,
        "octaves": 1,
    },
}
# One picture alone starts from noise and has a longer way.
ALONE = {"init": "noise", "octaves": 3, "steps": 100, "learning_rate": 0.07}


def mix_settings(
    given: Mapping[str, object], content: bool, styles: int
) -> MixSettings:
    """Returns the settings of a mix: what is given, then the preset's, then defaults.

    Args:
        given: Settings by name.
        content: Whether there is a content picture.
        styles: How many styles there are.

    Raises:
        InputError: If they are wrong, or do not fit the pictures.
    """
    preset = given.get("preset")
    if preset is not None:
        check_choice("preset", preset, PRESETS)
    alone = not (content and styles)
    values = (ALONE if alone else {}) | PRESETS.get(preset, {})
    if alone:
        values["alpha"] = 0.0 if styles else 1.0
    chosen = build(MixSettings, {**values, **given})
    _check_alone(chosen, content, styles)
    for name in ("style_weights", "style_scale"):
        values = getattr(chosen, name)
        if len(values) not in (styles, 0 if name == "style_weights" else 1):
            raise InputError(
                f"there are {styles} styles and {len(values)} values of `{name}`; give"
                " one for each style."
            )
    if chosen.style_weights and not sum(chosen.style_weights) > 0:
        raise InputError("the weights of the styles sum to zero; raise one of them.")
    return chosen


def _check_alone(chosen: MixSettings, content: bool, styles: int) -> None:
    """Refuses what makes no sense without one of the pictures."""
    if not content and not styles:
        raise InputError("give a content, a style or both.")
    if content and isinstance(chosen.size, str):
        raise InputError(
            "with a content `size` is one number, the long side; the content has an"
            f" aspect of its own; received {chosen.size!r}."
        )
    if content and chosen.tileable:
        raise InputError("`tileable` makes a texture; leave the content out.")
    if content and styles:
        return
    missing, alpha = ("style", 1) if content else ("content", 0)
    if chosen.alpha != alpha:
        raise InputError(f"without a {missing} `alpha` is {alpha}; leave it out.")
    if chosen.color != "style":
        raise InputError(f"`color` {chosen.color} needs a content and a style.")
    if chosen.init in ("recolored", missing):
        raise InputError(f"`init` {chosen.init} needs a {missing}; choose another.")
    if not content and chosen.size == 0:
        raise InputError("without a content `size` cannot be 0; say how large.")
