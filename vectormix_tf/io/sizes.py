"""The size of a result, and what becomes of pictures too narrow for the network.

At the default `size` a panorama may be left with fewer pixels on its short side than
the network accepts. Such a result is made larger, and a `Notice` says so. A `size` that
was chosen is never changed: where it is too small, an error names one that is not.
`saved_model.requests` follows the same rule inside a graph.
"""

import math
import warnings
from typing import NamedTuple

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.settings import MAX_SIZE
from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images

Size = tuple[int, int]  # (height, width) in pixels


class Need(NamedTuple):
    """What a network or a server accepts.

    Attributes:
        least: Fewest pixels of a side.
        whose: What needs them, for errors, e.g. "InceptionV3".
        most: Most pixels of a side.
    """

    least: int
    whose: str
    most: int = MAX_SIZE

    @classmethod
    def of(cls, backbone: str) -> "Need":
        """Returns that of a network, by its name."""
        network = BACKBONES[backbone]
        return cls(network.minimum, network.title)


def result_size(
    sides: Size,
    size: int,
    default: int | None,
    need: Need,
    what: str,
    setting: str = "size",
) -> Size:
    """Returns the size of the result that is made of a picture.

    Args:
        sides: Height and width of the picture.
        size: Long side of the result; 0 keeps the picture's own size.
        default: The `size` that may be raised; any other one was chosen. None: all.
        need: The least side of the result, and the most.
        what: What errors call the picture.
        setting: What errors call `size`.

    Warns:
        Notice: If the result is larger than `size`.

    Raises:
        InputError: If a side would be too short, and `size` is not the default or the
            other side would be too long.
    """
    planned = images.fitted_size(*sides, size)
    if min(planned) >= need.least:
        return planned
    long = _least_long_side(sides, need, what)
    if size != default:
        raise InputError(
            f"{_too_short(what, planned, need)}; choose a larger `{setting}`, at"
            f" least {long}, or a less narrow picture."
        )
    result = images.fitted_size(*sides, long)
    text = f"{_too_short(what, planned, need)}: it becomes {_shown(result)}."
    warnings.warn(text, Notice, stacklevel=3)
    return result


def style_size(
    sides: Size, long_side: int, scale: float, need: Need
) -> tuple[Size, float]:
    """Returns the size of a style, and how large it is relative to the result.

    Args:
        sides: Height and width of the style picture.
        long_side: Of the result, in pixels.
        scale: `style_scale`; 1, the default, may be raised, as `size` in `result_size`.
        need: The least side of the style, and the most.

    Warns:
        Notice: If the style is larger than `scale` says.

    Raises:
        InputError: If the picture itself is too small; else as `result_size`.
    """
    what = "style picture"
    planned = images.fitted_size(*sides, max(1, round(long_side * scale)))
    if min(sides) < need.least:  # enlarged, it has no texture of that size
        raise InputError(
            f"the {what} is {_shown(sides)} pixels, and {need.whose} needs"
            f" {need.least} a side; choose a larger one."
        )
    if min(planned) >= need.least:
        return planned, scale
    long = _least_long_side(sides, need, what)
    if scale != 1:
        enough = math.ceil(100 * long / long_side) / 100
        raise InputError(
            f"{_too_short(what, planned, need)}; choose a larger `style_scale`, at"
            f" least {enough:g}, or a less narrow picture."
        )
    result = images.fitted_size(*sides, long)
    text = f"{_too_short(what, planned, need)}: it is seen as {_shown(result)}."
    warnings.warn(text, Notice, stacklevel=3)
    return result, long / long_side


def _least_long_side(sides: Size, need: Need, what: str) -> int:
    long = images.least_size(min(sides), max(sides), need.least)
    if long > need.most:
        raise InputError(
            f"the {what} is {_shown(sides)} pixels: for the {need.least} pixels a side"
            f" that {need.whose} needs, it would have to be {long} long, and the most"
            f" is {need.most}; cut it shorter."
        )
    return long


def _too_short(what: str, size: Size, need: Need) -> str:
    return (
        f"the {what} would be {_shown(size)} pixels, and {need.whose} needs"
        f" {need.least} a side"
    )


def _shown(size: Size) -> str:
    return f"{size[1]} x {size[0]}"
