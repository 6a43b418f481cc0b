"""Pictures of strangers: what is taken, what is left out of them, what is refused."""

import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from vectormix_tf.studio import intake, intake_child
from vectormix_tf.studio.intake import Limits, UploadError, accept

pillow_heif = pytest.importorskip("pillow_heif")
ROOT = pathlib.Path(__file__).parents[2]
PHOTO = ROOT / "examples/images/content_flower.jpg"
SMALL = Limits(side=64)
SECRETS = (b"GPS-51.4778", b"holiday-of-anna.jpg", b"anna@example.org")
ORIENTATION, DESCRIPTION, ARTIST, GPS = 0x0112, 0x010E, 0x013B, 0x8825


@pytest.fixture(autouse=True)
def limits_are_ours(monkeypatch):
    """As in a child."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


@pytest.fixture(scope="module")
def photo():
    with Image.open(PHOTO) as image:
        return image.convert("RGB").resize((96, 64))


def encoded(image, kind="PNG", **saving):
    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(file, **saving)
    else:
        image.save(file, kind, **saving)
    return file.getvalue()


def decoded(made):
    with Image.open(io.BytesIO(made.data)) as image:
        image.load()
        return image


def made(data, limits=None):
    """As `accept`, in this process, which is faster and measured."""
    whole, *thumbs = intake_child.render(data, limits or Limits())
    assert [max(each.width, each.height) for each in thumbs] == [
        min(side, max(whole.width, whole.height)) for side in (320, 960)
    ]
    return whole


def refusal(call, *arguments, **options):
    """The code of the error that a call ends with."""
    with pytest.raises(UploadError) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert text.endswith(".") and len(text.splitlines()) == 1
    assert caught.value.status in (400, 413, 415, 503)
    return caught.value.code


# --- What is taken --------------------------------------------------------------------

KINDS = [
    ("PNG", {}, "image/png"),
    ("GIF", {}, "image/png"),
    ("TIFF", {}, "image/png"),
    ("WEBP", {"lossless": True}, "image/png"),
    ("WEBP", {}, "image/jpeg"),
    ("JPEG", {}, "image/jpeg"),
    ("AVIF", {}, "image/jpeg"),
    ("HEIF", {}, "image/jpeg"),
]


@pytest.mark.parametrize(("kind", "saving", "media_type"), KINDS)
def test_each_format_becomes_png_if_it_was_lossless_and_else_jpeg(
    photo, kind, saving, media_type
):
    whole = made(encoded(photo, kind, **saving))
    assert whole.media_type == media_type
    assert (whole.width, whole.height) == photo.size
    shown = np.float32(decoded(whole).convert("RGB"))
    assert np.abs(shown - np.float32(photo)).mean() < 9  # GIF has 256 colors


def test_a_child_gives_what_this_process_would(photo):
    data = encoded(photo, "JPEG")
    upload = accept(data, SMALL)
    whole, *thumbs = intake_child.render(data, SMALL)
    assert (upload.data, upload.width, upload.height) == (whole.data, 64, 43)
    assert list(upload.thumbs) == thumbs


def test_a_picture_is_reduced_to_the_limit_and_thumbnails_further():
    ramp = np.uint8(np.indices([1200, 1600]).sum(0) // 11)
    for kind in ("PNG", "JPEG", "TIFF"):
        whole, *thumbs = intake_child.render(
            encoded(Image.fromarray(ramp), kind), Limits(side=1000)
        )
        sizes = [(each.width, each.height) for each in (whole, *thumbs)]
        assert sizes == [(1000, 750), (320, 240), (960, 720)]
        levels = np.float32(decoded(whole).convert("L"))
        expected = np.indices([750, 1000]).sum(0) * 1.6 / 11
        assert np.abs(levels - expected).max() < 5


@pytest.mark.parametrize("limits", [Limits(), SMALL], ids=["whole", "reduced"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_comes_upright(photo, kind, limits):
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turned by a quarter
    whole = made(encoded(photo, kind, exif=exif), limits)
    upright = photo.rotate(-90, expand=True).resize((whole.width, whole.height))
    shown = np.float32(decoded(whole).convert("RGB"))
    assert whole.height > whole.width
    assert np.abs(shown - np.float32(upright)).mean() < 12


def of_stranger(photo, kind):
    """A file with a name, an address and a place in all that can hold them."""
    exif = Image.Exif()
    exif[DESCRIPTION], exif[ARTIST] = (each.decode() for each in SECRETS[1:])
    exif.get_ifd(GPS)[29] = SECRETS[0].decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    saving = {"exif": exif, "icc_profile": profile}
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", SECRETS[2].decode())
        texts.add_itxt("XML:com.adobe.xmp", SECRETS[1].decode())
        saving["pnginfo"] = texts
    if kind in ("WEBP", "JPEG"):
        saving["xmp"] = SECRETS[1]
    if kind == "JPEG":
        saving["comment"] = SECRETS[2]
    if kind == "TIFF":
        saving.pop("exif")
        saving["tiffinfo"] = {DESCRIPTION: SECRETS[1].decode(), ARTIST: "anna"}
    return encoded(photo, kind, **saving)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_no_place_name_address_or_profile_is_left(photo, kind):
    data = of_stranger(photo, kind)
    assert any(secret in data for secret in SECRETS)
    for each in intake_child.render(data, Limits()):
        for tail in (*SECRETS, b"Exif", b"ICC_PROFILE", b"iCCP", b"tEXt", b"xmp"):
            assert tail not in each.data
        image = decoded(each)
        assert not image.getexif()
        assert set(image.info) <= {*("jfif", "jfif_version", "jfif_unit"), *MOTION}


# What Pillow says of every file of these formats.
MOTION = ("jfif_density", "progressive", "progression", "loop", "background",
          "timestamp", "duration")  # fmt: skip


def test_colors_of_a_profile_become_srgb():
    lab = ImageCms.createProfile("LAB")
    gray = Image.new("LAB", (8, 8), (136, 128, 128))
    profile = ImageCms.ImageCmsProfile(lab).tobytes()
    whole = made(encoded(gray, "TIFF", icc_profile=profile))
    expected = 127  # L* = 53.3 is the middle of sRGB's numbers
    assert np.abs(np.float32(decoded(whole)) - expected).max() <= 3


def test_a_transparent_picture_stays_so_and_has_transparent_thumbnails(photo):
    clear = photo.copy()
    clear.putalpha(Image.linear_gradient("L").resize(photo.size))
    for limits in (Limits(), SMALL):
        whole, *thumbs = intake_child.render(encoded(clear, "WEBP"), limits)
        assert whole.media_type == "image/png"
        assert {each.media_type for each in thumbs} == {"image/webp"}
        alpha = np.asarray(decoded(whole).getchannel("A"))
        assert alpha[0].max() < 10 and alpha[-1].min() > 245


@pytest.mark.parametrize("size", [(40, 30), (200, 150)])
@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("I;16", "PNG"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_mode_of_pixels_is_shown(mode, kind, size):
    gray = Image.linear_gradient("L").resize(size)
    deep = np.asarray(gray)
    if mode == "I;16":
        gray = Image.fromarray(np.uint16(deep) * 257)
    elif mode == "F":
        gray = Image.fromarray(np.float32(deep) / 255)
    elif mode == "CMYK":
        gray = gray.convert("RGB").convert(mode)
    else:
        gray = gray.convert(mode)
    whole = made(encoded(gray, kind), SMALL)
    shown = np.float32(decoded(whole).convert("L"))
    expected = np.float32(Image.linear_gradient("L").resize(shown.shape[::-1]))
    if mode == "1":  # dots, whose mean is right
        shown, expected = shown.mean(1), expected.mean(1)
    assert np.abs(shown - expected).mean() < (25 if mode == "1" else 4)


def test_16_bits_of_color_become_8_without_tensorflow(photo):
    program = """
