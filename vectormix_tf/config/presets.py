"""Presets of a mix: settings that go together."""

from collections.abc import Mapping
from typing import Any

# What each sets; whatever else is given wins.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Judged on six pairs at 512 pixels: examples/DEFAULTS.md.
    # Chosen over the preview, 8 votes to 4; without the last two settings, 6 to 6.
    "instant": {"init": "pieces", "steps": 0, "alpha": 0.75, "abstraction": 3.0},
    "quick": {
        "octaves": 2,
        "octave_scale": 2.0,
        "steps": 24,
        "octave_steps": 0.2,
        "learning_rate": 0.065,
    },
    # Two people who did not know which was which told all five and the default apart
    # on four pairs at 512 pixels. What they found ugly was mended: examples/DEFAULTS.md
    "faithful": {"alpha": 0.75},
    "painterly": {"alpha": 0.35, "style_scale": 1.6, "octaves": 2, "octave_scale": 2.0},
    "bold": {"alpha": 0.3, "style_scale": 2.0, "octaves": 3, "octave_scale": 2.0},
    "sketchy": {"color": "content", "style_scale": 0.6, "alpha": 0.6},
    "dreamy": {"amplify": "mixed5:0.4"},
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
        "chroma": "free",
        "init": "noise",
        "style_levels": 1,
        "jitter": 0,
        "flips": False,
        "steps": 300,
        "octaves": 1,
        "tone": 0.0,
    },
}
# One picture alone starts from noise and has a longer way.
ALONE = {"init": "noise", "octaves": 3, "steps": 100, "learning_rate": 0.07}
