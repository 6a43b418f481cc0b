"""The program: finds the command, parses its flags, prints help and errors.

It knows no command by name: each file of `cli/commands` is one, see `command`.
"""

import contextlib
import difflib
import importlib
import os
import pkgutil
import re
import sys
import warnings
from collections.abc import Container, Iterable, Iterator, Sequence

from absl import flags

import vectormix_tf
from vectormix_tf.cli import commands, flagfile, signals
from vectormix_tf.cli.command import GROUPS, Command
from vectormix_tf.cli.flags import define_threads
from vectormix_tf.cli.job import set_threads
from vectormix_tf.cli.messages import (
    hold_standard_streams,
    print_message,
    print_result,
    settle,
)
from vectormix_tf.cli.paths import expanded
from vectormix_tf.errors import InputError, Notice, VectormixError, lacks_memory
from vectormix_tf.lazy import fewer_collections

USER_ERROR = 2  # exit code
HELP_WORDS = ("--help", "-help", "-h", "--helpfull", "help")
NAMES = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `vectormix`; returns its exit code.

    Args:
        argv: The words after the program's name; None takes `sys.argv`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    values = flags.FlagValues()  # the command adds its own

    def print_with_flags(text: str) -> None:
        one_line = " ".join(text.split())
        print_message(with_flags(one_line, values, words))

    hold_standard_streams()
    with warnings.catch_warnings(), signals.as_ctrl_c(), fewer_collections():
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", Notice)  # a sweep repeats them
        warnings.showwarning = lambda message, *_, **__: print_with_flags(
            f"notice: {message}"
        )
        try:
            with _telling_of_memory(), _telling_of_the_folder():
                return _run_command(words, values)
        except VectormixError as error:
            print_with_flags(str(error))
            return USER_ERROR
        except KeyboardInterrupt:
            print_message("interrupted before there was anything to keep")
            return signals.exit_code()
        finally:
            settle()


@contextlib.contextmanager
def _telling_of_the_folder() -> Iterator[None]:
    """Tells in one line that the current folder was deleted, where a path needs it."""
    try:
        yield
    except FileNotFoundError as error:
        if _current_folder() is not None:
            raise
        raise InputError(
            "the current folder does not exist any more; change to another one."
        ) from error


def _current_folder() -> str | None:
    with contextlib.suppress(FileNotFoundError):  # `os.path.exists(".")` is true
        return os.getcwd()
    return None


@contextlib.contextmanager
def _telling_of_memory() -> Iterator[None]:
    """Turns a run out of memory into one line, whatever it was that got none."""
    try:
        yield
    except Exception as error:
        if not lacks_memory(error):
            raise
        raise InputError(
            "there is not enough memory; choose a smaller `size` or picture, or close"
            " other programs. Files that were written are kept."
        ) from error


# An argument as messages of the library spell it: `size`, `size=512` or
# `weights="imagenet"`.
_ARGUMENT = re.compile(r"""`(\w+)(?:=(?:"([^"`]*)"|([^"`\s]+)))?`""")


def with_flags(text: str, names: Container[str], words: Iterable[str] = ()) -> str:
    """Replaces the names of arguments in a message of the library by flags.

    `size` becomes --size, `weights="imagenet"` becomes --weights=imagenet, and
    `resume=False` becomes --noresume.

    Args:
        text: The message, with arguments in backticks.
        names: Names of the flags; other words in backticks stay as they are.
        words: The command line. A file or folder that it names stays in backticks,
            even if a flag has the same name.
    """
    files = set()
    for word in words:
        path = re.sub(r"^--?\w+=", "", word)
        parts = re.split(r"[/\\]", path)
        if len(parts) > 1 or os.path.lexists(path):  # --rows=alpha names no file
            files.update(parts)

    def flag(match: re.Match) -> str:
        name, quoted, value = match.groups()
        value = quoted if value is None else value
        if name not in names or (value is None and name in files):
            return match[0]
        if value is None or value == "True":
            return f"--{name}"
        return f"--no{name}" if value == "False" else f"--{name}={value}"

    return _ARGUMENT.sub(flag, text)


def _run_command(argv: list[str], values: flags.FlagValues) -> int:
    """Defines the flags of the command, parses them and calls it.

    `argv` gets the lines of flag files in place of their names.
    """
    name = argv[0] if argv else ""
    if name in ("--version", "-version"):
        print_result(f"vectormix_tf {vectormix_tf.__version__}")
        return 0
    if name in HELP_WORDS:
        print_result(_overview())
        return 0
    if name not in NAMES:
        raise _unknown_command(name)
    command = load_command(name)
    command.define(values)
    define_threads(values)
    values.set_gnu_getopt(command.pictures)  # or else flags end at the first picture
    if any(word in HELP_WORDS for word in argv[1:]):
        print_result(_help(command, values))
        return 0
    argv[1:] = flagfile.expand(argv[1:])
    try:
        left = values([f"vectormix {name}", *argv[1:]])[1:]
    except (flags.Error, ValueError) as error:  # absl raises either
        wrong = str(error).removeprefix("ERROR:: ").rstrip(" .")
        raise InputError(f"{wrong}; see vectormix {name} --help.") from error
    set_threads(values.threads)
    if command.pictures:
        return command.call(values, [expanded(path) for path in left])
    if left:
        raise InputError(f"unexpected {left[0]!r}; flags are written --name=value.")
    return command.call(values)


def _unknown_command(name: str) -> InputError:
    """Returns the error for a first word that is no command; "" is no word at all."""
    if not name:
        names = ", ".join(NAMES)
        return InputError(f"which command? {names}; see vectormix --help.")
    close = difflib.get_close_matches(name, NAMES, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else "see vectormix --help."
    return InputError(f"unknown command {name!r}; {hint}")


def load_command(name: str) -> Command:
    """Imports the file of a command and returns its `COMMAND`."""
    return importlib.import_module(f"{commands.__name__}.{name}").COMMAND


def _overview() -> str:
    """Returns what `vectormix --help` prints."""
    lines = ["Mixes pictures and dreams them.", ""]
    all_commands = [load_command(name) for name in NAMES]
    for group, heading in GROUPS.items():
        lines += [heading] + [
            f"  {command.usage}\n      {command.purpose}"
            for command in all_commands
            if command.group == group
        ]
        lines += [""]
    lines += ["vectormix COMMAND --help lists the flags of a command."]
    return "\n".join(lines)


def _help(command: Command, values: flags.FlagValues) -> str:
    """Returns what `vectormix COMMAND --help` prints."""
    lines = [command.purpose, "", f"usage: {command.usage}", "", "flags:"]
    for module, own in values.flags_by_module_dict().items():
        if module.startswith("absl"):
            continue
        for flag in own:
            text = flag.help.partition(";\n")[0]  # absl adds that it may be repeated
            none = flag.default is None or flag.default == []
            default = "" if none else f" (default: {flag.default!r})"
            lines.append(f"  --{flag.name}: {text}{default}")
    lines.append("  --flagfile: a file with one flag per line")
    lines += ["", command.more] if command.more else []
    return "\n".join(lines)
