"""The images of a mix: reads them, resizes them and adjusts their colors."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.filters.preview import Pictures, render
from vectormix_tf.io import drawings, images, sizes
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.masks import read_style_masks
from vectormix_tf.ops import masks
from vectormix_tf.ops.color import gray, recolor
from vectormix_tf.optim import estimates
from vectormix_tf.recipes.run import plan_size, size_choice

MASK = "mask"  # key of `Scene.mask` in `Scene.masks`


class Style(NamedTuple):
    """One of the styles.

    Attributes:
        image: [1, h, w, 3] in [0, 1], at most as large as `size`; a smaller file is
            enlarged later, in each octave.
        size: (height, width) at the full size of the result, in pixels. The long side
            is `scale` times that of the result.
        share: Weight among the styles; those of all styles sum to 1.
        scale: Size of the style's strokes, relative to those of the image.
        mask: Key in `Scene.masks` of where the style is applied; None is everywhere.
    """

    image: tf.Tensor
    size: tuple[int, int]
    share: float
    scale: float
    mask: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """The images of a mix: a content or styles or both, and masks.

    To save memory, images are kept no larger than their files are. An octave that is
    larger enlarges them.

    Attributes:
        size: (height, width) of the result.
        shortest: Shortest side of the result and the styles at full size, in pixels.
        content: [1, h, w, 3] in [0, 1], in the colors in which it is mixed; or None.
        original: The content in the colors of its file, or None.
        transparency: That of the content, [1, h, w, 1] in [0, 1] (1 is opaque), or
            None.
        styles: May be empty if there is a content.
        mask: Where the content is changed, [1, H, W, 1] in [0, 1]; None is everywhere.
        masks: `{key: [1, H, W, 1]}` for `MASK` and each `Style.mask`.
    """

    size: tuple[int, int]
    shortest: int
    content: tf.Tensor | None
    original: tf.Tensor | None
    transparency: np.ndarray | None
    styles: list[Style]
    mask: tf.Tensor | None
    masks: dict[str, tf.Tensor]

    @property
    def pictures(self) -> dict[str, tf.Tensor]:
        """All images that determine the result, for the fingerprint of a run."""
        named = {"content": self.original} | self.masks
        for i, style in enumerate(self.styles, start=1):
            named[f"style {i}"] = style.image
        return named

    def preview(
        self, settings: MixSettings, start: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns what is shown before the first step, [H, W, 3] in [0, 1].

        Args:
            settings: Settings of the mix.
            start: Picture [1, h, w, 3] that the mix starts from; None shows what
                `filters.preview` makes of the scene.
        """
        if start is not None:
            return images.resize(start, self.size)[0]
        original, styles = self.original, [each.image.numpy() for each in self.styles]
        keys = dict.fromkeys(style.mask for style in self.styles if style.mask)
        pictures = Pictures(
            self.size,
            None if original is None else original.numpy(),
            styles,
            [self.masks[key].numpy() for key in keys],
            None if self.mask is None else self.mask.numpy(),
        )
        return render(settings, pictures)


