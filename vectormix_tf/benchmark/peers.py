"""Peers: other packages' loops of style transfer, to compare with.

Both do what TensorFlow's tutorial "Neural style transfer" does: VGG-19, Gram matrices,
Adam, total variation. Their networks have random numbers: time does not depend on them,
and nothing is downloaded. TensorFlow is imported late here, because PyTorch's process
must not have it.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator

import numpy as np

from vectormix_tf.benchmark.processes import Child
from vectormix_tf.benchmark.workloads import SEEDS, noise
from vectormix_tf.errors import InputError

# The tutorial takes 1000 steps, and half of them show what it makes.
STEPS = 500

# From the tutorial (tensorflow.org/tutorials/generative/style_transfer).
STYLE = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT = "block5_conv2"
STYLE_WEIGHT, CONTENT_WEIGHT, TV_WEIGHT = 1e-2, 1e4, 30.0
ADAM = {"rate": 0.02, "beta1": 0.99, "beta2": 0.999, "epsilon": 1e-1}
MAX_8 = 255.0

# Convolutions in each block of VGG-19 up to `CONTENT`, and their channels: Simonyan and
# Zisserman 2015 (arXiv:1409.1556), table 1, E.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (2, 512))

Step = Callable[[], object]


def network():
    """VGG-19 up to the layers of the tutorial, with random numbers."""
    import keras

    vgg = keras.applications.VGG19(include_top=False, weights=None)
    names = (*STYLE, CONTENT)
    return keras.Model(vgg.input, {name: vgg.get_layer(name).output for name in names})


def tutorial(size: int) -> Step:
    """The tutorial's loop.

    Args:
        size: Side of its pictures in pixels.

    Returns:
        What takes one step, and has taken it when it returns.
    """
    import keras
    import tensorflow as tf

    model = network()

    def look(image):
        return model(keras.applications.vgg19.preprocess_input(image * MAX_8))

    content, style = (tf.constant(noise(size, seed)) for seed in SEEDS.values())
    target = look(content)[CONTENT]
    grams = [_gram(tensor) for tensor in _styles(look(style))]
    image = tf.Variable(content)
    optimizer = keras.optimizers.Adam(
        ADAM["rate"], ADAM["beta1"], ADAM["beta2"], ADAM["epsilon"]
    )
    optimizer.build([image])

    @tf.function(autograph=False)
    def step():
        seen = look(image)
        apart = [
            tf.reduce_mean((_gram(tensor) - gram) ** 2)
            for tensor, gram in zip(_styles(seen), grams, strict=True)
        ]
        loss = STYLE_WEIGHT * tf.add_n(apart) / len(STYLE)
        loss += CONTENT_WEIGHT * tf.reduce_mean((seen[CONTENT] - target) ** 2)
        loss += TV_WEIGHT * tf.reduce_sum(tf.image.total_variation(image))
        # The same graph as a tape's; the tapes of the package are its problem's.
        optimizer.apply_gradients([(tf.gradients(loss, image)[0], image)])
        image.assign(tf.clip_by_value(image, 0.0, 1.0))
        return loss

    return lambda: step().numpy()


def _styles(seen):
    return [seen[name] for name in STYLE]


def _gram(tensor):
    import tensorflow as tf

    cells = tf.cast(tf.shape(tensor)[1] * tf.shape(tensor)[2], tf.float32)
    return tf.einsum("bijc,bijd->bcd", tensor, tensor) / cells


def pytorch(size: int) -> Step:
    """The same loop in PyTorch, where that is installed; see `tutorial`."""
    import torch

    layers = _torch_layers(torch)

    def look(x):
        seen = {}
        for name, layer in layers.items():
            x = torch.relu(layer(x)) if "conv" in name else layer(x)
            seen[name] = x
        return seen

    def gram(x):
        cells = x.flatten(2)  # [1, c, h*w]
        return cells @ cells.transpose(1, 2) / cells.shape[2]

    def picture(seed):
        image = noise(size, seed).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(image))  # [1, 3, H, W]

    content, style = (picture(seed) for seed in SEEDS.values())
    mean = torch.full([1, 3, 1, 1], 0.5)
    with torch.no_grad():
        target = look(content - mean)[CONTENT]
        seen = look(style - mean)
        grams = [gram(seen[name]) for name in STYLE]
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam(
        [image], ADAM["rate"], (ADAM["beta1"], ADAM["beta2"]), ADAM["epsilon"]
    )

    def step():
        optimizer.zero_grad()
        seen = look(image - mean)
        apart = [
            ((gram(seen[name]) - g) ** 2).mean()
            for name, g in zip(STYLE, grams, strict=True)
        ]
        loss = STYLE_WEIGHT * sum(apart) / len(STYLE)
        loss = loss + CONTENT_WEIGHT * ((seen[CONTENT] - target) ** 2).mean()
        changes = image.diff(dim=2).abs().sum() + image.diff(dim=3).abs().sum()
        (loss + TV_WEIGHT * changes).backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        return loss.item()

    return step


def _torch_layers(torch) -> dict:
    layers, channels = {}, 3
    for block, (count, wide) in enumerate(BLOCKS, start=1):
        for i in range(1, count + 1):
            layer = torch.nn.Conv2d(channels, wide, 3, padding=1).requires_grad_(False)
            layers[f"block{block}_conv{i}"], channels = layer, wide
        if block < len(BLOCKS):
            layers[f"block{block}_pool"] = torch.nn.MaxPool2d(2)
    return layers


class EndedError(InputError):
    """A process with a loop ended before its time."""


@contextlib.contextmanager
def in_tensorflow(size: int) -> Iterator[Step]:
    """The tutorial's loop in this process, beside our own."""
    yield tutorial(size)


@contextlib.contextmanager
def in_pytorch(size: int) -> Iterator[Step]:
    """PyTorch's in a process of its own: the two do not bear each other in one.

    With PyTorch comes Triton, and both it and TensorFlow bring a compiler, LLVM, of
    which a process cannot hold two: it dies.
    """
    with Child(f"from vectormix_tf import peers; peers.serve({size})") as child:

        def step():
            if not child.ask():
                raise EndedError(f"PyTorch's loop ended early: {child.failure()}")

        yield step


def serve(size: int) -> None:
    """Takes a step of PyTorch's loop for each line of stdin, and says so."""
    step = pytorch(size)
    for _ in sys.stdin:
        print(step(), flush=True)


def available() -> dict[str, Callable[[int], contextlib.AbstractContextManager[Step]]]:
    """Returns the loops whose packages are installed, by name."""
    loops = {"VGG-19 TensorFlow": in_tensorflow}
    if importlib.util.find_spec("torch") is not None:
        loops["VGG-19 PyTorch"] = in_pytorch
    return loops
