"""Grids: a labeled sheet of mixes, one for each pair of values of two settings."""

import contextlib
import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.settings import MAX_SIZE, MAX_STEPS
from vectormix_tf.errors import InputError, check_integer
from vectormix_tf.galleries.axes import Axis
from vectormix_tf.io import images, output, sheets
from vectormix_tf.io.completion import complete
from vectormix_tf.io.names import printable
from vectormix_tf.io.progress import print_line
from vectormix_tf.io.results import PictureResult
from vectormix_tf.io.series import Series
from vectormix_tf.io.sizes import Need, result_size

SIZE = 320  # pixels; long side of a cell, enough to compare mixes
# A proof is a preview of a cell: the same mix, smaller and with fewer steps.
PROOF_SIZE = 160  # pixels; a long side at which most photographs are not too narrow
PROOF_STEPS = 40

Sizes = Mapping[str, tuple[int, int]]  # path of a picture -> (height, width)


@dataclasses.dataclass(frozen=True)
class Cell:
    """One of the mixes of a grid.

    Attributes:
        place: Row and column, from 0.
        label: The values that vary, e.g. "alpha=0.4 style_scale=1.4".
        settings: All settings of the mix.
        pictures: `{argument of `mix`: path, list of paths, or None}`.
    """

    place: tuple[int, int]
    label: str
    settings: MixSettings
    pictures: dict[str, Any]

    @property
    def name(self) -> str:
        """File name, e.g. "01-03.png"; the grid puts "cell-" or "proof-" before it."""
        return "-".join(f"{number + 1:02}" for number in self.place) + ".png"


def plan_cells(
    rows: Axis,
    columns: Axis,
    options: Mapping[str, Any],
    pictures: Mapping[str, Any],
) -> list[Cell]:
    """Returns all cells, row by row.

    Args:
        rows: What varies from row to row.
        columns: What varies from column to column.
        options: Settings that all cells share, by name.
        pictures: Pictures that all cells share, as `Cell.pictures`.

    Raises:
        InputError: If both axes are the same flag, or the settings of a cell cannot be
            used.
    """
    if rows.flag == columns.flag:
        raise InputError(
            f"`rows` and `columns` are both {rows.flag}; choose another for one."
        )
    cells = []
    for i, (row_label, row_value) in enumerate(rows.values):
        for j, (column_label, column_value) in enumerate(columns.values):
            varied = {rows.flag: row_value, columns.flag: column_value}
            varied.pop("", None)
            files = {**pictures}
            if "content" in varied:
                files["content"] = varied.pop("content")
            if "style" in varied:
                files["style"] = [varied.pop("style")]
            settings = MixSettings.of(
                {"size": SIZE, **options, **varied},
                files["content"] is not None,
                len(files["style"]),
            )
            label = f"{row_label} {column_label}".strip()
            cells.append(Cell((i, j), label, settings, files))
    return cells


# --- Proofs ---------------------------------------------------------------------------


def check_proofs(size: int, steps: int) -> None:
    """Checks the settings of proofs.

    Args:
        size: `proof_size`, in pixels; 0 makes no proofs.
        steps: `proof_steps`, at least 1.

    Raises:
        InputError: If one of them is out of range.
    """
    check_integer("proof_size", size, 0, MAX_SIZE)
    check_integer("proof_steps", steps, 1, MAX_STEPS)


def fit_cells(cells: Sequence[Cell], sizes: Sizes) -> list[Cell]:
    """Returns the cells, those of a panorama with a `size` that the network accepts.

    Only the default `SIZE` is changed; see `io.sizes`.

    Args:
        cells: From `plan_cells`.
        sizes: Size of each picture file.

    Warns:
        Notice: If the cells of a content are larger than `SIZE`.
    """
    fitted, longs = [], {}
    for cell in cells:
        content, settings = cell.pictures["content"], cell.settings
        if content is not None and settings.size == SIZE:
            key = content, settings.backbone
            if key not in longs:
                need = Need.of(settings.backbone)
                what = f"content picture `{content}`"
                longs[key] = max(result_size(sizes[content], SIZE, SIZE, need, what))
            settings = dataclasses.replace(settings, size=longs[key])
            cell = dataclasses.replace(cell, settings=settings)
        fitted.append(cell)
    return fitted


def final_size(cell: Cell, sizes: Sizes) -> tuple[int, int]:
    """Returns the (height, width) of a cell's mix, for the sizes of the files."""
    content = cell.pictures["content"]
    if content is None:
        return cell.settings.texture_size
    return images.fitted_size(*sizes[content], cell.settings.size)


