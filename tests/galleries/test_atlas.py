"""Atlases: each channel has a tile, none is made twice, and the page shows them."""

import html.parser
import json
import os

import numpy as np
import pytest
from accessibility import violations
from mistakes import die_at_write, refusal
from PIL import Image

from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.galleries.atlas import Atlas, check_products, page
from vectormix_tf.io.series import MANIFEST, Series
from vectormix_tf.recipes.visualize import Visualization, Visualizer, visualize

SETTINGS = VisualizeSettings(layer="conv2a", channels="0-4", size=75, steps=1, batch=2)
CHANNELS = [0, 1, 2, 3, 4]
TILES = [f"000{channel}.png" for channel in CHANNELS]
ALL = sorted([*TILES, "index.html", MANIFEST, "sheet.png"])


class Painter:
    """Takes the place of a `Visualizer`; makes gray tiles in batches of two."""

    def __init__(self, stop=None, unfinished=None):
        self.made, self._stop, self._unfinished = [], stop, unfinished

    def make(self, channels, on_progress):
        for first in range(0, len(channels), 2):
            these = channels[first : first + 2]
            if self._stop in these:
                raise KeyboardInterrupt
            self.made += these
            yield [self._tile(channel) for channel in these]

    def _tile(self, channel):
        return Visualization(
            x=np.full([1, 75, 75, 3], channel / 10, np.float32),
            losses={},
            seconds=0.0,
            finished=channel != self._unfinished,
            settings=SETTINGS,
            channel=channel,
            facet=0,
        )


def run(folder, painter, settings=SETTINGS):
    atlas = Atlas(settings, CHANNELS)
    series = Series(str(folder), "atlas", atlas.about, atlas.items, [])
    series.begin()
    return atlas.run(series, painter)


def page_of(folder):
    return (folder / "index.html").read_text("utf-8")


