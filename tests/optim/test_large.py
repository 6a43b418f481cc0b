"""Steps at a large picture are those of tiles, in less memory, and end as a whole."""

import copy
import dataclasses
import threading
import time
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiled import FULL, START, TRANSFORMS, Tiny, noise, objectives
from tiled import problem as tiled_problem

from vectormix_tf.errors import NotFiniteError
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.statistics import structure
from vectormix_tf.objectives.tone import tone
from vectormix_tf.ops import slabs
from vectormix_tf.ops.border import PADDING, fit_padded
from vectormix_tf.ops.regions import inside
from vectormix_tf.optim import canvas, large, loop, tiles
from vectormix_tf.optim.canvas import fourier, masked, pixels, tileable
from vectormix_tf.optim.large import LargeSteps
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.optimizers import lbfgs
from vectormix_tf.optim.tiles import TiledSteps
from vectormix_tf.recipes.mix import mix

PICTURE, MASK = noise(5, 30, 20), noise(6, 30, 20, 1)
CANVASES = {
    "fourier": fourier(1.5),
    "masked": masked(
        fourier(),
        lambda shape: fit_padded(PICTURE, shape),
        lambda shape: fit_padded(MASK, shape),
    ),
    "tileable": tileable(fourier(), PADDING),
    "masked and tileable": masked(
        tileable(fourier(), PADDING),
        lambda shape: fit_padded(PICTURE, shape),
        lambda shape: fit_padded(MASK, shape),
    ),
}


@pytest.fixture(scope="module")
def tiny():
    keras.utils.set_random_seed(0)
    return Tiny()


@pytest.fixture
def small_limits(monkeypatch):
    """What is large has more than 1000 pixels, and slabs have some rows."""
    monkeypatch.setattr(large, "PACKED", 1000)
    monkeypatch.setattr(slabs, "SLAB", 1000)
    monkeypatch.setattr(canvas, "LARGE", 10)
    # Traced anew: its graph holds the limit of when it was traced.
    bounded = canvas._bounded.python_function
    bounded = tf.function(bounded, [canvas._IMAGE], autograph=False)
    monkeypatch.setattr(canvas, "_bounded", bounded)


def problem(extractor, stored, names=("structure", "covariance"), keeps_tone=True):
    chosen = [objectives(inside)[name]._replace(name=name) for name in names]
    if keeps_tone:
        chosen.append(tone(lambda size: noise(9, *size.numpy())))
    return tiled_problem(extractor, chosen, stored, 32, FULL)


def gradient_of_large(posed, x, number):
    """(gradient, losses), put together of its parts."""
    assert LargeSteps.needed(posed, x)
    steps, arrays = LargeSteps(posed), posed.canvas.arrays
    values, _ = steps.begin(x)
    shape = tuple(x.shape)
    targets = steps.targets(x, number, {})
    parts, losses = steps.gradient(
        values, arrays.constants(shape), shape, number, targets
    )
    gradient = np.full(values.shape, np.nan, np.float32)
    for index, part in parts:
        gradient[index] = part
    return values, gradient, losses


