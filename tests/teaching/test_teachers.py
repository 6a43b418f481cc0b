"""Teachers: what they tell, and files that are none."""

import numpy as np
import pytest
import tensorflow as tf
from mistakes import refusal, unreachable
from teaching_toy import SIZE, lite0_arrays, save_lite0

from vectormix_tf.backbone.environment import keras
from vectormix_tf.teaching import sources, teachers

PLAN = teachers.EFFICIENTNET
ODD = SIZE + 17  # where padding is not that of even sizes


def image(size, batch=1):
    drawn = np.random.default_rng(0).random((batch, size, size, 3))
    return tf.constant(drawn, tf.float32)


def check_activations(seen, size):
    """Asserts that activations are as large as the plan says."""
    grids = PLAN.grids(size)
    for name in PLAN.wanted:
        cells = grids[name].cells
        assert seen[name].shape == (1, cells, cells, PLAN.channels(name)), name
    assert seen["logits"].shape == (1, teachers.CLASSES)


@pytest.fixture(scope="module")
def b0(tmp_path_factory):
    """Keras' EfficientNetB0 with random weights, and the path of their file."""
    network = keras.applications.EfficientNetB0(
        weights=None, classifier_activation=None, input_shape=(ODD, ODD, 3)
    )
    path = str(tmp_path_factory.mktemp("b0") / "b0.weights.h5")
    network.save_weights(path)
    return network, path


def test_a_file_of_lite0_is_read_and_has_the_activations_of_the_plan(tmp_path):
    path = save_lite0(tmp_path / "teacher.npz")
    teacher = teachers.load(path, ODD)
    check_activations(teacher(image(ODD)), ODD)


def test_lite0_is_what_keras_layers_compute():
    """The first block with an expansion, and the classes, by Keras' layers."""
    arrays, x = lite0_arrays(), image(SIZE)
    seen = teachers.lite0(arrays)(x)
    layers, relu6 = keras.layers, keras.activations.relu6

    def conv(x, name, stride=1, activation=None, kind=layers.Conv2D, **options):
        if kind is layers.Conv2D:
            options["filters"] = arrays[f"{name}/k"].shape[-1]
        side = arrays[f"{name}/k"].shape[0]
        layer = kind(kernel_size=side, strides=stride, padding="same", **options)
        layer.build(x.shape)
        layer.set_weights([arrays[f"{name}/k"], arrays[f"{name}/b"]])
        return layer(x) if activation is None else activation(layer(x))

    depthwise = {"activation": relu6, "kind": layers.DepthwiseConv2D}
    x = conv((x * 255 - 127) / 128, "stem", 2, relu6)
    x = conv(conv(x, "0/d", **depthwise), "0/p")
    x = conv(x, "1/e", activation=relu6)
    np.testing.assert_allclose(seen["e1"], x, rtol=1e-4, atol=1e-4)
    x = conv(conv(x, "1/d", 2, **depthwise), "1/p")
    inner = conv(conv(x, "2/e", activation=relu6), "2/d", **depthwise)
    np.testing.assert_allclose(seen["o2"], x + conv(inner, "2/p"), rtol=1e-4, atol=1e-4)
    mean = seen["head"].numpy().mean((1, 2))
    logits = mean @ arrays["fc/k"] + arrays["fc/b"]
    np.testing.assert_allclose(seen["logits"], logits, rtol=1e-3, atol=1e-4)


def test_a_keras_file_of_efficientnetb0_teaches_what_keras_computes(b0):
    network, path = b0
    seen = teachers.load(path, ODD)(image(ODD))
    check_activations(seen, ODD)
    expected = network(image(ODD) * 255, training=False)
    np.testing.assert_allclose(seen["logits"], expected, rtol=1e-4, atol=1e-5)


def test_the_download_of_keras_is_normalized_by_deviations(monkeypatch):
    """Its file holds deviations in place of variances, which Keras corrects itself."""
    build, deviation = (
        keras.applications.EfficientNetB0,
        np.float32([0.229, 0.224, 0.225]),
    )
    made = []

    def downloaded(weights=None, **options):
        network = build(weights=None, **options)
        if weights == "imagenet":
            made.append((network, normalization(network)))
            made[0][1].adapt_mean.assign(np.full(3, 0.45))
            made[0][1].adapt_variance.assign(deviation)
        return network

    def normalization(network):
        kind = keras.layers.Normalization
        (found,) = (layer for layer in network.layers if isinstance(layer, kind))
        return found

    monkeypatch.setattr(keras.applications, "EfficientNetB0", downloaded)
    seen = teachers.load("imagenet", 224)(image(224))
    ((whole, norm),) = made
    norm.adapt_variance.assign(deviation**2)
    norm.finalize_state()
    expected = whole(image(224) * 255, training=False)
    np.testing.assert_allclose(tf.nn.softmax(seen["logits"]), expected, rtol=1e-3)


@pytest.mark.parametrize("name", ["x.npz", "x.h5", "x.weights.h5", "x.keras"])
@pytest.mark.parametrize("data", [b"", b"hello" * 99])
def test_a_file_that_is_no_teacher_is_one_line_with_the_formats(name, data, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    said = refusal(teachers.load, str(path), SIZE)
    assert str(path) in said and said.endswith(sources.FORMATS)


def test_arrays_of_another_network_are_told_by_name(tmp_path):
    arrays, path = lite0_arrays(), str(tmp_path / "teacher.npz")
    del arrays["3/d/k"]
    np.savez(path, **arrays)
    assert "3/d/k has nothing" in refusal(teachers.load, path, SIZE)
    arrays["3/d/k"] = np.zeros((3, 3, 144, 1))
    np.savez(path, **arrays)
    said = refusal(teachers.load, path, SIZE)
    assert "(3, 3, 144, 1) in place of (5, 5, 144, 1)" in said
    arrays = lite0_arrays() | {"fc/b": np.full(1000, np.nan)}
    np.savez(path, **arrays)
    assert "not finite" in refusal(teachers.load, path, SIZE)


def test_a_download_that_fails_is_one_line(monkeypatch):
    build = keras.applications.EfficientNetB0

    def offline(weights=None, **options):
        return unreachable() if weights else build(weights=None, **options)

    monkeypatch.setattr(keras.applications, "EfficientNetB0", offline)
    said = refusal(teachers.load, "imagenet", SIZE)
    assert "URL fetch failure" in said and "connect to the network once" in said


def test_what_is_no_teacher_is_known_without_tensorflow(tmp_path):
    (tmp_path / "photo.png").write_bytes(b"")
    assert "no file" in refusal(sources.check, "nobody")
    assert "another ending" in refusal(sources.check, str(tmp_path / "photo.png"))
    sources.check("imagenet")
