"""What `images.py` promises, held against NumPy and Pillow's ImageCms."""

import colorsys
import contextlib
import errno
import io
import os
import struct
import subprocess
import sys
import threading
import time
import types
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from damage import damaged
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mistakes import full_disk, lock, refusal
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin

from vectormix_tf.errors import InputError
from vectormix_tf.io import icc, images, output
from vectormix_tf.io.icc import SRGB_PROFILE

try:
    import resource
except ImportError:  # Windows
    resource = None

STEP = 1 / 255
WRITABLE = [".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff"]


def cases(number):
    return settings(max_examples=number, suppress_health_check=list(HealthCheck))


seeds = st.integers(0, 2**32 - 1)
sides = st.integers(2, 12)


def noise(seed, *shape):
    return np.random.default_rng(seed).random(shape, np.float32)


def levels(seed, *shape, dtype=np.uint8):
    most = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, most, shape, dtype, endpoint=True)


def smooth(height=24, width=32):
    """A gentle ramp of colors, which JPEG and WebP keep well."""
    rows, columns = np.mgrid[0:height, 0:width]
    bands = [rows / height, columns / width, (rows + columns) / (height + width)]
    return np.stack(bands, -1).astype(np.float32)[None]


def file_bytes(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read_bytes(data, folder, name="picture.bin", **options):
    path = Path(folder) / name
    path.write_bytes(data)
    return images.read(path, **options)


def chunk(kind, body):
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def png_header(width, height, depth=8, color=2):
    body = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body)


def deep_png(values, extra=b""):
    """A 16-bit PNG made by hand: no filter, any of gray, LA, RGB, RGBA."""
    height, width, bands = values.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}[bands]
    rows = values.astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    packed = chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return png_header(width, height, 16, color) + extra + packed


def iccp(profile):
    return chunk(b"iCCP", b"test\0\0" + zlib.compress(profile))


def seen(colors, alpha):
    """The oracle for what alpha does to colors [H, W, 3], in float64."""
    colors = np.asarray(colors, np.float64)
    if alpha is None or (alpha == 1).all():
        return colors, None
    mean = (colors * alpha[..., None]).sum((0, 1)) / alpha.sum()
    return np.where(alpha[..., None] > 0, colors, mean), alpha


def assert_is(picture, colors, alpha=None, within=1e-6):
    colors, alpha = seen(colors, alpha)
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.shape == (1, *colors.shape)
    assert np.abs(picture.pixels[0] - colors).max() <= within
    if alpha is None:
        assert picture.transparency is None
    else:
        assert picture.transparency.dtype == np.float32
        assert picture.transparency.shape == (1, *alpha.shape, 1)
        assert np.abs(picture.transparency[0, ..., 0] - alpha).max() <= 1e-6


# Profiles made by hand: ICC.1:2004-10, 7.2 and 10.


def s15(*numbers):
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile_of(space, pcs, tags, kind=b"mntr"):
    white = (0.9642, 1.0, 0.8249)
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": b"XYZ \0\0\0\0" + s15(*white),
        **tags,
    }
    start, table, data = 132 + 12 * len(tags), b"", b""
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"test", 0x02400000, kind,
                       space, pcs)  # fmt: skip
    head += bytes(12) + b"acsp" + bytes(28) + s15(*white) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + data


def curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def rgb_profile(gamma, primaries):
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = {name: b"XYZ \0\0\0\0" + s15(*xyz)
            for name, xyz in zip(names, primaries, strict=True)}  # fmt: skip
    tags.update({name: curve(gamma) for name in (b"rTRC", b"gTRC", b"bTRC")})
    return profile_of(b"RGB ", b"XYZ ", tags)


def cmyk_profile():
    # A table with two grid points per ink: paper is white, all ink is black, and
    # each ink alone has a color of its own (Lab in 8 bits).
    grid = np.random.default_rng(5).integers(40, 200, (16, 3)).astype(np.uint8)
    grid[0], grid[-1] = (255, 128, 128), (0, 128, 128)
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += ramp * 4 + grid.tobytes() + ramp * 3
    return profile_of(b"CMYK", b"Lab ", {b"A2B0": table}, b"prtr")


SRGB_PRIMARIES = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.71410),
)
ADOBE_PRIMARIES = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
LINEAR = rgb_profile(1.0, SRGB_PRIMARIES)
ADOBE = rgb_profile(2.19921875, ADOBE_PRIMARIES)
GRAY = profile_of(b"GRAY", b"XYZ ", {b"kTRC": curve(1.0)})
CMYK = cmyk_profile()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
PROFILES = {"RGB": ADOBE, "L": GRAY, "CMYK": CMYK, "LAB": LAB}


# Any two sRGB profiles may differ by a level: ours holds rounded numbers.
ONE_LEVEL = 1.01 * STEP


