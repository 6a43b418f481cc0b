"""TIFF files of all kinds, held against the numbers that tifffile has written."""

import io
import logging
import sys
import warnings

import imagecodecs
import numpy as np
import pytest
import tifffile
from damage import damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal
from PIL import Image, ImageCms, TiffImagePlugin

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import images

HEIGHT, WIDTH = 20, 24
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH] / [[[HEIGHT - 1]], [[WIDTH - 1]]]
RED_GREEN_BLUE = np.stack([COLUMNS, ROWS, (ROWS + COLUMNS) / 2], -1)  # reaches 0 and 1
COVER = 0.3 + 0.7 * ROWS
LEVEL = 1 / 255


def tiff(values, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, values, metadata=None, **options)
    return file.getvalue()


def stored(unit, kind):
    """Numbers of a type whose full range stands for [0, 1]."""
    if np.dtype(kind).kind == "f":
        return unit.astype(kind)
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    return np.rint(least + unit * (float(most) - least)).astype(kind)


def read(data, folder, name="picture.tif", **options):
    path = folder / name
    path.write_bytes(data)
    return images.read(path, **options)


def quietly(data, folder, **options):
    """Reads a file that needs no notice."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(data, folder, **options)


def assert_is(picture, colors, cover=None, within=LEVEL / 200):
    expected = np.broadcast_to(
        colors if colors.ndim == 3 else colors[..., None], (HEIGHT, WIDTH, 3)
    )
    assert picture.pixels.shape == (1, *expected.shape)
    assert picture.pixels.dtype == np.float32
    assert np.abs(picture.pixels[0] - expected).max() <= within
    if cover is None:
        assert picture.transparency is None
    else:
        assert np.abs(picture.transparency[0, ..., 0] - cover).max() <= within


LAYOUTS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "tiles": {"tile": (16, 16)},
    "LZW with predictor": {"compression": "lzw", "predictor": True},
    "big-endian deflate": {"compression": "zlib", "byteorder": ">"},
}
KINDS = ["u1", "i1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"]
# Pillow keeps 8 bits, and with transparency that multiplies colors it loses one more.
ROUGH = 2.1 * LEVEL


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_gray_of_every_type_is_read(photometric, kind, tmp_path):
    gray = COLUMNS if photometric == "minisblack" else 1 - COLUMNS
    within = LEVEL if kind in ("u1", "i1", "f2") else LEVEL / 200
    for layout in LAYOUTS.values():
        data = tiff(stored(COLUMNS, kind), photometric=photometric, **layout)
        assert_is(quietly(data, tmp_path), gray, within=within)


def bands_of(meaning):
    """Numbers to store, the colors and cover they stand for, tifffile's options."""
    colors, cover, black = RED_GREEN_BLUE, COVER[..., None], 0.2 * ROWS[..., None]
    if meaning == "RGB":
        return colors, colors, None, {"photometric": "rgb"}
    if meaning == "CMYK":
        bands = np.concatenate([colors, black], -1)
        return bands, (1 - colors) * (1 - black), None, {"photometric": "separated"}
    name = "minisblack" if meaning == "gray" else "rgb"
    colors = colors[..., :1] if meaning == "gray" else colors
    extra = {"premultiplied": 1, "nothing": 0}.get(meaning, 2)
    weighted = colors * cover if meaning == "premultiplied" else colors
    bands = np.concatenate([weighted, cover], -1)
    options = {"photometric": name, "extrasamples": [extra]}
    return bands, colors, COVER if extra else None, options


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("meaning", ["RGB", "straight", "premultiplied", "nothing",
                                     "gray", "CMYK"])  # fmt: skip
def test_colors_of_every_type_and_layout_are_read(meaning, kind, tmp_path):
    bands, colors, cover, options = bands_of(meaning)
    numbers = stored(bands, kind)
    # Division by the cover, at least 0.3, multiplies what 8 bits round away.
    within = ROUGH * (3 if meaning == "premultiplied" and kind[1] == "1" else 1)
    for layout in LAYOUTS.values():
        data = tiff(numbers, planarconfig="contig", **options, **layout)
        assert_is(quietly(data, tmp_path), colors, cover, within)
        planes = np.moveaxis(numbers, -1, 0)
        data = tiff(planes, planarconfig="separate", **options, **layout)
        assert_is(quietly(data, tmp_path), colors, cover, within)


