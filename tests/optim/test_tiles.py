"""The gradient tile by tile is that of the whole, and how a side is cut."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tiled import FULL, MASK, START, TRANSFORMS, Tiny, objectives, problem

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.load import LayerInfo
from vectormix_tf.config.backbones import whole_layers
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.objectives.base import ARRANGEMENT
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.statistics import STATISTICS, structure
from vectormix_tf.ops.border import pad
from vectormix_tf.ops.regions import inside
from vectormix_tf.optim.canvas import fourier, pixels
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.observer import OVERLAP, Observer
from vectormix_tf.optim.optimizers import adam, normalized_descent
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.tiles import Span, TiledSteps, cut_side
from vectormix_tf.optim.transforms import Transforms
from vectormix_tf.recipes.amplify import build_amplify
from vectormix_tf.recipes.mix import mix


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(0)
    return Tiny()


NAMES = list(objectives(None))


def in_parts(posed, x, number):
    """(gradient, losses) part by part."""
    assert TiledSteps.needed(posed, x)
    steps, values = TiledSteps(posed), posed.canvas.encode(x)
    constants = posed.canvas.constants(tf.shape(x))
    targets = steps.targets(x, number, {})
    return steps.gradient(values, constants, tuple(x.shape), number, targets)


def in_one_go(posed, x, number):
    """The same, by the definition."""
    values, transform = posed.canvas.encode(x), posed.transforms.at(number)
    targets = []
    for objective in posed.objectives:
        first, group = posed.transforms.distinct(objective.depends_on)
        seen = posed.transforms.at(first[group[number]])
        targets.append(
            objective.target(lambda y, layers, s=seen: [posed.observe(y, s, layers)], x)
        )
    with tf.GradientTape() as tape:
        tape.watch(values)
        now = posed.canvas.decode(values, tf.shape(x))
        observed = posed.observe(now, transform, posed.layers)
        losses = [
            objective.evaluate(now, observed, target)
            for objective, target in zip(posed.objectives, targets, strict=True)
        ]
        loss = tf.add_n(losses)
    return tape.gradient(loss, values), tf.stack(losses)


def cosine(one, other):
    one, other = np.ravel(one).astype(float), np.ravel(other).astype(float)
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def assert_same(found, expected, rounding=2e-5):
    gradient, losses = found
    wanted, known = expected
    np.testing.assert_allclose(losses, known, rtol=1e-4)
    most = np.abs(wanted).max()
    assert most > 0
    np.testing.assert_allclose(gradient, wanted, atol=rounding * most)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [0, 3])
def test_with_all_that_cells_see_parts_are_the_whole(tiny, name, number):
    objective = objectives(inside)[name]
    posed = problem(tiny, [objective], pixels(), 32, FULL)
    assert_same(in_parts(posed, START, number), in_one_go(posed, START, number), 1e-4)


@pytest.mark.parametrize("canvas", [pixels(), fourier()], ids=["pixels", "fourier"])
def test_terms_together_on_any_canvas(tiny, canvas):
    where = inside
    chosen = [
        objectives(where)[n] for n in ("structure", "covariance", "total variation")
    ]
    posed = problem(tiny, chosen, canvas, 32, FULL)
    assert_same(in_parts(posed, START, 1), in_one_go(posed, START, 1), 1e-4)


def test_without_overlap_they_are_not(tiny):
    """So the tests above can fail."""
    posed = problem(tiny, [objectives(inside)["identity"]], pixels(), 32, 0)
    found, expected = in_parts(posed, START, 0)[0], in_one_go(posed, START, 0)[0]
    assert 0.5 < cosine(found, expected) < 0.999


def test_cells_of_large_targets_are_kept_in_a_quarter_of_the_room(tiny, monkeypatch):
    monkeypatch.setattr("vectormix_tf.optim.tiles.PACKED", 1000)
    posed = problem(tiny, [objectives(inside)["structure"]], pixels(), 32, FULL)
    found, expected = in_parts(posed, START, 0), in_one_go(posed, START, 0)
    assert 0.9999 < cosine(found[0], expected[0]) < 1 - 1e-9
    steps = TiledSteps(posed)
    cells = steps.targets(START, 0, {})[0]["a"][1]
    assert len(cells) > 4
    assert {each.roots.dtype for each in cells} == {np.dtype(np.uint8)}
    owned = sum(np.prod(each.roots.shape[1:3]) for each in cells)
    assert owned == np.prod(tiny.sizes(*START.shape[1:3])["a"])  # each cell once


def test_steps_in_parts_are_those_in_one_go(tiny):
    """The same losses; a mix that is still sees all steps from one place."""
    found = objectives(inside)
    chosen = [
        found[name]._replace(name=name, depends_on=ARRANGEMENT)
        for name in ("structure", "gram")
    ]
    posed = problem(tiny, chosen, pixels(), 32, FULL)
    number = int(posed.transform_number(0, 0))
    posed = dataclasses.replace(posed, optimizer=normalized_descent(0.01))
    one = Transforms(TRANSFORMS.shift[[number]], TRANSFORMS.flip[[number]])
    still = dataclasses.replace(posed, transforms=one)
    whole = dataclasses.replace(still, observe=Observer(tiny, {"mask": MASK}))
    runs = [optimize(each, lambda *_: START) for each in (posed, still, whole)]
    for run in runs[:2]:
        assert run.losses["gram"].shape == (3,)
        for name, losses in run.losses.items():
            np.testing.assert_allclose(losses, runs[2].losses[name], rtol=1e-3)
        np.testing.assert_allclose(run.x, runs[2].x, atol=1e-4)


def test_a_run_in_parts_goes_on_to_the_same_bytes(tiny):
    found = objectives(inside)
    chosen = [found["structure"], found["total variation"]]
    posed = problem(tiny, chosen, fourier(), 32, FULL)
    kept = []
    whole = optimize(
        posed,
        lambda *_: START,
        on_checkpoint=kept.append,
        checkpoint_seconds=0.0,
        pause_every=1,
    )
    assert [each.step for each in kept[:2]] == [1, 2]
    again = optimize(posed, lambda *_: START, resume=kept[1])
    np.testing.assert_array_equal(again.x, whole.x)
    np.testing.assert_array_equal(again.losses["m"], whole.losses["m"])


def test_ctrl_c_between_steps_in_parts_keeps_what_there_is(tiny):
    def interrupt(progress):
        raise KeyboardInterrupt

    posed = problem(tiny, [objectives(inside)["gram"]], pixels(), 32, FULL)
    result = optimize(posed, lambda *_: START, on_progress=interrupt)
    assert not result.finished and len(result.losses["m"]) == 1
    assert np.abs(result.x - START).max() > 1e-3


def test_what_sees_everything_is_not_seen_in_parts(tiny):
    every = Tiny()
    every.info = tiny.info | {"b": LayerInfo(0, 0, 7, 3)}
    assert not Observer(every, tile=32).needs_tiles(START.shape)
    assert Observer(tiny, tile=32, overlap=FULL).needs_tiles(START.shape)
    assert not Observer(tiny, tile=4096).needs_tiles(START.shape)
    assert not Observer(tiny).needs_tiles(START.shape)


# --- The bundled network --------------------------------------------------------------


@pytest.fixture(scope="module")
def scene(photo):
    from vectormix_tf.io import images

    picture = images.fit(images.read(photo, 10**8), (160, 480))
    return pad(tf.constant(picture.pixels))


def bundled(scene, layers, tile, overlap, which):
    extractor = Extractor(layers)
    style = tf.reverse(scene, [1])
    where, weights = inside, dict.fromkeys(layers, 1.0)
    posed = Problem(
        observe=Observer(extractor, tile=tile, overlap=overlap),
        objectives=which(weights, style, where),
        canvas=fourier(1.5),
        optimizer=adam(0.01),
        transforms=TRANSFORMS,
        steps=1,
    )
    return in_parts(posed, scene, 1), in_one_go(posed, scene, 1)


def content_and_style(weights, style, where):
    content = match("content", weights, lambda x: style, structure, where=where)
    texture = STATISTICS["covariance"]
    return [content, match("style", weights, lambda x: style, texture, where=where)]


def test_with_all_that_cells_see_the_bundled_network_sees_the_whole(scene):
    found, expected = bundled(scene, ["conv4a", "mixed0"], 128, 64, content_and_style)
    assert_same(found, expected, 1e-3)


def test_the_usual_overlap_leaves_the_gradient_as_it_is(scene):
    layers = ["conv4a", "mixed2", "mixed5"]
    # Pieces of 256 pixels: three quarters of a tile.
    found, expected = bundled(scene, layers, 344, OVERLAP, content_and_style)
    np.testing.assert_allclose(found[1], expected[1], rtol=0.01)
    assert cosine(found[0], expected[0]) > 0.999


def test_a_dream_in_parts(scene):
    chosen = DreamSettings(layers="mixed3:1,mixed4#3:0.5")

    def raise_(weights, style, where):
        layers = whole_layers([chosen.layers])
        return [build_amplify(chosen, "layers", Extractor(layers))]

    layers = whole_layers([chosen.layers])
    found, expected = bundled(scene, layers, 256, OVERLAP, raise_)
    assert cosine(found[0], expected[0]) > 0.999


def test_a_mix_in_tiles_is_that_of_the_whole_picture(photo, painting):
    options = {"size": 320, "steps": 3, "jitter": 0, "flips": False}
    options |= {"f1": "mixed0", "f2": "conv2b,mixed0"}
    tiled, whole = (
        mix(photo, painting, tile=tile, on_progress=None, **options)
        for tile in (128, "off")
    )
    assert tiled.losses["style"][-1] == pytest.approx(
        whole.losses["style"][-1], rel=0.02
    )
    assert np.abs(tiled.x - whole.x).mean() < 0.01


# --- How a side is cut ---------------------------------------------------------------


@settings(max_examples=300)
@given(
    length=st.integers(75, 9000),
    tile=st.integers(64, 2048),
    overlap=st.integers(0, 300),
    stride=st.sampled_from([1, 2, 4, 8, 16, 32]),
)
def test_tiles_cover_a_side_and_each_has_its_overlap(length, tile, overlap, stride):
    tiles = cut_side(length, tile, overlap, stride)
    assert tiles[0].start == tiles[0].first == 0
    assert tiles[-1].stop == tiles[-1].last == length
    assert len({each.stop - each.start for each in tiles}) == 1  # one shape, one graph
    for before, after in zip(tiles, tiles[1:], strict=False):
        assert before.last == after.first
        assert after.start % stride == after.first % stride == 0
        assert after.first - after.start >= overlap
        assert before.stop - before.last >= overlap
    if len(tiles) > 1:
        own = [each.last - each.first for each in tiles[1:-1]]
        assert all(0 < each <= tile + stride for each in own)


def test_what_fits_is_not_cut_side():
    assert cut_side(1072, 1024, 24, 16) == [Span(0, 1072, 0, 1072)]
    assert len(cut_side(1089, 1024, 24, 16)) == 2