def to_srgb(image, profile):
    """The oracle for profiles."""
    return np.asarray(
        ImageCms.profileToProfile(
            image,
            ImageCms.getOpenProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    )


# Modes.


def of_mode(mode, seed, height, width):
    """A random Pillow image and the colors and alpha it stands for."""
    deep = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2"}
    bands = len(Image.new(mode.rstrip("+"), (1, 1)).getbands())
    raw = levels(seed, height, width, bands)
    raw[..., -1] *= levels(seed + 1, height, width) > 99  # often 0, where it is alpha
    flat = raw if bands > 1 else raw[..., 0]
    values, alpha = raw / 255, None
    if mode in deep:
        raw = levels(seed, height, width, dtype=np.uint16)
        image = Image.frombytes(mode, (width, height), raw.astype(deep[mode]).tobytes())
        return image, raw[..., None] / 65535, None
    if mode == "I":
        raw = np.random.default_rng(seed).integers(-5000, 80000, (height, width))
        image = Image.fromarray(raw.astype(np.int32))
        return image, raw[..., None].clip(0, 65535) / 65535, None
    if mode == "F":
        raw = noise(seed, height, width) * 1.4 - 0.2
        return Image.fromarray(raw), raw[..., None].clip(0, 1), None
    if mode == "1":
        return Image.fromarray(flat > 99), (raw > 99) * 1.0, None
    if mode in ("La", "RGBa"):
        raw = raw // 2 * (raw[..., -1:] > 0)
        raw[..., -1] = np.where(raw[..., -1] > 0, 255, 0)
        image = Image.frombytes(mode, (width, height), raw.tobytes())
        return image, raw[..., :-1] / 255, raw[..., -1] / 255
    image = Image.frombytes(mode.rstrip("+"), (width, height), flat.tobytes())
    if mode in ("P", "P+", "PA"):
        palette = levels(seed + 2, 256, 3)
        image.putpalette(palette.tobytes())
        values = palette[raw[..., 0]] / 255
        if mode == "P+":
            cover = levels(seed + 3, 256)
            image.info["transparency"] = cover.tobytes()
            alpha = cover[raw[..., 0]] / 255
        if mode == "PA":
            alpha = raw[..., 1] / 255
    elif mode in ("L+", "RGB+"):
        key = raw[0, 0]
        image.info["transparency"] = tuple(map(int, key)) if bands > 1 else int(key[0])
        alpha = (raw != key).any(-1) * 1.0
    elif mode in ("LA", "RGBA"):
        values, alpha = values[..., :-1], values[..., -1]
    elif mode == "CMYK":
        values = (1 - values[..., :3]) * (1 - values[..., 3:])
    elif mode == "YCbCr":  # JFIF 1.02
        y, blue, red = np.moveaxis(raw - np.array([0.0, 128, 128]), -1, 0)
        green = y - 0.344136 * blue - 0.714136 * red
        values = np.stack([y + 1.402 * red, green, y + 1.772 * blue], -1) / 255
    elif mode == "HSV":
        values = np.apply_along_axis(lambda hsv: colorsys.hsv_to_rgb(*hsv), -1, values)
    return image, values.clip(0, 1), alpha


EXACT = ["1", "L", "L+", "LA", "P", "P+", "PA", "RGB", "RGB+", "RGBA", "I", "F"]
EXACT += ["I;16", "I;16B", "I;16L", "La", "RGBa"]
ROUNDED = ["CMYK", "YCbCr", "HSV"]


@cases(160)
@given(st.sampled_from(EXACT + ROUNDED), seeds, sides, sides)
def test_every_mode_reads_as_what_it_stands_for(mode, seed, height, width):
    image, colors, alpha = of_mode(mode, seed, height, width)
    if alpha is not None and not alpha.any():
        assert "transparent" in refusal(images.read, image)
        return
    colors = np.broadcast_to(colors, (height, width, 3))
    # Pillow's own conversions round, and its hues have 256 steps.
    within = {"CMYK": 1.1, "YCbCr": 1.6, "HSV": 3.1}.get(mode, 0.001) * STEP
    assert_is(images.read(image), colors, alpha, within)


@cases(10)
@given(seeds, sides, sides)
def test_lab_reads_back_the_colors_it_was_made_of(seed, height, width):
    colors = 60 + levels(seed, height, width, 3) // 2
    lab = ImageCms.profileToProfile(
        Image.fromarray(colors),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.info.pop("icc_profile", None)
    # Lab has 8 bits too, which tell dark reds apart only coarsely.
    assert_is(images.read(lab), colors / 255, within=12 * STEP)


@cases(24)
@given(st.sampled_from([1, 2, 3, 4]), seeds, sides, sides, st.booleans())
def test_deep_png_is_read_in_full_depth(tmp_path, bands, seed, height, width, marked):
    values = levels(seed, height, width, bands, dtype=np.uint16)
    values[0, 0, -1] = 65535
    extra = iccp(icc.SRGB_PROFILE) if marked else b""
    picture = read_bytes(deep_png(values, extra), tmp_path)
    unit = values / 65535
    alpha = None if bands in (1, 3) else unit[..., -1]
    colors = unit[..., : 1 if bands < 3 else 3]
    assert_is(picture, np.broadcast_to(colors, (height, width, 3)), alpha)


@pytest.mark.parametrize("bands", [1, 3])
def test_the_transparent_color_of_a_deep_png_is_hidden(bands, tmp_path):
    values = levels(3, 5, 7, bands, dtype=np.uint16)
    key = values[2, 3]
    picture = read_bytes(
        deep_png(values, chunk(b"tRNS", key.astype(">u2").tobytes())), tmp_path
    )
    alpha = (values != key).any(-1) * 1.0
    colors = np.broadcast_to(values / 65535, (5, 7, 3))
    assert alpha.sum() == 34
    assert_is(picture, colors, alpha)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_the_transparent_level_of_a_shallow_gray_png_is_hidden(depth, tmp_path):
    most = 2**depth - 1
    values = np.arange(24).reshape(3, 8) % (most + 1)
    bits = np.unpackbits(np.uint8(values)[..., None], axis=-1)[..., 8 - depth :]
    rows = np.packbits(bits.reshape(3, -1), axis=-1)
    body = chunk(
        b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    )
    key = chunk(b"tRNS", struct.pack(">H", 1))
    data = png_header(8, 3, depth, 0) + key + body + chunk(b"IEND", b"")
    colors = np.broadcast_to((values / most)[..., None], (3, 8, 3))
    assert_is(read_bytes(data, tmp_path), colors, (values != 1) * 1.0)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True, "exact": True}),
        ("TIFF", {}),
        ("BMP", {}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        ("JPEG", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_each_format_is_known_by_its_content(kind, options, tmp_path):
    colors = np.uint8(np.rint(smooth()[0] * 255))
    data = file_bytes(Image.fromarray(colors), kind, **options)
    rough = {"JPEG": 4, "AVIF": 4}.get(kind, 0.001)
    assert_is(read_bytes(data, tmp_path, "a.txt"), colors / 255, within=rough * STEP)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(kind, tmp_path):
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "lime", "blue")]
    data = file_bytes(frames[0], kind, save_all=True, append_images=frames[1:])
    red = np.broadcast_to([1.0, 0.0, 0.0], (3, 4, 3))
    assert_is(read_bytes(data, tmp_path), red, within=3 * STEP)


def test_adobe_inverted_cmyk_jpeg_is_not_a_negative(tmp_path):
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:, 8:, 1] = 255  # half paper, half magenta
    data = file_bytes(Image.frombytes("CMYK", (16, 16), inks.tobytes()), "JPEG")
    assert b"Adobe" in data
    pixels = read_bytes(data, tmp_path).pixels[0]
    assert np.abs(pixels[:, :6] - 1).max() < 0.03
    assert np.abs(pixels[:, 10:] - [1, 0, 1]).max() < 0.03


# Orientation.

UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}


