"""Films: what a frame takes from those before it, scenes, the same bytes if resumed."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from camera import apart, moving
from mistakes import refusal
from PIL import Image

import vectormix_tf as vm
from vectormix_tf.errors import Notice
from vectormix_tf.filters import flow
from vectormix_tf.filters.frames import Past
from vectormix_tf.io import clips
from vectormix_tf.io.progress import ProgressBar
from vectormix_tf.optim import estimates
from vectormix_tf.recipes.film_frames import FrameMaker

QUICK = {"size": 112, "steps": 2, "further_steps": 2, "f1": "conv2a", "jitter": 4}
QUICK |= {"f2": "conv1a,conv2a", "on_progress": None}
QUICK_DREAM = {"size": 112, "steps": 3, "octaves": 2, "layers": "conv2a"}
QUICK_DREAM |= {"octave_scale": 1.1, "further_steps": 2, "jitter": 4}
QUICK_DREAM |= {"on_progress": None}
SIZE = 84, 112  # height, width of frames


@pytest.fixture(scope="module")
def wide(photo):
    return Image.open(photo).convert("RGB").resize((160, 120), Image.Resampling.BOX)


def made(video, style, **options):
    """All frames of a film; that it takes time is told, and nothing else."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = list(vm.film(video, style, **QUICK | options))
    assert [each.category for each in caught] == [Notice] * len(caught)
    texts = [str(each.message) for each in caught]
    assert len(texts) == 1 and "of memory, if there is one scene" in texts[0], texts
    return frames


def dreamt(video, **options):
    """All frames of a film that is dreamt."""
    with pytest.warns(Notice, match="of memory, if there is one scene"):
        return list(vm.dream_film(video, **QUICK_DREAM | options))


def same(some, others):
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


@pytest.fixture(scope="module")
def frames(wide):
    """Four frames of one scene and two of another, whose colors are inverted."""
    return [*moving(wide, 4), *(255 - frame[::-1] for frame in moving(wide, 2))]


@pytest.fixture(scope="module")
def film(frames, painting):
    return made(frames, painting)


def test_the_first_frame_of_a_scene_is_a_mix(film, frames, painting):
    for number in (0, 4):
        options = {name: QUICK[name] for name in QUICK if name != "further_steps"}
        mix = vm.mix(frames[number], painting, **options)
        np.testing.assert_allclose(film[number].image, mix.image, atol=0.02)
        assert apart(film[number].image, mix.image) < 1e-3


def test_a_cut_begins_a_scene_without_anything_of_the_one_before(
    film, frames, painting
):
    assert [frame.begins for frame in film] == [True, False, False, False, True, False]
    assert [frame.number for frame in film] == [1, 2, 3, 4, 5, 6]
    same(made(frames[4:5], painting), film[4:5])


def test_a_frame_is_nearer_to_the_one_before_than_by_itself(film, frames, painting):
    alone = made(frames[3:4], painting)[0].image
    motion = flow.motion(frames[3], frames[2])
    errors = [
        flow.warping_error(image, film[2].image, *motion)
        for image in (film[3].image, alone)
    ]
    assert errors[0] < errors[1] / 4


def test_errors_are_those_of_the_frames_that_are_written(film, frames):
    for i in (1, 3, 5):
        motion = flow.motion(frames[i], frames[i - 1])
        pairs = (
            (film[i].image, film[i - 1].image),
            (frames[i] / 255, frames[i - 1] / 255),
        )
        wanted = [
            flow.warping_error(
                *(np.float32(np.rint(x * 255)) / 255 for x in pair), *motion
            )
            for pair in pairs
        ]
        assert (film[i].error, film[i].source_error) == pytest.approx(wanted, rel=1e-4)
    assert math.isnan(film[0].error) and math.isnan(film[4].source_error)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_film_goes_on_to_the_same_bytes(film, frames, painting, count):
    rest = made(frames, painting, made=count, past=film[count - 1].past)
    same(rest, film[count:])
    assert [frame.number for frame in rest] == list(range(count + 1, 7))


@pytest.mark.parametrize("color", ["content", "match"])
def test_styles_keep_the_colors_of_the_first_frame_also_if_resumed(
    frames, painting, color
):
    dark = [frames[0], *(np.uint8(frame * 0.9) for frame in frames[1:3])]
    film = made(dark, painting, color=color)
    same(made(dark, painting, color=color, made=1, past=film[0].past), film[1:])


