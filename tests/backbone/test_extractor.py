"""InceptionV3 under stable names, with weights from three kinds of places."""

import hashlib
import io
import sys
import zipfile

import keras
import numpy as np
import pytest
from mistakes import refusal, unreachable
from PIL import Image

from vectormix_tf.backbone import extractor as extractors
from vectormix_tf.backbone import load as networks
from vectormix_tf.config.backbones import BACKBONES
from vectormix_tf.errors import InputError

INCEPTION = BACKBONES["inception_v3"]
FLOWER = "examples/images/content_flower.jpg"

# On content_flower.jpg: shape, mean, standard deviation, share of zeros; they are also
# in examples/WEIGHTS.md.
EARLIER = {
    "conv1a": ((213, 319, 32), 0.5556, 0.6463, 0.29),
    "conv2b": ((211, 317, 64), 0.5647, 0.6343, 0.28),
    "conv4a": ((103, 156, 192), 0.3331, 0.5892, 0.57),
    "mixed0": ((51, 77, 256), 0.2668, 0.5057, 0.58),
    "mixed1": ((51, 77, 288), 0.1828, 0.4478, 0.73),
    "mixed2": ((51, 77, 288), 0.1013, 0.2481, 0.71),
    "mixed3": ((25, 38, 768), 0.1062, 0.2804, 0.75),
    "mixed4": ((25, 38, 768), 0.0809, 0.2120, 0.75),
    "mixed5": ((25, 38, 768), 0.1061, 0.2284, 0.66),
}
WHOLE = {
    "conv1a": ((213, 319, 32), 0.9808, 0.9815, 0.35),
    "conv2b": ((211, 317, 64), 0.8489, 0.8319, 0.20),
    "conv4a": ((103, 156, 192), 0.4528, 0.6486, 0.43),
    "mixed0": ((51, 77, 256), 0.3645, 0.6082, 0.54),
    "mixed1": ((51, 77, 288), 0.4048, 0.6179, 0.49),
    "mixed2": ((51, 77, 288), 0.2209, 0.4709, 0.65),
    "mixed3": ((25, 38, 768), 0.3233, 0.5834, 0.56),
    "mixed4": ((25, 38, 768), 0.2155, 0.4408, 0.63),
    "mixed5": ((25, 38, 768), 0.2270, 0.4658, 0.63),
    "mixed6": ((25, 38, 768), 0.1378, 0.3531, 0.74),
    "mixed7": ((25, 38, 768), 0.0777, 0.2035, 0.72),
    "mixed8": ((12, 18, 1280), 0.1034, 0.2399, 0.68),
    "mixed9": ((12, 18, 2048), 0.1100, 0.3261, 0.81),
    "mixed10": ((12, 18, 2048), 0.0422, 0.1485, 0.84),
    "logits": ((1, 1, 1000), -7.9719, 0.6354, 0.00),
}


@pytest.fixture(scope="module")
def flower(root):
    pixels = np.asarray(Image.open(root / FLOWER).convert("RGB"), np.float32)
    return pixels[None] / 255


@pytest.fixture(scope="module")
def random_network():
    """Keras' whole InceptionV3 with every number random, as if someone taught it."""
    network = keras.applications.InceptionV3(include_top=False, weights=None)
    drawn = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            beta, mean, variance = layer.get_weights()
            draw = [drawn.normal(0, 0.1, beta.shape), drawn.normal(0, 0.1, mean.shape)]
            layer.set_weights([*draw, drawn.uniform(0.5, 2, variance.shape)])
    return network


@pytest.mark.parametrize(
    "file, digest",
    [
        (
            networks.EARLIER["mixed5"],
            "1dc9f9afff5ba70d0a18830879b36b6dcdfd6aac234ba035c2af47822f841dde",
        ),
        (
            networks.WHOLE,
            "c810c0db7a3f06491c5a05853144dbae6bf61e465b041d823c194884fc245192",
        ),
    ],
)
def test_a_bundled_file_is_the_one_that_was_measured(file, digest):
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
    notice = file.with_name("NOTICE").read_text()
    assert digest in notice.replace("\n", " ") and file.name in notice


