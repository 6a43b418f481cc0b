"""Objectives of a user's own in mixes and dreams, on the bundled network."""

import dataclasses
import runpy

import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal
from PIL import Image

import vectormix_tf as vm
from vectormix_tf.io.fingerprint import json_round_trip
from vectormix_tf.optim.checkpoint import load
from vectormix_tf.recipes import mix as mix_recipe
from vectormix_tf.recipes.objectives import (
    check_objectives,
    layers_of,
    objective_digests,
)

QUICK = {"size": 120, "steps": 3, "on_progress": None}
QUICK_MIX = QUICK | {"f1": "conv4a", "f2": "conv2a,conv3b"}


def warm(activations):
    return -tf.reduce_mean(activations["mixed3"][..., :64])


def cold(activations):
    return tf.reduce_mean(activations["mixed3"][..., :64])


def own(function=warm, weight=20.0, name="warm", layers=("mixed3",)):
    return vm.objectives.from_function(name, layers, function, weight)


def test_a_mix_adds_a_users_objective_to_its_own(photo, painting):
    plain = vm.mix(photo, painting, **QUICK_MIX)
    made = vm.mix(photo, painting, objectives=[own()], **QUICK_MIX)
    assert list(plain.losses) == ["content", "tone", "style"]
    assert list(made.losses) == ["content", "tone", "style", "warm"]
    assert made.losses["warm"][-1] < made.losses["warm"][0] < 0
    assert np.abs(made.x - plain.x).max() > 1e-3
    for name in plain.losses:  # before the first step
        assert made.losses[name][0] == pytest.approx(plain.losses[name][0], rel=1e-4)


def test_the_weight_of_an_objective_is_a_factor_on_its_loss(photo, painting):
    options = QUICK_MIX | {"steps": 1}
    one, three = (
        vm.mix(photo, painting, objectives=[own(weight=w)], **options)
        for w in (0.1, 0.3)
    )
    ratio = three.losses["warm"][0] / one.losses["warm"][0]
    assert ratio == pytest.approx(3, rel=1e-5)


def test_an_objective_may_look_at_a_layer_that_the_mix_does_not(photo, painting):
    layers = {"f1": "mixed0", "f2": "conv2b"}
    made = vm.mix(photo, painting, objectives=[own()], **layers, **QUICK)
    assert made.losses["warm"][-1] < made.losses["warm"][0]


def test_in_tiles_a_function_has_the_value_of_the_whole_picture(photo, painting):
    options = QUICK_MIX | {"size": 300, "steps": 2, "objectives": [own()]}
    options |= {"jitter": 0, "flips": False}
    whole, tiled = (vm.mix(photo, painting, tile=t, **options) for t in ("off", 128))
    assert tiled.losses["warm"][0] == pytest.approx(whole.losses["warm"][0], rel=0.01)
    assert tiled.losses["warm"][1] < tiled.losses["warm"][0]
    assert np.abs(tiled.x - whole.x).mean() < 0.01


def test_a_maximum_is_refused_in_tiles_alone(photo, painting):
    def greatest(activations):
        return -tf.reduce_max(activations["mixed3"])

    options = QUICK_MIX | {"steps": 1, "objectives": [own(greatest)]}
    large = options | {"size": 300, "tile": 128}
    text = refusal(vm.mix, photo, painting, **large)
    assert "objective warm must return a mean over cells" in text
    assert vm.mix(photo, painting, **options).finished


@pytest.mark.parametrize("tile", [pytest.param("off", marks=pytest.mark.slow), 128])
def test_a_mix_with_a_function_goes_on_to_the_same_bytes(
    photo, painting, tile, tmp_path
):
    size = 300 if tile == 128 else 120
    options = QUICK_MIX | {"size": size, "steps": 4, "tile": tile}
    options["objectives"] = [own()]
    whole = vm.mix(photo, painting, **options)

    def stop(progress):
        if progress.step == 2:
            raise KeyboardInterrupt

    file = {"checkpoint": tmp_path / "run.ckpt"}
    stopping = {"on_progress": stop, "pause_every": 1}
    stopped = vm.mix(photo, painting, **file, **options | stopping)
    assert not stopped.finished
    again = vm.mix(photo, painting, resume=True, **file, **options)
    np.testing.assert_array_equal(again.x, whole.x)
    np.testing.assert_array_equal(again.losses["warm"], whole.losses["warm"])


