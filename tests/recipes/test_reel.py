"""Reels: killed at any write a film goes on to the same bytes; times, sound, gaps."""

import math
import os
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest
from mistakes import die_at_write, refusal
from PIL import Image

from vectormix_tf.filters.frames import Past
from vectormix_tf.io import clips
from vectormix_tf.io.series import MANIFEST, Series
from vectormix_tf.recipes.film import FilmFrame
from vectormix_tf.recipes.reel import STATE, Reel, frame_names

COUNT, SIZE = 5, (36, 48)


@pytest.fixture
def clip(tmp_path):
    """A folder of frames, each of one color."""
    folder = tmp_path / "source"
    folder.mkdir()
    for i in range(COUNT):
        Image.new("RGB", SIZE[::-1], (40 * i, 100, 200)).save(folder / f"{i}.png")
    return clips.read(str(folder), 10)


def toy(clip, past_given=None):
    """Stands for `film`: a frame is half of its source and half of the one before."""

    def recipe(made, past):
        if past_given is not None:
            past_given.append((made, past))
        numbers = range(made, len(clip.times))
        for i, source in zip(numbers, clip.frames(numbers), strict=True):
            image = source if not past else np.uint8(source / 2 + past[-1].image / 2)
            past = (*past, Past(source, image, image, image[..., :1]))[-4:]
            yield FilmFrame(
                x=np.float32(image)[np.newaxis] / 255,
                losses={},
                seconds=0.0,
                finished=True,
                number=i + 1,
                begins=i == 0,
                error=0.1 * i if i else math.nan,
                source_error=0.2 * i if i else math.nan,
                past=past,
            )

    return recipe


def reel(clip, folder, every=1, overwrite=False):
    names = frame_names(len(clip.times))
    items = dict.fromkeys(names, {"alpha": 0.5})
    series = Series(str(folder), "film", {}, items, clip.files, overwrite)
    return Reel(series, clip, every)


def make(clip, folder, every=1):
    one = reel(clip, folder, every)
    assert one.make(toy(clip.only(one.chosen))) and one.fill()
    return one


def pictures(folder):
    return {
        name: (folder / name).read_bytes()
        for name in sorted(os.listdir(folder))
        if name.endswith(".png")
    }


def test_all_frames_are_written_under_their_numbers(clip, tmp_path):
    made = make(clip, tmp_path / "out")
    assert list(pictures(tmp_path / "out")) == [f"{i:05}.png" for i in range(1, 6)]
    assert made.chosen == list(range(COUNT)) and made.done == COUNT
    assert made.mean_errors == pytest.approx((0.25, 0.5))


@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("moment", range(1, 12))
def test_killed_at_any_write_it_goes_on_to_the_same_bytes(
    clip, tmp_path, monkeypatch, moment, every
):
    make(clip, tmp_path / "whole", every)
    with monkeypatch.context() as patch:
        die_at_write(moment, patch)
        with pytest.raises(SystemExit):
            make(clip, tmp_path / "out", every)
    assert make(clip, tmp_path / "out", every).done == len(range(0, COUNT, every)) + (
        (COUNT - 1) % every > 0
    )
    assert pictures(tmp_path / "out") == pictures(tmp_path / "whole")


def test_what_is_done_is_not_made_again(clip, tmp_path):
    make(clip, tmp_path / "out")
    calls = []
    again = reel(clip, tmp_path / "out")
    assert again.make(toy(clip, calls)) and not calls
    assert again.mean_errors == pytest.approx((0.25, 0.5))


def test_a_removed_frame_is_made_again_with_all_that_follow(clip, tmp_path):
    make(clip, tmp_path / "out")
    before = pictures(tmp_path / "out")
    os.unlink(tmp_path / "out" / "00003.png")
    calls = []
    assert reel(clip, tmp_path / "out").make(toy(clip, calls))
    assert calls == [(0, ())] and pictures(tmp_path / "out") == before


