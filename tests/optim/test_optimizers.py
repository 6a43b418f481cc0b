"""Rules against their papers' formulas, written again with NumPy."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.optimize
import tensorflow as tf

from vectormix_tf.optim import optimizers


def test_adam_walks_the_papers_path_with_a_falling_rate():
    gradients = np.random.default_rng(0).normal(size=[6, 5])
    rate, final, b1, b2, eps = 0.3, 0.1, 0.9, 0.999, 1e-8
    optimizer = optimizers.adam(rate, final)
    values = tf.zeros([5])
    state = optimizer.init(values)
    mean = square = expected = np.zeros(5)
    for t, gradient in enumerate(gradients):
        done = t / len(gradients)
        step, state = optimizer.update(tf.constant(gradient, tf.float32), state, done)
        values += step
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        corrected = mean / (1 - b1 ** (t + 1))
        spread = np.sqrt(square / (1 - b2 ** (t + 1))) + eps
        expected = expected - rate * (1 - (1 - final) * done) * corrected / spread
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_adam_does_not_depend_on_the_scale_of_the_loss():
    gradient = tf.constant([1.0, -2.0, 3.0])
    optimizer = optimizers.adam(0.1)
    step, _ = optimizer.update(gradient, optimizer.init(gradient), 0.0)
    scaled, _ = optimizer.update(gradient * 1e3, optimizer.init(gradient), 0.0)
    np.testing.assert_allclose(step, scaled, rtol=1e-5)


def test_normalized_descent_takes_steps_of_one_length():
    gradient = tf.random.stateless_normal([1, 8, 8, 3], [0, 1]) * 1e-4
    optimizer = optimizers.normalized_descent(0.02)
    step, state = optimizer.update(gradient, optimizer.init(gradient), 0.5)
    assert state == ()
    np.testing.assert_allclose(np.std(step), 0.02, rtol=1e-4)
    assert np.all(np.sign(step) == -np.sign(gradient))


def test_a_gradient_that_vanishes_moves_nothing():
    gradient = tf.zeros([1, 4, 4, 3])
    for optimizer in (
        optimizers.normalized_descent(0.02),
        optimizers.adam(0.1),
        optimizers.lbfgs(),
    ):
        step, _ = optimizer.update(gradient, optimizer.init(gradient), 0.0)
        np.testing.assert_array_equal(step, 0)


def test_the_first_steps_of_a_blurred_rule_are_blurred_pictures():
    """Against SciPy's filter, on the canvas that the optimizer is for."""
    size, most = (40, 48), 3.0
    picture = np.random.default_rng(0).normal(size=size)
    waves = np.fft.rfft2(picture)
    parts = tf.constant(np.stack([waves.real, waves.imag])[:, np.newaxis], tf.float32)
    plain = optimizers.Optimizer(
        lambda values: (), lambda gradient, state, done: (gradient, ())
    )
    optimizer = optimizers.blurred(plain, most, size)
    for done, sigma in ((0.0, 3.0), (0.2, 1.8), (0.5, 0.0), (0.9, 0.0)):
        step, _ = optimizer.update(parts, (), tf.constant(done))
        blurred = np.fft.irfft2(step[0, 0].numpy() + 1j * step[1, 0].numpy(), s=size)
        expected = scipy.ndimage.gaussian_filter(
            picture, sigma, mode="wrap", truncate=9
        )
        # The wave of the mean stands for the slowest one; see `frequencies`.
        np.testing.assert_allclose(
            blurred - blurred.mean(), expected - expected.mean(), atol=2e-3
        )


# --- L-BFGS ---------------------------------------------------------------------------

SIZE, CONDITION = 20, 50.0
CURVATURES = np.geomspace(1, CONDITION, SIZE)
TURN = np.linalg.qr(np.random.default_rng(3).normal(size=[SIZE, SIZE]))[0]
HESSIAN = TURN @ np.diag(CURVATURES) @ TURN.T
GOAL = np.random.default_rng(4).normal(size=SIZE)


def slope(x):
    """Gradient of (x - goal) HESSIAN (x - goal) / 2."""
    return tf.linalg.matvec(
        tf.constant(HESSIAN, tf.float32), x - tf.cast(GOAL, x.dtype)
    )


