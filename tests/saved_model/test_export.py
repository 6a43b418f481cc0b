"""Exported models: they compute what the library does, and refuse bad requests."""

import io
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from vectormix_tf.cli.main import main
from vectormix_tf.client import runs as client
from vectormix_tf.config.dream import DreamSettings
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.errors import InputError, OutputError
from vectormix_tf.recipes.classify import classify
from vectormix_tf.recipes.dream import dream
from vectormix_tf.recipes.mix import mix
from vectormix_tf.saved_model import signatures
from vectormix_tf.saved_model.codec import Limits
from vectormix_tf.saved_model.dream import ExportedDream
from vectormix_tf.saved_model.export import _classifier, export
from vectormix_tf.saved_model.requests import DREAM_INPUTS
from vectormix_tf.saved_model.state import DIGITS, checksum
from vectormix_tf.tfserving import versions

WAIT = 300  # seconds, for the export of another worker
FEW = {"f1": "conv4a", "f2": "conv2a,conv3b", "layers": "conv4a"}
LIMITS = {"max_size": 352, "max_steps": 12}
OPEN = {
    "mix": {
        "alpha": 0.5,
        "steps": 2,
        "size": 120,
        "seed": 3,
        "octaves": 1,
        "octave_scale": 1.6,
        "octave_steps": 1.0,
        "jitter": 8,
        "learning_rate": 0.06,
        "style_scale": 1.0,
        "tv": 0.0,
        "color": "style",
        "init": "recolored",
        "mask_bytes": b"",
        "start_bytes": b"",
    },
    "dream": {
        "steps": 2,
        "size": 120,
        "seed": 3,
        "octaves": 1,
        "octave_scale": 1.3,
        "octave_steps": 1.0,
        "jitter": 32,
        "guide_size": 0,
        "step_size": 0.009,
        "octave_mode": "detail",
        "color": "dream",
        "mask_bytes": b"",
        "guide_bytes": b"",
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model with few layers, made by the command: once for all workers."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    path = base / "exported" / "vectormix"
    try:
        path.parent.mkdir()
    except FileExistsError:  # another worker makes it; a version appears whole
        end = time.monotonic() + WAIT
        while not (path / "1").exists() and time.monotonic() < end:
            time.sleep(0.2)
        return path
    flags = [f"--{name}={value}" for name, value in (FEW | LIMITS).items()]
    assert main(["export", f"--output={path}", *flags]) == 0
    return path


@pytest.fixture(scope="module")
def model(folder):
    return tf.saved_model.load(str(folder / "1")).signatures


@pytest.fixture(scope="module")
def running_server(folder):
    """Our own server."""
    pytest.importorskip("tensorflow_serving.apis")
    from vectormix_tf.server.model import ServedModel
    from vectormix_tf.server.server import Server

    with Server(ServedModel(folder, "vectormix", 2)) as running:
        yield running


@pytest.fixture(scope="module")
def pictures(photo, painting):
    """Both in the size of a run, as (Pillow image, PNG file) by that size."""

    def made(path, size):
        image = Image.open(path).convert("RGB")
        image.thumbnail((size, size), Image.LANCZOS)
        return image, encoded(image)

    return lambda size=120: (made(photo, size), made(painting, size))


def encoded(image, kind="PNG"):
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def call(model, signature, **inputs):
    specs = model[signature].structured_input_signature[1]
    tensors = {name: tf.constant(v, specs[name].dtype) for name, v in inputs.items()}
    return {name: each.numpy() for name, each in model[signature](**tensors).items()}


def mixed(model, pictures, signature="mix_full", **others):
    (_, content), (_, style) = pictures
    files = {"content_bytes": content, "style_bytes": style}
    return call(model, signature, **OPEN["mix"] | files | others)


def dreamt(model, file, signature="dream_full", **others):
    return call(model, signature, **OPEN["dream"] | {"image_bytes": file} | others)


def levels(data):
    return np.asarray(Image.open(io.BytesIO(data))).astype(int)


def difference(answer, result):
    """Of a model's picture and the library's, in 255ths."""
    return most_of(levels(answer["image_bytes"]) - np.rint(result.image * 255))


def most_of(differences):
    """What all but a thousandth of the absolute differences do not exceed.

    Processors add in different orders. Where a gradient is nothing but rounding errors,
    the first step of Adam is as long as elsewhere, with either sign.
    """
    return np.quantile(np.abs(differences), 0.999)


def mask_of(size):
    white = np.zeros([size[1], size[0], 3], np.uint8)
    white[:, size[0] // 2 :] = 255
    return Image.fromarray(white)


# --- What the library makes -----------------------------------------------------------


TWO_OCTAVES = {"octaves": 2, "octave_scale": 1.3, "learning_rate": 0.02}


@pytest.mark.parametrize(
    ("size", "most", "others"),
    [
        # A rounding may count twice: at the edge of the colors that can be shown, and
        # where chroma is restored.
        pytest.param(352, 2, {}, marks=pytest.mark.slow),
        (120, 2, {"alpha": 0.2, "tv": 0.1, "learning_rate": 0.02, "jitter": 3}),
        (120, 1, {"alpha": 1.0}),
        (120, 3, {"color": "content", "seed": 2**31 - 1}),
        (160, 3, TWO_OCTAVES),
        (160, 3, TWO_OCTAVES | {"color": "match"}),
        (
            *(160, 3),
            {"color": "match", "style_scale": 0.7, "init": "noise"}
            | {"learning_rate": 0.05},
        ),
        # The gradient by the style is small at the style.
        (160, 16, {"init": "style", "octaves": 2, "octave_scale": 1.3}),
    ],
)
def test_a_mix_is_that_of_the_library(model, pictures, size, most, others):
    (content, _), (style, _) = both = pictures(size)
    request = {"steps": 1, "size": size} | others
    answer = mixed(model, both, **request)
    options = OPEN["mix"] | request
    options.pop("mask_bytes"), options.pop("start_bytes")
    options |= {name: FEW[name] for name in ("f1", "f2")}
    result = mix(content, style, on_progress=None, **options)
    assert difference(answer, result) <= most
    names = ["content", "tone", "style", "total_variation"]
    assert answer["losses"].shape == (sum(result.steps), len(names))
    for column, name in zip(answer["losses"].T, names, strict=True):
        found = result.losses.get(name, np.zeros(sum(result.steps)))
        np.testing.assert_allclose(column[:1], found[:1], rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(column[1:], found[1:], rtol=5e-3, atol=1e-5)


def test_a_mix_has_a_mask_and_starts_from_a_picture(model, pictures):
    (content, _), (style, _) = both = pictures()
    mask, file = mask_of(content.size), encoded(ImageOps.mirror(content))
    given = {"mask_bytes": encoded(mask), "start_bytes": file, "steps": 1}
    answer = mixed(model, both, **given)
    options = {"size": 120, "seed": 3, "steps": 1, "on_progress": None}
    options |= {name: FEW[name] for name in ("f1", "f2")}
    start = Image.open(io.BytesIO(file))
    result = mix(content, style, mask=mask, start=start, **options)
    assert difference(answer, result) <= 2  # where chroma is restored, as above
    black = slice(0, content.size[0] // 3)
    left = levels(answer["image_bytes"])[:, black] - np.asarray(content)[:, black]
    assert np.abs(left).max() <= 1


@pytest.mark.parametrize(
    "others",
    [
        {"octaves": 2, "octave_steps": 0.5},
        {"color": "content", "octaves": 2, "octave_mode": "enlarge"},
        {"step_size": 0.03, "mask": True, "jitter": 0},
        {"guide": True, "guide_size": 120},
    ],
)
def test_a_dream_is_that_of_the_library(model, pictures, others):
    (image, file), _ = pictures(160)
    _, (guide, _) = pictures(120)
    others, given, local = {"size": 160} | others, {}, {}
    for name, picture in (("mask", mask_of(image.size)), ("guide", guide)):
        if others.pop(name, False):
            given[f"{name}_bytes"], local[name] = encoded(picture), picture
    answer = dreamt(model, file, **others, **given)
    options = OPEN["dream"] | others | {"layers": FEW["layers"], "on_progress": None}
    options.pop("mask_bytes"), options.pop("guide_bytes")
    result = dream(image, **local, **options)
    assert difference(answer, result) <= 1
    none = np.zeros(len(answer["losses"]))
    losses = [result.losses.get(name, none) for name in ("amplify", "guide")]
    np.testing.assert_allclose(answer["losses"].T, losses, rtol=2e-3)


def test_a_short_request_takes_the_defaults(model, pictures):
    (_, content), (_, style) = both = pictures()
    names = ("alpha", "steps", "size", "seed")
    given = {name: OPEN["mix"][name] for name in names}
    short = call(model, "mix", content_bytes=content, style_bytes=style, **given)
    assert short["image_bytes"] == mixed(model, both)["image_bytes"]
    given = {name: OPEN["dream"][name] for name in ("steps", "size", "seed")}
    short = call(model, "dream", image_bytes=content, **given)
    full = dreamt(model, content, octaves=4)
    assert short["image_bytes"] == full["image_bytes"]


# --- Chunks ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mix", "dream"])
@pytest.mark.parametrize("count", [1, 2, LIMITS["max_steps"]])
def test_chunks_of_any_length_come_to_the_very_same(model, pictures, name, count):
    """Across octaves too."""
    request = {"octaves": 2, "octave_scale": 1.4, "steps": 3, "octave_steps": 0.5}
    request["size"], both = 160, pictures(160)
    if name == "mix":
        whole = mixed(model, both, **request)
        chunk = mixed(model, both, "mix_start", **request)
    else:
        whole = dreamt(model, both[0][1], **request)
        chunk = dreamt(model, both[0][1], "dream_start", **request)
    assert (chunk["octave"], chunk["octaves"]) == (1, 2)
    assert (chunk["step"], chunk["steps"], chunk["finished"]) == (0, 3, False)
    seen, losses, previews = [], [chunk["losses"]], {chunk["preview_bytes"]}
    while not chunk["finished"]:
        state = chunk["state_bytes"]
        chunk = call(model, f"{name}_steps", state_bytes=state, steps=count)
        seen.append((chunk["octave"], chunk["step"], chunk["steps"]))
        losses.append(chunk["losses"])
        previews.add(chunk["preview_bytes"])
    ends = {1: [(1, 1, 3), (1, 2, 3), (1, 3, 3), (2, 1, 2), (2, 2, 2)]}
    ends |= {2: [(1, 2, 3), (2, 1, 2), (2, 2, 2)], LIMITS["max_steps"]: [(2, 2, 2)]}
    assert seen == ends[count]
    assert len(previews) == 1 + len(seen)  # each shows something new
    assert chunk["image_bytes"] == whole["image_bytes"]
    np.testing.assert_array_equal(np.concatenate(losses), whole["losses"])
    further = call(
        model, f"{name}_steps", state_bytes=chunk["state_bytes"], steps=count
    )
    assert further["finished"] and not len(further["losses"])


def test_a_preview_is_the_picture_as_jpeg(model, pictures):
    chunk = mixed(model, pictures(), "mix_start")
    assert chunk["preview_bytes"].startswith(b"\xff\xd8\xff")
    seen, exact = (levels(chunk[f"{name}_bytes"]) for name in ("preview", "image"))
    assert 0 < np.abs(seen - exact).mean() < 6


def test_a_client_gets_what_the_library_makes(running_server, pictures):
    (content, _), (style, _) = pictures()
    options = {"size": 120, "steps": 1, "seed": 3}
    of_mix = options | {"learning_rate": 0.05}
    layers = {name: FEW[name] for name in ("f1", "f2")}
    result = mix(content, style, on_progress=None, **of_mix, **layers)
    seen, address = [], running_server.grpc
    found = client.mix(
        content, style, server=address, on_progress=seen.append, **of_mix
    )
    assert most_of(found.image - result.image) <= 2.5 / 255
    np.testing.assert_allclose(found.losses["style"], result.losses["style"], rtol=2e-3)
    assert found.finished and [each.step for each in seen] == [0, 1]
    options |= {"octaves": 1, "layers": FEW["layers"]}
    dreams = client.dream(content, server=address, **options)
    local = dream(content, on_progress=None, **options)
    assert most_of(dreams.image - local.image) <= 1.5 / 255
    with pytest.raises(InputError, match="`f1` is 'conv4a' in the model"):
        client.mix(content, style, server=address, f1="mixed1")


# --- Limits and mistakes --------------------------------------------------------------


BEYOND = {
    "`size` must be in [0, ": {"size": 10**6},
    "`steps` must be in [1, ": {"steps": 10**6},
    "would take more than": {
        "octaves": 2,
        "octave_scale": 1.4,
        "octave_steps": 4.0,
        "steps": 500,
    },
    "`octaves` must be in [1, 32]": {"octaves": 33},
    "`jitter` must be in [0, ": {"jitter": -1},
    "`seed` must be in [0, ": {"seed": -1},
}


@pytest.mark.parametrize(("words", "beyond"), list(BEYOND.items()))
@pytest.mark.parametrize("signature", ["mix_full", "mix_start"])
def test_a_request_beyond_a_limit_is_refused_and_never_cut(
    model, pictures, signature, words, beyond
):
    if beyond.get("steps") == 500:
        beyond = beyond | {"steps": LIMITS["max_steps"]}
    with pytest.raises(tf.errors.InvalidArgumentError, match=re.escape(words)):
        mixed(model, pictures(160), signature, **{"size": 160} | beyond)


def test_a_style_larger_than_the_largest_result_is_refused(model, pictures):
    most = LIMITS["max_size"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="`style_scale` makes the"):
        mixed(model, pictures(120), "mix_full", size=120, style_scale=1.01 * most / 120)


def test_a_chunk_takes_no_more_steps_than_the_limit(model, pictures):
    state = mixed(model, pictures(120), "mix_start", size=120)["state_bytes"]
    for steps in (-1, LIMITS["max_steps"] + 1):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`steps` must be in"):
            call(model, "mix_steps", state_bytes=state, steps=steps)


def test_the_size_0_is_the_pictures_own(model, pictures):
    answer = mixed(model, pictures(120), size=0, steps=1)
    assert max(levels(answer["image_bytes"]).shape) == 120
    assert len(answer["losses"]) == 1


def header(width, height):
    """A PNG file that says it is that large."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + np.array([width, height], ">i4").tobytes()


BAD = {
    "no PNG or JPEG": [b"", b"GIF89a" + bytes(40), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"],
    "must have 1 to": [header(30_000, 30_000), header(0, 5), header(2**31 - 1, -1)],
}


@pytest.mark.parametrize("name", ["content_bytes", "style_bytes", "mask_bytes"])
@pytest.mark.parametrize(
    ("words", "file"), [(words, file) for words, files in BAD.items() for file in files]
)
def test_a_file_that_is_no_picture_is_refused(model, pictures, name, words, file):
    if name == "mask_bytes" and not file:
        pytest.skip("an empty mask is none")
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        mixed(model, pictures(), **{name: file})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused_and_others_are_not(
    model, pictures, kind, share
):
    image = pictures()[0][0]
    file = encoded(image, kind)
    with pytest.raises(tf.errors.InvalidArgumentError):
        dreamt(model, file[: int(share * len(file))])
    assert len(dreamt(model, file, steps=1)["losses"]) == 1


STRIP = encoded(Image.new("RGB", (500, 100)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"alpha": np.nan}, "`alpha` must be in"),
        ({"alpha": 1.01}, "`alpha` must be in"),
        ({"tv": np.inf}, "`tv` must be in"),
        ({"style_scale": 0.0}, "`style_scale` must be in"),
        ({"color": "gray"}, "`color` must be one of style, content, match"),
        ({"init": ""}, "`init` must be one of"),
        ({"size": 74}, "the content picture would have less than 75 pixels"),
        ({"style_scale": 0.4}, "the style picture would have less than 75 pixels"),
        ({"style_bytes": encoded(Image.new("RGB", (400, 74)))}, "send a larger one"),
        ({"size": 352, "content_bytes": STRIP}, "so narrow that its long side would"),
        ({"size": 200, "content_bytes": STRIP}, "ask for a `size` of at least 373 or"),
        ({"mask_bytes": encoded(Image.new("RGB", (9, 9)))}, "black everywhere"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_name(model, pictures, wrong, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        mixed(model, pictures(), **wrong)


def test_a_model_of_channels_takes_no_guide(pictures):
    """Channels and other objectives decide what is amplified; so would a guide."""
    limits = Limits(352, 12, 1 << 24, 1 << 26)
    (_, file), (_, guide) = pictures()
    request = OPEN["dream"] | {"image_bytes": file, "guide_bytes": guide}
    tensors = {n: tf.constant(request[n], kind) for n, kind in DREAM_INPUTS.items()}
    for others in ({"layers": "conv4a#3"}, {"layers": "conv4a", "objective": "square"}):
        dreams = ExportedDream(DreamSettings(**others), limits)
        with pytest.raises(tf.errors.InvalidArgumentError, match="takes no guide"):
            dreams.check_request(tensors)
        checked = dreams.check_request(tensors | {"guide_bytes": tf.constant(b"")})
        assert checked["guide_bytes"] == b"" and dreams.variant_index(checked) == 0


def test_a_large_file_is_refused(model):
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 64 MiB"):
        dreamt(model, b"\xff\xd8\xff" + bytes(100 << 20))


def test_a_state_that_is_not_ours_is_refused(model, pictures):
    state = mixed(model, pictures(), "mix_start")["state_bytes"]
    dreams = dreamt(model, pictures()[0][1], "dream_start")["state_bytes"]
    for wrong in (b"", b"mix", state[1:], dreams):
        with pytest.raises(tf.errors.InvalidArgumentError, match="not of this model"):
            call(model, "mix_steps", state_bytes=wrong, steps=1)
    for wrong in (state[:200], state[:-1], state[:1000] + bytes(100) + state[1100:]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="state is damaged"):
            call(model, "mix_steps", state_bytes=wrong, steps=1)
    assert call(model, "mix_steps", state_bytes=state, steps=1)["step"] == 1


@pytest.mark.parametrize("name", ["mix", "dream"])
def test_a_run_that_becomes_nan_is_refused_and_never_a_black_picture(
    model, pictures, name
):
    """Its state is forged: each NaN is a float32 of ones in all bits."""
    (_, photo), _ = pictures()
    start = mixed(model, pictures(), "mix_start") if name == "mix" else None
    chunk = start or dreamt(model, photo, "dream_start")
    state = chunk["state_bytes"]
    middle = len(state) - 40_000
    forged = state[:middle] + b"\xff" * 20_000 + state[middle + 20_000 :]
    start = header_bytes(state)
    packed = forged[start:]
    forged = state[: start - DIGITS] + checksum(packed).numpy() + packed
    with pytest.raises(tf.errors.InvalidArgumentError, match="became NaN or infinite"):
        call(model, f"{name}_steps", state_bytes=forged, steps=2)


def header_bytes(state):
    """Length of what comes before the packed state; its checksum is the end of it."""
    places = range(2 * DIGITS, 300)
    ends = (i for i in places if checksum(state[i:]).numpy() == state[i - DIGITS : i])
    return next(ends)


# --- Other signatures -----------------------------------------------------------------


def test_about_returns_settings_and_limits_as_json(model):
    mixes, dreams, limits = (
        json.loads(call(model, "about", key=key)["text"])
        for key in ("mix", "dream", "limits")
    )
    assert mixes["fixed"]["f1"] == FEW["f1"] and mixes["open"]["alpha"] == 0.5
    assert mixes["open"]["learning_rate"] == 0.06 and mixes["open"]["size"] == 352
    assert mixes["open"].keys() | {"mask_bytes", "start_bytes"} == OPEN["mix"].keys()
    assert dreams["open"].keys() | {"mask_bytes", "guide_bytes"} == OPEN["dream"].keys()
    assert dreams["fixed"]["layers"] == FEW["layers"]
    assert (limits["size"], limits["steps"]) == tuple(LIMITS.values())
    assert limits["side"] == 75
    with pytest.raises(tf.errors.InvalidArgumentError, match="`key` must be one of"):
        call(model, "about", key="film")


def test_features_of_like_pictures_are_alike(model, root):
    """A picture is nearer to its own reflection, or a part of it, than to others."""
    names = ("content_flower", "content_pavilion", "style_langlois_bridge")
    images = [
        Image.open(root / f"examples/images/{name}.jpg").convert("RGB")
        for name in names
    ]
    width, height = images[0].size
    part = images[0].crop((0, 0, width * 3 // 4, height * 3 // 4))
    flipped = images[0].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    f1, f2 = [], []
    for image in [*images, flipped, part]:
        image.thumbnail((160, 160))
        found = call(model, "features", image_bytes=encoded(image), size=160)
        f1.append(found["f1"])
        f2.append(found["f2"])
    own = np.linalg.norm(np.array(f2) - f2[0], axis=1)
    assert own[3] < own[4] < min(own[1:3])
    assert np.linalg.norm(f1[3] - f1[0]) > own[3]  # it knows left from right
    np.testing.assert_allclose(np.linalg.norm(f1[0]), 1, rtol=1e-5)  # of one layer
    np.testing.assert_allclose(np.linalg.norm(f2[0]), 2**0.5, rtol=1e-5)  # of two


@pytest.mark.slow  # a network of 96 MB, three times
def test_it_classifies_as_the_library_does_if_its_weights_can(classifier, photo):
    _, weights = classifier
    few = {"f1": "conv1a", "f2": "conv1a", "layers": "conv1a"}
    extractor = _classifier(ExportSettings(weights=weights, **few))
    look = signatures._classify(extractor, Limits(352, 1, 1 << 24, 1 << 26))
    square = Image.open(photo).convert("RGB").crop((0, 0, 299, 299))
    found = look(image_bytes=tf.constant(encoded(square)))
    guesses = classify(square, weights)
    names, probabilities = zip(*guesses, strict=True)
    assert tuple(name.decode() for name in found["classes"].numpy()) == names
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-3)


def test_weights_without_classes_cannot_classify(model):
    assert "classify" not in model
    assert _classifier(ExportSettings()) is None
    vgg = ExportSettings(backbone="vgg16", weights="imagenet")
    assert _classifier(vgg) is None


# --- Files ----------------------------------------------------------------------------


CHUNKS = "dream_start dream_steps mix_start mix_steps"
EVERY = f"about dream dream_full {CHUNKS} features mix mix_full"


# Each is a graph of its own to TensorFlow, which it optimizes anew: half a minute more.
@pytest.mark.parametrize(
    "names", [CHUNKS, pytest.param(EVERY, marks=pytest.mark.slow)], ids=len
)
def test_signatures_run_without_this_package_and_without_keras(
    folder, pictures, tmp_path, names
):
    for size in (120, 150):
        for name, (_, file) in zip(("content", "style"), pictures(size), strict=True):
            (tmp_path / f"{name}-{size}.png").write_bytes(file)
    inputs = json.dumps(
        {n: {k: v for k, v in o.items() if v != b""} for n, o in OPEN.items()}
    )
    program = f"""
import json, pathlib, sys, tensorflow as tf
sys.modules["keras"] = sys.modules["vectormix_tf"] = None
model, ran = tf.saved_model.load({str(folder / "1")!r}).signatures, []
inputs = json.loads({inputs!r})
for size in (120, 150):
    content, style = (
        (pathlib.Path({str(tmp_path)!r}) / f"{{name}}-{{size}}.png").read_bytes()
        for name in ("content", "style")
    )
    state, given = {{}}, {{"content_bytes": content, "style_bytes": style}}
    given |= {{"image_bytes": content, "mask_bytes": b"", "start_bytes": b""}}
    given["guide_bytes"] = style
    given |= inputs["dream"] | inputs["mix"] | {{"size": size, "key": "limits"}}
    given |= {{"octave_mode": "detail", "steps": 1}}
    for name in {sorted(names.split())}:
        function = model[name]
        own = dict(given, **state.get(name.partition("_")[0], {{}}))
        if name.startswith("dream"):
            own["color"] = "dream"
        specs = function.structured_input_signature[1]
        made = function(**{{n: tf.constant(own[n], s.dtype) for n, s in specs.items()}})
        if "state_bytes" in made:
            state[name.partition("_")[0]] = {{"state_bytes": made["state_bytes"]}}
        if "image_bytes" in made:
            image = tf.io.decode_png(made["image_bytes"])
            assert max(image.shape) == size and image.shape[2] == 3
        ran.append(name)
print(*ran)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == 2 * sorted(names.split())


def test_warm_up_requests_have_the_inputs_of_their_signatures(folder, model):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    signatures_called = []
    for record in tf.data.TFRecordDataset(str(folder / "1" / versions.WARM_UP)):
        request = apis.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.make_ndarray(t) for name, t in request.inputs.items()}
        function = model[request.model_spec.signature_name]
        specs = function.structured_input_signature[1]
        for name, spec in specs.items():
            assert inputs[name].dtype == spec.dtype.as_numpy_dtype
        signatures_called.append(request.model_spec.signature_name)
        if signatures_called[-1].endswith("_steps"):
            outputs = function(**{n: tf.constant(v) for n, v in inputs.items()})
            assert outputs["step"] == 1 and outputs["finished"]
    names = ["mix", "mix_start", "mix_steps", "dream", "dream_start", "dream_steps"]
    assert signatures_called == [*names, "features"]


def test_the_folder_holds_nothing_but_versions(folder):
    assert os.listdir(folder) == ["1"]
    assert versions.versions(folder) == [1]
    assert os.listdir(folder.parent) == ["vectormix"]


@pytest.fixture
def nothing(monkeypatch):
    """Exports write no more than a folder: `save` of (model, folder, functions)."""
    model = tf.Module()
    model.functions, build = {}, "vectormix_tf.saved_model.export.build"
    monkeypatch.setattr(build, lambda settings: (model, {}))
    write = "vectormix_tf.saved_model.export._write_warm_up"
    monkeypatch.setattr(write, lambda *_: None)

    def save(function):
        monkeypatch.setattr(tf.saved_model, "save", function)

    save(lambda model, folder, functions: os.makedirs(folder))
    return save


FULL = "No space left on device"


@pytest.mark.parametrize(
    "error",
    [OSError(28, FULL), tf.errors.ResourceExhaustedError(None, None, f"x: {FULL}")],
)
def test_an_export_that_fails_leaves_nothing(tmp_path, nothing, error):
    def fail(model, folder, signatures):
        os.makedirs(folder)
        raise error

    nothing(fail)
    with pytest.raises(OutputError, match=FULL):
        export(tmp_path / "models/vectormix")
    assert os.listdir(tmp_path / "models") == ["vectormix"]
    assert os.listdir(tmp_path / "models/vectormix") == []


def test_requests_that_warm_up_are_left_out_where_they_are_not_wanted(
    tmp_path, nothing, monkeypatch, capsys
):
    asked, write = [], "vectormix_tf.saved_model.export._write_warm_up"
    monkeypatch.setattr(write, lambda path, *_: asked.append(path))
    command = ["export", f"--output={tmp_path}"]
    assert main([*command, "--nowarm_up"]) == 0 and not asked
    assert "warm" not in capsys.readouterr().err
    assert main(command) == 0 and len(asked) == 1
    assert "warm a server up" in capsys.readouterr().err


def test_a_version_is_only_written_within_its_folder(tmp_path, nothing):
    folder, seen = tmp_path / "models/vectormix", []

    def save(model, hidden, functions):
        os.makedirs(hidden)
        seen.append([os.path.dirname(hidden), *versions.versions(folder)])

    nothing(save)  # the folder may be a mount, of which nothing can be renamed to
    assert export(os.fsencode(folder)) == str(folder / "1")
    assert seen == [[str(folder)]] and os.listdir(folder.parent) == ["vectormix"]


def test_two_exports_at_once_are_two_versions(tmp_path, nothing):
    def save(model, hidden, functions):
        os.makedirs(hidden)
        (tmp_path / "1").mkdir(exist_ok=True)
        (tmp_path / "1/saved_model.pb").write_bytes(b"of the other")

    nothing(save)
    assert export(tmp_path) == str(tmp_path / "2")
    assert (tmp_path / "1/saved_model.pb").read_bytes() == b"of the other"
    with pytest.raises(InputError, match="version 2 is in"):
        export(tmp_path, 2)


def test_hidden_files_are_no_versions_and_harm_none(tmp_path):
    (tmp_path / ".DS_Store").touch()
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / "4").mkdir()
    assert versions.new_version(tmp_path) == 5
    (tmp_path / "05").mkdir()
    with pytest.raises(InputError, match="holds 05"):
        versions.new_version(tmp_path)


def test_a_folder_that_cannot_be_written_is_found_before_any_work(tmp_path, nothing):
    (tmp_path / "file").touch()
    nothing(lambda *_: pytest.fail("it was built"))
    with pytest.raises(InputError, match="file"):
        export(tmp_path / "file" / "models")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--output is missing"),
        (["--output=7"], "must name the folder of all versions"),
        (["--output={taken}", "--version=1"], "version 1 is in"),
        (["--output={taken}", "--version=-1"], "--version must be in"),
        (["--output={mixed}"], "holds notes.txt"),
        (["--output={file}"], "is no folder"),
        (["--output=x", "--precision=auto"], "must be float32 or bfloat16"),
        (["--output=x", "--max_size=2048"], "--max_size must be in [75, 1024]"),
        (["--output=x", "--max_pixels=9"], "--max_pixels must be in"),
        (["--output=x", "--f1=mixed99"], "unknown layer 'mixed99'"),
        (["--output=x", "--statistic=grom"], "did you mean gram"),
    ],
)
def test_a_mistake_is_reported_before_any_work(
    flags, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken/1").mkdir(parents=True)
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed/notes.txt").touch()
    (tmp_path / "file").touch()
    names = {name: str(tmp_path / name) for name in ("taken", "mixed", "file")}
    assert main(["export", *(flag.format(**names) for flag in flags)]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_new_version_is_the_next_one(tmp_path):
    folder = tmp_path / "model"
    assert versions.new_version(folder) == 1 and not folder.exists()
    assert versions.new_version(folder, 5) == 5
    for number in (1, 12):
        (folder / str(number)).mkdir(parents=True)
    assert versions.versions(folder) == [1, 12]
    assert versions.new_version(folder) == 13
    (folder / str(versions.MOST)).mkdir()
    with pytest.raises(InputError, match="no number left"):
        versions.new_version(folder)