def tagged(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


@cases(48)
@given(st.integers(1, 8), st.sampled_from(["PNG", "TIFF", "WEBP"]), seeds, sides, sides)
def test_pictures_stand_upright(tmp_path, orientation, kind, seed, height, width):
    stored = levels(seed, height, width, 4)
    stored[0, 0, 3] = 200
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    exif = tagged(orientation)
    data = file_bytes(Image.fromarray(stored), kind, exif=exif, **options)
    upright = UPRIGHT[orientation](stored) / 255
    picture = read_bytes(data, tmp_path)
    assert_is(picture, upright[..., :3], upright[..., 3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bands", [1, 4])
def test_deep_pictures_stand_upright(orientation, bands, tmp_path):
    stored = levels(1, 3, 5, bands, dtype=np.uint16)
    exif = chunk(b"eXIf", tagged(orientation).tobytes().removeprefix(b"Exif\0\0"))
    upright = UPRIGHT[orientation](stored) / 65535
    colors = np.broadcast_to(upright[..., : min(bands, 3)], (*upright.shape[:2], 3))
    alpha = upright[..., 3] if bands == 4 else None
    assert_is(read_bytes(deep_png(stored, exif), tmp_path), colors, alpha)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_image_of_a_jpeg_stands_upright(orientation):
    data = file_bytes(Image.fromarray(levels(1, 16, 24, 3)), "JPEG",
                      exif=tagged(orientation))  # fmt: skip
    stored = np.asarray(Image.open(io.BytesIO(data))) / 255
    source = Image.open(io.BytesIO(data))
    assert_is(images.read(source), UPRIGHT[orientation](stored))
    assert source.size == (24, 16)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x09"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_broken_exif_is_as_good_as_none(exif, kind, tmp_path):
    colors = levels(1, 8, 8, 3)
    plain = read_bytes(file_bytes(Image.fromarray(colors), kind), tmp_path)
    data = file_bytes(Image.fromarray(colors), kind, exif=exif)
    assert np.array_equal(read_bytes(data, tmp_path).pixels, plain.pixels)


# Profiles.


@cases(40)
@given(st.sampled_from(["RGB", "RGBA", "L", "LA", "CMYK", "LAB"]), seeds, sides, sides)
def test_a_profile_is_converted_and_alpha_kept(mode, seed, height, width):
    bands = len(mode)
    raw = levels(seed, height, width, bands)
    raw[0, 0, -1] = 77
    image = Image.frombytes(mode, (width, height), raw.tobytes())
    base, alpha = image, None
    if mode in ("RGBA", "LA"):
        base, alpha = image.convert(mode[:-1]), raw[..., -1] / 255
    profile = PROFILES[base.mode]
    expected = to_srgb(base, profile) / 255
    if mode != "LAB":  # the profile of all Lab is the same
        ignored = np.asarray(base.convert("RGB")) / 255
        assert np.abs(expected - ignored).max() > 2 * STEP
    image.info["icc_profile"] = profile
    assert_is(images.read(image), expected, alpha, ONE_LEVEL)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "L"),
     ("WEBP", "RGB"), ("TIFF", "CMYK"), ("TIFF", "LAB")],
)  # fmt: skip
def test_a_profile_in_a_file_is_converted(kind, mode, tmp_path):
    if mode == "LAB":
        image = Image.new("LAB", (9, 5), (130, 20, 240))
    else:
        image = Image.new("RGB", (9, 5), (200, 90, 30)).convert(mode)
    data = file_bytes(image, kind, icc_profile=PROFILES[mode])
    stored = Image.open(io.BytesIO(data))
    assert stored.mode == mode
    expected = to_srgb(stored, PROFILES[mode]) / 255
    assert_is(read_bytes(data, tmp_path), expected, within=ONE_LEVEL)


def test_a_palette_meets_its_profile_as_rgb(tmp_path):
    image = Image.fromarray(levels(1, 6, 6, 3)).quantize(8)
    data = file_bytes(image, "PNG", icc_profile=ADOBE)
    expected = to_srgb(image.convert("RGB"), ADOBE) / 255
    assert_is(read_bytes(data, tmp_path), expected, within=ONE_LEVEL)


def test_linear_light_becomes_srgb_by_the_standards_curve():
    linear = np.repeat(np.arange(0, 256, 5, np.uint8)[None, :, None], 3, -1)
    image = Image.fromarray(np.repeat(linear, 2, 0))
    image.info["icc_profile"] = LINEAR
    light = np.asarray(image) / 255
    curve = 1.055 * light ** (1 / 2.4) - 0.055  # IEC 61966-2-1
    expected = np.where(light <= 0.0031308, 12.92 * light, curve)
    assert_is(images.read(image), expected, within=1.1 * STEP)


@pytest.mark.parametrize(
    "profile", [b"junk", ADOBE[:300], GRAY, CMYK, "no bytes", ADOBE[:200] + bytes(400)]
)
def test_a_broken_or_foreign_profile_is_as_good_as_none(profile):
    colors = levels(1, 6, 7, 3)
    image = Image.fromarray(colors)
    image.info["icc_profile"] = profile
    assert_is(images.read(image), colors / 255)


@pytest.mark.parametrize(("bands", "profile"), [(3, ADOBE), (4, ADOBE), (1, GRAY)])
def test_a_deep_picture_with_another_profile_is_converted_in_8_bits(
    bands, profile, tmp_path
):
    values = levels(2, 6, 7, bands).astype(np.uint16) * 257  # so 8 bits lose nothing
    values[0, 0, -1] = 65535
    picture = read_bytes(deep_png(values, iccp(profile)), tmp_path)
    shallow = np.uint8(values // 257)
    image = Image.fromarray(shallow[..., 0] if bands == 1 else shallow[..., :3])
    alpha = shallow[..., 3] / 255 if bands == 4 else None
    assert_is(picture, to_srgb(image, profile) / 255, alpha, ONE_LEVEL)


def test_our_profile_is_srgb_without_a_date():
    profile = icc.SRGB_PROFILE
    assert profile[24:36] == bytes(12) and profile[84:100] == bytes(16)
    opened = ImageCms.getOpenProfile(io.BytesIO(profile))
    assert "sRGB" in ImageCms.getProfileDescription(opened)
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 5, np.uint8)] * 3), -1)
    cube = cube.reshape(52, -1, 3)
    after = to_srgb(Image.fromarray(cube), profile)
    assert np.abs(after.astype(int) - cube).max() <= 1


# Alpha.


