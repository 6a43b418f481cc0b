"""Atlases: an image of every channel of a layer, with a web page that shows them."""

import contextlib
import dataclasses
import html
import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from vectormix_tf.config.classes import channel_label
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.io import images, output, sheets
from vectormix_tf.io.completion import complete
from vectormix_tf.io.names import readable
from vectormix_tf.io.progress import ProgressBar, print_line
from vectormix_tf.io.series import Series

# Defaults that differ from those of `visualize`, so that the hundreds of channels of a
# layer take minutes.
DEFAULTS = {"channels": "all", "size": 96, "steps": 48, "batch": 16}
NO_FLAGS = ("diversity",)  # settings of `visualize` that an atlas does not have
SHEET, PAGE = "sheet.png", "index.html"
SHEET_PIXELS = 4_000_000  # most pixels of all tiles together on the sheet
# Before the page and the sheet are written again, at least WAIT seconds pass, and SHARE
# times as long as writing them took the last time.
WAIT = 20.0
SHARE = 20

# Settings that are not recorded with a tile. Two do not change it; the channel has a
# field of its own.
_NOT_RECORDED = ("channels", "diversity", "batch")


class Atlas:
    """Makes the tiles of an atlas, its page and its sheet.

    Attributes:
        about: Number of tiles, for the manifest of the `Series`.
        items: Settings of each tile, by file name; for the `Series`.
    """

    def __init__(self, settings: VisualizeSettings, channels: Sequence[int]):
        """Plans all tiles; nothing is made.

        Args:
            settings: Settings of all tiles.
            channels: Numbers of the channels, from `Visualizer.channels`.
        """
        self._settings, self._channels = settings, list(channels)
        self.about = {"tiles": len(self._channels)}
        common = dataclasses.asdict(settings)
        common = {k: v for k, v in common.items() if k not in _NOT_RECORDED}
        self.items = {tile_name(c): common | {"channel": c} for c in self._channels}
        self._side = min(settings.size, math.isqrt(SHEET_PIXELS // len(self._channels)))
        self._thumbnails = {}  # {channel: picture on the sheet}

    def run(self, series: Series, visualizer: Any) -> bool:
        """Makes the tiles that the series does not have yet.

        The page and the sheet are written now and then, and at the end.

        Args:
            series: Made with `about` and `items`.
            visualizer: A `visualize.Visualizer` of the same settings.

        Returns:
            Whether the atlas is complete; False after Ctrl-C.
        """
        missing = [c for c in self._channels if not series.has(tile_name(c))]
        for channel in self._channels:
            if channel not in missing:
                tile = images.opened(series.path(tile_name(channel)))
                self._add_thumbnail(channel, tile)
        finished = False
        bar = ProgressBar("batch")
        with contextlib.closing(bar), contextlib.suppress(KeyboardInterrupt):
            finished = self._make(missing, series, visualizer, bar)
        if self._thumbnails:
            complete(self._write, series)
        return finished

    def _make(
        self,
        channels: Sequence[int],
        series: Series,
        visualizer: Any,
        bar: ProgressBar,
    ) -> bool:
        """Makes tiles; returns False if a batch was interrupted."""
        next_write = 0.0
        for results in visualizer.make(channels, bar):
            if not results[-1].finished:
                return False
            for result in results:
                data = output.encode(result.image, ".png")
                series.add(tile_name(result.channel), data)
                self._add_thumbnail(result.channel, result.pil)
            print_line(f"tiles {len(self._thumbnails)}/{len(self._channels)}")
            started = time.monotonic()
            is_complete = len(self._thumbnails) == len(self._channels)
            if started >= next_write and not is_complete:
                self._write(series)
                now = time.monotonic()
                next_write = now + max(WAIT, SHARE * (now - started))
        return True

    def _add_thumbnail(self, channel: int, tile: Image.Image) -> None:
        size = self._side, self._side
        self._thumbnails[channel] = tile.resize(size, Image.Resampling.LANCZOS)

    def _write(self, series: Series) -> None:
        """Writes the sheet and the page, with plain gray in place of missing tiles."""
        placeholder = Image.new("RGB", (self._side, self._side), sheets.PLACEHOLDER)
        tiles = [self._thumbnails.get(c, placeholder) for c in self._channels]
        layer = str(self._settings.layer)
        labels = [channel_label(layer, channel) for channel in self._channels]
        sheet = sheets.wrap(tiles, labels)
        data = sheets.encode(sheet, ".png")
        text = page(self._settings, {c: c in self._thumbnails for c in self._channels})
        _replace(series, SHEET, data)
        _replace(series, PAGE, text.encode())


def _replace(series: Series, file: str, data: bytes) -> None:
    """Writes a product of a series, unless the file has this content already."""
    path = series.path(file)
    with contextlib.suppress(OSError), open(path, "rb") as opened:
        if opened.read() == data:
            return
    series.write_product(path, data)


def tile_name(channel: int) -> str:
    """Returns the file name of a channel's tile."""
    return f"{channel:04}.png"


def check_products(series: Series, inputs: Sequence[str], overwrite: bool) -> None:
    """Checks that writing the sheet and the page replaces no other files.

    Args:
        series: The folder of the atlas.
        inputs: Paths of all files that are read.
        overwrite: Whether files of another origin may be replaced.

    Raises:
        InputError: If the sheet or the page exists and was not written by this series,
            or is an input.
    """
    for path in (series.path(SHEET), series.path(PAGE)):
        if os.path.lexists(path):
            output.check_path(path, inputs, overwrite or series.owns(path))


# --- The page -------------------------------------------------------------------------

_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 1.5em; background: #fff; color: #282828; font: 14px sans-serif }}
h1 {{ font-size: 1.4em }}
div {{ display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax({side}px, 1fr)) }}
figure {{ margin: 0; text-align: center }}
a, a > img, span {{ display: block; width: 100%; height: auto; aspect-ratio: 1 }}
span {{ background: #ebebeb }}
figure:target, a:focus {{ outline: 3px solid #3a7 }}
</style>
<main>
<h1>{title}</h1>
<p>{about}</p>
<div>
{tiles}
</div>
</main>
</html>
"""
_TILE = (
    '<figure id="{channel}"><a href="{file}"><img loading="lazy" src="{file}"'
    ' width="{side}" height="{side}" alt="channel {channel}"></a>'
    "<figcaption>{label}</figcaption></figure>"
)
_MISSING_TILE = (
    '<figure id="{channel}"><span></span><figcaption>{label}</figcaption></figure>'
)


def page(settings: VisualizeSettings, tiles: Mapping[int, bool]) -> str:
    """Returns a web page of all tiles, to be stored in their folder.

    Args:
        settings: Settings of the tiles.
        tiles: `{channel: whether its tile exists}`.

    Returns:
        HTML, without scripts and with no links but those to tiles.
    """
    done = sum(tiles.values())
    weights = readable(os.path.basename(settings.weights))
    count = (
        f"{len(tiles)} channels"
        if done == len(tiles)
        else (f"{done} of {len(tiles)} channels so far")
    )
    figures = [
        (_TILE if exists else _MISSING_TILE).format(
            channel=channel,
            file=html.escape(tile_name(channel)),
            label=html.escape(channel_label(str(settings.layer), channel)),
            side=settings.size,
        )
        for channel, exists in tiles.items()
    ]
    return _PAGE.format(
        title=html.escape(f"{settings.layer} of {settings.backbone}"),
        about=html.escape(
            f"{count}; weights {weights}, {settings.size} pixels,"
            f" {settings.steps} steps, seed {settings.seed}."
        ),
        side=settings.size,
        tiles="\n".join(figures),
    )
