"""benchmarks/films.py: a clip with a cut, and how much a film of it flickers."""

import functools
import importlib.util
import itertools

import numpy as np
import pytest

import vectormix_tf as vm
from vectormix_tf.filters import flow
from vectormix_tf.io import clips

QUICK = {"steps": 2, "f1": "conv2a", "f2": "conv1a,conv2a"}


@pytest.fixture
def films(root):
    spec = importlib.util.spec_from_file_location("films", root / "benchmarks/films.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_what_something_hides_moves_with_it(films):
    picture = films.Image.new("RGBA", (10, 10), (255, 0, 0, 255))
    shown, place, alpha = films.shifted(picture, 3.5, -2.25)
    assert place == (3, -3) and shown.size == alpha.size == (11, 11)
    inside = np.asarray(alpha)
    assert inside[5, 5] == 255 and 0 < inside[5, 0] < 255 and inside.sum() > 90 * 255


@pytest.mark.filterwarnings("ignore::vectormix_tf.Notice")
def test_flicker_is_measured_beside_frames_by_themselves_and_the_clip(
    films, tmp_path, painting, monkeypatch, capsys
):
    path = str(tmp_path / "clip.mp4")
    films.main(["clip", path, "--frames=4"])
    monkeypatch.setattr(
        vm, "film", functools.partial(vm.film, further_steps=1, **QUICK)
    )
    monkeypatch.setattr(vm, "mix", functools.partial(vm.mix, **QUICK))
    films.main(["flicker", path, painting, "--size=160", "--first=1", "--frames=2"])
    *lines, last = capsys.readouterr().out.splitlines()
    names = ("film", "each frame by itself", "clip")
    errors = [float(line.split()[-1]) for line in lines]
    assert [line[15:35].strip() for line in lines] == list(names)
    assert 0 < errors[0] < errors[1] and errors[2] > 0
    assert last.startswith("seconds, first frame ") and ", others " in last
