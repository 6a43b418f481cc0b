"""Preview: what a mix will look like, in a moment and without TensorFlow.

The content with the style's colors, where a mix starts from, in patches as of paint.
"""

import functools
import time
from collections.abc import Sequence
from typing import NamedTuple, Unpack

import numpy as np

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.options import MixOptions
from vectormix_tf.config.settings import DEFAULT_SIZE
from vectormix_tf.filters import smoothing
from vectormix_tf.filters.color import from_oklab, recolored, to_oklab
from vectormix_tf.filters.placement import placed
from vectormix_tf.io import drawings, images, masks, sizes
from vectormix_tf.io.images import ImageLike
from vectormix_tf.io.results import PictureResult

MOST = 1024  # pixels of the long side; the preview of a larger result is smaller

# In pixels of a picture whose long side has `DEFAULT_SIZE`.
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
    scene = _read(settings, content, styles, mask, images.several(style_mask, "mask"))
    return PictureResult(
        x=_image(settings, scene)[None],
        losses={},
        seconds=time.monotonic() - begun,
        finished=True,
        settings=settings,
        transparency=scene.transparency,
    )


class _Scene(NamedTuple):
    """The pictures of a preview.

    Attributes:
        size: (height, width) of the preview.
        content: [H, W, 3] in [0, 1], or None.
        transparency: That of the content, [H, W, 1] in [0, 1], or None.
        styles: Each [h, w, 3] in [0, 1], no larger than they are mixed.
        applied: Where each style is applied, [H, W, 1] in [0, 1]; empty is everywhere,
            and a single one is that of all styles.
        mask: Where the content is changed, [H, W, 1] in [0, 1], or None.
    """

    size: tuple[int, int]
    content: np.ndarray | None
    transparency: np.ndarray | None
    styles: list[np.ndarray]
    applied: list[np.ndarray]
    mask: np.ndarray | None


def _read(settings, content, styles, mask, style_masks) -> _Scene:
    """Reads the pictures as `recipes.scene.read_scene` does, at most `MOST` long."""
    need, most = sizes.Need.of(settings.backbone), settings.max_pixels
    transparency = None
    if content is None:
        full = settings.texture_size
        size = _limited(full)
    else:
        what = "content picture"
        picture = drawings.read(content, most, what)
        sides = picture.pixels.shape[1:3]
        full = sizes.result_size(sides, int(settings.size), DEFAULT_SIZE, need, what)
        size = _limited(full)
        picture = images.fit(picture, size)
        content, transparency = picture.pixels[0], picture.transparency
    scales = settings.style_scale
    scales = scales * (len(styles) if len(scales) == 1 else 1)
    pictures = []
    for number, (style, scale) in enumerate(zip(styles, scales, strict=True), 1):
        pixels = drawings.read_style(style, most, number, len(styles)).pixels
        sides = pixels.shape[1:3]
        mixed, _ = sizes.style_size(sides, max(full), scale, need)
        smaller = _limited(min(mixed, sides, key=max))
        pictures.append(images.resize(pixels, smaller)[0])
    mask = None if mask is None else masks.read_mask(mask, size, most)
    applied = masks.read_style_masks(style_masks, len(styles), size, most, mask)
    if mask is not None and not applied:
        applied = [mask]
    return _Scene(
        size=size,
        content=content,
        transparency=None if transparency is None else transparency[0],
        styles=pictures,
        applied=[each[0] for each in applied],
        mask=None if mask is None else mask[0],
    )


def _limited(size: sizes.Size) -> sizes.Size:
    return images.fitted_size(*size, min(MOST, max(size)))


# --- The picture ----------------------------------------------------------------------


def _image(settings: MixSettings, scene: _Scene) -> np.ndarray:
    """Returns the preview [H, W, 3] in [0, 1]."""
    if scene.content is None:
        return _cover(scene.styles[0], scene.size)
    if not scene.styles:
        return scene.content
    made = painted(start(settings, scene), settings.abstraction)
    if scene.mask is None:
        return made
    return scene.content + scene.mask * (made - scene.content)


def start(settings: MixSettings, scene: _Scene) -> np.ndarray:
    """Returns what a mix of content and styles starts from, [H, W, 3] in [0, 1].

    As `recipes.mix.build_start` makes it with `init="recolored"`, all detail kept. With
    `color="content"` that is in the colors that the result gets. The content alone is
    what is left at `alpha=1`, so there it keeps its colors.
    """
    content = scene.content
    if settings.color != "style" or settings.alpha == 1:
        return content
    areas = [float(np.mean(each)) for each in scene.applied]
    several = len(areas) > 1
    shares = settings.shares(len(scene.styles), areas if several else ())
    if not areas:
        return _in_colors_of(settings, scene.styles, shares, content)
    parts, total = 0, 0
    for i, where in enumerate(scene.applied):
        if several and shares[i] == 0:
            continue
        weights = where + masks.FLOOR
        styles, own = ([scene.styles[i]], [1.0]) if several else (scene.styles, shares)
        made = _in_colors_of(settings, styles, own, content, weights)
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
    unit = max(image.shape[:2]) / DEFAULT_SIZE
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
