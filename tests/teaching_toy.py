"""A teacher with random weights, photographs of noise, a lesson that does nothing."""

from types import SimpleNamespace

import numpy as np

from vectormix_tf.teaching.photographs import Photographs

SIZE = 112  # pixels a side of a crop: the last layers have 2 x 2 cells to normalize


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


class StubLesson:
    """A lesson of one weight, each of whose batches adds 1 to it; losses are 3."""

    names = ("features", "classes")

    def __init__(self, settings, photographs=None, teacher=None):
        import tensorflow as tf

        self.settings = settings
        self.weight, self.moment = tf.Variable(0.0), tf.Variable(5.0)
        self.optimizer = SimpleNamespace(variables=[self.moment])
        self.scale = {}
        self.step = self.batch = self.averaged = 0
        self.frozen, self.slower = False, 1.0

    def measure(self):
        self.scale = {"e2": (np.zeros(2), np.ones(2))}

    def variables(self):
        return {"pupil/weight": self.weight, "optimizer/0": self.moment}

    def folded(self):
        return [(np.full([1, 1, 1, 1], self.weight), np.zeros(1))]

    def teach(self, share, most):
        count = min(most, 2)
        self.weight.assign_add(1.0)
        self.step, self.batch = self.step + count, self.batch + 1
        return np.full([count, 3], 3.0)

    @staticmethod
    def nothing_finite(share, most):
        """In place of `teach`."""
        return np.full((1, 3), np.nan)
