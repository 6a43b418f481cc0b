"""Recipes on the bundled network with real pictures, and the mixing of vectors."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import vectormix_tf
from vectormix_tf import colors, pictures, recipes
from vectormix_tf.pictures import MARGIN, frame
from vectormix_tf.recipes import dream, mix, mix_vectors
from vectormix_tf.settings import InputError, Notice

QUICK = {"size": 120, "steps": 3, "on_progress": None}


@pytest.fixture(scope="module")
def photo(root):
    return str(root / "examples/images/content_flower.jpg")


@pytest.fixture(scope="module")
def painting(root):
    return str(root / "examples/images/style_langlois_bridge.jpg")


# --- Vectors -------------------------------------------------------------------------


def same(x):
    return x


vectors = st.lists(st.integers(-9, 9), min_size=2, max_size=5).map(np.array)


@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(vectors, st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]))
def test_the_squared_norm_mixes_identities_to_the_weighted_mean(x1, alpha):
    x2 = x1[::-1] + 3
    result = mix_vectors(x1, x2, same, same, alpha, norm="squared", steps=300)
    np.testing.assert_allclose(result.x, alpha * x1 + (1 - alpha) * x2, atol=0.02)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_the_plain_norm_mixes_identities_to_one_end_of_the_segment(alpha):
    x1, x2 = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[3.0, 5.0], [-1.0, 0.0]])
    end = x1 if alpha > 0.5 else x2
    for init in (None, [[0.0, 3.0], [2.0, 2.0]]):
        result = mix_vectors(x1, x2, same, same, alpha, init=init)
        np.testing.assert_allclose(result.x, end, atol=0.02)


def test_at_one_half_the_plain_norm_stays_on_the_segment():
    x1, x2 = np.array([0.0, 0.0]), np.array([4.0, 2.0])
    result = mix_vectors(x1, x2, same, same, 0.5, init=[3.0, 0.0])
    along = result.x @ x2 / (x2 @ x2)
    assert 0 <= along <= 1
    np.testing.assert_allclose(result.x, along * x2, atol=0.05)


def test_starting_at_a_minimum_stays_there():
    x1 = np.arange(5.0)
    result = mix_vectors(x1, x1 + 1, same, same, 1.0, steps=20)
    np.testing.assert_array_equal(result.x, x1)
    assert not result.losses["f1"].any()


def test_functions_may_take_vectors_of_different_shapes():
    """x1 gives the differences of neighbors, x2, longer, the mean."""
    x1, x2 = [0.0, 1.0, 3.0], [7.0, 7.0, 7.0, 11.0]
    result = mix_vectors(
        x1,
        x2,
        lambda x: x[1:] - x[:-1],
        lambda x: tf.reduce_mean(x, keepdims=True),
        norm="squared",
        steps=2000,
    )
    np.testing.assert_allclose(np.diff(result.x), [1, 2], atol=0.02)
    np.testing.assert_allclose(result.x.mean(), 8, atol=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": 1.5}, "alpha"),
        ({"steps": 0}, "steps"),
        ({"norm": "square"}, "did you mean squared"),
        ({"x1": [np.inf]}, "`x1` must be finite"),
        ({"x2": "text"}, "`x2` must be a tensor of numbers"),
        ({"init": [np.nan]}, "`init` must be finite"),
    ],
)
def test_a_wrong_argument_is_named(change, says):
    arguments = {"x1": [1.0], "x2": [2.0], "f1": same, "f2": same} | change
    with pytest.raises(InputError, match=says):
        mix_vectors(**arguments)


# --- Mixing --------------------------------------------------------------------------


def test_steps_bring_style_nearer(photo, painting):
    result = mix(photo, painting, size=128, steps=12, on_progress=None)
    assert result.image.shape == (1, 85, 128, 3)
    assert result.image.dtype == np.float32
    assert result.image.min() >= 0 and result.image.max() <= 1
    style = result.losses["style"]
    assert style.shape == (12,) and style[-1] < 0.75 * style[0]
    assert list(result.losses) == ["content", "style"]
    assert result.finished and result.settings.size == 128


def test_all_kinds_of_sources_give_the_same_mix(photo, painting):
    first = mix(photo, painting, **QUICK)
    opened = Image.open(photo)
    array = np.asarray(opened.convert("RGB"))
    for source in (opened, array, array / np.float32(255), tf.constant(array)):
        again = mix(source, painting, **QUICK)
        np.testing.assert_array_equal(again.image, first.image)


def test_another_seed_gives_another_picture(photo, painting):
    once, again, other = (
        mix(photo, painting, seed=seed, **QUICK) for seed in (0, 0, 1)
    )
    assert once.image.tobytes() == again.image.tobytes()
    assert once.image.tobytes() != other.image.tobytes()


def test_alpha_1_is_content_alone_and_alpha_0_style_alone(photo, painting):
    assert list(mix(photo, painting, alpha=1.0, **QUICK).losses) == ["content"]
    assert list(mix(photo, painting, alpha=0.0, **QUICK).losses) == ["style"]


def test_alpha_0_from_noise_does_not_depend_on_the_content(photo, painting):
    other = np.asarray(Image.open(photo).convert("RGB"))[::-1, ::-1]
    made = [
        mix(content, painting, alpha=0.0, init="noise", **QUICK).image
        for content in (photo, np.ascontiguousarray(other))
    ]
    np.testing.assert_array_equal(*made)


def test_alpha_1_from_the_content_stays_at_the_content(photo, painting):
    result = mix(photo, painting, alpha=1.0, init="content", **QUICK)
    small = np.asarray(Image.open(photo).convert("RGB").resize((120, 80)), np.float32)
    assert np.abs(result.image[0] - small / 255).mean() < 0.03


def test_the_first_octave_starts_from_what_was_asked_for(photo, painting, tmp_path):
    """After one step of no length, what it started from is still there."""
    other = tmp_path / "start.png"
    Image.new("RGB", (120, 80), (200, 100, 50)).save(other)
    starts = {}
    for init in ("recolored", "content", "noise", "style", str(other)):
        options = QUICK | {"steps": 1, "learning_rate": 1e-9, "init": init}
        starts[init] = mix(photo, painting, **options).image
    content = tf.constant(starts["content"])
    style = starts["style"]
    palette = np.asarray(Image.open(painting).convert("RGB"), np.float32) / 255
    means = palette.reshape(-1, 3).mean(0)
    for init in ("recolored", "noise", "style"):
        np.testing.assert_allclose(starts[init].mean((0, 1, 2)), means, atol=0.04)
    recolored = colors.recolor(content, tf.constant(palette[None])).numpy()
    assert np.abs(starts["recolored"] - recolored).mean() < 0.01
    assert np.abs(starts[str(other)] - np.array([200, 100, 50]) / 255).max() < 0.01
    assert np.abs(style - starts["content"]).mean() > 0.05


def test_pixels_are_a_canvas_too(photo, painting):
    result = mix(photo, painting, canvas="pixels", **QUICK)
    assert result.losses["style"][-1] < result.losses["style"][0]


def test_terms_combine(photo, painting):
    options = QUICK | {"steps": 8}
    plain = mix(photo, painting, **options)
    both = mix(photo, painting, amplify="mixed4:0.3,mixed1:-0.1", tv=0.1, **options)
    assert list(both.losses) == ["content", "style", "amplify", "total_variation"]
    assert both.losses["amplify"][0] == pytest.approx(-0.2, abs=0.02)
    assert both.losses["amplify"][-1] < both.losses["amplify"][0]
    assert np.abs(both.image - plain.image).mean() > 1e-3


def test_octaves_grow_and_small_ones_are_left_out_with_a_notice(photo, painting):
    seen = []
    options = QUICK | {"size": 160, "on_progress": seen.append}
    mix(photo, painting, octaves=2, octave_scale=1.3, **options)
    assert [p.octave for p in seen if p.step == 3] == [1, 2]
    shapes = [p.preview().shape for p in seen if p.step == 3]
    assert shapes[-1] == (1, 107, 160, 3)
    with pytest.warns(Notice, match="1 of 2 octaves would be under 75 pixels"):
        result = mix(
            photo, painting, octaves=2, octave_scale=2.0, **QUICK | {"size": 128}
        )
    assert len(result.losses["style"]) == 3


def test_the_style_keeps_its_own_aspect(photo, painting, monkeypatch):
    """Its target is made from the style at the content's long side, not stretched."""
    shapes = []

    def spy(image):
        shapes.append(tuple(image.shape))
        return frame(image)

    monkeypatch.setattr(recipes, "frame", spy)
    mix(photo, painting, **QUICK | {"steps": 1})
    with Image.open(painting) as opened:
        wide, high = opened.size
    assert set(shapes) == {(1, 80, 120, 3), (1, round(120 * high / wide), 120, 3)}


