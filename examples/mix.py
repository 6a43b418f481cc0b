"""How a mix comes about, in a few lines: shapes of a photograph, texture of a painting.

Run it in the checkout, or in any folder that has two pictures:

    python examples/mix.py [photograph painting]
"""

import pathlib
import sys

from vectormix_tf import MixSettings, mix
from vectormix_tf.io.images import ImageLike

HERE = pathlib.Path(__file__).parent
PAIR = [
    HERE / "images/content_coffee.jpg",
    HERE / "images/style_road_to_tarascon.jpg",
]


def main(
    photograph: ImageLike, painting: ImageLike, settings: MixSettings | None = None
) -> None:
    """Mixes the pair three times, and once more together with a dream."""
    # alpha is the share of the content: 1 is the photograph alone, 0 the painting.
    mixes = [
        mix(photograph, painting, settings=settings, alpha=alpha)
        for alpha in (0.25, 0.5, 0.75)
    ]

    # A result has the settings of its run, and the losses before each step.
    for made in mixes:
        content, style = made.losses["content"], made.losses["style"]
        print(
            f"alpha {made.settings.alpha:4}: style {style[0]:.3f} -> {style[-1]:.3f},"
            f" content {content[0]:.3f} -> {content[-1]:.3f}"
        )
        made.save(f"mix-alpha-{made.settings.alpha}.png", overwrite=True)

    # The same loop amplifies a layer at the same time.
    both = mix(photograph, painting, settings=settings, amplify="mixed4:0.3")
    both.save("mix-and-dream.png", overwrite=True)


if __name__ == "__main__":
    main(*(sys.argv[1:3] or PAIR))
