"""Command line: flags -> settings -> one call. All flags are defined here.

Each command fills a `flags.FlagValues()` of its own, because two commands may want one
flag with different values. Nothing heavy is imported before a command really runs: a
mistake is told at once.
"""

import contextlib
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
from vectormix_tf.checks import InputError, Notice, check_choice, check_integer
from vectormix_tf.job import (
    INTERRUPTED,
    Job,
    check_backend,
    quiet_imports,
    required,
    say,
)
from vectormix_tf.layers import BACKBONES, DEFAULT, check_weights
from vectormix_tf.presets import PRESETS, mix_settings
from vectormix_tf.settings import (
    INITS,
    MAX_SIZE,
    OPTIMIZERS,
    STATISTICS,
    DreamSettings,
    MixSettings,
)

WRONG = 2  # exit code of a user's mistake

_HELP = {
    "size": "long side of the result in pixels; 0 keeps the picture's own",
    "steps": "steps per octave",
    "octaves": "how many sizes, coarse to fine",
    "octave_scale": "factor from one octave's size to the next",
    "backbone": f"the network: {', '.join(BACKBONES)}",
    "weights": "bundled (of inception_v3), imagenet (a download of up to 100 MB) or the"
    " path of a weights file",
    "pooling": "max, or average with a VGG: smoother",
    "seed": "of everything random; the same seed gives the same bytes",
    "max_pixels": "larger pictures are refused before they are decoded",
    "preset": f"settings that go together: {', '.join(PRESETS)}; other flags win",
    "statistic": f"what of f2 is compared: {', '.join(STATISTICS)}",
    "style_levels": "at how many sizes f2 looks, each half of the one before",
    "style_scale": "size of the strokes, 1 for those of the painting; once, or once for"
    " each style",
    "color": "style; content: only the luminance is mixed; match: the style takes the"
    " content's colors first",
    "tileable": "without --content: make a texture whose borders fit each other",
    "loss": "relative, or gatys for the squared ones of the paper",
    "optimizer": f"{' or '.join(OPTIMIZERS)}",
    "alpha": "share of the content: 1 is content alone, 0 style alone",
    "f1": "layers that keep the content's shapes, name[:weight],...; by default"
    f" {BACKBONES[DEFAULT].f1} ({DEFAULT})",
    "f2": "layers that hold the style's texture, name[:weight],...; by default"
    f" {BACKBONES[DEFAULT].f2} ({DEFAULT})",
    "canvas": "how the picture is stored while it is optimized: fourier or pixels",
    "init": f"what to start from: {', '.join(INITS)} or the path of a picture",
    "amplify": "layers to dream of at the same time, name[:weight],...",
    "tv": "weight of the total variation, which smooths",
    "learning_rate": "of Adam at the first step (default: 0.04 on the fourier canvas,"
    " 0.01 on pixels)",
    "flips": "whether some steps see everything turned over",
    "layers": "what to amplify, name[:weight],...; a negative weight suppresses; by"
    f" default {BACKBONES[DEFAULT].dream} ({DEFAULT})",
    "jitter": "greatest shift of the picture before a step, in pixels",
    "step_size": "length of a step: standard deviation of what it adds to a pixel",
}


def _define_settings(settings: type, values: flags.FlagValues, without=()) -> None:
    """One flag for each field of a settings dataclass, with its default."""
    define = {
        bool: flags.DEFINE_boolean,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }
    for field in dataclasses.fields(settings):
        if field.name in without:
            continue
        # float | None -> float, int | str -> str, tuple[float, ...] -> float
        kinds = [k for k in (*typing.get_args(field.type), field.type) if k in define]
        kind, default = (str if str in kinds else kinds[0]), field.default
        call = define[kind]
        if typing.get_origin(field.type) is tuple:
            call, default = flags.DEFINE_multi_float, list(default)
        elif kind is str and default is not None:
            default = str(default)
        call(field.name, default, _HELP[field.name], flag_values=values)


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
    string(
        "checkpoint",
        None,
        "also write, every few seconds, where the run stands",
        flag_values=values,
    )
    boolean("resume", False, "go on from --checkpoint", flag_values=values)
    boolean("overwrite", False, "replace files that exist", flag_values=values)
    integer("depth", 8, "bits per channel, 8, or 16 for .png", flag_values=values)


