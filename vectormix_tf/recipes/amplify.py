"""The objective of a dream: which activations are increased, according to settings."""

import os
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config.backbones import check_channels, parse_layers, split_channels
from vectormix_tf.config.settings import AmplifySettings
from vectormix_tf.errors import InputError
from vectormix_tf.io import drawings, images, sizes
from vectormix_tf.io.images import ImageLike
from vectormix_tf.objectives.amplification import amplify
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.guidance import guide
from vectormix_tf.ops.border import pad
from vectormix_tf.optim.observer import middle


def read_guide(settings: AmplifySettings, source: ImageLike | None) -> tf.Tensor | None:
    """Reads a guide, the image whose activations a dream is drawn towards.

    Args:
        settings: With `guide_size`, its long side in pixels; 0 keeps its own size.
        source: Whatever `images.read` takes, or None.

    Returns:
        [1, h, w, 3] in [0, 1], or None.

    Raises:
        InputError: If it cannot be read, or is too small for the network.
    """
    if source is None:
        return None
    pixels = drawings.read(source, settings.max_pixels, "guide picture").pixels
    need = sizes.Need.of(settings.backbone)
    what = settings.guide_size, None, need, "guide picture", "guide_size"
    size = sizes.result_size(pixels.shape[1:3], *what)
    return tf.constant(images.resize(pixels, size))


def build_amplify(
    settings: AmplifySettings,
    name: str,
    extractor: Extractor,
    guide_image: tf.Tensor | None = None,
) -> Objective:
    """Returns the objective that increases the activations of layers or channels.

    Args:
        settings: Say which activations and how; see `AmplifySettings`.
        name: The setting that names the layers or channels: "layers" or "amplify".
        extractor: Must have all of these layers.
        guide_image: From `read_guide`. If given, activations are drawn towards those of
            this image instead.

    Raises:
        InputError: If the network has no such channels, the direction cannot be used,
            or settings exclude each other.
    """
    targets = parse_layers(getattr(settings, name), name, settings.backbone, True)
    counts = {layer: info.channels for layer, info in extractor.info.items()}
    check_channels(targets, counts, name)
    if guide_image is not None:
        _check_guide_settings(settings, name, targets)
        return guide(targets, lambda x: pad(guide_image), mode=settings.guide_mode)
    direction = None
    if settings.direction:
        layers = {split_channels(target)[0] for target in targets}
        direction = _read_direction(
            settings.direction, {layer: counts[layer] for layer in layers}
        )
    here = middle if settings.neuron else None
    return amplify(targets, None, settings.objective, direction, here)


def _check_guide_settings(
    settings: AmplifySettings, name: str, targets: Iterable[str]
) -> None:
    """Refuses settings that say what is increased, which a guide says already."""
    defaults = {"objective": "mean", "neuron": False, "direction": ""}
    for other, default in defaults.items():
        if getattr(settings, other) != default:
            raise InputError(
                f"`guide` and `{other}` exclude each other: both say which activations"
                " are increased; leave one out."
            )
    for target in targets:
        if "#" in target:
            raise InputError(
                f"`guide` needs whole layers, but `{name}` names channels: {target}."
            )


def _read_direction(path: str, counts: Mapping[str, int]) -> tf.Tensor:
    """Reads a direction among channels from a .npy file.

    Args:
        path: Path of the file.
        counts: Number of channels of each layer that it is applied to.

    Returns:
        float32 [c].

    Raises:
        InputError: If the file cannot be read, or does not fit one of the layers.
    """
    try:
        with open(path, "rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
        if np.iscomplexobj(values):
            raise TypeError("its numbers are complex")
        values = np.asarray(values, np.float32).reshape(-1)
    except MemoryError as error:
        raise InputError(
            f"`{path}` is larger than memory, or damaged; give a .npy file [channels]."
        ) from error
    # NumPy raises almost anything over what is none: EOFError, zipfile.BadZipFile, ...
    except Exception as error:
        raise InputError(f"`{path}` is no .npy file of numbers: {error}") from error
    name = os.path.basename(path)
    for layer, count in counts.items():
        if len(values) != count:
            raise InputError(
                f"the direction {name} has {len(values)} numbers, and {layer} has"
                f" {count} channels; both must be equal."
            )
    if not (np.isfinite(values).all() and values.any()):
        raise InputError(f"the direction {name} must be finite and not all zero.")
    return tf.constant(values)
