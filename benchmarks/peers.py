"""Measures other loops of style transfer beside this package's mix.

    python benchmarks/peers.py --sizes=256,512

The other loops are TensorFlow's tutorial "Neural style transfer"
(tensorflow.org/tutorials/generative/style_transfer: VGG-19, Gram matrices, Adam, total
variation), and the same in PyTorch where that is installed. Their networks have random
weights, so nothing is downloaded: the time of a step does not depend on the weights.

TensorFlow is imported inside of functions, because the process that runs PyTorch must
not load it.
"""

import argparse
import contextlib
import importlib.util
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vectormix_tf.benchmark import processes, report
from vectormix_tf.benchmark.processes import Startup
from vectormix_tf.benchmark.results import BenchmarkResult, Measurement
from vectormix_tf.benchmark.workloads import (
    ROUNDS,
    SEEDS,
    SIZES,
    STEPS,
    BenchmarkSettings,
    Workload,
    noise,
    parse_sizes,
)
from vectormix_tf.errors import InputError
from vectormix_tf.io.progress import duration, print_line
from vectormix_tf.io.python_process import PythonProcess

# The tutorial takes 1000 steps; half of them already show its result.
RUN_STEPS = 500

# From the tutorial.
STYLE = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT = "block5_conv2"
STYLE_WEIGHT, CONTENT_WEIGHT, TV_WEIGHT = 1e-2, 1e4, 30.0
ADAM = {"rate": 0.02, "beta1": 0.99, "beta2": 0.999, "epsilon": 1e-1}
MAX_8 = 255.0
PYTORCH_MEAN = 0.5  # in place of ImageNet's mean, which costs the same

# (convolutions, their channels) of each block of VGG-19 up to `CONTENT`: Simonyan and
# Zisserman 2015 (arXiv:1409.1556), table 1, E.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (2, 512))

PRECISION = "float32"

Step = Callable[[], object]
"""Takes one step; returns when it is done."""


class Peer(NamedTuple):
    """Another loop at one size.

    Attributes:
        name: A key of `available()`.
        size: Side of the square picture in pixels.
    """

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} {self.size} px"


class EndedError(Exception):
    """The process of a loop ended before it was closed."""


# --- The tutorial's loop in TensorFlow ------------------------------------------------


def network():
    """Returns VGG-19 with the tutorial's layers as outputs, and random weights."""
    import keras

    vgg = keras.applications.VGG19(include_top=False, weights=None)
    names = (*STYLE, CONTENT)
    return keras.Model(vgg.input, {name: vgg.get_layer(name).output for name in names})


def tensorflow_step(size: int) -> Step:
    """Sets the tutorial's loop up.

    Args:
        size: Side of its square pictures in pixels.

    Returns:
        A function that takes one step and returns the loss before it.
    """
    import keras
    import tensorflow as tf

    model = network()

    def extract(image):
        return model(keras.applications.vgg19.preprocess_input(image * MAX_8))

    content, style = (tf.constant(noise(size, seed)) for seed in SEEDS.values())
    target, grams = extract(content)[CONTENT], _grams(extract(style))
    image = tf.Variable(content)
    optimizer = keras.optimizers.Adam(*ADAM.values())
    optimizer.build([image])

    @tf.function(autograph=False)
    def step():
        activations = extract(image)
        errors = [
            tf.reduce_mean((gram - target_gram) ** 2)
            for gram, target_gram in zip(_grams(activations), grams, strict=True)
        ]
        loss = STYLE_WEIGHT * tf.add_n(errors) / len(STYLE)
        loss += CONTENT_WEIGHT * tf.reduce_mean((activations[CONTENT] - target) ** 2)
        loss += TV_WEIGHT * tf.reduce_sum(tf.image.total_variation(image))
        optimizer.apply_gradients([(tf.gradients(loss, image)[0], image)])
        image.assign(tf.clip_by_value(image, 0.0, 1.0))
        return loss

    return lambda: step().numpy()


def _grams(activations: dict) -> list:
    """Gram matrix [1, c, c] of each style layer [1, h, w, c], divided by h w."""
    import tensorflow as tf

    grams = []
    for layer in (activations[name] for name in STYLE):
        cells = tf.cast(tf.shape(layer)[1] * tf.shape(layer)[2], tf.float32)
        grams.append(tf.einsum("bijc,bijd->bcd", layer, layer) / cells)
    return grams


@contextlib.contextmanager
def in_tensorflow(size: int) -> Iterator[Step]:
    """The tutorial's loop in this process, which the mix runs in too."""
    yield tensorflow_step(size)


# --- The same loop in PyTorch ---------------------------------------------------------


def pytorch_step(size: int) -> Step:
    """Sets the same loop up in PyTorch; see `tensorflow_step`."""
    import torch

    layers = _pytorch_layers(torch)

    def extract(x):
        x, activations = x - PYTORCH_MEAN, {}
        for name, layer in layers.items():
            x = torch.relu(layer(x)) if "conv" in name else layer(x)
            activations[name] = x
        return activations

    content, style = (_pytorch_noise(torch, size, seed) for seed in SEEDS.values())
    with torch.no_grad():
        target, grams = extract(content)[CONTENT], _pytorch_grams(extract(style))
    image = content.clone().requires_grad_()
    rate, *betas, epsilon = ADAM.values()
    optimizer = torch.optim.Adam([image], rate, betas, epsilon)

    def step():
        optimizer.zero_grad()
        activations = extract(image)
        pairs = zip(_pytorch_grams(activations), grams, strict=True)
        errors = [((gram - target_gram) ** 2).mean() for gram, target_gram in pairs]
        loss = STYLE_WEIGHT * sum(errors) / len(STYLE)
        loss = loss + CONTENT_WEIGHT * ((activations[CONTENT] - target) ** 2).mean()
        variation = image.diff(dim=2).abs().sum() + image.diff(dim=3).abs().sum()
        loss = loss + TV_WEIGHT * variation
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        return loss.item()

    return step


