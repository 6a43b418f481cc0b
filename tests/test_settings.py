"""What can be chosen, and that every mistake is one line that helps."""

import dataclasses
import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.settings import (
    BUNDLED_LAYERS,
    LAYERS,
    MAX_PIXELS,
    MAX_SEED,
    MAX_SIZE,
    MAX_STEPS,
    MINIMUM_SIDE,
    DreamSettings,
    InputError,
    MixSettings,
    Progress,
    build,
    check_choice,
    check_integer,
    check_number,
    close_names,
    parse_layers,
)

KINDS = [MixSettings, DreamSettings]

repeatable = settings(max_examples=200, deadline=None, derandomize=True, database=None)


# --- Layers ---------------------------------------------------------------------------

weights = st.floats(allow_nan=False, allow_infinity=False).filter(bool)
chosen_layers = st.dictionaries(st.sampled_from(LAYERS), weights, min_size=1)
spaces = st.text(" \t", max_size=2)


@repeatable
@given(chosen_layers)
def test_a_list_of_layers_is_read_back_as_it_was_written(layers):
    text = ",".join(f"{name}:{weight!r}" for name, weight in layers.items())
    assert list(parse_layers(text).items()) == list(layers.items())


@repeatable
@given(st.lists(st.sampled_from(LAYERS), min_size=1, unique=True))
def test_a_layer_without_a_weight_has_weight_1(names):
    assert parse_layers(",".join(names)) == dict.fromkeys(names, 1.0)


@repeatable
@given(chosen_layers, st.data())
def test_spaces_around_names_and_weights_are_ignored(layers, data):
    def loose(part):
        return data.draw(spaces) + part + data.draw(spaces)

    text = ",".join(f"{loose(n)}:{loose(repr(w))}" for n, w in layers.items())
    assert parse_layers(text) == layers


@repeatable
@given(st.text(st.sampled_from("mixedconv0123ab/:,. -e"), max_size=20))
def test_any_text_is_layers_or_an_input_error(text):
    try:
        layers = parse_layers(text)
    except InputError as error:
        assert "`layers`" in str(error)
    else:
        assert layers and set(layers) <= set(LAYERS)
        assert all(math.isfinite(w) and w != 0 for w in layers.values())


@pytest.mark.parametrize("text", ["", " ", ",", "mixed3,", ",mixed3", ":1", "mixed3,,"])
def test_a_gap_in_the_list_shows_how_a_list_looks(text):
    said = refusal(parse_layers, text, "f2")
    assert "`f2` must be a list like mixed3:1,mixed5:0.5" in said
    assert repr(text) in said


@pytest.mark.parametrize("value", [None, 3, ["mixed3"], {"mixed3": 1}, b"mixed3"])
def test_what_is_no_text_is_no_list_of_layers(value):
    said = refusal(parse_layers, value, "f1")
    assert "`f1` must be a list of layers" in said and repr(value) in said


@pytest.mark.parametrize(
    "text, close",
    [("mixd3", "mixed3"), ("mixed4:1,conv4", "conv4a"), ("Mixed5", "mixed5")],
)
def test_an_unknown_layer_gets_the_close_ones(text, close):
    said = refusal(parse_layers, text, "f1")
    assert "`f1` names an unknown layer" in said
    assert close in said.split("did you mean")[1]
    assert "`vectormix layers` lists them" in said


def test_a_layer_like_no_other_gets_the_command_that_lists_them():
    said = refusal(parse_layers, "qqq")
    assert "'qqq'" in said and "`vectormix layers` lists them" in said
    assert "did you mean" not in said


def test_a_layer_named_twice_is_refused_by_name():
    assert "names mixed3 twice" in refusal(parse_layers, "mixed3:1,mixed5,mixed3:2")


