"""Commands: what each can be told, and the one call that it makes.

Nothing heavy is imported before a command really runs: a mistake is told at once.
"""

import dataclasses
import functools
import os
import typing
from collections.abc import Callable, Mapping
from typing import Any

from absl import flags

from vectormix_tf import films, grids, images, output, showing, sweeping
from vectormix_tf.axes import NOTHING, Axis, read_axis
from vectormix_tf.checks import InputError, check_choice, check_integer
from vectormix_tf.job import (
    Job,
    check_backend,
    ended,
    load,
    quiet_imports,
    required,
)
from vectormix_tf.layers import BACKBONES, DEFAULT, check_weights
from vectormix_tf.options import (
    HELP,
    NOT_FLAGS,
    define_file,
    define_output,
    define_pictures,
    define_settings,
    given,
    mix_inputs,
    paths_of,
)
from vectormix_tf.presets import mix_settings
from vectormix_tf.series import Series
from vectormix_tf.settings import MAX_SIZE, DreamSettings, MixSettings, Settings, build


def _define_mix(values: flags.FlagValues) -> None:
    define_pictures(values)
    define_output(values)
    define_settings(MixSettings, values, without=NOT_FLAGS)


def _mix(values: flags.FlagValues) -> int:
    pictures, chosen = mix_inputs(values)
    content, styles = pictures["content"] is not None, len(pictures["style"])
    settings = mix_settings(chosen, content, styles)
    job = Job("mix", values, settings, _files(pictures, settings))
    read = _read_all(pictures, settings)

    def recipe(**options):
        from vectormix_tf.mixing import mix

        return mix(**read, **options)

    return job.run(recipe)


def _files(pictures: Mapping[str, Any], settings: Settings) -> list[str]:
    """All that is read: the pictures, and files that settings name."""
    named = [settings.weights, getattr(settings, "init", "")]
    return paths_of(pictures) + [path for path in named if os.path.isfile(path)]


