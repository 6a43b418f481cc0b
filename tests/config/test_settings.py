"""What can be chosen, and that every mistake is one line that helps."""

import dataclasses
import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistakes import refusal

from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.presets import PRESETS
from vectormix_tf.config.setting import (
    describe,
    files,
    named_files,
    of,
    served_settings,
    settings_of,
)
from vectormix_tf.config.settings import (
    MAX_PIXELS,
    MAX_SEED,
    MAX_SIZE,
    MAX_STEPS,
    TILES,
)
from vectormix_tf.config.visualize import VisualizeSettings
from vectormix_tf.io.progress import Progress

KINDS = [MixSettings, DreamSettings]

repeatable = settings(max_examples=200)


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
def test_later_octaves_take_a_share_of_the_steps_and_at_least_one(kind):
    assert kind(steps=40, octaves=3).all_steps == (40, 40, 40)
    assert kind(steps=40, octaves=3, octave_steps=0.5).all_steps == (40, 20, 10)
    assert kind(steps=2, octaves=3, octave_steps=0.1).all_steps == (2, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_each_setting_is_described_in_the_help_of_its_class(kind):
    for field in dataclasses.fields(kind):
        line = f"        {field.name}: {describe(of(field))}"
        assert line in kind.__doc__.splitlines()


SHARED_INTEGERS = {
    "size": (0, MAX_SIZE),
    "steps": (1, MAX_STEPS),
    "octaves": (1, 32),
    "finish_steps": (0, MAX_STEPS),
    "seed": (0, MAX_SEED),
    "max_pixels": (1, 2**40),
}
INTEGERS = [
    *(
        (kind, name, 0 if (kind, name) == (MixSettings, "steps") else low, high)
        for kind in KINDS
        for name, (low, high) in SHARED_INTEGERS.items()
    ),
    *((kind, "jitter", 0, MAX_SIZE) for kind in KINDS),
    *((kind, "guide_size", 0, MAX_SIZE) for kind in KINDS),
    (MixSettings, "style_levels", 1, 8),
]
NUMBERS = [
    *((kind, "octave_scale", 1.01, 16) for kind in KINDS),
    *((kind, "octave_steps", 0.01, 4) for kind in KINDS),
    (MixSettings, "alpha", 0, 1),
    (MixSettings, "abstraction", 0, 16),
    (MixSettings, "placement", 0, 1),
    (MixSettings, "tone", 0, 1e6),
    (MixSettings, "tv", 0, 1e6),
    (MixSettings, "learning_rate", 1e-9, 1e3),
    (DreamSettings, "step_size", 1e-9, 10),
]
TEXTS = [
    *((kind, name) for kind in KINDS for name in ("weights", "backbone", "pooling")),
    *((MixSettings, name) for name in ("f1", "f2", "amplify", "canvas", "init")),
    *((MixSettings, name) for name in ("statistic", "color", "chroma", "loss")),
    *((MixSettings, name) for name in ("octave_mode", "optimizer")),
    *((kind, name) for kind in KINDS for name in ("objective", "guide_mode")),
    *((kind, name) for kind in KINDS for name in ("direction", "precision")),
    *((DreamSettings, name) for name in ("layers", "octave_mode", "color", "chroma")),
]
BOOLEANS = ["tileable", "flips", "xla"]  # of mixes
SEVERAL = ["style_weights", "style_scale"]  # numbers, of mixes


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_of_checks_above_name_every_setting(kind):
    checked = {row[1] for row in INTEGERS + NUMBERS + TEXTS if row[0] is kind}
    if kind is MixSettings:
        checked |= {*BOOLEANS, *SEVERAL, "preset"}
    checked |= {"neuron", "tile", "xla"}
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
    if (kind, name, value) == (MixSettings, "size", "100"):
        assert MixSettings(size=value).size == 100  # as it comes from a command line
        return
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


def test_only_the_learning_rate_and_layers_may_be_left_open():
    assert MixSettings(learning_rate=None).learning_rate is None
    assert MixSettings(f1=None, f2=None) == MixSettings()
    assert DreamSettings(layers=None) == DreamSettings()
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


@pytest.mark.parametrize(
    "value", [0, 127, 32769, True, 500.0, "512px", "", None, [512]]
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_tile_is_a_word_or_a_number_of_pixels(kind, value):
    assert "`tile` must be auto, off or a whole number" in refusal(kind, tile=value)
    sides = [kind(tile=tile).tile_side for tile in ("auto", "off", 128, "32768")]
    assert sides == [TILES["auto"], 0, 128, 32768]


@pytest.mark.parametrize("kind", KINDS)
def test_a_size_is_0_or_what_the_network_can_see(kind):
    assert kind(size=0).size == 0
    assert kind(size=75).size == 75
    for size in (1, 74):
        said = refusal(kind, size=size)
        assert "at least 75" in said and "or 0" in said and str(size) in said


@pytest.mark.parametrize("kind", KINDS)
def test_another_backbone_has_another_least_size(kind):
    assert kind(backbone="vgg16", weights="imagenet", size=32).size == 32
    said = refusal(kind, backbone="vgg16", weights="imagenet", size=31)
    assert "at least 32 (VGG16 needs it)" in said


@pytest.mark.parametrize("backbone", BACKBONES)
def test_layers_left_open_are_those_of_the_backbone(backbone):
    network = BACKBONES[backbone]
    mixed = MixSettings(backbone=backbone, weights="imagenet")
    assert (mixed.f1, mixed.f2) == (network.f1, network.f2)
    assert dataclasses.replace(mixed, alpha=0.1).f1 == network.f1
    assert DreamSettings(backbone=backbone, weights="imagenet").layers == network.dream


@pytest.mark.parametrize("kind", KINDS)
def test_the_backbone_is_checked_with_what_hangs_on_it(kind):
    assert "did you mean vgg16" in refusal(kind, backbone="vgg_16")
    said = refusal(kind, backbone="resnet50")
    assert "the bundled weights are InceptionV3's; for resnet50 give" in said
    assert '`weights="imagenet"` (a download) or `weights="FILE"`' in said
    said = refusal(kind, backbone="resnet50", weights="imagenet", pooling="average")
    assert "`pooling` may be average for vgg16, vgg19 only" in said


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_a_name_or_a_file(kind, tmp_path):
    file = tmp_path / "weights.npz"
    said = refusal(kind, weights=str(file))
    assert "`weights` must be bundled, imagenet or the path of a file" in said
    assert "weights.npz" in said
    assert "there is no file" in refusal(kind, weights=str(tmp_path))
    file.write_bytes(b"")
    for value in (str(file), pathlib.Path(file), "bundled", "imagenet"):
        assert kind(weights=value).weights == str(value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_direction_is_a_file_or_nothing(kind, tmp_path):
    assert kind().direction == ""
    assert "there is no file" in refusal(kind, direction=str(tmp_path))
    file = tmp_path / "direction.npy"
    file.write_bytes(b"")
    assert kind(direction=str(file)).direction == str(file)
    assert "`neuron` must be true or false" in refusal(kind, neuron=1)


def test_init_is_a_name_or_a_file(tmp_path):
    file = tmp_path / "first.png"
    assert "`init` must be one of recolored, content" in refusal(
        MixSettings, init=str(file)
    )
    file.write_bytes(b"")
    for value in (str(file), pathlib.Path(file), "noise", "style", "content"):
        assert MixSettings(init=value).init == str(value)
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
def test_each_list_of_layers_is_checked_under_its_own_name(kind, name):
    assert f"`{name}` names an unknown layer 'mixd3'" in refusal(
        kind, **{name: "mixd3"}
    )


def test_a_layer_of_another_backbone_is_unknown():
    options = {"backbone": "vgg16", "weights": "imagenet"}
    assert "unknown layer 'mixed3'" in refusal(MixSettings, **options, f1="mixed3")
    said = refusal(DreamSettings, **options, layers="conv9_1")
    assert "`vectormix layers --backbone=vgg16` lists them" in said
    assert DreamSettings(**options, layers="conv5_1:-1").layers == "conv5_1:-1"


# --- build ----------------------------------------------------------------------------


def test_build_is_the_settings_with_those_values():
    built = MixSettings(**{"alpha": 0.25, "steps": 3})
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
    said = refusal(kind, **{name: 1})
    assert f"unknown setting {name!r}" in said
    assert close in said.split("did you mean")[1]


def test_a_setting_of_the_other_recipe_is_unknown():
    assert "unknown setting 'tv'" in refusal(DreamSettings, **{"tv": 1})
    assert "unknown setting 'alpha'" in refusal(DreamSettings, **{"alpha": 1})


def test_a_setting_like_no_other_gets_all_of_them():
    said = refusal(DreamSettings, **{"qqqq": 1})
    assert all(field.name in said for field in dataclasses.fields(DreamSettings))


# --- Progress -------------------------------------------------------------------------


@repeatable
@given(st.dictionaries(st.text(), st.integers(-(2**40), 2**40), min_size=1))
def test_the_loss_is_the_sum_of_its_terms(losses):
    record = Progress(1, 1, 1, 1, losses, None, lambda: None)
    assert record.loss == sum(losses[name] for name in losses)


def test_the_limits_are_those_of_the_network_and_of_tensorflow():
    assert BACKBONES["inception_v3"].minimum == 75
    assert np.iinfo(np.int32).max == MAX_SEED
    assert MAX_PIXELS * 3 * 4 == 2_400_000_000


@pytest.mark.parametrize("name", BOOLEANS)
def test_true_and_false_are_nothing_else(name):
    assert getattr(MixSettings(**{name: True}), name) is True
    for value in (1, 0, "true", None):
        assert f"`{name}` must be true or false" in refusal(
            MixSettings, **{name: value}
        )


@pytest.mark.parametrize("name", SEVERAL)
def test_numbers_may_be_one_or_several(name):
    assert getattr(MixSettings(**{name: 2}), name) == (2.0,)
    assert getattr(MixSettings(**{name: [1, 0.5]}), name) == (1.0, 0.5)
    for value in ([-1], [math.nan], 1e9):
        assert f"`{name}` must be in" in refusal(MixSettings, **{name: value})
    for value in (["1"], [None]):
        assert f"`{name}` must be a number" in refusal(MixSettings, **{name: value})
    assert f"`{name}` must be numbers" in refusal(MixSettings, **{name: "1,2"})


@pytest.mark.parametrize(
    ("size", "height_and_width"),
    [
        ("640x480", (480, 640)),
        ("100 X 80", (80, 100)),
        ("90", (90, 90)),
        (90, (90, 90)),
    ],
)
def test_the_size_of_a_texture_may_have_two_sides(size, height_and_width):
    assert MixSettings(size=size).texture_size == height_and_width


@pytest.mark.parametrize("size", ["", "x", "99x", "99x99x99", "9.5", "many"])
def test_a_size_that_is_none_is_refused(size):
    assert "`size` must be a whole number of pixels" in refusal(MixSettings, size=size)


def test_gatys_losses_are_of_gram_matrices():
    said = refusal(MixSettings, loss="gatys", statistic="sliced")
    assert "set `statistic` to gram" in said


def test_a_file_called_like_a_name_is_none_of_the_settings_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("bundled", "noise", "style", "photo.png"):
        (tmp_path / name).write_bytes(b"")
    assert files(MixSettings(init="noise")) == []
    assert named_files(MixSettings(init="photo.png")) == {"init": "photo.png"}


def test_numbers_of_numpy_are_kept_as_pythons():
    settings = MixSettings(
        alpha=np.float32(0.5),
        seed=np.int64(3),
        flips=np.bool_(False),
        tile=np.int32(256),
        style_scale=np.array([1.5, 2]),
    )
    values = vars(settings)
    assert {type(value) for value in values.values()} <= {
        *(int, float, bool, str, tuple, type(None))
    }
    assert values == vars(MixSettings(alpha=0.5, seed=3, flips=False, tile=256,
                                      style_scale=(1.5, 2.0)))  # fmt: skip
    assert MixSettings(style_scale=np.float64(2)).style_scale == (2.0,)


def test_channels_may_be_an_array():
    assert VisualizeSettings(channels=np.arange(3)).channels == "0,1,2"
    assert "received '0.0,1.0'" in refusal(
        VisualizeSettings, channels=np.zeros(2) + [0, 1]
    )


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_sets_what_it_names_however_settings_are_made(preset):
    made = MixSettings(preset=preset, seed=5)
    assert made == MixSettings.of({"preset": preset, "seed": 5}, True, 1)
    for name, value in PRESETS[preset].items():
        wanted = MixSettings(**{name: value}) if name == "style_scale" else None
        assert getattr(made, name) == (getattr(wanted, name) if wanted else value)
    assert MixSettings(preset=preset, steps=7).steps == 7


def test_a_preset_on_top_of_settings_is_refused_as_it_would_change_nothing():
    text = refusal(MixSettings.of, {"preset": "bold"}, True, 1, MixSettings())
    assert "MixSettings(preset=...)" in text
    assert "`preset` must be one of" in refusal(MixSettings, preset="nope")


def test_a_setting_as_served_has_no_value_that_no_model_takes():
    served = served_settings(MixSettings, "open", "short")
    assert served["steps"].low == 1
    assert served["init"].choices == ("recolored", "content", "noise", "style")
    own = settings_of(MixSettings)
    assert own["steps"].low == 0 and "pieces" in own["init"].choices
    assert served["seed"] is own["seed"]
