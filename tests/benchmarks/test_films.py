"""benchmarks/films.py: a clip with a cut, and how much a film of it flickers."""

import functools
import itertools

import numpy as np
import pytest
from benchmark_scripts import load

import vectormix_tf as vm
from vectormix_tf.filters import flow
from vectormix_tf.io import clips

QUICK = {"steps": 2, "f1": "conv2a", "f2": "conv1a,conv2a"}


@pytest.fixture
def films(root):
    return load(root, "films")


def test_the_clip_moves_and_has_a_cut(films, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "CUT", 3)
    path = str(tmp_path / "clip.mp4")
    films.main(["clip", path, "--frames=5"])
    frames = list(clips.read(path, 25).frames())
    assert len(frames) == 5 and frames[0].shape == (288, 512, 3)
    sure = [
        flow.motion(*pair[::-1]).weights.mean() for pair in itertools.pairwise(frames)
    ]
    assert [share > 0.25 for share in sure] == [True, True, False, True]
    assert all(np.any(one != other) for one, other in itertools.pairwise(frames))


def test_a_strip_has_a_row_for_each_film(films, tmp_path):
    clip, strip = str(tmp_path / "clip.mp4"), tmp_path / "strip.jpg"
    films.main(["clip", clip, "--frames=4"])
    films.main(["strip", str(strip), clip, clip, "--frames=1,2,4"])
    with films.Image.open(strip) as picture:
        assert picture.size == (3 * 384, 2 * 216)


@pytest.mark.parametrize("x", [3.0, 3.25, 3.75, -2.4])
def test_what_passes_moves_by_parts_of_a_pixel(films, x):
    dot = np.zeros([20, 20, 4], np.uint8)
    dot[8:12, 8:12] = [200, 30, 30, 255]
    shown, place, alpha = films.shifted(films.Image.fromarray(dot), x, 1.0)
    opaque = np.float32(alpha)
    assert shown.size == alpha.size
    middle = np.average(np.arange(opaque.shape[1]), weights=opaque.sum(axis=0))
    assert place[0] + middle == pytest.approx(x + 9.5, abs=0.05)


QUICK_DREAM = {"steps": 3, "octaves": 1, "layers": "conv2a"}


@pytest.mark.filterwarnings("ignore::vectormix_tf.Notice")
@pytest.mark.parametrize("is_dream", [False, True])
def test_flicker_is_measured_beside_frames_by_themselves_and_the_clip(
    films, tmp_path, painting, monkeypatch, capsys, is_dream
):
    path = str(tmp_path / "clip.mp4")
    films.main(["clip", path, "--frames=4"])
    for name, quick in (("mix", QUICK), ("dream", QUICK_DREAM)):
        film = "film" if name == "mix" else "dream_film"
        made = functools.partial(getattr(vm, film), further_steps=1, **quick)
        monkeypatch.setattr(vm, film, made)
        monkeypatch.setattr(vm, name, functools.partial(getattr(vm, name), **quick))
    style = [] if is_dream else [painting]
    films.main(["flicker", path, *style, "--size=160", "--first=1", "--frames=2"])
    *lines, last = capsys.readouterr().out.splitlines()
    names = ("film", "each frame by itself", "clip")
    errors = [float(line.split()[-1]) for line in lines]
    assert [line[15:35].strip() for line in lines] == list(names)
    assert 0 < errors[0] < errors[1] and errors[2] > 0
    assert last.startswith("seconds, first frame ") and ", others " in last
