"""Grids: one mix for each pair of values of two flags, on one labeled sheet."""

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
from vectormix_tf.io.progress import print_line
from vectormix_tf.io.series import Series
from vectormix_tf.io.sheets import NOT_YET

SIZE = 320  # long side of a cell: large enough to choose by
PROOF_SIZE = 160  # the least that leaves a photograph's short side to the network
PROOF_STEPS = 40


@dataclasses.dataclass(frozen=True)
class Cell:
    """One of the mixes.

    Attributes:
        place: Row and column, from 0.
        label: What is its own, e.g. "alpha=0.4 style_scale=1.4".
        settings: All of them.
        pictures: Paths, as `mix` takes pictures.
    """

    place: tuple[int, int]
    label: str
    settings: MixSettings
    pictures: dict[str, Any]

    @property
    def name(self) -> str:
        """Of its files, without "cell-" or "proof-" before it."""
        return "-".join(f"{number + 1:02}" for number in self.place) + ".png"


def cells(
    rows: Axis, columns: Axis, given: Mapping[str, Any], pictures: Mapping[str, Any]
) -> list[Cell]:
    """Returns all cells, row by row, their settings checked.

    Args:
        rows: What varies along them.
        columns: Likewise.
        given: Settings that all cells share, by name.
        pictures: Paths that all cells share, as `mix` takes pictures.

    Raises:
        InputError: If the settings of a cell are wrong.
    """
    if rows.flag == columns.flag:
        raise InputError(
            f"--rows and --columns are both {rows.flag}; choose another for one."
        )
    found = []
    for i, (row, above) in enumerate(rows.values):
        for j, (column, beside) in enumerate(columns.values):
            own = {rows.flag: above, columns.flag: beside}
            own.pop("", None)
            files = {**pictures}
            if "content" in own:
                files["content"] = own.pop("content")
            if "style" in own:
                files["style"] = [own.pop("style")]
            settings = MixSettings.of(
                {"size": SIZE, **given, **own},
                files["content"] is not None,
                len(files["style"]),
            )
            label = f"{row} {column}".strip()
            found.append(Cell((i, j), label, settings, files))
    return found


# --- Proofs ---------------------------------------------------------------------------


def check_proofs(size: int, steps: int) -> None:
    """Refuses what is no size (0 for none) or no number of steps of proofs."""
    check_integer("proof_size", size, 0, MAX_SIZE)
    check_integer("proof_steps", steps, 1, MAX_STEPS)


