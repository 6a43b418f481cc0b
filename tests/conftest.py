"""What several test files need."""

import pathlib

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user(tmp_path_factory):
    """What is measured on this machine for a test is kept for no one else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VECTORMIX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def root():
    """The checkout."""
    return pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="session")
def photo(root):
    """Path of a photograph."""
    return str(root / "examples/images/content_flower.jpg")


@pytest.fixture(scope="session")
def painting(root):
    """Path of a painting."""
    return str(root / "examples/images/style_langlois_bridge.jpg")


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """Keras' whole InceptionV3 with random numbers, without softmax; and their file."""
    import keras  # most tests need no network

    network = keras.applications.InceptionV3(weights=None, classifier_activation=None)
    drawn = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            beta, mean, variance = layer.get_weights()
            draw = [drawn.normal(0, 0.1, beta.shape), drawn.normal(0, 0.1, mean.shape)]
            layer.set_weights([*draw, drawn.uniform(0.5, 2, variance.shape)])
        elif layer.weights:  # as tall as ReLUs keep them: He et al. 2015
            kernel, *bias = (array.shape for array in layer.get_weights())
            scale = np.sqrt(2 / np.prod(kernel[:-1]))
            arrays = [drawn.normal(0, scale, kernel), *(drawn.random(b) for b in bias)]
            layer.set_weights(arrays)
    matrix, bias = network.get_layer("predictions").get_weights()
    network.get_layer("predictions").set_weights([matrix * 10, bias])  # no close call
    path = str(tmp_path_factory.mktemp("classes") / "classes.weights.h5")
    network.save_weights(path)
    return network, path
