"""Films: their pictures come back, in time, and always as the same bytes."""

import fractions
import importlib.util
import io
import itertools

import av
import numpy as np
import pytest
from mistakes import refusal
from PIL import Image, ImageSequence

from vectormix_tf.errors import InputError, Notice
from vectormix_tf.io import output, video

FILMS = (".gif", ".webp")
COLORS = [(200, 40, 40), (40, 180, 60), (50, 60, 210)]
PICTURES = [Image.new("RGB", (40, 30), color) for color in COLORS]


def played(data):
    """The pictures of a film, float RGBA, with their durations."""
    with Image.open(io.BytesIO(data)) as film:
        assert film.info["loop"] == 0  # forever
        return [
            (np.float32(frame.convert("RGBA")), frame.info["duration"])
            for frame in ImageSequence.Iterator(film)
            if frame.load()
        ]


@pytest.mark.parametrize("ending, kind", [(".gif", "GIF"), (".webp", "WEBP")])
def test_the_pictures_of_a_film_come_back_in_their_order(ending, kind):
    data = video.encode(PICTURES, ending.upper(), 8.0)
    with Image.open(io.BytesIO(data)) as film:
        assert (film.format, film.size) == (kind, (40, 30))
    frames = played(data)
    assert len(frames) == 3
    for (frame, _), color in zip(frames, COLORS, strict=True):
        assert np.abs(frame[..., :3] - color).max() <= 8


@pytest.mark.parametrize("ending", FILMS)
def test_a_film_of_twice_the_pace_is_shown_in_half_the_time(ending):
    slow, fast = (played(video.encode(PICTURES, ending, fps)) for fps in (5, 10))
    assert [duration for _, duration in slow] == [200] * 3
    assert [duration for _, duration in fast] == [100] * 3


@pytest.mark.parametrize("ending", video.FORMATS)
def test_the_same_pictures_give_the_same_bytes(ending):
    one, other = (video.encode(PICTURES, ending, 8.0) for _ in range(2))
    assert one == other != video.encode(PICTURES[::-1], ending, 8.0)


def test_one_picture_is_a_film_too():
    for ending in FILMS:
        with Image.open(io.BytesIO(video.encode(PICTURES[:1], ending, 8.0))) as film:
            assert getattr(film, "n_frames", 1) == 1


def test_a_gif_lies_on_white_and_a_webp_stays_transparent():
    pictures = [picture.convert("RGBA") for picture in PICTURES]
    for picture in pictures:
        picture.paste((*COLORS[0], 0), (10, 10, 30, 20))
    gif, webp = (played(video.encode(pictures, ending, 8.0)) for ending in FILMS)
    for (white, _), (clear, _) in zip(gif, webp, strict=True):
        hole = slice(12, 18), slice(12, 28)
        assert np.all(white[hole] == 255) and white[:8, :, :3].min() < 100
        assert np.all(clear[hole][..., 3] == 0) and np.all(clear[:8, :, 3] == 255)


def test_a_webp_says_that_its_colors_are_srgb():
    with Image.open(io.BytesIO(video.encode(PICTURES, ".webp", 8.0))) as film:
        assert film.info["icc_profile"] == video.SRGB_PROFILE


def test_a_film_too_large_for_its_format_is_one_line():
    wide = [Image.new("RGB", (16384, 2))] * 2
    text = refusal(video.encode, wide, ".webp", 8.0)
    assert (
        "WEBP cannot hold" in text and "16384 x 2" in text and "another `size`" in text
    )


@pytest.mark.parametrize(
    "path, film",
    [
        ("a.mp4", True),
        ("a.webp", True),
        ("a.GIF", True),
        ("a", False),
        ("b.c/a", False),
        ("a/", False),
    ],
)
def test_an_ending_makes_a_film_and_none_a_folder(path, film):
    assert video.is_film(path) is film


@pytest.mark.parametrize("path", ["a.png", "a.mp5", "frames.d"])
def test_other_endings_are_one_line(path):
    text = refusal(video.is_film, path)
    assert (
        path in text and ".mp4 or .webp or .gif" in text and "without an ending" in text
    )


