"""Options: flags made of settings, and what was given by them.

Each command fills a `flags.FlagValues()` of its own, because two commands may want one
flag with different values.
"""

import contextlib
import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from absl import flags

from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import files, of, settings_of
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, output, plots

# What defines a flag for a setting, by the type of its values.
_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_settings(
    settings: type, values: flags.FlagValues, without: Collection[str] = ()
) -> None:
    """Defines one flag for each setting of a class, with its default and help.

    Args:
        settings: A settings class.
        values: Where they are defined.
        without: Names of settings that have none here.
    """
    for field in dataclasses.fields(settings):
        setting, default = of(field), field.default
        if field.name in without or not setting.flag:
            continue
        define = _DEFINE[setting.kind]
        if default is dataclasses.MISSING:
            default = None
        elif setting.several:
            define, default = flags.DEFINE_multi_float, list(default)
        elif setting.kind is str and default is not None:
            default = str(default)
        define(field.name, default, setting.help, flag_values=values)


def define_one(
    settings: type, name: str, values: flags.FlagValues, default: Any
) -> None:
    """Defines the flag of one setting, with a default of its own."""
    setting = settings_of(settings)[name]
    bounds = {} if setting.low is None else {"lower_bound": setting.low}
    _DEFINE[setting.kind](name, default, setting.help, flag_values=values, **bounds)


def define_pictures(values: flags.FlagValues) -> None:
    """The pictures of a mix."""
    string, several = flags.DEFINE_string, flags.DEFINE_multi_string
    string("content", None, "the picture that gives shapes", flag_values=values)
    several(
        "style",
        [],
        "the picture that gives texture; several are blended, each as FILE or"
        " FILE:WEIGHT",
        flag_values=values,
    )
    string(
        "mask",
        None,
        "a picture: white is mixed, black stays the photograph, gray is between",
        flag_values=values,
    )
    several(
        "style_mask",
        [],
        "a picture for each style, in their order: white is where it goes",
        flag_values=values,
    )
    define_guide(values)


def define_guide(values: flags.FlagValues) -> None:
    """The picture that leads a dream."""
    flags.DEFINE_string(
        "guide", None, "a picture whose patterns are dreamt", flag_values=values
    )


def define_threads(values: flags.FlagValues) -> None:
    """What every command can be told about the machine."""
    flags.DEFINE_integer(
        "threads",
        0,
        "how many cores to use; 0 takes all; another number may give other bytes",
        lower_bound=0,
        flag_values=values,
    )


def define_file(values: flags.FlagValues, what: str) -> None:
    """Where a command writes, and whether over what is there."""
    flags.DEFINE_string("output", None, what, flag_values=values)
    flags.DEFINE_boolean(
        "overwrite", False, "replace files that exist", flag_values=values
    )


def define_output(values: flags.FlagValues) -> None:
    """The flags of a run that writes one picture."""
    string, integer = flags.DEFINE_string, flags.DEFINE_integer
    define_file(values, f"the file to write: {' '.join(output.FORMATS)}")
    integer(
        "save_every",
        0,
        "also write <output>-<octave>-<step> after each so many steps; 0 never",
        flag_values=values,
    )
    string(
        "manifest", None, "also write a record of the run (JSON)", flag_values=values
    )
    string(
        "plot",
        None,
        f"also draw the losses over the steps: {' '.join(plots.FORMATS)}",
        flag_values=values,
    )
    string(
        "checkpoint",
        None,
        "also write, every few seconds, where the run stands",
        flag_values=values,
    )
    flags.DEFINE_boolean("resume", False, "go on from --checkpoint", flag_values=values)
    integer("depth", 8, "bits per channel, 8, or 16 for .png", flag_values=values)


def given(settings: type, values: flags.FlagValues) -> dict[str, object]:
    """Returns what was given of a settings dataclass, by name; defaults stay out."""
    return {
        field.name: values[field.name].value
        for field in dataclasses.fields(settings)
        if field.name in values and values[field.name].present
    }


def mix_inputs(values: flags.FlagValues) -> tuple[dict[str, Any], dict[str, object]]:
    """Returns paths as `mix` takes pictures, and the settings that were given."""
    options = given(MixSettings, values)
    pictures = pictures_of(values, "content", "style", "mask", "style_mask", "guide")
    pictures["style"], options["style_weights"] = _weighted(values.style)
    return pictures, options


def pictures_of(values: flags.FlagValues, *names: str) -> dict[str, Any]:
    """Returns the paths that flags give of pictures, by the flags' names."""
    pictures = {name: values[name].value for name in names}
    for flag, value in pictures.items():
        if "" in paths_of({flag: value}):
            raise InputError(f"--{flag} is empty; give a file or leave it out.")
    return pictures


def paths_of(pictures: Mapping[str, Any]) -> list[str]:
    """All paths in a dictionary of paths, lists of them, and None."""
    lists = [[each] if isinstance(each, str) else each for each in pictures.values()]
    return [path for each in lists if each is not None for path in each]


def files_of(pictures: Mapping[str, Any], settings: Settings) -> list[str]:
    """All that is read: the pictures, and files that settings name."""
    return paths_of(pictures) + files(settings)


def read_all(
    pictures: Mapping[str, Any], settings: Settings | flags.FlagValues
) -> dict[str, Any]:
    """Reads what flags name: what is no picture is told before any work."""

    def read(flag, paths):
        if paths is None:
            return None
        if isinstance(paths, list):
            return [read(flag, path) for path in paths]
        what = "picture" if flag == "image" else f"{flag.replace('_', ' ')} picture"
        return images.read(paths, settings.max_pixels, what)

    return {flag: read(flag, paths) for flag, paths in pictures.items()}


def _weighted(values: Sequence[str]) -> tuple[list[str], list[float]]:
    """Reads FILE or FILE:WEIGHT; a value that names a file is taken whole."""
    paths, weights = [], []
    for value in values:
        path, colon, tail = value.rpartition(":")
        weight = None
        if colon and not os.path.exists(value):
            with contextlib.suppress(ValueError):
                weight = float(tail)
        paths.append(value if weight is None else path)
        weights.append(1.0 if weight is None else weight)
    return paths, weights if set(weights) != {1.0} else []
