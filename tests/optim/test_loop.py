"""The loop, on plain vectors and on a tiny network."""

import dataclasses
import functools
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.errors import NotFiniteError
from vectormix_tf.objectives.amplification import amplify
from vectormix_tf.objectives.base import Objective
from vectormix_tf.objectives.distances import relative_squared, squared_norm
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.regularization import total_variation
from vectormix_tf.objectives.statistics import gram
from vectormix_tf.ops.resize import resize
from vectormix_tf.optim import canvas, loop, optimizers
from vectormix_tf.optim.loop import optimize
from vectormix_tf.optim.problem import KNOWN, Problem
from vectormix_tf.optim.transforms import NO_TRANSFORM, Transforms

GOAL = tf.constant([3.0, -1.0])


def bowl(steps=20, rate=0.1, **options):
    """||x - goal||^2."""
    objective = match("bowl", {"x": 1.0}, lambda x: GOAL, distance=squared_norm)
    return Problem(
        observe=lambda x, transform, layers: {"x": x},
        objectives=[objective],
        canvas=canvas.direct(),
        optimizer=optimizers.adam(rate),
        steps=steps,
        **options,
    )


def zeros(octave, before):
    return tf.zeros([2])


def test_the_path_is_adams():
    """A golden trajectory, walked with NumPy."""
    result = optimize(bowl(), zeros)
    x, mean, square = np.zeros(2), np.zeros(2), np.zeros(2)
    goal, losses = GOAL.numpy(), []
    for t in range(20):
        losses.append(((x - goal) ** 2).sum())
        gradient = 2 * (x - goal)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = 0.1 * (1 - 0.98 * t / 20)
        corrected = mean / (1 - 0.9 ** (t + 1))
        x = x - rate * corrected / (np.sqrt(square / (1 - 0.999 ** (t + 1))) + 1e-8)
    np.testing.assert_allclose(result.x, x, rtol=1e-4)
    np.testing.assert_allclose(result.losses["bowl"], losses, rtol=1e-4)
    assert result.finished


def test_a_first_step_that_a_trace_has_taken_says_nothing_of_the_pace(
    network, monkeypatch
):
    """Or a chunk would have all the others, and nobody would see them."""
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.05)  # a trace takes longer
    seen = []
    optimize(tiny(network, steps=9), lambda *_: SCENE, on_progress=seen.append)
    assert [progress.step for progress in seen[:2]] == [1, 2]


def test_chunks_do_not_change_the_result():
    whole = optimize(bowl(), zeros)
    cut = optimize(bowl(), zeros, pause_every=3)
    np.testing.assert_array_equal(whole.x, cut.x)
    np.testing.assert_array_equal(whole.losses["bowl"], cut.losses["bowl"])


def test_progress_pauses_where_it_was_asked_to():
    seen = []
    optimize(bowl(), zeros, (1.0, 1.0), seen.append, pause_every=6)
    for octave in (1, 2):
        steps = [p.step for p in seen if p.octave == octave]
        assert {6, 12, 18, 20} <= set(steps) and steps == sorted(set(steps))
    assert all(p.octaves == 2 and p.steps == 20 for p in seen)
    assert seen[-1].seconds_left == 0
    assert all(p.seconds_left is None or p.seconds_left >= 0 for p in seen)
    result = optimize(bowl(), zeros, on_progress=seen.append)
    np.testing.assert_array_equal(seen[-1].preview(), result.x)
    assert seen[-1].losses["bowl"] == seen[-1].loss == result.losses["bowl"][-1]


def test_octaves_start_from_the_one_before():
    befores = []

    def start(octave, before):
        befores.append(before)
        return tf.zeros([2]) if before is None else before

    result = optimize(bowl(), start, (1.0, 1.0, 1.0))
    assert befores[0] is None and len(befores) == 3
    losses = result.losses["bowl"]
    assert len(losses) == 60
    np.testing.assert_allclose(((befores[1] - GOAL) ** 2).numpy().sum(), losses[20])


