"""The lesson: what is wanted, what a step does, what is written."""

import importlib.resources
import math

import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from teaching_toy import SIZE

from vectormix_tf.backbone import folded, load
from vectormix_tf.config.teach import TeachSettings
from vectormix_tf.teaching import lesson, pupil
from vectormix_tf.teaching.lesson import AdamW, divergence, into_ball, length
from vectormix_tf.teaching.teachers import EFFICIENTNET

DRAWN = np.random.default_rng(0)


# --- Parts ----------------------------------------------------------------------------


def test_attacks_beyond_the_ball_are_shortened_and_those_inside_stay():
    attacks = DRAWN.normal(size=(3, 8, 8, 3)).astype(np.float32)
    attacks *= np.float32([0.01, 1, 100])[:, None, None, None]
    norms = np.sqrt((attacks.astype(float) ** 2).sum((1, 2, 3), keepdims=True))
    expected = attacks * np.minimum(1, 2 / norms)
    np.testing.assert_allclose(into_ball(attacks, 2.0), expected, rtol=1e-5)
    np.testing.assert_allclose(length(attacks), norms, rtol=1e-5)
    assert not into_ball(attacks, 0.0).numpy().any()


def test_the_divergence_is_kullback_and_leibler_s():
    told, wanted = DRAWN.normal(size=(2, 5, 7)) * 3
    softened = [special.softmax(x / 2, -1) for x in (told, wanted)]
    expected = special.rel_entr(softened[1], softened[0]).sum(-1).mean() * 4
    np.testing.assert_allclose(divergence(told, wanted), expected, rtol=1e-6)
    assert divergence(told, told).numpy() == 0


def test_the_path_of_adamw_is_the_paper_s():
    """Algorithm 2 of Loshchilov and Hutter 2019; vectors do not decay."""
    values = [DRAWN.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2,))]
    variables = [tf.Variable(value) for value in values]

    class Parameter:
        def __init__(self, value):
            self.value = value

    optimizer = AdamW([Parameter(variable) for variable in variables])
    moments = [[0.0, 0.0] for _ in values]
    for count in range(1, 5):
        rate, gradients = 0.1 / count, [DRAWN.normal(size=v.shape) for v in values]
        optimizer.apply([tf.constant(g, tf.float32) for g in gradients], rate)
        for i, gradient in enumerate(gradients):
            mean, square = moments[i]
            moments[i] = mean, square = (
                0.9 * mean + 0.1 * gradient,
                0.99 * square + 0.01 * gradient**2,
            )
            if values[i].ndim > 1:
                values[i] = values[i] * (1 - rate * 0.02)
            deviation = np.sqrt(square / (1 - 0.99**count)) + 1e-8
            values[i] = values[i] - rate * mean / (1 - 0.9**count) / deviation
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4)


def test_the_rate_rises_then_falls_and_the_ball_grows():
    plain = TeachSettings(learning_rate=0.01, eps=2.0, size=80)
    rates = [lesson.rate_at(share / 100, plain) for share in range(101)]
    top = int(np.argmax(rates))
    assert top == 5 and sorted(rates[:6]) == rates[:6]
    assert sorted(rates[5:], reverse=True) == rates[5:]
    assert max(rates) == pytest.approx(0.01, rel=0.01) and rates[-1] < 1e-5
    radii = [lesson.radius_at(share, plain) for share in (0, 0.13, 0.265, 0.4, 1)]
    assert radii == pytest.approx([0, 0, 0.5, 1, 1])  # 2 at 160 pixels is 1 at 80
    going_on = TeachSettings(weights="bundled", learning_rate=0.01, eps=2.0, size=80)
    assert lesson.radius_at(0, going_on) == 1
    share = lesson.rate_at(0.05, going_on) / lesson.rate_at(0.05, plain)
    assert share == pytest.approx(0.3, rel=0.01)


# --- Steps ----------------------------------------------------------------------------


def test_what_is_wanted_is_the_teacher_s_standardized(toy):
    """Over many crops each channel has about the mean 0 and the deviation 1."""
    batches = [toy.lesson.prepare(number) for number in range(12)]
    for layer in ("mixed0", "mixed5", "mixed7"):
        wants = np.concatenate([batch.wants[layer] for batch in batches])
        assert wants.shape[-1] == sum(
            map(EFFICIENTNET.channels, EFFICIENTNET.taps[layer])
        )
        assert abs(wants.mean()) < 0.2
        assert 0.5 < wants.std() < 1.3
        assert np.abs(wants).max() <= lesson.MOST
    again = toy.lesson.prepare(3)
    np.testing.assert_array_equal(again.image, batches[3].image)
    assert np.any(batches[2].image != batches[3].image)
    assert 0 <= np.min(again.image) < np.max(again.image) <= 1


def test_losses_fall_on_a_batch_that_is_seen_again(toy):
    batch = toy.lesson.prepare(0)
    none = tf.zeros_like(batch.image)
    rows = [toy.lesson.update(batch, none, 0.0, 1e-3)[0] for _ in range(6)]
    first, last = rows[0][:-1], rows[-1][:-1]
    assert last[:-1].sum() < 0.9 * first[:-1].sum()
    assert last[-1] < first[-1]
    assert toy.lesson.step == 6