@cases(30)
@given(seeds, sides, sides, st.sampled_from(["RGBA", "LA", "array"]))
def test_hidden_colors_change_nothing(seed, height, width, kind):
    bands = 2 if kind == "LA" else 4
    one, other = levels(seed, height, width, bands), levels(seed + 1, height, width, 4)
    one[..., -1] *= levels(seed + 2, height, width) > 120
    one[0, 0, -1] = 9
    other = np.where(one[..., -1:] > 0, one, other[..., :bands])
    other[..., -1] = one[..., -1]
    make = (lambda raw: raw) if kind == "array" else Image.fromarray
    first, second = (images.read(make(raw)) for raw in (one, other))
    assert np.array_equal(first.pixels, second.pixels)
    size = (height + 3, max(2, width - 3))
    first, second = images.fit(first, size), images.fit(second, size)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.transparency, second.transparency)


def test_full_alpha_is_no_alpha():
    assert images.read(Image.new("RGBA", (3, 3), (1, 2, 3, 255))).transparency is None


@pytest.mark.parametrize(
    "source",
    [Image.new("RGBA", (3, 3)), np.zeros((3, 3, 4)), Image.new("LA", (3, 3))],
)
def test_an_invisible_picture_is_refused(source):
    text = refusal(images.read, source, what="style picture")
    assert text.startswith("style picture is fully transparent")


# Arrays.


@cases(30)
@given(
    st.sampled_from([np.uint8, np.uint16, ">u2", np.float16, np.float32, np.float64]),
    st.sampled_from(["2", "1", "3", "4"]),
    st.booleans(),
    seeds,
    sides,
    sides,
)
def test_arrays_of_all_depths_and_shapes_are_read(
    dtype, bands, leading, seed, height, width
):
    shape = (height, width) if bands == "2" else (height, width, int(bands))
    if np.dtype(dtype).kind == "f":
        values = noise(seed, *shape).astype(dtype)
        unit = values.astype(np.float64)
    else:
        native = np.dtype(dtype).newbyteorder("=")
        values = levels(seed, *shape, dtype=native).astype(dtype)
        unit = values / np.iinfo(native).max
    unit = unit[..., None] if bands == "2" else unit
    alpha = unit[..., 3] if bands == "4" else None
    colors = np.broadcast_to(unit[..., : min(3, unit.shape[-1])], (height, width, 3))
    # [1, H, 3] would be a single row in color, which is refused.
    leading = leading and not (bands == "2" and width in (3, 4))
    assert_is(images.read(values[None] if leading else values), colors, alpha)


def test_tensors_and_nested_lists_are_arrays():
    import tensorflow as tf

    values = noise(1, 1, 4, 5, 3)
    assert_is(images.read(tf.constant(values)), values[0])
    assert_is(images.read(values.tolist()), values[0])


def test_reading_an_array_leaves_it_alone():
    values = noise(1, 4, 5, 4)
    values[0, 0, 3] = 0
    before = values.copy()
    images.read(values)
    assert np.array_equal(values, before)
    for opaque in (values[..., :3], values[..., :3].copy()):
        picture = images.read(opaque)
        opaque[:] = 0.5
        assert np.array_equal(picture.pixels[0], before[..., :3])
        values[:] = before


DEAD = io.BytesIO(b"data")
DEAD.close()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (np.full((4, 4, 3), np.nan), "[0, 1]"),
        (np.full((4, 4, 3), np.inf), "[0, 1]"),
        (np.full((4, 4, 3), 1.01), "[0, 1]"),
        (np.full((4, 4, 3), -0.01), "[0, 1]"),
        (np.zeros((4, 4, 3), np.int64), "received int64"),
        (np.zeros((4, 4, 3), complex), "received complex128"),
        (np.zeros((4, 4, 2)), "received [4, 4, 2]"),
        (np.zeros((2, 4, 4, 3)), "received [2, 4, 4, 3]"),
        (np.zeros((1, 4, 4, 5)), "received [1, 4, 4, 5]"),
        (np.zeros(4), "received [4]"),
        (np.zeros((0, 0, 3)), "0 x 0"),
        (np.zeros((1, 1, 3)), "1 x 1"),
        (np.zeros((1, 9, 3)), "9 x 1"),
        (np.ma.masked_array(np.zeros((4, 4)), np.eye(4)), "masked values"),
        (np.full((4, 4), 255.0), "received 255 to 255"),
        (None, "received None"),
        (5, "received 5"),
        (True, "received True"),
        ({"a": 1}, "received {'a': 1}"),
        (iter([1]), "a path, the bytes of a picture file, a file open in binary mode"),
        ([], "received [0]"),
        ([[0.5, 0.5], [0.5]], "not an array"),
        (b"picture.png", "is no picture file"),
        (b"", "is empty"),
        (io.BytesIO(), "is empty"),
        (io.StringIO("text"), 'open it with mode "rb"'),
        (DEAD, "closed file"),
    ],
)
def test_other_arrays_are_refused(source, says):
    text = refusal(images.read, source, what="content picture")
    assert text.startswith("content picture")
    assert says in text


def test_truths_are_black_and_white():
    values = levels(1, 5, 6) > 99
    assert_is(images.read(values), values[..., None] * np.ones(3))


def test_the_order_of_an_array_in_memory_changes_nothing():
    values = levels(1, 5, 6, 3)
    for changed in (np.asfortranarray(values), values[::-1], values[:, ::-2, ::-1]):
        assert not changed.flags.c_contiguous
        found = images.read(changed).pixels
        assert np.array_equal(found, images.read(changed.copy()).pixels)
        assert found.flags.c_contiguous


# Bytes and open files.


@pytest.fixture
def png(tmp_path):
    """A picture, and the path of its file."""
    values = levels(1, 5, 6, 3)
    (tmp_path / "a.png").write_bytes(file_bytes(Image.fromarray(values), "PNG"))
    return values / 255, tmp_path / "a.png"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_the_content_of_a_file_is_read_like_the_file(kind, png):
    assert_is(images.read(kind(png[1].read_bytes())), png[0])


def test_a_memoryview_of_an_array_is_an_array(png):
    values = levels(1, 5, 6, 3)
    assert_is(images.read(memoryview(values)), values / 255)


def test_deep_gray_in_bytes_keeps_its_depth():
    values = levels(1, 5, 6, 3, dtype=np.uint16)
    assert_is(images.read(deep_png(values)), values / 65535)


@pytest.mark.parametrize("buffering", [0, -1])
def test_an_open_file_is_read_from_its_start_and_left_open(buffering, png):
    with open(png[1], "rb", buffering) as file:
        file.seek(9)
        for _ in range(2):
            assert_is(images.read(file), png[0])
        assert not file.closed


def test_a_stream_that_cannot_be_sought_is_read_from_where_it_is(png):
    class Stream(io.RawIOBase):
        def __init__(self, data):
            self._file = io.BytesIO(data)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self._file.readinto(buffer)

    assert_is(images.read(Stream(png[1].read_bytes())), png[0])