def plan_proof(cell: Cell, sizes: Sizes, size: int, steps: int) -> Cell | None:
    """Returns the proof of a cell, or None if it would not be smaller than the cell.

    Args:
        cell: The cell.
        sizes: Size of each picture file.
        size: Long side of the proof in pixels; more if the network needs it to see
            content and styles. 0 makes no proof.
        steps: Steps per octave; a cell without steps has a proof without.
    """
    height, width = final_size(cell, sizes)
    scales = cell.settings.style_scale * len(cell.pictures["style"])
    # Long side of the proof relative to the short side of each picture in it.
    ratios = [max(height, width) / min(height, width)]
    for path, scale in zip(cell.pictures["style"], scales, strict=False):
        ratios.append(max(sizes[path]) / min(sizes[path]) / scale)
    least = math.ceil(BACKBONES[cell.settings.backbone].minimum * max(ratios)) + 1
    long_side = max(size, least)
    if size == 0 or long_side >= max(height, width):
        return None
    new_size = long_side
    if cell.pictures["content"] is None:
        height, width = images.fitted_size(height, width, long_side)
        new_size = f"{width}x{height}"
    steps = steps if cell.settings.steps else 0
    return dataclasses.replace(
        cell, settings=dataclasses.replace(cell.settings, size=new_size, steps=steps)
    )


# --- Making the pictures --------------------------------------------------------------


class Grid:
    """Makes the proofs and cells of a grid, and their sheet.

    Attributes:
        about: Record of the axes and proofs, for the manifest of the `Series`.
    """

    def __init__(
        self,
        rows: Axis,
        columns: Axis,
        cells: Sequence[Cell],
        sizes: Sizes,
        proof_size: int,
        proof_steps: int,
    ):
        """Plans all pictures; nothing is made.

        Args:
            rows: What varies from row to row.
            columns: What varies from column to column.
            cells: From `plan_cells`.
            sizes: Size of each picture file.
            proof_size: Long side of the proofs in pixels; 0 makes none.
            proof_steps: Steps per octave of the proofs.
        """
        cells = fit_cells(cells, sizes)
        self._labels = [[label for label, _ in axis.values] for axis in (rows, columns)]
        proofs = [plan_proof(cell, sizes, proof_size, proof_steps) for cell in cells]
        self._passes = {
            "proof": {f"proof-{cell.name}": cell for cell in proofs if cell},
            "cell": {f"cell-{cell.name}": cell for cell in cells},
        }
        self.about = {"rows": rows.flag, "columns": columns.flag or None}
        self.about |= {"cells": " x ".join(str(len(each)) for each in self._labels)}
        self.about |= {"proof_size": proof_size}
        self._sizes = sizes
        self._places = {}  # {place: (height, width) of the picture on the sheet}
        self._pictures = {}  # {place: picture}; a proof until there is the cell
        self._changed = False  # whether the sheet lacks a picture that was made

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Settings and files of each proof and cell, by file name; for the `Series`."""
        return {
            name: dataclasses.asdict(cell.settings) | cell.pictures
            for cells in self._passes.values()
            for name, cell in cells.items()
        }

    def run(self, series: Series, path: str) -> bool:
        """Makes the pictures that the series does not have yet, proofs first.

        The sheet is written after each row of proofs, and then after each cell.

        Args:
            series: Made with `about` and `items`.
            path: File of the sheet.

        Returns:
            Whether the grid is complete. After Ctrl-C it is not, and the sheet shows
            the pictures so far.

        Raises:
            KeyboardInterrupt: After Ctrl-C before the first picture.
        """
        finished = False
        with contextlib.suppress(KeyboardInterrupt):
            finished = all(self._pass(kind, series, path) for kind in self._passes)
        if not self._pictures:
            raise KeyboardInterrupt
        if self._changed or not os.path.exists(path):
            complete(self._write, series, path)
        return finished

    def _pass(self, kind: str, series: Series, path: str) -> bool:
        """Makes all missing pictures of a kind, "proof" or "cell"."""
        cells = self._passes[kind]
        for cell in [*self._passes["cell"].values(), *cells.values()]:
            self._places[cell.place] = final_size(cell, self._sizes)
        for number, (name, cell) in enumerate(cells.items(), start=1):
            if not series.has(name):
                label = printable(cell.label)
                print_line(f"{kind} {number}/{len(cells)}: {label}")
                result = _mix(cell)
                if not result.finished:
                    return False
                data = output.encode(result.image, ".png", result.transparency)
                series.add(name, data)
                self._changed = True
            picture = images.opened(series.path(name))
            self._pictures[cell.place] = output.on_white(picture)
            next_rows = [each.place[0] for each in list(cells.values())[number:][:1]]
            ends_row = cell.place[0] not in next_rows
            if self._changed and (kind == "cell" or ends_row):
                self._write(series, path)
        return True

    def _write(self, series: Series, path: str) -> None:
        """Writes the sheet."""
        rows, columns = self._labels
        pictures = [
            [self._picture((i, j)) for j in range(len(columns))]
            for i in range(len(rows))
        ]
        sheet = sheets.compose(pictures, rows, columns)
        data = sheets.encode(sheet, os.path.splitext(path)[1])
        series.write_product(path, data)
        self._changed = False

    def _picture(self, place: tuple[int, int]) -> Image.Image:
        """Returns what the sheet shows at a place: a cell, a proof or plain gray."""
        height, width = self._places[place]
        picture = self._pictures.get(place)
        if picture is None:
            return Image.new("RGB", (width, height), sheets.PLACEHOLDER)
        return picture.resize((width, height), Image.Resampling.LANCZOS)


def _mix(cell: Cell) -> PictureResult[MixSettings]:
    from vectormix_tf.recipes.mix import mix

    return mix(**cell.pictures, settings=cell.settings)
