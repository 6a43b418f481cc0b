"""Flags: defined from the settings of `config/`, and read back as arguments.

Each command has its own `flags.FlagValues()`, in place of absl's global `FLAGS`,
because two commands may have a flag of the same name with different defaults.
"""

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from vectormix_tf.cli.paths import define_path, define_paths
from vectormix_tf.config.mix import MixSettings, split_weights
from vectormix_tf.config.setting import files, of, settings_of
from vectormix_tf.config.settings import Settings
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, output, plots

# Far more than any machine has cores: TensorFlow starts as many as it is told, and the
# system then ends the process.
MAX_THREADS = 1024

# The function of absl that defines a flag, by the type of its value.
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
        values: The flags of a command, to which these are added.
        without: Names of settings that get no flag.
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
        if setting.file:
            define = define_path
        define(field.name, default, setting.help_text, flag_values=values)


def define_setting(
    settings: type, name: str, values: flags.FlagValues, default: Any
) -> None:
    """Defines the flag of one setting of a class, with another default."""
    setting = settings_of(settings)[name]
    bounds = {} if setting.low is None else {"lower_bound": setting.low}
    define = define_path if setting.file else _DEFINE[setting.kind]
    define(name, default, setting.help_text, flag_values=values, **bounds)


def define_mix_pictures(values: flags.FlagValues) -> None:
    """Defines the flags of the pictures that are mixed."""
    one, several = define_path, define_paths
    one("content", None, "the picture whose shapes are kept", flag_values=values)
    define_styles(values)
    one(
        "mask",
        None,
        "a picture: white is mixed, black stays the content, gray is between",
        flag_values=values,
    )
    several(
        "style_mask",
        "a picture for each style, in their order: white is where the style is applied",
        flag_values=values,
    )
    define_guide(values)


def define_styles(values: flags.FlagValues) -> None:
    """Defines the flag of the pictures whose texture is used."""
    define_paths(
        "style",
        "the picture whose texture is used; several are blended, each as FILE or"
        " FILE:WEIGHT",
        flag_values=values,
    )


def define_guide(values: flags.FlagValues) -> None:
    """Defines the flag of the picture whose patterns are amplified."""
    define_path(
        "guide", None, "a picture whose patterns are amplified", flag_values=values
    )


def define_threads(values: flags.FlagValues) -> None:
    """Defines the flag that every command has."""
    flags.DEFINE_integer(
        "threads",
        0,
        "how many cores to use; 0 takes all; another number may give other bytes",
        lower_bound=0,
        upper_bound=MAX_THREADS,
        flag_values=values,
    )


def define_output_path(values: flags.FlagValues, what: str) -> None:
    """Defines where a command writes; `what` is the help of `--output`."""
    define_path("output", None, what, flag_values=values)
    flags.DEFINE_boolean(
        "overwrite", False, "replace files that exist", flag_values=values
    )


def define_run_output(values: flags.FlagValues) -> None:
    """Defines the flags of a run that writes one picture, and files beside it."""
    path, integer = define_path, flags.DEFINE_integer
    define_output_path(values, f"the file to write: {' '.join(output.FORMATS)}")
    integer(
        "save_every",
        0,
        "also write <output>-<octave>-<step> every so many steps; 0 never",
        flag_values=values,
    )
    path("manifest", None, "also write a record of the run (JSON)", flag_values=values)
    path(
        "plot",
        None,
        f"also draw the losses over the steps: {' '.join(plots.FORMATS)}",
        flag_values=values,
    )
    path(
        "checkpoint",
        None,
        "also write, every few seconds, a file to continue from",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "resume", False, "continue from --checkpoint", flag_values=values
    )
    integer("depth", 8, "bits per channel, 8, or 16 for .png", flag_values=values)


def given_settings(settings: type, values: flags.FlagValues) -> dict[str, object]:
    """Returns `{name: value}` of the settings whose flags are on the command line."""
    return {
        name: values[name].value
        for name in settings_of(settings)
        if name in values and values[name].present
    }


def mix_inputs(
    values: flags.FlagValues,
    names: Sequence[str] = ("content", "style", "mask", "style_mask", "guide"),
    settings: type = MixSettings,
) -> tuple[dict[str, Any], dict[str, object]]:
    """Reads the flags of a mix.

    Args:
        values: The flags of a command.
        names: Of those that name pictures.
        settings: The class of its settings.

    Returns:
        `{argument of mix: path, list of paths or None}`, and `{name: value}` of the
        settings that are on the command line.
    """
    options = given_settings(settings, values)
    pictures = picture_paths(values, *names)
    pictures["style"], options["style_weights"] = split_weights(values.style)
    return pictures, options


def picture_paths(values: flags.FlagValues, *names: str) -> dict[str, Any]:
    """Returns `{flag: path, list of paths or None}` of flags that name pictures.

    Raises:
        InputError: If a path is empty.
    """
    pictures = {name: values[name].value for name in names}
    for flag, value in pictures.items():
        if "" in flat_paths({flag: value}):
            raise InputError(f"--{flag} is empty; give a file or leave it out.")
    return pictures


def flat_paths(pictures: Mapping[str, Any]) -> list[str]:
    """Returns all paths in the values, each of which is a path, a list or None."""
    lists = [[each] if isinstance(each, str) else each for each in pictures.values()]
    return [path for each in lists if each is not None for path in each]


def input_files(pictures: Mapping[str, Any], settings: Settings) -> list[str]:
    """Returns the paths of all files that a run reads, also those of settings."""
    return flat_paths(pictures) + files(settings)


def check_kept(paths: Iterable[str], why: str) -> None:
    """Checks that files can be read again, for the record of their content.

    A pipe, such as the shell's <(...), would be empty then, or never end.

    Args:
        paths: From `input_files`.
        why: What needs the record.

    Raises:
        InputError: If one is a pipe or a device.
    """
    for path in paths:
        if os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            raise InputError(
                f"`{path}` is a pipe, which can be read only once, and {why} reads it"
                " again; save it as a file."
            )


def read_pictures(
    pictures: Mapping[str, Any], settings: Settings | flags.FlagValues
) -> dict[str, Any]:
    """Reads pictures, so that a file that is none is an error before any work.

    Args:
        pictures: From `picture_paths`.
        settings: With `max_pixels`.

    Returns:
        `pictures` with an `images.Picture` in place of each path.
    """

    def read(flag, paths):
        if paths is None:
            return None
        if isinstance(paths, list):
            return [read(flag, path) for path in paths]
        what = "picture" if flag == "image" else f"{flag.replace('_', ' ')} picture"
        return images.read(paths, settings.max_pixels, what)

    return {flag: read(flag, paths) for flag, paths in pictures.items()}
