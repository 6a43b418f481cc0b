"""The sound of a film: copied where an MP4 holds it, and in time with the pictures."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from vectormix_tf.io import video
from vectormix_tf.io.sound import Sound

RATE = 8000
PICTURE = Image.new("RGB", (32, 32), (80, 120, 40))


def write_sound(path, codec, rate=48000, seconds=2, first=0):
    """A tone that is heard in the second half of each second only."""
    times = np.arange(rate * seconds) / rate
    wave = np.float32(0.5 * np.sin(2 * np.pi * 440 * times) * (times % 1 > 0.5))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate, layout="mono")
        kind = stream.format.name
        size = 960
        for i in range(0, len(wave) - size + 1, size):
            part = wave[np.newaxis, i : i + size]
            frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
            frame.rate, frame.pts, frame.time_base = rate, first + i, Fraction(1, rate)
            resampler = av.AudioResampler(kind, "mono", rate)
            for each in resampler.resample(frame):
                each.pts = first + i
                container.mux(stream.encode(each))
        container.mux(stream.encode())
    return str(path)


def heard(data):
    """Codec, and how loud each tenth of a second is."""
    with av.open(io.BytesIO(data)) as container:
        track = container.streams.audio[0]
        parts, rate = [], track.rate
        for frame in container.decode(track):
            samples = frame.to_ndarray()
            scale = 32768 if samples.dtype == np.int16 else 1
            start = round(frame.pts * frame.time_base * rate)
            parts.append((start, samples[0] / scale))
    wave = np.zeros(max(start + len(part) for start, part in parts))
    for start, part in parts:
        wave[max(0, start) : start + len(part)] = part[max(0, -start) :]
    tenths = wave[: len(wave) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    return track.codec_context.codec.canonical_name, np.sqrt((tenths**2).mean(axis=1))


def film(path, begin=Fraction(0), count=16):
    """Two seconds of pictures with the sound of a file."""
    one = video.Film(".mp4", 8, Fraction(1, 8), Sound(path, begin))
    for _ in range(count):
        one.add(PICTURE, Fraction(1, 8))
    return one.close()


def check_rhythm(loud, later=0):
    """The tone is heard in the second half of each second."""
    for tenth in range(1, 17):
        time = (tenth + later) % 10
        if time in (5, 9, 0, 4):
            continue
        assert (loud[tenth] > 0.2) == (time > 5), (tenth, loud)


@pytest.mark.parametrize(
    ("codec", "ending", "written"),
    [
        ("aac", ".m4a", "aac"),
        ("flac", ".mkv", "flac"),
        ("libopus", ".mkv", "opus"),
        ("libmp3lame", ".mkv", "mp3"),
        ("pcm_s16le", ".mkv", "aac"),
        ("pcm_f32le", ".mov", "aac"),
    ],
)
def test_it_is_copied_or_becomes_aac_and_stays_in_time(
    tmp_path, codec, ending, written
):
    path = write_sound(tmp_path / f"a{ending}", codec)
    name, loud = heard(film(path))
    assert name == written
    check_rhythm(loud)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_what_was_before_the_first_picture_is_not_heard(tmp_path, codec):
    path = write_sound(tmp_path / "a.mkv", codec, seconds=3)
    _, loud = heard(film(path, Fraction(7, 10)))
    check_rhythm(loud, later=7)


def test_it_ends_with_the_film(tmp_path):
    path = write_sound(tmp_path / "a.mkv", "aac", seconds=4)
    _, loud = heard(film(path, count=8))
    assert len(loud) <= 11


def test_only_an_mp4_has_sound(tmp_path):
    path = write_sound(tmp_path / "a.mkv", "aac")
    one = video.Film(".webp", 8, Fraction(1, 8), Sound(path))
    one.add(PICTURE)
    with Image.open(io.BytesIO(one.close())) as picture:
        assert picture.format == "WEBP"


def test_sound_that_is_damaged_ends_early(tmp_path):
    path = tmp_path / "a.mkv"
    write_sound(path, "flac")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    _, loud = heard(film(str(path)))
    assert 4 < len(loud) < 19