@pytest.mark.parametrize(
    "weight", ["nan", "inf", "-inf", "0", "-0.0", "", "x", "1:2", "0x1", "1e999"]
)
def test_a_weight_that_is_no_finite_number_or_0_is_refused(weight):
    said = refusal(parse_layers, f"mixed3:{weight}", "f1")
    assert "the weight of mixed3 in `f1`" in said and repr(weight) in said


def test_the_bundled_layers_are_the_first_ones_and_end_at_mixed5():
    assert BUNDLED_LAYERS[-1] == "mixed5"
    assert LAYERS[: len(BUNDLED_LAYERS)] == BUNDLED_LAYERS
    assert not any(name.startswith("mixed6") for name in BUNDLED_LAYERS)
    assert "mixed10" in LAYERS and len(set(LAYERS)) == len(LAYERS)


# --- Settings -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_defaults_pass_their_own_checks(kind):
    chosen = kind()
    assert chosen.size == 512 and chosen.seed == 0 and chosen.weights == "bundled"


@pytest.mark.parametrize("kind", KINDS)
def test_settings_cannot_be_changed_past_their_checks(kind):
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind().steps = -1


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_given_by_name(kind):
    with pytest.raises(TypeError, match="positional"):
        kind(512)


@pytest.mark.parametrize("kind", KINDS)
def test_each_setting_is_described_where_it_is_defined(kind):
    for field in dataclasses.fields(kind):
        assert any(f"        {field.name}: " in base.__doc__ for base in kind.__mro__
                   if base is not object)  # fmt: skip


