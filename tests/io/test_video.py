"""Films: their pictures come back, in time, and always as the same bytes."""

import importlib.util
import io

import av
import numpy as np
import pytest
from mistakes import refusal
from PIL import Image, ImageSequence

from vectormix_tf.io import video

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
        "WEBP cannot hold" in text and "16384 x 2" in text and "smaller `size`" in text
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


@pytest.mark.parametrize("fps", [0, -1, 51, float("nan"), "8"])
def test_a_pace_that_nobody_can_see_is_refused(fps):
    assert "`fps`" in refusal(video.check_fps, fps)
    video.check_fps(8)


# --- MP4 ------------------------------------------------------------------------------


def decoded_mp4(pictures, fps):
    """What a player finds in an MP4: its stream's properties, and its pictures."""
    with av.open(io.BytesIO(video.encode(pictures, ".mp4", fps))) as container:
        (stream,) = container.streams
        about = stream.codec_context.name, stream.pix_fmt, float(stream.average_rate)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode()]
    return about, frames


@pytest.mark.parametrize("fps", [8.0, 29.97, 50])
def test_an_mp4_is_h264_that_every_player_plays(fps):
    about, frames = decoded_mp4(PICTURES * 5, fps)
    assert about == ("h264", "yuv420p", pytest.approx(fps, rel=1e-3))
    assert len(frames) == 15
    for frame, color in zip(frames, COLORS * 5, strict=True):
        assert frame.shape == (30, 40, 3)
        assert np.abs(np.float32(frame) - color).max() <= 12


def test_an_mp4_has_even_sides_and_lies_on_white():
    clear = Image.new("RGBA", (41, 31), (*COLORS[0], 0))
    _, (frame,) = decoded_mp4([clear], 8.0)
    assert frame.shape == (30, 40, 3) and frame.min() > 245


def test_an_mp4_without_pyav_is_one_line(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    text = refusal(video.is_film, "a.mp4")
    assert "vectormix_tf[film]" in text
    assert video.is_film("a.webp")


def test_an_mp4_too_large_for_h264_is_one_line():
    text = refusal(video.encode, [Image.new("RGB", (20000, 2))], ".mp4", 8.0)
    assert "MP4 cannot hold" in text and "20000 x 2" in text
