"""Weights files of folded networks: what the package carries, and can write.

A zip archive of arrays (`.npz`), without pickles. With NN = 00, 01, ... in the order in
which Keras creates the convolutions of a network, normalization folded in:

    conv_NN/kernel  [kh, kw, in, out], floats, or int8 in steps of conv_NN/scale
    conv_NN/scale   [out], floats; only beside an int8 kernel, which it multiplies
    conv_NN/bias    [out], floats

If the network has classes, their matrix is the last kernel, 1 x 1.
"""

import io
import os
import zipfile
from collections.abc import Sequence

import numpy as np

Folded = list[tuple[np.ndarray, np.ndarray]]  # (kernel, bias) of each convolution

EIGHT_BITS = 127  # the largest step of a kernel in 8 bits
SMALLEST = np.float16(6e-8)  # the least positive float16: no scale is 0
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip archive


def read(path: str | os.PathLike, count: int | None = None) -> Folded:
    """Reads the convolutions of a file, or the first `count` of them.

    Returns:
        Kernel and bias of each, float32.

    Raises:
        ValueError: If an array is not of the format. Damaged archives raise more.
    """
    # NumPy would leave a file open that it cannot read.
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
        held = sum(name.endswith("/kernel") for name in data.files)
        count = held if count is None else min(count, held)
        return [(_kernel(data, i), _floats(data, i, "bias")) for i in range(count)]


def _kernel(data, convolution: int) -> np.ndarray:
    steps = data[_name(convolution, "kernel")]
    if steps.dtype != np.int8:
        return _floats(data, convolution, "kernel")
    return steps * _floats(data, convolution, "scale")


def _floats(data, convolution: int, part: str) -> np.ndarray:
    array = data[_name(convolution, part)]
    if array.dtype.kind != "f":
        raise ValueError(f"its numbers are {array.dtype}, not of a floating type")
    with np.errstate(over="ignore"):  # what is infinite then is refused
        return array.astype(np.float32)


def _name(convolution: int, part: str) -> str:
    return f"conv_{convolution:02d}/{part}"


def quantize(kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rounds a kernel to 8 bits, each output channel by a scale of its own.

    Args:
        kernel: [kh, kw, in, out], finite.

    Returns:
        Steps [kh, kw, in, out], int8 in [-127, 127], and scale [out], float16: their
        product is the kernel, within half a scale but for the rounding of the scale.
    """
    kernel = np.float32(kernel)
    most = np.max(np.abs(kernel), axis=(0, 1, 2))  # [out]
    scale = np.maximum(np.float16(most / EIGHT_BITS), SMALLEST)
    steps = np.round(kernel / np.float32(scale))
    return np.int8(np.clip(steps, -EIGHT_BITS, EIGHT_BITS)), scale


def encode(pairs: Sequence, floats: int | None = None) -> bytes:
    """Returns the file of a network: the same bytes for the same numbers.

    Args:
        pairs: Kernel and bias of each convolution; what float16 has no number for
            becomes its largest.
        floats: How many of the first kernels are float16; the others get 8 bits. None
            means all. The bundled `inception_v3.npz` was made with 5, the stem.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, (kernel, bias) in enumerate(pairs):
            arrays = {"bias": _half(bias)}
            if floats is None or i < floats:
                arrays["kernel"] = _half(kernel)
            else:
                arrays["kernel"], arrays["scale"] = quantize(kernel)
            for part, array in sorted(arrays.items()):
                content = io.BytesIO()
                np.lib.format.write_array(content, array, allow_pickle=False)
                info = zipfile.ZipInfo(f"{_name(i, part)}.npy", EPOCH)
                archive.writestr(info, content.getvalue(), zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _half(array: np.ndarray) -> np.ndarray:
    most = np.finfo(np.float16).max
    return np.float16(np.clip(array, -most, most))
