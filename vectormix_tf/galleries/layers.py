"""Layer sheets: dreams of one picture by every layer of a network, to compare them."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from PIL import Image

from vectormix_tf.config.backbones import BACKBONES, LOGITS
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.io import images, output, sheets
from vectormix_tf.io.completion import complete
from vectormix_tf.io.progress import print_line
from vectormix_tf.io.series import Series

SIZE = 288  # pixels; long side of a dream, enough to compare layers


def settings_by_layer(settings: DreamSettings) -> dict[str, DreamSettings]:
    """Returns the settings of a dream by each layer, in the network's order.

    Branches of a layer (names with a "/") are left out, as they are parts of it, and so
    is the classification layer.

    Args:
        settings: Of all dreams; `layers` is replaced.
    """
    layers = BACKBONES[settings.backbone].layers
    names = [name for name in layers if "/" not in name and name != LOGITS]
    return {name: dataclasses.replace(settings, layers=name) for name in names}


class LayerSheet:
    """Makes the dreams by all layers, and their sheet.

    Attributes:
        items: Settings and files of each dream, by file name; for the `Series`.
    """

    def __init__(self, settings: DreamSettings, paths: Mapping[str, Any]):
        """Plans all dreams; nothing is made.

        Args:
            settings: Of all dreams; `layers` is replaced.
            paths: `{argument of `dream`: path of a picture, or None}`.
        """
        self._dreams = settings_by_layer(settings)
        self.items = {
            f"{layer}.png": dataclasses.asdict(each) | dict(paths)
            for layer, each in self._dreams.items()
        }

    def run(self, series: Series, path: str, pictures: Mapping[str, Any]) -> bool:
        """Makes the dreams that the series does not have yet.

        The sheet is written after each of them, and at the end if it is not there.

        Args:
            series: Made with `items`.
            path: File of the sheet.
            pictures: `{argument of `dream`: picture, or None}`.

        Returns:
            Whether the sheet is complete. After Ctrl-C it is not, and shows the dreams
            so far.

        Raises:
            KeyboardInterrupt: After Ctrl-C before the first dream.
        """
        from vectormix_tf.recipes.dream import dream

        finished, shown = {}, 0  # {layer: picture}; those that the sheet shows
        with contextlib.suppress(KeyboardInterrupt):
            for number, (layer, settings) in enumerate(self._dreams.items(), start=1):
                name = f"{layer}.png"
                is_new = not series.has(name)
                if is_new:
                    print_line(f"layer {number}/{len(self._dreams)}: {layer}")
                    result = dream(**pictures, settings=settings)
                    if not result.finished:
                        break
                    data = output.encode(result.image, ".png", result.transparency)
                    series.add(name, data)
                finished[layer] = output.on_white(images.opened(series.path(name)))
                if is_new:
                    self._write(series, path, finished)
                    shown = len(finished)
        if not finished:
            raise KeyboardInterrupt
        if shown < len(finished) or not os.path.exists(path):
            complete(self._write, series, path, finished)
        return len(finished) == len(self._dreams)

    def _write(
        self, series: Series, path: str, finished: Mapping[str, Image.Image]
    ) -> None:
        """Writes the sheet, with plain gray in place of dreams that are missing."""
        first = next(iter(finished.values()))
        placeholder = Image.new("RGB", first.size, sheets.PLACEHOLDER)
        pictures = [finished.get(layer, placeholder) for layer in self._dreams]
        sheet = sheets.wrap(pictures, list(self._dreams))
        data = sheets.encode(sheet, os.path.splitext(path)[1])
        series.write_product(path, data)
