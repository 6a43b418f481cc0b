"""Options: flags made of settings, and what was given by them.

Each command fills a `flags.FlagValues()` of its own, because two commands may want one
flag with different values.
"""

import contextlib
import dataclasses
import os
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from absl import flags

from vectormix_tf.config.backbones import BACKBONES, DEFAULT
from vectormix_tf.config.dream import EASINGS
from vectormix_tf.config.presets import PRESETS
from vectormix_tf.config.settings import (
    INITS,
    OPTIMIZERS,
    STATISTICS,
    MixSettings,
    Settings,
)
from vectormix_tf.errors import InputError
from vectormix_tf.io import images, output, plots

NOT_FLAGS = ("style_weights",)  # they come as --style=FILE:WEIGHT

HELP = {
    "size": "long side of the result in pixels; 0 keeps the picture's own",
    "steps": "steps of the first octave",
    "octaves": "how many sizes, coarse to fine",
    "octave_scale": "factor from one octave's size to the next",
    "octave_steps": "factor on the number of steps from one octave to the next",
    "finish_steps": "steps of each octave beyond 1024 pixels, twice as large as the one"
    " before; 0 takes all steps at full size",
    "backbone": f"the network: {', '.join(BACKBONES)}",
    "weights": "bundled (of inception_v3), imagenet (a download of up to 100 MB) or the"
    " path of a weights file",
    "pooling": "max, or average with a VGG: smoother",
    "precision": "what the network computes in: float32; bfloat16, which some"
    " processors do faster; auto, whichever is faster on this machine (tried once)",
    "xla": "let XLA compile the network, anew for every size; for GPUs",
    "tile": "most pixels of a side that the network sees in one go, for less memory:"
    " auto, off (the whole picture) or a number",
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
    "amplify": "layers or channels to dream of at the same time, name[:weight],...",
    "tv": "weight of the total variation, which smooths",
    "learning_rate": "of Adam at the first step (default: 0.042 on the fourier canvas,"
    " 0.01 on pixels)",
    "flips": "whether some steps see everything turned over",
    "layers": "what to amplify, name[:weight],...: layers, or channels of them such as"
    " mixed4#42 or mixed4#0-31; a negative weight suppresses; by default"
    f" {BACKBONES[DEFAULT].dream} ({DEFAULT})",
    "objective": "what is raised: the mean of the activations, or of their square",
    "neuron": "amplify the cell in the middle alone",
    "direction": "a .npy file [channels]: amplify only what lies along it",
    "guide_mode": "match: each cell is led to the guide's cell that is most like it;"
    " channels: by how much the guide has of each channel",
    "guide_size": "long side of the guide in pixels; 0 keeps its own",
    "octave_mode": "detail gives back the photograph's detail from octave to octave,"
    " enlarge does not",
    "jitter": "greatest shift of the picture before a step, in pixels",
    "frames": "how many frames",
    "further_steps": "steps of every frame but the first, at its full size",
    "zoom": "how much a frame is enlarged to the next, percent",
    "rotate": "how far it turns, degrees, counterclockwise",
    "shift": "how far it moves to the right and down: X,Y, percent of its sides",
    "easing": f"how motion is spread over the film: {', '.join(EASINGS)}",
    "step_size": "length of a step: standard deviation of what it adds to a pixel",
}

DREAM_HELP = {"color": "dream; content: only the lightness is dreamt"}  # wins over HELP

VISUALIZE_HELP = {
    "layer": "the layer whose channels are shown; by default the first that a dream"
    " amplifies",
    "channels": "which: 42, 0-31, 1,5,9-12 or all",
    "size": "side of a picture in pixels",
    "steps": "how many steps each picture takes",
    "diversity": "how many facets of each channel",
    "objective": "what of a channel is raised: the mean of its activations, or square,"
    " that of their squares",
    "neuron": "whether only the cell in the middle counts",
    "blur": "how much the first steps are blurred, pixels: large shapes come first",
    "transforms": "whether each step sees the picture shifted, enlarged and rotated a"
    " little",
    "learning_rate": "at the first step: Adam's on the fourier canvas (default: 0.06),"
    " on pixels the standard deviation of a step (default: 0.01)",
    "batch": "how many pictures are made at once",
}


def define_settings(
    settings: type,
    values: flags.FlagValues,
    without=(),
    texts=types.MappingProxyType({}),
) -> None:
    """One flag for each field of a settings dataclass, with its default.

    Args:
        settings: The dataclass.
        values: Where they are defined.
        without: Names of fields that have none.
        texts: Help on what `HELP` has not, or says of another command.
    """
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
        default = None if default is dataclasses.MISSING else default
        call = define[kind]
        if typing.get_origin(field.type) is tuple:
            call, default = flags.DEFINE_multi_float, list(default)
        elif kind is str and default is not None:
            default = str(default)
        text = texts.get(field.name) or HELP[field.name]
        call(field.name, default, text, flag_values=values)


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
    chosen = given(MixSettings, values)
    pictures = pictures_of(values, "content", "style", "mask", "style_mask", "guide")
    pictures["style"], chosen["style_weights"] = _weighted(values.style)
    return pictures, chosen


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
    named = [settings.weights, settings.direction, getattr(settings, "init", "")]
    return paths_of(pictures) + [path for path in named if os.path.isfile(path)]


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