def test_every_octave_may_have_steps_of_its_own():
    def start(octave, before):
        return tf.zeros([2]) if before is None else before

    seen, kept = [], []
    problem, three = bowl(steps=(20, 5)), (1.0, 1.0, 1.0)
    whole = optimize(problem, start, three, seen.append, on_checkpoint=kept.append,
                     checkpoint_seconds=0)  # fmt: skip
    assert len(whole.losses["bowl"]) == 30
    assert {each.octave: each.steps for each in seen} == {1: 20, 2: 5, 3: 5}
    # Each octave's rate begins anew and falls to its end.
    for begin, count in ((0, 20), (20, 5), (25, 5)):
        own = optimize(bowl(steps=count), lambda *_, begin=begin: kept_at(kept, begin))
        found = whole.losses["bowl"][begin : begin + count]
        np.testing.assert_allclose(own.losses["bowl"], found, rtol=1e-5)


def kept_at(kept, step):
    """What the octave that begins after so many steps starts from."""
    return next(each.x for each in kept if len(each.losses) > step)


def test_ctrl_c_keeps_what_has_been_made():
    def interrupt(progress):
        if progress.step >= 7:
            raise KeyboardInterrupt

    result = optimize(bowl(), zeros, on_progress=interrupt, pause_every=7)
    assert not result.finished
    assert len(result.losses["bowl"]) == 7
    full = optimize(bowl(), zeros, on_progress=(seen := []).append, pause_every=7)
    assert full.finished and len(seen) >= 3
    seven = optimize(bowl(), zeros, on_progress=interrupt, pause_every=7)
    np.testing.assert_array_equal(result.x, seven.x)


def breaks(at, loss=False):
    """A bowl whose values, or whose loss alone, become NaN at a step."""

    def update(gradient, state, done):
        step, state = bowl().optimizer.update(gradient, state, done)
        return tf.where(done * 20 < at - 0.5, step, np.nan), state

    def distance(sums, target):
        far = tf.reduce_sum(sums["x"]) > 0.3
        return tf.where(far, np.nan, tf.reduce_sum((sums["x"] - GOAL) ** 2))

    if not loss:
        adam = optimizers.Optimizer(bowl().optimizer.init, update)
        return dataclasses.replace(bowl(), optimizer=adam)
    objective = Objective("bowl", lambda *_: (), lambda x, *_: {"x": x}, distance)
    return dataclasses.replace(bowl(rate=0.2), objectives=[objective])


@pytest.mark.parametrize("at", [0, 1, 7])
@pytest.mark.parametrize("sizes", [(1.0,), (1.0, 1.0)])
def test_a_run_whose_numbers_are_not_finite_stops_and_keeps_what_was_good(at, sizes):
    previews, losses, kept = [], [], []

    def on_progress(progress):
        previews.append(progress.preview())
        losses.append(progress.losses["bowl"])

    with pytest.raises(NotFiniteError) as stop:
        optimize(breaks(at), zeros, sizes, on_progress, 1, None, kept.append)
    assert f"after step {at} of octave 1; take smaller" in str(stop.value)
    result = stop.value.result
    assert not result.finished and len(result.losses["bowl"]) == at
    pictures = [zeros(0, None), *previews]
    np.testing.assert_array_equal(result.x, pictures[at])
    assert np.isfinite(losses).all() and len(losses) == at
    assert kept[0].step == at and np.isfinite(kept[0].values).all()


def test_a_loss_that_ends_as_not_a_number_stops_a_run_too():
    with pytest.raises(NotFiniteError, match=r"\(loss bowl was nan\)") as stop:
        optimize(breaks(0, loss=True), zeros)
    assert np.isfinite(stop.value.result.x).all()


def test_a_start_that_is_not_finite_has_no_result():
    with pytest.raises(NotFiniteError) as stop:
        optimize(bowl(), lambda octave, before: tf.constant([np.inf, 0.0]))
    assert stop.value.result is None


def test_ctrl_c_before_there_is_anything_passes_on():
    def start(octave, before):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimize(bowl(), start)


def test_what_an_octave_started_from_is_kept_for_checkpoints_alone(monkeypatch):
    seen = []
    preview = loop._Run.preview

    def spy(run):
        seen.append(run.now.x is None)
        return preview(run)

    monkeypatch.setattr(loop._Run, "preview", spy)
    optimize(bowl(), zeros)
    optimize(bowl(), zeros, on_checkpoint=lambda checkpoint: None)
    assert seen == [True, False]