def test_after_ctrl_c_it_goes_on(clip, tmp_path):
    def stopped(made, past):
        for i, frame in enumerate(toy(clip)(made, past)):
            if i == 2:
                raise KeyboardInterrupt
            yield frame

    first = reel(clip, tmp_path / "out")
    assert not first.make(stopped) and first.done == 2
    calls = []
    assert reel(clip, tmp_path / "out").make(toy(clip, calls))
    assert calls[0][0] == 2 and len(calls[0][1]) == 2


def test_ctrl_c_between_frames_is_no_error(clip, tmp_path, monkeypatch):
    one = reel(clip, tmp_path / "out", 2)
    assert one.make(toy(clip.only(one.chosen)))

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(one, "_between", stop)
    assert not one.fill()


def test_a_damaged_state_is_one_line(clip, tmp_path):
    make(clip, tmp_path / "out")
    (tmp_path / "out" / STATE).write_bytes(b"no state")
    assert f"{STATE}` is damaged" in refusal(reel, clip, tmp_path / "out")
    reel(clip, tmp_path / "out", overwrite=True)


def test_frames_between_others_are_moved_from_both(clip, tmp_path):
    made = make(clip, tmp_path / "out", 2)
    assert made.chosen == [0, 2, 4] and len(pictures(tmp_path / "out")) == COUNT
    reds = [made._picture(i)[18, 24, 0] for i in range(COUNT)]
    assert reds[0] < reds[1] < reds[2] < reds[3] < reds[4]


# --- The film -------------------------------------------------------------------------


@pytest.fixture
def spoken(tmp_path):
    """A video of variable rate with a tone, which begin late."""
    path = str(tmp_path / "spoken.mkv")
    lengths = [40, 100, 60, 20, 180]
    with av.open(path, "w") as container:
        video = container.add_stream("ffv1", 25)
        video.height, video.width, video.pix_fmt = *SIZE, "yuv444p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("pcm_s16le", 8000, layout="mono")
        time = 500
        for i, length in enumerate(lengths):
            color = np.full([*SIZE, 3], 40 * i, np.uint8)
            frame = av.VideoFrame.from_ndarray(color, "rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(video.encode(frame))
            time += length
        wave = np.int16(8000 * np.sin(np.arange(3200) * 0.5))[np.newaxis]
        for i in range(4):
            part = np.ascontiguousarray(wave[:, i * 800 : (i + 1) * 800])
            frame = av.AudioFrame.from_ndarray(part, "s16", "mono")
            frame.rate, frame.pts = 8000, 4000 + i * 800
            container.mux(sound.encode(frame))
        for stream in (video, sound):
            container.mux(stream.encode())
    return clips.read(path, 25)


def test_a_film_has_the_times_and_the_sound_of_its_source(spoken, tmp_path):
    path = tmp_path / "out.mp4"
    make(spoken, tmp_path / "frames").write(str(path), overwrite=False)
    film = clips.read(str(path), 25)
    assert film.times == spoken.times and film.size == spoken.size and film.has_sound
    assert film.end == spoken.end > film.times[-1]
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        assert track.codec_context.name == "aac"
        samples = [f.to_ndarray() for f in container.decode(track)]
    heard = np.concatenate(samples, axis=1)[0]
    loud = np.flatnonzero(np.abs(heard) > 0.02) / 8000
    assert loud[0] < 0.15 and 0.3 < loud[-1] - loud[0] < 0.5


def test_two_films_of_the_same_frames_have_the_same_bytes(spoken, tmp_path):
    made = make(spoken, tmp_path / "frames")
    for name in ("a.mp4", "b.mp4"):
        made.write(str(tmp_path / name), overwrite=False)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_other_formats_have_the_times_too(spoken, tmp_path):
    path = tmp_path / "out.gif"
    make(spoken, tmp_path / "frames").write(str(path), overwrite=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        film = clips.read(str(path), 25)
    assert film.times == spoken.times and not film.has_sound


def test_what_was_written_can_be_removed_and_nothing_else(clip, tmp_path):
    made = make(clip, tmp_path / "out")
    made.remove()
    assert not (tmp_path / "out").exists()
    made = make(clip, tmp_path / "out")
    (tmp_path / "out" / "mine.txt").write_text("mine")
    made.remove()
    assert os.listdir(tmp_path / "out") == ["mine.txt"]
    assert MANIFEST != "mine.txt"