def test_what_is_remembered_are_four_frames_at_most_with_their_scenes(film):
    assert [len(frame.past) for frame in film] == [1, 2, 3, 4, 4, 4]
    assert [past.scene for past in film[5].past] == [1, 1, 2, 2]
    assert all(part.dtype == np.uint8 for part in film[3].past[0][:4])


def test_after_a_cut_frames_are_those_of_the_scene_alone(film, frames, painting):
    """But for the transforms of their steps, which go by the number of the frame."""
    alone = made(frames[4:], painting)
    same(alone[:1], film[4:5])
    assert apart(alone[1].image, film[5].image) < 0.01


def test_a_scene_goes_on_after_a_flash(frames, painting):
    flash = np.full_like(frames[0], 255)
    film = made([*frames[:2], flash, frames[2]], painting)
    assert [frame.begins for frame in film] == [True, False, True, False]
    assert [frame.past[-1].scene for frame in film] == [1, 1, 2, 1]
    assert math.isnan(film[3].error)
    motion = flow.motion(frames[2], frames[1])
    alone = made(frames[2:3], painting)[0].image
    errors = [
        flow.warping_error(image, film[1].image, *motion)
        for image in (film[3].image, alone)
    ]
    assert errors[0] < errors[1] / 2


def test_with_all_inertia_a_still_film_stands_still(wide, painting):
    frames = moving(wide, 1) * 3
    first, *others = made(frames, painting, inertia=0.99, hold=1000.0)
    for other in others:
        assert apart(first.image, other.image) < 0.003
    free = made(frames, painting, inertia=0.0, hold=0.0)
    assert apart(free[0].image, free[1].image) > 0.006


def test_places_that_are_uncovered_are_free(wide, painting):
    """A square moves: where it was, there is the picture behind it and no ghost."""
    plain = moving(wide, 1)[0]
    before, now = plain.copy(), plain.copy()
    before[30:60, 20:50] = now[30:60, 70:100] = [255, 0, 0]
    options = {"steps": 6, "further_steps": 4}
    film = made([before, now], painting, **options)
    alone = made([plain], painting, **options)
    place = np.s_[34:56, 24:46]
    ghost = apart(film[1].image[place], film[0].image[place])
    assert apart(film[1].image[place], alone[0].image[place]) < ghost / 2


def test_what_one_frame_hides_is_taken_from_an_earlier_one(wide):
    recipe = SimpleNamespace(size=SIZE, base=lambda source: 0.0)
    maker = FrameMaker(recipe, None, 3)
    plain = moving(wide, 1)[0]
    covered = plain.copy()
    covered[30:60, 40:70] = [0, 255, 0]
    marks = [np.full_like(plain, level) for level in (50, 200)]
    ages = [mark[..., :1] for mark in marks]
    maker.past = [
        Past(plain, marks[0], plain, ages[0]),
        Past(covered, marks[1], covered, ages[1]),
    ]
    expected = maker._expected(maker._motions(plain), plain)
    inside, outside = np.s_[0, 36:54, 46:64, 0], np.s_[0, 5:20, 5:100, 0]
    weights = expected.weights
    assert weights[inside].min() > 0.9 and weights.max() <= 1 + 1e-6
    for each in (expected.x, expected.settled):
        np.testing.assert_allclose(each[inside] * 255, 50, atol=4)
        np.testing.assert_allclose(each[outside] * 255, 200, atol=1)


def test_what_comes_into_view_settles_within_some_frames(wide, painting):
    film = made(moving(wide, 4), painting)
    settled = [frame.past[-1].settled[..., 0] / 255 for frame in film]
    np.testing.assert_array_equal(settled[0], 1)
    edge = [each[20:60, -1].mean() for each in settled]
    inner = [each[20:60, 40:60].mean() for each in settled]
    assert edge[1] < 0.2 and all(part > 0.97 for part in inner)
    older = settled[3][20:60, -5].mean()  # in view since the second frame
    assert edge[3] < older < 0.6


# --- What is given --------------------------------------------------------------------


def test_a_clip_a_folder_and_a_list_of_pictures_are_the_same(
    film, frames, painting, tmp_path
):
    for i, frame in enumerate(frames[:2]):
        Image.fromarray(frame).save(tmp_path / f"{i}.png")
    same(made(tmp_path, painting), film[:2])
    same(made(str(tmp_path), painting), film[:2])
    clip = clips.read(str(tmp_path), 25)
    same(made(clip, painting), film[:2])
    part = made(clip.only([1]), painting)
    assert [frame.number for frame in part] == [2]


