"""Atlases: a picture of every channel of a layer, in a folder with a page of them."""

import contextlib
import dataclasses
import html
import math
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.io import output, sheets
from vectormix_tf.io.progress import ProgressBar, print_line
from vectormix_tf.io.series import Series

# What an atlas has otherwise than a few pictures: hundreds shall take minutes.
DEFAULTS = {"channels": "all", "size": 96, "steps": 48, "batch": 16}
NO_FLAGS = ("diversity",)  # a channel has one tile
SHEET, PAGE = "sheet.png", "index.html"
SHEET_PIXELS = 4_000_000  # of all tiles on the sheet, at most
WAIT = 20.0  # seconds at least between two times that the page and the sheet grow
SHARE = 20  # and so many times what writing them takes

# What does not change a tile, or has its own place.
_NOT_ITS_OWN = ("channels", "diversity", "batch")


class Atlas:
    """All tiles of an atlas, and what there is of them.

    Attributes:
        about: What all tiles have in common, for a series.
        items: `{file name: settings of that tile}`, likewise.
    """

    def __init__(self, settings: VisualizeSettings, channels: Sequence[int]):
        """Plans the tiles; nothing is made.

        Args:
            settings: Of all tiles.
            channels: Those of a `Visualizer`.
        """
        self._settings, self._channels = settings, list(channels)
        self.about = {"tiles": len(self._channels)}
        common = dataclasses.asdict(settings)
        common = {k: v for k, v in common.items() if k not in _NOT_ITS_OWN}
        self.items = {name(c): common | {"channel": c} for c in self._channels}
        self._side = min(settings.size, math.isqrt(SHEET_PIXELS // len(self._channels)))
        self._thumbs = {}  # by channel

    def run(self, series: Series, visualizer: Any) -> bool:
        """Makes the tiles that are missing; the page and the sheet grow.

        Args:
            series: Of `about` and `items`, begun.
            visualizer: A `visualize.Visualizer`.

        Returns:
            Whether all is there; False after Ctrl-C.
        """
        missing = [c for c in self._channels if not series.has(name(c))]
        for channel in self._channels:
            if channel not in missing:
                with Image.open(series.path(name(channel))) as tile:
                    self._keep(channel, tile)
        finished = False
        bar = ProgressBar("batch")
        with contextlib.closing(bar), contextlib.suppress(KeyboardInterrupt):
            finished = self._make(missing, series, visualizer, bar)
        if self._thumbs:
            self._write(series)
        return finished

    def _make(self, missing, series: Series, visualizer: Any, bar: ProgressBar) -> bool:
        due = 0.0
        for made in visualizer.make(missing, bar):
            if not made[-1].finished:
                return False
            for each in made:
                series.add(name(each.channel), output.encode(each.image, ".png"))
                self._keep(each.channel, each.pil)
            print_line(f"tiles {len(self._thumbs)}/{len(self._channels)}")
            begun = time.monotonic()
            if begun >= due and len(self._thumbs) < len(self._channels):
                self._write(series)
                now = time.monotonic()
                due = now + max(WAIT, SHARE * (now - begun))
        return True

    def _keep(self, channel: int, tile: Image.Image) -> None:
        side = self._side, self._side
        self._thumbs[channel] = tile.resize(side, Image.Resampling.LANCZOS)

    def _write(self, series: Series) -> None:
        empty = Image.new("RGB", (self._side, self._side), sheets.NOT_YET)
        shown = [self._thumbs.get(channel, empty) for channel in self._channels]
        sheet = sheets.wrap(shown, [str(channel) for channel in self._channels])
        data = sheets.encode(sheet, ".png")
        text = page(self._settings, {c: c in self._thumbs for c in self._channels})
        _replace(series, SHEET, data)
        _replace(series, PAGE, text.encode())


def _replace(series: Series, file: str, data: bytes) -> None:
    """Writes a product, unless that is what it holds."""
    path = series.path(file)
    with contextlib.suppress(OSError), open(path, "rb") as before:
        if before.read() == data:
            return
    series.write_product(path, data)


def name(channel: int) -> str:
    """Of a tile's file."""
    return f"{channel:04}.png"


def check_products(series: Series, inputs: Sequence[str], overwrite: bool) -> None:
    """Refuses to write the sheet and the page over files of somebody else.

    Raises:
        InputError: If one of them is there and not of this series, or an input.
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
main {{ display: grid; gap: 10px;
  grid-template-columns: repeat(auto-fill, minmax({side}px, 1fr)) }}
figure {{ margin: 0; text-align: center }}
a, a > img, span {{ display: block; width: 100%; height: auto; aspect-ratio: 1 }}
span {{ background: #ebebeb }}
figure:target, a:focus {{ outline: 3px solid #3a7 }}
</style>
<h1>{title}</h1>
<p>{about}</p>
<main>
{tiles}
</main>
</html>
"""
_TILE = (
    '<figure id="{channel}"><a href="{file}"><img loading="lazy" src="{file}"'
    ' width="{side}" height="{side}" alt="channel {channel}"></a>'
    "<figcaption>{channel}</figcaption></figure>"
)
_TO_COME = (
    '<figure id="{channel}"><span></span><figcaption>{channel}</figcaption></figure>'
)


def page(settings: VisualizeSettings, tiles: Mapping[int, bool]) -> str:
    """Writes a page that shows all tiles; it stands in their folder and needs no other.

    Args:
        settings: What they are made with.
        tiles: Channel -> whether its tile is there.

    Returns:
        HTML without any script or address outside the folder.
    """
    made = sum(tiles.values())
    weights = os.path.basename(settings.weights)
    count = (
        f"{len(tiles)} channels"
        if made == len(tiles)
        else (f"{made} of {len(tiles)} channels so far")
    )
    shown = [
        (_TILE if there else _TO_COME).format(
            channel=channel, file=html.escape(name(channel)), side=settings.size
        )
        for channel, there in tiles.items()
    ]
    return _PAGE.format(
        title=html.escape(f"{settings.layer} of {settings.backbone}"),
        about=html.escape(
            f"{count}; weights {weights}, {settings.size} pixels,"
            f" {settings.steps} steps, seed {settings.seed}."
        ),
        side=settings.size,
        tiles="\n".join(shown),
    )