@pytest.mark.parametrize("measured", [EARLIER, WHOLE], ids=["earlier", "whole"])
def test_the_bundled_networks_see_what_was_measured(measured, flower):
    extractor = extractors.Extractor(measured)
    for name, activations in extractor(flower).items():
        shape, mean, deviation, zeros = measured[name]
        seen = activations.numpy()
        assert seen.shape == (1, *shape)
        # Another JPEG decoder moves the fourth digit.
        assert abs(seen.mean() - mean) < 5e-4
        assert abs(seen.std() - deviation) < 5e-4
        assert abs((seen == 0).mean() - zeros) < 6e-3


def test_many_extractors_are_no_reason_to_warn(caplog):
    """TensorFlow takes traces of the same lines for those of one function."""
    image = np.zeros([1, 80, 80, 3], np.float32)
    with caplog.at_level("WARNING", "tensorflow"):
        for _ in range(7):
            extractors.Extractor(["conv1a"])(image)
    assert not caplog.records


def test_names_stay_the_same_in_the_second_model_of_a_process(flower):
    small = flower[:, :160, :160]
    arguments = "bundled", "inception_v3", "max", "mixed5"
    once = networks._load(*arguments)[0](small * 2 - 1)
    again = networks._load(*arguments)[0](small * 2 - 1)
    assert set(once) == set(again) and {"conv1a", "mixed5/3", "mixed5"} <= set(once)
    for name in once:
        np.testing.assert_array_equal(once[name], again[name])


def test_a_block_joins_its_branches_in_order(flower):
    layers = [name for name in INCEPTION.layers if name.startswith("mixed4")]
    seen = extractors.Extractor(layers)(flower[:, :160, :160])
    branches = [seen[name] for name in layers if "/" in name]
    np.testing.assert_array_equal(np.concatenate(branches, -1), seen["mixed4"])


def test_a_part_of_the_layers_gives_the_same_activations(flower):
    extractor = extractors.Extractor(["conv2b", "mixed3"])
    small = flower[:, :160, :160]
    part = extractor(small, ["conv2b"])
    assert set(part) == {"conv2b"}
    np.testing.assert_array_equal(part["conv2b"], extractor(small)["conv2b"])


def test_layers_are_described_in_the_order_of_the_settings():
    described = extractors.describe(
        512, "imagenet"
    )  # no download: only names and shapes
    assert tuple(name for name, _, _ in described) == INCEPTION.layers
    info = {name: (shape, i) for name, shape, i in described}
    assert info["conv1a"] == ((255, 255), networks.LayerInfo(2, 3, 32, 1))
    assert info["mixed2"] == ((61, 61), networks.LayerInfo(8, 127, 288, 26))
    assert info["mixed10"][0] == (14, 14)
    assert info["mixed10"][1].convolutions == 94
    # One cell that sees the whole image.
    assert info["logits"] == ((1, 1), networks.LayerInfo(0, 0, 1000, 95))
    assert extractors.describe(512) == described  # the bundled weights reach all


@pytest.mark.parametrize("name", ["conv4a", "mixed0", "mixed2"])
def test_the_receptive_field_is_what_a_cell_can_see(name):
    """A pixel further away than half of the field changes nothing; one inside does."""
    extractor = extractors.Extractor([name])
    drawn = np.random.default_rng(1)
    side = 320
    picture = drawn.random((1, side, side, 3), np.float32)
    plain = extractor(picture)[name].numpy()
    middle = plain.shape[1] // 2

    def changed(columns):
        other = picture.copy()
        other[:, :, columns] = drawn.random(other[:, :, columns].shape)
        return (extractor(other)[name].numpy() != plain)[0, middle, middle].any()

    field, stride = extractor.info[name].field, extractor.info[name].stride
    center = round((middle + 0.5) * side / plain.shape[1])
    reach = field // 2 + stride
    assert not changed(slice(0, center - reach))
    assert not changed(slice(center + reach, side))
    assert changed(slice(center - stride, center + stride))


def test_folded_normalization_changes_nothing(random_network, tmp_path, flower):
    path = tmp_path / "taught.weights.h5"
    random_network.save_weights(path)
    names = ["conv1a", "conv4a", "mixed2", "mixed10"]
    small = flower[:, :160, :160]
    ours = extractors.Extractor(names, str(path))(small)
    theirs = keras.Model(
        random_network.input, random_network.get_layer("mixed10").output
    )(small * 2 - 1)
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours["mixed10"] / scale, theirs / scale, atol=1e-5)


# --- Classes --------------------------------------------------------------------------


