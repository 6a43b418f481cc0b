"""Objectives of a user's own: checks, and what a checkpoint keeps of them."""

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

_STYLE = re.compile(r"style \d+")  # names of the objectives of several styles


def check_objectives(
    objectives: Any, settings: Settings, taken: Iterable[str]
) -> list[Objective]:
    """Returns the objectives of a call, checked as far as nothing needs to be loaded.

    Args:
        objectives: What the user gave.
        settings: Of the recipe.
        taken: Names of the recipe's own objectives.

    Raises:
        InputError: If they are not objectives, two have one name, or the network has no
            such layer.
    """
    is_list = isinstance(objectives, list | tuple)
    if isinstance(objectives, Objective) or not is_list:  # which is a tuple itself
        raise InputError(
            "`objectives` must be a list of objectives from vm.objectives; received"
            f" {type(objectives).__name__}."
        )
    names = list(taken)
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise InputError(
                "`objectives` must be made by vm.objectives, such as"
                f" vm.objectives.from_function(...); received {objective!r}."
            )
        _check_name(objective.name, names)
        for layer in objective.layers:
            _check_layer(objective.name, layer, settings)
        names.append(objective.name)
    return list(objectives)


def _check_name(name, names):
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise InputError(
            f"the name of an objective must be a text of one line; received {name!r}."
        )
    if name in names or _STYLE.fullmatch(name):
        raise InputError(
            f"there are two objectives named {name}; give yours another `name`."
        )


def _check_layer(name, layer, settings):
    network = BACKBONES[settings.backbone]
    known, _, scale = layer.partition("@")
    if known not in network.layers:
        raise InputError(
            f"objective {name} names an unknown layer {known!r};"
            f" {close_names(known, network.layers)}"
        )
    if settings.weights == "bundled" and known not in network.bundled_layers:
        raise InputError(
            f"objective {name} names {known}, but the bundled weights end at"
            f" {network.bundled}; choose an earlier layer, or `weights` imagenet (a"
            " download) or a file."
        )
    if "@" in layer and not (scale.isdecimal() and int(scale) > 0):
        raise InputError(
            f"objective {name} names {layer}; what follows @ must be a whole number:"
            " how much smaller the picture is seen."
        )


def layers_of(objectives: Sequence[Objective]) -> list[str]:
    """Names of the network's layers that objectives look at, each once."""
    named = (layer for objective in objectives for layer in objective.layers)
    return list(dict.fromkeys(split_scale(layer)[0] for layer in named))


def check_problem(problem: Problem, octaves: Sequence[Octave]) -> None:
    """Lets every objective check itself, before the first step.

    Args:
        problem: Whose `observe` is an `Observer`.
        octaves: Of the run.

    Raises:
        InputError: If one of them cannot be used.
    """
    observer: Observer = problem.observe
    info = observer.extractor.info
    channels = {name: info[split_scale(name)[0]].channels for name in problem.layers}
    in_parts = any(
        observer.needs_tiles((1, *(side + 2 * PADDING for side in octave.size), 3))
        for octave in octaves
    )
    for objective in problem.objectives:
        objective.check(channels, in_parts)


def record(objectives: Sequence[Objective]) -> dict[str, str]:
    """What a checkpoint keeps of a user's objectives, by name, in their order."""
    return {
        f"objective {each.name}": f"{'+'.join(each.layers) or 'picture'}"
        f" {digest([number, each.layers, each.origin])}"
        for number, each in enumerate(objectives)
    }
