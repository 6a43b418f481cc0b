"""How a mix comes about, in a few lines: shapes of a photograph, texture of a painting.

Run it in the checkout, or in any folder that has two pictures:

    python examples/mix.py [photograph painting]
"""

import pathlib
import sys

from vectormix_tf import mix

HERE = pathlib.Path(__file__).parent
PAIR = [
    HERE / "images/content_coffee.jpg",
    HERE / "images/style_road_to_tarascon.jpg",
]


def main(photograph, painting, **settings):
    """Mixes the pair three times and puts the results side by side."""
    # alpha says who decides: 1 is the photograph alone, 0 the painting alone.
    mixes = [
        mix(photograph, painting, alpha=alpha, **settings)
        for alpha in (0.25, 0.5, 0.75)
    ]

    # A result knows what it was made with, and how each term of the loss fell.
    for made in mixes:
        content, style = made.losses["content"], made.losses["style"]
        print(
            f"alpha {made.settings.alpha:4}: style {style[0]:.3f} -> {style[-1]:.3f},"
            f" content {content[0]:.3f} -> {content[-1]:.3f}"
        )
        made.save(f"mix-alpha-{made.settings.alpha}.png", overwrite=True)

    # The same loop dreams at the same time when a layer is amplified as well.
    both = mix(photograph, painting, amplify="mixed4:0.3", **settings)
    both.save("mix-and-dream.png", overwrite=True)


if __name__ == "__main__":
    main(*(sys.argv[1:] or PAIR))
