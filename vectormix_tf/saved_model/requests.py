"""Admission: what a request may say, and what a model makes of it.

A request is a mapping of scalars, by the names of `MIX` and `DREAM`. It is admitted
once: pictures are brought to the size that they will have, and what makes no sense is
INVALID_ARGUMENT. A state brings it back later; whoever forged one gets no more than the
limits allow.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from vectormix_tf.saved_model.codec import Limits, required

Asked = Mapping[str, tf.Tensor]

MOST_OCTAVES = 8
DECIMALS = 1e6  # of a factor: float32 knows 1.3 to seven digits

_EVERY = {"steps": tf.int32, "size": tf.int32, "seed": tf.int32}
_OTHERS = {
    "octaves": tf.int32,
    "octave_scale": tf.float32,
    "octave_steps": tf.float32,
    "jitter": tf.int32,
    "color": tf.string,
    "mask_bytes": tf.string,  # "" is none
}

MIX_SHORT = {
    "content_bytes": tf.string,
    "style_bytes": tf.string,
    "alpha": tf.float32,
    **_EVERY,
}
MIX = {
    **MIX_SHORT,
    **_OTHERS,
    "learning_rate": tf.float32,
    "style_scale": tf.float32,
    "tv": tf.float32,
    "init": tf.string,
    "start_bytes": tf.string,  # "" is none; else the run starts from it
}
DREAM_SHORT = {"image_bytes": tf.string, **_EVERY}
DREAM = {
    **DREAM_SHORT,
    **_OTHERS,
    "step_size": tf.float32,
    "octave_mode": tf.string,
    "guide_bytes": tf.string,  # "" is none
    "guide_size": tf.int32,
}

# Those of the settings; a style may be no larger than the limit of the result.
RANGES = {
    "alpha": (0, 1),
    "octave_scale": (1.01, 16),
    "octave_steps": (0.01, 4),
    "learning_rate": (1e-9, 1e3),
    "style_scale": (0.05, 1e6),
    "tv": (0, 1e6),
    "step_size": (1e-9, 10),
    "jitter": (0, 1 << 15),
}


def scalars(kinds: Mapping[str, tf.DType]) -> dict[str, tf.TensorSpec]:
    """What a request looks like to a graph."""
    return {name: tf.TensorSpec([], kind, name) for name, kind in kinds.items()}


def sensible(asked: Asked, choices: Mapping[str, Sequence[str]]) -> dict:
    """What must be true of a request, for `required`.

    Args:
        asked: With numbers that `RANGES` has.
        choices: Texts, and what each may be.
    """
    conditions = {}
    for name in asked.keys() & RANGES.keys():
        low, high = RANGES[name]
        text = f"`{name}` must be in [{low:g}, {high:g}]."
        conditions[text] = (asked[name] >= low) & (asked[name] <= high)  # no NaN
    for name, known in choices.items():
        text = f"`{name}` must be one of {', '.join(known)}."
        conditions[text] = tf.reduce_any(asked[name] == tf.constant(known))
    return conditions


def long_side(size: tf.Tensor, image: tf.Tensor, limits: Limits) -> tf.Tensor:
    """What a size asked for comes to; 0 is that of image [1, H, W, 3] itself."""
    size = tf.where(size > 0, size, tf.reduce_max(tf.shape(image)))
    return tf.minimum(size, limits.size)


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
    octaves = tf.clip_by_value(asked["octaves"], 1, MOST_OCTAVES)
    number = tf.range(tf.cast(octaves, tf.float64))
    smaller = _decimal(asked["octave_scale"]) ** number
    sizes = tf.round(tf.cast(size, tf.float64) / smaller[:, tf.newaxis])
    fits = tf.round(tf.cast(shortest, tf.float64) / smaller) >= minimum
    count = tf.maximum(1, tf.math.count_nonzero(fits, dtype=tf.int32))
    more = _decimal(asked["octave_steps"]) ** number
    steps = tf.clip_by_value(asked["steps"], 1, limits.steps)
    steps = tf.round(tf.cast(steps, tf.float64) * more)
    steps = tf.clip_by_value(tf.cast(steps, tf.int32), 1, limits.steps)
    return tf.reverse(tf.cast(sizes[:count], tf.int32), [0]), steps[:count]


def _decimal(number):
    """A float32 as the float64 of its first decimals."""
    return tf.round(tf.cast(number, tf.float64) * DECIMALS) / DECIMALS