import sys
from vectormix_tf.studio import intake, intake_child
made = intake_child.render(sys.stdin.buffer.read(), intake.Limits())
assert not {"tensorflow", "keras"} & set(sys.modules)
sys.stdout.buffer.write(made[0].data)
"""
    rows = np.asarray(photo).astype(">u2") * 257
    chunks = [struct.pack(">IIBBBBB", *photo.size, 16, 2, 0, 0, 0)]
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    data = png((b"IHDR", chunks[0]), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        input=data,
        capture_output=True,
        check=True,
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert np.array_equal(np.asarray(image), np.asarray(photo))


def test_of_an_animation_the_first_frame_is_shown(photo):
    others = [Image.new("RGB", photo.size, color) for color in ("red", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        data = encoded(photo, kind, save_all=True, append_images=others)
        shown = np.float32(decoded(made(data)).convert("RGB"))
        assert np.abs(shown - np.float32(photo)).mean() < 9, kind


def test_a_name_is_not_asked_for_and_the_content_counts(photo):
    assert intake.kind_of(encoded(photo, "HEIF")) == "HEIF"
    assert intake.kind_of(encoded(photo, "AVIF")) == "HEIF"
    assert intake.kind_of(b"%PDF-1.7") is None
    renamed = (ROOT / "tests/io/pictures/renamed_heic.jpg").read_bytes()
    assert made(renamed).media_type == "image/jpeg"


# --- What is refused ------------------------------------------------------------------


def png(*chunks):
    file = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        check = struct.pack(">I", zlib.crc32(name + body))
        file += struct.pack(">I", len(body)) + name + body + check
    return file


def header(width, height, color=2):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)


# 50 MB of zeros in 50 kB.
BOMB = zlib.compress(bytes(50_000_000), 9)
PLAIN = (b"IDAT", zlib.compress(b"\0" + bytes(6) + b"\0" + bytes(6))), (b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not_a_picture"),
        (b"BM" + bytes(60), "not_a_picture"),
        (b"MZ" + bytes(60), "not_a_picture"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(60), "not_a_picture"),
        (bytes(2_000_001), "too_large"),
    ],
)
def test_what_cannot_be_a_picture_starts_no_child(monkeypatch, data, code):
    monkeypatch.setattr(intake, "_ask", lambda *_: 1 / 0)
    assert refusal(accept, data, Limits(bytes=2_000_000)) == code


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(header(60_000, 60_000), *PLAIN), "too_many_pixels"),
        (png(header(1, 400), *PLAIN), "too_small"),
        (png(header(2, 2))[:40], "broken"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (b"GIF89a" + bytes(40), "broken"),
        (encoded(Image.new("L", (9, 9)), "GIF")[:6] + b"\xff" * 7, "broken"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "broken"),
        (b"RIFF\x20\0\0\0WEBPVP8 " + bytes(20), "broken"),
        (b"II*\0\x08\0\0\0" + bytes(40), "broken"),
        (encoded(Image.new("RGBA", (9, 9))), "transparent"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_refused_by_a_code(data, code):
    assert refusal(intake_child.render, data, Limits()) == code


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF", "HEIF"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_a_file_that_was_cut_off_is_refused(photo, kind, share):
    data = encoded(photo, kind)
    cut = data[: int(len(data) * share)]
    assert refusal(intake_child.render, cut, Limits()) == "broken"


def crazy_tiff(photo, tag, value):
    """A TIFF one of whose numbers is another."""
    data = bytearray(encoded(photo, "TIFF"))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        found, kind = struct.unpack_from("<HH", data, at)
        if found == tag:
            struct.pack_into("<HHI", data, at, found, 4, 1)
            struct.pack_into("<I", data, at + 8, value)
            return bytes(data)
    raise AssertionError(f"there is no tag {tag}")


@pytest.mark.parametrize(
    ("tag", "value"),
    [(256, 2**31), (257, 60_000), (258, 64), (259, 5), (273, 2**31), (278, 1), (279, 1)]
    + [(277, 9_000)],
)
def test_a_tiff_with_mad_strips_is_shown_or_refused(photo, tag, value):
    """What is left of some of them is a picture."""
    try:
        made(crazy_tiff(photo, tag, value))
    except UploadError as error:
        assert error.code in ("broken", "too_many_pixels")


def test_a_bomb_in_a_text_or_a_profile_does_no_harm():
    chunks = [
        (b"iCCP", b"x\0\0" + BOMB),
        (b"zTXt", b"x\0\0" + BOMB),
        (b"iTXt", b"x\0\1\0\0\0" + BOMB),
    ]
    for chunk in chunks:
        try:
            accept(png(header(2, 2), chunk, *PLAIN), Limits(memory=600 << 20))
        except UploadError as error:
            assert error.code in ("broken", "out_of_memory")


def test_of_a_hundred_thousand_frames_one_is_read():
    one = io.BytesIO()
    Image.new("P", (4, 4)).save(one, "GIF")
    start = one.getvalue().index(b",")
    frames = one.getvalue()[start:-1] * 100_000
    whole = made(one.getvalue()[:start] + frames + b";")
    assert (whole.width, whole.height) == (4, 4)


# --- The child ------------------------------------------------------------------------


def test_too_little_memory_is_a_sentence():
    large = encoded(Image.new("P", (8000, 8000)))
    code = refusal(accept, large, Limits(memory=320 << 20))
    assert code == "out_of_memory"


@pytest.fixture
def child(monkeypatch):
    """Puts a program in the child's place."""

    def put(program):
        monkeypatch.setattr(intake, "_PROGRAM", program)

    return put