@pytest.mark.parametrize("shape", [(40, 400), (400, 40)])
def test_a_picture_too_narrow_for_the_network_is_refused(shape, photo, painting):
    narrow = np.zeros([*shape, 3], np.uint8)
    with pytest.raises(InputError, match="content picture would be .* 75 a side"):
        mix(narrow, painting, size=512, on_progress=None)
    with pytest.raises(InputError, match="style picture would be .* 75 a side"):
        mix(photo, narrow, size=512, on_progress=None)


def test_size_0_keeps_the_pictures_own(painting):
    picture = np.random.default_rng(0).random([80, 130, 3]).astype(np.float32)
    result = mix(picture, painting, **QUICK | {"size": 0, "steps": 1})
    assert result.image.shape == (1, 80, 130, 3)


def test_an_unknown_setting_gets_the_close_ones(photo, painting):
    with pytest.raises(InputError, match="unknown setting 'alhpa'; did you mean alpha"):
        mix(photo, painting, alhpa=0.3)


def test_the_border_of_a_mix_is_like_its_middle(photo, painting):
    """Without reflected borders the network's padding and the canvas draw a frame."""
    options = {"size": 160, "steps": 40, "on_progress": None}
    result = mix(photo, painting, alpha=0.0, init="noise", **options)
    gray = result.image[0].mean(-1)
    down, right = np.abs(np.diff(gray, axis=0)), np.abs(np.diff(gray, axis=1))

    def rough(rows, columns):
        return down[rows, columns].mean() + right[rows, columns].mean()

    everything, middle = slice(None), slice(16, -16)
    edges = [
        rough(slice(0, 8), everything),
        rough(slice(-8, None), everything),
        rough(everything, slice(0, 8)),
        rough(everything, slice(-8, None)),
    ]
    for edge in edges:
        assert 0.5 < edge / rough(middle, middle) < 1.8


