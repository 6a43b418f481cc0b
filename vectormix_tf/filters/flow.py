"""Optical flow: where each pixel of a frame was in an earlier one, and how surely.

Pictures are NumPy arrays. A flow is float32 [H, W, 2]: to the right and down, in
pixels. Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) is OpenCV's.
"""

import importlib.util
from typing import Any, NamedTuple

import numpy as np

from vectormix_tf.errors import InputError

# Ruder et al. 2016, arXiv:1604.08610, equations 5 and 6 (after Sundaram et al. 2010): a
# pixel is uncovered if its way forth and back does not end near it, and is at the
# boundary of a motion if the flow changes fast around it.
FORTH_AND_BACK = 0.01, 0.5
BOUNDARY = 0.01, 0.002
# Beyond these papers: an error of the flow, and what flashes, fades or glitters, is
# told by the colors. Mean absolute difference of two pictures that are blurred by
# `BLUR` pixels, in [0, 1]: from the first value on it counts less, from the second on
# not at all.
COLORS, BLUR = (0.06, 0.12), 2.0
SOFT = 1.0  # pixels by which the border of what is consistent is blurred
# Around something that moves the search drags along what has no texture, such as a
# sky. There the flow of the surroundings may be taken instead, up to this share of the
# long side away: most of it is of what is behind. But the colors must fit better then.
AROUND, SAME = 0.08, (0.015, 0.03)


class Motion(NamedTuple):
    """How a frame has come from an earlier one.

    Attributes:
        flow: Where each pixel of the frame was: the way to the earlier one.
        weights: How surely, float32 [H, W] in [0, 1]; 0 where it was not to be seen.
    """

    flow: np.ndarray
    weights: np.ndarray


def check_opencv() -> None:
    """Raises an `InputError` if OpenCV is missing."""
    if importlib.util.find_spec("cv2") is None:
        raise InputError(
            "a film needs OpenCV: pip install 'vectormix_tf[film]', which has it."
        )


def motion(frame: np.ndarray, before: np.ndarray) -> Motion:
    """Returns how a frame has come from an earlier one, both uint8 [H, W, 3]."""
    back, forth = flow(frame, before), flow(before, frame)
    weights = consistency(back, forth) * _same_colors(frame, before, back, COLORS)
    other = _filled(back, weights)
    fits = _inside(other) * _same_colors(frame, before, other, SAME)
    is_better = fits > weights
    back = np.where(is_better[..., np.newaxis], other, back)
    return Motion(back, _soft(np.maximum(weights, fits)))


def flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns where each pixel of a frame is in another one, float32 [H, W, 2]."""
    import cv2

    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    gray = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (frame, other))
    return search.calc(*gray, None)


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Returns an image moved along a flow: each pixel is that to which the flow points.

    Args:
        image: float32 [H, W] or [H, W, C].
        flow: float32 [H, W, 2].

    Returns:
        In the shape of the image and in its range, by Lanczos' filter of 8 pixels, as
        bicubic interpolation blurs a film more and more. Beyond the border is its
        reflection.
    """
    import cv2

    rows, columns = np.indices(flow.shape[:2], np.float32)
    moved = cv2.remap(
        image,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.clip(moved, image.min(), image.max())


def consistency(back: np.ndarray, forth: np.ndarray) -> np.ndarray:
    """Returns where a flow can be trusted, float32 [H, W]: 1 or 0.

    Args:
        back: From a frame to an earlier one.
        forth: From the earlier one to the frame.
    """
    returned = warp(forth, back)
    factor, constant = FORTH_AND_BACK
    lengths = _square(returned) + _square(back)
    uncovered = _square(returned + back) > factor * lengths + constant
    factor, constant = BOUNDARY
    slopes = sum(_square(slope) for slope in np.gradient(back, axis=(0, 1)))
    boundary = slopes > factor * _square(back) + constant
    return _inside(back) * np.float32(~uncovered & ~boundary)


def warping_error(
    now: np.ndarray, before: np.ndarray, flow: np.ndarray, weights: np.ndarray
) -> float:
    """Mean squared difference of two frames along a flow, where it is consistent.

    Lai et al. 2018, arXiv:1808.00449, equation 6, with the weights of `Motion`.

    Args:
        now: float32 [H, W, 3] in [0, 1].
        before: The earlier one, likewise.
        flow: From now to before.
        weights: float32 [H, W].

    Returns:
        The error, in squares of the range of a color; 0 where no pixel counts.
    """
    each = np.square(now - warp(before, flow)).mean(axis=2)
    total = weights.sum()
    return float((weights * each).sum() / total) if total else 0.0


def _inside(back):
    """Where a flow points into the earlier frame, float32 [H, W]: 1 or 0."""
    height, width = back.shape[:2]
    rows, columns = np.indices((height, width), np.float32)
    x, y = columns + back[..., 0], rows + back[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return np.float32(inside)


def _filled(back, weights):
    """A flow with that of the surroundings, by weights."""
    reach = AROUND * max(weights.shape)
    known = _blurred(weights, reach)[..., np.newaxis] + np.float32(1e-6)
    return _blurred(back * weights[..., np.newaxis], reach) / known


def _same_colors(frame, before, back, bounds):
    """Where a frame has the colors of an earlier one along the flow, in [0, 1].

    Args:
        frame: uint8 [H, W, 3].
        before: Likewise.
        back: From the frame to that one.
        bounds: As `COLORS`.
    """
    now, moved = (
        _blurred(np.float32(image) / 255, BLUR)
        for image in (frame, warp(np.float32(before), back))
    )
    low, high = bounds
    apart = np.abs(now - moved).mean(axis=2)
    return np.float32(np.clip((high - apart) / (high - low), 0, 1))


def _soft(weights):
    """Weights with a soft border, which does not reach beyond the hard one."""
    import cv2

    side = 2 * round(SOFT) + 1
    inner = cv2.erode(weights, np.ones([side, side], np.uint8))
    return _blurred(inner, SOFT)


def _blurred(image: Any, sigma: float) -> Any:
    import cv2

    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _square(vectors):
    return np.square(vectors).sum(axis=-1)
