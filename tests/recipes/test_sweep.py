"""Sweeps: which alphas, what each mix starts from, and the same bytes if resumed."""

import math
import types

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mistakes import refusal
from PIL import Image

from vectormix_tf.config.settings import MAX_FRAMES
from vectormix_tf.errors import InputError
from vectormix_tf.recipes.sweep import ALPHAS, parse_alphas, plan, sweep, to_film

QUICK = {"size": 80, "steps": 2, "f1": "conv2a", "f2": "conv1a"}
NOISE = np.random.default_rng(0)
PHOTO, PAINTING = (np.uint8(NOISE.random([80, 80, 3]) * 255) for _ in range(2))

# --- Which alphas ---------------------------------------------------------------------

shares = st.floats(0, 1)


@given(first=shares, last=shares, count=st.integers(2, 200))
def test_a_range_goes_evenly_from_first_to_last(first, last, count):
    alphas = parse_alphas(f"{first!r}:{last!r}:{count}")
    assert len(alphas) == count
    assert (alphas[0], alphas[-1]) == (round(first, 6), round(last, 6))
    assert all(0 <= alpha <= 1 for alpha in alphas)
    np.testing.assert_allclose(
        np.diff(alphas), (last - first) / (count - 1), rtol=0, atol=2e-6
    )


@given(st.lists(shares, min_size=1, max_size=30))
def test_numbers_are_taken_as_they_are(numbers):
    assert parse_alphas(",".join(map(repr, numbers))) == numbers
    assert parse_alphas(numbers) == parse_alphas(tuple(numbers)) == numbers
    assert parse_alphas(np.array(numbers)) == numbers


@given(st.text("0123456789.:,-+e nai", max_size=20))
@example("0:1:0")
@example("0:1:10000")
@example("0:nan:3")
@example("0:1:2:3")
@example("0:1:-2")
@example("")
@example("half")
def test_any_other_text_is_refused_or_gives_numbers_in_range(text):
    try:
        alphas = parse_alphas(text)
    except InputError as error:
        assert "alphas" in str(error) and len(str(error).splitlines()) == 1
        return
    assert 1 <= len(alphas) <= MAX_FRAMES
    assert all(math.isfinite(alpha) and 0 <= alpha <= 1 for alpha in alphas)


def test_the_default_is_25_from_0_to_1():
    alphas = parse_alphas(ALPHAS)
    assert alphas == [round(i / 24, 6) for i in range(25)]


@pytest.mark.parametrize(
    "value, words",
    [
        ("0:1", "FIRST:LAST:COUNT"),
        ("0:1:2.5", "received '0:1:2.5'"),
        ("0,,1", "received '0,,1'"),
        ([], "received []"),
        (0.5, "received 0.5"),
        ("0:2:3", "[0, 1]; received 2.0"),
        ("0:1:0", "`count of alphas` must be in [1, 9999]"),
        ([0.5, "x"], "must be a number"),
        ([0.5, float("nan")], "nan"),
    ],
)
def test_wrong_alphas_are_refused_with_the_reason(value, words):
    assert words in refusal(parse_alphas, value)


@given(first=shares, last=shares)
def test_a_range_of_one_value_is_its_first(first, last):
    assume(first != last)
    assert parse_alphas(f"{first!r}:{last!r}:1") == [round(first, 6)]


# --- Arguments of each mix ------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """Arguments of each call of `mix`, which returns pictures with their number."""
    calls = []

    def mix(content, style, **options):
        calls.append({"content": content, "style": style, **options})
        return types.SimpleNamespace(pil=f"picture {len(calls)}", finished=True)

    monkeypatch.setattr("vectormix_tf.recipes.mix.mix", mix)
    return calls