def test_planes_of_16_bits_keep_them(tmp_path):
    numbers = stored(np.moveaxis(RED_GREEN_BLUE, -1, 0), "u2")
    data = tiff(numbers, photometric="rgb", planarconfig="separate")
    assert_is(quietly(data, tmp_path), RED_GREEN_BLUE)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_gray_between_8_and_16_bits_has_its_own_white(photometric, bits, tmp_path):
    numbers = np.rint(COLUMNS * (2**bits - 1)).astype("u2")
    data = tiff(numbers, photometric=photometric, bitspersample=bits)
    gray = COLUMNS if photometric == "minisblack" else 1 - COLUMNS
    assert_is(quietly(data, tmp_path), gray, within=LEVEL / 4)


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_a_palette_is_looked_up(kind, tmp_path):
    count = np.iinfo(kind).max + 1
    table = np.random.default_rng(0).integers(0, 65536, (3, count), np.uint16)
    places = (np.arange(HEIGHT * WIDTH) * 97 % count).reshape(HEIGHT, WIDTH)
    data = tiff(places.astype(kind), photometric="palette", colormap=table)
    colors = np.moveaxis(table[:, places], 0, -1) / 65535
    assert_is(quietly(data, tmp_path), colors, within=LEVEL)


def test_a_palette_of_8_bits_is_not_black(tmp_path):
    table = np.random.default_rng(0).integers(0, 256, (3, 256), np.uint16)
    places = (np.arange(HEIGHT * WIDTH) % 256).reshape(HEIGHT, WIDTH)
    data = tiff(places.astype("u1"), photometric="palette", colormap=table)
    assert_is(quietly(data, tmp_path), np.moveaxis(table[:, places], 0, -1) / 255)


@pytest.mark.parametrize("name", ["webp", "png", "jpeg2000", "jpegxl", "lerc"])
def test_pictures_within_a_tiff_are_refused(name, tmp_path):
    numbers = stored(RED_GREEN_BLUE, "u1")
    data = tiff(numbers, photometric="rgb", compression=name)
    text = refusal(read, data, tmp_path)
    assert "compression" in text and "LZW" in text


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["u1", "f4"])
def test_every_reader_turns_pictures_upright(kind, orientation, tmp_path):
    numbers = stored(RED_GREEN_BLUE, kind)
    tag = (274, "H", 1, orientation, True)
    data = tiff(numbers, photometric="rgb", extratags=[tag])
    turned = Image.fromarray(stored(RED_GREEN_BLUE, "u1"))
    turn = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
            4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90}.get(orientation)  # fmt: skip
    upright = np.asarray(turned if turn is None else turned.transpose(turn)) / 255
    pixels = quietly(data, tmp_path).pixels[0]
    assert pixels.shape == upright.shape
    assert np.abs(pixels - upright).max() <= LEVEL


# Ranges.


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize(
    ("kind", "low", "high", "black", "white"),
    [
        ("f4", -3, 7, -3, 7),
        ("f4", 0, 255, 0, 255),
        ("f8", 1500, 1600, 1500, 1600),
        ("i4", 3, 250, 0, 255),
        ("u4", 300, 60000, 0, 65535),
        ("i4", 300, 60000, 0, 65535),
        ("i4", 0, 2**31 - 1, 0, 2**31 - 1),
        ("u4", 70000, 10**6, 70000, 10**6),
        ("i4", -9, 9, -9, 9),
        ("i2", 0, 200, 0, 255),
        ("i2", 0, 32767, 0, 32767),
        ("i2", -20, 50, -20, 50),
    ],
)
def test_a_guessed_range_is_said(kind, low, high, black, white, bands, tmp_path):
    numbers = low + RED_GREEN_BLUE[..., :bands] * (high - low)
    numbers = numbers if kind[0] == "f" else np.rint(numbers)
    name = "minisblack" if bands == 1 else "rgb"
    numbers = numbers.astype(kind)
    data = tiff(numbers[..., 0] if bands == 1 else numbers, photometric=name)
    with pytest.warns(Notice) as said:
        picture = read(data, tmp_path)
    assert_is(picture, (numbers.astype(float) - black) / (white - black))
    (text,) = (str(notice.message) for notice in said)
    assert f"`{tmp_path / 'picture.tif'}` has values from {low:g} to {high:g}" in text
    assert f"{black:g} was read as black and {white:g} as white" in text
    assert said[0].filename == __file__