@pytest.mark.parametrize("mode", ["r", "wb", "ab"])
def test_a_file_open_as_text_or_for_writing_is_refused(mode, tmp_path):
    path = tmp_path / "a"
    path.touch()
    with open(path, mode) as file:
        assert 'open it with mode "rb"' in refusal(images.read, file)


def test_real_heic_is_read_from_bytes():
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    colors = np.uint8(np.rint(smooth()[0] * 255))
    heif.from_pillow(Image.fromarray(colors)).save(file, quality=100)
    assert np.abs(images.read(file).pixels[0] * 255 - colors).max() < 20


# One picture or several.


def test_one_picture_or_several_become_a_list():
    array = np.zeros((4, 4, 3))
    assert images.several(None, "style") == []
    assert images.several("a.png", "style") == ["a.png"]
    assert images.several(("a.png", array), "style")[1] is array
    assert images.several(array, "style")[0] is array


def test_nested_lists_that_could_be_one_picture_or_many_are_refused():
    text = refusal(images.several, np.zeros((4, 4, 3)).tolist(), "style")
    assert text.startswith("`style` is made of nested lists") and "np.array" in text


# Sources that cannot be read.


def test_a_missing_file_is_refused_by_name(tmp_path):
    path = tmp_path / "no such.jpg"
    text = refusal(images.read, str(path), what="content picture")
    assert text.startswith(f"content picture `{path}` does not exist")


