"""Colors that files name without an ICC profile, against published formulas.

The matrices are those of CSS Color Module Level 4, section 18 (sample code), which are
rational numbers and written independently of ours.
"""

import io
import struct
import sys
import warnings
import zlib
from fractions import Fraction

import imagecodecs
import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms, TiffImagePlugin

from vectormix_tf.io import color_tags, colorimetry, images

LEVEL = 1 / 255
ALMOST = LEVEL / 20


def matrix(text):
    return np.array([float(Fraction(part)) for part in text.split()]).reshape(3, 3)


XYZ_TO_SRGB = matrix("""12831/3959 -329/214 -1974/3959
    -851781/878810 1648619/878810 36519/878810  705/12673 -2585/12673 705/667""")
P3 = matrix("""608311/1250200 189793/714400 198249/1000160
    35783/156275 247089/357200 198249/2500400  0 32229/714400 5220557/5000800""")
REC2020 = matrix("""63426534/99577255 20160776/139408157 47086771/278816314
    26158966/99577255 472592308/697040785 8267143/139408157
    0 19567812/697040785 295819943/278816314""")
A98 = matrix("""573536/994567 263643/1420810 187206/994567
    591459/1989134 6239551/9945670 374412/4972835
    53769/1989134 351524/4972835 4929758/4972835""")
SRGB = np.linalg.inv(XYZ_TO_SRGB)


def encoded(light):
    light = np.clip(light, 0, 1)
    return np.where(
        light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    )


def decoded(colors):
    return np.where(
        colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4
    )


def converted(colors, to_light, to_xyz):
    """The oracle: numbers in a space with display light, as sRGB."""
    return encoded(to_light(np.float64(colors)) @ (XYZ_TO_SRGB @ to_xyz).T)


# ITU-R BT.2100-2, tables 4 and 5; luminance in cd/m2.


def pq_to_nits(signal):
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    root = np.float64(signal) ** (1 / m2)
    return 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def nits_to_pq(nits):
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (np.float64(nits) / 10_000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def hlg_to_nits(signal, luminance):
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return 1000 * (scene @ luminance)[..., None] ** 0.2 * scene


def eetf(nits, peak, white=203.0):
    """ITU-R BT.2390-10, 5.4.1, with both black levels at 0."""
    top = nits_to_pq(peak)
    e1, largest = nits_to_pq(nits) / top, nits_to_pq(white) / top
    start = 1.5 * largest - 0.5
    t = (e1 - start) / (1 - start)
    p = ((2 * t**3 - 3 * t**2 + 1) * start + (t**3 - 2 * t**2 + t) * (1 - start)
         + (-2 * t**3 + 3 * t**2) * largest)  # fmt: skip
    return pq_to_nits(np.where(e1 < start, e1, p) * top)


def tone_mapped(nits, to_xyz):
    largest = nits.max(-1, keepdims=True)
    if largest.max() > 203:
        nits = nits * eetf(largest, largest.max()) / np.maximum(largest, 1e-9)
    return encoded(nits / 203 @ (XYZ_TO_SRGB @ to_xyz).T)


def cube(most=1.0):
    """[25, 25, 3] colors, some of them gray."""
    steps = np.linspace(0, most, 8)
    colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    gray = np.repeat(np.linspace(0, most, 625 - len(colors))[:, None], 3, 1)
    levels = np.rint(np.concatenate([colors, gray]) * 255)
    return np.uint8(levels.reshape(25, 25, 3))


def chunk(kind, body):
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


def png(levels, *chunks, **options):
    """A PNG with these chunks behind its header."""
    file = io.BytesIO()
    image = levels if isinstance(levels, Image.Image) else Image.fromarray(levels)
    image.save(file, "PNG", **options)
    data = file.getvalue()
    return data[:33] + b"".join(chunks) + data[33:]


def gama(gamma):
    return chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(points):
    """`points`: x, y of red, green, blue, white; the file has white first."""
    order = (*points[6:], *points[:6])
    return chunk(b"cHRM", struct.pack(">8I", *(round(p * 100_000) for p in order)))


def cicp(primaries, transfer, full=1):
    return chunk(b"cICP", bytes([primaries, transfer, 0, full]))


ADOBE_POINTS = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, 0.3127, 0.329)
SRGB_POINTS = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.329)
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def pixels(data, folder, name="picture"):
    path = folder / name
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return images.read(path).pixels[0]


def assert_near(found, expected, within=ALMOST):
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= within


# Numbers of H.273 in PNG.