def test_logits_are_those_of_keras_own_network(classifier, flower):
    network, path = classifier
    square = flower[:, :299, :299]
    theirs = network(square * 2 - 1).numpy()
    seen = extractors.Extractor(["mixed10", "logits"], path)
    ours = seen(square)["logits"].numpy()
    scale = abs(theirs).max()
    assert ours.shape == (1, 1, 1, 1000) and theirs.std() > 1
    np.testing.assert_allclose(ours[:, 0, 0] / scale, theirs / scale, atol=1e-5)
    # Of other sizes Keras' network has none: they are those of the mean cell.
    matrix, bias = network.get_layer("predictions").get_weights()
    for height, width, cells in ((75, 75, (1, 1)), (160, 112, (3, 2))):
        each = seen(flower[:, :height, :width])
        assert each["mixed10"].shape[1:3] == cells
        theirs = np.mean(each["mixed10"], (1, 2)) @ matrix + bias
        ours = each["logits"].numpy()[:, 0, 0]
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-5)


def test_classes_are_cut_away_where_nobody_asks_for_them(classifier):
    network, path = classifier
    ours, info = networks.load(path)
    assert tuple(info) == INCEPTION.layers
    part = networks.cut(ours, ["conv1a"])
    assert len(part.layers) == 3  # the image, a convolution, its ReLU
    kernel = part.layers[1].get_weights()[0]
    np.testing.assert_allclose(kernel, networks.fold(network)[0][0], rtol=1e-6)


def test_the_format_of_keras_downloads_has_classes_too(classifier, tmp_path):
    network, path = classifier
    network.save(tmp_path / "whole.h5")
    folded = networks._read_folded(str(tmp_path / "whole.h5"), INCEPTION, "logits")
    for ours, theirs in zip(folded, networks.fold(network), strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert len(folded) == 95 and folded[-1][0].shape == (1, 1, 2048, 1000)


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_a_file_without_classes_says_what_logits_need(ending, random_network, tmp_path):
    path = str(tmp_path / f"none{ending}")
    (random_network.save_weights if "weights" in ending else random_network.save)(path)
    said = refusal(extractors.Extractor, ["conv1a", "logits"], path)
    assert said == (
        f"the weights {path} end at mixed10 and do not reach logits; choose a file"
        ' with classes, or `weights="imagenet"`.'
    )


@pytest.mark.parametrize("stage", INCEPTION.stages)
def test_no_more_of_the_bundled_weights_is_loaded_than_a_stage(stage):
    network, info = networks.load("bundled", layers=["conv1a", stage])
    count = INCEPTION.stages[stage]
    assert len(networks._convolutions(network)) == info[stage].convolutions == count
    assert list(info)[-1] == stage


def test_classes_may_stand_in_a_file_of_the_bundled_format(
    classifier, tmp_path, flower
):
    network, _ = classifier
    arrays = {}
    for i, (kernel, bias) in enumerate(networks.fold(network)):
        arrays |= {f"conv_{i:02d}/kernel": kernel, f"conv_{i:02d}/bias": bias}
    np.savez(tmp_path / "folded.npz", **arrays)
    square = flower[:, :299, :299]
    ours = extractors.Extractor(["logits"], str(tmp_path / "folded.npz"))(square)
    theirs = network(square * 2 - 1).numpy()
    scale = abs(theirs).max()
    np.testing.assert_allclose(ours["logits"][0, 0] / scale, theirs / scale, atol=1e-5)


@pytest.mark.parametrize("layer, classes", [("mixed10", False), ("logits", True)])
def test_classes_are_downloaded_only_where_they_are_asked_for(
    layer, classes, monkeypatch, classifier, random_network, flower, capsys
):
    build, asked = keras.applications.InceptionV3, []

    def downloaded(**options):
        if options["weights"] is None:
            return build(**options)
        asked.append(options)
        print("Downloading")
        return classifier[0] if options["include_top"] else random_network

    monkeypatch.setattr(keras.applications, "InceptionV3", downloaded)
    # Keeps none of it.
    monkeypatch.setattr(networks, "_named_inception", networks._load_inception)
    extractor = extractors.Extractor([layer], "imagenet")
    assert capsys.readouterr() == ("", "Downloading\n")
    assert asked == [{"include_top": classes, "weights": "imagenet"}]
    assert np.isfinite(extractor(flower[:, :75, :75])[layer]).all()


@pytest.mark.parametrize("stage", INCEPTION.stages)
def test_no_network_for_a_download_is_one_line_with_two_ways_out(monkeypatch, stage):
    monkeypatch.setattr(keras.applications, "InceptionV3", unreachable)
    said = refusal(networks._read_folded, "imagenet", INCEPTION, stage)
    assert "URL fetch failure" in said and '`weights="FILE"`' in said
    assert len(said.splitlines()) == 1
    assert 'use `weights="bundled"`' in said


def test_a_download_that_fails_at_once_announces_nothing(monkeypatch, capsys):
    def announced(**options):
        sys.stdout.write("Downloading data from there\n")
        unreachable(**options)

    monkeypatch.setattr(keras.applications, "InceptionV3", announced)
    refusal(networks._read_folded, "imagenet", INCEPTION, "mixed10")
    assert capsys.readouterr() == ("", "")


# --- Files ----------------------------------------------------------------------------


def test_a_file_in_the_bundled_format_works_as_far_as_it_reaches(tmp_path, flower):
    path = tmp_path / "short.npz"
    with np.load(networks.EARLIER["mixed5"]) as data:
        np.savez(path, **{n: data[n] for n in data.files if int(n[5:7]) < 12})
    small = flower[:, :160, :160]
    np.testing.assert_array_equal(
        extractors.Extractor(["mixed0"], str(path))(small)["mixed0"],
        extractors.Extractor(["mixed0"])(small)["mixed0"],
    )
    with pytest.raises(InputError, match="end at mixed0 and do not reach mixed1"):
        extractors.Extractor(["mixed1"], str(path))


def wrong_shapes():
    file = io.BytesIO()
    np.savez(file, **{"conv_00/kernel": np.zeros([5, 5, 3, 32]), "conv_00/bias": [0.0]})
    return file.getvalue()


def empty_archive():
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"not weights", wrong_shapes(), empty_archive(), b"PK\x03\x04broken"]
)
@pytest.mark.parametrize("ending", [".npz", ".h5", ".weights.h5", ".txt"])
def test_a_wrong_weights_file_is_one_line_that_names_the_way_out(
    data, ending, tmp_path
):
    path = tmp_path / f"wrong{ending}"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        extractors.Extractor(["conv1a"], str(path))
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert "bundled" in text and str(path) in text


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    keras.Sequential([keras.Input([4]), keras.layers.Dense(2)]).save_weights(path)
    with pytest.raises(InputError, match="could not read the weights"):
        extractors.Extractor(["conv1a"], str(path))


