"""Reading films: times, sizes, what is turned, damaged, still, deep or transparent."""

import warnings
from fractions import Fraction

import av
import numpy as np
import pytest
from mistakes import refusal
from PIL import Image

from vectormix_tf.errors import Notice
from vectormix_tf.io import clips

RED, GREEN, BLUE, WHITE = (220, 40, 30), (40, 190, 60), (30, 60, 210), (255, 255, 255)
NEAR = 12  # levels by which a color may be off after its way through a video


def quarters(width=64, height=48):
    """A picture with four colors in its corners, as the upright frame shows it."""
    picture = np.zeros([height, width, 3], np.uint8)
    top, left = slice(height // 2), slice(width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    picture[top, left], picture[top, right] = RED, GREEN
    picture[bottom, left], picture[bottom, right] = BLUE, WHITE
    return picture


def corners(frame):
    """Its four colors."""
    height, width = frame.shape[:2]
    rows, columns = (height // 4, -height // 4), (width // 4, -width // 4)
    return [tuple(frame[row, column].tolist()) for row in rows for column in columns]


def check_colors(frame, wanted=(RED, GREEN, BLUE, WHITE)):
    apart = np.abs(np.int32(corners(frame)) - np.int32(wanted))
    assert apart.max() <= NEAR, corners(frame)


def write_video(path, frames, codec="libx264", kind="yuv420p", change=None, **options):
    """Writes frames of 40 ms, or of `lengths`; the first one begins at `first` ms."""
    lengths = options.pop("lengths", [40] * len(frames))
    time = options.pop("first", 0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, 25, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = kind
        stream.codec_context.time_base = Fraction(1, 1000)
        if change is not None:
            change(stream)
        for frame, length in zip(frames, lengths, strict=True):
            layout = "rgba" if frame.shape[2] == 4 else "rgb24"
            picture = av.VideoFrame.from_ndarray(frame, layout)
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            time += length
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return str(path)


def read(path, **options):
    """Reads a film about which there is nothing to tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return clips.read(str(path), 25, **options)


def told(path):
    """Reads a film; returns it, and what is told of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clip = clips.read(str(path), 25)
    assert all(each.category is Notice for each in caught)
    return clip, " ".join(str(each.message) for each in caught)


# --- Videos ---------------------------------------------------------------------------


def test_a_video_has_its_times_and_colors(tmp_path):
    path = write_video(tmp_path / "a.mp4", [quarters()] * 5)
    clip = read(path)
    assert clip.size == (48, 64) and not clip.has_sound and clip.begin == 0
    assert clip.times == tuple(Fraction(i, 25) for i in range(5))
    assert clip.end == Fraction(5, 25) and clip.files == [path]
    frames = list(clip.frames())
    assert len(frames) == 5 and frames[0].dtype == np.uint8
    check_colors(frames[-1])


def test_times_of_a_variable_rate_are_kept(tmp_path):
    lengths = [40, 20, 100, 35, 80]
    path = write_video(tmp_path / "a.mp4", [quarters()] * 5, lengths=lengths, bf="0")
    clip = read(path)
    wanted = [Fraction(sum(lengths[:i]), 1000) for i in range(5)]
    assert list(clip.times) == wanted
    assert [clip.at(time) for time in wanted] == [0, 1, 2, 3, 4]
    assert clip.at(Fraction(-1)) == 0 and clip.at(Fraction(9)) == 4
    assert clip.at(Fraction(59, 1000)) == 1


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_phone_s_film_is_turned_upright(tmp_path, degrees):
    stored = np.ascontiguousarray(np.rot90(quarters(), -degrees // 90))
    path = write_video(
        tmp_path / "a.mp4",
        [stored] * 2,
        change=lambda stream: stream.set_display_rotation(degrees),
    )
    clip = read(path)
    assert clip.size == (48, 64)
    check_colors(next(clip.frames()))


def test_pixels_that_are_not_square_become_square(tmp_path):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)

    path = write_video(tmp_path / "a.mp4", [quarters()] * 2, change=wide)
    clip = read(path)
    assert clip.size == (48, 96)
    check_colors(next(clip.frames()))


@pytest.mark.parametrize(
    ("codec", "kind", "ending"),
    [
        ("libx264", "yuv420p10le", ".mp4"),
        ("libx265", "yuv420p10le", ".mp4"),
        ("libvpx-vp9", "yuv420p", ".webm"),
        ("mpeg4", "yuv420p", ".avi"),
        ("prores_ks", "yuv422p10le", ".mov"),
        ("ffv1", "yuv444p16le", ".mkv"),
    ],
)
def test_other_formats_and_ten_bits_are_read(tmp_path, codec, kind, ending):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    frames = [quarters(128, 96)] * 3
    clip = read(write_video(tmp_path / f"a{ending}", frames, codec, kind, **options))
    assert len(clip.times) == 3 and clip.size == (96, 128)
    check_colors(next(clip.frames()))


def test_odd_sides_are_kept(tmp_path):
    frames = [quarters(63, 47)] * 2
    clip = read(write_video(tmp_path / "a.mkv", frames, "ffv1", "yuv444p"))
    assert clip.size == (47, 63)


def test_transparency_is_laid_on_white_and_told(tmp_path):
    frame = np.dstack([quarters(), np.full([48, 64], 255, np.uint8)])
    frame[:24, :32, 3] = 0
    path = write_video(tmp_path / "a.mkv", [frame] * 2, "ffv1", "bgra")
    clip, text = told(path)
    assert "is laid on white" in text
    check_colors(next(clip.frames()), (WHITE, GREEN, BLUE, WHITE))


def test_hdr_is_told(tmp_path):
    def hdr(stream):
        stream.codec_context.color_trc = 16

    path = write_video(tmp_path / "a.mp4", [quarters()] * 2, change=hdr)
    assert "HDR (PQ)" in told(path)[1]


def test_a_gif_that_moves_is_a_film(tmp_path):
    first, second = (Image.fromarray(quarters()[:, ::way]) for way in (1, -1))
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=[second], duration=[100, 250])
    clip, _ = told(path)
    assert clip.times == (0, Fraction(1, 10)) and clip.end == Fraction(35, 100)
    frames = list(clip.frames())
    check_colors(frames[0])
    check_colors(frames[1], (GREEN, RED, WHITE, BLUE))


def test_a_still_picture_is_a_film_of_one_frame(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(quarters()).save(path)
    clip = read(path)
    assert clip.times == (0,) and clip.end > 0
    check_colors(next(clip.frames()))


def test_a_film_of_one_frame_has_a_length(tmp_path):
    clip = read(write_video(tmp_path / "a.mp4", [quarters()]))
    assert clip.times == (0,) and 0 < clip.end <= 1


def test_a_film_that_begins_late_begins_at_0(tmp_path):
    path = write_video(tmp_path / "a.mkv", [quarters()] * 4, first=3000)
    clip = read(path)
    assert clip.begin == 3 and clip.times[:2] == (0, Fraction(1, 25))


def test_a_film_that_ends_early_has_the_frames_until_there(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, [48, 64, 3], np.uint8) for _ in range(20)]
    path = tmp_path / "a.mkv"
    write_video(path, frames, "ffv1", "yuv444p")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    clip, text = told(path)
    assert 5 < len(clip.times) < 15
    assert len(list(clip.frames())) == len(clip.times)


def test_a_film_that_is_damaged_ends_there_and_this_is_told(tmp_path):
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 255, [64, 64, 3], np.uint8) for _ in range(20)]
    path = tmp_path / "a.mp4"
    write_video(path, frames)
    data = bytearray(path.read_bytes())
    middle, length = len(data) // 2, len(data) // 8
    data[middle : middle + length] = rng.bytes(length)
    path.write_bytes(data)
    clip, text = told(path)
    count = len(clip.times)
    assert f"damaged after frame {count}, and ends there" in text and 5 < count < 15
    assert len(list(clip.frames())) == count


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_an_mp4_without_its_index_is_one_line(tmp_path, share):
    path = tmp_path / "a.mp4"
    write_video(path, [quarters()] * 9)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert f"film `{path}` cannot be read" in refusal(clips.read, str(path), 25)


def test_what_is_no_film_is_one_line(tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("no film at all " * 99)  # FFmpeg would draw it
    assert "cannot be read" in refusal(clips.read, str(text), 25)
    assert "does not exist" in refusal(clips.read, str(tmp_path / "no"), 25)


def test_sound_alone_is_no_film(tmp_path):
    path = str(tmp_path / "a.m4a")
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", 44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros([1, 4096], np.float32), "fltp", "mono"
        )
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    assert "no pictures that move" in refusal(clips.read, path, 25)


def test_large_frames_and_too_many_are_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", [quarters()] * 5)
    assert "`max_pixels`=3000" in refusal(clips.read, path, 25, 3000)
    monkeypatch.setattr(clips, "MAX_FRAMES", 4)
    assert "at most 4" in refusal(clips.read, path, 25)


def test_without_pyav_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", [quarters()])
    monkeypatch.setattr(clips.importlib.util, "find_spec", lambda name: None)
    assert "vectormix_tf[film]" in refusal(clips.read, path, 25)


# --- Folders --------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Three pictures, each with another color in its first corner."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, color in ((2, GREEN), (10, BLUE), (1, RED)):
        picture = quarters()
        picture[:24, :32] = color
        Image.fromarray(picture).save(frames / f"f{number}.png")
    (frames / "notes.txt").write_text("not a picture")
    (frames / ".hidden.png").write_text("nor this")
    return frames


def test_a_folder_is_shown_in_the_order_of_its_numbers(folder):
    clip = clips.read(str(folder), 8)
    assert clip.times == (0, Fraction(1, 8), Fraction(2, 8))
    assert clip.end == Fraction(3, 8) and clip.size == (48, 64)
    assert [corners(f)[0] for f in clip.frames()] == [RED, GREEN, BLUE]
    assert [path[-7:] for path in clip.files] == ["/f1.png", "/f2.png", "f10.png"]


def test_frames_of_a_folder_have_one_size(folder):
    Image.fromarray(quarters(60, 40)).save(folder / "f2.png")
    clip = clips.read(str(folder), 25)
    text = refusal(list, clip.frames())
    assert "f2.png` has 60 x 40" in text and "64 x 48" in text


def test_clear_pixels_of_a_folder_are_laid_on_white(folder):
    picture = np.dstack([quarters(), np.full([48, 64], 255, np.uint8)])
    picture[:24, :32, 3] = 0
    Image.fromarray(picture).save(folder / "f1.png")
    frame = next(clips.read(str(folder), 25).frames())
    assert corners(frame) == [WHITE, GREEN, BLUE, WHITE]


def test_an_empty_folder_is_one_line(tmp_path):
    assert "has no pictures" in refusal(clips.read, str(tmp_path), 25)


# --- Parts ----------------------------------------------------------------------------


@pytest.fixture(params=["video", "folder"])
def gray(request, tmp_path):
    """A film whose frames are ever lighter."""
    frames = [np.full([48, 64, 3], 10 + 20 * i, np.uint8) for i in range(10)]
    if request.param == "video":
        return read(write_video(tmp_path / "a.mp4", frames, crf="1"))
    folder = tmp_path / "frames"
    folder.mkdir()
    for i, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{i}.png")
    return read(folder)


def levels(frames):
    return [round((int(frame[20, 20, 0]) - 10) / 20) for frame in frames]


def test_some_frames_can_be_read_and_some_more_than_once(gray):
    assert levels(gray.frames()) == list(range(10))
    assert levels(gray.frames([0, 3, 3, 8])) == [0, 3, 3, 8]
    assert levels(gray.frames([])) == []
    assert levels(gray.frames([9])) == [9]


def test_a_part_of_a_clip_is_a_clip(gray):
    part = gray.only([1, 4, 9])
    assert part.times == tuple(gray.times[i] for i in (1, 4, 9))
    assert part.numbers == (1, 4, 9) and levels(part.frames()) == [1, 4, 9]
    assert levels(part.frames([2])) == [9]
    assert part.only([0, 2]).numbers == (1, 9)


def test_a_film_that_changes_while_it_is_read_is_one_line(tmp_path):
    path = write_video(tmp_path / "a.mp4", [quarters()] * 6)
    clip = read(path)
    write_video(path, [quarters()] * 3)
    assert "has changed while it was read" in refusal(list, clip.frames())