def test_a_replay_attacks_where_the_pupil_is_most_wrong(toy):
    batch, radius = toy.lesson.prepare(0), 0.05  # nearly linear
    none = tf.zeros_like(batch.image)
    for _ in range(3):  # so that there is something to attack
        toy.lesson.update(batch, none, 0.0, 1e-3)
    clean, attack = toy.lesson.update(batch, none, radius, 0.0)
    np.testing.assert_allclose(length(attack)[:, 0, 0, 0], radius, rtol=1e-4)
    attacked, attack = toy.lesson.update(batch, attack, radius, 0.0)
    away, _ = toy.lesson.update(batch, -attack, radius, 0.0)
    weights = np.array([*[1] * len(EFFICIENTNET.taps), lesson.CLASSES_WEIGHT, 0])
    assert attacked @ weights > clean @ weights
    assert attacked @ weights > away @ weights
    assert length(attack).numpy().max() <= radius * (1 + 1e-5)


def test_the_running_mean_follows_the_weights(toy):
    parameter = toy.lesson.pupil.parameters[0]
    start, seen = parameter.numpy(), []
    batch = toy.lesson.prepare(0)
    expected = start.astype(float)
    for count in (1, 2, 3):
        toy.lesson.update(batch, tf.zeros_like(batch.image), 0.0, 1e-3)
        seen.append(parameter.numpy())
        part = 1 - count / (count + lesson.RAMP)
        expected += part * (seen[-1] - expected)
    mean = toy.lesson.means[parameter.path].numpy()
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-7)
    assert np.abs(mean - seen[-1]).max() > 0


def test_at_its_phase_the_normalization_is_frozen_and_the_mean_begins_anew(
    toy, monkeypatch
):
    taught, seen = toy.lesson, []

    def update(batch, attack, radius, rate):
        seen.append((taught.frozen, radius, float(length(attack).numpy().max())))
        return np.zeros(12), attack

    monkeypatch.setattr(taught, "update", update)
    taught.averaged = 9
    for variable in taught.means.values():
        variable.assign(variable + 1)
    assert taught.teach(0.77, 4).shape == (2, 12)  # two replays
    assert taught.teach(0.79, 1).shape == (1, 12)  # the last step of a lesson
    assert [frozen for frozen, *_ in seen] == [False, False, True]
    radius = 3 * SIZE / 160
    assert [r for _, r, _ in seen] == pytest.approx([radius] * 3)
    assert 0 < max(length for *_, length in seen) <= radius * (1 + 1e-5)
    assert taught.averaged == 0 and taught.batch == 2
    for variable in taught.pupil.own:
        np.testing.assert_array_equal(taught.means[variable.path], variable.numpy())


# --- What is written ------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(shared_toy, tmp_path_factory):
    """Path of weights after a few steps; the lesson's network then has the same."""
    shared_toy.reset()
    taught = shared_toy.lesson
    taught.teach(0.1, 1)
    taught.teach(0.5, 2)
    for variable in taught.pupil.own:
        variable.assign(taught.means[variable.path])
    path = tmp_path_factory.mktemp("written") / "weights.npz"
    path.write_bytes(folded.encode(taught.folded()))
    image = tf.constant(DRAWN.random((1, SIZE, SIZE, 3)), tf.float32)
    told = taught.pupil.model(image * 2 - 1, training=False)["logits"].numpy()
    return str(path), image, told


def test_the_file_gives_the_logits_of_the_pupil(written):
    path, image, told = written
    network, info = load.load(path)
    assert list(info)[-1] == "logits"
    read = network(image * 2 - 1)["logits"].numpy()
    assert told.std() > 0
    # Rounded to float16.
    assert np.abs(read - told).max() < 0.02 * np.abs(told).max()


def test_equal_weights_are_equal_bytes_in_the_bundled_format(written, tmp_path):
    path, *_ = written
    with np.load(path) as data:
        arrays = dict(data)
    names = {f"conv_{i:02d}/{n}" for i in range(95) for n in ("kernel", "bias")}
    assert set(arrays) == names
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert arrays["conv_94/kernel"].shape == (1, 1, 2048, 1000)
    pairs = [
        (arrays[f"conv_{i:02d}/kernel"], arrays[f"conv_{i:02d}/bias"])
        for i in range(95)
    ]
    (tmp_path / "again.npz").write_bytes(folded.encode(pairs))
    with open(path, "rb") as file:
        assert (tmp_path / "again.npz").read_bytes() == file.read()


def test_a_pupil_goes_on_from_the_file_of_another(written):
    path, image, _ = written
    drawn = np.random.default_rng(0)
    other = pupil.Pupil(EFFICIENTNET, "float32", drawn, path)
    assert other.folds
    network, _ = load.load(path)
    expected = network(image * 2 - 1)["logits"]
    for training in (False, True):  # nothing is left to normalize
        told = other.model(image * 2 - 1, training=training)["logits"]
        np.testing.assert_allclose(told, expected, rtol=1e-3, atol=1e-5)
    assert len(other.parameters) == 2 * (95 + len(EFFICIENTNET.taps))
    again = other.fold({each.path: each.numpy() for each in other.own})
    with np.load(path) as data:
        kernel = np.float32(data["conv_07/kernel"])
    np.testing.assert_allclose(again[7][0], kernel, rtol=1e-5)


def test_layers_that_weights_do_not_reach_are_normalized_and_random():
    drawn, reached = np.random.default_rng(0), 50
    with importlib.resources.as_file(load.EARLIER["mixed5"]) as path:
        begun = pupil.Pupil(EFFICIENTNET, "bfloat16", drawn, str(path))
    assert not begun.folds
    normalized = [norm.trainable for norm in begun.norms]
    assert normalized == [False] * reached + [True] * (94 - reached)
    kernel = begun.convolutions[60].kernel.numpy()
    assert kernel.dtype == np.float32
    wanted = math.sqrt(2 / np.prod(kernel.shape[:-1]))
    assert kernel.std() == pytest.approx(wanted, rel=0.05)
