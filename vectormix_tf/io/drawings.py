"""Drawings by transparency alone, and pictures in which nothing is drawn.

Ink on a clear ground has one color, and its shapes are in the transparency. A network
sees colors alone: for it such a picture would be a plain sheet of ink. So whatever is
looked at, which a mask is not, is read by `read`, which lays a drawing on a ground.
"""

import dataclasses
import warnings

import numpy as np

from vectormix_tf.config.settings import MAX_PIXELS
from vectormix_tf.errors import Notice
from vectormix_tf.io import colorimetry, images
from vectormix_tf.io.images import ImageLike, Picture

# Colors that differ by no more are one: each is rounded to 8 bits, and twice where it
# was stored premultiplied.
ROUNDING = 2.01 / 255
# Ink above this luminance is laid on black, all other on white.
LIGHT = 0.5
WHITE, BLACK = 1.0, 0.0


def read(
    source: ImageLike, max_pixels: int = MAX_PIXELS, what: str = "picture"
) -> Picture:
    """Reads a picture that is looked at: as `images.read`, but for drawings.

    Where all that is visible has one color, and the transparency draws shapes in it,
    the picture is laid on white; or on black, if the color is light.

    Args:
        source: As of `images.read`.
        max_pixels: As of `images.read`.
        what: As of `images.read`.

    Warns:
        Notice: If the picture was laid on a ground.
    """
    picture = images.read(source, max_pixels, what)
    if picture.transparency is None or not is_flat(picture):
        return picture
    ink = images.mean_color(picture.pixels, picture.transparency)
    ground = BLACK if colorimetry.luminance(ink) > LIGHT else WHITE
    cover = picture.transparency
    laid = dataclasses.replace(
        picture,
        pixels=np.float32(picture.pixels * cover + ground * (1 - cover)),
        transparency=None,
    )
    if is_flat(laid):  # equally transparent everywhere
        return picture
    warnings.warn(
        f"the {picture.label or what} has one color, and only its transparency draws"
        f" shapes; it is laid on {'white' if ground else 'black'}.",
        Notice,
        stacklevel=2,
    )
    return laid


def read_style(
    source: ImageLike, max_pixels: int, number: int = 1, count: int = 1
) -> Picture:
    """Reads a style as `read`, under its name among several.

    Args:
        source: As of `images.read`.
        max_pixels: As of `images.read`.
        number: Of the style among all, from 1.
        count: How many styles there are.
    """
    what = "style picture" if count == 1 else f"style picture {number}"
    return read(source, max_pixels, what)


def tell_if_flat(style: Picture) -> None:
    """Tells of a style of one color; called when nothing else is wrong with it.

    Warns:
        Notice: If the style has one color alone, and so no texture.
    """
    if is_flat(style):
        warnings.warn(
            f"the {style.label or 'style picture'} has one color and no texture; the"
            " mix takes that color from it, and nothing else.",
            Notice,
            stacklevel=2,
        )


def is_flat(picture: Picture) -> bool:
    """Whether all that is visible of a picture has one color, up to rounding."""
    pixels, cover = picture.pixels, picture.transparency
    if cover is not None:  # on a ground of its own color
        color = images.mean_color(pixels, cover)
        pixels = color + (pixels - color) * cover
    axes = (0, 1, 2)
    return bool(np.max(pixels.max(axes) - pixels.min(axes)) <= ROUNDING)