def walk(optimizer, gradient, x, steps, state=None):
    """Yields (x, gradient there, step, state after it)."""
    state = optimizer.init(x) if state is None else state
    for _ in range(steps):
        here = gradient(x)
        step, state = optimizer.update(here, state, tf.constant(0.0))
        yield x.numpy(), here.numpy(), step.numpy(), state
        x += step


def dense_direction(pairs, gradient):
    """Nocedal and Wright, equation 6.17, from the oldest pair to the newest."""
    s, y = pairs[-1]
    inverse = (s @ y) / (y @ y) * np.eye(len(s))
    for s, y in pairs:
        rho = 1 / (y @ s)
        left = np.eye(len(s)) - rho * np.outer(s, y)
        inverse = left @ inverse @ left.T + rho * np.outer(s, s)
    return -inverse @ gradient


@pytest.mark.parametrize("history", [1, 3, 20])
def test_lbfgs_steps_are_those_of_the_dense_inverse_hessian(history):
    optimizer = optimizers.lbfgs(0.7, history, first=0.1)
    path = list(walk(optimizer, slope, tf.zeros([SIZE]), 9))
    xs, gradients, steps = (np.float64([p[i] for p in path]) for i in range(3))
    for k in range(1, len(path)):
        moves, changes = (np.diff(a[: k + 1], axis=0) for a in (xs, gradients))
        pairs = list(zip(moves, changes, strict=True))
        expected = 0.7 * dense_direction(pairs[-history:], gradients[k])
        np.testing.assert_allclose(steps[k], expected, rtol=2e-3, atol=2e-4)
    assert path[-1][3][3] == len(path) - 1  # all pairs of a bowl are good


