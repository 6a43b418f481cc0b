"""Command line: flags -> settings -> one call. All flags are defined here.

Each command fills a `flags.FlagValues()` of its own, because two commands may want one
flag with different values. Nothing heavy is imported before a command really runs: a
mistake is told at once.
"""

import dataclasses
import difflib
import os
import sys
import typing
import warnings
from collections.abc import Callable, Sequence

from absl import flags

import vectormix_tf
from vectormix_tf import images, output
from vectormix_tf.job import (
    INTERRUPTED,
    Job,
    check_backend,
    quiet_imports,
    required,
    say,
)
from vectormix_tf.settings import (
    INITS,
    MAX_SIZE,
    MINIMUM_SIDE,
    DreamSettings,
    InputError,
    MixSettings,
    Notice,
    check_integer,
)

WRONG = 2  # exit code of a user's mistake

_HELP = {
    "size": "long side of the result in pixels; 0 keeps the picture's own",
    "steps": "steps per octave",
    "octaves": "how many sizes, coarse to fine",
    "octave_scale": "factor from one octave's size to the next",
    "weights": "bundled, imagenet (a download of 83 MB) or the path of a weights file",
    "seed": "of everything random; the same seed gives the same bytes",
    "max_pixels": "larger pictures are refused before they are decoded",
    "alpha": "share of the content: 1 is content alone, 0 style alone",
    "f1": "layers that keep the content's shapes, name[:weight],...",
    "f2": "layers that hold the style's texture, name[:weight],...",
    "canvas": "how the picture is stored while it is optimized: fourier or pixels",
    "init": f"what to start from: {', '.join(INITS)} or the path of a picture",
    "amplify": "layers to dream of at the same time, name[:weight],...",
    "tv": "weight of the total variation, which smooths",
    "learning_rate": "of Adam at the first step (default: 0.04 on the fourier canvas,"
    " 0.01 on pixels)",
    "layers": "what to amplify, name[:weight],...; a negative weight suppresses",
    "jitter": "greatest shift of the picture before a step, in pixels",
    "step_size": "length of a step: standard deviation of what it adds to a pixel",
}


def _define_settings(kind: type, values: flags.FlagValues) -> None:
    """One flag for each field of a settings dataclass, with its default."""
    define = {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }
    for field in dataclasses.fields(kind):
        base = (typing.get_args(field.type) or (field.type,))[
            0
        ]  # float | None -> float
        define[base](field.name, field.default, _HELP[field.name], flag_values=values)


def _define_output(values: flags.FlagValues) -> None:
    string, integer, boolean = (
        flags.DEFINE_string,
        flags.DEFINE_integer,
        flags.DEFINE_boolean,
    )
    endings = " ".join(output.FORMATS)
    string("output", None, f"the file to write: {endings}", flag_values=values)
    integer(
        "save_every",
        0,
        "also write <output>-<octave>-<step> after each so many steps; 0 never",
        flag_values=values,
    )
    string(
        "manifest", None, "also write a record of the run (JSON)", flag_values=values
    )
    boolean("overwrite", False, "replace files that exist", flag_values=values)
    integer("depth", 8, "bits per channel, 8, or 16 for .png", flag_values=values)


# --- The commands ---------------------------------------------------------------------


def _define_mix(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "content", None, "the picture that gives shapes", flag_values=values
    )
    flags.DEFINE_string(
        "style", None, "the picture that gives texture", flag_values=values
    )
    _define_output(values)
    _define_settings(MixSettings, values)


def _mix(values: flags.FlagValues) -> int:
    settings = _settings(MixSettings, values)
    paths = {
        "content": required(values, "content"),
        "style": required(values, "style"),
    }
    others = [
        path for path in (settings.init, settings.weights) if os.path.isfile(path)
    ]
    job = Job("mix", values, settings, [*paths.values(), *others])
    content, style = (
        images.read(path, settings.max_pixels, f"{name} picture")
        for name, path in paths.items()
    )
    return job.run(lambda recipes, **options: recipes.mix(content, style, **options))