TO_LIGHT = {
    4: lambda v: v**2.2,
    5: lambda v: v**2.8,
    8: lambda v: v,
    9: lambda v: np.where(v > 0, 10 ** ((v - 1) * 2), 0),
    10: lambda v: np.where(v > 0, 10 ** ((v - 1) * 2.5), 0),
    17: lambda v: v**2.6 * 52.37 / 48,
    **dict.fromkeys((1, 2, 6, 13, 14, 15, 99), decoded),
}


@pytest.mark.parametrize("transfer", TO_LIGHT)
@pytest.mark.parametrize(("primaries", "to_xyz"), [(12, P3), (9, REC2020), (1, SRGB)])
def test_numbers_of_a_png_are_converted(primaries, to_xyz, transfer, tmp_path):
    found = pixels(png(cube(), cicp(primaries, transfer)), tmp_path)
    expected = converted(cube() / 255, TO_LIGHT[transfer], to_xyz)
    # CSS' matrices and ours differ in the fifth digit; the curve is steep at black.
    assert_near(found, expected, 0.3 * LEVEL)


@pytest.mark.parametrize("transfer", [1, 2, 6, 13, 14, 15])
def test_numbers_of_srgb_change_nothing(transfer, tmp_path):
    plain = pixels(png(cube()), tmp_path)
    for primaries in (1, 2):
        found = pixels(png(cube(), cicp(primaries, transfer)), tmp_path)
        assert np.array_equal(found, plain)


@pytest.mark.parametrize("number", sorted(colorimetry.PRIMARIES))
def test_white_stays_white_in_all_primaries(number):
    space = colorimetry.of_numbers(number, 8)
    white = colorimetry.to_srgb(np.ones((1, 1, 3), np.float32), space)
    assert np.abs(white - 1).max() <= ALMOST


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "deep", "L", "P"])
def test_every_kind_of_png_is_converted_and_alpha_kept(kind, tmp_path):
    levels = cube()
    if kind == "deep":
        rows = (levels.astype(">u2") * 257).reshape(25, -1)
        body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        header = struct.pack(">IIBBBBB", 25, 25, 16, 2, 0, 0, 0)
        data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + cicp(12, 13)
                + chunk(b"IDAT", body) + chunk(b"IEND", b""))  # fmt: skip
    elif kind == "RGBA":
        alpha = np.full((25, 25, 1), 128, np.uint8)
        data = png(np.concatenate([levels, alpha], -1), cicp(12, 13))
    else:
        image = Image.fromarray(levels).convert(kind)
        levels = np.asarray(image.convert("RGB"))
        data = png(image, cicp(12, 13))
    path = tmp_path / "picture"
    path.write_bytes(data)
    picture = images.read(path)
    assert_near(picture.pixels[0], converted(levels / 255, decoded, P3), LEVEL / 5)
    if kind == "RGBA":
        assert np.all(picture.transparency == np.float32(128 / 255))
    else:
        assert picture.transparency is None


def test_a_narrow_range_has_black_at_16_and_white_at_235(tmp_path):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    found = pixels(png(np.repeat(ramp, 2, 0), cicp(1, 13, full=0)), tmp_path)
    assert_near(found[0], np.clip((ramp[0] - 16.0) / 219, 0, 1))


# HDR.


def test_reference_white_is_white_in_both_hdr_signals():
    # ITU-R BT.2408-7, table 1: 203 cd/m2 is 58 % of PQ and 75 % of HLG.
    for transfer, signal in ((16, 0.5807), (18, 0.75)):
        white = np.full((2, 2, 3), signal, np.float32)
        found = colorimetry.to_srgb(white, colorimetry.of_numbers(9, transfer))
        assert np.abs(found - 1).max() <= 0.004


@pytest.mark.parametrize("most", [0.55, 0.75, 1.0])
@pytest.mark.parametrize(("primaries", "to_xyz"), [(9, REC2020), (12, P3)])
def test_pq_is_light_and_rolls_off_by_bt2390(primaries, to_xyz, most, tmp_path):
    found = pixels(png(cube(most), cicp(primaries, 16)), tmp_path)
    expected = tone_mapped(pq_to_nits(cube(most) / 255), to_xyz)
    assert_near(found, expected, LEVEL / 2)


@pytest.mark.parametrize("most", [0.7, 1.0])
def test_hlg_is_light_of_a_display_of_1000_nits(most, tmp_path):
    found = pixels(png(cube(most), cicp(9, 18)), tmp_path)
    luminance = np.array([0.2627, 0.6780, 0.0593])  # BT.2100-2, table 5
    expected = tone_mapped(hlg_to_nits(cube(most) / 255, luminance), REC2020)
    assert_near(found, expected, LEVEL / 2)


