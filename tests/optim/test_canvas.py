"""Canvases store what they are given, and move it as they say."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from vectormix_tf.optim import canvas

sides = st.integers(3, 24)


def picture(height, width, seed=0):
    drawn = np.random.default_rng(seed).uniform(0.03, 0.97, [1, height, width, 3])
    return drawn.astype(np.float32)


@settings(max_examples=25)
@given(sides, sides, st.sampled_from([1.0, 1.25, 1.5, 2.0]), st.integers(0, 999))
def test_the_fourier_canvas_gives_back_what_it_was_given(height, width, decay, seed):
    image = picture(height, width, seed)
    kind = canvas.fourier(decay)
    encode, decode = kind.encode, kind.decode
    values = encode(tf.constant(image))
    assert values.shape == (2, 3, height, width // 2 + 1)
    np.testing.assert_allclose(decode(values, tf.shape(image)), image, atol=2e-5)


def test_the_fourier_canvas_is_the_formula():
    """The formula of recipe and paper, written again with NumPy."""
    height, width, p = 6, 9, 1.5
    values = np.random.default_rng(0).normal(size=[2, 3, height, width // 2 + 1])
    rows, columns = np.fft.fftfreq(height), np.fft.rfftfreq(width)
    frequency = np.maximum(np.hypot(rows[:, None], columns), 1 / max(height, width))
    scale = 0.1 ** (p - 1) * np.sqrt(height * width) / 4 / frequency**p
    waves = (values[0] + 1j * values[1]) * scale
    planes = np.fft.irfft2(waves, (height, width))  # [3, H, W]
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]])
    matrix /= np.linalg.norm(matrix, axis=0).max()
    expected = 1 / (1 + np.exp(-np.einsum("rc,chw->hwr", matrix, planes)))
    decoded = canvas.fourier(p).decode(
        tf.constant(values, tf.float32), tf.constant([1, height, width, 3])
    )
    np.testing.assert_allclose(decoded[0], expected, atol=1e-5)


def test_the_fourier_canvas_clips_what_it_cannot_hold():
    image = np.zeros([1, 4, 4, 3], np.float32)
    image[:, :2] = 1
    kind = canvas.fourier()
    encode, decode = kind.encode, kind.decode
    back = decode(encode(tf.constant(image)), tf.shape(image)).numpy()
    np.testing.assert_allclose(back[:, :2], canvas.LIGHTEST, atol=1e-4)
    np.testing.assert_allclose(back[:, 2:], canvas.DARKEST, atol=1e-4)


def test_a_steeper_canvas_moves_broad_shapes_faster():
    image = tf.constant(np.full([1, 32, 32, 3], 0.5, np.float32))

    def moved(decay, row):
        kind = canvas.fourier(decay)
        encode, decode = kind.encode, kind.decode
        step = np.zeros(encode(image).shape, np.float32)
        step[0, 0, row, 0] = 1e-3
        change = decode(encode(image) + step, tf.shape(image)) - image
        return np.abs(change).max()

    assert moved(1.5, 1) / moved(1.5, 8) > 1.5 * moved(1.0, 1) / moved(1.0, 8)


def test_pixels_are_clipped_but_can_come_back():
    kind = canvas.pixels()
    encode, decode = kind.encode, kind.decode
    values = tf.constant(np.array([-0.5, 0.25, 1.5], np.float32).reshape(1, 1, 1, 3))
    with tf.GradientTape() as tape:
        tape.watch(values)
        image = decode(values, tf.shape(values))
        loss = tf.reduce_sum(image**2)
    np.testing.assert_array_equal(image[0, 0, 0], [0, 0.25, 1])
    np.testing.assert_array_equal(tape.gradient(loss, values)[0, 0, 0], [0, 0.5, 2])
    np.testing.assert_array_equal(encode(values), values)


@pytest.mark.parametrize("shape", [[], [3], [2, 3, 4, 5, 6]])
def test_vectors_are_stored_as_they_are(shape):
    x = tf.random.stateless_normal(shape, [0, 0]) * 100
    kind = canvas.direct()
    encode, decode = kind.encode, kind.decode
    np.testing.assert_array_equal(decode(encode(x), tf.shape(x)), x)


@pytest.mark.parametrize(("sign", "passed"), [(1, [0, 1, 1]), (-1, [-1, -1, 0])])
def test_the_gradient_passes_an_adjusted_canvas_but_not_beyond_black_and_white(
    sign, passed
):
    adjusted = canvas.adjusted(lambda values: tf.clip_by_value(values / 2, 0.0, 1.0))
    values = tf.constant(np.array([-0.5, 0.25, 3.5], np.float32).reshape(1, 1, 1, 3))
    with tf.GradientTape() as tape:
        tape.watch(values)
        image = adjusted.decode(values, tf.shape(values))
        loss = sign * tf.reduce_sum(image)
    np.testing.assert_allclose(image[0, 0, 0], [0, 0.125, 1])
    np.testing.assert_array_equal(tape.gradient(loss, values)[0, 0, 0], passed)
    np.testing.assert_array_equal(adjusted.encode(values), values)


@pytest.mark.parametrize("make", [canvas.fourier, canvas.pixels])
def test_each_image_of_a_batch_is_stored_as_it_would_be_alone(make):
    images = np.concatenate([picture(9, 12, seed) for seed in range(3)])
    options = {"decay": 1.25} if make is canvas.fourier else {}
    many, one = make(batch=3, **options), make(**options)
    values = many.encode(tf.constant(images))
    values += tf.random.stateless_normal(values.shape, [1, 2]) * 0.1
    decoded = many.decode(values, tf.constant(images.shape)).numpy()
    parts = tf.split(values, 3, axis=1 if make is canvas.fourier else 0)
    for i, part in enumerate(parts):
        assert part.shape == one.encode(images[i : i + 1]).shape
        alone = one.decode(part, tf.constant([1, 9, 12, 3]))
        np.testing.assert_allclose(decoded[i : i + 1], alone, atol=1e-6)
    assert np.abs(decoded[0] - decoded[1]).max() > 0.1


@pytest.mark.parametrize(("side", "most"), [(48, np.inf), (1102, canvas.LOUDEST)])
def test_no_place_of_a_large_fourier_picture_pulls_far_harder_than_the_others(
    side, most, monkeypatch
):
    pull = np.random.default_rng(0).normal(size=[1, side, side, 3]).astype(np.float32)
    pull[0, 3, 4] *= 100
    size = np.linalg.norm(pull, axis=-1, keepdims=True)
    bounded = pull * np.minimum(1, most * np.sqrt((size**2).mean()) / size)
    shape, kind = tf.constant([1, side, side, 3]), canvas.fourier()
    values = kind.encode(tf.constant(picture(side, side)))

    def gradient(weights):
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss = tf.reduce_sum(kind.decode(values, shape) * weights)
        return tape.gradient(loss, values).numpy()

    found = gradient(pull)
    monkeypatch.setattr(canvas, "_bounded", lambda image: image)
    wanted = gradient(bounded)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
    assert (np.abs(found - gradient(pull)).max() > 0) == (most < np.inf)
