"""The signatures of an exported model: the functions that a server offers."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from vectormix_tf.backbone.extractor import Extractor
from vectormix_tf.config import classes
from vectormix_tf.config.backbones import LOGITS, parse_layers
from vectormix_tf.objectives.statistics import moments
from vectormix_tf.ops.resize import to_size
from vectormix_tf.recipes.classify import SIDE, TOP
from vectormix_tf.saved_model.chunks import Chunk, Chunks
from vectormix_tf.saved_model.codec import (
    Limits,
    decode,
    encode_jpeg,
    encode_png,
    require,
    starts_with,
)
from vectormix_tf.saved_model.dream import ExportedDream
from vectormix_tf.saved_model.mix import ExportedMix
from vectormix_tf.saved_model.recipe import ExportedRecipe
from vectormix_tf.saved_model.requests import (
    SHORT_DREAM_INPUTS,
    SHORT_MIX_INPUTS,
    result_size,
    scalar_specs,
)
from vectormix_tf.saved_model.state import DIGITS, checksum

TO_THE_END = tf.int32.max  # as the length of a substring, in bytes
GRID = 4  # the vector `f1` of `features` has GRID x GRID cells of each layer


class Model(tf.Module):
    """What is saved: the signatures, and the networks whose weights they use.

    Args:
        mixes: Computes the mixes.
        dreams: Computes the dreams.
        about: `{key: value as JSON has it}`, which the signature "about" returns.
            Under "mix" and "dream", "open" has the defaults of short requests.
        classifier: Extractor with the layer `LOGITS`; None leaves "classify" out.

    Attributes:
        functions: `{signature: concrete function}`, as `tf.saved_model.save` takes
            them.
    """

    def __init__(
        self,
        mixes: ExportedMix,
        dreams: ExportedDream,
        about: Mapping[str, Any],
        classifier: Extractor | None = None,
    ):
        super().__init__()
        # Tells states of this model from those of one with other settings.
        mark = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self.networks = [mixes.extractor.model, dreams.extractor.model]
        self.functions = {"features": _features(mixes), "about": _about(about)}
        for name, recipe, short_inputs in (
            ("mix", mixes, SHORT_MIX_INPUTS),
            ("dream", dreams, SHORT_DREAM_INPUTS),
        ):
            runs = _Runs(recipe, about[name]["open"], f"{name} {mark} ")
            self.functions[name] = _signature(runs.run_short, short_inputs)
            self.functions[f"{name}_full"] = _signature(runs.run_full, recipe.inputs)
            self.functions[f"{name}_start"] = _signature(runs.start, recipe.inputs)
            inputs = {"state_bytes": tf.string, "steps": tf.int32}
            self.functions[f"{name}_steps"] = _signature(runs.advance, inputs)
        if classifier is not None:
            self.networks.append(classifier.model)
            self.functions["classify"] = _classify(classifier, mixes.limits)


def _signature(function: Callable, inputs: Mapping[str, tf.DType]):
    """Traces a function of scalars, which it takes by name."""
    traced = tf.function(function, autograph=False)
    return traced.get_concrete_function(**scalar_specs(inputs))


class _Runs:
    """The signatures that run a recipe; each method becomes one.

    A state as clients keep it is one string: the mark, the index of the variant and a
    checksum (`DIGITS` digits each), and the packed state.

    Args:
        recipe: Mixes or dreams.
        defaults: Values of the settings that a short request leaves out.
        mark: The recipe and the model that a state belongs to.
    """

    def __init__(self, recipe: ExportedRecipe, defaults: Mapping[str, Any], mark: str):
        self._recipe, self._mark = recipe, mark
        # Pictures that a short request leaves out are empty strings.
        self._defaults = {name: defaults.get(name, b"") for name in recipe.inputs}
        header_bytes = len(mark) + 2 * DIGITS
        self._chunks = [
            Chunks(
                lambda request, variant=variant: recipe.build_run(variant, request),
                scalar_specs(recipe.checked_inputs),
                recipe.objectives,
                header_bytes,
            )
            for variant in recipe.variants
        ]

    def run_short(self, **request):
        dtypes = self._recipe.inputs
        defaults = {
            name: tf.constant(value, dtypes[name])
            for name, value in self._defaults.items()
            if name not in request
        }
        return self.run_full(**defaults, **request)

    def run_full(self, **request):
        request = self._recipe.check_request(request)
        image, losses = self._in_variant(
            self._recipe.variant_index(request), lambda chunks: chunks.run_all(request)
        )
        return {"image_bytes": encode_png(image), "losses": losses}

    def start(self, **request):
        request = self._recipe.check_request(request)
        index = self._recipe.variant_index(request)
        chunk = self._in_variant(index, lambda chunks: chunks.start(request))
        return self._outputs(index, chunk)

    def advance(self, state_bytes, steps):
        state, index = self._checked_state(state_bytes)
        most = self._recipe.limits.steps
        wrong = (
            f"`steps` must be in [0, {most}]; ask for the rest with a later request."
        )
        count = require({wrong: (steps >= 0) & (steps <= most)}, steps)
        chunk = self._in_variant(index, lambda chunks: chunks.advance(state, count))
        return self._outputs(index, chunk)

    def _checked_state(self, state_bytes):
        """Returns a state that is undamaged and of this model, and its variant."""
        wrong = "the state is not of this model; start anew."
        ours = starts_with(state_bytes, self._mark.encode())
        state = require({wrong: ours}, state_bytes)
        digits, check, packed = (
            tf.strings.substr(state, len(self._mark) + start, length)
            for start, length in (
                (0, DIGITS),
                (DIGITS, DIGITS),
                (2 * DIGITS, TO_THE_END),
            )
        )
        wrong = "the state is damaged; send it as it came, or start anew."
        state = require({wrong: checksum(packed) == check}, state)
        return state, tf.strings.to_number(digits, tf.int32)

    def _in_variant(self, index, call):
        """Calls a function with the `Chunks` of the variant of an index."""
        return tf.switch_case(
            index, [lambda chunks=chunks: call(chunks) for chunks in self._chunks]
        )

    def _outputs(self, index, chunk: Chunk):
        outputs = chunk._asdict()
        image, packed = outputs.pop("image"), outputs.pop("state")
        digits = tf.strings.as_string(index, width=DIGITS, fill="0")
        state = tf.strings.join([self._mark, digits, checksum(packed), packed])
        return outputs | {
            "state_bytes": state,
            "preview_bytes": encode_jpeg(image),
            "image_bytes": encode_png(image),
        }


def _about(about: Mapping[str, Any]):
    """Returns the value of a key of `about`, as JSON."""
    texts = [json.dumps(each, sort_keys=True) for each in about.values()]
    wrong = f"`key` must be one of {', '.join(about)}."

    def look_up(key):
        is_key = key == tf.constant(list(about))
        text = tf.constant(texts)[tf.argmax(is_key)]
        return {"text": require({wrong: tf.reduce_any(is_key)}, text)}

    return _signature(look_up, {"key": tf.string})


def _features(mixes: ExportedMix):
    """Describes a picture by two vectors, for search and clustering.

    `f1` is its layout: means of the channels of the layers f1 over `GRID` x `GRID`
    cells. `f2` is its texture: means and standard deviations of the channels of the
    layers f2. The part of each layer is scaled to Euclidean length 1, so that all
    layers count the same.
    """
    settings, limits, extractor = mixes.settings, mixes.limits, mixes.extractor
    f1, f2 = (
        parse_layers(f, backbone=settings.backbone) for f in (settings.f1, settings.f2)
    )

    def describe(image_bytes, size):
        image = decode(image_bytes, "picture", limits)
        wrong = f"`size` must be in [0, {limits.size}]."
        size = require({wrong: (size >= 0) & (size <= limits.size)}, size)
        size = result_size(size, None, image, limits, "picture", mixes.minimum)
        activations = extractor(to_size(image, size), f1.keys() | f2.keys())
        layouts = [tf.image.resize(activations[n], [GRID, GRID], "area") for n in f1]
        textures = [tf.concat(moments(activations[n]), 0) for n in f2]
        return {"f1": _joined(layouts), "f2": _joined(textures)}

    return _signature(describe, {"image_bytes": tf.string, "size": tf.int32})


def _joined(parts):
    """Flattens tensors, scales each to length 1, and joins them to one vector."""
    flat = [tf.reshape(each, [-1]) for each in parts]
    return tf.concat([tf.math.l2_normalize(each) for each in flat], axis=0)


def _classify(extractor: Extractor, limits: Limits):
    """Returns the likeliest classes of the middle square, as `recipes.classify`."""
    names = tf.constant(classes.names())

    def classify(image_bytes):
        image = decode(image_bytes, "picture", limits)
        side = tf.reduce_min(tf.shape(image)[1:3])
        top, left = tf.unstack((tf.shape(image)[1:3] - side) // 2)
        square = image[:, top : top + side, left : left + side]
        logits = extractor(to_size(square, tf.constant([SIDE, SIDE])))[LOGITS]
        probabilities = tf.nn.softmax(tf.reshape(logits, [-1]))
        best = tf.math.top_k(probabilities, TOP)
        return {"classes": tf.gather(names, best.indices), "probabilities": best.values}

    return _signature(classify, {"image_bytes": tf.string})