def test_what_is_not_bright_is_not_changed_by_what_is():
    signal = np.linspace(0, 0.55, 50, dtype=np.float32)
    gray = np.repeat(signal[None, :, None], 3, -1)
    space = colorimetry.of_numbers(9, 16)
    alone = colorimetry.to_srgb(gray, space)
    with_sun = np.concatenate([gray, np.full((1, 1, 3), 0.75, np.float32)], 1)
    beside = colorimetry.to_srgb(with_sun, space)[:, :-1]
    dark = signal < 0.45
    assert np.abs(alone - beside)[0, dark].max() <= ALMOST
    assert np.all(np.diff(beside[0, :, 0]) > 0)  # no two grays become one


# gAMA and cHRM.


@pytest.mark.parametrize("gamma", [1.0, 0.55556, 0.3])
def test_gama_is_an_exponent(gamma, tmp_path):
    found = pixels(png(cube(), gama(gamma)), tmp_path)
    expected = encoded((cube() / 255) ** (1 / round(gamma, 5)))
    assert_near(found, expected)


def test_chrm_names_the_primaries(tmp_path):
    found = pixels(png(cube(), gama(0.45455), chrm(ADOBE_POINTS)), tmp_path)
    expected = converted(cube() / 255, lambda v: v ** (1 / 0.45455), A98)
    assert_near(found, expected, 0.3 * LEVEL)
    found = pixels(png(cube(), chrm(ADOBE_POINTS)), tmp_path)
    assert_near(found, converted(cube() / 255, decoded, A98), 0.3 * LEVEL)


