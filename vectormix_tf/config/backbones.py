"""Backbones and the names of their layers, known without TensorFlow.

Names of layers are our own and stay the same. InceptionV3: the stem's `conv1a` ...
`conv4a`, the blocks `mixed0` ... `mixed10`, and `mixed4/0`, `mixed4/1`, ... for the
branches of a block in the order in which it joins them; past all blocks `logits`, one
number for each class. VGG: `conv1_1` ... `conv5_3` or `conv5_4` and `pool1` ...
`pool5`, as in the paper. ResNet50: `conv1` and the blocks `conv2_1` ... `conv5_3`. All
but `logits` are ReLU outputs, pools, or both joined.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from vectormix_tf.errors import InputError, check_choice, is_known_or_file

WEIGHTS = ("bundled", "imagenet")  # or the path of a file
POOLINGS = ("max", "average")
LOGITS = "logits"  # what a softmax makes the probabilities of the classes


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network of Keras Applications: to add one, add it to `BACKBONES`.

    Attributes:
        title: Its name in `keras.applications`.
        minimum: Least side of an image in pixels; Keras' own limit.
        preprocessing: What it wants of an image: a key of `extractor.PREPROCESSING`.
        places: Our name of each layer -> where it is in Keras, in the network's order:
            the name of a Keras layer; "name/2", the third input of a layer that joins
            branches; or "Activation#2", the third layer of a class, where Keras' names
            count on from model to model; "#-1" is its last.
        f1: Layers that keep the content's arrangement, by default.
        f2: Layers that hold the style's texture, by default.
        dream: Layers that a dream amplifies, by default.
        pieces: Layer of stride 8 by which pieces of styles are chosen.
        stages: Layers at which loading may end, the deepest last, and how many
            convolutions there are up to each; none: it is always loaded whole.
        bundled: Whether the package carries weights of it; they are folded
            (`folded.read`).
        classes: How many `logits` has, where that is a layer.
        averages: Whether `pooling="average"` is known to suit it.
    """

    title: str
    minimum: int
    preprocessing: str
    places: Mapping[str, str]
    f1: str
    f2: str
    dream: str
    pieces: str
    stages: Mapping[str, int] = dataclasses.field(default_factory=dict)
    bundled: bool = False
    classes: int = 0
    averages: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the network's order."""
        return tuple(self.places)

    def stage(self, layers: Iterable[str] | None = None) -> str:
        """Returns the first of `stages` that reaches all `layers`; None: the last."""
        *earlier, last = self.stages or self.layers[-1:]
        if layers is None:
            return last
        deepest = max(map(self.layers.index, layers))
        reach = (x for x in earlier if self.layers.index(x) >= deepest)
        return next(reach, last)


def _inception(branches: tuple[int, ...]) -> dict[str, str]:
    stem = ("conv1a", "conv2a", "conv2b", "conv3b", "conv4a")
    # The stem is a chain, so its activations come first in any topological order.
    places = {name: f"Activation#{i}" for i, name in enumerate(stem)}
    for block, count in enumerate(branches):
        places |= {f"mixed{block}/{i}": f"mixed{block}/{i}" for i in range(count)}
        places[f"mixed{block}"] = f"mixed{block}"
    return places | {LOGITS: "Conv2D#-1"}


def _vgg(convolutions: tuple[int, ...]) -> dict[str, str]:
    places = {}
    for block, count in enumerate(convolutions, start=1):
        for i in range(1, count + 1):
            places[f"conv{block}_{i}"] = f"block{block}_conv{i}"
        places[f"pool{block}"] = f"block{block}_pool"
    return places


def _resnet(blocks: tuple[int, ...]) -> dict[str, str]:
    places = {"conv1": "conv1_relu"}
    for stage, count in enumerate(blocks, start=2):
        for i in range(1, count + 1):
            places[f"conv{stage}_{i}"] = f"conv{stage}_block{i}_out"
    return places


# Of both VGGs: the layers of Gatys et al. 2016 (CVPR), section 3.
_VGG: dict[str, Any] = {
    "minimum": 32,
    "preprocessing": "caffe",
    "f1": "conv4_2",
    "f2": "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1",
    "dream": "conv4_3:1,conv5_1:1",
    "pieces": "conv4_1",
    "averages": True,
}

BACKBONES = {
    "inception_v3": Backbone(
        title="InceptionV3",
        minimum=75,
        preprocessing="signed",
        places=_inception((4, 4, 4, 3, 4, 4, 4, 4, 3, 4, 4)),
        f1="conv4a,mixed2,mixed4",
        f2="conv1a,conv2b,conv4a,mixed0,mixed2,mixed3,mixed5:0.7",
        dream="mixed6:1,mixed8:1",
        pieces="mixed0",
        # Defaults of mixes need the first, a download without classes ends at the next.
        stages={"mixed5": 50, "mixed10": 94, LOGITS: 95},
        bundled=True,
        classes=1000,
    ),
    "vgg16": Backbone(title="VGG16", places=_vgg((2, 2, 3, 3, 3)), **_VGG),
    "vgg19": Backbone(title="VGG19", places=_vgg((2, 2, 4, 4, 4)), **_VGG),
    "resnet50": Backbone(
        title="ResNet50",
        minimum=32,
        preprocessing="caffe",
        places=_resnet((3, 4, 6, 3)),
        f1="conv2_3,conv3_4",
        f2="conv1,conv2_1,conv2_3,conv3_2,conv3_4,conv4_3",
        dream="conv3_4:1,conv4_6:1",
        pieces="conv3_2",
    ),
}
DEFAULT = "inception_v3"  # the one whose weights are bundled


