"""Mixes: the structure of a photograph with the texture of a painting.

Run it in a checkout, or anywhere with the paths of two pictures:

    python examples/mix.py [CONTENT [STYLE]]

It writes four PNG files into the current folder, in place of those that an earlier run
wrote there.
"""

import argparse
import pathlib

from vectormix_tf import MixSettings, mix
from vectormix_tf.errors import VectormixError
from vectormix_tf.io.images import ImageLike

HERE = pathlib.Path(__file__).parent
CONTENT = HERE / "images/content_coffee.jpg"
STYLE = HERE / "images/style_road_to_tarascon.jpg"


def main(
    content: ImageLike = CONTENT,
    style: ImageLike = STYLE,
    settings: MixSettings | None = None,
) -> None:
    """Mixes two pictures for three values of alpha, and once amplifies a layer too."""
    for alpha in (0.25, 0.5, 0.75):  # 0 is the style alone, 1 the content alone
        result = mix(content, style, settings=settings, alpha=alpha)

        # A result has its settings, and the loss of each objective at every step.
        for name, losses in result.losses.items():
            print(f"alpha {alpha}: {name} loss {losses[0]:.3f} -> {losses[-1]:.3f}")
        result.save(f"mix-alpha-{alpha}.png", overwrite=True)

    # DeepDream is one more objective in the same optimization.
    result = mix(content, style, settings=settings, amplify="mixed4:0.3")
    result.save("mix-and-dream.png", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("content", nargs="?", default=CONTENT)
    parser.add_argument("style", nargs="?", default=STYLE)
    flags = parser.parse_args()
    try:
        main(flags.content, flags.style)
    except VectormixError as error:  # such as a file that is no picture: one line
        parser.error(str(error))