SAME = {
    "gAMA of sRGB": [gama(0.45455)],
    "gAMA and cHRM of sRGB": [gama(0.45455), chrm(SRGB_POINTS)],
    "rounded": [gama(0.4545), chrm((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.313, 0.329))],
    "sRGB before gAMA": [chunk(b"sRGB", b"\0"), gama(1.0), chrm(ADOBE_POINTS)],
    "iCCP before gAMA": [
        chunk(b"iCCP", b"s\0\0" + zlib.compress(SRGB_PROFILE)), gama(1.0)],
    "gAMA of 0": [gama(0)],
    "gAMA beyond sense": [gama(20_000)],
    "cHRM of 0": [chrm((0,) * 8)],
    "cHRM on a line": [chrm((0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.2, 0.2))],
    "cHRM with white outside": [chrm((*SRGB_POINTS[:6], 0.8, 0.8))],
    "a short cICP": [chunk(b"cICP", b"\x09\x10")],
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_says_srgb_or_nonsense_changes_nothing(name, tmp_path):
    plain = pixels(png(cube()), tmp_path)
    found = pixels(png(cube(), *SAME[name]), tmp_path)
    assert np.abs(found - plain).max() <= (1.01 * LEVEL if "iCCP" in name else 0)


def test_cicp_counts_before_a_profile(tmp_path):
    profile = chunk(b"iCCP", b"s\0\0" + zlib.compress(SRGB_PROFILE))
    expected = converted(cube() / 255, decoded, P3)
    found = pixels(png(cube(), cicp(12, 13), profile, gama(1.0)), tmp_path)
    assert_near(found, expected, LEVEL / 5)


def test_the_transparent_color_of_a_png_is_found_before_conversion(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    data = png(gray, gama(1.0), chunk(b"tRNS", struct.pack(">H", 9)))
    path = tmp_path / "picture"
    path.write_bytes(data)
    picture = images.read(path)
    assert np.array_equal(picture.transparency[0, ..., 0], (gray != 9).astype("f4"))
    shown = gray != 9
    expected = np.repeat(encoded(gray / 255)[..., None], 3, -1)
    assert_near(picture.pixels[0][shown], expected[shown])


# AVIF and HEIF.


def file_of(kind, levels, **options):
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(Image.fromarray(levels)).save(file, **options)
    else:
        Image.fromarray(levels).save(file, kind, **options)
    return file.getvalue()


def named(data, primaries, transfer):
    """The file with other numbers in its boxes `nclx`; its pixels stay the same."""
    place = data.index(b"colrnclx") + 8
    numbers = struct.pack(">HH", primaries, transfer)
    return data[:place] + numbers + data[place + 4 :]


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_numbers_of_avif_and_heif_are_converted(kind, tmp_path):
    levels = np.repeat(np.repeat(cube(0.7), 4, 0), 4, 1)
    data = file_of(kind, levels, quality=90)
    plain = pixels(named(data, 1, 13), tmp_path)
    assert np.array_equal(plain, pixels(data, tmp_path))
    wide = pixels(named(data, 12, 13), tmp_path)
    assert_near(wide, converted(plain, decoded, P3), LEVEL / 5)
    bright = pixels(named(data, 9, 16), tmp_path)
    assert_near(bright, tone_mapped(pq_to_nits(plain), REC2020), LEVEL / 2)


@pytest.mark.parametrize("mode", ["RGB;16", "L;16", "RGBA;16", "LA;16"])
def test_hdr_heif_is_read_in_all_its_bits(mode, tmp_path):
    bands = {"R": 3, "L": 1}[mode[0]] + ("A" in mode)
    ramp = np.linspace(0, 590, 64 * 48).astype(np.uint16).reshape(48, 64, 1)
    levels = np.repeat(ramp, bands, -1)
    if "A" in mode:
        levels[..., -1] = 1023
    file = io.BytesIO()
    stored = pillow_heif.from_bytes(mode, (64, 48), (levels << 6).tobytes())
    stored.save(file, quality=-1, chroma=444)
    found = pixels(named(file.getvalue(), 9, 16), tmp_path)
    gray = np.repeat(ramp / 1023, 3, -1)
    assert len(np.unique(found[..., 1])) > 400  # 8 bits have 148 up to this level
    assert_near(found, tone_mapped(pq_to_nits(gray), REC2020), 3 * LEVEL)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_hdr_avif_is_read_in_all_its_bits(bits, bands, tmp_path):
    most = 2**bits - 1
    ramp = np.linspace(0, 0.58 * most, 64 * 48).astype(np.uint16).reshape(48, 64, 1)
    stored = np.repeat(ramp, bands, -1)
    if bands == 4:
        stored[..., 3] = most
    options = {"bitspersample": bits, "level": 100, "primaries": 9, "transfer": 16}
    options |= {"matrix": 0} if bands > 1 else {}
    data = imagecodecs.avif_encode(stored[..., 0] if bands == 1 else stored, **options)
    assert color_tags.avif_bits(io.BytesIO(data)) == bits
    found = pixels(data, tmp_path)
    gray = np.repeat(ramp / most, 3, -1)
    assert len(np.unique(found[..., 1])) > 400  # 8 bits have 148 up to this level
    assert_near(found, tone_mapped(pq_to_nits(gray), REC2020), 3 * LEVEL)


def test_hdr_avif_without_imagecodecs_is_read_in_8_bits(root, tmp_path, monkeypatch):
    data = (root / "tests/io/pictures/hdr_pq.avif").read_bytes()
    deep = pixels(data, tmp_path)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    shallow = pixels(data, tmp_path)
    assert len(np.unique(shallow)) < len(np.unique(deep))
    assert np.abs(shallow - deep).mean() < 0.01


def test_a_profile_counts_before_numbers(tmp_path):
    data = file_of("AVIF", cube(), icc_profile=SRGB_PROFILE)
    numbers = b"\0\0\0\x13colrnclx" + struct.pack(">HHHB", 12, 13, 6, 0x80)
    assert b"colrprof" in data and numbers not in data
    plain = pixels(file_of("AVIF", cube()), tmp_path)
    assert np.abs(pixels(data, tmp_path) - plain).max() <= 1.01 * LEVEL
    if b"colrnclx" in data:
        data = named(data, 12, 13)
    assert np.abs(pixels(data, tmp_path) - plain).max() <= 1.01 * LEVEL


@pytest.mark.parametrize("source", ["file", "Pillow image"])
def test_a_pillow_image_that_is_not_loaded_says_its_colors_too(source, tmp_path):
    avif = named(file_of("AVIF", cube()), 12, 13)
    for data in (avif, png(cube(), cicp(12, 13))):
        path = tmp_path / "picture"
        path.write_bytes(data)
        with Image.open(path) as image:
            found = images.read(image).pixels
            assert image.size == (25, 25)
        assert np.array_equal(found, images.read(path).pixels)


def test_a_real_hdr_photograph_looks_like_its_sdr_twin(tmp_path, root):
    folder = root / "tests/io/pictures"
    found = pixels((folder / "hdr_pq.avif").read_bytes(), tmp_path)
    with Image.open(root / "examples/images/content_cat.jpg") as twin:
        small = np.asarray(twin.convert("RGB").resize((160, 106))) / 255
    assert np.abs(found.mean((0, 1)) - small.mean((0, 1))).max() <= 0.03
    assert np.abs(found - small).mean() <= 0.03


def test_boxes_that_lie_are_none():
    data = named(file_of("AVIF", cube()), 12, 13)
    random = np.random.default_rng(0)
    end = data.index(b"mdat")
    for _ in range(300):
        broken = bytearray(data[:end])
        for place in random.integers(0, end, 4):
            broken[place] = random.integers(256)
        found = color_tags._avif_numbers(io.BytesIO(broken))
        assert found is None or isinstance(found, colorimetry.ColorSpace)


# EXIF.


def exif(space, index):
    tags = Image.Exif()
    tags[ExifTags.Base.Make] = "test"  # without such a tag Pillow writes none
    tags.get_ifd(ExifTags.IFD.Exif)[0xA001] = space
    if index:
        tags.get_ifd(ExifTags.IFD.Exif)[0xA005] = {1: index}
    return tags


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(("space", "index"), [(0xFFFF, "R03"), (2, "")])
def test_adobe_rgb_in_exif_is_converted(space, index, kind, tmp_path):
    options = {"lossless": True} if kind == "WEBP" else {}
    plain = pixels(file_of(kind, cube(), **options), tmp_path)
    if kind == "TIFF":
        inner = {0xA001: space, **({0xA005: {1: index}} if index else {})}
        options["tiffinfo"] = {ExifTags.IFD.Exif: inner}
    else:
        options["exif"] = exif(space, index)
    data = file_of(kind, cube(), **options)
    if kind == "AVIF":
        assert np.array_equal(pixels(data, tmp_path), plain)  # its numbers are sRGB's
        data = named(data, 2, 2)  # unspecified
    expected = converted(plain, lambda v: v ** (563 / 256), A98)
    assert np.abs(expected - plain).max() > 9 * LEVEL
    assert_near(pixels(data, tmp_path), expected, 0.3 * LEVEL)


@pytest.mark.parametrize(
    ("space", "index"), [(1, "R98"), (0xFFFF, ""), (0xFFFF, "R98"), (1, "")]
)
def test_other_colors_in_exif_change_nothing(space, index, tmp_path):
    plain = pixels(file_of("PNG", cube()), tmp_path)
    data = file_of("PNG", cube(), exif=exif(space, index))
    assert np.array_equal(pixels(data, tmp_path), plain)


def chromaticities(points, gamma, space=None):
    tags = Image.Exif()
    rationals = [TiffImagePlugin.IFDRational(round(p * 10_000), 10_000) for p in points]
    tags[319], tags[318] = tuple(rationals[:6]), tuple(rationals[6:])
    inner = tags.get_ifd(ExifTags.IFD.Exif)
    if gamma:
        inner[0xA500] = TiffImagePlugin.IFDRational(round(gamma * 10), 10)
    if space:
        inner[0xA001] = space
    return tags


@pytest.mark.parametrize("gamma", [None, 2.2, 1.0])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_chromaticities_in_exif_name_the_primaries(kind, gamma, tmp_path):
    plain = pixels(file_of(kind, cube()), tmp_path)
    data = file_of(kind, cube(), exif=chromaticities(ADOBE_POINTS, gamma))
    if kind == "TIFF":
        gamma = None  # Pillow does not write it there
    expected = converted(plain, (lambda v: v**gamma) if gamma else decoded, A98)
    assert_near(pixels(data, tmp_path), expected, 0.3 * LEVEL)


@pytest.mark.parametrize(
    "tags",
    [
        chromaticities(SRGB_POINTS, 2.2),
        chromaticities(SRGB_POINTS, None),
        chromaticities(ADOBE_POINTS, 2.2, space=1),
        chromaticities((0,) * 8, 2.2),
    ],
)
def test_chromaticities_of_srgb_or_nonsense_change_nothing(tags, tmp_path):
    plain = pixels(file_of("PNG", cube()), tmp_path)
    data = file_of("PNG", cube(), exif=tags)
    assert np.array_equal(pixels(data, tmp_path), plain)


def test_a_profile_counts_before_exif(tmp_path):
    plain = pixels(file_of("PNG", cube()), tmp_path)
    tags = exif(0xFFFF, "R03")
    data = file_of("PNG", cube(), exif=tags, icc_profile=SRGB_PROFILE)
    assert np.abs(pixels(data, tmp_path) - plain).max() <= 1.01 * LEVEL
