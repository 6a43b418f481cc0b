"""Commands: what each can be told, and the one call that it makes.

Nothing heavy is imported before a command really runs: a mistake is told at once.
"""

import os
import typing
from collections.abc import Callable

from absl import flags

from vectormix_tf import images
from vectormix_tf.checks import check_choice, check_integer
from vectormix_tf.job import Job, check_backend, quiet_imports, required
from vectormix_tf.layers import BACKBONES, DEFAULT, check_weights
from vectormix_tf.options import HELP, define_output, define_settings, given, mix_inputs
from vectormix_tf.presets import mix_settings
from vectormix_tf.settings import MAX_SIZE, DreamSettings, MixSettings, Settings, build


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
    define_output(values)
    define_settings(MixSettings, values, without=("style_weights",))


def _mix(values: flags.FlagValues) -> int:
    pictures, chosen = mix_inputs(values)
    settings = mix_settings(chosen, bool(pictures["content"]), len(pictures["style"]))
    files = [path for paths in pictures.values() for path in paths]
    job = Job("mix", values, settings, [*files, *_files_of(settings)])
    read = {
        flag: [_read(flag, path, settings) for path in paths]
        for flag, paths in pictures.items()
    }

    def recipe(**options):
        from vectormix_tf.mixing import mix

        content, mask = (next(iter(read[flag]), None) for flag in ("content", "mask"))
        masks = read["style_mask"] or None
        return mix(content, read["style"], mask=mask, style_mask=masks, **options)

    return job.run(recipe)


def _files_of(settings: Settings) -> list[str]:
    """The files that settings name."""
    named = [settings.weights, getattr(settings, "init", "")]
    return [path for path in named if os.path.isfile(path)]


def _read(flag: str, path: str, settings: Settings) -> images.Picture:
    what = f"{flag.replace('_', ' ')} picture"
    return images.read(path, settings.max_pixels, what)


def _define_dream(values: flags.FlagValues) -> None:
    flags.DEFINE_string("image", None, "the picture to dream of", flag_values=values)
    define_output(values)
    define_settings(DreamSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _dream(values: flags.FlagValues) -> int:
    settings = build(DreamSettings, given(DreamSettings, values))
    path = required(values, "image")
    job = Job("dream", values, settings, [path, *_files_of(settings)])
    picture = images.read(path, settings.max_pixels)

    def recipe(**options):
        from vectormix_tf.dreaming import dream

        return dream(picture, **options)

    return job.run(recipe)


def _define_layers(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "size", 512, "side of a square picture in pixels", flag_values=values
    )
    flags.DEFINE_string("backbone", DEFAULT, HELP["backbone"], flag_values=values)
    flags.DEFINE_string("weights", None, HELP["weights"], flag_values=values)


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


class Command(typing.NamedTuple):
    """One word behind `vectormix`.

    Attributes:
        usage: How it is called.
        purpose: What it is for, in its help.
        define: Defines its flags.
        call: Runs it; returns the exit code.
    """

    usage: str
    purpose: str
    define: Callable[[flags.FlagValues], None]
    call: Callable[[flags.FlagValues], int]


COMMANDS = {
    "mix": Command(
        "vectormix mix --content=PHOTO --style=PAINTING --output=MIX.png [flags]",
        "Give the shapes of one picture the texture of another. Without --style it\n"
        "rebuilds the content, without --content it makes a texture.",
        _define_mix,
        _mix,
    ),
    "dream": Command(
        "vectormix dream --image=PHOTO --output=DREAM.png [flags]",
        "Let the network exaggerate what it sees in a picture.",
        _define_dream,
        _dream,
    ),
    "layers": Command(
        "vectormix layers [flags]",
        "List the layers of a network: their shape at a size, channels, stride and"
        " receptive field in pixels.",
        _define_layers,
        _layers,
    ),
}
