"""Comparison of mixes by numbers: how near are they to a photograph, and a painting?

No number is a judgment. Each of them can be won by a picture that nobody would hang; so
numbers only keep blind votes (`ballot`) from being held about what is broken.
"""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.settings import DEFAULT_SIZE, MAX_PIXELS
from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.evaluation import color, light, patches, pattern
from vectormix_tf.io import drawings, images
from vectormix_tf.io.images import ImageLike, Picture
from vectormix_tf.io.sizes import Need, result_size

LARGEST = 2048  # pixels of a long side: the network takes four gigabytes for a square

# {column: what it says}, in the order of a table. VOTING.md has the same lines.
COLUMNS = {
    "R": "how much of the fine light is the photograph's own; good: under 0.3",
    "gate": "whether e0 to e2 are within 0.35 of 0; if not, R says nothing",
    "rho0": "likeness to the photograph's grain; 1 is a recolored photograph",
    "rho1": "to its hairlines; good: rho0 and rho1 are low",
    "rho2": "to its strokes",
    "rho3": "to its shapes; good: high, under 0.5 they are lost",
    "e0": "strength of grain, in octaves above the painting's; good: near 0",
    "e1": "of hairlines; below 0 is blur, above 0 is noise",
    "e2": "of strokes",
    "e3": "of shapes",
    "coh": "how directed strokes are in plain parts, less the painting's; good: near 0,"
    " under -0.1 they are grain",
    "nn1": "distance of small patches to the painting's; good: near 1, less is blur,"
    " over 1.5 is nothing of the painting",
    "nn2": "the same at half the size",
    "blotch": "clouds of foreign color in plain parts; good: about 1 or less",
    "chroma": "color noise and fringes relative to the painting; good: about 1 or less",
    "grid": "regular patterns that a network leaves, in dB; good: under 2 (JPEG"
    " raises it)",
    "style": "distance from the painting by the network that mixes are optimized with,"
    " so it flatters them",
    "content": "distance from the photograph, by the same network",
}
Row = dict[str, float | bool]  # value of each column; "gate" is true or false


class Inputs(NamedTuple):
    """Pictures that were read and can be compared.

    Attributes:
        content: The photograph.
        style: The painting, [1, H, W, 3] in [0, 1].
        mixes: The pictures that are compared.
        sizes: (height, width) at which each of these is measured.
    """

    content: Picture
    style: np.ndarray
    mixes: list[Picture]
    sizes: list[tuple[int, int]]


def compare(
    content: ImageLike,
    style: ImageLike,
    pictures: ImageLike | Sequence[ImageLike],
    size: int = DEFAULT_SIZE,
) -> list[Row]:
    """Compares mixes of a photograph and a painting by numbers.

    Clear pixels of a picture have its mean color.

    Args:
        content: The photograph: path, Pillow image, or array [H, W, 3] of uint8 or of
            floats in [0, 1].
        style: The painting, likewise.
        pictures: The mixes, or any pictures that take their place; one or several.
        size: Long side at which all are measured, pixels, in [75, 2048].

    Returns:
        For each picture a dictionary with the keys `COLUMNS`, which says what they
        mean. All but `style` and `content` are independent of the network.

    Raises:
        InputError: If a picture cannot be read, or is too small.
    """
    several = images.several(pictures, "pictures")
    return list(compare_each(read_inputs(content, style, several, size)))


def read_inputs(
    content: ImageLike,
    style: ImageLike,
    pictures: Sequence[ImageLike],
    size: int = DEFAULT_SIZE,
    max_pixels: int = MAX_PIXELS,
) -> Inputs:
    """Reads and checks the arguments of `compare`; loads no TensorFlow.

    Args:
        content: As of `compare`.
        style: As of `compare`.
        pictures: As of `compare`, several.
        size: As of `compare`.
        max_pixels: Largest H * W; a larger file is not decoded.
    """
    check_integer("size", size, BACKBONES[DEFAULT].minimum, LARGEST)
    if not pictures:
        raise InputError("`pictures` is empty; give at least one picture.")
    photograph = drawings.read(content, max_pixels, "content picture")
    painting = drawings.read_style(style, max_pixels)
    fitted = images.fit(painting, _measured_size(painting, size, "style picture"))
    mixes, sizes = [], []
    for number, each in enumerate(pictures, start=1):
        what = "picture" if _is_path(each) else f"picture {number}"
        mixes.append(images.read(each, max_pixels, what))
        sizes.append(_measured_size(mixes[-1], size, mixes[-1].label or what))
    return Inputs(photograph, fitted.pixels, mixes, sizes)


def compare_each(inputs: Inputs) -> Iterator[Row]:
    """Yields the result of `compare` for each picture of `read_inputs`."""
    from vectormix_tf.backbone.environment import check_caller
    from vectormix_tf.evaluation.network import Network

    check_caller()
    judge = Network(inputs.style)
    for mix, size in zip(inputs.mixes, inputs.sizes, strict=True):
        image = images.fit(mix, size).pixels
        content = images.fit(inputs.content, size).pixels
        row = measure(image[0], content[0], inputs.style[0])
        row["grid"] = pattern.regularity(light.luma(mix.pixels[0]))
        row["style"], row["content"] = judge.distances(image, content)
        yield {name: row[name] for name in COLUMNS}


def measure(image: np.ndarray, content: np.ndarray, style: np.ndarray) -> Row:
    """Returns the columns that need neither a network nor a picture's own size.

    Args:
        image: [H, W, 3] in [0, 1].
        content: [H, W, 3] in [0, 1].
        style: [h, w, 3] in [0, 1].
    """
    own, shapes, strokes = (light.luma(each) for each in (image, content, style))
    plain = light.plain_parts(shapes)
    parts, others, wanted = (light.bands(each) for each in (own, shapes, strokes))
    likeness = list(map(light.correlation, parts, others))
    strengths = list(map(light.strength, parts, wanted))
    row: Row = {"R": light.shared(likeness), "gate": light.is_comparable(strengths)}
    row |= {f"rho{band}": value for band, value in enumerate(likeness)}
    row |= {f"e{band}": value for band, value in enumerate(strengths)}
    row["coh"] = light.coherence(own, plain) - light.coherence(strokes)
    for factor in (1, 2):
        row[f"nn{factor}"] = patches.relative_distance(image, style, factor)
    row["blotch"] = color.foreign_clouds(image, content, style, plain)
    row["chroma"] = color.relative_noise(image, style)
    return row


def _is_path(picture: ImageLike) -> bool:
    return isinstance(picture, str | os.PathLike)


def _measured_size(picture: Picture, size: int, what: str) -> tuple[int, int]:
    """Returns the size at which a picture is measured, if it is large enough."""
    need = Need.of(DEFAULT)
    height, width = picture.pixels.shape[1:3]
    if min(height, width) < need.least:  # enlarged, it has no fine detail
        raise InputError(
            f"the {what} is {width} x {height} pixels, and a comparison needs"
            f" {need.least} a side; choose a larger one."
        )
    return result_size((height, width), size, None, need, what)
