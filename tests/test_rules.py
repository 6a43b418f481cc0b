"""Rules against their papers' formulas, written again with NumPy."""

import numpy as np
import tensorflow as tf

from vectormix_tf import rules


def test_adam_walks_the_papers_path_with_a_falling_rate():
    gradients = np.random.default_rng(0).normal(size=[6, 5])
    rate, final, b1, b2, eps = 0.3, 0.1, 0.9, 0.999, 1e-8
    rule = rules.adam(rate, final)
    values = tf.zeros([5])
    state = rule.init(values)
    mean = square = expected = np.zeros(5)
    for t, gradient in enumerate(gradients):
        done = t / len(gradients)
        step, state = rule.update(tf.constant(gradient, tf.float32), state, done)
        values += step
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        corrected = mean / (1 - b1 ** (t + 1))
        spread = np.sqrt(square / (1 - b2 ** (t + 1))) + eps
        expected = expected - rate * (1 - (1 - final) * done) * corrected / spread
        np.testing.assert_allclose(values, expected, atol=1e-5)


def test_adam_does_not_depend_on_the_scale_of_the_loss():
    gradient = tf.constant([1.0, -2.0, 3.0])
    rule = rules.adam(0.1)
    step, _ = rule.update(gradient, rule.init(gradient), 0.0)
    scaled, _ = rule.update(gradient * 1e3, rule.init(gradient), 0.0)
    np.testing.assert_allclose(step, scaled, rtol=1e-5)


def test_normalized_descent_takes_steps_of_one_length():
    gradient = tf.random.stateless_normal([1, 8, 8, 3], [0, 1]) * 1e-4
    rule = rules.normalized_descent(0.02)
    step, state = rule.update(gradient, rule.init(gradient), 0.5)
    assert state == ()
    np.testing.assert_allclose(np.std(step), 0.02, rtol=1e-4)
    assert np.all(np.sign(step) == -np.sign(gradient))


def test_a_gradient_that_vanishes_moves_nothing():
    gradient = tf.zeros([1, 4, 4, 3])
    for rule in (rules.normalized_descent(0.02), rules.adam(0.1)):
        step, _ = rule.update(gradient, rule.init(gradient), 0.0)
        np.testing.assert_array_equal(step, 0)
