"""Amplifying: the objective that dreams, by what the settings say of it."""

import os
from typing import Any

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import check_channels, parse_layers, split_channels
from vectormix_tf.config.settings import AmplifySettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images
from vectormix_tf.objectives.amplification import amplify
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.guidance import guide
from vectormix_tf.ops.border import pad
from vectormix_tf.optim.observer import middle
from vectormix_tf.recipes.run import check_size


def read_guide(settings: AmplifySettings, source: Any) -> tf.Tensor | None:
    """Reads a guide; it keeps its own size unless the settings say another.

    Args:
        settings: With `guide_size`.
        source: Whatever `images.read` takes, or None.

    Returns:
        [1, h, w, 3], or None.

    Raises:
        InputError: If it cannot be read or is too small for the network.
    """
    if source is None:
        return None
    pixels = images.read(source, settings.max_pixels, "guide picture").pixels
    size = images.fitted_size(*pixels.shape[1:3], settings.guide_size)
    check_size(size, "guide picture", settings.backbone, "guide_size")
    return tf.constant(images.resize(pixels, size))


def amplified(
    settings: AmplifySettings,
    what: str,
    extractor: Extractor,
    guided: tf.Tensor | None = None,
) -> Objective:
    """Returns the objective that raises what a setting names.

    Args:
        settings: How.
        what: The setting that names layers or channels: "layers" or "amplify".
        extractor: With all of these layers.
        guided: The guide, from `read_guide`.

    Raises:
        InputError: If the network has no such channels, or settings do not go together.
    """
    targets = parse_layers(getattr(settings, what), what, settings.backbone, True)
    counts = {name: info.channels for name, info in extractor.info.items()}
    check_channels(targets, counts, what)
    if guided is not None:
        _check_guided(settings, what, targets)
        return guide(targets, lambda x: pad(guided), mode=settings.guide_mode)
    direction = None
    if settings.direction:
        layers = {split_channels(name)[0] for name in targets}
        direction = _direction(settings.direction, {n: counts[n] for n in layers})
    here = middle if settings.neuron else None
    return amplify(targets, None, settings.objective, direction, here)


def _check_guided(settings: AmplifySettings, what: str, targets) -> None:
    ours = {"objective": "mean", "neuron": False, "direction": ""}
    for name, usual in ours.items():
        if getattr(settings, name) != usual:
            raise InputError(
                f"a guide says what is raised, and so does `{name}`; leave one out."
            )
    for name in targets:
        if "#" in name:
            raise InputError(f"a guide needs whole layers; `{what}` names {name}.")


def _direction(path: str, counts: dict[str, int]) -> tf.Tensor:
    """Reads a direction that suits all of the layers."""
    try:
        values = np.load(path, allow_pickle=False)
        values = np.asarray(values, np.float32).reshape(-1)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"`{path}` is no .npy file of numbers: {error}") from error
    name = os.path.basename(path)
    for layer, count in counts.items():
        if len(values) != count:
            raise InputError(
                f"the direction {name} has {len(values)} numbers, and {layer} has"
                f" {count} channels; give as many."
            )
    if not (np.isfinite(values).all() and values.any()):
        raise InputError(f"the direction {name} must be finite and not all zero.")
    return tf.constant(values)