def test_outside_of_a_mask_is_the_film(frames, painting, tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :56] = 255
    film = made(frames[:2], painting, mask=Image.fromarray(mask))
    for frame, source in zip(film, frames, strict=False):
        assert apart(frame.image[:, 58:], source[:, 58:] / 255) < 1e-3
        assert apart(frame.image[:, :54], source[:, :54] / 255) > 0.05


def test_a_mask_may_be_a_film(frames, painting, tmp_path):
    for i, level in enumerate((0, 255)):
        Image.new("L", (40, 30), level).save(tmp_path / f"{i}.png")
    mask = clips.read(str(tmp_path), 25)
    (tmp_path / "film").mkdir()
    for i, frame in enumerate(frames[:3]):
        Image.fromarray(frame).save(tmp_path / "film" / f"{i}.png")
    clip = clips.read(str(tmp_path / "film"), 25)
    for video in (frames[:3], clip):
        film = made(video, painting, mask=mask)
        changes = [apart(f.image, s / 255) for f, s in zip(film, frames, strict=False)]
        assert changes[0] < 1e-3 and min(changes[1:]) > 0.05  # the last mask stays


def test_keys_change_settings_of_frames(film, frames, painting):
    keyed = made(frames[:3], painting, keys=["1:alpha=0.5", "3:alpha=0.9"])
    assert [frame.settings.alpha for frame in keyed] == pytest.approx([0.5, 0.7, 0.9])
    # Alpha is a tensor then, and rounding differs.
    np.testing.assert_allclose(keyed[0].image, film[0].image, atol=0.02)
    assert apart(keyed[2].image, film[2].image) > 1e-4
    steady = made(frames[:3], painting, keys=["1:alpha=0.5", "3:alpha=0.5"])
    for one, other in zip(steady, film, strict=False):
        assert apart(one.image, other.image) < 1e-3


def test_keys_blend_styles(frames, painting, photo):
    film = made(
        frames[:2],
        [painting, photo],
        keys=["1:style_weights=1,0", "2:style_weights=0,1"],
        inertia=0.0,
        hold=0.0,
    )
    steady = made(
        frames[:2], [painting, photo], style_weights=[1, 0], inertia=0.0, hold=0.0
    )
    assert apart(film[0].image, steady[0].image) < 1e-3
    assert apart(film[1].image, steady[1].image) > 1e-3


def test_styles_that_cannot_be_blended_have_no_keys(frames, painting):
    options = {"keys": ["1:style_weights=1,0"], "statistic": "sliced"}
    text = refusal(made, frames, [painting] * 2, **options)
    assert "cannot blend styles" in text


@pytest.mark.parametrize(
    "options",
    [
        {"color": "match", "tv": 0.1, "keys": ["1:tv=0.1", "2:tv=0.3"]},
        {"preset": "quick", "steps": 2, "octaves": 2, "octave_scale": 1.1},
        {
            **{"color": "content", "canvas": "pixels", "amplify": "conv2a:0.1"},
            **{"optimizer": "lbfgs", "learning_rate": 0.5},
        },
    ],
)
def test_settings_of_mixes_are_those_of_films(frames, painting, options):
    film = made(frames[:2], painting, **options)
    assert len(film) == 2 and all(np.isfinite(frame.image).all() for frame in film)


def test_mistakes_are_one_line_before_any_frame(frames, painting, tmp_path):
    for options, words in (
        ({"steps": 0}, "`steps` must be in [1, "),
        ({"inertia": 1}, "`inertia`"),
        ({"on_progress": "no"}, "`on_progress`"),
        ({"keys": ["2:alpha=7"]}, "`alpha`"),
    ):
        call = QUICK | options
        assert words in refusal(vm.film, frames, painting, **call)
    assert "does not exist" in refusal(vm.film, tmp_path / "no.mp4", painting, **QUICK)


# --- How it goes ----------------------------------------------------------------------


def test_progress_counts_the_frames_of_the_film(frames, painting):
    seen = []
    made(frames[:3], painting, on_progress=seen.append)
    assert [(p.octave, p.octaves) for p in seen if p.step == 2] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert seen[0].seconds_left is None and seen[-1].seconds_left >= 0
    for progress in (seen[0], seen[-1]):
        preview = progress.preview()
        assert preview.shape == (*SIZE, 3) and 0 <= preview.min() <= preview.max() <= 1


