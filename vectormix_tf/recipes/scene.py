"""Scenes: the pictures of a mix, fitted, in the colors in which they are mixed."""

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.settings import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images
from vectormix_tf.ops import color as color_ops
from vectormix_tf.ops import masks
from vectormix_tf.recipes.run import check_size

MASK = "mask"  # name under which the strength of the mix is observed


class Style(NamedTuple):
    """One of the styles.

    Attributes:
        image: [1, h, w, 3]; not enlarged yet.
        size: (height, width) that it has beside the result; the long side is `scale`
            times the result's.
        share: Of all styles; they add up to 1.
        scale: Size of its strokes, 1 for as large as in the painting.
        mask: Name under which it is observed where the style counts; None is all over.
    """

    image: tf.Tensor
    size: tuple[int, int]
    share: float
    scale: float
    mask: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """What is mixed.

    Pictures are at most as large as they will be needed; an octave enlarges what is
    smaller, so that a large result does not have to hold them.

    Attributes:
        size: Of the result, (height, width).
        shortest: Shortest side of any picture at full size, pixels.
        content: [1, h, w, 3], or None.
        original: The content in the colors of its file, or None.
        transparency: That of the content, [1, h, w, 1], or None.
        styles: Of which there may be none where there is a content.
        strength: How much is mixed, [1, H, W, 1]; None is all over.
        masks: What `Style.mask` and `MASK` name, [1, H, W, 1] each.
    """

    size: tuple[int, int]
    shortest: int
    content: tf.Tensor | None
    original: tf.Tensor | None
    transparency: np.ndarray | None
    styles: list[Style]
    strength: tf.Tensor | None
    masks: dict[str, tf.Tensor]

    @property
    def pictures(self) -> dict[str, tf.Tensor]:
        """Everything that decides what comes out, by what it is."""
        named = {"content": self.original} | self.masks
        for i, style in enumerate(self.styles, start=1):
            named[f"style {i}"] = style.image
        return named


def read(
    settings: MixSettings, content: Any, styles: list, mask: Any, style_masks: list
) -> Scene:
    """Reads all pictures of a mix.

    Args:
        settings: The settings.
        content: Whatever `images.read` takes, or None.
        styles: Likewise, each.
        mask: Likewise, or None: how much is mixed.
        style_masks: One for each style, or none: where it counts.

    Raises:
        InputError: If one of them cannot be used.
    """
    size, original, transparency = _content(settings, content)
    scales = settings.style_scale * (
        len(styles) if len(settings.style_scale) == 1 else 1
    )
    paintings = [
        _painting(settings, style, max(size), scale)
        for style, scale in zip(styles, scales, strict=True)
    ]
    strength = masks.read(mask, size, settings.max_pixels) if mask is not None else None
    where = _where(settings, len(styles), style_masks, strength, size)
    names = list(where) if style_masks else list(where or [None]) * len(styles)
    sizes = [size for _, size in paintings]
    paintings = [image for image, _ in paintings]
    photograph, paintings = in_colors(settings.color, original, paintings)
    shares = _shares(settings, len(styles), where if style_masks else {})
    parts = zip(paintings, sizes, shares, scales, names, strict=True)
    return Scene(
        size=size,
        shortest=min(min(each) for each in (size, *sizes)),
        content=photograph,
        original=original,
        transparency=transparency,
        styles=[Style(*each) for each in parts],
        strength=strength,
        masks=where if strength is None else where | {MASK: strength},
    )


def in_colors(
    color: str, photograph: tf.Tensor, paintings: list[tf.Tensor]
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Content and styles in the colors in which a setting wants them mixed."""
    if color == "content":  # the luminance of Gatys et al. 2016, arXiv:1606.05897
        gray = color_ops.gray(photograph)
        return gray, [
            color_ops.recolor(color_ops.gray(each), gray) for each in paintings
        ]
    if color == "match":
        return photograph, [color_ops.recolor(each, photograph) for each in paintings]
    return photograph, paintings


def _shares(settings, count, where) -> list[float]:
    shares = np.array(settings.style_weights or [1.0] * count)
    if where:  # a pixel is pulled as hard in a small region as in a large one
        shares = shares * [float(tf.reduce_mean(mask)) for mask in where.values()]
    return (shares / shares.sum()).tolist() if count else []


def _content(settings, content):
    """Returns the size of the result, the content and its transparency."""
    if content is None:
        size = settings.texture_size
        check_size(size, "texture", settings.backbone)
        return size, None, None
    picture = images.read(content, settings.max_pixels, "content picture")
    size = images.fitted_size(*picture.pixels.shape[1:3], settings.size)
    check_size(size, "content picture", settings.backbone)
    picture = images.reduced(picture, size)
    return size, tf.constant(picture.pixels), picture.transparency


def _painting(settings, style, long, scale):
    """Returns a style's image, and the size that it has beside the result."""
    pixels = images.read(style, settings.max_pixels, "style picture").pixels
    height, width = pixels.shape[1:3]
    size = images.fitted_size(height, width, max(1, round(long * scale)))
    check_size(size, "style picture", settings.backbone)
    network = BACKBONES[settings.backbone]
    if min(height, width) < network.minimum:
        raise InputError(
            f"the style picture is {width} x {height} pixels, and {network.title} needs"
            f" {network.minimum} a side; choose a larger one."
        )
    if max(size) < max(height, width):
        pixels = images.resize(pixels, size)
    return tf.constant(pixels), size


def _where(settings, styles, style_masks, strength, size) -> dict[str, tf.Tensor]:
    """Masks of the styles' statistics, each multiplied by the strength of the mix."""
    if style_masks and len(style_masks) != styles:
        raise InputError(
            f"there are {styles} styles and {len(style_masks)} style masks; give one"
            " mask for each style, in their order."
        )
    if not style_masks:
        return {} if strength is None else {MASK: strength}
    where = {}
    for i, source in enumerate(style_masks, start=1):
        mask = masks.read(source, size, settings.max_pixels, f"style mask {i}")
        where[f"mask {i}"] = mask if strength is None else mask * strength
    return where