KERAS_BACKEND = "tensorflow"
# Absolute values of weights of layers; with larger ones a loss overflows.
WEIGHT_SPAN = 1e-6, 1e6


def parse_layers(
    text: str, what: str = "layers", backbone: str = DEFAULT, channels: bool = False
) -> dict[str, float]:
    """Reads `"name[:weight],..."`, e.g. `"mixed3:1,mixed5:0.5"`; a missing weight is 1.

    Args:
        text: The list; spaces around names are ignored.
        what: The name of the setting, for errors.
        backbone: Whose layers they are: a key of `BACKBONES`.
        channels: Whether a part of a layer may be named, as `split_channels` reads it.

    Returns:
        Layer names with their weights, in the order of `text`.

    Raises:
        InputError: If a name is not one of the backbone's layers or comes twice, or a
            weight is beyond `WEIGHT_SPAN`.
    """
    if not isinstance(text, str):
        raise InputError(f"`{what}` must be a list of layers; received {text!r}.")
    layers = {}
    for item in text.split(","):
        name, colon, weight = (part.strip() for part in item.partition(":"))
        layer, part = split_channels(name, what)
        _check_layer(layer, text, what, backbone)
        if part and not channels:
            raise InputError(f"`{what}` takes whole layers; received {name!r}.")
        if name in layers:
            raise InputError(f"`{what}` names {name} twice; name it once.")
        try:
            layers[name] = float(weight) if colon else 1.0
        except ValueError:
            layers[name] = math.nan
        low, high = WEIGHT_SPAN
        if not low <= abs(layers[name]) <= high:  # so is NaN
            raise InputError(
                f"the weight of {name} in `{what}` must be a number from {low:g} to"
                f" {high:g}, or from -{high:g} to -{low:g}; received {weight!r}."
            )
    return layers


def split_channels(name: str, what: str = "layers") -> tuple[str, range | None]:
    """Reads `"mixed4#42"` or `"mixed4#0-31"`.

    Returns:
        The layer, and which of its channels; None for all.

    Raises:
        InputError: If there is something else behind the "#".
    """
    layer, sharp, text = name.partition("#")
    if not sharp:
        return layer, None
    found = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", text.strip())
    channels = range(int(found[1]), int(found[2] or found[1]) + 1) if found else None
    if not channels:
        raise InputError(
            f"`{what}` must name channels like {layer}#42 or {layer}#0-31; received"
            f" {name!r}."
        )
    return layer, channels


def whole_layers(texts: Iterable[str], backbone: str = DEFAULT) -> list[str]:
    """The layers, whole, that lists of layers and channels name; each once."""
    lists = [parse_layers(text, backbone=backbone, channels=True) for text in texts]
    names = [split_channels(name)[0] for named in lists for name in named]
    return list(dict.fromkeys(names))


def check_channels(
    names: Iterable[str], counts: Mapping[str, int], what: str = "layers"
) -> None:
    """Refuses channels that a layer does not have; `counts` has how many there are."""
    for name in names:
        layer, channels = split_channels(name, what)
        if channels and channels[-1] >= counts[layer]:
            raise InputError(
                f"`{what}` names {name}, but the channels of {layer} are 0 to"
                f" {counts[layer] - 1}."
            )


def _check_layer(name: str, text: str, what: str, backbone: str) -> None:
    network = BACKBONES[backbone]
    if not name:
        first, second = (each.partition(":")[0] for each in network.f2.split(",")[-2:])
        raise InputError(
            f"`{what}` must be a list like {first}:1,{second}:0.5; received {text!r}."
        )
    if name not in network.layers:
        close = difflib.get_close_matches(name, network.layers, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        flag = "" if backbone == DEFAULT else f" --backbone={backbone}"
        raise InputError(
            f"`{what}` names an unknown layer {name!r}; {hint}"
            f"`vectormix layers{flag}` lists them."
        )


def check_weights(weights: object, backbone: str = DEFAULT) -> None:
    """Refuses weights that are neither a name nor a file, or another backbone's."""
    if not is_known_or_file(weights, WEIGHTS):
        raise InputError(
            "`weights` must be bundled, imagenet or the path of a file;"
            f" there is no file {weights!r}."
        )
    if weights == "bundled" and not BACKBONES[backbone].bundled:
        raise InputError(
            f"the bundled weights are {BACKBONES[DEFAULT].title}'s; for {backbone} give"
            ' `weights="imagenet"` (a download) or `weights="FILE"`.'
        )


def check_keras(backend: str) -> None:
    """Refuses a backend of Keras, `KERAS_BACKEND`, that is not TensorFlow."""
    if backend != KERAS_BACKEND:
        raise InputError(
            f"KERAS_BACKEND is {backend!r}, but this package needs TensorFlow; unset it"
            f" or set KERAS_BACKEND={KERAS_BACKEND} before Keras is imported."
        )


def check_backbone(backbone: object, pooling: object = "max") -> None:
    """Refuses a backbone or a pooling that there is not, alone or together."""
    check_choice("backbone", backbone, BACKBONES)
    check_choice("pooling", pooling, POOLINGS)
    if pooling == "average" and not BACKBONES[str(backbone)].averages:
        names = ", ".join(name for name, found in BACKBONES.items() if found.averages)
        raise InputError(
            f"`pooling` may be average for {names} only; received it for {backbone}."
        )
