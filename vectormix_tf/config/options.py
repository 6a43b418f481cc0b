"""Types of the options that `mix`, `dream`, ... take by name.

Made by `python -m vectormix_tf.config.describe`; edit the settings instead.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict


class MixOptions(TypedDict, total=False):
    """Options of `mix`; see `MixSettings`."""

    size: int | str
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float
    finish_steps: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    xla: bool
    tile: int | str
    seed: int
    max_pixels: int
    objective: Literal["mean", "square"]
    neuron: bool
    direction: str | PathLike[str]
    guide_mode: Literal["match", "channels"]
    guide_size: int
    preset: Literal[
        "instant",
        "quick",
        "faithful",
        "painterly",
        "bold",
        "sketchy",
        "dreamy",
        "gatys2015",
        None,
    ]
    alpha: float
    octave_mode: Literal["detail", "enlarge"]
    f1: str | None
    f2: str | None
    abstraction: float
    tone: float
    statistic: str
    style_levels: int
    style_weights: float | Sequence[float]
    style_scale: float | Sequence[float]
    color: Literal["style", "content", "match"]
    chroma: Literal["style", "free"]
    placement: float
    tileable: bool
    loss: Literal["relative", "gatys"]
    optimizer: Literal["adam", "lbfgs"]
    jitter: int
    flips: bool
    canvas: Literal["fourier", "pixels"]
    init: str | PathLike[str]
    amplify: str
    tv: float
    learning_rate: float | None


class DreamOptions(TypedDict, total=False):
    """Options of `dream`; see `DreamSettings`."""

    size: int
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float
    finish_steps: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    xla: bool
    tile: int | str
    seed: int
    max_pixels: int
    objective: Literal["mean", "square"]
    neuron: bool
    direction: str | PathLike[str]
    guide_mode: Literal["match", "channels"]
    guide_size: int
    layers: str | None
    octave_mode: Literal["detail", "enlarge"]
    color: Literal["dream", "content"]
    chroma: Literal["image", "free"]
    jitter: int
    step_size: float


class ZoomOptions(TypedDict, total=False):
    """Options of `zoom`; see `ZoomSettings`."""

    size: int
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float
    finish_steps: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    xla: bool
    tile: int | str
    seed: int
    max_pixels: int
    objective: Literal["mean", "square"]
    neuron: bool
    direction: str | PathLike[str]
    guide_mode: Literal["match", "channels"]
    guide_size: int
    layers: str | None
    octave_mode: Literal["detail", "enlarge"]
    color: Literal["dream", "content"]
    chroma: Literal["image", "free"]
    jitter: int
    step_size: float
    frames: int
    further_steps: int
    zoom: float
    rotate: float
    shift: str
    easing: Literal["linear", "in", "out", "in_out"]


class FilmOptions(TypedDict, total=False):
    """Options of `film`; see `FilmSettings`."""

    size: int | str
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float
    finish_steps: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    xla: bool
    tile: int | str
    seed: int
    max_pixels: int
    objective: Literal["mean", "square"]
    neuron: bool
    direction: str | PathLike[str]
    guide_mode: Literal["match", "channels"]
    guide_size: int
    preset: Literal[
        "instant",
        "quick",
        "faithful",
        "painterly",
        "bold",
        "sketchy",
        "dreamy",
        "gatys2015",
        None,
    ]
    alpha: float
    octave_mode: Literal["detail", "enlarge"]
    f1: str | None
    f2: str | None
    abstraction: float
    tone: float
    statistic: str
    style_levels: int
    style_weights: float | Sequence[float]
    style_scale: float | Sequence[float]
    color: Literal["style", "content", "match"]
    chroma: Literal["style", "free"]
    placement: float
    tileable: bool
    loss: Literal["relative", "gatys"]
    optimizer: Literal["adam", "lbfgs"]
    jitter: int
    flips: bool
    canvas: Literal["fourier", "pixels"]
    init: str | PathLike[str]
    amplify: str
    tv: float
    learning_rate: float | None
    further_steps: int
    further_rate: float
    hold: float
    inertia: float


class DreamFilmOptions(TypedDict, total=False):
    """Options of `dream_film`; see `DreamFilmSettings`."""

    size: int
    steps: int
    octaves: int
    octave_scale: float
    octave_steps: float
    finish_steps: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    xla: bool
    tile: int | str
    seed: int
    max_pixels: int
    objective: Literal["mean", "square"]
    neuron: bool
    direction: str | PathLike[str]
    guide_mode: Literal["match", "channels"]
    guide_size: int
    layers: str | None
    octave_mode: Literal["detail", "enlarge"]
    color: Literal["dream", "content"]
    chroma: Literal["image", "free"]
    jitter: int
    step_size: float
    further_steps: int
    further_step_size: float
    inertia: float


class VisualizeOptions(TypedDict, total=False):
    """Options of `visualize`; see `VisualizeSettings`."""

    layer: str | None
    channels: str | int | Sequence[int]
    size: int
    steps: int
    diversity: int
    objective: Literal["mean", "square"]
    neuron: bool
    canvas: Literal["fourier", "pixels"]
    transforms: bool
    tv: float
    blur: float
    learning_rate: float | None
    batch: int
    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    seed: int


class ExportOptions(TypedDict, total=False):
    """Options of `export`; see `ExportSettings`."""

    backbone: Literal["inception_v3", "vgg16", "vgg19", "resnet50"]
    weights: str | PathLike[str]
    pooling: Literal["max", "average"]
    precision: Literal["float32", "bfloat16", "auto"]
    f1: str | None
    f2: str | None
    statistic: str
    style_levels: int
    canvas: Literal["fourier", "pixels"]
    amplify: str
    layers: str | None
    objective: Literal["mean", "square"]
    max_size: int
    max_steps: int
    max_pixels: int
    max_bytes: int