def final_size(cell: Cell, shapes: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Height and width of a cell; `shapes` has those of the files."""
    content = cell.pictures["content"]
    if content is None:
        return cell.settings.texture_size
    return images.fitted_size(*shapes[content], cell.settings.size)


def proof(
    cell: Cell, shapes: Mapping[str, tuple[int, int]], size: int, steps: int
) -> Cell | None:
    """Returns a cell that is smaller and faster; None where it would not be smaller.

    Args:
        cell: The cell.
        shapes: Height and width of each file.
        size: Long side of the proof, as far as the network can see all pictures in it.
        steps: Per octave.
    """
    height, width = final_size(cell, shapes)
    scales = cell.settings.style_scale * len(cell.pictures["style"])
    narrow = [max(height, width) / min(height, width)]
    for path, scale in zip(cell.pictures["style"], scales, strict=False):
        narrow.append(max(shapes[path]) / min(shapes[path]) / scale)
    least = math.ceil(BACKBONES[cell.settings.backbone].minimum * max(narrow)) + 1
    long = max(size, least)
    if size == 0 or long >= max(height, width):
        return None
    if cell.pictures["content"] is None:
        height, width = images.fitted_size(height, width, long)
        long = f"{width}x{height}"
    return dataclasses.replace(
        cell, settings=dataclasses.replace(cell.settings, size=long, steps=steps)
    )


# --- The run --------------------------------------------------------------------------


class Grid:
    """All cells of a grid, and what there is of their sheet.

    Attributes:
        about: What is varied, and how, for a series.
    """

    def __init__(
        self,
        rows: Axis,
        columns: Axis,
        found: Sequence[Cell],
        shapes: Mapping[str, tuple[int, int]],
        proof_size: int,
        proof_steps: int,
    ):
        """Plans both passes.

        Args:
            rows: What varies along them.
            columns: Likewise.
            found: From `cells`.
            shapes: Height and width of each picture file.
            proof_size: Long side of the proofs; 0 for none.
            proof_steps: Of the proofs, per octave.
        """
        self._labels = [[label for label, _ in axis.values] for axis in (rows, columns)]
        proofs = [proof(cell, shapes, proof_size, proof_steps) for cell in found]
        self._passes = {
            "proof": {f"proof-{cell.name}": cell for cell in proofs if cell},
            "cell": {f"cell-{cell.name}": cell for cell in found},
        }
        self.about = {"rows": rows.flag, "columns": columns.flag or None}
        self.about |= {"cells": " x ".join(str(len(each)) for each in self._labels)}
        self.about |= {"proof_size": proof_size}
        self._shapes = shapes
        self._sizes = {}  # (height, width) on the sheet, by place
        self._pictures = {}  # by place; the best there is
        self._changed = False  # since the sheet was written

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """Settings of each picture of the series, by its file's name."""
        return {
            name: dataclasses.asdict(cell.settings) | cell.pictures
            for wanted in self._passes.values()
            for name, cell in wanted.items()
        }

    def run(self, series: Series, path: str) -> bool:
        """Makes what is missing; the sheet at `path` grows.

        It is written after each row of proofs, and then after each cell.

        Returns:
            Whether all is there; False after Ctrl-C, with the sheet so far.

        Raises:
            KeyboardInterrupt: If there was nothing for a sheet yet.
        """
        finished = False
        with contextlib.suppress(KeyboardInterrupt):
            finished = all(self._pass(kind, series, path) for kind in self._passes)
        if not self._pictures:
            raise KeyboardInterrupt
        if self._changed or not os.path.exists(path):
            self._write(series, path)
        return finished

    def _pass(self, kind: str, series: Series, path: str) -> bool:
        wanted = self._passes[kind]
        for cell in [*self._passes["cell"].values(), *wanted.values()]:
            self._sizes[cell.place] = final_size(cell, self._shapes)
        for number, (name, cell) in enumerate(wanted.items(), start=1):
            if not series.has(name):
                print_line(f"{kind} {number}/{len(wanted)}: {cell.label}")
                result = _mix(cell)
                if not result.finished:
                    return False
                data = output.encode(result.image, ".png", result.transparency)
                series.add(name, data)
                self._changed = True
            with Image.open(series.path(name)) as picture:
                self._pictures[cell.place] = output.on_white(picture)
            after = [other.place[0] for other in list(wanted.values())[number:][:1]]
            if self._changed and (kind == "cell" or cell.place[0] not in after):
                self._write(series, path)
        return True

    def _write(self, series: Series, path: str) -> None:
        rows, columns = self._labels
        shown = [
            [self._show((i, j)) for j in range(len(columns))] for i in range(len(rows))
        ]
        sheet = sheets.compose(shown, rows, columns)
        data = sheets.encode(sheet, os.path.splitext(path)[1])
        series.write_product(path, data)
        self._changed = False

    def _show(self, place: tuple[int, int]) -> Image.Image:
        height, width = self._sizes[place]
        picture = self._pictures.get(place)
        if picture is None:
            return Image.new("RGB", (width, height), NOT_YET)
        return picture.resize((width, height), Image.Resampling.LANCZOS)


def _mix(cell: Cell) -> Any:
    from vectormix_tf.recipes.mix import mix

    return mix(**cell.pictures, settings=cell.settings)
