"""Tone, exactly: the luma of large areas, as NumPy computes it."""

import numpy as np
import pytest
import tensorflow as tf
from identity import value

from vectormix_tf.objectives.tone import AREAS, FLAT, LUMA, tone
from vectormix_tf.ops.border import PADDING, pad

SIZE = 2 * AREAS, 4 * AREAS  # areas of 4 x 4 pixels


def blocks(seed, low=0.2, high=0.8):
    """Areas of one color each, larger than those of the tone; [1, H, W, 3]."""
    colors = np.random.default_rng(seed).uniform(low, high, (1, 2, 4, 3))
    return np.float32(np.kron(colors, np.ones((1, AREAS, AREAS, 1))))


def tone_of(reference, image):
    return value(tone(lambda size: tf.constant(reference)), *map(pad, (image, image)))


def test_the_reference_itself_has_none():
    assert tone_of(blocks(0), blocks(0)) == 0


def test_it_is_the_mean_squared_difference_of_luma_relative_to_its_variance():
    reference, image = blocks(0), blocks(1)
    luma, other = reference @ np.float32(LUMA), image @ np.float32(LUMA)
    expected = ((luma - other) ** 2).mean() / (luma.var() + FLAT)
    assert tone_of(reference, image) == pytest.approx(expected, rel=1e-4)


def test_it_does_not_depend_on_the_size_of_the_picture():
    reference, image = blocks(0), blocks(1)
    large = [
        np.kron(each, np.ones((1, 3, 3, 1), np.float32)) for each in (reference, image)
    ]
    assert tone_of(*large) == pytest.approx(tone_of(reference, image), rel=1e-4)


def test_fine_detail_and_color_are_free():
    reference = blocks(0)
    checkers = np.indices(SIZE).sum(0)[None, ..., None] % 2 * 0.2 - 0.1
    hue = np.float32([1 / LUMA[0], -1 / LUMA[1], 0]) * 0.1  # without luma
    assert tone_of(reference, np.float32(reference + checkers)) < 1e-4
    assert tone_of(reference, reference + hue) < 1e-8
    assert tone_of(reference, reference + np.float32(0.1)) > 0.1


def test_a_reference_of_one_color_has_a_finite_gradient():
    flat, x = np.full((1, *SIZE, 3), 0.5, np.float32), tf.constant(pad(blocks(0)))
    objective = tone(lambda size: tf.constant(flat))
    target = objective.target(None, x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = objective.loss(objective.sums(x, {}, ()), target)
    gradient = tape.gradient(loss, x).numpy()
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0
    border = gradient.copy()
    border[:, PADDING:-PADDING, PADDING:-PADDING] = 0
    assert not border.any()  # the reflected padding is not looked at


def test_the_reference_of_a_large_picture_is_made_no_larger_than_needed(monkeypatch):
    image, asked = blocks(2), []

    def reference(size):
        asked.append(tuple(size.numpy()))
        factor = int(image.shape[1] // size[0])
        return tf.constant(image[:, ::factor, ::factor])

    x = pad(tf.constant(image))
    monkeypatch.setattr("vectormix_tf.objectives.tone.LARGE", image.shape[2] // 2)
    areas, _ = tone(reference).target(None, x)
    assert asked == [(image.shape[1] // 2, image.shape[2] // 2)]
    monkeypatch.undo()
    whole, _ = tone(reference).target(None, x)
    assert asked[1] == image.shape[1:3]
    np.testing.assert_allclose(areas, whole, atol=1e-6)