def _pytorch_noise(torch, size: int, seed: int):
    image = noise(size, seed).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(image))  # [1, 3, H, W]


def _pytorch_grams(activations: dict) -> list:
    """Gram matrix [1, c, c] of each style layer [1, c, h, w], divided by h w."""
    cells = [activations[name].flatten(2) for name in STYLE]  # [1, c, h*w]
    return [x @ x.transpose(1, 2) / x.shape[2] for x in cells]


def _pytorch_layers(torch) -> dict:
    layers, channels = {}, 3
    for block, (count, width) in enumerate(BLOCKS, start=1):
        for i in range(1, count + 1):
            layer = torch.nn.Conv2d(channels, width, 3, padding=1).requires_grad_(False)
            layers[f"block{block}_conv{i}"], channels = layer, width
        if block < len(BLOCKS):
            layers[f"block{block}_pool"] = torch.nn.MaxPool2d(2)
    return layers


@contextlib.contextmanager
def in_pytorch(size: int) -> Iterator[Step]:
    """PyTorch's loop in a process of its own.

    One process cannot load both packages: each of PyTorch's compiler Triton and
    TensorFlow contains LLVM, and a process with two copies of that crashes.
    """
    folder = str(pathlib.Path(__file__).resolve().parent)
    code = f"import sys; sys.path.append({folder!r}); import peers; "
    with PythonProcess(code + f"peers.step_on_request({size})") as process:

        def step():
            if not _request(process):
                raise EndedError(f"PyTorch's loop ended early: {process.failure()}")

        yield step


def _request(process: PythonProcess) -> str:
    """Sends an empty line; returns the line of the reply, "" if the process ended."""
    try:
        process.popen.stdin.write("\n")
        process.popen.stdin.flush()
    except OSError:
        return ""
    return process.popen.stdout.readline()


def step_on_request(size: int) -> None:
    """Takes a step of PyTorch's loop for each line of stdin, and prints its loss."""
    step = pytorch_step(size)
    for _ in sys.stdin:
        print(step(), flush=True)


# --- Measuring ------------------------------------------------------------------------


def available() -> dict[str, Callable[[int], contextlib.AbstractContextManager[Step]]]:
    """Returns the loops whose packages are installed, by name."""
    loops = {"VGG-19 TensorFlow": in_tensorflow}
    if importlib.util.find_spec("torch") is not None:
        loops["VGG-19 PyTorch"] = in_pytorch
    return loops


def set_up(sizes: Sequence[int], stack: contextlib.ExitStack) -> dict[Peer, Step]:
    """Returns the step of every loop at every size, after a first one; `stack` ends it.

    A loop whose first step fails is left out with a line on stderr.
    """
    steps = {}
    for name, loop in available().items():
        for size in sizes:
            peer = Peer(name, size)
            print_line(f"first step: {peer}")
            try:
                step = stack.enter_context(loop(size))
                step()
            except EndedError as error:
                print_line(f"{peer} is left out: {error}")
            else:
                steps[peer] = step
    return steps


def compare(
    settings: BenchmarkSettings, startups: dict[Workload, Startup]
) -> tuple[BenchmarkResult, list[Measurement]]:
    """Measures this package's workloads and the peers in alternating rounds.

    Args:
        settings: Sizes, rounds and steps.
        startups: From `processes.measure`.

    Returns:
        (of this package, of each peer).
    """
    from vectormix_tf.backbone.timing import time_alternately
    from vectormix_tf.benchmark import flops, measure

    with contextlib.ExitStack() as stack:
        peers = set_up(settings.sizes, stack)
        functions = peers | measure.timed_functions(settings, stack)
        seconds = time_alternately(functions, settings.rounds, print_line)
    result = measure.summarize(settings, startups, seconds)
    return result, [
        Measurement(
            name=peer.name,
            size=peer.size,
            precision=PRECISION,
            flops=flops.convolution_flops(network(), peer.size),
            margin_share=0.0,
            peak=result.peaks[PRECISION],
            rounds=tuple(seconds[peer]),
            steps=RUN_STEPS,
        )
        for peer in peers
    ]


def table(result: BenchmarkResult, peers: Sequence[Measurement]) -> str:
    """Returns the mix and the peers as text, without a final newline."""
    lines = [*report.header(result), "", *report.grid([*result.measurements, *peers])]
    lines += ["", *report.LEGEND, ""]
    for peer in peers:
        mix = result.by_default("mix", peer.size)
        lines.append(
            f"{peer.name} {peer.size} px: {peer.steps:.0f} steps take"
            f" {duration(peer.run)}, a whole mix {report.run_duration(mix)}:"
            f" {peer.run / mix.run:.1f} times as long."
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--sizes",
        default=",".join(map(str, SIZES)),
        help="sides of the square pictures in pixels, with commas between them",
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="steps of a mix in a round"
    )
    options = parser.parse_args(arguments)
    try:
        settings = BenchmarkSettings(
            recipes=("mix",),
            sizes=parse_sizes([options.sizes]),
            precisions=(PRECISION,),
            rounds=options.rounds,
            steps=options.steps,
        )
    except InputError as error:
        parser.error(str(error))
    startups = {}
    for workload in settings.workloads():
        print_line(f"startup and memory: {workload}")
        startups[workload] = processes.measure(workload, print_line)
    print(table(*compare(settings, startups)))


if __name__ == "__main__":
    main()