@pytest.mark.parametrize("fps", [0, -1, 241, float("nan"), "8"])
def test_a_pace_that_nobody_can_see_is_refused(fps):
    assert "`fps`" in refusal(video.check_fps, fps)


@pytest.mark.parametrize("path, most", [("a.mp4", 240), ("a.WEBP", 90), ("a.gif", 50)])
def test_a_film_is_no_faster_than_players_play_it(path, most):
    video.check_fps(most, path)
    assert f"[0.1, {most}]" in refusal(video.check_fps, most + 1, path)
    video.check_fps(120, "folder")


@pytest.mark.parametrize(
    "ending, fps", [(".gif", 12), (".gif", 30), (".gif", 47.952), (".gif", 50),
                    (".webp", 60), (".webp", 29.97), (".webp", 90), (".webp", 7)]
)  # fmt: skip
def test_a_film_lasts_as_long_as_its_pace_says(ending, fps):
    """Though a GIF counts in 0.01 s and a WebP in 0.001 s."""
    grid = 10 if ending == ".gif" else 1
    durations = [each for _, each in played(video.encode(PICTURES * 7, ending, fps))]
    assert len(durations) == 21
    ends = np.cumsum(durations)
    exact = np.arange(1, 22) * 1000 / fps
    assert np.abs(ends - exact).max() <= grid / 2 + 1e-6
    assert min(durations) > 10  # browsers show less as 100 ms


# --- MP4 ------------------------------------------------------------------------------


# Red and blue in the matrix of ITU-T H.273, table 4, by its number: BT.709, BT.601.
MATRICES = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}
LEVELS = (0, 51, 128, 204, 255)
PALETTE = np.array(list(itertools.product(LEVELS, repeat=3)), np.uint8)  # 125 colors
PATCH = 16


def palette(width=25 * PATCH, height=5 * PATCH):
    """A picture of 125 flat patches, 25 in a row, in the corner of a gray one."""
    image = np.full([height, width, 3], 128, np.uint8)
    patches = PALETTE.reshape(5, 25, 3).repeat(PATCH, 0).repeat(PATCH, 1)
    image[: patches.shape[0], : patches.shape[1]] = patches
    return Image.fromarray(image)