def test_a_bar_is_closed_after_the_last_frame(frames, painting, monkeypatch):
    closed = []
    monkeypatch.setattr(ProgressBar, "close", lambda bar: closed.append(bar))
    made(frames[:1], painting, on_progress="bar")
    assert len(closed) == 1


@pytest.mark.parametrize("frame", [1, 2])
def test_ctrl_c_ends_it_between_frames(frames, painting, frame):
    def stop(progress):
        if progress.octave == frame:
            raise KeyboardInterrupt

    film = vm.film(frames, painting, **QUICK | {"on_progress": stop})
    with pytest.warns(Notice):
        for number in range(1, frame):
            assert next(film).number == number
        with pytest.raises(KeyboardInterrupt):
            next(film)


def test_it_announces_memory_and_refuses_what_has_too_little(
    frames, painting, monkeypatch
):
    monkeypatch.setattr(estimates, "room", lambda: None)
    made(frames[:1], painting)
    room = type("Room", (), {"free": 1e6, "where": "", "remedy": "close programs"})
    monkeypatch.setattr(estimates, "room", lambda: room)
    assert "GB of memory" in refusal(made, frames, painting)


# --- Films that are dreamt ------------------------------------------------------------


@pytest.fixture(scope="module")
def dreams(frames):
    return dreamt(frames)


def test_the_first_frame_of_a_scene_is_a_dream(dreams, frames):
    assert [frame.begins for frame in dreams] == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]
    for number in (0, 4):
        options = {name: QUICK_DREAM[name] for name in QUICK_DREAM}
        del options["further_steps"]
        dream = vm.dream(frames[number], **options)
        assert apart(dreams[number].image, dream.image) < 1e-3


def test_a_dream_moves_with_the_film(dreams, frames):
    """Nearer to the frame before than a dream by itself, and far from the film."""
    alone = dreamt(frames[3:4], seed=1)[0].image
    motion = flow.motion(frames[3], frames[2])
    errors = [
        flow.warping_error(image, dreams[2].image, *motion)
        for image in (dreams[3].image, alone)
    ]
    assert errors[0] < errors[1] / 2
    change, first = (apart(dreams[i].image, frames[i] / 255) for i in (3, 0))
    assert first * 0.8 < change < first * 1.2


def test_a_dream_takes_its_light_from_the_film(frames):
    """Not the frame is moved, but what is dreamt: a fade is that of the film."""
    dark = [np.uint8(frames[0] * share) for share in (1, 0.94, 0.88, 0.82)]
    film = dreamt(dark)
    assert [frame.begins for frame in film] == [True, False, False, False]
    for frame, source in zip(film, dark, strict=True):
        assert frame.image.mean() == pytest.approx(source.mean() / 255, abs=0.01)


def test_a_dream_goes_no_deeper(wide):
    film = dreamt(moving(wide, 1) * 6, further_step_size=0.05)
    changes = [
        float(np.std(np.float32(frame.past[-1].x) - frame.past[-1].source)) / 255
        for frame in film
    ]
    assert changes[0] == pytest.approx(film[0].past[-1].strength, abs=0.002)
    assert max(changes) < 1.05 * changes[0]
    assert {frame.past[-1].strength for frame in film} == {film[0].past[-1].strength}


@pytest.mark.parametrize("count", [1, 3, 5])
def test_a_dream_goes_on_to_the_same_bytes(dreams, frames, count):
    same(dreamt(frames, made=count, past=dreams[count - 1].past), dreams[count:])


@pytest.mark.parametrize("color, chroma", [("content", "image"), ("dream", "free")])
def test_a_guide_a_mask_and_colors_are_those_of_a_dream(
    frames, painting, color, chroma
):
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :56] = 255
    film = dreamt(
        frames[:2],
        guide=painting,
        mask=Image.fromarray(mask),
        color=color,
        chroma=chroma,
    )
    for frame, source in zip(film, frames, strict=False):
        assert apart(frame.image[:, 58:], source[:, 58:] / 255) < 1e-3
        assert apart(frame.image[:, :54], source[:, :54] / 255) > 0.003


def test_mistakes_of_a_dream_are_one_line(frames):
    for options, words in (
        ({"layers": "mixed99"}, "mixed99"),
        ({"further_step_size": 0.0}, "`further_step_size`"),
    ):
        assert words in refusal(vm.dream_film, frames, **QUICK_DREAM | options)