def test_ctrl_c_between_octaves_keeps_the_last_one():
    def start(octave, before):
        if octave:
            raise KeyboardInterrupt
        return tf.zeros([2])

    result = optimize(bowl(), start, (1.0, 1.0))
    assert not result.finished and len(result.losses["bowl"]) == 20
    np.testing.assert_array_equal(result.x, optimize(bowl(), zeros).x)


# --- Stop and go on -------------------------------------------------------------------

OPTIMIZERS = {
    "adam": optimizers.adam(0.1),
    "normalized": optimizers.normalized_descent(0.3),
    "lbfgs": optimizers.lbfgs(0.5, history=2, first=0.3),
}


def deepened(octave, before):
    """Octave 2 starts from another x than octave 1 ended with."""
    return tf.zeros([2]) if before is None else before + 0.5


def assert_same_run(result, other):
    assert result.x.tobytes() == other.x.tobytes()
    assert list(result.losses) == list(other.losses)
    for name, losses in result.losses.items():
        assert losses.tobytes() == other.losses[name].tobytes()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_goes_on_from_every_step_to_the_same_bytes(name):
    problem = dataclasses.replace(bowl(steps=4), optimizer=OPTIMIZERS[name])
    whole = optimize(problem, deepened, (1.0, 1.0))
    kept = []
    watched = optimize(
        problem,
        deepened,
        (1.0, 1.0),
        pause_every=1,
        on_checkpoint=kept.append,
        checkpoint_seconds=0,
    )
    assert_same_run(watched, whole)
    places = [(octave, step) for octave in (0, 1) for step in (1, 2, 3, 4)]
    assert [(c.octave, c.step) for c in kept] == [*places, (1, 4)]
    for checkpoint in kept:
        assert len(checkpoint.losses) == 4 * checkpoint.octave + checkpoint.step
        resumed = optimize(problem, deepened, (1.0, 1.0), resume=checkpoint)
        assert_same_run(resumed, whole)
        assert resumed.finished and resumed.seconds > checkpoint.seconds


@pytest.mark.parametrize("stop", [(1, 2), (2, 5), (3, 1)])
def test_pictures_go_on_as_well_after_ctrl_c(network, stop):
    """Across octaves of several sizes, with targets, shifts and a Fourier canvas."""
    sizes = (1.0, 2.0, 4.0)

    def interrupt(progress):
        if (progress.octave, progress.step) == stop:
            raise KeyboardInterrupt

    kept = []
    part = optimize(
        tiny(network), resized, sizes, interrupt, 1, on_checkpoint=kept.append
    )
    assert not part.finished and len(kept) == 1
    seen = []
    resumed = optimize(tiny(network), resized, sizes, seen.append, 1, resume=kept[0])
    assert_same_run(resumed, optimize(tiny(network), resized, sizes))
    assert (seen[0].octave, seen[0].step) == (stop[0], stop[1] + 1)


def test_a_finished_run_gives_its_result_again_without_a_step(network):
    kept, traced = [], []
    whole = optimize(tiny(network), lambda *_: SCENE, on_checkpoint=kept.append)
    problem = tiny(network, traced=traced)
    again = optimize(problem, lambda *_: 1 / 0, resume=kept[-1])
    assert_same_run(again, whole)
    assert again.finished and not traced


def test_checkpoints_come_at_ctrl_c_and_at_the_end_and_rarely_between():
    kept = []
    optimize(bowl(), zeros, pause_every=1, on_checkpoint=kept.append)
    assert [c.step for c in kept] == [20]
    kept.clear()

    def interrupt(progress):
        if progress.step == 7:
            raise KeyboardInterrupt

    optimize(bowl(), zeros, (1.0,), interrupt, 1, on_checkpoint=kept.append)
    assert [c.step for c in kept] == [7]


def test_a_checkpoint_that_takes_long_comes_less_often(monkeypatch):
    monkeypatch.setattr(loop, "LONG_SAVE", 1e-6)
    kept = []

    def slow(checkpoint):
        kept.append(checkpoint)
        time.sleep(0.05)  # 50,000 times LONG_SAVE: the next one is due in 5 seconds

    optimize(bowl(), zeros, pause_every=1, on_checkpoint=slow, checkpoint_seconds=1e-4)
    assert [c.step for c in kept] == [1, 20]


