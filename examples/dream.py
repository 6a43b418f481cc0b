"""What a network sees in a picture, from edges to creatures, layer by layer.

python examples/dream.py [photograph]
"""

import pathlib
import sys

from vectormix_tf import dream
from vectormix_tf.io.images import ImageLike

PHOTOGRAPH = pathlib.Path(__file__).parent / "images/content_flower.jpg"


def main(photograph: ImageLike, size: int = 512, steps: int = 15) -> None:
    """Dreams of one picture with a low, a middle and a deep layer."""
    # Low layers know strokes, middle ones eyes and folds, deep ones whole heads.
    for layer in ("mixed0", "mixed3", "mixed5"):
        dream(photograph, layers=layer, size=size, steps=steps).save(
            f"dream-{layer}.png", overwrite=True
        )

    # Layers add up, and a negative weight keeps something out of the picture.
    dream(photograph, layers="mixed5:1,mixed1:-0.3", size=size, steps=steps).save(
        "dream-without-strokes.png", overwrite=True
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else PHOTOGRAPH)
