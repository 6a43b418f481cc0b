"""Requests to an exported model: their inputs, and the limits they must keep.

A request is a mapping of scalars, by the names of `MIX_INPUTS` or `DREAM_INPUTS`. One
that is beyond a limit fails with INVALID_ARGUMENT and one line that says what and why;
no value is reduced silently. The state of a run contains its request, and a client may
send a forged state. So the limits that bound memory and time are checked again when a
run continues.
"""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.octaves import octave_steps, reduced_sides
from vectormix_tf.config.setting import served_settings, settings_of
from vectormix_tf.io.images import least_size
from vectormix_tf.saved_model.codec import Limits, fitted_size, require

Request = Mapping[str, tf.Tensor]
Dtypes = dict[str, tf.DType]

OCTAVES = settings_of(MixSettings)["octaves"]  # its range is the same for dreams
# A float32 holds a factor such as 1.3 to seven digits. Rounding to six decimals makes
# it the float64 that the library calculates with.
DECIMALS = 1e6

_DTYPES = {int: tf.int32, float: tf.float32, str: tf.string}


def _inputs(settings: type, pictures: Sequence[str], *places: str) -> Dtypes:
    """Returns `{name: dtype}` of pictures and of settings.

    Args:
        settings: A settings class.
        pictures: Names of inputs that are picture files.
        *places: Values of `Setting.served`; the settings that have one of them.
    """
    inputs = dict.fromkeys(pictures, tf.string)
    for name, setting in served_settings(settings, *places).items():
        # `size` can also be a text such as "640x480", but only where there is no
        # content; a request always has one.
        inputs[name] = tf.int32 if name == "size" else _DTYPES[setting.kind]
    return inputs


# A picture that may be left out (mask, start, guide) is then an empty string.
SHORT_MIX_INPUTS = _inputs(MixSettings, ["content_bytes", "style_bytes"], "short")
MIX_INPUTS = SHORT_MIX_INPUTS | _inputs(
    MixSettings, ["mask_bytes", "start_bytes"], "open"
)
SHORT_DREAM_INPUTS = _inputs(DreamSettings, ["image_bytes"], "short")
DREAM_INPUTS = SHORT_DREAM_INPUTS | _inputs(
    DreamSettings, ["mask_bytes", "guide_bytes"], "open"
)


def scalar_specs(dtypes: Mapping[str, tf.DType]) -> dict[str, tf.TensorSpec]:
    """Returns the specs of named scalars, from `{name: dtype}`."""
    return {name: tf.TensorSpec([], dtype, name) for name, dtype in dtypes.items()}


def conditions(
    request: Request, settings: type, limits: Limits
) -> dict[str, tf.Tensor]:
    """Returns what must be true of a request's settings, as `require` takes it.

    Args:
        request: The request.
        settings: The settings class whose ranges and choices apply.
        limits: Limits of the model, in `size` and `steps`.
    """
    most = {"steps": limits.steps, "size": limits.size, "guide_size": limits.size}
    result = {}
    for name, setting in served_settings(settings, "open", "short").items():
        value = request[name]
        if setting.low is not None:
            low, high = setting.low, min(setting.high, most.get(name, setting.high))
            span = (
                f"[{low:g}, {high:g}]" if setting.kind is float else f"[{low}, {high}]"
            )
            # Also false for NaN.
            result[f"`{name}` must be in {span}."] = (value >= low) & (value <= high)
        elif setting.choices is not None:
            text = f"`{name}` must be one of {', '.join(setting.choices)}."
            result[text] = tf.reduce_any(value == tf.constant(list(setting.choices)))
    return result


def requested_side(
    size: tf.Tensor, image: tf.Tensor, limits: Limits, what: str
) -> tf.Tensor:
    """Returns the pixels of a result's long side, an int32 scalar.

    Args:
        size: The `size` of the request; 0 stands for the image's own long side.
        image: [1, H, W, 3].
        limits: Limits of the model, in `size`.
        what: What error messages call the picture.

    Raises:
        tf.errors.InvalidArgumentError: If `size` is 0 and the image is too large.
    """
    own = tf.reduce_max(tf.shape(image)[1:3])
    text = (
        f"the {what} is larger than {limits.size} pixels a side, which is the most that"
        f" this model makes; ask for a `size` of at most {limits.size}."
    )
    return require(
        {text: (size > 0) | (own <= limits.size)}, tf.where(size > 0, size, own)
    )