def test_each_mix_starts_from_the_one_before_with_further_steps(calls):
    made = list(sweep("a", ["b", "c"], alphas="0:1:3", steps=9, further_steps=4))
    assert [result.pil for result in made] == ["picture 1", "picture 2", "picture 3"]
    assert [call["start"] for call in calls] == [None, "picture 1", "picture 2"]
    assert [call["settings"].steps for call in calls] == [9, 4, 4]
    assert [call["settings"].alpha for call in calls] == [0.0, 0.5, 1.0]
    assert all(call["style"] == ["b", "c"] and call["content"] == "a" for call in calls)


def test_with_a_start_the_first_mix_takes_further_steps_as_well(calls):
    list(sweep("a", "b", alphas=[0.5], start="before", further_steps=4, mask="m"))
    assert calls[0]["start"] == "before" and calls[0]["settings"].steps == 4
    assert calls[0]["mask"] == "m" and calls[0]["on_progress"] == "bar"


def test_mixes_are_made_on_request_and_errors_raised_at_once(calls):
    pictures = sweep("a", "b", alphas="0:1:3")
    assert not calls
    next(pictures)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"style": None}, "needs a content and a style"),
        ({"content": None}, "needs a content and a style"),
        ({"style": []}, "needs a content and a style"),
        ({"alpha": 0.5}, "`alpha` comes from `alphas`"),
        ({"alphas": "2"}, "[0, 1]"),
        ({"further_steps": 0}, "`further_steps` must be in [1, "),
        ({"checkpoint": "x"}, "unknown setting 'checkpoint'"),
        ({"size": 10}, "`size` must be at least 75"),
        ({"style": ["a", "b"], "style_scale": (1, 2, 3)}, "there are 2 styles"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_first_mix(options, words, calls):
    assert words in refusal(sweep, **{"content": "a", "style": "b", **options})
    assert not calls


def test_an_interrupted_mix_is_the_last(monkeypatch):
    results = iter([True, False, True])

    def mix(*_, **__):
        return types.SimpleNamespace(pil="", finished=next(results))

    monkeypatch.setattr("vectormix_tf.recipes.mix.mix", mix)
    made = list(sweep("a", "b", alphas="0:1:3"))
    assert [result.finished for result in made] == [True, False]


@pytest.mark.parametrize("made", [0, 1, 2])
def test_ctrl_c_between_two_mixes_leaves_the_film_so_far(made, tmp_path):
    film = tmp_path / "film.gif"

    def recipe(settings, start):
        if len(started) == made:
            raise KeyboardInterrupt
        started.append(start)
        picture = Image.new("RGB", (80, 80), (99 * len(started), 0, 0))
        return types.SimpleNamespace(pil=picture, finished=True)

    planned = plan({}, [0.1, 0.2, 0.3], 2, 1)
    started = []
    if not made:
        with pytest.raises(KeyboardInterrupt):
            to_film(film, planned, recipe, 8.0, False)
        assert not film.exists()
        return
    assert to_film(film, planned, recipe, 8.0, False) is False
    with Image.open(film) as kept:
        assert kept.n_frames == made


# --- Bytes ----------------------------------------------------------------------------


def test_each_mix_starts_from_the_picture_as_a_file_holds_it(tmp_path):
    options = {"further_steps": 1, "on_progress": None, **QUICK}
    whole = list(sweep(PHOTO, PAINTING, alphas=[0.2, 0.5, 0.9], **options))
    whole[0].save(tmp_path / "first.png")
    parts = sweep(
        PHOTO, PAINTING, alphas=[0.5, 0.9], start=tmp_path / "first.png", **options
    )
    for one, other in zip(whole[1:], parts, strict=True):
        assert np.array_equal(one.image, other.image)
    assert not np.array_equal(whole[0].image, whole[1].image)


def test_the_start_is_passed_to_the_first_mix(calls, tmp_path):
    picture = Image.new("RGB", (80, 80))
    assert next(sweep("a", "b", alphas=[0.5], start=picture)).pil == "picture 1"
    assert calls[0]["start"] is picture
