"""Exploring: one picture dreamt at every layer, so that people choose by looking."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from PIL import Image

from vectormix_tf.config.backbones import BACKBONES, LOGITS
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.io import output, sheets
from vectormix_tf.io.progress import print_line
from vectormix_tf.io.series import Series

SIZE = 288  # long side of a dream: large enough to choose by


def dreams(settings: DreamSettings) -> dict[str, DreamSettings]:
    """Returns the settings of a dream of each whole layer, in the network's order.

    Args:
        settings: Of all of them. With other weights than the bundled ones every layer
            of the backbone is taken.
    """
    network = BACKBONES[settings.backbone]
    bundled = settings.weights == "bundled"
    names = network.bundled_layers if bundled else network.layers
    # Branches are parts of what joins them.
    names = [name for name in names if "/" not in name and name != LOGITS]
    return {name: dataclasses.replace(settings, layers=name) for name in names}


class Explorer:
    """The dreams of all layers, and what there is of their sheet.

    Attributes:
        items: Settings of each picture of the series, by its file's name.
    """

    def __init__(self, settings: DreamSettings, pictures: Mapping[str, Any]):
        """Plans them.

        Args:
            settings: Of all dreams.
            pictures: As `dream` takes them: their paths.
        """
        self._dreams, self._pictures = dreams(settings), dict(pictures)
        self.items = {
            f"{name}.png": dataclasses.asdict(each) | self._pictures
            for name, each in self._dreams.items()
        }

    def run(self, series: Series, path: str, read: Mapping[str, Any]) -> bool:
        """Makes what is missing; the sheet at `path` is written after each dream.

        Args:
            series: With a name for each layer.
            path: Of the sheet.
            read: The pictures themselves.

        Returns:
            Whether all is there; False after Ctrl-C, with the sheet so far.

        Raises:
            KeyboardInterrupt: If there was nothing for a sheet yet.
        """
        from vectormix_tf.recipes.dream import dream

        made = {}
        with contextlib.suppress(KeyboardInterrupt):
            for number, (layer, settings) in enumerate(self._dreams.items(), start=1):
                name = f"{layer}.png"
                new = not series.has(name)
                if new:
                    print_line(f"layer {number}/{len(self._dreams)}: {layer}")
                    result = dream(**read, settings=settings)
                    if not result.finished:
                        break
                    series.add(name, output.encode(result.image, ".png"))
                with Image.open(series.path(name)) as picture:
                    made[layer] = output.on_white(picture)
                if new or len(made) == len(self._dreams):
                    self._write(series, path, made)
        if not made:
            raise KeyboardInterrupt
        return len(made) == len(self._dreams)

    def _write(self, series: Series, path: str, made: Mapping[str, Image.Image]):
        first = next(iter(made.values()))
        ahead = Image.new("RGB", first.size, sheets.NOT_YET)
        shown = [made.get(layer, ahead) for layer in self._dreams]
        sheet = sheets.wrap(shown, list(self._dreams))
        data = sheets.encode(sheet, os.path.splitext(path)[1])
        series.write_product(path, data)