DATA = encoded(Image.new("RGB", (8, 8)))


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import os; os.kill(os.getpid(), 9)", "broken"),
        ("import os; os.abort()", "broken"),
        ("raise SystemExit(3)", "broken"),
        ("1 / 0", "broken"),
        ("import sys; sys.stdin.buffer.read(); print('no JSON')", "broken"),
        ("print('{}')", "broken"),
        ("print('[]')", "broken"),
        ('print(\'{"code": "made up", "values": {}}\')', "broken"),
        ('print(\'{"code": [], "values": 3}\')', "broken"),
        (
            'print(\'{"code": "too_many_pixels", "values": {"width": "x",'
            ' "height": 1, "limit": 1}}\')',
            "broken",
        ),
        ("print('{\"parts\": [{}, {}, {}]}')", "broken"),
        ("print('[' * 100000)", "broken"),
        ("while True: print('x' * 100000)", "broken"),
        ("import time; time.sleep(60)", "timed_out"),
    ],
)
def test_a_child_that_dies_lies_or_sleeps_is_a_sentence(child, program, code):
    child(program)
    seconds = 0.4 if code == "timed_out" else 30
    assert refusal(accept, DATA, Limits(side=64, seconds=seconds)) == code


@pytest.mark.parametrize(
    "change",
    [
        {"bytes": -1},
        {"bytes": 10**9},
        {"width": 10**6},
        {"height": 0},
        {"width": True},
        {"type": "text/html"},
        {"type": "image/jpeg"},
        {"width": "8"},
    ],
)
def test_what_a_child_says_is_checked(change):
    told = intake_child.answer(DATA, SMALL)
    assert intake._parsed(told, SMALL).width == 8
    head, _, body = told.partition(b"\n")
    parts = json.loads(head)["parts"]
    parts[0] |= change
    forged = json.dumps({"parts": parts}).encode() + b"\n" + body
    assert refusal(intake._parsed, forged, SMALL) == "broken"