@pytest.mark.parametrize(
    "others, told",
    [
        ([own(cold)], "objective warm="),
        ([own(weight=0.3)], "objective warm="),
        ([own(layers=("mixed3", "mixed4"))], "(now mixed3+mixed4 "),
        ([own(name="other")], "objective warm="),
        ([], "(now unknown)"),
    ],
    ids=["function", "weight", "layers", "name", "none"],
)
def test_a_run_with_another_objective_does_not_go_on(
    photo, painting, others, told, tmp_path
):
    options = QUICK_MIX | {"steps": 1, "checkpoint": tmp_path / "run.ckpt"}
    vm.mix(photo, painting, objectives=[own()], **options)
    options |= {"resume": True, "objectives": others}
    text = refusal(vm.mix, photo, painting, **options)
    assert "was made with objective warm=mixed3 " in text and told in text


def test_without_objectives_a_checkpoint_says_nothing_of_them(photo, tmp_path):
    file = tmp_path / "run.ckpt"
    settings = vm.MixSettings()
    assert mix_recipe._run_record(settings, []) == dataclasses.asdict(settings)
    options = QUICK | {"layers": "mixed0", "steps": 1}
    vm.dream(photo, octaves=1, checkpoint=file, **options)
    text = refusal(load, file, {"command": {}, "settings": {}, "inputs": {}})
    assert "objective " not in text.replace("objective=mean", "")


@pytest.mark.parametrize(
    "make",
    [
        lambda w=1.0: vm.objectives.amplify({"mixed4": w}),
        lambda w=1.0: vm.objectives.amplify({"mixed4": 1.0}).times(w),
        lambda w=1.0: vm.objectives.guide({"mixed4": w}, np.zeros([80, 80, 3])),
        lambda w=1.0: vm.objectives.match("m", {"mixed4": w}, np.zeros([80, 80, 3])),
        lambda w=1.0: vm.objectives.total_variation().times(w),
        lambda w=1.0: own(weight=w),
        lambda w=1.0: own(lambda cells: w * warm(cells)),
        lambda w=1.0: vm.objectives.Objective(
            "o", lambda *_: (), lambda *_: {}, lambda *_: w
        ),
    ],
    ids=[
        *("amplify", "times", "guide", "match", "total_variation"),
        *("from_function", "lambda", "Objective"),
    ],
)
def test_the_record_of_an_objective_is_that_of_what_it_was_made_from(make):
    assert objective_digests([make()]) == json_round_trip(objective_digests([make()]))
    assert objective_digests([make(2.0)]) != objective_digests([make()])


@pytest.mark.parametrize(
    "make",
    [
        lambda picture: vm.objectives.guide({"mixed4": 1.0}, picture),
        lambda picture: vm.objectives.match("m", {"mixed4": 1.0}, picture),
        lambda picture: vm.objectives.match("m", {"mixed4": 1.0}, [picture, picture]),
    ],
    ids=["guide", "match", "blend"],
)
def test_the_picture_of_an_objective_counts_by_its_pixels(make, tmp_path):
    file, copy = tmp_path / "one.png", tmp_path / "copy.png"
    for path in (file, copy):
        Image.new("RGB", (80, 80), "teal").save(path)
    before = objective_digests([make(file)])
    assert objective_digests([make(copy)]) == before
    Image.new("RGB", (80, 80), "tan").save(file)
    assert objective_digests([make(file)]) != before


# --- Dreams ---------------------------------------------------------------------------


def test_amplify_of_ones_own_is_the_dream_of_that_layer(photo):
    options = QUICK | {"size": 160, "octaves": 2}
    named = vm.dream(photo, layers="mixed4", **options)
    given = vm.dream(
        photo, objectives=[vm.objectives.amplify({"mixed4": 1.0})], **options
    )
    np.testing.assert_array_equal(given.x, named.x)
    np.testing.assert_array_equal(given.losses["amplify"], named.losses["amplify"])
    assert given.settings.layers == ""


def test_amplify_of_channels_is_the_dream_of_them(photo):
    options = QUICK | {"octaves": 1}
    named = vm.dream(photo, layers="mixed4#7", **options)
    given = vm.dream(
        photo, objectives=[vm.objectives.amplify({"mixed4#7": 1.0})], **options
    )
    np.testing.assert_array_equal(given.x, named.x)


def test_layers_that_are_given_are_dreamt_together_with_objectives(photo):
    options = QUICK | {"octaves": 1}
    made = vm.dream(photo, layers="mixed4", objectives=[own()], **options)
    assert list(made.losses) == ["amplify", "warm"]
    assert made.losses["amplify"][0] == pytest.approx(-1, abs=0.1)
    alone = vm.dream(photo, objectives=[own()], **options)
    assert list(alone.losses) == ["warm"]
    assert alone.losses["warm"][-1] < alone.losses["warm"][0]


def test_a_dream_in_tiles_goes_on_to_the_same_bytes(photo, tmp_path):
    options = {"size": 300, "tile": 128, "steps": 2, "octaves": 1}
    options |= {"objectives": [own()], "on_progress": None}
    whole = vm.dream(photo, **options)
    file = {"checkpoint": tmp_path / "run.ckpt"}
    vm.dream(photo, **file, **options)
    again = vm.dream(photo, resume=True, **file, **options)
    np.testing.assert_array_equal(again.x, whole.x)


