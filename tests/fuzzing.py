"""What nobody would write, for `test_fuzz`: damaged files, flags, JSON and messages."""

import io
import json
import os

import hypothesis.strategies as st
import numpy as np
from absl import flags
from cli_cases import picture
from hypothesis import HealthCheck, settings
from PIL import Image, ImageCms

from vectormix_tf.cli.main import load_command
from vectormix_tf.config.setting import settings_of

MANY = int(os.environ.get("VECTORMIX_FUZZ", "1"))  # times as many examples


def fuzzed(examples):
    """Settings of so many examples, which may write into one folder."""
    return settings(
        max_examples=examples * MANY,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )


def resident():
    """Bytes of this process that are in memory now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


# --- Files ----------------------------------------------------------------------------


@st.composite
def damaged(draw, data):
    """Bytes of a file of which some were changed, removed, repeated or cut off."""
    data = bytearray(data)
    for _ in range(draw(st.integers(1, 6))):
        # Headers are at the beginning or the end, where a change says more.
        near = st.integers(0, 64) | st.integers(len(data) - 64, len(data))
        at = draw(near | st.integers(0, max(len(data), 1)))
        at = min(max(at, 0), len(data))
        what = draw(st.sampled_from(["set", "set", "insert", "remove", "cut", "move"]))
        if what == "set":
            new = draw(st.binary(min_size=1, max_size=8) | EXTREME)
            data[at : at + len(new)] = new
        elif what == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=64))
        elif what == "remove":
            del data[at : at + draw(st.integers(1, 64))]
        elif what == "move":
            part = data[at : at + draw(st.integers(1, 64))]
            start = draw(st.integers(0, len(data)))
            data[start : start + len(part)] = part
        elif at:
            del data[at:]
    return bytes(data)


# Numbers of headers: none, the least and the largest of each width.
EXTREME = st.sampled_from([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"]) | (
    st.sampled_from([b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\1\0\0", b"\0\0\1\0"])
)


def saved(kind, image, **options):
    """The bytes of a file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _turned():
    """EXIF data with an orientation and Adobe RGB as its color space."""
    exif = Image.Exif()
    exif[274] = 6
    exif.get_ifd(0x8769)[0xA001] = 2
    return exif


def _films(rgb):
    frames = {"save_all": True, "append_images": [rgb.rotate(9)], "duration": 40}
    return {kind: saved(kind, rgb, **frames) for kind in ("GIF", "WEBP", "PNG")}