def colors_of(frame, matrix):
    """The RGB of each patch in a yuv420p frame, by the equations of H.273, 8.3."""
    planes, (height, width) = frame.to_ndarray(), (frame.height, frame.width)
    chroma = planes[height:].reshape(2, height // 2, width // 2).repeat(2, 1)
    y, cb, cr = np.float64([planes[:height], *chroma.repeat(2, 2)])
    y, cb, cr = (y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224
    kr, kb = MATRICES[matrix]
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    rgb = 255 * np.clip(np.stack([red, green, blue], -1), 0, 1)
    return patch_means(rgb)


def patch_means(rgb):
    inner = rgb[: 5 * PATCH, : 25 * PATCH].reshape(5, PATCH, 25, PATCH, 3)
    return inner[:, 4:-4, :, 4:-4].mean((1, 3)).reshape(125, 3)


def boxes(data):
    """Types and bodies of the boxes in a part of an MP4 (ISO/IEC 14496-12, 4.2)."""
    while data:
        size = int.from_bytes(data[:4])
        yield data[4:8], data[8:size]
        data = data[size:]


def color_box(data):
    """Kind, primaries, transfer, matrix and range in the `colr` box of an MP4."""
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        data = dict(boxes(data))[name]
    entry = dict(boxes(data[8:]))[b"avc1"]  # after version, flags and count
    color = dict(boxes(entry[78:]))[b"colr"]  # after the VisualSampleEntry's fields
    return color[:4], *(int.from_bytes(color[i : i + 2]) for i in (4, 6, 8)), color[10]


def elementary_stream(data):
    """The H.264 of an MP4 without its container, where only the VUI has tags."""
    file = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(file, "w", format="h264") as to:
        stream = to.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                to.mux(packet)
    return file.getvalue()


def frames_of(data, kind="mp4"):
    with av.open(io.BytesIO(data), format=kind) as container:
        return [*container.decode(video=0)]


@pytest.mark.parametrize("size", [(400, 80), (1280, 720)])
def test_an_mp4_has_its_colors_where_tags_are_read(size):
    data = video.encode([palette(*size)] * 2, ".mp4", 8.0)
    assert color_box(data) == (b"nclx", 1, 1, 1, 0)  # BT.709, limited range
    for frame in (frames_of(data)[-1], frames_of(elementary_stream(data), "h264")[-1]):
        tags = frame.color_primaries, frame.color_trc, frame.colorspace
        assert (*tags, frame.color_range) == (1, 1, 1, 1)
        assert np.abs(colors_of(frame, frame.colorspace) - PALETTE).max() <= 3
        player = frame.to_ndarray(format="rgb24")  # FFmpeg's own conversion
        assert np.abs(patch_means(np.float64(player)) - PALETTE).max() <= 3


def test_a_large_mp4_has_its_colors_where_the_matrix_is_guessed_from_the_size():
    (frame,) = frames_of(video.encode([palette(1280, 720)], ".mp4", 8.0))
    guess = 1 if frame.height >= 720 else 6
    assert np.abs(colors_of(frame, guess) - PALETTE).max() <= 3
    assert np.abs(colors_of(frame, 6) - PALETTE).max() > 30  # the matrix is no detail


def test_an_mp4_starts_with_its_index_so_that_it_plays_while_it_loads():
    names = [name for name, _ in boxes(video.encode(PICTURES * 5, ".mp4", 8.0))]
    assert names.index(b"moov") < names.index(b"mdat") and names[0] == b"ftyp"


@pytest.mark.parametrize(
    "fps, exact", [(0.1, "1/10"), (8.0, "8"), (12.5, "25/2"), (23.976, "24000/1001"),
                   (23.98, "24000/1001"), (24, "24"), (29.97, "30000/1001"), (50, "50"),
                   (59.94, "60000/1001"), (60, "60"), (119.88, "120000/1001"),
                   (120, "120"), (np.float32(240), "240")]
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 2, 15])
def test_an_mp4_shows_each_picture_at_its_time(fps, exact, count):
    rate = fractions.Fraction(exact)
    data = video.encode((PICTURES * 5)[:count], ".mp4", fps)
    with av.open(io.BytesIO(data)) as container:
        (stream,) = container.streams
        assert stream.codec_context.name == "h264" and stream.pix_fmt == "yuv420p"
        assert stream.average_rate == rate
        assert stream.duration * stream.time_base == count / rate
        times = [frame.pts * frame.time_base for frame in container.decode()]
    assert times == [i / rate for i in range(count)]


def test_the_pictures_of_an_mp4_come_back_in_their_order():
    frames = frames_of(video.encode(PICTURES * 5, ".mp4", 60))
    for frame, color in zip(frames, COLORS * 5, strict=True):
        pixels = frame.to_ndarray(format="rgb24")
        assert pixels.shape == (30, 40, 3)
        assert np.abs(np.float32(pixels) - color).max() <= 3


def test_an_mp4_has_even_sides_and_lies_on_white():
    clear = Image.new("RGBA", (41, 31), (*COLORS[0], 0))
    (frame,) = frames_of(video.encode([clear], ".mp4", 8.0))
    pixels = frame.to_ndarray(format="rgb24")
    assert pixels.shape == (30, 40, 3) and pixels.min() > 252


def test_an_mp4_without_a_pixel_is_one_line():
    text = refusal(video.encode, [Image.new("RGB", (1, 9))], ".mp4", 8.0)
    assert "1 x 9" in text and "at least 2" in text


def test_an_mp4_without_pyav_is_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    text = refusal(video.is_film, "a.mp4")
    assert "vectormix_tf[film]" in text
    assert video.is_film("a.webp")


def test_an_mp4_too_large_for_h264_is_one_line():
    text = refusal(video.encode, [Image.new("RGB", (20000, 2))], ".mp4", 8.0)
    assert "MP4 cannot hold" in text and "20000 x 2" in text


# --- Writing --------------------------------------------------------------------------


class Made:
    """A result of a recipe."""

    def __init__(self, pil=PICTURES[0]):
        self.pil = pil


def shown(path):
    """Number of pictures that a player finds in a file."""
    if path.suffix == ".mp4":
        return len(frames_of(path.read_bytes()))
    return len(played(path.read_bytes()))


@pytest.mark.parametrize("ending", video.FORMATS)
def test_an_error_after_some_pictures_leaves_the_film_of_these(ending, tmp_path):
    def make(add):
        for picture in PICTURES[:2]:
            add(Made(picture))
        raise InputError("no memory.")

    path = tmp_path / f"film{ending}"
    with (
        pytest.warns(Notice, match="wrote the film so far .*: 2 pictures"),
        pytest.raises(InputError, match="no memory"),
    ):
        video.record(path, make, 8.0, overwrite=False)
    assert shown(path) == 2
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("ending", video.FORMATS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("none.")])
def test_an_end_before_the_first_picture_leaves_no_file(ending, error, tmp_path):
    def make(add):
        raise error

    with pytest.raises((KeyboardInterrupt, InputError)):
        video.record(tmp_path / f"film{ending}", make, 8.0, overwrite=False)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("ending", video.FORMATS)
