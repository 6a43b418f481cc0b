"""Exports a SavedModel for TensorFlow Serving, as a version in a model's folder.

The SavedModel contains its weights and all of its graphs: to load and run it takes
neither Keras nor this package.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any, Unpack

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.environment import check_caller
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import BACKBONES, LOGITS
from vectormix_tf.config.export import ExportSettings, record
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.options import ExportOptions
from vectormix_tf.config.setting import combined
from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.io import output, target
from vectormix_tf.io.fingerprint import version as package_version
from vectormix_tf.recipes.mix import LEARNING_RATES, LEAST_LEVEL
from vectormix_tf.saved_model.codec import Limits
from vectormix_tf.saved_model.dream import ExportedDream
from vectormix_tf.saved_model.mix import ExportedMix
from vectormix_tf.saved_model.requests import (
    DREAM_INPUTS,
    MIX_INPUTS,
    SHORT_DREAM_INPUTS,
    SHORT_MIX_INPUTS,
)
from vectormix_tf.saved_model.signatures import Model
from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.versions import WARM_UP, new_version


def export(
    folder: str | os.PathLike,
    version: int = 0,
    on_status: Callable[[str], None] = lambda text: None,
    settings: ExportSettings | None = None,
    warm_up: bool = True,
    **options: Unpack[ExportOptions],
) -> str:
    """Exports a model that computes mixes and dreams.

    If it fails or is interrupted, the folder contains no part of the new version.

    Args:
        folder: The model's folder, which contains all of its versions and nothing
            else. It is created if it does not exist.
        version: Number of the version, at least 1; 0 takes the highest that exists,
            plus 1.
        on_status: Called with a line of text before each part of the work, which takes
            about a minute in all.
        settings: All settings as an object; None starts from the defaults.
        warm_up: Whether to write the requests that a server makes before it serves
            others, so that the first ones do not wait for its graphs.
        **options: Settings by name, those of `ExportSettings`; they override
            `settings`.

    Returns:
        Path of the version's folder.

    Raises:
        InputError: If a setting or the folder cannot be used; one line says why.
        OutputError: If the version cannot be written.
    """
    settings, folder = combined(ExportSettings, settings, options), os.fsdecode(folder)
    new_version(folder, version)
    target.check_new_folder(folder, f"output `{folder}`")
    on_status("building the graphs of mixes and dreams")
    model, about = build(settings)
    # A server may watch the folder and load a version that is only half there. So it is
    # written under a name that servers skip, and then renamed. Not beside the folder,
    # which in a container may be a mount of its own.
    hidden = target.hidden_in(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        on_status("writing them")
        tf.saved_model.save(model, hidden, model.functions)
        if warm_up:
            on_status("writing requests that warm a server up")
            _write_warm_up(os.path.join(hidden, WARM_UP), model, settings, about)
        return _renamed(hidden, folder, version)
    except (OSError, tf.errors.OpError) as error:  # the second of a full disk
        reason = getattr(error, "strerror", None) or getattr(error, "message", error)
        raise OutputError(f"could not write to `{folder}`: {reason}.") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _renamed(hidden: str, folder: str, version: int) -> str:
    """Makes a hidden folder a version; returns its path.

    While it was written, another export may have taken the next number.
    """
    while True:
        path = os.path.join(folder, str(new_version(folder, version)))
        try:
            os.rename(hidden, path)
        except OSError:
            if version or not os.path.lexists(path):
                raise
        else:
            return path


def build(settings: ExportSettings) -> tuple[Model, dict[str, Any]]:
    """Builds the graphs of a model.

    Returns:
        The model, and what its signature "about" returns: `{key: value as JSON}`.
    """
    check_caller()
    limits = Limits(
        settings.max_size, settings.max_steps, settings.max_pixels, settings.max_bytes
    )
    mixes = ExportedMix(settings.mix, limits)
    dreams = ExportedDream(settings.dream, limits)
    about = {
        "mix": _mix_record(settings.mix) | {"terms": list(mixes.objectives)},
        "dream": record(settings.dream) | {"terms": list(dreams.objectives)},
        "limits": limits._asdict()
        | {"side": mixes.minimum, "version": package_version("vectormix_tf")},
    }
    return Model(mixes, dreams, about, _classifier(settings)), about


def _mix_record(settings: MixSettings) -> dict[str, Any]:
    """Returns the `record` of mixes with a number for the learning rate.

    A request cannot leave it to the library, whose default depends on the canvas.
    """
    result = record(settings)
    if result["open"]["learning_rate"] is None:
        result["open"]["learning_rate"] = LEARNING_RATES[settings.canvas]
    return result


def _classifier(settings: ExportSettings) -> Extractor | None:
    """Returns an extractor of the logits, or None if the weights have no classes.

    Those of the bundled weights are right too seldom to make a model so much larger.
    """
    has_logits = LOGITS in BACKBONES[settings.backbone].layers
    if not has_logits or settings.weights == "bundled":
        return None
    try:
        return Extractor([LOGITS], settings.weights, settings.backbone)
    except InputError:
        return None


def _write_warm_up(
    path: str, model: Model, settings: ExportSettings, about: dict[str, Any]
) -> None:
    """Writes the requests that a server makes once, before it serves others."""
    os.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as file:
        for signature, inputs in _warm_up_requests(model, settings, about):
            file.write(messages.warm_up("", signature, inputs))


def _warm_up_requests(
    model: Model, settings: ExportSettings, about: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (signature, inputs) so that every graph that takes long to load runs once.

    "mix_full" and "dream_full" have the same graphs as "mix" and "dream", so there is
    no request for them.
    """
    # Large enough for all levels of the style.
    least = round(LEAST_LEVEL * BACKBONES[settings.backbone].minimum)
    side = min(settings.max_size, least << (max(2, settings.style_levels) - 1))
    noise = np.random.default_rng(0).random([1, side, side, 3], np.float32)
    image = output.encode(noise, ".png")
    for name, inputs, short_inputs in (
        ("mix", MIX_INPUTS, SHORT_MIX_INPUTS),
        ("dream", DREAM_INPUTS, SHORT_DREAM_INPUTS),
    ):
        request = about[name]["open"] | {"size": side, "steps": 1, "octaves": 1}
        request |= {n: b"" for n in inputs if n.endswith("_bytes")}
        pictures = ("content_bytes", "style_bytes", "image_bytes")
        request |= {n: image for n in pictures if n in inputs}
        yield name, _typed(request, short_inputs)
        yield f"{name}_start", _typed(request, inputs)
        start = model.functions[f"{name}_start"]
        tensors = {n: tf.constant(request[n], dtype) for n, dtype in inputs.items()}
        state = start(**tensors)["state_bytes"].numpy()
        yield f"{name}_steps", {"state_bytes": state, "steps": 1}
    yield "features", {"image_bytes": image, "size": side}


def _typed(request: dict[str, Any], inputs: dict[str, tf.DType]) -> dict[str, Any]:
    """Returns the values of some inputs as Python numbers of the inputs' dtypes.

    JSON may have made an integer of a float.
    """
    casts = {tf.float32: float, tf.int32: int}
    return {
        name: casts.get(dtype, lambda value: value)(request[name])
        for name, dtype in inputs.items()
    }