# Each canvas with another transform: what moves x knows nothing of canvases.
@pytest.mark.parametrize(
    ("number", "name"), list(zip(range(TRANSFORMS.size), CANVASES, strict=True))
)
def test_the_gradient_is_that_of_tiles(tiny, small_limits, name, number):
    posed = problem(tiny, CANVASES[name])
    values, gradient, losses = gradient_of_large(posed, START, number)
    np.testing.assert_allclose(values, posed.canvas.encode(START), atol=1e-4)
    steps = TiledSteps(posed)
    constants = posed.canvas.constants(tf.shape(START))
    targets = steps.targets(START, number, {})
    wanted, known = steps.gradient(
        values, constants, tuple(START.shape), number, targets
    )
    np.testing.assert_allclose(losses, known, rtol=1e-4)
    np.testing.assert_allclose(gradient, wanted, atol=2e-5 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 0


def test_pictures_that_targets_are_made_of_are_freed_first(
    tiny, small_limits, monkeypatch
):
    pictures, freed = [], []

    def reference(x):
        picture = np.array(x)
        pictures.append(weakref.ref(picture))
        return picture

    def observed(*arguments):
        freed.append(pictures[-1]() is None)
        return seen(*arguments)

    seen = tiles._observed
    monkeypatch.setattr(tiles, "_observed", observed)
    objective = match("content", {"a": 1.0}, reference, structure)
    posed = tiled_problem(tiny, [objective], fourier(), 32, FULL)
    LargeSteps(posed).targets(START, 0, {})
    assert len(freed) > 1 and all(freed)


def test_an_objective_that_needs_all_of_x_gets_it(tiny, small_limits):
    posed = problem(tiny, fourier(), ("total variation",))
    _, gradient, losses = gradient_of_large(posed, START, 0)
    steps = TiledSteps(posed)
    values = posed.canvas.encode(START)
    wanted, known = steps.gradient(
        *(values, posed.canvas.constants(tf.shape(START)), tuple(START.shape)),
        *(0, steps.targets(START, 0, {})),
    )
    np.testing.assert_allclose(losses, known, rtol=1e-4)
    np.testing.assert_allclose(gradient, wanted, atol=2e-5 * np.abs(wanted).max())


def test_steps_are_those_of_tiles(tiny, small_limits, monkeypatch):
    posed = problem(tiny, fourier(1.5))
    found = optimize(posed, lambda *_: START)
    monkeypatch.setattr(large, "PACKED", 2**22)
    assert not LargeSteps.needed(posed, START)
    wanted = optimize(posed, lambda *_: START)
    np.testing.assert_allclose(found.x, wanted.x, atol=1e-2)
    assert np.abs(found.x - wanted.x).mean() < 1e-3
    for name, losses in wanted.losses.items():
        np.testing.assert_allclose(found.losses[name], losses, rtol=1e-3)


def test_two_runs_and_one_that_goes_on_give_the_same_bytes(tiny, small_limits):
    posed, kept = problem(tiny, CANVASES["masked"]), []

    def keep(checkpoint):
        kept.append(copy.deepcopy(checkpoint))

    options = {"checkpoint_seconds": 0.0, "pause_every": 1}
    whole = optimize(posed, lambda *_: START, on_checkpoint=keep, **options)
    assert [each.step for each in kept[:3]] == [1, 2, 3]
    again = optimize(posed, lambda *_: START)
    onward = optimize(posed, lambda *_: START, resume=kept[1])
    ended = optimize(posed, lambda *_: START, resume=kept[2])
    for run in (again, onward, ended):
        np.testing.assert_array_equal(run.x, whole.x)


def test_ctrl_c_within_an_update_waits_for_its_end(tiny, small_limits, monkeypatch):
    posed, kept = problem(tiny, fourier()), []

    def interrupted(work, *arguments):
        work(*arguments)
        return False

    alone = dataclasses.replace(posed, steps=3)
    optimize(
        alone,
        lambda *_: START,
        on_checkpoint=lambda each: kept.append(copy.deepcopy(each)),
        checkpoint_seconds=0.0,
    )
    monkeypatch.setattr(large, "complete", interrupted)
    stopped = []
    result = optimize(alone, lambda *_: START, on_checkpoint=stopped.append)
    assert not result.finished and stopped[-1].step == 1
    np.testing.assert_array_equal(stopped[-1].values, kept[0].values)


def test_steps_in_one_go_are_those_one_by_one(tiny, small_limits, monkeypatch):
    posed = dataclasses.replace(problem(tiny, fourier()), steps=4)
    singly = optimize(posed, lambda *_: START, pause_every=1)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 1e6)  # all steps but the first
    calls, counts = LargeSteps.steps, []

    def counted(*arguments):
        take = calls(*arguments)

        def counting(values, state, first, count, commit):
            counts.append(count)
            take(values, state, first, count, commit)

        return counting

    monkeypatch.setattr(LargeSteps, "steps", counted)
    at_once = optimize(posed, lambda *_: START)
    assert counts == [1, 3]
    np.testing.assert_array_equal(at_once.x, singly.x)