# --- Dreaming ------------------------------------------------------------------------


def test_a_dream_amplifies_and_holds_the_light(photo):
    result = dream(photo, size=128, octaves=1, steps=12, on_progress=None)
    raised = -result.losses["amplify"]
    assert raised[0] == pytest.approx(2, abs=0.1)  # two layers, each relative to itself
    assert raised[-1] > 1.08 * raised[0]
    small = np.asarray(Image.open(photo).convert("RGB").resize((128, 85)), np.float32)
    for moment in (np.mean, np.std):
        assert abs(moment(result.image) - moment(small / 255)) < 0.02


def test_a_negative_weight_suppresses(photo):
    result = dream(photo, layers="mixed1:-1", octaves=1, **QUICK | {"steps": 8})
    assert result.losses["amplify"][-1] < result.losses["amplify"][0]
    assert result.losses["amplify"][0] == pytest.approx(1, abs=0.1)


def test_a_dream_gives_back_the_detail_that_small_octaves_lose(root):
    """Steps of no length leave the photograph itself, at its full sharpness."""
    path = root / "examples/images/content_pavilion.jpg"
    options = QUICK | {"size": 192, "octaves": 3, "step_size": 1e-9}
    still = dream(str(path), **options).image[0]
    photo = Image.open(path).convert("RGB").resize((192, 128), Image.LANCZOS)
    assert np.abs(still - np.asarray(photo, np.float32) / 255).max() < 0.02