def _define_dream(values: flags.FlagValues) -> None:
    flags.DEFINE_string("image", None, "the picture to dream of", flag_values=values)
    _define_output(values)
    _define_settings(DreamSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _dream(values: flags.FlagValues) -> int:
    settings = _settings(DreamSettings, values)
    path = required(values, "image")
    others = [settings.weights] if os.path.isfile(settings.weights) else []
    job = Job("dream", values, settings, [path, *others])
    picture = images.read(path, settings.max_pixels)
    return job.run(lambda recipes, **options: recipes.dream(picture, **options))


def _define_layers(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "size", 512, "side of a square picture in pixels", flag_values=values
    )
    flags.DEFINE_string("weights", "bundled", _HELP["weights"], flag_values=values)


def _layers(values: flags.FlagValues) -> int:
    check_backend()
    check_integer("size", values.size, MINIMUM_SIDE, MAX_SIZE)
    DreamSettings(weights=values.weights, layers="conv1a")  # checks the weights
    with quiet_imports():
        from vectormix_tf import features
    print(f"{'layer':10} {'h x w':>11} {'channels':>8} {'stride':>6} {'field':>5}")
    for name, (height, width), info in features.describe(values.size, values.weights):
        shape = f"{height} x {width}"
        print(f"{name:10} {shape:>11} {info.channels:8} {info.stride:6} {info.field:5}")
    return 0


class _Command(typing.NamedTuple):
    usage: str
    purpose: str
    define: Callable[[flags.FlagValues], None]
    call: Callable[[flags.FlagValues], int]


COMMANDS = {
    "mix": _Command(
        "vectormix mix --content=PHOTO --style=PAINTING --output=MIX.png [flags]",
        "Give the shapes of one picture the texture of another.",
        _define_mix,
        _mix,
    ),
    "dream": _Command(
        "vectormix dream --image=PHOTO --output=DREAM.png [flags]",
        "Let the network exaggerate what it sees in a picture.",
        _define_dream,
        _dream,
    ),
    "layers": _Command(
        "vectormix layers [flags]",
        "List the layers of InceptionV3: their shape at a size, channels, stride and"
        " receptive field in pixels.",
        _define_layers,
        _layers,
    ),
}


def _settings(kind: type, values: flags.FlagValues):
    names = [field.name for field in dataclasses.fields(kind)]
    return kind(**{name: values[name].value for name in names})


# --- main -----------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    """Runs `vectormix`; returns its exit code.

    Args:
        argv: What stands behind the program's name; None takes `sys.argv`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", Notice)
        warnings.showwarning = lambda message, *_, **__: say(f"notice: {message}")
        try:
            code = _command(list(sys.argv[1:] if argv is None else argv))
            print(end="", flush=True)  # so that a broken pipe is found here
            return code
        except InputError as error:
            say(" ".join(str(error).split()))
            return WRONG
        except KeyboardInterrupt:
            say("interrupted before there was a picture to write")
            return INTERRUPTED
        except BrokenPipeError:  # `vectormix layers | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0


def _command(argv: list[str]) -> int:
    name = argv[0] if argv else ""
    if name in ("--version", "-version"):
        print(f"vectormix_tf {vectormix_tf.__version__}")
        return 0
    if name in _ASKS_FOR_HELP:
        print(_overview())
        return 0
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, n=2)
        hint = (
            f"did you mean {' or '.join(close)}?" if close else "see vectormix --help."
        )
        wrong = f"unknown command {name!r}" if name else "which command?"
        raise InputError(f"{wrong}; {hint}" if close or name else f"{wrong} {_NAMES}")
    command = COMMANDS[name]
    values = flags.FlagValues()
    command.define(values)
    if any(word in _ASKS_FOR_HELP for word in argv[1:]):
        print(_help(command, values))
        return 0
    try:
        left = values([f"vectormix {name}", *argv[1:]])[1:]
    except (flags.Error, ValueError) as error:  # absl raises either
        wrong = str(error).removeprefix("ERROR:: ").rstrip(" .")
        raise InputError(f"{wrong}; see vectormix {name} --help.") from error
    if left:
        raise InputError(f"unexpected {left[0]!r}; flags are written --name=value.")
    return command.call(values)


_ASKS_FOR_HELP = ("--help", "-help", "-h", "--helpfull", "help")
_NAMES = f"{', '.join(COMMANDS)}; see vectormix --help."


def _overview() -> str:
    lines = ["Mixes pictures and dreams them.", ""]
    lines += [
        f"  {command.usage}\n      {command.purpose}" for command in COMMANDS.values()
    ]
    lines += ["", "vectormix COMMAND --help lists the flags of a command."]
    return "\n".join(lines)


def _help(command: _Command, values: flags.FlagValues) -> str:
    lines = [command.purpose, "", f"usage: {command.usage}", "", "flags:"]
    for module, own in values.flags_by_module_dict().items():
        if module.startswith("absl"):
            continue
        for flag in own:
            default = "" if flag.default is None else f" (default: {flag.default!r})"
            lines.append(f"  --{flag.name}: {flag.help}{default}")
    lines.append("  --flagfile: a file with one flag per line")
    return "\n".join(lines)
