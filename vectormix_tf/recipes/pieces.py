"""The start of a mix that is laid out of pieces of its styles; see `filters.pieces`."""

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor, shared_extractor
from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.filters.color import from_oklab, to_oklab
from vectormix_tf.filters.pieces import Layout, lay, match, textured
from vectormix_tf.filters.smoothing import LONG_SIDE
from vectormix_tf.ops.border import PADDING, pad
from vectormix_tf.ops.resize import long_side, to_size
from vectormix_tf.recipes.scene import Scene

# Long side in pixels up to which pictures are seen by the network: the content's, and
# that of the largest style, which bounds the memory for all pairs of their cells.
SEEN, STYLE_SEEN = LONG_SIDE, 768
LEAST_SEEN = PADDING + 8  # of a side; the padding is reflected, which needs more pixels


def in_pieces(settings: MixSettings, scene: Scene, image: tf.Tensor) -> tf.Tensor:
    """Returns an image with the texture of styles, found in one pass of the network.

    Args:
        settings: Settings of the mix.
        scene: Its images.
        image: The content, in the colors in which it starts, [1, H, W, 3] in [0, 1].

    Returns:
        [1, H, W, 3] in [0, 1].
    """
    styles = [each for each in scene.styles if each.share > 0]
    if settings.alpha == 1 or not styles:
        return image
    size = image.shape[1:3]
    factor = min(
        1.0,
        SEEN / max(size),
        STYLE_SEEN / (max(size) * max(each.scale for each in styles)),
    )
    layer = BACKBONES[settings.backbone].pieces
    extractor = shared_extractor(settings, [layer])
    paintings = [
        tf.clip_by_value(long_side(each.image, round(max(size) * each.scale)), 0.0, 1.0)
        for each in styles
    ]
    content, layout = _seen(extractor, image, factor)
    features, layouts = zip(
        *(_seen(extractor, each, factor) for each in paintings), strict=True
    )
    shares = [each.share for each in styles]
    applied = [
        _at_cells(scene.masks[each.mask], content.shape[:2])
        for each in styles
        if each.mask is not None
    ]
    pieces = match(content, features, shares, applied)
    colors = [to_oklab(each[0].numpy()) for each in paintings]
    laid = lay(pieces, layout, colors, layouts)
    lights = [each[..., 0] for each in colors]
    strokes = sum(each.share * each.scale for each in styles)
    made = textured(
        to_oklab(image[0].numpy()), laid, lights, shares, settings.alpha, strokes
    )
    return tf.constant(from_oklab(made)[np.newaxis], tf.float32)


def _seen(
    extractor: Extractor, image: tf.Tensor, factor: float
) -> tuple[np.ndarray, Layout]:
    """Returns the features of a resized image, [h, w, c], and where its cells are.

    All sides are whole numbers of cells, so that all images have the same rest at
    their borders.
    """
    [(layer, info)] = extractor.info.items()
    size, stride = image.shape[1:3], info.stride
    sides = [max(LEAST_SEEN, stride * round(factor * n / stride)) for n in size]
    features = extractor(pad(to_size(image, tf.constant(sides))))[layer][0].numpy()
    first, step = [], []
    for whole, side, count in zip(size, sides, features.shape[:2], strict=True):
        scale = whole / side
        middle = (side - stride * (count - 1)) / 2  # cells are in the middle
        first.append(scale * middle - 0.5)
        step.append(scale * stride)
    return features, Layout(tuple(size), tuple(first), tuple(step))


def _at_cells(mask: tf.Tensor, cells: tuple[int, int]) -> np.ndarray:
    """Returns a mask [1, H, W, 1] at the cells of a layer, [h, w]."""
    return tf.image.resize(mask, cells, method="area")[0, ..., 0].numpy()
