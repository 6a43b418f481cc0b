"""Commands: what each can be told, and the one call that it makes.

Nothing heavy is imported before a command really runs: a mistake is told at once.
"""

import os
import sys
import typing
from collections.abc import Callable, Sequence

from absl import flags

from vectormix_tf.cli import hosting, measuring, moving, remote, showing
from vectormix_tf.cli.flags import (
    DREAM_HELP,
    HELP,
    NOT_FLAGS,
    define_file,
    define_guide,
    define_output,
    define_pictures,
    define_settings,
    files_of,
    given,
    mix_inputs,
    paths_of,
    pictures_of,
    read_all,
)
from vectormix_tf.cli.job import (
    Job,
    check_backend,
    ended,
    load,
    quiet_imports,
    required,
)
from vectormix_tf.config.backbones import BACKBONES, DEFAULT, check_weights
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.presets import mix_settings
from vectormix_tf.config.settings import MAX_PIXELS, MAX_SIZE, MixSettings, build
from vectormix_tf.errors import InputError, check_choice, check_integer
from vectormix_tf.galleries import grid as grids
from vectormix_tf.galleries import layers as layer_sheet
from vectormix_tf.galleries.axes import NOTHING, Axis, read_axis
from vectormix_tf.io import output
from vectormix_tf.io.series import Series
from vectormix_tf.recipes import classify as classify_recipe


def _define_mix(values: flags.FlagValues) -> None:
    define_pictures(values)
    define_output(values)
    remote.define_server(values)
    define_settings(MixSettings, values, without=NOT_FLAGS)


def _mix(values: flags.FlagValues) -> int:
    if values.server is not None:
        return remote.mix(values)
    pictures, chosen = mix_inputs(values)
    content, styles = pictures["content"] is not None, len(pictures["style"])
    settings = mix_settings(chosen, content, styles)
    job = Job("mix", values, settings, files_of(pictures, settings))
    read = read_all(pictures, settings)

    def recipe(**options):
        from vectormix_tf.recipes.mix import mix

        return mix(**read, **options)

    return job.run(recipe)


def _define_dream(values: flags.FlagValues) -> None:
    flags.DEFINE_string("image", None, "the picture to dream of", flag_values=values)
    define_guide(values)
    flags.DEFINE_string(
        "mask",
        None,
        "a picture: white is dreamt, black stays the photograph, gray is between",
        flag_values=values,
    )
    define_output(values)
    flags.DEFINE_boolean(
        "explore",
        False,
        "make a labeled sheet of dreams of every layer, to choose by; --size is that of"
        f" each, {layer_sheet.SIZE} where it is not given",
        flag_values=values,
    )
    remote.define_server(values)
    define_settings(DreamSettings, values, texts=DREAM_HELP)
    flags.DEFINE_alias("learning_rate", "step_size", flag_values=values)


def _dream(values: flags.FlagValues) -> int:
    if values.server is not None:
        return remote.dream(values)
    settings = build(DreamSettings, given(DreamSettings, values))
    required(values, "image")
    pictures = pictures_of(values, "image", "guide", "mask")
    if values.explore:
        return showing.explore(values, settings, pictures)
    job = Job("dream", values, settings, files_of(pictures, settings))
    read = read_all(pictures, settings)

    def recipe(**options):
        from vectormix_tf.recipes.dream import dream

        return dream(**read, **options)

    return job.run(recipe)


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
    inputs = sorted(
        {f for cell in found for f in files_of(cell.pictures, cell.settings)}
    )
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
                    picture = read_all({flag: path}, cell.settings)[flag]
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
        from vectormix_tf.backbone import extractor as extractors
    print(f"{'layer':10} {'h x w':>11} {'channels':>8} {'stride':>6} {'field':>5}")
    for name, (height, width), info in extractors.describe(
        values.size, values.weights, values.backbone
    ):
        shape = f"{height} x {width}"
        stride, field = info.stride or "-", info.field or "all"
        print(f"{name:10} {shape:>11} {info.channels:8} {stride:>6} {field:>5}")
    return 0


def _define_classify(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "top", classify_recipe.TOP, "how many classes to name", flag_values=values
    )
    flags.DEFINE_string(
        "weights",
        "imagenet",
        "imagenet (a download of 96 MB) or the path of a weights file with classes",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_pixels", MAX_PIXELS, HELP["max_pixels"], lower_bound=1, flag_values=values
    )


def _classify(values: flags.FlagValues, paths: Sequence[str]) -> int:
    if not paths:
        raise InputError("which picture? vectormix classify PHOTO.jpg ...")
    classify_recipe.check(values.weights, values.top)
    squares = [classify_recipe.middle_square(path, values.max_pixels) for path in paths]
    load()
    guesses = classify_recipe.classify_each(squares, values.weights, values.top)
    for path, guess in zip(paths, guesses, strict=True):
        if len(paths) > 1:
            print(_shown(path))
        for name, probability in guess:
            print(f"{probability:6.1%} {name}", flush=True)
    return 0


def _shown(name: str) -> str:
    """A file's name as far as the console has its letters."""
    encoding = sys.stdout.encoding or "utf-8"
    return name.encode(encoding, "backslashreplace").decode(encoding)


class Command(typing.NamedTuple):
    """One word behind `vectormix`.

    Attributes:
        usage: How it is called.
        purpose: What it is for, in its help.
        define: Defines its flags.
        call: Runs it; returns the exit code.
        pictures: Whether it takes pictures without a flag; `call` gets their paths.
    """

    usage: str
    purpose: str
    define: Callable[[flags.FlagValues], None]
    call: Callable[..., int]
    pictures: bool = False


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
        moving.define_sweep,
        moving.sweep,
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
    "zoom": Command(
        "vectormix zoom --image=PHOTO --frames=N --output=FILM.mp4 [flags]",
        "Go ever deeper into a dream: a film, or a folder of frames in which the same\n"
        "command goes on where it stopped.",
        moving.define_zoom,
        moving.zoom,
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
    "classify": Command(
        "vectormix classify PHOTO ... [flags]",
        "Tell what a picture shows: the likeliest of ImageNet's 1000 classes. It looks"
        " at\nthe middle square, as ImageNet's evaluation does.",
        _define_classify,
        _classify,
        pictures=True,
    ),
    "benchmark": Command(
        "vectormix benchmark [flags]",
        "Tell how fast it is here: what this machine can do, what a step, a start and a"
        "\nwhole run take at several sizes, and how other packages do.",
        measuring.define_benchmark,
        measuring.benchmark,
    ),
    "export": Command(
        "vectormix export --output=models/vectormix [flags]",
        "Write a model that makes mixes and dreams with TensorFlow Serving, as a new\n"
        "version in that folder. It needs neither Keras nor this package.",
        hosting.define_export,
        hosting.export,
    ),
    "serve": Command(
        "vectormix serve --model=FOLDER [flags]",
        "Serve an exported model with the API of TensorFlow Serving, over gRPC and"
        " REST,\nuntil Ctrl-C.",
        hosting.define_serve,
        hosting.serve,
    ),
}