@pytest.mark.parametrize("old", [True, False])
def test_ctrl_c_while_a_film_is_written_leaves_no_half_of_it(
    ending, old, tmp_path, monkeypatch
):
    path = tmp_path / f"film{ending}"
    if old:
        path.write_bytes(b"before")

    class Interrupted(io.FileIO):
        def write(self, data):
            super().write(data[: len(data) // 2])
            raise KeyboardInterrupt

    monkeypatch.setattr(output, "open", Interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        video.record(path, lambda add: add(Made()) or True, 8.0, overwrite=True)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"before"] * old


def test_a_picture_that_the_encoder_refuses_leaves_no_film(tmp_path):
    large = Made(Image.new("RGB", (20000, 2)))
    make = lambda add: add(large)  # noqa: E731
    text = refusal(video.record, tmp_path / "a.mp4", make, 8.0, overwrite=False)
    assert "20000 x 2" in text and not [*tmp_path.iterdir()]


@pytest.mark.parametrize("ending", FILMS)
def test_pictures_that_fill_the_memory_are_told_of_once(ending, monkeypatch):
    monkeypatch.setattr(video, "MUCH", 3 * 40 * 30 * 4)
    film = video.Film(ending, 8.0)
    for picture in PICTURES[:2]:
        film.add(picture)
    with pytest.warns(Notice, match="the 3 pictures of the film so far take") as told:
        film.add(PICTURES[2])
    film.add(PICTURES[0])
    assert len(told) == 1 and film.count == 4
    mp4 = video.Film(".mp4", 8.0)
    for picture in PICTURES * 2:
        mp4.add(picture)


def test_pictures_may_have_lengths_of_their_own():
    lengths = [fractions.Fraction(n, 100) for n in (12, 30, 7)]
    for ending in FILMS:
        film = video.Film(ending, 8.0, fractions.Fraction(1, 100))
        for picture, length in zip(PICTURES, lengths, strict=True):
            film.add(picture, length)
        assert [each for _, each in played(film.close())] == [120, 300, 70]
    film = video.Film(".mp4", 8.0, fractions.Fraction(1, 100))
    for picture, length in zip(PICTURES, lengths, strict=True):
        film.add(picture, length)
    with av.open(io.BytesIO(film.close())) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        begins = [frame.pts * stream.time_base for frame in frames]
        assert begins == [0, lengths[0], lengths[0] + lengths[1]]
        assert frames[-1].duration * stream.time_base == lengths[2]