SHARED_INTEGERS = {
    "size": (0, MAX_SIZE),
    "steps": (1, MAX_STEPS),
    "octaves": (1, 32),
    "seed": (0, MAX_SEED),
    "max_pixels": (1, 2**40),
}
INTEGERS = [
    *((kind, name, *ends) for kind in KINDS for name, ends in SHARED_INTEGERS.items()),
    (DreamSettings, "jitter", 0, MAX_SIZE),
]
NUMBERS = [
    *((kind, "octave_scale", 1.01, 16) for kind in KINDS),
    (MixSettings, "alpha", 0, 1),
    (MixSettings, "tv", 0, 1e6),
    (MixSettings, "learning_rate", 1e-9, 1e3),
    (DreamSettings, "step_size", 1e-9, 10),
]
TEXTS = [
    *((kind, "weights") for kind in KINDS),
    *((MixSettings, name) for name in ("f1", "f2", "amplify", "canvas", "init")),
    (DreamSettings, "layers"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_checks_above_name_every_setting(kind):
    checked = {row[1] for row in INTEGERS + NUMBERS + TEXTS if row[0] is kind}
    assert checked == {field.name for field in dataclasses.fields(kind)}


@pytest.mark.parametrize("kind, name, low, high", INTEGERS)
def test_a_whole_number_may_be_at_either_end_and_not_beyond(kind, name, low, high):
    for value in (low, high, np.int64(low), np.int64(high)):
        assert getattr(kind(**{name: value}), name) == value
    for value in (low - 1, high + 1, -(10**30), 10**30):
        said = refusal(kind, **{name: value})
        assert f"`{name}` must be in [{low}, {high}]" in said and str(value) in said


@pytest.mark.parametrize(
    "value", [1.0, 100.0, math.nan, math.inf, "100", None, True, [100], np.float32(100)]
)
@pytest.mark.parametrize("kind, name, low, high", INTEGERS)
def test_what_is_no_whole_number_is_refused(kind, name, low, high, value):
    said = refusal(kind, **{name: value})
    assert f"`{name}` must be a whole number" in said and repr(value) in said


@pytest.mark.parametrize("kind, name, low, high", NUMBERS)
def test_a_number_may_be_at_either_end_and_not_beyond(kind, name, low, high):
    for value in (low, high, np.float64(low), np.float64(high)):
        assert getattr(kind(**{name: value}), name) == value
    under, over = np.nextafter(low, -math.inf), np.nextafter(high, math.inf)
    for value in (under, over, math.nan, math.inf, -math.inf, 10**30):
        said = refusal(kind, **{name: value})
        assert f"`{name}` must be in [{low:g}, {high:g}]" in said
        assert repr(value) in said


@pytest.mark.parametrize("value", ["1", True, False, [1], 1j, np.ones(3), np.bool_(1)])
@pytest.mark.parametrize("kind, name, low, high", NUMBERS)
def test_what_is_no_number_is_refused(kind, name, low, high, value):
    assert f"`{name}` must be a number" in refusal(kind, **{name: value})


def test_only_the_learning_rate_may_be_left_open():
    assert MixSettings(learning_rate=None).learning_rate is None
    assert "`alpha` must be a number" in refusal(MixSettings, alpha=None)
    assert "`step_size` must be a number" in refusal(DreamSettings, step_size=None)


@pytest.mark.parametrize("value", [3, 0, True, 1.5, ["mixed3"], b"x", np.ones((2, 2))])
@pytest.mark.parametrize("kind, name", [row for row in TEXTS if row[1] != "amplify"])
def test_what_is_no_text_is_refused_by_name(kind, name, value):
    assert f"`{name}` must be" in refusal(kind, **{name: value})


@pytest.mark.parametrize("value", [3, True, 1.5, ["mixed3"], b"x"])
def test_amplify_is_text_as_well(value):
    assert "`amplify` must be" in refusal(MixSettings, amplify=value)


def test_no_amplify_is_fine():
    assert MixSettings(amplify="").amplify == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_is_0_or_what_the_network_can_see(kind):
    assert kind(size=0).size == 0
    assert kind(size=MINIMUM_SIDE).size == MINIMUM_SIDE == 75
    for size in (1, MINIMUM_SIDE - 1):
        said = refusal(kind, size=size)
        assert "at least 75" in said and "or 0" in said and str(size) in said


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_a_name_or_a_file(kind, tmp_path):
    file = tmp_path / "weights.npz"
    said = refusal(kind, weights=str(file))
    assert "`weights` must be bundled, imagenet or the path of a file" in said
    assert "weights.npz" in said
    assert "there is no file" in refusal(kind, weights=str(tmp_path))
    file.write_bytes(b"")
    for value in (str(file), pathlib.Path(file), "bundled", "imagenet"):
        assert kind(weights=value).weights == value


def test_init_is_a_name_or_a_file(tmp_path):
    file = tmp_path / "first.png"
    assert "`init` must be one of recolored, content" in refusal(
        MixSettings, init=str(file)
    )
    file.write_bytes(b"")
    for value in (str(file), pathlib.Path(file), "noise", "style", "content"):
        assert MixSettings(init=value).init == value
    assert "did you mean noise?" in refusal(MixSettings, init="nois")


def test_canvas_is_one_of_two_names():
    assert MixSettings(canvas="pixels").canvas == "pixels"
    said = refusal(MixSettings, canvas="pixel")
    assert "`canvas` must be one of fourier, pixels" in said
    assert "did you mean pixels?" in said


@pytest.mark.parametrize("name", ["f1", "f2"])
def test_what_is_matched_cannot_weigh_below_0(name):
    said = refusal(MixSettings, **{name: "mixed3:1,mixed4:-0.5"})
    assert f"the weight of mixed4 in `{name}` must be above 0" in said
    assert "-0.5" in said


@pytest.mark.parametrize(
    "kind, name", [(MixSettings, "amplify"), (DreamSettings, "layers")]
)
def test_what_is_amplified_may_weigh_below_0(kind, name):
    assert getattr(kind(**{name: "mixed3:-0.5"}), name) == "mixed3:-0.5"


LAYER_SETTINGS = [row for row in TEXTS if row[1] in ("f1", "f2", "amplify", "layers")]


@pytest.mark.parametrize("kind, name", LAYER_SETTINGS)
def test_a_layer_past_the_bundled_ones_names_the_way_out(kind, name, tmp_path):
    for layer in ("mixed6", "mixed6/0", "mixed10"):
        said = refusal(kind, **{name: f"mixed3,{layer}"})
        assert f"`{name}` names {layer}," in said
        assert "bundled weights end at mixed5" in said
        assert "--weights=imagenet" in said and "--weights=FILE" in said
    file = tmp_path / "weights.h5"
    file.write_bytes(b"")
    for source in ("imagenet", str(file)):
        assert getattr(kind(**{name: "mixed10"}, weights=source), name) == "mixed10"


@pytest.mark.parametrize("kind, name", LAYER_SETTINGS)
def test_each_list_of_layers_is_checked_under_its_own_name(kind, name):
    assert f"`{name}` names an unknown layer 'mixd3'" in refusal(
        kind, **{name: "mixd3"}
    )


# --- build and the checks -------------------------------------------------------------


def test_build_is_the_settings_with_those_values():
    built = build(MixSettings, {"alpha": 0.25, "steps": 3})
    assert built == MixSettings(alpha=0.25, steps=3)


@pytest.mark.parametrize(
    "kind, name, close",
    [
        (MixSettings, "alhpa", "alpha"),
        (MixSettings, "step", "steps"),
        (DreamSettings, "jiter", "jitter"),
        (DreamSettings, "stepsize", "step_size"),
    ],
)
def test_an_unknown_setting_gets_the_close_ones(kind, name, close):
    said = refusal(build, kind, {name: 1})
    assert f"unknown setting {name!r}" in said
    assert close in said.split("did you mean")[1]


def test_a_setting_of_the_other_recipe_is_unknown():
    assert "unknown setting 'jitter'" in refusal(build, MixSettings, {"jitter": 1})
    assert "unknown setting 'alpha'" in refusal(build, DreamSettings, {"alpha": 1})


def test_a_setting_like_no_other_gets_all_of_them():
    said = refusal(build, DreamSettings, {"qqqq": 1})
    assert all(field.name in said for field in dataclasses.fields(DreamSettings))


def test_close_names_are_at_most_three_or_else_all():
    known = ("noise", "style", "content", "recolored")
    assert close_names("nose", known) == "did you mean noise?"
    assert close_names("zzzzzz", iter(known)) == f"choose from {', '.join(known)}."
    many = [f"mixed{i}" for i in range(9)]
    assert close_names("mixed", many).count("mixed") == 3


@repeatable
@given(st.integers(), st.integers(-50, 50), st.integers(0, 50))
def test_check_integer_takes_what_is_between_and_nothing_else(value, low, more):
    if low <= value <= low + more:
        check_integer("n", value, low, low + more)
    else:
        assert "`n`" in refusal(check_integer, "n", value, low, low + more)


@repeatable
@given(st.floats(), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_check_number_takes_what_is_between_and_nothing_else(value, low, more):
    if low <= value <= low + more:
        check_number("x", value, low, low + more)
    else:
        assert "`x`" in refusal(check_number, "x", value, low, low + more)


def test_check_choice_takes_only_what_is_known():
    check_choice("norm", "plain", ("plain", "squared"))
    said = refusal(check_choice, "norm", "squares", ("plain", "squared"))
    assert "`norm` must be one of plain, squared" in said
    assert "did you mean squared?" in said


def test_a_mistake_is_a_value_error_too():
    assert issubclass(InputError, ValueError)


# --- Progress -------------------------------------------------------------------------


@repeatable
@given(st.dictionaries(st.text(), st.integers(-(2**40), 2**40)))
def test_the_loss_is_the_sum_of_its_terms(losses):
    record = Progress(1, 1, 1, 1, losses, None, lambda: None)
    assert record.loss == sum(losses[name] for name in losses)


def test_the_limits_are_those_of_the_network_and_of_tensorflow():
    assert MINIMUM_SIDE == 75
    assert np.iinfo(np.int32).max == MAX_SEED
    assert MAX_PIXELS * 3 * 4 == 2_400_000_000
