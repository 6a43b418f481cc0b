"""Weights files of folded networks: float16 and 8 bits, the same bytes every time."""

import numpy as np
import pytest
from PIL import Image

from vectormix_tf.backbone import extractor as extractors
from vectormix_tf.backbone import folded
from vectormix_tf.backbone.load import WHOLE
from vectormix_tf.config.backbones import BACKBONES

# What the bundled network sees before its kernels are rounded to 8 bits: up to 500
# activations of each layer, drawn once, for the picture that `seen_picture` returns.
ROUNDED_FROM = "tests/backbone/activations_in_float16.npz"
# Norm of the difference / norm. It was at most 1.1 percent of all activations.
ROUNDING = 0.02


def seen_picture(root):
    picture = Image.open(root / "examples/images/content_cat.jpg").convert("RGB")
    square = picture.resize((224, 224), Image.Resampling.BICUBIC)
    return np.float32(square)[None] / 255


def convolutions(seed, count=3):
    """Kernels whose channels differ much in scale, one of them all zeros."""
    drawn = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        kernel = drawn.normal(0, 1, (3, 2, 5, 7)) * 10 ** drawn.uniform(-3, 1, 7)
        kernel[..., 4] = 0
        pairs.append((np.float32(kernel), drawn.normal(0, 1, 7).astype(np.float32)))
    return pairs


# --- 8 bits ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_each_channel_is_rounded_to_255_steps_of_its_own(seed):
    kernel = convolutions(seed, 1)[0][0]
    steps, scale = folded.quantize(kernel)
    assert steps.dtype == np.int8 and scale.dtype == np.float16
    assert steps.shape == kernel.shape and scale.shape == (7,)
    most = abs(kernel).max((0, 1, 2))
    error = abs(steps * np.float32(scale) - kernel).max((0, 1, 2))
    assert (error <= 0.51 * most / 127 + 1e-7).all()
    used = most > 0
    assert (abs(np.int32(steps)).max((0, 1, 2))[used] >= 126).all()
    assert not steps[..., ~used].any()


def test_kernels_too_small_for_the_scale_become_0():
    steps, scale = folded.quantize(np.full([1, 1, 1, 2], 1e-9))
    assert (scale > 0).all() and not steps.any()


# --- Files ----------------------------------------------------------------------------


def test_what_was_written_is_read_again(tmp_path):
    pairs, path = convolutions(0), tmp_path / "weights.npz"
    path.write_bytes(folded.encode(pairs))
    for (kernel, bias), (before, bias_before) in zip(
        folded.read(path), pairs, strict=True
    ):
        assert kernel.dtype == bias.dtype == np.float32
        np.testing.assert_array_equal(kernel, np.float16(before))
        np.testing.assert_array_equal(bias, np.float16(bias_before))


def test_kernels_past_the_first_ones_have_8_bits(tmp_path):
    pairs, path = convolutions(0), tmp_path / "weights.npz"
    path.write_bytes(folded.encode(pairs, floats=1))
    with np.load(path) as data:
        kinds = {n: data[n].dtype.name for n in data.files if n.endswith("kernel")}
    assert kinds == {
        "conv_00/kernel": "float16",
        "conv_01/kernel": "int8",
        "conv_02/kernel": "int8",
    }
    for (kernel, bias), (before, bias_before) in zip(
        folded.read(path)[1:], pairs[1:], strict=True
    ):
        steps, scale = folded.quantize(before)
        np.testing.assert_array_equal(kernel, steps * np.float32(scale))
        np.testing.assert_array_equal(bias, np.float16(bias_before))


def test_the_first_of_a_file_are_read_alone(tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(folded.encode(convolutions(0)))
    first, both = folded.read(path, 1), folded.read(path, 9)
    assert len(first) == 1 and len(both) == 3
    np.testing.assert_array_equal(first[0][0], both[0][0])


def test_the_same_numbers_are_the_same_bytes():
    first, second = (folded.encode(convolutions(0), floats=2) for _ in range(2))
    assert first == second


def test_numbers_beyond_float16_become_its_largest(tmp_path):
    path = tmp_path / "weights.npz"
    pair = np.full([1, 1, 1, 1], -1e6, np.float32), np.array([1e6], np.float32)
    path.write_bytes(folded.encode([pair]))
    ((kernel, bias),) = folded.read(path)
    assert kernel.item() == -65504 and bias.item() == 65504


def test_8_bits_without_a_scale_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    arrays = {"kernel": np.ones([1, 1, 1, 2], np.int8), "bias": np.zeros(2)}
    np.savez(path, **{f"conv_00/{name}": array for name, array in arrays.items()})
    with pytest.raises(KeyError, match="conv_00/scale"):
        folded.read(path)


# --- The bundled file -----------------------------------------------------------------


def test_the_whole_network_has_8_bits_past_the_stem():
    with WHOLE.open("rb") as file, np.load(file) as data:
        rounded = [name[5:7] for name in data.files if name.endswith("/scale")]
    assert rounded == [f"{i:02d}" for i in range(5, 95)]


def test_8_bits_change_no_layer_by_more_than_two_percent(root):
    layers = [n for n in BACKBONES["inception_v3"].layers if "/" not in n]
    seen = extractors.Extractor(layers)(seen_picture(root))
    with np.load(root / ROUNDED_FROM) as data:
        for name in layers:
            at, before = data[f"{name}/at"], np.float32(data[f"{name}/value"])
            now = np.ravel(seen[name])[at]
            assert len(before) == min(500, np.size(seen[name])) and before.any()
            change = np.linalg.norm(now - before) / np.linalg.norm(before)
            assert change < ROUNDING, name
