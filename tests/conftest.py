"""What several test files need."""

import pathlib
import shutil
import signal
import socket
import subprocess
import time

import hypothesis
import numpy as np
import pytest
from s3 import new_bucket

# The same examples in each run, and no time limit for slow machines.
hypothesis.settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None
)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_the_user(tmp_path_factory):
    """What is measured on this machine for a test is kept for no one else.

    Nor are graphs, for tests replace parts of the package that no key knows of.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VECTORMIX_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("VECTORMIX_GRAPHS", "0")
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_are_not_ignored():
    """What starts tests in the background or by `nohup` ignores some of them."""
    for name, handler in (
        ("SIGINT", signal.default_int_handler),
        ("SIGHUP", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


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


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory):
    """Folder of a small model with all signatures; its version is 3."""
    import toy

    folder = tmp_path_factory.mktemp("models") / "toy"
    toy.save(str(folder / "3"))
    return folder


@pytest.fixture(scope="session")
def server(toy_model):
    """Our own server, in this process."""
    pytest.importorskip("tensorflow_serving.apis")
    from vectormix_tf.server.model import ServedModel
    from vectormix_tf.server.server import Server

    model = ServedModel(toy_model, "vectormix", 4)
    with Server(model, max_bytes=1 << 20) as running:
        yield running


@pytest.fixture(scope="session")
def binary(toy_model):
    """Addresses of TensorFlow Serving's own server, by transport."""
    path = shutil.which("tensorflow_model_server")
    if path is None:
        pytest.skip("there is no tensorflow_model_server on PATH")
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    flags = [f"--port={ports[0]}", f"--rest_api_port={ports[1]}"]
    flags += ["--model_name=vectormix", f"--model_base_path={toy_model}"]
    process = subprocess.Popen([path, *flags])
    addresses = {
        "grpc": f"grpc://127.0.0.1:{ports[0]}",
        "rest": f"http://127.0.0.1:{ports[1]}",
    }
    from vectormix_tf.client import runs as client

    for _ in range(100):
        try:
            client.connect(addresses["rest"]).status()
            break
        except client.ServerError:
            time.sleep(0.2)
    yield addresses
    process.terminate()
    process.wait(30)


@pytest.fixture(params=["grpc", "rest", "binary grpc", "binary rest"])
def address(request):
    """Of each server over each transport."""
    *binary, transport = request.param.split()
    if binary:
        return request.getfixturevalue("binary")[transport]
    return getattr(request.getfixturevalue("server"), transport)


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium():
    """A browser, for the tests of pages; they are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = [path for path in map(shutil.which, BROWSERS) if path]
    if not found:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on PATH")
    with playwright.sync_playwright() as started:
        # Its sandbox does not work as root, as which containers run tests.
        options = {"executable_path": found[0], "args": ["--no-sandbox"]}
        with started.chromium.launch(**options) as browser:
            yield browser


@pytest.fixture
def own_graphs():
    """Keeps graphs of a test, which may change what they are made of, from others.

    Returns:
        A function that forgets all graphs that recipes keep.
    """
    from vectormix_tf.backbone import extractor, graphs
    from vectormix_tf.objectives import matching
    from vectormix_tf.recipes import dream, mix

    caches = mix._shared, dream._traces, extractor._kept, matching._preparation

    def forget():
        graphs.settle()
        for each in caches:
            each.cache_clear()

    forget()
    yield forget
    forget()


@pytest.fixture
def kept_graphs(tmp_path, monkeypatch, own_graphs):
    """Folder of graphs that are kept; a test's `own_graphs()` is another process."""
    monkeypatch.setenv("VECTORMIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("VECTORMIX_GRAPHS")
    yield tmp_path / "cache" / "graphs"
    own_graphs()  # before the folder changes


@pytest.fixture(scope="session")
def moto():
    """URL of a server that imitates S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto, monkeypatch):
    """Address of an empty bucket."""
    return new_bucket(moto, monkeypatch)


@pytest.fixture
def pool_here(monkeypatch):
    """Batches are made in this very process, whatever their workers are."""
    from pool_here import PoolHere

    from vectormix_tf.batches import cluster, run

    monkeypatch.setattr(run, "ProcessPool", PoolHere)
    monkeypatch.setattr(cluster, "RayPool", PoolHere)
