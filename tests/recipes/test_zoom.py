"""Zooms: how a frame moves, that colors are held, the same bytes if resumed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal
from PIL import Image

from vectormix_tf.config.dream import EASINGS, ZoomSettings
from vectormix_tf.io import series
from vectormix_tf.ops.color import to_oklab
from vectormix_tf.recipes.zoom import move, to_film, to_folder, zoom

QUICK = {"size": 120, "steps": 2, "further_steps": 2, "octaves": 1, "jitter": 8}
QUICK |= {"layers": "mixed0", "frames": 3, "on_progress": None}

cases = settings(max_examples=30)


def zoom_settings(**values):
    return ZoomSettings(**{"frames": 11, "zoom": 0.0} | values)


def ramps():
    """A picture whose red is its x and whose green is its y, and 80 in blue."""
    y, x = np.mgrid[:60, :80]
    return Image.fromarray(np.uint8(np.stack([x * 2, y * 2, 0 * x + 80], -1)))


def places(frame):
    """Where the pixels of a moved `ramps` come from, away from its borders, [2, n]."""
    return np.float32(frame)[20:40, 25:55, :2].reshape(-1, 2).T / 2


def expected(scale, degrees=0.0, shift=(0.0, 0.0)):
    """Likewise, by the formula: shifted back, turned and shrunk around the middle."""
    y, x = np.mgrid[20:40, 25:55] + 0.5
    offset = np.stack([x.ravel() - 40 - shift[0], y.ravel() - 30 - shift[1]])
    angle = np.radians(degrees)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return np.array(turn) @ offset / scale + [[39.5], [29.5]]


def test_a_frame_that_does_not_move_stays():
    assert np.array_equal(move(ramps(), zoom_settings(), 5), ramps())


@cases
@given(st.floats(-20, 50), st.floats(-20, 20), st.floats(-10, 10), st.floats(-10, 10))
def test_a_frame_is_enlarged_turned_and_shifted(percent, degrees, right, down):
    values = zoom_settings(zoom=percent, rotate=degrees, shift=f"{right},{down}")
    shift = right * 0.8, down * 0.6  # percent of 80 x 60 pixels
    found = places(move(ramps(), values, 5))
    wanted = expected(1 + percent / 100, degrees, shift)
    inside = np.all((wanted > 2) & (wanted < [[77], [57]]), axis=0)
    np.testing.assert_allclose(found[:, inside], wanted[:, inside], atol=0.8)


def test_frames_rotate_counterclockwise_and_shift_right_and_down():
    dot = np.zeros([101, 101, 3], np.uint8)
    dot[48:53, 80:85] = 255  # to the right of the middle

    def center(**values):
        moved = np.float32(move(Image.fromarray(dot), zoom_settings(**values), 5))[
            ..., 0
        ]
        return [np.average(np.arange(101), weights=moved.sum(axis)) for axis in (0, 1)]

    x, y = center()
    assert center(rotate=30.0)[1] < y - 10  # up
    assert center(shift="10,0")[0] == pytest.approx(x + 10.1, abs=0.5)
    assert center(shift="0,10")[1] == pytest.approx(y + 10.1, abs=0.5)
    assert center(zoom=20.0)[0] == pytest.approx(50 + 1.2 * (x - 50), abs=0.5)


@pytest.mark.parametrize("easing", EASINGS)
def test_easing_spreads_the_same_way_over_the_film(easing):
    pace = EASINGS[easing]
    times = (np.arange(1000) + 0.5) / 1000
    speeds = np.array([pace(t) for t in times])
    assert speeds.mean() == pytest.approx(1, abs=1e-3) and (speeds >= 0).all()
    assert (speeds[0] < 0.1) == (easing in ("in", "in_out"))
    assert (speeds[-1] < 0.1) == (easing in ("out", "in_out"))


def test_beyond_the_borders_a_frame_is_mirrored():
    plain = Image.new("RGB", (80, 60), (10, 200, 90))
    smaller = move(plain, zoom_settings(zoom=-30.0, rotate=40.0), 5)
    np.testing.assert_allclose(np.float32(smaller), np.float32(plain), atol=1)


def test_the_first_frame_is_a_dream_and_the_others_continue_it(photo):
    frames = list(zoom(photo, **QUICK))
    assert len(frames) == 3 and all(frame.finished for frame in frames)
    images = [frame.image for frame in frames]
    assert all(image.shape == (80, 120, 3) for image in images)
    for before, after in zip(images, images[1:], strict=False):
        moved = move(
            Image.fromarray(np.uint8(before * 255)), zoom_settings(zoom=5.0), 2
        )
        nearer = np.abs(after - np.float32(moved) / 255).mean()
        assert 0 < nearer < np.abs(after - before).mean()


def luminance(image):
    light = np.asarray(image, np.float64) @ [0.2126, 0.7152, 0.0722]
    return np.array([light.mean(), light.std()])


def test_light_is_held_over_the_frames(photo):
    options = QUICK | {"frames": 30, "step_size": 0.03, "zoom": 8.0}
    frames = [luminance(frame.image) for frame in zoom(photo, **options)]
    assert np.abs(np.array(frames) / frames[0] - 1).max() < 0.05


@pytest.mark.slow
def test_light_is_held_over_500_frames(photo):
    options = QUICK | {"frames": 500, "size": 128, "layers": "mixed3,mixed5"}
    frames = [luminance(frame.image) for frame in zoom(photo, **options)]
    assert len(frames) == 500
    assert np.abs(np.array(frames) / frames[0] - 1).max() < 0.05


def test_a_film_continued_from_files_has_the_same_bytes(photo, tmp_path):
    whole = list(zoom(photo, **QUICK | {"frames": 4}))
    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    for path, frame in zip(paths, whole, strict=False):
        frame.save(path)
    parts = list(zoom(photo, made=paths, **QUICK | {"frames": 4}))
    assert len(parts) == 2
    for one, other in zip(whole[2:], parts, strict=True):
        assert np.array_equal(one.image, other.image)
    assert list(zoom(photo, made=paths, **QUICK | {"frames": 2})) == []


def test_frames_of_a_transparent_picture_are_opaque_and_go_on_from_files(
    photo, tmp_path
):
    with Image.open(photo) as opened:
        source = np.array(opened.convert("RGBA"))
    source[:, ::2, 3] = 0
    whole = list(zoom(source, **QUICK))
    assert [frame.pil.mode for frame in whole] == ["RGB"] * 3
    whole[0].save(tmp_path / "1.png")
    parts = list(zoom(source, made=[tmp_path / "1.png"], **QUICK))
    for one, other in zip(whole[1:], parts, strict=True):
        assert np.array_equal(one.image, other.image)


def test_color_content_holds_for_every_frame(photo):
    options = QUICK | {"step_size": 0.03, "zoom": 0.0}
    changes = []
    for color in ("dream", "content"):
        first, *others = (
            to_oklab(frame.image).numpy()[..., 1:]
            for frame in zoom(photo, color=color, **options)
        )
        changes.append(np.abs(others[-1] - first).mean())
    assert changes[1] < 0.5 * changes[0]


def test_a_guide_changes_every_frame(photo, painting):
    guided, unguided = (
        list(zoom(photo, guide=guide, **QUICK | {"guide_size": 120}))
        for guide in (painting, None)
    )
    for one, other in zip(guided, unguided, strict=True):
        assert np.abs(one.image - other.image).mean() > 1e-3
        assert list(one.losses) == ["guide"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"frames": 0}, "`frames` must be in [1, 9999]"),
        ({"shift": "2"}, "`shift` must be X,Y"),
        ({"shift": "2,60"}, "`shift` must be in [-50, 50]"),
        ({"zoom": 200.0}, "`zoom` must be in [-50, 100]"),
        ({"easing": "inn"}, "did you mean in"),
        ({"further_steps": 0}, "`further_steps`"),
        ({"speed": 2}, "unknown setting 'speed'"),
    ],
)
def test_a_wrong_setting_is_refused_before_the_first_frame(change, text, photo):
    assert text in refusal(zoom, photo, **QUICK | change)


# --- Into files -----------------------------------------------------------------------


class Frame:
    """Takes the place of a `PictureResult`."""

    def __init__(self, number):
        self.image = np.full([80, 81, 3], number / 10, np.float32)
        self.pil = Image.fromarray(np.uint8(self.image * 255))


def interrupted(stop):
    """A recipe of four frames that Ctrl-C interrupts before frame `stop`."""
    calls = []

    def recipe(made):
        calls.append(len(made))
        for number in range(len(made) + 1, 5):
            if number == stop:
                raise KeyboardInterrupt
            yield Frame(number)

    recipe.calls = calls
    return recipe


def test_ctrl_c_leaves_the_film_so_far(tmp_path):
    path = tmp_path / "film.gif"
    with pytest.raises(KeyboardInterrupt):
        to_film(str(path), interrupted(1), 8.0, False)
    assert not path.exists()
    assert to_film(str(path), interrupted(3), 8.0, False) is False
    with Image.open(path) as film:
        assert film.n_frames == 2
    assert to_film(str(path), interrupted(9), 8.0, True) is True


def test_a_folder_is_completed(tmp_path):
    folder = str(tmp_path / "film")
    items = {f"{i:04}.png": {"frames": 4} for i in range(1, 5)}

    def go(recipe):
        frames = series.Series(folder, "zoom", {}, items, [])
        return to_folder(frames, recipe), recipe.calls

    assert go(interrupted(3)) == (False, [0])
    assert go(interrupted(9)) == (True, [2])
    names = sorted(path.name for path in (tmp_path / "film").iterdir())
    assert names == [*items, "series.json"]
    # A missing frame is made again, and with it all that follow.
    (tmp_path / "film/0002.png").unlink()
    assert go(interrupted(9)) == (True, [1])