# --- A tiny network, pictures, shifts ------------------------------------------------


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input([None, None, 3])
    a = keras.layers.Conv2D(5, 3, padding="same", activation="relu")(inputs)
    b = keras.layers.Conv2D(6, 3, strides=2, activation="relu")(a)
    return keras.Model(inputs, {"a": a, "b": b})


def picture(height, width, seed):
    drawn = np.random.default_rng(seed).uniform(0.1, 0.9, [1, height, width, 3])
    return tf.constant(drawn, tf.float32)


SHIFTS = np.array([[0, 0], [1, -2], [-2, 1]], np.int32)
SCENE, TEXTURE = picture(24, 20, 0), picture(30, 30, 1)


def tiny(network, steps=6, traced=None, **options):
    def observe(x, transform, layers):
        if traced is not None and not tf.executing_eagerly():
            traced.append(1)
        return network(tf.roll(x, transform.shift, [1, 2]))

    def exactly(x):
        return resize(SCENE, tf.shape(x)[1:3])

    return Problem(
        observe=observe,
        objectives=[
            match("content", {"b": 1.0}, exactly, distance=relative_squared).times(0.3),
            match("style", {"a": 1.0, "b": 2.0}, lambda x: TEXTURE, gram),
            amplify({"a": 0.5}).times(0.1),
            total_variation().times(0.1),
        ],
        canvas=canvas.fourier(1.5),
        optimizer=optimizers.adam(0.05),
        transforms=Transforms(SHIFTS),
        steps=steps,
        **options,
    )


def resized(octave, before):
    size = tf.constant([(12, 10), (18, 15), (24, 20)][octave])
    return resize(SCENE if before is None else before, size)


def test_one_trace_serves_all_octaves(network):
    traced = []
    result = optimize(tiny(network, traced=traced), resized, (1.0, 2.0, 4.0))
    assert result.x.shape == (1, 24, 20, 3)
    assert len(traced) == 1


def test_every_term_has_its_loss_in_the_record(network):
    result = optimize(tiny(network, steps=30), lambda *_: SCENE)
    assert list(result.losses) == ["content", "style", "amplify", "total_variation"]
    total = sum(result.losses.values())
    assert total.shape == (30,) and np.isfinite(total).all()
    assert total[-1] < total[0] - 0.05


def test_a_target_that_moves_is_made_for_every_shift(network):
    """At the scene itself the content matches under each shift, if targets follow."""
    problem = tiny(network)
    targets = problem.targets(SCENE)
    assert targets[0]["b"][1][0].shape[0] == len(SHIFTS)
    assert targets[1]["b"][0].shape == (1, 6, 6)  # a texture needs one
    content = problem.objectives[0]
    which = problem.transforms.distinct(content.depends_on)[1]
    for index in range(len(SHIFTS)):
        observed = problem.observe(SCENE, problem.transforms.at(index), ["b"])
        followed = tf.nest.map_structure(lambda t, i=index: t[which[i]], targets[0])
        stayed = tf.nest.map_structure(lambda t: t[which[0]], targets[0])
        assert content.evaluate(SCENE, observed, followed) < 1e-10
        if index:
            assert content.evaluate(SCENE, observed, stayed) > 1e-3


def test_a_target_is_made_for_each_value_of_the_fields_that_it_depends_on(network):
    problem = tiny(network)
    content = problem.objectives[0]
    shifts = np.array([[0, 0], [3, 0], [1, 2], [2, 2], [0, 5]], np.int32)
    flips = np.array([[0, 0], [0, 0], [0, 1], [0, 1], [1, 0]], np.int32)
    flipped = dataclasses.replace(
        problem,
        transforms=Transforms(shifts, flips),
        objectives=[content._replace(depends_on=("flip",))],
    )
    (target,) = flipped.targets(SCENE)
    assert target["b"][1][0].shape[0] == 3
    first, group = flipped.transforms.distinct(flipped.objectives[0].depends_on)
    assert (flips[first][group] == flips).all()


