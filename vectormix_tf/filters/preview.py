"""Preview: what a mix will look like, in a moment and without TensorFlow.

The content with the style's colors, where a mix starts from, in patches as of paint.
"""

import functools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Unpack

import numpy as np

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.options import MixOptions
from vectormix_tf.config.setting import combined
from vectormix_tf.config.settings import DEFAULT_SIZE, Settings
from vectormix_tf.filters import smoothing
from vectormix_tf.filters.color import from_oklab, recolored, to_oklab
from vectormix_tf.filters.placement import placed
from vectormix_tf.filters.smoothing import LONG_SIDE
from vectormix_tf.io import drawings, images, masks, sizes
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.results import PictureResult

MOST = 1024  # pixels of the long side; the preview of a larger result is smaller

# In pixels of a picture whose long side has `LONG_SIDE`.
PATCH = 2.0  # how far a patch of even color reaches on each side; found by eye
COLOR = 5.0  # the same of the squares in which chroma follows lightness


def preview(
    content: ImageLike | None = None,
    style: ImageLike | Sequence[ImageLike] | None = None,
    *,
    mask: ImageLike | None = None,
    style_mask: ImageLike | Sequence[ImageLike] | None = None,
    settings: MixSettings | None = None,
    **options: Unpack[MixOptions],
) -> PictureResult[MixSettings]:
    """Returns what a mix will look like, in a moment and without TensorFlow.

    That is the content with the mean and covariance of the style's colors, which lie
    where the style has them, in patches of even color; with `color` "content" or
    "match" in its own colors. Without a content it is the style, cut to the size, and
    without a style the content.

    Args:
        content: As of `mix`.
        style: As of `mix`.
        mask: As of `mix`.
        style_mask: As of `mix`.
        settings: As of `mix`.
        **options: As of `mix`. What the optimization alone uses is checked, and has no
            effect.

    Returns:
        The preview, in the size of the mix, but at most 1024 pixels long; it has no
        losses.

    Raises:
        InputError: If an image or a setting cannot be used.
    """
    begun = time.monotonic()
    styles = images.several(style, "style")
    settings = MixSettings.of(options, content is not None, len(styles), settings)
    style_masks = images.several(style_mask, "mask")
    pictures, transparency = _read(settings, content, styles, mask, style_masks)
    return PictureResult(
        x=render(settings, pictures)[None],
        losses={},
        seconds=time.monotonic() - begun,
        finished=True,
        settings=settings,
        transparency=transparency,
    )


def unchanged(
    image: ImageLike, settings: DreamSettings | None = None, **options: Any
) -> PictureResult[DreamSettings]:
    """Returns the picture that a dream or a zoom starts from, as a preview of it.

    Args:
        image: As of `dream`.
        settings: As of `dream`, or of `zoom`.
        **options: As of `dream`.

    Returns:
        The picture in the size of the dream, but at most 1024 pixels long.

    Raises:
        InputError: If the image or a setting cannot be used.
    """
    begun = time.monotonic()
    settings = combined(DreamSettings, settings, options)
    picture = drawings.read(image, settings.max_pixels)
    picture = images.fit(picture, _limited(_size(settings, picture, "picture")))
    return PictureResult(
        x=picture.pixels,
        losses={},
        seconds=time.monotonic() - begun,
        finished=True,
        settings=settings,
        transparency=None if picture.transparency is None else picture.transparency[0],
    )


def _size(settings: Settings, picture: images.Picture, what: str) -> sizes.Size:
    """Returns the size of the result that is made of a picture."""
    sides, need = picture.pixels.shape[1:3], sizes.Need.of(settings.backbone)
    return sizes.result_size(sides, int(settings.size), DEFAULT_SIZE, need, what)


# --- The pictures of a mix ------------------------------------------------------------


class Pictures(NamedTuple):
    """What a preview is made of.

    Attributes:
        size: (height, width) of the preview.
        content: [1, H, W, 3] in [0, 1], or None.
        styles: Each [1, h, w, 3] in [0, 1], no larger than they are mixed.
        applied: Where each style is applied, [1, H, W, 1] in [0, 1]; empty is where the
            content is changed, and a single one is that of all styles.
        mask: Where the content is changed, [1, H, W, 1] in [0, 1], or None.
    """

    size: sizes.Size
    content: np.ndarray | None
    styles: Sequence[np.ndarray]
    applied: Sequence[np.ndarray] = ()
    mask: np.ndarray | None = None

    def limited(self) -> "Pictures":
        """Returns them in the size of a preview, at most `MOST` long."""
        size = _limited(self.size)
        resized = functools.partial(images.resize, size=size)
        mask = None if self.mask is None else resized(self.mask)
        applied = [resized(each) for each in self.applied]
        return Pictures(
            size,
            None if self.content is None else resized(self.content),
            [images.resize(each, _limited(each.shape[1:3])) for each in self.styles],
            applied if mask is None else applied or [mask],
            mask,
        )