def read_scene(
    settings: MixSettings,
    content: ImageLike | None,
    styles: Sequence[ImageLike],
    mask: ImageLike | None,
    style_masks: Sequence[ImageLike],
) -> Scene:
    """Reads all images of a mix.

    Args:
        settings: Settings of the mix.
        content: As of `mix`.
        styles: As of `mix`, as a list.
        mask: As of `mix`.
        style_masks: As of `mix`, as a list: one for each style, or empty.

    Warns:
        Notice: If a style has no texture, or a picture is drawn by its transparency
            alone; see `io.drawings`.

    Raises:
        InputError: If an image cannot be used, or there are not as many style masks as
            styles.
    """
    size, original, transparency = _read_content(settings, content)
    scales = settings.style_scale * (
        len(styles) if len(settings.style_scale) == 1 else 1
    )
    read = [
        _read_style(
            settings,
            drawings.read_style(style, settings.max_pixels, number, len(styles)),
            *(max(size), scale),
        )
        for number, (style, scale) in enumerate(zip(styles, scales, strict=True), 1)
    ]
    style_sizes, scales = ([each[i] for each in read] for i in (1, 2))
    mask = None if mask is None else masks.read(mask, size, settings.max_pixels)
    applied = _read_style_masks(settings, len(styles), style_masks, mask, size)
    names = list(applied) if style_masks else list(applied or [None]) * len(styles)
    content, style_images = adjust_colors(
        settings.color, original, [image for image, *_ in read]
    )
    areas = [float(tf.reduce_mean(m)) for m in applied.values()] if style_masks else []
    shares = settings.shares(len(styles), areas)
    fields = zip(style_images, style_sizes, shares, scales, names, strict=True)
    return Scene(
        size=size,
        shortest=min(min(each) for each in (size, *style_sizes)),
        content=content,
        original=original,
        transparency=transparency,
        styles=[Style(*each) for each in fields],
        mask=mask,
        masks=applied if mask is None else applied | {MASK: mask},
    )


def adjust_colors(
    color: str, content: tf.Tensor | None, styles: Sequence[tf.Tensor]
) -> tuple[tf.Tensor | None, list[tf.Tensor]]:
    """Returns content and styles in the colors in which they are mixed.

    Args:
        color: "content" makes all of them gray, and gives the styles the mean and
            variance of the content's luminance ("luminance-only transfer" of Gatys et
            al. 2016, arXiv:1606.05897). "match" gives the styles the mean and
            covariance of the content's colors ("color histogram matching" there).
            "style" leaves all as they are.
        content: [1, h, w, 3] in [0, 1]; None only with "style".
        styles: Images [1, h, w, 3] in [0, 1], each of its own size.
    """
    if color == "content":
        gray_content = gray(content)
        return gray_content, [recolor(gray(style), gray_content) for style in styles]
    if color == "match":
        return content, [recolor(style, content) for style in styles]
    return content, list(styles)


def _read_content(
    settings: MixSettings, content: ImageLike | None
) -> tuple[tuple[int, int], tf.Tensor | None, np.ndarray | None]:
    """Returns the size of the result, the content and its transparency."""
    if content is None:
        size = settings.texture_size
        estimates.check_room(size, size_choice(settings), in_place=True)
        return size, None, None
    picture = drawings.read(content, settings.max_pixels, "content picture")
    size = plan_size(settings, picture.pixels.shape[1:3], "content picture", True)
    picture = images.reduced(picture, size)
    return size, tf.constant(picture.pixels), picture.transparency


def _read_style(
    settings: MixSettings, style: images.Picture, long_side: int, scale: float
) -> tuple[tf.Tensor, tuple[int, int], float]:
    """Returns a style's image, its (height, width) at full size, and its scale.

    Args:
        settings: Settings of the mix.
        style: The picture.
        long_side: Of the result, in pixels.
        scale: Long side of the style, relative to that of the result.
    """
    pixels = style.pixels
    height, width = pixels.shape[1:3]
    need = sizes.Need.of(settings.backbone)
    size, scale = sizes.style_size((height, width), long_side, scale, need)
    estimates.check_room(size, size_choice(settings, scale), in_place=True)
    drawings.tell_if_flat(style)
    if max(size) < max(height, width):
        pixels = images.resize(pixels, size)
    return tf.constant(pixels), size, scale


def _read_style_masks(
    settings: MixSettings,
    style_count: int,
    style_masks: Sequence[ImageLike],
    mask: tf.Tensor | None,
    size: tuple[int, int],
) -> dict[str, tf.Tensor]:
    """Returns where styles are applied: each style's mask times that of the mix.

    Without style masks all styles share the mask of the mix, if there is one.
    """
    if not style_masks:
        return {} if mask is None else {MASK: mask}
    applied = read_style_masks(
        style_masks,
        style_count,
        size,
        settings.max_pixels,
        None if mask is None else mask.numpy(),
    )
    return {f"mask {i}": tf.constant(each) for i, each in enumerate(applied, start=1)}