def test_a_page_of_html_cannot_come_back_as_a_picture():
    told = intake_child.answer(DATA, SMALL)
    forged = told.replace(b"\x89PNG", b"<htm")
    assert refusal(intake._parsed, forged, SMALL) == "broken"


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
def test_a_child_has_no_secrets_no_files_and_little_of_all(child, monkeypatch):
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    with open(PHOTO, "rb") as file:
        os.set_inheritable(file.fileno(), True)
        child(
            "import json, os, resource, sys\n"
            "sys.path.insert(0, sys.argv[1])\n"
            "from vectormix_tf.studio import intake, intake_child\n"
            "limits = intake.Limits(**json.loads(sys.argv[2]))\n"
            "intake_child._confine(limits)\n"
            "files = [int(each) for each in os.listdir('/proc/self/fd')]\n"
            "files = [n for n in files if os.path.exists(f'/proc/self/fd/{n}')]\n"
            "most = resource.getrlimit\n"
            "told = [sorted(set(files) - {0, 1, 2}), sorted(os.environ),\n"
            "    most(resource.RLIMIT_AS)[1], most(resource.RLIMIT_CPU)[0],\n"
            "    most(resource.RLIMIT_FSIZE)[1], os.getcwd()]\n"
            "sys.stdout.write(json.dumps(told))\n"
        )
        answer = intake._ask(DATA, Limits())
    files, names, memory, seconds, written, folder = json.loads(answer)
    assert files == [] and set(names) <= {*intake._SET, *intake._PASSED, "LC_CTYPE"}
    assert (memory, seconds, written) == (1536 << 20, 20, 0)
    assert folder == "/"


def test_without_limits_of_the_system_a_child_still_has_a_time(child):
    """As on Windows, which has no module `resource`."""
    child(
        "import sys; sys.modules['resource'] = None; sys.path.insert(0, sys.argv[1]);"
        " from vectormix_tf.studio.intake_child import main; main(sys.argv[2])"
    )
    assert accept(DATA, SMALL).width == 8


@pytest.mark.skipif(os.name != "posix", reason="limits are those of POSIX")
def test_processor_time_that_is_used_up_is_told_as_time(child):
    child(
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from vectormix_tf.studio import intake, intake_child\n"
        "intake_child._confine(intake.Limits(cpu_seconds=1))\n"
        "while True: pass"
    )
    assert refusal(accept, DATA, SMALL) == "timed_out"


def test_no_more_decode_at_once_than_there_are_places():
    places = threading.BoundedSemaphore(1)
    with places:
        assert refusal(accept, DATA, Limits(patience=0.05), places) == "busy"
    assert accept(DATA, SMALL, places).width == 8
    refusal(accept, png(header(2, 2)), SMALL, places)
    assert places.acquire(blocking=False)  # also after a refusal


# --- Damage ---------------------------------------------------------------------------

REAL = [
    encoded(Image.open(PHOTO).resize((24, 16)), kind)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "AVIF", "HEIF")
]


@settings(max_examples=250)
@given(
    st.sampled_from(REAL),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 2000),
)
def test_a_damaged_file_is_shown_or_refused_and_nothing_else(data, changes, cut):
    data = bytearray(data)
    for place, value in changes:
        data[place % len(data)] = value
    data = bytes(data[: len(data) - cut]) if cut < len(data) // 2 else bytes(data)
    # A damaged header can claim any size, which has its own tests.
    told = intake_child.answer(data, Limits(pixels=100_000, side=64))
    try:
        upload = intake._parsed(told, SMALL)
    except UploadError as error:
        assert error.code in intake.ERRORS
    else:
        assert decoded(upload).size == (upload.width, upload.height)