def test_lbfgs_finds_scipys_minimum_in_about_as_many_steps():
    def loss(x):
        away = x - GOAL
        return away @ HESSIAN @ away / 2

    theirs = scipy.optimize.minimize(
        loss,
        np.zeros(SIZE),
        jac=lambda x: HESSIAN @ (x - GOAL),
        method="L-BFGS-B",
        options={"maxcor": 10, "gtol": 1e-4, "ftol": 0},
    )
    path = list(walk(optimizers.lbfgs(), slope, tf.zeros([SIZE]), 2 * theirs.nit))
    mine = path[-1][0].astype(np.float64)
    np.testing.assert_allclose(mine, theirs.x, atol=1e-3)
    assert loss(mine) < 1e-6 * loss(np.zeros(SIZE))
    few = path[theirs.nit // 2][0].astype(np.float64)  # it does take that many
    assert loss(few) > 1e-6 * loss(np.zeros(SIZE))


def rosenbrock(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    return tape.gradient(loss, x)


def test_lbfgs_crosses_rosenbrocks_valley():
    optimizer = optimizers.lbfgs(first=0.1, longest=0.3)
    path = list(walk(optimizer, rosenbrock, tf.constant([-1.2, 1.0]), 120))
    steps = np.array([step for _, _, step, _ in path])
    assert np.sqrt((steps**2).mean(1)).max() < 0.3 * 1.001
    np.testing.assert_allclose(path[-1][0], [1, 1], atol=0.01)


def test_lbfgs_goes_down_a_hill_that_bends_the_wrong_way():
    """Pairs of a concave function are no use; what is left are steps of one length."""
    path = list(walk(optimizers.lbfgs(first=0.02), lambda x: -x, tf.ones([4]), 5))
    for x, _, step, state in path:
        np.testing.assert_allclose(step, 0.02 * np.sign(x), rtol=1e-5)
        assert state[3] == 0


@pytest.mark.parametrize("bend", [-1.0, 0.0, 1e-6])
def test_lbfgs_forgets_nothing_for_a_pair_that_bends_the_wrong_way_or_hardly(bend):
    optimizer = optimizers.lbfgs(history=2)
    *_, (_, _, _, state) = walk(optimizer, slope, tf.zeros([SIZE]), 4)
    last = state[-1]
    across = tf.roll(last, 1, 0)
    across -= last * tf.reduce_sum(across * last) / tf.reduce_sum(last**2)
    _, after = optimizer.update(state[-2] + across + bend * last, state, 0.0)
    for kept, now in zip(state[:4], after[:4], strict=True):
        np.testing.assert_array_equal(kept, now)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_lbfgs_takes_back_half_of_a_step_into_the_void(bad):
    optimizer = optimizers.lbfgs()
    *_, (x, _, step, state) = walk(optimizer, slope, tf.zeros([SIZE]), 4)
    back, after = optimizer.update(tf.fill([SIZE], bad), state, 0.0)
    np.testing.assert_array_equal(back, -step / 2)
    halfway = tf.constant(x + step / 2)
    path = walk(optimizer, slope, halfway, 30, after)  # and nothing else was lost
    assert all(np.isfinite(leaf).all() for leaf in tf.nest.flatten(after))
    np.testing.assert_allclose(list(path)[-1][0], GOAL, atol=1e-3)


def test_lbfgs_starts_anew_where_its_direction_leads_up():
    optimizer = optimizers.lbfgs(first=0.02)
    *_, (_, _, _, state) = walk(optimizer, slope, tf.zeros([SIZE]), 4)
    moves, changes, rho, count, before, last = state
    state = moves, changes, -1e3 * tf.abs(rho), count, before, 0 * last
    gradient = tf.random.stateless_normal([SIZE], [1, 2])
    step, state = optimizer.update(gradient, state, 0.0)
    length = np.sqrt(np.mean(gradient.numpy() ** 2))
    np.testing.assert_allclose(step, -0.02 * gradient / length, rtol=1e-5)
    assert state[3] == 0 and not np.any(state[2])


def test_lbfgs_does_not_depend_on_the_scale_of_the_loss():
    optimizer = optimizers.lbfgs()
    *_, (once, *_) = walk(optimizer, slope, tf.zeros([SIZE]), 8)
    *_, (scaled, *_) = walk(
        optimizer, lambda x: 2.0**-20 * slope(x), tf.zeros([SIZE]), 8
    )
    np.testing.assert_allclose(once, scaled, rtol=1e-3, atol=1e-4)


def test_lbfgs_stops_and_goes_on_to_the_same_bytes():
    optimizer = optimizers.lbfgs(history=3)
    x = tf.zeros([SIZE])
    whole = list(walk(optimizer, slope, x, 11))
    for stop in range(1, 10):
        at, _, step, state = whole[stop - 1]
        kept = [leaf.numpy() for leaf in tf.nest.flatten(state)]
        leaves = [tf.constant(leaf) for leaf in kept]
        state = tf.nest.pack_sequence_as(optimizer.init(x), leaves)
        *_, (end, *_) = walk(optimizer, slope, tf.constant(at) + step, 11 - stop, state)
        assert end.tobytes() == whole[-1][0].tobytes()


@pytest.mark.parametrize("shape", [[SIZE], [None]])
def test_lbfgs_runs_in_a_graph_s_loop_with_a_state_of_one_shape(shape):
    optimizer = optimizers.lbfgs(history=3)

    def body(i, x, state):
        step, state = optimizer.update(slope(x), state, 0.0)
        return i + 1, x + step, state

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)
    def run(x):
        return tf.while_loop(lambda i, *_: i < 8, body, (0, x, optimizer.init(x)))[1:]

    x, state = run(tf.zeros([SIZE]))
    *_, (before, _, step, own) = walk(optimizer, slope, tf.zeros([SIZE]), 8)
    np.testing.assert_allclose(x, before + step, rtol=1e-3, atol=1e-3)
    first = optimizer.init(x)
    for one, other, eager in zip(first, state, own, strict=True):
        assert one.shape == other.shape == eager.shape
        assert one.dtype == other.dtype == eager.dtype


def test_a_descent_over_some_axes_moves_each_image_as_if_alone():
    gradient = np.random.default_rng(0).normal(size=[2, 4, 5, 3]).astype(np.float32)
    gradient[1] *= 1000
    optimizer = optimizers.normalized_descent(0.5, final=0.2, axes=(1, 2, 3))
    step, _ = optimizer.update(tf.constant(gradient), (), 0.25)
    for image, moved in zip(gradient, step.numpy(), strict=True):
        expected = -0.5 * (1 - 0.8 * 0.25) * image / image.std()
        np.testing.assert_allclose(moved, expected, rtol=1e-5)