def test_a_line_break_in_a_name_stays_out_of_the_error(tmp_path):
    assert "a b.jpg" in refusal(images.read, tmp_path / "a\nb.jpg")


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 5000 + ".jpg"])
def test_impossible_names_are_refused(name):
    assert "cannot be read" in refusal(images.read, name)


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in refusal(images.read, tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    assert "is empty" in refusal(read_bytes, b"", tmp_path, "a.png")


@pytest.mark.parametrize("data", [b"not a picture\n" * 9, b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_text_named_jpg_is_refused(data, tmp_path):
    text = refusal(read_bytes, data, tmp_path, "a.jpg")
    assert "is no picture" in text and "PNG" in text


@pytest.mark.parametrize("kind", ["PPM", "TGA", "ICO", "EPS"])
def test_no_other_decoder_of_pillow_sees_a_file(kind, tmp_path):
    data = file_bytes(Image.new("RGB", (16, 16)), kind)
    assert "is no picture" in refusal(read_bytes, data, tmp_path, f"a.{kind.lower()}")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"data")

    def forbid(*_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(images, "open", forbid, raising=False)
    assert "permission denied" in refusal(images.read, path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_truncated_file_is_refused(kind, tmp_path):
    data = file_bytes(Image.fromarray(levels(1, 64, 64, 3)), kind)
    text = refusal(read_bytes, data[: len(data) // 2], tmp_path, "a.jpg")
    assert f"`{tmp_path / 'a.jpg'}`" in text


def test_a_truncated_deep_png_is_refused(tmp_path):
    data = deep_png(levels(1, 32, 32, 3, dtype=np.uint16))
    assert "cannot be read" in refusal(read_bytes, data[: len(data) // 2], tmp_path)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_a_single_row_or_column_is_refused(size, tmp_path):
    text = refusal(read_bytes, file_bytes(Image.new("RGB", size), "PNG"), tmp_path)
    assert f"{size[0]} x {size[1]} pixels" in text and "at least 2" in text


def test_an_empty_pillow_image_is_refused():
    assert "0 x 7" in refusal(images.read, Image.new("RGB", (0, 7)))


def test_values_that_are_not_finite_are_refused():
    image = Image.fromarray(np.float32([[0, np.nan], [np.inf, 1]]))
    assert "not finite" in refusal(images.read, image)


FUZZED = {
    kind: file_bytes(Image.fromarray(levels(1, 20, 24, bands)), kind, **options)
    for kind, bands, options in [
        ("JPEG", 3, {"exif": tagged(6), "icc_profile": ADOBE}),
        ("PNG", 4, {"exif": tagged(6), "icc_profile": ADOBE}),
        ("TIFF", 4, {"exif": tagged(6), "icc_profile": ADOBE}),
        ("WEBP", 4, {"exif": tagged(6), "icc_profile": ADOBE}),
        ("GIF", 3, {}),
        ("BMP", 3, {}),
        ("AVIF", 3, {}),
    ]
}
FUZZED["deep"] = deep_png(levels(1, 9, 9, 4, dtype=np.uint16), iccp(ADOBE))
FUZZED["LZW"] = file_bytes(
    Image.fromarray(levels(1, 20, 24, 3)), "TIFF", compression="tiff_lzw"
)


@cases(160)
@given(st.sampled_from(sorted(FUZZED)), seeds, st.booleans())
def test_broken_data_is_read_or_refused_in_one_line(tmp_path, kind, seed, cut):
    data = damaged(FUZZED[kind], seed, cut, share=0.5, head=128, most=8)
    try:
        picture = read_bytes(data, tmp_path, max_pixels=10**6)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert picture.pixels.min() >= 0 and picture.pixels.max() <= 1


@pytest.mark.parametrize("error", [EOFError(), IndexError("x\ny"), zlib.error("bad"),
                                   struct.error("bad"),
                                   Image.DecompressionBombError("bomb")])  # fmt: skip
def test_whatever_a_decoder_raises_is_one_line(error, monkeypatch):
    image = Image.new("RGB", (4, 4))

    def fail():
        raise error

    monkeypatch.setattr(image, "load", fail)
    assert "cannot be read" in refusal(images.read, image)


def test_a_lack_of_memory_says_nothing_of_the_picture(monkeypatch):
    image = Image.new("RGB", (4, 4))

    def fail():
        raise MemoryError

    monkeypatch.setattr(image, "load", fail)
    with pytest.raises(MemoryError):
        images.read(image)


def test_warnings_of_pillow_stay_inside(monkeypatch):
    image = Image.new("RGB", (4, 4))
    monkeypatch.setattr(image, "load", lambda: warnings.warn("odd", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images.read(image)
        with pytest.raises(UserWarning):  # the filters are as they were
            warnings.warn("mine", stacklevel=1)


def test_a_pipe_is_read(monkeypatch):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise io.UnsupportedOperation("seek")

    data = file_bytes(Image.new("RGB", (4, 3), "red"), "PNG")
    monkeypatch.setattr(images, "open", lambda *_: Pipe(data), raising=False)
    assert_is(images.read("pipe"), np.broadcast_to([1.0, 0, 0], (3, 4, 3)))


# The limit of pixels.


def test_the_size_is_checked_before_decoding(tmp_path):
    header = png_header(30_000, 30_000) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    text = refusal(read_bytes, header, tmp_path, max_pixels=50_000_000)
    assert "30000 x 30000" in text and "50 megapixels" in text
    assert "`max_pixels`" in text
    # Allowed, it gets as far as the missing data, past the limit of Pillow's own.
    text = refusal(read_bytes, header, tmp_path, max_pixels=10**9)
    assert "cannot be read" in text and "bomb" not in text


def test_the_limit_holds_for_all_sources(tmp_path):
    image = Image.new("RGB", (10, 20))
    image.save(tmp_path / "a.png")
    for source in (image, np.asarray(image), tmp_path / "a.png"):
        assert "10 x 20" in refusal(images.read, source, max_pixels=199)
        assert images.read(source, max_pixels=200).pixels.shape == (1, 20, 10, 3)


def test_pillows_own_limit_is_back_after_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    data = file_bytes(Image.new("RGB", (90, 90)), "PNG")
    assert read_bytes(data, tmp_path).pixels.shape == (1, 90, 90, 3)
    refusal(read_bytes, data[:50], tmp_path)
    assert Image.MAX_IMAGE_PIXELS == 7


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_half_a_file_is_refused_even_where_the_caller_reads_such(
    kind, tmp_path, monkeypatch
):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = file_bytes(Image.fromarray(levels(1, 99, 99, 3)), kind)
    assert "cannot be read" in refusal(read_bytes, data[: len(data) // 2], tmp_path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


@pytest.mark.parametrize("what", ["text", "profile"])
def test_a_png_with_a_large_text_or_profile_is_read(what, tmp_path, monkeypatch):
    monkeypatch.setattr(PngImagePlugin, "MAX_TEXT_CHUNK", 10**6)
    image, info = Image.fromarray(levels(1, 9, 9, 3)), PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 3 * 10**6, zip=True)
    options = {"pnginfo": info} if what == "text" else {}
    if what == "profile":
        options["icc_profile"] = SRGB_PROFILE + bytes(3 * 10**6)
    picture = read_bytes(file_bytes(image, "PNG", **options), tmp_path)
    assert_is(picture, levels(1, 9, 9, 3) / 255)
    assert PngImagePlugin.MAX_TEXT_CHUNK == 10**6


def test_own_files_are_opened_whatever_limit_the_caller_set(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7)
    Image.fromarray(levels(1, 30, 40, 3)).save(tmp_path / "a.png")
    opened = images.opened(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(opened), levels(1, 30, 40, 3))
    assert "does not exist" in refusal(images.opened, tmp_path / "b.png")


def test_threads_leave_pillow_and_warnings_as_they_were(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(levels(1, 99, 99, 3)).save(path)
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    threads = [threading.Thread(target=images.read, args=(path,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters


# HEIC.

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)


@pytest.mark.parametrize("name", ["a.heic", "b.HEIF"])
def test_heic_without_its_reader_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    text = refusal(read_bytes, HEIC, tmp_path, name)
    assert "pip install 'vectormix_tf[heic]'" in text


def test_heic_is_opened_by_its_reader(tmp_path, monkeypatch):
    class Reader(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self):
            self._size, self._mode = (4, 3), "L"
            self.tile = [ImageFile._Tile("raw", (0, 0, 4, 3), 32, ("L", 0, 1))]

    fake = types.ModuleType("pillow_heif")
    fake.HeifImageFile = Reader
    monkeypatch.setitem(sys.modules, "pillow_heif", fake)
    assert_is(read_bytes(HEIC, tmp_path, "a.heic"), np.zeros((3, 4, 3)))


def test_reading_heic_adds_no_format_to_the_callers_pillow(root, monkeypatch):
    monkeypatch.setattr(
        Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "HEIF"}
    )
    before = dict(Image.OPEN)
    images.read(root / "tests/io/pictures/renamed_heic.jpg")
    assert before == Image.OPEN


@pytest.mark.parametrize("name", ["a.heic", "renamed.jpg", "camera.HIF", "none"])
def test_real_heic_is_known_by_its_content(name, tmp_path):
    import pillow_heif

    colors = np.uint8(np.rint(smooth()[0] * 255))
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(colors)).save(file, quality=100)
    picture = read_bytes(file.getvalue(), tmp_path, name)
    assert_is(picture, colors / 255, within=12 * STEP)


def test_a_renamed_heic_photograph_is_read(root):
    path = root / "tests/io/pictures/renamed_heic.jpg"
    with Image.open(root / "examples/images/content_cat.jpg") as twin:
        small = np.asarray(twin.convert("RGB").resize((160, 106))) / 255
    assert np.abs(images.read(path).pixels[0] - small).mean() < 0.03


@pytest.mark.parametrize("brand", [b"heix", b"mif1", b"msf1", b"hevc"])
def test_heic_of_any_brand_asks_for_its_reader(brand, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for box in (b"%s\0\0\0\0heic" % brand, b"abcd\0\0\0\0abcd%s" % brand):
        data = struct.pack(">I", 8 + len(box)) + b"ftyp" + box + bytes(64)
        assert "'vectormix_tf[heic]'" in refusal(read_bytes, data, tmp_path, "a.jpg")


@pytest.mark.parametrize("data", [b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(64),
                                  b"\0\0\0\x10ftypabcd\0\0\0\0mif1" + bytes(64),
                                  b"heic" * 20])  # fmt: skip
def test_other_boxes_are_no_picture(data, tmp_path):
    assert "is no picture" in refusal(read_bytes, data, tmp_path, "a.heic")


# BMP.


def bmp(values, header=108):
    """A BMP of 32 bits with masks and alpha: BITMAPV4HEADER or BITMAPV5HEADER."""
    height, width, _ = values.shape
    body = values[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", header, width, height, 1, 32, 3, len(body),
                       2835, 2835, 0, 0) + masks + b"BGRs"  # fmt: skip
    start = 14 + header
    file_head = struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
    return file_head + head.ljust(header, b"\0") + body


@pytest.mark.parametrize("header", [108, 124])
def test_a_bmp_whose_alpha_is_all_0_is_opaque(header, tmp_path):
    values = levels(1, 5, 7, 4)
    values[..., 3] = 0
    assert_is(read_bytes(bmp(values, header), tmp_path), values[..., :3] / 255)
    values[2, 3, 3] = 90
    picture = read_bytes(bmp(values, header), tmp_path)
    assert_is(picture, values[..., :3] / 255, values[..., 3] / 255)


# Sizes.


@cases(100)
@given(st.integers(1, 9000), st.integers(1, 9000), st.integers(1, 9000))
def test_the_long_side_is_met_and_the_aspect_kept(height, width, size):
    new_height, new_width = images.fitted_size(height, width, size)
    assert max(new_height, new_width) == size
    scale = size / max(height, width)
    assert new_height == 1 or abs(new_height - height * scale) <= 0.5
    assert new_width == 1 or abs(new_width - width * scale) <= 0.5
    assert min(new_height, new_width) >= 1


def test_size_0_keeps_the_size():
    assert images.fitted_size(33, 44, 0) == (33, 44)


def lanczos_matrix(old, new):
    """[new, old]: Lanczos with three lobes, widened when the picture shrinks."""
    scale = max(1.0, old / new)
    centers = (np.arange(new) + 0.5) * old / new
    at = (np.arange(old)[None] + 0.5 - centers[:, None]) / scale
    weights = np.where(np.abs(at) < 3, np.sinc(at) * np.sinc(at / 3), 0)
    return weights / weights.sum(1, keepdims=True)


@cases(40)
@given(seeds, st.tuples(sides, sides), st.tuples(sides, sides), st.integers(1, 4))
def test_resizing_is_antialiased_lanczos(seed, old, new, bands):
    pixels = noise(seed, 1, *old, bands)
    resized = images.resize(pixels, new)
    if old == new:
        assert resized is pixels
    rows, columns = (lanczos_matrix(*pair) for pair in zip(old, new, strict=True))
    expected = np.einsum("ih,jw,nhwc->nijc", rows, columns, pixels).clip(0, 1)
    assert resized.dtype == np.float32 and resized.shape == (1, *new, bands)
    assert np.abs(resized - expected).max() <= 1e-5


@cases(30)
@given(seeds, st.tuples(sides, sides), st.tuples(sides, sides))
def test_fitting_one_color_leaves_no_fringe(seed, old, new):
    color, alpha = noise(seed, 3), noise(seed, 1, *old, 1)
    alpha = np.where(alpha > 0.5, alpha, 0)
    alpha[0, 0] = 1
    pixels = np.broadcast_to(color, (1, *old, 3)).copy()
    fitted = images.fit(images.Picture(pixels, alpha), new)
    assert fitted.pixels.dtype == fitted.transparency.dtype == np.float32
    assert fitted.pixels.shape == (1, *new, 3)
    assert np.abs(fitted.pixels - color).max() <= 1e-3
    assert np.abs(fitted.transparency - images.resize(alpha, new)).max() <= 1e-6


@cases(20)
@given(seeds, st.tuples(sides, sides), st.tuples(sides, sides))
def test_fitting_weighs_colors_by_alpha(seed, old, new):
    pixels, alpha = noise(seed, 1, *old, 3), noise(seed + 1, 1, *old, 1)
    fitted = images.fit(images.Picture(pixels, alpha), new)
    rows, columns = (lanczos_matrix(*pair) for pair in zip(old, new, strict=True))
    blend = "ih,jw,nhwc->nijc"
    cover = np.einsum(blend, rows, columns, alpha)
    expected = np.einsum(blend, rows, columns, pixels * alpha) / cover
    clear = cover[..., 0] > 0.05
    error = np.abs(fitted.pixels - expected.clip(0, 1))[clear]
    assert error.max(initial=0) <= 1e-4


def test_fitting_an_opaque_picture_is_resizing():
    pixels = noise(1, 1, 5, 6, 3)
    fitted = images.fit(images.Picture(pixels), (7, 3))
    assert fitted.transparency is None
    assert np.array_equal(fitted.pixels, images.resize(pixels, (7, 3)))


def test_fitting_to_the_same_size_changes_nothing():
    picture = images.read(levels(1, 5, 6, 4))
    assert np.array_equal(images.fit(picture, (5, 6)).pixels, picture.pixels)


# Writing.


@cases(40)
@given(
    st.sampled_from([(".png", 8), (".png", 16), (".tif", 8), (".TIFF", 8)]),
    st.booleans(),
    seeds,
    sides,
    sides,
)
def test_lossless_files_come_back_to_half_a_level(
    tmp_path, kind, with_alpha, seed, height, width
):
    ending, depth = kind
    pixels = noise(seed, 1, height, width, 3)
    # Nowhere 0: a hidden color is not meant to come back.
    alpha = 0.1 + 0.8 * noise(seed + 1, 1, height, width, 1) if with_alpha else None
    path = tmp_path / f"a{ending}"
    output.write(path, pixels, alpha, depth, overwrite=True)
    back = images.read(path)
    half = 0.5 / (2**depth - 1) + 3e-7
    assert np.abs(back.pixels - pixels).max() <= half
    if with_alpha:
        assert np.abs(back.transparency - alpha).max() <= half
    else:
        assert back.transparency is None


@pytest.mark.parametrize("ending", [".jpg", ".jpeg", ".webp"])
def test_lossy_files_come_back_nearly(ending, tmp_path):
    output.write(tmp_path / f"a{ending}", smooth())
    back = images.read(tmp_path / f"a{ending}").pixels
    assert np.abs(back - smooth()).mean() < 0.01
    assert np.abs(back - smooth()).max() < 0.06


def test_webp_keeps_alpha():
    alpha = smooth()[..., :1]
    data = output.encode(smooth(), ".webp", alpha)
    back = np.asarray(Image.open(io.BytesIO(data)))
    assert np.abs(back[..., 3] / 255 - alpha[0, ..., 0]).max() <= 0.51 * STEP


def test_jpeg_lies_on_white():
    alpha = np.zeros((1, 16, 16, 1), np.float32)
    alpha[:, :, 8:] = 1
    data = output.encode(np.zeros((1, 16, 16, 3), np.float32), ".jpg", alpha)
    back = np.asarray(Image.open(io.BytesIO(data))) / 255
    assert back[:, :8].min() > 0.98 and back[:, 8:].max() < 0.02


def test_jpeg_keeps_colors_as_sharp_as_light():
    data = output.encode(smooth(), ".jpg")
    image = Image.open(io.BytesIO(data))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


@pytest.mark.parametrize("ending", WRITABLE)
@pytest.mark.parametrize("with_alpha", [False, True])
def test_every_file_carries_our_profile(ending, with_alpha):
    alpha = smooth()[..., :1] if with_alpha else None
    image = Image.open(io.BytesIO(output.encode(smooth(), ending, alpha)))
    assert image.format == output.FORMATS[ending]
    assert image.info["icc_profile"] == icc.SRGB_PROFILE


@pytest.mark.parametrize("with_alpha", [False, True])
def test_deep_png_carries_our_profile_and_16_bits(with_alpha):
    alpha = smooth()[..., :1] if with_alpha else None
    data = output.encode(smooth(), ".png", alpha, 16)
    assert data[24:26] == (b"\x10\x06" if with_alpha else b"\x10\x02")
    image = Image.open(io.BytesIO(data))
    image.verify()  # checksums
    assert image.info["icc_profile"] == icc.SRGB_PROFILE


def test_the_same_picture_gives_the_same_bytes_seconds_apart():
    kinds = [(ending, 8) for ending in WRITABLE] + [(".png", 16)]
    alpha = smooth()[..., :1]

    def all_kinds():
        return [output.encode(smooth(), end, alpha, depth) for end, depth in kinds]

    before = all_kinds()
    time.sleep(2.1)
    assert all_kinds() == before


def test_values_beyond_the_range_are_clipped():
    pixels = np.float32([[[[-0.5, 0.5, 1.5]] * 2] * 2])
    back = np.asarray(Image.open(io.BytesIO(output.encode(pixels, ".png"))))
    assert back[0, 0].tolist() == [0, 128, 255]


def test_what_a_format_cannot_hold_is_refused():
    wide = np.zeros((1, 2, 16384, 3), np.float32)  # WebP ends at 16383
    text = refusal(output.encode, wide, ".webp")
    assert "16384 x 2" in text and "`.png`" in text


@pytest.mark.parametrize(
    ("path", "options", "says"),
    [
        ("", {}, "no file name"),
        ("{}/", {}, "is a folder"),
        ("{}/.png", {}, "no file name"),
        ("{}/new/", {}, "no file name"),
        ("{}/a.bmp", {}, "`.webp`"),
        ("{}/a", {}, "`.webp`"),
        ("{}/a.png", {"depth": 12}, "8 or 16"),
        ("{}/a.jpg", {"depth": 16}, "only as `.png`"),
        ("{}/none/a.png", {}, "does not exist"),
        ("{}/file/a.png", {}, "is not a folder"),
        ("{}/file.png", {}, "`overwrite`"),
        ("{}/folder.png", {"overwrite": True}, "is a folder"),
        ("{}/dangling.png", {}, "`overwrite`"),
    ],
)
def test_a_bad_output_is_refused_beforehand(path, options, says, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "file.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    if "dangling" in path:
        os.symlink(tmp_path / "nowhere", tmp_path / "dangling.png")
    text = refusal(output.check_output, path.format(tmp_path), what="mix", **options)
    assert text.startswith("mix `") and says in text


def test_a_good_output_passes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.png").write_bytes(b"")
    (tmp_path / "in.png").write_bytes(b"")
    for ending in WRITABLE:
        output.check_output(tmp_path / f"new{ending}", inputs=["in.png", "none.png"])
    output.check_output("new.PNG", inputs=[noise(1, 2, 2, 3)], depth=16)
    output.check_output("old.png", overwrite=True)


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    lock(tmp_path, monkeypatch)
    assert "cannot be written to" in refusal(output.check_output, tmp_path / "a.png")


@pytest.mark.parametrize("link", [None, os.link, os.symlink])
def test_an_input_is_never_overwritten(link, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.png").write_bytes(b"")
    if link:
        link(tmp_path / "in.png", "out.png")
    path = "./out.png" if link else tmp_path / "in.png"
    text = refusal(output.check_output, path, ["other.png", "in.png"], overwrite=True)
    assert "also an input" in text


# Whole or not at all.


@contextlib.contextmanager
def small_files():
    """The real thing: a limit on the size of files."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize("full", [full_disk] + [small_files] * (resource is not None))
def test_a_full_disk_leaves_the_old_file_and_no_other(full, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with full():
        text = refusal(output.write, path, noise(1, 1, 50, 50, 3), overwrite=True)
    assert text.startswith(f"could not write `{path}`: ")
    assert "free some space or choose another folder" in text
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "denied")])
def test_a_broken_off_write_leaves_the_old_file_and_no_other(
    error, tmp_path, monkeypatch
):
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def fail(source, target):
        assert Path(source).read_bytes() == b"new"
        assert Path(source).parent == tmp_path and Path(source).name.startswith(".")
        raise error

    monkeypatch.setattr(os, "replace", fail)
    if isinstance(error, KeyboardInterrupt):
        with pytest.raises(KeyboardInterrupt):
            output.write_bytes(path, b"new", overwrite=True)
    else:
        text = refusal(output.write_bytes, path, b"new", overwrite=True)
        assert "denied; choose another folder" in text and "space" not in text
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_that_appeared_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a.png"
    output.check_output(path)
    path.write_bytes(b"mine")
    assert "`overwrite`" in refusal(output.write, path, noise(1, 1, 4, 4, 3))
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a.png"]


def test_overwriting_replaces_and_leaves_no_other_file(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    output.write(path, noise(1, 1, 4, 5, 3), overwrite=True)
    assert images.read(path).pixels.shape == (1, 4, 5, 3)
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_folder_that_is_gone_is_reported(tmp_path):
    text = refusal(output.write_bytes, tmp_path / "gone" / "a.json", b"")
    assert text.startswith("could not write")


def test_a_bare_name_is_written_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output.write_bytes("a.json", b"{}")
    assert (tmp_path / "a.json").read_bytes() == b"{}"


def test_a_written_file_has_the_permissions_of_any_new_file(tmp_path):
    output.write_bytes(tmp_path / "ours.png", b"")
    with open(tmp_path / "any.png", "xb"):
        pass
    ours, other = (os.stat(tmp_path / name).st_mode for name in ("ours.png", "any.png"))
    assert ours == other


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / ("n" * 251 + ".png")
    output.write_bytes(path, b"x")
    assert path.read_bytes() == b"x"


def test_only_16_bits_need_tensorflow(tmp_path):
    program = (
        "import sys, numpy; from vectormix_tf.io import images, output;"
        "path = sys.argv[1];"
        "output.write(path, numpy.zeros([1, 4, 4, 3])); images.read(path);"
        "sys.exit('tensorflow' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    path = str(tmp_path / "a.png")
    assert (
        subprocess.run([sys.executable, "-c", program, path], cwd=root).returncode == 0
    )