def _read_all(pictures: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Reads what flags name: what is no picture is told before any work."""

    def read(flag, paths):
        if paths is None:
            return None
        if isinstance(paths, list):
            return [read(flag, path) for path in paths]
        what = f"{flag.replace('_', ' ')} picture"
        return images.read(paths, settings.max_pixels, what)

    return {flag: read(flag, paths) for flag, paths in pictures.items()}


def _define_dream(values: flags.FlagValues) -> None:
    flags.DEFINE_string("image", None, "the picture to dream of", flag_values=values)
    define_output(values)
    define_settings(DreamSettings, values)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _dream(values: flags.FlagValues) -> int:
    settings = build(DreamSettings, given(DreamSettings, values))
    path = required(values, "image")
    job = Job("dream", values, settings, _files({"image": path}, settings))
    picture = images.read(path, settings.max_pixels)

    def recipe(**options):
        from vectormix_tf.dreaming import dream

        return dream(picture, **options)

    return job.run(recipe)


def _define_sweep(values: flags.FlagValues) -> None:
    define_pictures(values)
    endings = " or ".join(films.FORMATS)
    define_file(values, f"a film, {endings}, or without ending a folder of pictures")
    flags.DEFINE_string(
        "alphas",
        sweeping.ALPHAS,
        "which: FIRST:LAST:COUNT, evenly, or numbers with commas between them",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "further_steps",
        sweeping.FURTHER_STEPS,
        "steps per octave of all mixes but the first",
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps", films.FPS, "pictures per second of a film", flag_values=values
    )
    define_settings(MixSettings, values, without=(*NOT_FLAGS, "alpha"))


def _sweep(values: flags.FlagValues) -> int:
    for flag in ("content", "style"):
        required(values, flag)
    pictures, chosen = mix_inputs(values)
    alphas = sweeping.parse_alphas(values.alphas)
    settings = sweeping.plan(
        chosen, alphas, values.further_steps, len(pictures["style"])
    )
    path = required(values, "output")
    films.check_fps(values.fps)
    inputs = _files(pictures, settings[0])
    if films.is_film(path):
        output.check_path(path, inputs, values.overwrite)
    read = _read_all(pictures, settings[0])
    load()
    recipe = functools.partial(
        sweeping.sweep,
        **read,
        further_steps=values.further_steps,
        **chosen,
    )
    if films.is_film(path):
        finished = sweeping.to_film(path, alphas, recipe, values.fps, values.overwrite)
        return ended(finished, f"wrote the film so far to {path}")
    items = {
        f"{i:04}.png": dataclasses.asdict(each) | pictures
        for i, each in enumerate(settings, start=1)
    }
    about = {"pictures": len(alphas)}
    folder = os.path.normpath(path)
    series = Series(folder, "sweep", about, items, inputs, values.overwrite)
    finished = sweeping.to_folder(series, alphas, recipe)
    return ended(finished, f"the same command goes on in {folder}")


def _define_grid(values: flags.FlagValues) -> None:
    define_pictures(values)
    define_file(values, f"the sheet to write: {' '.join(output.FORMATS)}")
    for which, need in {"row": "", "column": "; none makes one column"}.items():
        flags.DEFINE_string(
            f"{which}s",
            None,
            f"the flag that varies along the {which}s{need}",
            flag_values=values,
        )
        flags.DEFINE_multi_string(
            which,
            [],
            "a value of that flag; of content and style a file, a folder or a glob",
            flag_values=values,
        )
    flags.DEFINE_integer(
        "proof_size",
        grids.PROOF_SIZE,
        "long side of the proofs that are made first; 0 for none",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "proof_steps",
        grids.PROOF_STEPS,
        "steps per octave of a proof",
        flag_values=values,
    )
    define_settings(MixSettings, values, without=NOT_FLAGS)
    values.set_default("size", str(grids.SIZE))


def _grid(values: flags.FlagValues) -> int:
    required(values, "rows")
    rows, columns = (_axis(values, which) for which in ("row", "column"))
    pictures, chosen = mix_inputs(values)
    found = grids.cells(rows, columns, chosen, pictures)
    path = required(values, "output")
    sizes = values.proof_size, values.proof_steps
    grids.check_proofs(*sizes)
    inputs = sorted({f for cell in found for f in _files(cell.pictures, cell.settings)})
    output.check_output(path, inputs, overwrite=True)
    shapes = _shapes(found)
    load()
    grid = grids.Grid(rows, columns, found, shapes, *sizes)
    folder = f"{os.path.splitext(path)[0]}-cells"
    series = Series(folder, "grid", grid.about, grid.items, inputs, values.overwrite)
    if not (values.overwrite or series.owns(path)):
        output.check_output(path)
    series.begin()
    finished = grid.run(series, path)
    text = f"wrote the sheet so far to {path}; the same command goes on"
    return ended(finished, text)


def _axis(values: flags.FlagValues, which: str) -> Axis:
    """What varies along the rows or the columns."""
    flag, texts = values[f"{which}s"].value, values[which].value
    if not flag:
        if texts:
            raise InputError(f"--{which} needs --{which}s: the flag that it is of.")
        return NOTHING

    def parse(flag, text):
        return values[flag].parser.parse(text)

    axis = read_axis(flag, texts, which, parse)
    if values[flag].present:
        raise InputError(
            f"--{flag} is given, and --{which}s={flag} varies it; leave one out."
        )
    return axis


def _shapes(found: list[grids.Cell]) -> dict[str, tuple[int, int]]:
    """Height and width of each picture; what is none is told before any work."""
    shapes = {}
    for cell in found:
        for flag, value in cell.pictures.items():
            for path in paths_of({flag: value}):
                if path not in shapes:
                    picture = _read_all({flag: path}, cell.settings)[flag]
                    shapes[path] = picture.pixels.shape[1:3]
    return shapes


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
    "sweep": Command(
        "vectormix sweep --content=PHOTO --style=PAINTING --output=FILM.webp [flags]",
        "Show what alpha does: a film, or a folder of pictures in which the same\n"
        "command goes on where it stopped.",
        _define_sweep,
        _sweep,
    ),
    "grid": Command(
        "vectormix grid --rows=FLAG --row=VALUE ... --columns=FLAG --column=VALUE ..."
        " --output=SHEET.png [flags]",
        "Lay mixes out on a labeled sheet, by the values of two flags of mix; proofs\n"
        "come first. The same command goes on where it stopped.",
        _define_grid,
        _grid,
    ),
    "dream": Command(
        "vectormix dream --image=PHOTO --output=DREAM.png [flags]",
        "Let the network exaggerate what it sees in a picture.",
        _define_dream,
        _dream,
    ),
    "visualize": Command(
        "vectormix visualize --layer=LAYER --channels=0-31 --output=SHEET.png [flags]",
        "Show what channels of a layer look for: pictures made out of noise.",
        showing.define_visualize,
        showing.visualize,
    ),
    "atlas": Command(
        "vectormix atlas --layer=LAYER --output=FOLDER [flags]",
        "Show what every channel of a layer looks for: tiles in a folder, with a page\n"
        "and a sheet of them. The same command goes on where it stopped.",
        showing.define_atlas,
        showing.atlas,
    ),
    "layers": Command(
        "vectormix layers [flags]",
        "List the layers of a network: their shape at a size, channels, stride and"
        " receptive field in pixels.",
        _define_layers,
        _layers,
    ),
}
