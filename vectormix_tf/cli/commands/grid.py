"""`vectormix grid`: lays mixes out on a sheet, by the values of two flags."""

import os

from absl import flags

from vectormix_tf.cli.command import Command
from vectormix_tf.cli.flags import (
    check_kept,
    define_mix_pictures,
    define_output_path,
    define_settings,
    flat_paths,
    input_files,
    mix_inputs,
    read_pictures,
)
from vectormix_tf.cli.job import load_tensorflow, required_flag
from vectormix_tf.cli.messages import exit_code
from vectormix_tf.cli.paths import define_paths
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.errors import InputError
from vectormix_tf.galleries.axes import NOTHING, Axis, read_axis
from vectormix_tf.galleries.grid import (
    PROOF_SIZE,
    PROOF_STEPS,
    SIZE,
    Cell,
    Grid,
    check_proofs,
    plan_cells,
)
from vectormix_tf.io import output
from vectormix_tf.io.series import Series


def _define(values: flags.FlagValues) -> None:
    """Defines the flags of `grid`."""
    define_mix_pictures(values)
    define_output_path(values, f"the sheet to write: {' '.join(output.FORMATS)}")
    for which, need in {"row": "", "column": "; none makes one column"}.items():
        flags.DEFINE_string(
            f"{which}s",
            None,
            f"the flag that varies along the {which}s{need}",
            flag_values=values,
        )
        define_paths(
            which,
            "a value of that flag; of content and style a file, a folder or a glob",
            flag_values=values,
        )
    flags.DEFINE_integer(
        "proof_size",
        PROOF_SIZE,
        "long side of the proofs that are made first; 0 for none",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "proof_steps",
        PROOF_STEPS,
        "steps per octave of a proof",
        flag_values=values,
    )
    define_settings(MixSettings, values)
    values.set_default("size", str(SIZE))


def _run(values: flags.FlagValues) -> int:
    """Makes the mixes that the sheet lacks; returns the exit code."""
    required_flag(values, "rows")
    rows, columns = (_axis(values, which) for which in ("row", "column"))
    pictures, options = mix_inputs(values)
    cells = plan_cells(rows, columns, options, pictures)
    path = required_flag(values, "output")
    proofs = values.proof_size, values.proof_steps
    check_proofs(*proofs)
    inputs = sorted(
        {f for cell in cells for f in input_files(cell.pictures, cell.settings)}
    )
    check_kept(inputs, "a grid")
    output.check_output(path, inputs, overwrite=True)
    sizes = _sizes(cells)
    load_tensorflow()
    grid = Grid(rows, columns, cells, sizes, *proofs)
    folder = f"{os.path.splitext(path)[0]}-cells"
    series = Series(folder, "grid", grid.about, grid.items, inputs, values.overwrite)
    if not (values.overwrite or series.owns(path)):
        output.check_output(path)
    finished = grid.run(series, path)
    text = f"wrote the sheet so far to {path}; the same command goes on"
    return exit_code(finished, text)


def _axis(values: flags.FlagValues, which: str) -> Axis:
    """Reads the flag that varies along the rows or the columns, and its values."""
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


def _sizes(cells: list[Cell]) -> dict[str, tuple[int, int]]:
    """Returns (height, width) of each picture; a file that is none is an error."""
    sizes = {}
    for cell in cells:
        for flag, value in cell.pictures.items():
            for path in flat_paths({flag: value}):
                if path not in sizes:
                    picture = read_pictures({flag: path}, cell.settings)[flag]
                    sizes[path] = picture.pixels.shape[1:3]
    return sizes


COMMAND = Command(
    "pictures",
    "vectormix grid --rows=FLAG --row=VALUE ... --columns=FLAG --column=VALUE ..."
    " --output=SHEET.png [flags]",
    "Lay mixes out on a labeled sheet, by the values of two flags of mix; proofs\n"
    "come first. The same command goes on where it stopped.",
    _define,
    _run,
)