def test_targets_of_a_graph_are_those_made_eagerly(network):
    problem = tiny(network)
    found = tf.function(problem.targets, autograph=False)(SCENE)
    expected = problem.targets(SCENE)
    tf.nest.assert_same_structure(found, expected)
    for one, other in zip(*map(tf.nest.flatten, (found, expected)), strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_problem_of_one_transform_takes_it_at_every_step_of_an_octave(network):
    problem = dataclasses.replace(tiny(network, steps=8), one_transform=True)
    drawn = [[int(problem.transform_number(o, i)) for i in (0, 7)] for o in range(30)]
    assert all(first == later for first, later in drawn)
    assert {first for first, _ in drawn} == {0, 1, 2}


def test_the_seed_decides_and_nothing_else_does(network):
    once = optimize(tiny(network), lambda *_: SCENE)
    again = optimize(tiny(network), lambda *_: SCENE, pause_every=2)
    other = optimize(tiny(network, seed=5), lambda *_: SCENE)
    assert once.x.tobytes() == again.x.tobytes()
    assert once.x.tobytes() != other.x.tobytes()


def test_all_shifts_are_used(network):
    problem = tiny(network, steps=50)
    drawn = {int(problem.transform_number(0, i)) for i in range(50)}
    assert drawn == {0, 1, 2}
    octaves_differ = [int(problem.transform_number(1, i)) for i in range(50)]
    assert octaves_differ != [int(problem.transform_number(0, i)) for i in range(50)]


def test_targets_with_a_key_are_made_once_and_the_oldest_forgotten(network):
    usual, made = tiny(network), []

    def problem(key):
        def target(objective, *inputs):
            made.append(key)
            return objective.target(*inputs)

        objectives = [
            each._replace(
                target=functools.partial(target, each),
                target_key=functools.partial(str, (key, each.name)),
            )
            for each in usual.objectives
        ]
        return dataclasses.replace(usual, objectives=objectives, known=known)

    def of(own):
        make = functools.partial(own.known_target, x=SCENE)
        return [own.targets_under(number, {}, make) for number in range(len(SHIFTS))]

    def targets(key):
        return of(problem(key))

    known: dict = {}
    first = targets(0)
    assert len(known) == len(made) <= KNOWN
    again = targets(0)
    assert len(known) == len(made)
    tf.nest.map_structure(np.testing.assert_array_equal, first, again)
    tf.nest.map_structure(np.testing.assert_array_equal, first, of(usual))
    for key in range(1, KNOWN):
        targets(key)
    assert len(known) == KNOWN
    made.clear()
    targets(0)
    assert made


def test_targets_of_a_transform_are_a_row_of_all(network):
    problem, made = tiny(network), {}
    make = functools.partial(problem.known_target, x=SCENE)
    every = problem.targets(SCENE)
    for number in range(len(SHIFTS)):
        found = problem.targets_under(number, made, make)
        for objective, own, targets in zip(
            problem.objectives, found, every, strict=True
        ):
            row = problem.transforms.distinct(objective.depends_on)[1][number]
            for one, other in zip(*map(tf.nest.flatten, (own, targets)), strict=True):
                np.testing.assert_allclose(one, other[row : row + 1], 1e-4, 1e-6)
    assert len(made) == len(SHIFTS) + len(problem.objectives) - 1  # content moves


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_a_target_is_made_when_a_step_needs_it(network, steps):
    problem, made = tiny(network, steps=steps), []

    def target(objective, *inputs):
        made.append(objective.name)
        return objective.target(*inputs)

    objectives = [
        each._replace(target=functools.partial(target, each))
        for each in problem.objectives
    ]
    watched = dataclasses.replace(problem, objectives=objectives)
    traces: dict = {}
    optimize(problem, lambda *_: SCENE, traces=traces)  # or there is time for others
    result = optimize(watched, lambda *_: SCENE, traces=traces)
    drawn = {int(problem.transform_number(0, i)) for i in range(steps)}
    assert made.count("content") == len(drawn) and made.count("style") == 1
    same = optimize(problem, lambda *_: SCENE)
    assert same.x.tobytes() == result.x.tobytes()


def test_running_eagerly_gives_the_same(network):
    problem = tiny(network, steps=3)
    values = problem.canvas.encode(SCENE)
    state = problem.optimizer.init(values)
    constants = problem.canvas.constants(tf.shape(SCENE))
    values, _, losses = problem.descend(
        values, state, problem.targets(SCENE), constants, 0, 0, 3
    )
    result = optimize(problem, lambda *_: SCENE)
    np.testing.assert_allclose(
        problem.canvas.decode(values, tf.shape(SCENE)), result.x, atol=1e-4
    )
    np.testing.assert_allclose(losses[:, 1], result.losses["style"], rtol=1e-4)


class Octave(tf.Module):
    """One octave as TF Serving would hold it: bytes to bytes, state only in tensors."""

    def __init__(self, problem, network):
        super().__init__()
        self.problem, self.network = problem, network

    @tf.function(
        input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int32)]
    )
    def __call__(self, content_bytes, steps):
        image = tf.io.decode_png(content_bytes, channels=3)
        image = tf.cast(image, tf.float32)[tf.newaxis] / 255
        problem, shape = self.problem, tf.shape(image)
        values = problem.canvas.encode(image)
        values, _, losses = problem.descend(
            values,
            problem.optimizer.init(values),
            problem.targets(image),
            problem.canvas.constants(shape),
            0,
            0,
            steps,
        )
        image = problem.canvas.decode(values, shape)[0]
        png = tf.io.encode_png(tf.cast(tf.round(image * 255), tf.uint8))
        return {"image_bytes": png, "losses": losses}