def _tiffs(rgb):
    """TIFF files of many kinds, for Pillow and for tifffile."""
    import tifffile

    gray, numbers = rgb.convert("L"), np.float32(rgb) / 255
    kinds = {
        name: saved("TIFF", rgb, compression=name)
        for name in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg")
    }
    kinds["group4"] = saved("TIFF", rgb.convert("1"), compression="group4")
    for mode in ("L", "I;16", "F", "CMYK", "P", "LAB", "RGBA"):
        image = gray.convert("I").convert(mode) if mode == "I;16" else rgb
        kinds[mode] = saved("TIFF", image if mode == "I;16" else _as(rgb, mode))
    for name, array, options in (
        ("float", numbers, {}),
        ("half", np.float16(numbers), {"compression": "zlib", "predictor": True}),
        ("deep", np.uint16(numbers * 65535), {"compression": "lzma"}),
        ("planes", np.uint8(rgb).transpose(2, 0, 1), {"planarconfig": "separate"}),
        ("tiles", np.uint8(rgb), {"tile": (16, 16), "compression": "lzw"}),
        ("big", np.uint8(rgb), {"bigtiff": True}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, array, photometric="rgb", **options)
        kinds[name] = file.getvalue()
    return {f"TIFF {name}": data for name, data in kinds.items()}


def _as(rgb, mode):
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")
    return rgb.convert(mode)


def pictures(folder):
    """{kind: bytes} of picture files of all formats; those of `folder` as well."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    rgb = picture(0, 40, 56)
    deep = Image.fromarray(np.uint16(rgb.convert("L")) * 257)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tagged = {"icc_profile": profile, "exif": _turned()}
    kinds = {
        "PNG": saved("PNG", rgb),
        "PNG palette": saved("PNG", rgb.quantize(16), transparency=3),
        "PNG deep": saved("PNG", deep),
        "JPEG CMYK": saved("JPEG", rgb.convert("CMYK")),
        "JPEG progressive": saved("JPEG", rgb, progressive=True),
        "JPEG gray": saved("JPEG", rgb.convert("L")),
        "WEBP lossless": saved("WEBP", rgb, lossless=True),
        "BMP palette": saved("BMP", rgb.quantize(16)),
        "PPM": saved("PPM", rgb),
        "PGM": saved("PPM", rgb.convert("L")),
    }
    for kind in ("PNG", "WEBP", "AVIF", "HEIF", "GIF"):
        kinds[f"{kind} alpha"] = saved(kind, rgb.convert("RGBA"))
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF", "HEIF"):
        kinds[f"{kind} tagged"] = saved(kind, rgb, **tagged)
    kinds |= {kind: saved(kind, rgb) for kind in ("JPEG", "BMP", "AVIF", "HEIF")}
    kinds |= {f"{kind} film": data for kind, data in _films(rgb).items()}
    kinds |= {path.name: path.read_bytes() for path in folder.iterdir()}
    return kinds | _tiffs(rgb)


def tag_places(data):
    """Where a file's profile and EXIF data begin, so that they are damaged too."""
    return [at for mark in (b"acsp", b"Exif", b"II*\0", b"MM\0*")
            if (at := data.find(mark)) > 0]  # fmt: skip


@st.composite
def damaged_picture(draw, data):
    """A damaged file, in half of the cases at its profile or EXIF data."""
    places = tag_places(data)
    if not places or draw(st.booleans()):
        return draw(damaged(data))
    at = draw(st.sampled_from(places))
    return data[:at] + draw(damaged(data[at : at + 200])) + data[at + 200 :]


# --- Flags ----------------------------------------------------------------------------

# Numbers of these cost time or memory in proportion.
COSTLY = {"size": 160, "steps": 3, "octaves": 3, "max_pixels": 10**9, "threads": 2}
COSTLY |= {"octave_steps": 1.5, "finish_steps": 3, "style_levels": 3, "guide_size": 160}
COSTLY |= {"style_scale": 2.0, "further_steps": 2, "frames": 3, "proof_steps": 2}
COSTLY |= {"proof_size": 120, "explore": 3, "first_size": 90, "fps": 60}
NUMBERS = ["0", "-1", "1", "nan", "inf", "-inf", "1e38", "1e-38", "1e999", "", "0x10"]
NUMBERS += ["1" * 5000, "\u0663", "1_0", "1,5", " 1", "+1", "-0", "00"]
# No zero byte and no other half of a character: no system passes them to a program.
TEXTS = ["", " ", "none", "~", "\u00e9", "a,b", "mixed3:0", "conv1a:-1", "\t", "no.png"]
TEXTS += ["photo.png", ".", "..", "x" * 300, "\udcff", "=", "--", "[1]", "conv2a:1e999"]
TEXTS += ["conv2a#1", "conv2a:1,conv2a:2", "out.png", "no/out.png", "/", "-", "100%"]


def values_of(flag, setting):
    """Texts for a flag: at its range, beyond it, of its choices, and of none."""
    kind = flag.flag_type()
    if kind == "bool":
        return st.sampled_from(["true", "false", "2", ""])
    wild = st.sampled_from(NUMBERS if kind in NUMERIC else TEXTS)
    if setting is not None and setting.low is not None:
        high = min(COSTLY.get(flag.name, setting.high), setting.high)
        edges = [setting.low, high, (setting.low + high) / 2]
        beyond = [setting.low - 1, setting.high * 2 + 1]
        return st.sampled_from([f"{each:g}" for each in edges * 2 + beyond]) | wild
    if setting is not None and setting.choices is not None:
        return st.sampled_from(list(setting.choices)) | wild
    if flag.name in COSTLY:
        return st.just(str(COSTLY[flag.name])) | wild
    return wild


NUMERIC = ("int", "float", "multi float")
# What would be another command, or wait, or load much.
UNCHANGED = ("weights", "backbone", "xla", "precision", "server", "flagfile", "threads")


def flags_of(command, of_settings, most=3):
    """Pairs of flags of a command, and single ones, and three.

    Args:
        command: Its name.
        of_settings: The class with the ranges of its settings, or None.
        most: Most flags.
    """
    defined = flags.FlagValues()
    load_command(command).define(defined)
    known = settings_of(of_settings) if of_settings else {}
    named = {
        name: values_of(defined[name], known.get(name)).map(
            lambda value, name=name: f"--{name}={value}"
        )
        for name in sorted(set(defined) - set(UNCHANGED) - {"help", "helpfull"})
        if defined.find_module_defining_flag(name) is not None
        and not defined.find_module_defining_flag(name).startswith("absl")
    }
    names = st.lists(st.sampled_from(sorted(named)), min_size=1, max_size=most)
    return names.flatmap(lambda drawn: st.tuples(*(named[name] for name in drawn)))


# --- Requests -------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -(2**31) - 1, 2**63, 1e38, -0.0])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["\ud800", "\0", "x" * 5000])
    | st.sampled_from(["", "?", "AA", "/w==", 3, None]).map(lambda b: {"b64": b}),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def as_json(value):
    """JSON as bytes; half characters are escaped, NaN is `NaN`."""
    return json.dumps(value).encode()
