"""Objectives that a user passes to a recipe: checks, and digests for checkpoints."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.octaves import Octave
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError, close_names
from vectormix_tf.io.digest import digest
from vectormix_tf.objectives.base import Objective
from vectormix_tf.ops.border import PADDING
from vectormix_tf.optim.observer import Observer, split_scale
from vectormix_tf.optim.problem import Problem

_STYLE = re.compile(r"style \d+")  # names of a mix's objectives for several styles


def check_objectives(
    objectives: Any, settings: Settings, reserved: Iterable[str]
) -> list[Objective]:
    """Checks a user's objectives before the network is loaded, and returns them.

    Args:
        objectives: The argument `objectives` of a recipe.
        settings: Settings of the recipe.
        reserved: Names of the recipe's own objectives.

    Raises:
        InputError: If it is not a list of objectives, two have the same name, or the
            network has no layer of a name.
    """
    is_list = isinstance(objectives, list | tuple)
    if isinstance(objectives, Objective) or not is_list:  # an `Objective` is a tuple
        raise InputError(
            "`objectives` must be a list of objectives from vectormix_tf.objectives;"
            f" received {type(objectives).__name__}."
        )
    names = list(reserved)
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise InputError(
                "`objectives` must be made by vectormix_tf.objectives, e.g. by"
                f" from_function(...); received {objective!r}."
            )
        _check_name(objective.name, names)
        for layer in objective.layers:
            _check_layer(objective.name, layer, settings)
        names.append(objective.name)
    return list(objectives)


def _check_name(name: Any, names: Sequence[str]) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError(
            f"the name of an objective must be one line of text; received {name!r}."
        )
    if name in names or _STYLE.fullmatch(name):
        raise InputError(
            f"there are two objectives named {name}; give yours another `name`."
        )


def _check_layer(name: str, layer: str, settings: Settings) -> None:
    network = BACKBONES[settings.backbone]
    base, _, scale = layer.partition("@")
    if base not in network.layers:
        raise InputError(
            f"objective {name} names an unknown layer {base!r};"
            f" {close_names(base, network.layers)}"
        )
    if "@" in layer and not (scale.isdecimal() and int(scale) > 0):
        raise InputError(
            f"objective {name} names {layer}; after @ there must be a positive whole"
            " number, by which the image is scaled down."
        )


def layers_of(objectives: Sequence[Objective]) -> list[str]:
    """Returns the network's layers that objectives need, each once."""
    names = (layer for objective in objectives for layer in objective.layers)
    return list(dict.fromkeys(split_scale(layer)[0] for layer in names))


def check_problem(problem: Problem, octaves: Sequence[Octave]) -> None:
    """Calls the `check` of every objective, before the first step.

    Args:
        problem: Its `observe` must be an `Observer`.
        octaves: All octaves of the run.

    Raises:
        InputError: If an objective cannot be used.
    """
    observer: Observer = problem.observe
    info = observer.extractor.info
    channels = {name: info[split_scale(name)[0]].channels for name in problem.layers}
    in_tiles = any(
        observer.needs_tiles((1, *(side + 2 * PADDING for side in octave.size), 3))
        for octave in octaves
    )
    for objective in problem.objectives:
        objective.check(channels, in_tiles)


def objective_digests(objectives: Sequence[Objective]) -> dict[str, str]:
    """Returns what a checkpoint stores of a user's objectives, to compare them later.

    Keys have the name of an objective; values its layers, and the digest of its number,
    layers and functions.
    """
    return {
        f"objective {each.name}": f"{'+'.join(each.layers) or 'picture'}"
        f" {digest([number, each.layers, each.origin])}"
        for number, each in enumerate(objectives)
    }