def test_a_dream_steps_by_its_step_size(photo):
    sizes = {}
    for step in (0.002, 0.02):
        result = dream(
            photo, octaves=1, jitter=0, step_size=step, **QUICK | {"steps": 1}
        )
        start = dream(photo, octaves=1, step_size=1e-9, **QUICK | {"steps": 1})
        sizes[step] = np.std(result.image - start.image)
    assert 0.001 < sizes[0.002] < 0.004  # the border takes its share of a step
    assert sizes[0.02] / sizes[0.002] == pytest.approx(10, rel=0.2)


# --- What comes back -----------------------------------------------------------------


def test_alpha_comes_back(photo, painting):
    picture = np.asarray(Image.open(photo).convert("RGBA").resize((120, 80))).copy()
    picture[:, :60, 3] = 0
    for result in (
        mix(picture, painting, **QUICK),
        dream(picture, octaves=1, **QUICK),
    ):
        assert result.alpha.shape == (1, 80, 120, 1)
        assert result.pil.mode == "RGBA"
        assert (
            result.alpha[0, :, :55].max() < 0.02 < 0.98 < result.alpha[0, :, 65:].min()
        )


def test_a_result_shows_and_saves_itself(photo, painting, tmp_path):
    result = mix(photo, painting, **QUICK)
    assert result.pil.size == (120, 80)
    assert result._repr_png_().startswith(b"\x89PNG")
    path = tmp_path / "mix.png"
    result.save(path)
    np.testing.assert_array_equal(Image.open(path), result.pil)
    with pytest.raises(InputError, match="exists"):
        result.save(path)
    result.save(path, depth=16, overwrite=True)


def test_jpeg_says_that_it_has_no_transparency(photo, painting, tmp_path):
    picture = np.asarray(Image.open(photo).convert("RGBA")).copy()
    picture[:99, :, 3] = 0
    result = dream(picture, octaves=1, **QUICK)
    with pytest.warns(Notice, match="JPEG has no transparency"):
        result.save(tmp_path / "dream.jpg")


def test_ctrl_c_in_a_coarse_octave_gives_the_picture_so_far(photo, painting):
    picture = np.asarray(Image.open(photo).convert("RGBA")).copy()
    picture[:99, :, 3] = 0

    def interrupt(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    options = QUICK | {"size": 150, "on_progress": interrupt, "pause_every": 2}
    result = mix(picture, painting, octaves=2, octave_scale=1.3, **options)
    assert not result.finished
    assert result.image.shape == (1, 77, 115, 3)
    assert result.alpha.shape == (1, 77, 115, 1)
    assert len(result.losses["style"]) == 2


def test_a_bar_is_shown_unless_told_otherwise(photo, painting, capsys):
    mix(photo, painting, size=120, steps=2)
    assert "octave 1/1 step 2/2: loss" in capsys.readouterr().err
    mix(photo, painting, **QUICK)
    assert capsys.readouterr().err == ""


def test_shifts_come_from_the_seed_and_begin_with_none():
    shifts = pictures.draw_shifts(3, 8, 5)
    assert shifts.shape == (8, 2) and shifts.dtype == np.int32
    assert not shifts[0].any() and np.abs(shifts).max() <= 5
    np.testing.assert_array_equal(shifts, pictures.draw_shifts(3, 8, 5))
    assert (shifts != pictures.draw_shifts(4, 8, 5)).any()
    np.testing.assert_array_equal(pictures.draw_shifts(3, 8, 0), [[0, 0]])


def test_the_frame_is_wider_than_any_shift():
    assert MARGIN > recipes.MIX_SHIFT


def test_the_package_offers_its_recipes():
    assert vectormix_tf.mix is mix and vectormix_tf.dream is dream