def result_size(
    size: tf.Tensor,
    default: int | None,
    image: tf.Tensor,
    limits: Limits,
    what: str,
    minimum: int,
) -> tf.Tensor:
    """Returns the (height, width) of a result: `io.sizes.result_size` for tensors.

    Args:
        size: The `size` of the request; 0 stands for the image's own long side.
        default: The `size` that is raised where a side would be too short; None: none.
        image: [1, H, W, 3].
        limits: Limits of the model, in `size`.
        what: What error messages call the picture.
        minimum: Fewest pixels of a side that the network accepts.

    Returns:
        int32 [2].

    Raises:
        tf.errors.InvalidArgumentError: If a side is too short or too long.
    """
    long = requested_side(size, image, limits, what)
    least = least_long_side(image, minimum)
    if default is not None:
        text = (
            f"the {what} is so narrow that its long side would have more than"
            f" {limits.size} pixels, the most that this model makes; cut it shorter."
        )
        raised = tf.where(size == default, tf.maximum(long, least), long)
        long = require({text: raised <= limits.size}, raised)
    return check_minimum(fitted_size(image, long), what, minimum, "size", least)


def least_long_side(image: tf.Tensor, minimum: int) -> tf.Tensor:
    """Returns the least long side at which the short one has `minimum` pixels."""
    sides = tf.cast(tf.shape(image)[1:3], tf.int64)
    least = least_size(tf.reduce_min(sides), tf.reduce_max(sides), minimum)
    return tf.cast(tf.minimum(least, tf.int32.max), tf.int32)


def check_minimum(
    size: tf.Tensor, what: str, minimum: int, setting: str, least: tf.Tensor
) -> tf.Tensor:
    """Returns a picture's size if no side is too short for the network.

    Args:
        size: (height, width), int32 [2].
        what: What error messages call the picture.
        minimum: Fewest pixels of a side that the network accepts.
        setting: What error messages call the setting that is too small.
        least: The least value that is large enough, a scalar.

    Raises:
        tf.errors.InvalidArgumentError: If a side is shorter.
    """
    text = tf.strings.join(
        [
            f"a side of the {what} would have less than {minimum} pixels; ask for a"
            f" `{setting}` of at least ",
            tf.as_string(least),
            " or send a less narrow picture.",
        ]
    )
    enough = tf.debugging.Assert(tf.reduce_min(size) >= minimum, [text])
    with tf.control_dependencies([enough]):
        return tf.identity(size)


def plan_octaves(
    request: Request, size: tf.Tensor, shortest: tf.Tensor, minimum: int, limits: Limits
) -> tuple[tf.Tensor, tf.Tensor]:
    """Plans the octaves of a request: `config.octaves.plan` for tensors.

    Args:
        request: With `steps`, `octaves`, `octave_scale` and `octave_steps`.
        size: (height, width) of the result, int32 [2].
        shortest: Shortest side of any picture at full size, int32 scalar.
        minimum: Fewest pixels of a side that the network accepts. Octaves in which
            `shortest` would fall below it are left out.
        limits: Limits of the model, in `steps`.

    Returns:
        Sizes int32 [octaves, 2] and steps int32 [octaves], coarse to fine.

    Raises:
        tf.errors.InvalidArgumentError: If there are too many octaves or steps.
    """
    low, high = OCTAVES.low, OCTAVES.high
    wrong = f"`octaves` must be in [{low}, {high}]."  # a state may be forged
    fits = (request["octaves"] >= low) & (request["octaves"] <= high)
    octaves = require({wrong: fits}, request["octaves"])
    number = tf.range(tf.cast(octaves, tf.float64))
    height, width, least = reduced_sides(
        [tf.cast(side, tf.float64) for side in (*tf.unstack(size), shortest)],
        _to_float64(request["octave_scale"]),
        number,
        tf.round,
    )  # [octaves] each, fine to coarse
    count = tf.maximum(1, tf.math.count_nonzero(least >= minimum, dtype=tf.int32))
    sizes = tf.cast(tf.stack([height, width], axis=1), tf.int32)[:count]
    steps = octave_steps(
        tf.cast(request["steps"], tf.float64),
        _to_float64(request["octave_steps"]),
        number,
        tf.round,
    )[:count]
    text = (
        f"an octave would take more than {limits.steps} steps, the most that this model"
        " takes; lower `steps` or `octave_steps`."
    )
    steps = require({text: tf.reduce_all(steps <= limits.steps)}, steps)
    steps = tf.maximum(1, tf.cast(steps, tf.int32))
    return tf.reverse(sizes, [0]), steps


def _to_float64(number):
    """Converts a float32 of few decimals, such as 1.3, to the nearest such float64."""
    return tf.round(tf.cast(number, tf.float64) * DECIMALS) / DECIMALS
