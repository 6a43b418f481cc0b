"""Dreams: what the layers of a network respond to in a picture.

Run it in a checkout, or anywhere with the path of a picture:

    python examples/dream.py [IMAGE]

It writes four PNG files into the current folder, in place of those that an earlier run
wrote there.
"""

import argparse
import pathlib

from vectormix_tf import dream
from vectormix_tf.errors import VectormixError
from vectormix_tf.io.images import ImageLike

IMAGE = pathlib.Path(__file__).parent / "images/content_flower.jpg"


def main(image: ImageLike = IMAGE, size: int = 512, steps: int = 15) -> None:
    """Makes a dream by a low, a middle and a deep layer, and one by two layers."""
    # Low layers respond to edges and strokes, deep ones to whole objects.
    for layer in ("mixed0", "mixed4", "mixed8"):
        result = dream(image, layers=layer, size=size, steps=steps)
        result.save(f"dream-{layer}.png", overwrite=True)

    # The losses of several layers are added; a negative weight suppresses a layer.
    result = dream(image, layers="mixed8:1,mixed1:-0.3", size=size, steps=steps)
    result.save("dream-without-strokes.png", overwrite=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image", nargs="?", default=IMAGE)
    flags = parser.parse_args()
    try:
        main(flags.image)
    except VectormixError as error:  # such as a file that is no picture: one line
        parser.error(str(error))