def test_an_octave_runs_as_a_saved_model_without_this_package(network, tmp_path):
    problem = tiny(network, steps=4)
    module = Octave(problem, network)
    model = tmp_path / "model"
    tf.saved_model.save(module, str(model))
    for number, scene in enumerate([SCENE, picture(33, 41, 2)]):
        levels = tf.cast(tf.round(scene[0] * 255), tf.uint8)
        (tmp_path / f"{number}.png").write_bytes(tf.io.encode_png(levels).numpy())
        (tmp_path / f"{number}.own").write_bytes(
            module(tf.io.encode_png(levels), 4)["image_bytes"].numpy()
        )
    program = f"""
import sys, pathlib, tensorflow as tf
sys.modules["keras"] = sys.modules["vectormix_tf"] = None
model = tf.saved_model.load({str(model)!r})
for number in range(2):
    file = pathlib.Path({str(tmp_path)!r}) / f"{{number}}.png"
    made = model(tf.constant(file.read_bytes()), tf.constant(4))
    assert made["losses"].shape == (4, 4)
    file.with_suffix(".out").write_bytes(made["image_bytes"].numpy())
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
    for number in range(2):
        out, own = (
            tf.io.decode_png((tmp_path / f"{number}.{ending}").read_bytes())
            for ending in ("out", "own")
        )
        assert np.abs(out.numpy().astype(int) - own.numpy()).max() <= 1


def test_a_run_that_is_not_shifted_looks_straight_ahead():
    assert bowl().transforms is NO_TRANSFORM
    np.testing.assert_array_equal(NO_TRANSFORM.shift, [[0, 0]])
    assert NO_TRANSFORM[1:] == (None, None, None)


def test_runs_that_differ_in_their_targets_alone_may_share_a_trace():
    traced, traces = [], {}

    def toward(aim):
        def squares(x, observed, target):
            if not tf.executing_eagerly():
                traced.append(aim)
            return tf.reduce_sum((x - target) ** 2)

        aims = tf.constant(aim)
        objective = Objective(
            "t", lambda observe, x: aims, squares, lambda sums, target: sums
        )
        return dataclasses.replace(bowl(steps=200), objectives=[objective])

    results = [optimize(toward(aim), zeros, traces=traces).x for aim in (1.0, 3.0)]
    np.testing.assert_allclose(results[0], np.full_like(results[0], 1), atol=0.02)
    np.testing.assert_allclose(results[1], np.full_like(results[1], 3), atol=0.02)
    assert traced == [1.0] and len(traces) == 1
    optimize(toward(1.0), zeros)
    assert len(traced) == 2
