"""Flags that are paths: the only place where `~` becomes a home folder."""

import os
from typing import Any

from absl import flags

from vectormix_tf.errors import InputError

_SERIALIZER: Any = flags.ArgumentSerializer()


def expanded(path: str) -> str:
    """Returns a path with `~` or `~user` at its start replaced by the home folder.

    Shells do so at the start of a word, and not within `--output=~/mix.png`.

    Raises:
        InputError: If there is no such home folder.
    """
    found = os.path.expanduser(path)
    home = path.split("/")[0].split(os.sep)[0]
    unknown = found == path and home.startswith("~") and home != path
    if unknown and not os.path.lexists(home):  # a folder may be called ~x
        raise InputError(f"{home} is nobody's home folder here; write the whole path.")
    return found


class PathParser(flags.ArgumentParser):
    """Parser of flags that are paths."""

    syntactic_help = "a path"

    def parse(self, argument: str) -> str:
        """Returns the path, see `expanded`."""
        return expanded(super().parse(argument))


def define_path(
    name: str, default: str | None, text: str, flag_values: flags.FlagValues
) -> None:
    """Defines a flag that is a path; `text` is its help."""
    flags.disclaim_key_flags()  # help lists the flag with those of the caller's file
    flags.DEFINE(PathParser(), name, default, text, flag_values, _SERIALIZER)


def define_paths(name: str, text: str, flag_values: flags.FlagValues) -> None:
    """Defines a flag that may be given several times; each of its values is a path."""
    flags.disclaim_key_flags()
    flags.DEFINE_multi(PathParser(), _SERIALIZER, name, [], text, flag_values)
