"""`vectormix grid`."""

import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    define_file,
    define_pictures,
    define_settings,
    files_of,
    mix_inputs,
    paths_of,
    read_all,
)
from vectormix_tf.cli.job import (
    ended,
    load,
    required,
)
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.galleries import grid as grids
from vectormix_tf.galleries.axes import NOTHING, Axis, read_axis
from vectormix_tf.io import output
from vectormix_tf.io.series import Series


def _define(values: flags.FlagValues) -> None:
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
    define_settings(MixSettings, values)
    values.set_default("size", str(grids.SIZE))


def _run(values: flags.FlagValues) -> int:
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


COMMAND = Command(
    "pictures",
    "vectormix grid --rows=FLAG --row=VALUE ... --columns=FLAG --column=VALUE ..."
    " --output=SHEET.png [flags]",
    "Lay mixes out on a labeled sheet, by the values of two flags of mix; proofs\n"
    "come first. The same command goes on where it stopped.",
    _define,
    _run,
)