def test_a_guide_without_layers_is_refused(photo):
    text = refusal(vm.dream, photo, guide=photo, objectives=[own()], **QUICK)
    assert text == "`guide` needs `layers`: those in which it is matched."


def test_a_match_takes_a_picture(photo, painting):
    objective = vm.objectives.match(
        "pull", {"mixed2": 1.0}, painting, vm.objectives.gram
    )
    options = QUICK | {"octaves": 1, "steps": 6}
    made = vm.dream(photo, objectives=[objective], **options)
    assert 0 < made.losses["pull"][-1] < made.losses["pull"][0]
    arranged = vm.objectives.match("pull", {"mixed2": 1.0}, photo)
    small = Image.open(photo).convert("RGB").resize((120, 80), Image.LANCZOS)
    made = vm.dream(small, objectives=[arranged], **options | {"steps": 1})
    other = vm.objectives.match("pull", {"mixed2": 1.0}, painting)
    far = vm.dream(small, objectives=[other], **options | {"steps": 1})
    assert made.losses["pull"][0] < 0.5 * far.losses["pull"][0]


def test_a_guide_takes_a_picture(photo, painting):
    objective = vm.objectives.guide({"mixed4": 1.0}, painting)
    made = vm.dream(photo, objectives=[objective], **QUICK | {"octaves": 1})
    assert made.losses["guide"][-1] < made.losses["guide"][0]


# --- Mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "objectives, told",
    [
        (own(), "must be a list of objectives"),
        (42, "must be a list of objectives from vectormix_tf.objectives; received int"),
        ([warm], "must be made by vectormix_tf.objectives"),
        ([own(name="content")], "two objectives named content; give yours another"),
        ([own(name="style")], "two objectives named style"),
        ([own(name="style 2")], "two objectives named style 2"),
        ([own(), own(cold)], "two objectives named warm"),
        ([own(name="")], "must be one line of text"),
        ([own(name="two\nlines")], "must be one line of text"),
        ([own(layers=["mixed33"])], "unknown layer 'mixed33'; did you mean mixed3"),
        ([own(layers=["mixed3@x"])], "after @ there must be a positive whole number"),
        (
            [vm.objectives.amplify({"mixed3#9999": 1.0})],
            "`objective amplify` names mixed3#9999, but the channels of mixed3 are",
        ),
    ],
)
def test_objectives_that_cannot_be_used_are_refused(objectives, told, photo, painting):
    text = refusal(vm.mix, photo, painting, objectives=objectives, **QUICK)
    assert told in text


def test_a_layer_that_there_is_not_is_refused_before_any_picture_is_read():
    objectives = [own(layers=["mixed33"])]
    for recipe in (vm.mix, vm.dream):
        text = refusal(recipe, "none.png", objectives=objectives)
        assert "unknown layer 'mixed33'" in text


def test_a_name_that_the_recipe_uses_itself_is_refused(photo, painting):
    amplify, tv = (
        vm.objectives.amplify({"mixed3": 1.0}),
        vm.objectives.total_variation(),
    )
    text = refusal(vm.dream, photo, layers="mixed4", objectives=[amplify], **QUICK)
    assert "two objectives named amplify" in text
    options = QUICK | {"amplify": "mixed4:0.3", "tv": 0.1}
    for objective in (amplify, tv):
        text = refusal(vm.mix, photo, painting, objectives=[objective], **options)
        assert f"two objectives named {objective.name}" in text


def test_layers_of_several_objectives_are_named_once():
    objectives = [own(), own(layers=["mixed3@2"]), own(layers=["mixed4"])]
    assert layers_of(objectives) == ["mixed3", "mixed4"]
    assert check_objectives([], vm.MixSettings(), []) == []


def test_the_example_of_own_objectives_runs(root, photo, painting, tmp_path, capsys):
    """It registers a statistic, so its name is forgotten again."""
    from vectormix_tf.config.mix import STATISTICS as STATISTIC_NAMES
    from vectormix_tf.objectives.registry import STATISTICS

    example = runpy.run_path(str(root / "examples/own_objective.py"))
    try:
        output = tmp_path / "mix.png"
        example["main"]([photo, painting, str(output), "--size=120", "--steps=6"])
    finally:
        STATISTIC_NAMES.remove("energy")
        del STATISTICS["energy"]
    with Image.open(output) as made:
        assert made.size == (120, 80)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "content",
        "tone",
        "style",
        "peaks",
    ]
    first, last = lines[3].partition(": ")[2].split(" -> ")
    assert float(last) < float(first)
