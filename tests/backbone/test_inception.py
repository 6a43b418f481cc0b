"""InceptionV3 without Keras' layers, against Keras' own network."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vectormix_tf.backbone import inception
from vectormix_tf.backbone import load as networks
from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.backbone.inception import Inception
from vectormix_tf.config.backbones import BACKBONES

KIND = BACKBONES["inception_v3"]


@pytest.fixture(scope="module")
def untrained():
    return networks.untrained("inception_v3")


def test_its_layers_and_their_geometry_are_keras(untrained):
    _, info = untrained
    assert list(info.items()) == list(inception.geometry().items())
    assert tuple(info) == KIND.layers


def test_its_kernels_are_keras(untrained):
    network, _ = untrained
    shapes = [tuple(layer.kernel.shape) for layer in networks._convolutions(network)]
    assert inception.kernels() == shapes


@pytest.mark.parametrize("size", [(75, 75), (76, 131), (301, 257)])
def test_its_layers_have_the_sizes_of_keras(size, untrained):
    network, _ = untrained
    shapes = network.compute_output_shape((1, *size, 3))
    sizes = {name: tuple(shape[1:3]) for name, shape in shapes.items()}
    assert inception.sizes(*size) == sizes


@pytest.mark.parametrize("last", ["conv1a", "conv4a", "mixed3", "mixed5"])
def test_its_costs_are_counted_as_those_of_keras_layers(last):
    network, _ = networks.load("bundled", layers=[last])
    model = networks.cut(network, [last])
    assert inception.densities(last) == pytest.approx(networks.densities(model))


def test_its_activations_are_those_of_keras_layers():
    small = np.random.default_rng(0).uniform(-1, 1, [1, 97, 134, 3])
    network, info = networks.load("bundled")  # up to the classes
    model, ours = networks.load_inception("bundled")
    assert list(ours) == list(info)
    theirs, ours = network(small), model(small, info)
    for name in info:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_it_is_not_differentiated_by_its_weights():
    extractor = Extractor(["conv1a", "mixed0"])
    image = tf.random.stateless_uniform([1, 80, 80, 3], [0, 0])
    with tf.GradientTape() as tape:
        tape.watch(image)
        found = extractor(image)["mixed0"]
    assert np.isfinite(tape.gradient(found, image)).all()
    network = Inception([(np.ones([3, 3, 3, 32]), np.ones([32]))])
    with tf.GradientTape() as tape:
        tape.watch(variables := list(network.weights[0]))
        found = network(image, ["conv1a"])["conv1a"]
    assert tape.gradient(found, variables) == [None, None]


def test_it_ends_at_the_last_layer_asked_for():
    [(kernel, bias)] = networks.load_inception("bundled", ["conv1a"])[0].weights[:1]
    short = Inception([(kernel, bias)])  # has no weights for what follows
    assert set(short(np.zeros([1, 75, 75, 3]), ["conv1a"])) == {"conv1a"}


def test_keras_is_not_asked_to_build_it(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError

    monkeypatch.setattr(keras.applications, "InceptionV3", refuse)
    networks._named_inception.cache_clear()
    assert set(Extractor(["mixed2", "mixed8"]).info) == {"mixed2", "mixed8"}
