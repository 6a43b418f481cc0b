"""A teacher with random weights, and photographs of noise, for the tests of lessons."""

import numpy as np

from vectormix_tf.teaching.photographs import Photographs

SIZE = 80  # pixels a side of a crop; the network takes 75 at least


def lite0_arrays(seed=0):
    """EfficientNet-Lite0 with weights as tall as ReLUs keep activations."""
    from vectormix_tf.teaching import teachers

    drawn, arrays = np.random.default_rng(seed), {}
    for name, shape in teachers.lite0_shapes().items():
        if name.endswith("b"):
            arrays[name] = np.zeros(shape, np.float32)
        else:  # He et al. 2015; a depthwise kernel sums over its own channel
            count = np.prod(shape[:2] if "/d/" in name else shape[:-1])
            arrays[name] = np.float32(drawn.normal(0, np.sqrt(2 / count), shape))
    return arrays


def save_lite0(path):
    """Writes such a teacher as `--teacher` takes it; returns the path as a text."""
    np.savez(path, **{k: v.astype(np.float16) for k, v in lite0_arrays().items()})
    return str(path)


def noise_photographs(count=8, side=128):
    """Photographs of coarse noise, all of another aspect."""
    drawn = np.random.default_rng(1)
    coarse = drawn.integers(0, 256, (count, 3, side // 16, side // 16))
    squares = coarse.repeat(16, 2).repeat(16, 3).astype(np.uint8)
    return Photographs(squares, np.linspace(0.6, 1.7, count, dtype=np.float32))