def test_a_missing_weights_file_is_refused():
    with pytest.raises(InputError, match="there is no weights file 'nowhere.h5'"):
        extractors.Extractor(["conv1a"], "nowhere.h5")


def test_imagenet_weights_are_folded_like_any_others(monkeypatch, random_network):
    asked = {}

    def downloaded(**options):
        asked.update(options)
        return random_network

    monkeypatch.setattr(keras.applications, "InceptionV3", downloaded)
    folded = networks._read_folded("imagenet", INCEPTION, "mixed10")
    assert asked == {"include_top": False, "weights": "imagenet"}
    assert len(folded) == 94
    np.testing.assert_array_equal(folded[0][0], networks.fold(random_network)[0][0])


@pytest.mark.network
@pytest.mark.parametrize("backbone", BACKBONES)
def test_keras_still_offers_the_imagenet_weights(backbone):
    last = BACKBONES[backbone].layers[-1]
    extractor = extractors.Extractor([last], "imagenet", backbone)
    assert extractor.info[last].channels in (512, 1000, 2048)


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=tensorflow"):
        extractors.Extractor(["conv1a"])


def test_an_unknown_layer_gets_the_close_ones():
    with pytest.raises(InputError, match="vgg16 has no layer 'conv5_4'; did you mean"):
        extractors.Extractor(["conv5_4"], "imagenet", "vgg16")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_an_image_is_prepared_as_keras_prepares_it(backbone):
    module = {"resnet50": "resnet"}.get(backbone, backbone)
    theirs = getattr(keras.applications, module).preprocess_input
    image = np.random.default_rng(0).random((1, 7, 9, 3), np.float32)
    ours = extractors.PREPROCESSING[BACKBONES[backbone].preprocessing](image)
    # They subtract rounded means too, so what is left is float32's own rounding.
    np.testing.assert_allclose(ours, theirs(image * 255), atol=3e-5)