# --- The commands ---------------------------------------------------------------------


def _define_mix(values: flags.FlagValues) -> None:
    several = flags.DEFINE_multi_string
    flags.DEFINE_string(
        "content", None, "the picture that gives shapes", flag_values=values
    )
    several(
        "style",
        [],
        "the picture that gives texture; several are blended, each as FILE or"
        " FILE:WEIGHT",
        flag_values=values,
    )
    flags.DEFINE_string(
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
    _define_output(values)
    _define_settings(MixSettings, values, without=("style_weights",))


def _mix(values: flags.FlagValues) -> int:
    given = {
        field.name: values[field.name].value
        for field in dataclasses.fields(MixSettings)
        if field.name in values and values[field.name].present
    }
    styles, given["style_weights"] = _weighted(values.style)
    pictures = {"content": [values.content], "style": styles}
    pictures |= {"mask": [values.mask], "style_mask": values.style_mask}
    pictures = {
        flag: [_there(flag, path) for path in paths if path is not None]
        for flag, paths in pictures.items()
    }
    settings = mix_settings(given, bool(pictures["content"]), len(styles))
    files = [path for paths in pictures.values() for path in paths]
    others = [
        path for path in (settings.init, settings.weights) if os.path.isfile(path)
    ]
    job = Job("mix", values, settings, [*files, *others])
    read = {
        flag: [
            images.read(path, settings.max_pixels, f"{flag.replace('_', ' ')} picture")
            for path in paths
        ]
        for flag, paths in pictures.items()
    }

    def recipe(**options):
        from vectormix_tf.mixing import mix

        content, mask = (next(iter(read[flag]), None) for flag in ("content", "mask"))
        masks = read["style_mask"] or None
        return mix(content, read["style"], mask=mask, style_mask=masks, **options)

    return job.run(recipe)


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


def _there(flag: str, path: str) -> str:
    if not path:
        raise InputError(f"--{flag} is empty; give a file or leave it out.")
    return path


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

    def recipe(**options):
        from vectormix_tf.dreaming import dream

        return dream(picture, **options)

    return job.run(recipe)


def _define_layers(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "size", 512, "side of a square picture in pixels", flag_values=values
    )
    flags.DEFINE_string("backbone", DEFAULT, _HELP["backbone"], flag_values=values)
    flags.DEFINE_string("weights", None, _HELP["weights"], flag_values=values)


def _layers(values: flags.FlagValues) -> int:
    check_backend()
    check_choice("backbone", values.backbone, BACKBONES)
    check_integer("size", values.size, BACKBONES[values.backbone].minimum, MAX_SIZE)
    if values.weights is not None:
        check_weights(values.weights, values.backbone)
    with quiet_imports():
        from vectormix_tf import features
    print(f"{'layer':10} {'h x w':>11} {'channels':>8} {'stride':>6} {'field':>5}")
    for name, (height, width), info in features.describe(
        values.size, values.weights, values.backbone
    ):
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
        "Give the shapes of one picture the texture of another. Without --style it\n"
        "rebuilds the content, without --content it makes a texture.",
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
        "List the layers of a network: their shape at a size, channels, stride and"
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
            text = flag.help.partition(";\n")[0]  # absl adds that it may be repeated
            none = flag.default is None or flag.default == []
            default = "" if none else f" (default: {flag.default!r})"
            lines.append(f"  --{flag.name}: {text}{default}")
    lines.append("  --flagfile: a file with one flag per line")
    return "\n".join(lines)