def test_small_overshoot_of_floats_is_clipped(tmp_path):
    values = np.float32(RED_GREEN_BLUE * 1.3 - 0.15)
    data = tiff(values, photometric="rgb")
    assert_is(quietly(data, tmp_path), values.clip(0, 1))


def test_one_value_everywhere_is_black(tmp_path):
    with pytest.warns(Notice, match="from 5 to 5"):
        picture = read(tiff(np.full((HEIGHT, WIDTH), 5.0, "f4")), tmp_path)
    assert_is(picture, np.zeros((HEIGHT, WIDTH)))


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(odd, bands, tmp_path):
    values = np.full((HEIGHT, WIDTH, bands), 0.5, "f4")
    values[3, 4] = odd
    data = tiff(values.squeeze(), photometric="rgb" if bands == 3 else "minisblack")
    assert "not finite" in refusal(read, data, tmp_path)


# Pages.


def pages(*entries):
    """A file of pages: (side, color, options of tifffile)."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for (height, width), color, options in entries:
            numbers = np.full((height, width, 3), color, np.uint8)
            writer.write(numbers, photometric="rgb", metadata=None, **options)
    return file.getvalue()


LARGE, SMALL, OTHER = (60, 80), (15, 20), (70, 90)
# TIFF 6.0, section 8: NewSubfileType, SubfileType and PageNumber.
MASK = {"extratags": [(254, "I", 1, 4, True)]}
PAGE_NUMBER = {"extratags": [(297, "H", 2, (1, 2), True)]}
OLD_THUMBNAIL = {"extratags": [(255, "H", 1, 2, True)]}


@pytest.mark.parametrize(
    ("entries", "color"),
    [
        ([(SMALL, 10, {"subfiletype": 1}), (LARGE, 20, {})], 20),
        ([(SMALL, 10, {}), (LARGE, 20, {})], 20),
        ([(LARGE, 10, {}), (SMALL, 20, {"subfiletype": 1})], 10),
        ([(SMALL, 10, {"subfiletype": 1}), (LARGE, 20, {}), (SMALL, 30, {})], 20),
        ([(SMALL, 10, {"subfiletype": 1, "subifds": 1}), (LARGE, 20, {})], 20),
        ([(LARGE, 10, {"subifds": 1}), (SMALL, 20, {"subfiletype": 1})], 10),
        ([(LARGE, 10, MASK), (LARGE, 20, {})], 20),
        ([(LARGE, 10, {"subfiletype": 2}), (OTHER, 20, {"subfiletype": 2})], 10),
        ([(LARGE, 10, {}), (OTHER, 20, {})], 10),
        ([(SMALL, 10, {"subfiletype": 2}), (LARGE, 20, {"subfiletype": 2})], 10),
        ([(SMALL, 10, {}), (LARGE, 20, PAGE_NUMBER)], 10),
        ([(LARGE, 10, {}), (LARGE, 20, {})], 10),
        ([(SMALL, 10, {"subfiletype": 1})], 10),
        ([(SMALL, 10, OLD_THUMBNAIL), (OTHER, 20, {})], 20),
    ],
)
def test_the_full_picture_is_read_and_not_its_thumbnail(entries, color, tmp_path):
    pixels = quietly(pages(*entries), tmp_path).pixels[0]
    assert np.array_equal(np.rint(pixels * 255), np.full(pixels.shape, color))
    assert pixels.shape[:2] == max(size for size, shown, _ in entries if shown == color)


def test_the_limit_of_pixels_is_that_of_the_full_picture(tmp_path):
    data = pages((SMALL, 10, {"subfiletype": 1}), (LARGE, 20, {}))
    assert "80 x 60" in refusal(read, data, tmp_path, max_pixels=4799)
    assert read(data, tmp_path, max_pixels=4800).pixels.shape == (1, 60, 80, 3)


def test_a_page_number_chosen_in_pillow_is_kept(tmp_path):
    path = tmp_path / "pages.tif"
    path.write_bytes(pages((SMALL, 10, {}), (LARGE, 20, {})))
    with Image.open(path) as image:
        assert np.rint(images.read(image).pixels.max() * 255) == 10


def test_a_ring_of_pages_is_read_once_around(tmp_path):
    data = bytearray(pages((LARGE, 10, {}), (LARGE, 20, {})))
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        place = opened.pages[1].offset
    count = int.from_bytes(data[place : place + 2], "little")
    end = place + 2 + 12 * count
    data[end : end + 4] = data[4:8]
    assert np.rint(read(bytes(data), tmp_path).pixels.max() * 255) == 10


def test_raw_data_of_a_camera_is_refused_and_not_its_thumbnail_read(tmp_path):
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        options = {"metadata": None}
        writer.write(np.zeros((15, 20, 3), "u1"), photometric="rgb", subifds=1,
                     subfiletype=1, **options)  # fmt: skip
        writer.write(np.zeros((60, 80), "u2"), photometric="cfa", **options)
    assert "a camera's raw data" in refusal(read, file.getvalue(), tmp_path)


def jpeg_below(size):
    """A thumbnail, and below it a picture of 80 x 60 in JPEG, said to be of `size`."""
    file, numbers = io.BytesIO(), np.uint8(np.indices((60, 80, 3)).sum(0) % 256)
    with tifffile.TiffWriter(file) as writer:
        thumbnail = np.zeros((15, 20, 3), np.uint8)
        writer.write(thumbnail, photometric="rgb", subfiletype=1, subifds=1,
                     metadata=None)  # fmt: skip
        writer.write(numbers, photometric="rgb", compression="jpeg", metadata=None,
                     rowsperstrip=60)  # fmt: skip
    data = bytearray(file.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        page = opened.pages[0].pages[0]
        decoded = page.asarray()
        for tag, side in zip((257, 256), size, strict=True):
            place = page.tags[tag].valueoffset
            data[place : place + 2] = side.to_bytes(2, "little")
    return bytes(data), decoded


def test_a_full_picture_in_jpeg_is_read(tmp_path):
    data, decoded = jpeg_below((60, 80))
    assert np.abs(quietly(data, tmp_path).pixels[0] - decoded / 255).max() <= 1e-6


def test_a_jpeg_that_is_larger_than_its_page_says_is_refused(tmp_path):
    data, _ = jpeg_below((30, 40))
    assert "larger than said" in refusal(read, data, tmp_path)


# Profiles.


def test_a_profile_meets_deep_colors_in_16_bits(tmp_path):
    linear = imagecodecs.cms_profile("rgb", primaries=[0.64, 0.33, 0.3, 0.6, 0.15,
                                     0.06], whitepoint=[0.3127, 0.329, 1.0],
                                     gamma=1.0)  # fmt: skip
    light = RED_GREEN_BLUE**3  # much of it in the dark, where 8 bits are few
    data = tiff(np.float32(light), photometric="rgb", iccprofile=linear)
    curve = 1.055 * light ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    colors = np.where(light <= 0.0031308, 12.92 * light, curve)
    assert_is(quietly(data, tmp_path), colors, within=LEVEL)


@pytest.mark.parametrize("profile", [b"junk", "LAB"])
def test_a_broken_or_foreign_profile_is_as_good_as_none(profile, tmp_path):
    if profile == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    data = tiff(np.float32(RED_GREEN_BLUE), photometric="rgb", iccprofile=profile)
    assert_is(quietly(data, tmp_path), RED_GREEN_BLUE)


# What cannot be read.


@pytest.fixture(scope="module")
def float_rgb():
    return tiff(np.float32(RED_GREEN_BLUE), photometric="rgb", compression="zlib")


@pytest.mark.parametrize("missing", ["tifffile", "imagecodecs"])
def test_without_its_reader_a_file_is_refused_with_what_to_install(
    missing, float_rgb, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, missing, None)
    assert "pip install 'vectormix_tf[tiff]'" in refusal(read, float_rgb, tmp_path)
    planes = stored(np.moveaxis(RED_GREEN_BLUE, -1, 0), "u2")
    data = tiff(planes, photometric="rgb", planarconfig="separate")
    assert "pip install 'vectormix_tf[tiff]'" in refusal(read, data, tmp_path)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i2", "i4", "f4"])
def test_gray_needs_no_other_reader(kind, tmp_path, monkeypatch):
    data = tiff(stored(COLUMNS, kind), photometric="minisblack")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert_is(read(data, tmp_path), COLUMNS, within=LEVEL)


def test_a_scrambled_file_is_refused_as_a_pillow_image_too(tmp_path):
    planes = stored(np.moveaxis(RED_GREEN_BLUE, -1, 0), "u2")
    path = tmp_path / "planes.tif"
    path.write_bytes(tiff(planes, photometric="rgb", planarconfig="separate"))
    with Image.open(path) as image:
        assert "give its path" in refusal(images.read, image)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {},
        {"tile": (16, 16)},
        {"planarconfig": "separate"},
        {"compression": "packbits"},
    ],
)
def test_a_file_that_is_cut_off_is_refused(options, tmp_path):
    numbers = np.float32(np.random.default_rng(0).random((64, 64, 3)))
    if options.get("planarconfig"):
        numbers = np.moveaxis(numbers, -1, 0)
    data = tiff(numbers, photometric="rgb", **options)
    assert "cannot be read" in refusal(read, data[: len(data) * 2 // 3], tmp_path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({256: 60_000}, "60000 x 64"),
        ({277: 60_000}, "60000 numbers a pixel"),
        ({262: 8}, "photometric interpretation 8"),
        ({322: 60_000, 323: 60_000}, "tiles are larger"),
    ],
)
def test_a_header_that_asks_too_much_is_refused(changes, says, tmp_path):
    numbers = np.zeros((64, 64, 3), "f4")
    data = bytearray(tiff(numbers, photometric="rgb", tile=(16, 16)))
    with tifffile.TiffFile(io.BytesIO(data)) as opened:
        for tag, value in changes.items():
            place = opened.pages[0].tags[tag].valueoffset
            data[place : place + 2] = value.to_bytes(2, "little")
    assert says in refusal(read, bytes(data), tmp_path, max_pixels=10**6)


def test_a_big_endian_bigtiff_is_refused(tmp_path):
    data = tiff(np.zeros((9, 9), "u1"), byteorder=">", bigtiff=True)
    assert "big-endian BigTIFF" in refusal(read, data, tmp_path)


FUZZED = [
    tiff(np.float32(RED_GREEN_BLUE), photometric="rgb", compression="zlib"),
    tiff(stored(np.moveaxis(RED_GREEN_BLUE, -1, 0), "u2"), photometric="rgb",
         planarconfig="separate"),
    tiff(stored(COLUMNS, "i4"), photometric="miniswhite", tile=(16, 16), bigtiff=True),
    tiff(stored(COLUMNS, "f4"), byteorder=">", compression="lzw", predictor=True),
    pages((SMALL, 10, {"subfiletype": 1, "subifds": 1}), (LARGE, 20, {})),
]  # fmt: skip


@settings(max_examples=150)
@given(st.integers(0, len(FUZZED) - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_broken_data_is_read_or_refused_in_one_line(tmp_path_factory, kind, seed, cut):
    data = damaged(FUZZED[kind], seed, cut, share=0.3, head=300, most=5)
    folder = tmp_path_factory.getbasetemp()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Notice)
        try:
            picture = read(data, folder, max_pixels=10**6)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
        else:
            assert picture.pixels.min() >= 0 and picture.pixels.max() <= 1


def test_nothing_is_logged_about_odd_files(float_rgb, tmp_path, capfd):
    data = bytearray(float_rgb)
    place = data.index(b"tifffile.py")
    data[place : place + 4] = b"\xff\xfe\xfd\xfc"
    read(bytes(data), tmp_path)
    refusal(read, bytes(data[: len(data) // 2]), tmp_path)
    assert capfd.readouterr().err == ""
    assert not logging.getLogger("tifffile").disabled


def test_directories_are_read_by_a_class_that_pillow_still_has():
    header = b"II*\0\x08\0\0\0"
    assert TiffImagePlugin.ImageFileDirectory_v2(header).next == 8