def _read(settings, content, styles, mask, style_masks):
    """Reads (pictures, transparency) as `recipes.scene.read_scene` does.

    Both are at most `MOST` long; the transparency is [H, W, 1] or None.
    """
    need, most = sizes.Need.of(settings.backbone), settings.max_pixels
    transparency = None
    if content is None:
        full = settings.texture_size
        size = _limited(full)
    else:
        picture = drawings.read(content, most, "content picture")
        full = _size(settings, picture, "content picture")
        size = _limited(full)
        picture = images.fit(picture, size)
        content, transparency = picture.pixels, picture.transparency
    scales = settings.style_scale
    scales = scales * (len(styles) if len(scales) == 1 else 1)
    read = []
    for number, (style, scale) in enumerate(zip(styles, scales, strict=True), 1):
        pixels = drawings.read_style(style, most, number, len(styles)).pixels
        sides = pixels.shape[1:3]
        mixed, _ = sizes.style_size(sides, max(full), scale, need)
        read.append(images.resize(pixels, _limited(min(mixed, sides, key=max))))
    mask = None if mask is None else masks.read_mask(mask, size, most)
    applied = masks.read_style_masks(style_masks, len(styles), size, most, mask)
    pictures = Pictures(size, content, read, applied, mask)
    return pictures, None if transparency is None else transparency[0]


def _limited(size: sizes.Size) -> sizes.Size:
    return images.fitted_size(*size, min(MOST, max(size)))


# --- The picture ----------------------------------------------------------------------


def render(settings: MixSettings, pictures: Pictures) -> np.ndarray:
    """Returns the preview of a mix, [H, W, 3] in [0, 1], at most `MOST` long.

    Args:
        settings: Settings of the mix, completed and checked.
        pictures: Its pictures, in the size of the result or any other.
    """
    pictures = pictures.limited()
    if pictures.content is None:
        return _cover(pictures.styles[0][0], pictures.size)
    content = pictures.content[0]
    if not pictures.styles:
        return content
    made = painted(start(settings, pictures), settings.abstraction)
    if pictures.mask is None:
        return made
    return content + pictures.mask[0] * (made - content)


def start(settings: MixSettings, pictures: Pictures) -> np.ndarray:
    """Returns what a mix of content and styles starts from, [H, W, 3] in [0, 1].

    As `recipes.mix.build_start` makes it with `init="recolored"`, all detail kept. With
    `color="content"` that is in the colors that the result gets. The content alone is
    what is left at `alpha=1`, so there it keeps its colors.
    """
    content, styles = pictures.content[0], [each[0] for each in pictures.styles]
    if settings.color != "style" or settings.alpha == 1:
        return content
    areas = [float(np.mean(each)) for each in pictures.applied]
    several = len(areas) > 1
    shares = settings.shares(len(styles), areas if several else ())
    if not areas:
        return _in_colors_of(settings, styles, shares, content)
    parts, total = 0, 0
    for i, where in enumerate(pictures.applied):
        if several and shares[i] == 0:
            continue
        weights = where[0] + masks.FLOOR
        those, own = ([styles[i]], [1.0]) if several else (styles, shares)
        made = _in_colors_of(settings, those, own, content, weights)
        parts, total = parts + weights * made, total + weights
    rest = np.maximum(1 - total, 0)  # where no style applies
    return (parts + rest * content) / (total + rest)


def _in_colors_of(settings, styles, shares, image, weights=None):
    made = recolored(image, styles, shares, weights)
    if settings.placement == 0:
        return made
    return made + settings.placement * (placed(made, styles, shares, weights) - made)


def painted(image: np.ndarray, patch: float = 0.0) -> np.ndarray:
    """Returns an image as if of paint: even patches, and chroma that follows lightness.

    Args:
        image: [H, W, 3] in [0, 1].
        patch: Radius of the patches in pixels of a picture of 512, if it is more than
            that of the preview.

    Returns:
        [H, W, 3] in [0, 1].
    """
    unit = max(image.shape[:2]) / LONG_SIDE
    reach, wide = (max(1, round(unit * each)) for each in (max(PATCH, patch), COLOR))
    lab = to_oklab(smoothing.evened(image, reach))
    lightness, chroma = lab[..., :1], lab[..., 1:]
    smooth = functools.partial(smoothing.boxed, reach=wide)
    chroma = smoothing.following(lightness, chroma, smooth)
    return from_oklab(np.concatenate([lightness, chroma], axis=-1))


def _cover(image: np.ndarray, size: sizes.Size) -> np.ndarray:
    """Fills a size with the middle of an image, as `ops.resize.cover`."""
    height, width = image.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    whole = max(size[0], round(height * scale)), max(size[1], round(width * scale))
    image = images.resize(image[None], whole)[0]
    top, left = (whole[0] - size[0]) // 2, (whole[1] - size[1]) // 2
    return image[top : top + size[0], left : left + size[1]]
