"""Requests to an exported model: their inputs, and the limits they must keep.

A request is a mapping of scalars, by the names of `MIX` and `DREAM`. What is beyond a
limit is INVALID_ARGUMENT, with one line that says what and why; nothing is cut to a
limit silently. The state of a run holds the request, so the limits that bound memory
and time are checked again, for a state may be forged.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import served_settings, settings_of
from vectormix_tf.saved_model.codec import Limits, required

Asked = Mapping[str, tf.Tensor]

OCTAVES = settings_of(MixSettings)["octaves"]  # the same of dreams
DECIMALS = 1e6  # of a factor: float32 knows 1.3 to seven digits

_DTYPES = {int: tf.int32, float: tf.float32, str: tf.string}


def _inputs(settings: type, pictures: Sequence[str], *served: str) -> dict:
    """`{name: dtype}` of a request: pictures, then the settings that it may set."""
    found = dict.fromkeys(pictures, tf.string)
    for name, setting in served_settings(settings, *served).items():
        kind = int if name == "size" else setting.kind  # a model has a content
        found[name] = _DTYPES[kind]
    return found


# Pictures that need not be there are empty strings.
MIX_SHORT = _inputs(MixSettings, ["content_bytes", "style_bytes"], "short")
MIX = MIX_SHORT | _inputs(MixSettings, ["mask_bytes", "start_bytes"], "open")
DREAM_SHORT = _inputs(DreamSettings, ["image_bytes"], "short")
DREAM = DREAM_SHORT | _inputs(DreamSettings, ["mask_bytes", "guide_bytes"], "open")


def scalars(kinds: Mapping[str, tf.DType]) -> dict[str, tf.TensorSpec]:
    """What a request looks like to a graph."""
    return {name: tf.TensorSpec([], kind, name) for name, kind in kinds.items()}


def conditions(asked: Asked, settings: type, limits: Limits) -> dict[str, tf.Tensor]:
    """What must be true of a request, for `required`.

    Args:
        asked: The request.
        settings: The settings class whose ranges and choices hold.
        limits: Of the model, for size and steps.
    """
    most = {"steps": limits.steps, "size": limits.size, "guide_size": limits.size}
    found = {}
    for name, setting in served_settings(settings, "open", "short").items():
        value = asked[name]
        if setting.low is not None:
            low, high = setting.low, min(setting.high, most.get(name, setting.high))
            span = (
                f"[{low:g}, {high:g}]" if setting.kind is float else f"[{low}, {high}]"
            )
            # Also false for NaN.
            found[f"`{name}` must be in {span}."] = (value >= low) & (value <= high)
        elif setting.choices is not None:
            text = f"`{name}` must be one of {', '.join(setting.choices)}."
            found[text] = tf.reduce_any(value == tf.constant(list(setting.choices)))
    return found


def long_side(
    size: tf.Tensor, image: tf.Tensor, limits: Limits, what: str
) -> tf.Tensor:
    """The long side of a result; 0 stands for that of image [1, H, W, 3] itself.

    An image that is larger than the model makes is refused.
    """
    own = tf.reduce_max(tf.shape(image)[1:3])
    text = (
        f"the {what} is larger than {limits.size} pixels a side, which is the most that"
        f" this model makes; ask for a `size` of at most {limits.size}."
    )
    return required(
        {text: (size > 0) | (own <= limits.size)}, tf.where(size > 0, size, own)
    )


def seen(size: tf.Tensor, what: str, minimum: int) -> tf.Tensor:
    """(height, width), if a network sees a picture that small."""
    text = (
        f"a side of the {what} would have less than {minimum} pixels; ask for a larger"
        " size or send a less narrow picture."
    )
    return required({text: tf.reduce_min(size) >= minimum}, size)


def planned(
    asked: Asked, size: tf.Tensor, shortest: tf.Tensor, minimum: int, limits: Limits
) -> tuple[tf.Tensor, tf.Tensor]:
    """The octaves of a request, within the limits; as `resize.plan`.

    Args:
        asked: With steps, octaves and their factors.
        size: Of the result, int32 [2].
        shortest: Shortest side of any picture at full size.
        minimum: Least side that the network sees.
        limits: Of the steps.

    Returns:
        Sizes int32 [octaves, 2] and steps int32 [octaves], coarse to fine.
    """
    low, high = OCTAVES.low, OCTAVES.high
    wrong = f"`octaves` must be in [{low}, {high}]."  # of a forged state, too
    fits = (asked["octaves"] >= low) & (asked["octaves"] <= high)
    octaves = required({wrong: fits}, asked["octaves"])
    number = tf.range(tf.cast(octaves, tf.float64))
    smaller = _decimal(asked["octave_scale"]) ** number
    sizes = tf.round(tf.cast(size, tf.float64) / smaller[:, tf.newaxis])
    fits = tf.round(tf.cast(shortest, tf.float64) / smaller) >= minimum
    count = tf.maximum(1, tf.math.count_nonzero(fits, dtype=tf.int32))
    more = _decimal(asked["octave_steps"]) ** number
    steps = tf.round(tf.cast(asked["steps"], tf.float64) * more)[:count]
    text = (
        f"an octave would take more than {limits.steps} steps, the most that this model"
        " takes; lower `steps` or `octave_steps`."
    )
    steps = required({text: tf.reduce_all(steps <= limits.steps)}, steps)
    steps = tf.maximum(1, tf.cast(steps, tf.int32))
    return tf.reverse(tf.cast(sizes[:count], tf.int32), [0]), steps


def _decimal(number):
    """A float32 as the float64 of its first decimals."""
    return tf.round(tf.cast(number, tf.float64) * DECIMALS) / DECIMALS