def test_after_a_second_ctrl_c_the_update_ends_first(tiny, small_limits, monkeypatch):
    posed, kept, stopped = problem(tiny, fourier()), [], []
    optimize(
        posed,
        lambda *_: START,
        on_checkpoint=lambda each: kept.append(copy.deepcopy(each)),
        checkpoint_seconds=0.0,
    )
    update, begun = LargeSteps._update, threading.Event()

    def slow(*arguments):
        begun.set()
        time.sleep(0.3)
        return update(*arguments)

    def abandoned(work, *arguments):
        threading.Thread(target=work, args=arguments).start()
        begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(LargeSteps, "_update", slow)
    monkeypatch.setattr(large, "complete", abandoned)
    result = optimize(posed, lambda *_: START, on_checkpoint=stopped.append)
    assert not result.finished and stopped[-1].step == 1
    np.testing.assert_array_equal(stopped[-1].values, kept[0].values)
    np.testing.assert_array_equal(
        result.x, LargeSteps(posed).image(kept[0].values, START.shape)
    )


@pytest.mark.parametrize("wrong", ["gradient", "loss"])
def test_what_is_not_finite_changes_nothing(tiny, small_limits, monkeypatch, wrong):
    posed = dataclasses.replace(problem(tiny, fourier()), steps=2)
    by_images, calls, kept = LargeSteps._by_images, [], []

    def broken(*arguments):
        upstream, losses, slopes = by_images(*arguments)
        calls.append(1)
        if len(calls) == 2 and wrong == "gradient":
            upstream[1][0, 5, 5] = np.nan
        if len(calls) == 2 and wrong == "loss":
            losses *= np.inf
        return upstream, losses, slopes

    monkeypatch.setattr(LargeSteps, "_by_images", broken)
    with pytest.raises(NotFiniteError, match="after step 1") as error:
        optimize(
            posed,
            lambda *_: START,
            on_checkpoint=lambda each: kept.append(copy.deepcopy(each)),
            checkpoint_seconds=0.0,
        )
    assert len(error.value.result.losses["tone"]) == 1
    first, last = kept[0], kept[-1]
    assert (first.step, last.step) == (1, 1)
    for one, other in zip(
        [first.values, *first.state], [last.values, *last.state], strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("change", ["small", "pixels", "lbfgs", "turned"])
def test_what_is_small_or_not_made_for_it_takes_another_way(tiny, small_limits, change):
    posed = problem(tiny, fourier())
    assert LargeSteps.needed(posed, START)
    turned = TRANSFORMS._replace(degrees=np.zeros([TRANSFORMS.size], np.int32))
    posed = {
        "small": posed,
        "pixels": dataclasses.replace(posed, canvas=pixels()),
        "lbfgs": dataclasses.replace(posed, optimizer=lbfgs(1.0)),
        "turned": dataclasses.replace(posed, transforms=turned),
    }[change]
    x = START[:, :20, :20] if change == "small" else START
    assert not LargeSteps.needed(posed, x)


def test_a_large_mix_goes_on_to_the_same_bytes(small_limits, photo, painting, tmp_path):
    """With its finish, and a checkpoint in a file."""
    options = {"size": 240, "tile": 128, "steps": 3, "on_progress": None}
    options |= {"f1": "mixed2", "f2": "conv1a,conv3b,mixed2"}
    posed, begin = [], LargeSteps.begin

    def begun(steps, x):
        posed.append(x.shape)
        return begin(steps, x)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LargeSteps, "begin", begun)
        whole = mix(photo, painting, **options)
    assert posed == [(1, 208, 288, 3)]

    def stop(progress):
        if progress.step:
            raise KeyboardInterrupt

    file = tmp_path / "run.ckpt"
    begun = mix(photo, painting, checkpoint=file, **options | {"on_progress": stop})
    assert not begun.finished
    ended = mix(photo, painting, checkpoint=file, resume=True, **options)
    np.testing.assert_array_equal(ended.x, whole.x)
