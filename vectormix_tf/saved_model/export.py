"""Exporting: a model for TF Serving, in a folder of versions.

It holds all that it needs: whoever loads it needs neither Keras nor this package.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import BACKBONES, LOGITS
from vectormix_tf.config.export import ExportSettings, record
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import combined
from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.io import output
from vectormix_tf.io.fingerprint import version as package_version
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.saved_model import requests as requests_
from vectormix_tf.saved_model.codec import Limits
from vectormix_tf.saved_model.graphs import Dreams, Mixes
from vectormix_tf.saved_model.signatures import Model
from vectormix_tf.tfserving import messages
from vectormix_tf.tfserving.versions import WARM_UP, new_version

Tell = Callable[[str], None]


def export(
    folder: str | os.PathLike,
    version: int = 0,
    tell: Tell = lambda text: None,
    settings: ExportSettings | None = None,
    **options,
) -> str:
    """Writes a model that makes mixes and dreams, whole or not at all.

    Args:
        folder: Of all versions of the model; made if it is not there.
        version: Its number; 0 takes the next one.
        tell: Called with what is done next; all of it takes about a minute.
        settings: All settings as an object; None starts from the defaults.
        **options: Settings by name, those of `ExportSettings`; they win.

    Returns:
        Path of the version.

    Raises:
        InputError: If a setting or the folder cannot be used; one line says why.
    """
    settings = combined(ExportSettings, settings, options)
    path = os.path.join(folder, str(new_version(folder, version)))
    tell("building the graphs of mixes and dreams")
    model, about = build(settings)
    # Beside the folder, for a server may watch what is in it; on the same disk.
    whole = os.path.abspath(folder)
    hidden = os.path.join(os.path.dirname(whole), f".{secrets.token_hex(8)}")
    try:
        os.makedirs(whole, exist_ok=True)
        tell("writing them")
        tf.saved_model.save(model, hidden, model.offered)
        tell("writing requests that warm a server up")
        _write_warm_up(os.path.join(hidden, WARM_UP), model, settings, about)
        os.rename(hidden, path)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"could not write `{path}`: {reason}.") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return path


def build(settings: ExportSettings) -> tuple[Model, dict[str, Any]]:
    """The model of such settings, and what it tells about itself."""
    limits = Limits(
        settings.max_size, settings.max_steps, settings.max_pixels, settings.max_bytes
    )
    mixes, dreams = Mixes(settings.mix, limits), Dreams(settings.dream, limits)
    about = {
        "mix": _with_rate(record(settings.mix), settings.mix)
        | {"terms": mixes.objectives},
        "dream": record(settings.dream) | {"terms": dreams.objectives},
        "limits": limits._asdict() | {"version": package_version("vectormix_tf")},
    }
    return Model(mixes, dreams, about, _classifier(settings)), about


def _with_rate(known: dict, settings: MixSettings) -> dict:
    if known["open"]["learning_rate"] is None:
        known["open"]["learning_rate"] = mix_recipe.LEARNING_RATES[settings.canvas]
    return known


def _classifier(settings: ExportSettings) -> Extractor | None:
    """What knows classes, where the weights do."""
    known = LOGITS in BACKBONES[settings.backbone].layers
    if not known or settings.weights == "bundled":
        return None
    try:
        return Extractor([LOGITS], settings.weights, settings.backbone)
    except InputError:
        return None


def _write_warm_up(path: str, model: Model, settings: ExportSettings, about) -> None:
    os.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as file:
        for signature, inputs in _requests(model, settings, about):
            file.write(messages.warm_up("", signature, inputs))


def _requests(model, settings, about) -> Iterator[tuple[str, dict[str, Any]]]:
    """One request for each signature, but for those that are the same within."""
    least = round(mix_recipe.LEAST_LEVEL * BACKBONES[settings.backbone].minimum)
    side = min(settings.max_size, least << (max(2, settings.style_levels) - 1))
    drawn = np.random.default_rng(0).random([1, side, side, 3], np.float32)
    image = output.encode(drawn, ".png")
    for name, kinds in (("mix", requests_.MIX), ("dream", requests_.DREAM)):
        asked = about[name]["open"] | {"size": side, "steps": 1, "octaves": 1}
        asked |= {n: b"" for n, kind in kinds.items() if n.endswith("_bytes")}
        pictures = ("content_bytes", "style_bytes", "image_bytes")
        asked |= {n: image for n in pictures if n in kinds}
        short = requests_.MIX_SHORT if name == "mix" else requests_.DREAM_SHORT
        yield name, _typed(asked, short)
        yield f"{name}_start", _typed(asked, kinds)
        begin = model.offered[f"{name}_start"]
        tensors = {n: tf.constant(asked[n], kind) for n, kind in kinds.items()}
        state = begin(**tensors)["state_bytes"].numpy()
        yield f"{name}_steps", {"state_bytes": state, "steps": 1}
    yield "features", {"image_bytes": image, "size": side}


def _typed(asked, kinds):
    """Values as a request has them: a whole number may be meant as a float."""
    casts = {tf.float32: float, tf.int32: int}
    return {n: casts.get(kind, lambda v: v)(asked[n]) for n, kind in kinds.items()}