class Seen(html.parser.HTMLParser):
    """The tags of a page, as a browser would show it."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, tag, attribute):
        return [found[attribute] for name, found in self.tags if name == tag]


def test_every_channel_has_a_tile_and_all_stand_on_a_page_and_a_sheet(tmp_path, capsys):
    assert run(tmp_path / "out", Painter()) is True
    assert sorted(os.listdir(tmp_path / "out")) == ALL
    for channel, tile in zip(CHANNELS, TILES, strict=True):
        with Image.open(tmp_path / "out" / tile) as picture:
            assert picture.size == (75, 75)
            assert picture.getpixel((9, 9)) == (round(25.5 * channel),) * 3
    with Image.open(tmp_path / "out/sheet.png") as sheet:
        grays = {color[0] for _, color in sheet.getcolors(99999)}
        assert {round(25.5 * channel) for channel in CHANNELS} <= grays
    assert capsys.readouterr().err.splitlines() == [
        "tiles 2/5",
        "tiles 4/5",
        "tiles 5/5",
    ]


def test_a_click_on_a_tile_opens_it_and_its_label_is_its_number(tmp_path):
    run(tmp_path, Painter())
    seen = Seen(page_of(tmp_path))
    assert seen.all("a", "href") == seen.all("img", "src") == TILES
    assert set(seen.all("img", "loading")) == {"lazy"}
    assert seen.all("img", "alt") == [f"channel {channel}" for channel in CHANNELS]
    for channel in CHANNELS:
        assert f"<figcaption>{channel}</figcaption>" in page_of(tmp_path)
    assert "<title>conv2a of inception_v3</title>" in page_of(tmp_path)
    about = "5 channels; weights bundled, 75 pixels, 1 steps, seed 0."
    assert about in page_of(tmp_path)


def test_a_page_needs_nothing_from_outside_and_runs_nothing(tmp_path):
    run(tmp_path, Painter())
    text = page_of(tmp_path).lower()
    for word in ("http", "//", "<script", "javascript", "@import", "url("):
        assert word not in text


def test_axe_finds_nothing_on_a_page_with_a_missing_tile(chromium, tmp_path):
    (tmp_path / "index.html").write_text(page(SETTINGS, {0: True, 1: False}), "utf-8")
    shown = chromium.new_page()
    shown.goto((tmp_path / "index.html").as_uri())
    assert not violations(shown)
    shown.close()


def test_the_names_of_files_are_escaped():
    settings = VisualizeSettings(layer="conv2a")
    object.__setattr__(settings, "weights", "a/<b>&.npz")
    text = page(settings, {0: True})
    assert "weights &lt;b&gt;&amp;.npz" in text and "<b>" not in text


def test_a_missing_tile_has_its_place_and_no_link():
    text = page(SETTINGS, {0: True, 1: False})
    assert Seen(text).all("a", "href") == ["0000.png"]
    assert "<figcaption>1</figcaption>" in text and "1 of 2 channels so far" in text


def test_the_tiles_of_classes_have_their_names():
    text = page(VisualizeSettings(layer="logits"), {1: True, 986: False})
    assert "<figcaption>goldfish</figcaption>" in text
    assert "<figcaption>yellow lady&#x27;s slipper</figcaption>" in text


@pytest.mark.parametrize("stop, made", [(0, 0), (2, 2), (4, 4)])
def test_ctrl_c_keeps_the_tiles_and_the_rest_is_made_then(stop, made, tmp_path):
    first, second = Painter(stop), Painter()
    assert run(tmp_path, first) is False
    assert first.made == CHANNELS[:made]
    products = ["index.html", "sheet.png"] if made else []
    expected = sorted([*TILES[:made], MANIFEST, *products])
    assert sorted(os.listdir(tmp_path)) == expected
    if made:
        assert f"{made} of 5 channels so far" in page_of(tmp_path)
        assert Seen(page_of(tmp_path)).all("img", "src") == TILES[:made]
    assert run(tmp_path, second) is True
    assert second.made == CHANNELS[made:]
    assert sorted(os.listdir(tmp_path)) == ALL
    assert "5 channels;" in page_of(tmp_path)


def test_tiles_of_an_interrupted_batch_are_not_kept(tmp_path):
    assert run(tmp_path, Painter(unfinished=3)) is False
    assert not (tmp_path / "0002.png").exists() and (tmp_path / "0001.png").exists()


@pytest.mark.parametrize("moment", range(1, 21))
def test_an_atlas_that_is_killed_at_any_write_goes_on(moment, tmp_path, monkeypatch):
    """Each write in turn does not happen; no tile that is there is made again."""
    die_at_write(moment, monkeypatch)
    killed = False
    try:
        run(tmp_path, Painter())
    except SystemExit:
        killed = True
    assert killed == (moment <= 19)  # begin, 5 tiles and 2 times page and sheet, twice
    monkeypatch.undo()
    there = [
        c for c, tile in zip(CHANNELS, TILES, strict=True) if (tmp_path / tile).exists()
    ]
    painter = Painter()
    assert run(tmp_path, painter) is True
    assert painter.made == [channel for channel in CHANNELS if channel not in there]
    assert sorted(os.listdir(tmp_path)) == ALL and "5 channels;" in page_of(tmp_path)


def test_the_page_grows_now_and_then(tmp_path, monkeypatch):
    growing, write = [], Series.write_product

    def spy(series, path, data):
        growing.append((os.path.basename(path), data.count(b"<img")))
        write(series, path, data)

    monkeypatch.setattr(Series, "write_product", spy)
    run(tmp_path / "a", Painter())
    assert [count for name, count in growing if name == "index.html"] == [2, 5]
    growing.clear()
    monkeypatch.setattr("vectormix_tf.galleries.atlas.WAIT", 0)
    monkeypatch.setattr("vectormix_tf.galleries.atlas.SHARE", 0)
    run(tmp_path / "b", Painter())
    assert [count for name, count in growing if name == "index.html"] == [2, 4, 5]


def test_a_page_of_another_origin_is_not_replaced(tmp_path):
    (tmp_path / "index.html").write_text("theirs")
    atlas = Atlas(SETTINGS, CHANNELS)
    series = Series(str(tmp_path), "atlas", atlas.about, atlas.items, [])
    said = refusal(check_products, series, [], False)
    assert "index.html` exists" in said and "`overwrite`" in said
    check_products(series, [], True)
    (tmp_path / "index.html").unlink()
    run(tmp_path, Painter())
    again = Series(str(tmp_path), "atlas", atlas.about, atlas.items, [])
    check_products(again, [], False)


def test_an_atlas_is_completed_with_another_batch_size(tmp_path):
    run(tmp_path, Painter(stop=2))
    other = VisualizeSettings(layer="conv2a", channels="0-4", size=75, steps=1, batch=7)
    painter = Painter()
    assert run(tmp_path, painter, other) and painter.made == [2, 3, 4]
    record = json.loads((tmp_path / MANIFEST).read_text())
    assert "batch" not in record["common"]
    changed = VisualizeSettings(layer="conv2a", size=75, steps=2)
    assert "steps=1 (now 2)" in refusal(run, tmp_path, painter, changed)


def test_the_tiles_of_a_large_atlas_are_small_on_its_sheet(tmp_path, monkeypatch):
    monkeypatch.setattr("vectormix_tf.galleries.atlas.SHEET_PIXELS", 5 * 30**2)
    run(tmp_path, Painter())
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width < 3 * 75
    with Image.open(tmp_path / "0003.png") as tile:
        assert tile.size == (75, 75)


def test_tiles_are_what_visualize_makes(tmp_path):
    run(tmp_path, Visualizer(SETTINGS))
    results = visualize("conv2a", CHANNELS, size=75, steps=1, batch=2, on_progress=None)
    for result, tile in zip(results, TILES, strict=True):
        with Image.open(tmp_path / tile) as picture:
            np.testing.assert_array_equal(np.asarray(picture), np.asarray(result.pil))
