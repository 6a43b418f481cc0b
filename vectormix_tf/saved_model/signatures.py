"""Signatures: what a served model can be asked for."""

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
from vectormix_tf.saved_model import codec
from vectormix_tf.saved_model.chunks import Chunk, Chunks
from vectormix_tf.saved_model.codec import Limits, decode, required
from vectormix_tf.saved_model.graphs import Dreams, Mixes
from vectormix_tf.saved_model.requests import (
    DREAM_SHORT,
    MIX_SHORT,
    long_side,
    scalars,
    seen,
)
from vectormix_tf.saved_model.state import DIGITS, checksum

ALL = tf.int32.max  # bytes, up to the end
GRID = 4  # places along each side in the vector of f1


class Model(tf.Module):
    """What is saved: signatures, and the networks that they look with.

    Args:
        mixes: The mixes that it makes.
        dreams: The dreams.
        about: What a client can ask about it, by key; of "mix" and "dream" their
            "open" settings with the values that short requests take.
        classifier: With `LOGITS`, or None.
    """

    def __init__(
        self,
        mixes: Mixes,
        dreams: Dreams,
        about: Mapping[str, Any],
        classifier: Extractor | None = None,
    ):
        super().__init__()
        mark = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self.networks = [mixes.extractor.model, dreams.extractor.model]
        self.offered = {"features": _features(mixes), "about": _about(about)}
        for name, served, short in (
            ("mix", mixes, MIX_SHORT),
            ("dream", dreams, DREAM_SHORT),
        ):
            runs = _Runs(served, about[name]["open"], f"{name} {mark} ")
            self.offered[name] = _signature(runs.brief, short)
            self.offered[f"{name}_full"] = _signature(runs.whole, served.asked)
            self.offered[f"{name}_start"] = _signature(runs.start, served.asked)
            further = {"state_bytes": tf.string, "steps": tf.int32}
            self.offered[f"{name}_steps"] = _signature(runs.go_on, further)
        if classifier is not None:
            self.networks.append(classifier.model)
            self.offered["classify"] = _classify(classifier, mixes.limits)


def _signature(function: Callable, asked: Mapping[str, tf.DType]):
    """A function of scalars, as a `SavedModel` takes it."""
    traced = tf.function(function, autograph=False)
    return traced.get_concrete_function(**scalars(asked))


class _Runs:
    """Mixes, or dreams.

    Args:
        served: What makes them.
        usual: Values of what a short request leaves out; pictures are none.
        mark: Says to which model a state belongs.
    """

    def __init__(self, served: Mixes | Dreams, usual: Mapping[str, Any], mark: str):
        self._served, self._mark = served, mark
        self._usual = {name: usual.get(name, b"") for name in served.asked}
        head = len(mark) + 2 * DIGITS
        self._chunks = [
            Chunks(
                lambda asked, kind=kind: served.stage(kind, asked),
                scalars(served.admitted),
                served.objectives,
                head,
            )
            for kind in served.kinds
        ]

    def brief(self, **asked):
        kinds = self._served.asked
        usual = {
            name: tf.constant(value, kinds[name])
            for name, value in self._usual.items()
            if name not in asked
        }
        return self.whole(**usual, **asked)

    def whole(self, **asked):
        asked = self._served.admit(asked)
        image, losses = self._by(self._served.number(asked), lambda c: c.all(asked))
        return {"image_bytes": codec.png(image), "losses": losses}

    def start(self, **asked):
        asked = self._served.admit(asked)
        number = self._served.number(asked)
        return self._told(number, self._by(number, lambda c: c.start(asked)))

    def go_on(self, state_bytes, steps):
        wrong = "the state is not of this model; start anew."
        ours = codec.starts_with(state_bytes, self._mark.encode())
        state = required({wrong: ours}, state_bytes)
        digits, check, body = (
            tf.strings.substr(state, len(self._mark) + start, length)
            for start, length in ((0, DIGITS), (DIGITS, DIGITS), (2 * DIGITS, ALL))
        )
        wrong = "the state is damaged; send it as it came, or start anew."
        state = required({wrong: checksum(body) == check}, state)
        number = tf.strings.to_number(digits, tf.int32)
        most = self._served.limits.steps
        wrong = (
            f"`steps` must be in [0, {most}]; ask for the rest with a later request."
        )
        count = required({wrong: (steps >= 0) & (steps <= most)}, steps)
        return self._told(number, self._by(number, lambda c: c.go_on(state, count)))

    def _by(self, number, call):
        """What the chunks of a number return."""
        return tf.switch_case(
            number, [lambda each=each: call(each) for each in self._chunks]
        )

    def _told(self, number, chunk: Chunk):
        told = chunk._asdict()
        digits = tf.strings.as_string(number, width=DIGITS, fill="0")
        image, state = told.pop("image"), told.pop("state")
        return told | {
            "state_bytes": tf.strings.join(
                [self._mark, digits, checksum(state), state]
            ),
            "preview_bytes": codec.jpeg(image),
            "image_bytes": codec.png(image),
        }


def _about(about: Mapping[str, Any]):
    texts = [json.dumps(each, sort_keys=True) for each in about.values()]
    wrong = f"`key` must be one of {', '.join(about)}."

    def tell(key):
        fits = key == tf.constant(list(about))
        text = tf.constant(texts)[tf.argmax(fits)]
        return {"text": required({wrong: tf.reduce_any(fits)}, text)}

    return _signature(tell, {"key": tf.string})


def _features(mixes: Mixes):
    """What a picture is like, as two vectors, for search and clustering.

    f1 is where things are: means of each channel over `GRID` x `GRID` places; f2 is
    texture: mean and standard deviation of each channel. Of every layer the part has
    length 1, so that none outweighs the others.
    """
    settings, limits, extractor = mixes.settings, mixes.limits, mixes.extractor
    f1, f2 = (
        parse_layers(f, backbone=settings.backbone) for f in (settings.f1, settings.f2)
    )

    def look(image_bytes, size):
        image = decode(image_bytes, "picture", limits)
        wrong = f"`size` must be in [0, {limits.size}]."
        size = required({wrong: (size >= 0) & (size <= limits.size)}, size)
        long = long_side(size, image, limits, "picture")
        size = seen(codec.fitted_size(image, long), "picture", mixes.minimum)
        found = extractor(to_size(image, size), f1.keys() | f2.keys())
        places = [tf.image.resize(found[n], [GRID, GRID], "area") for n in f1]
        textures = [tf.concat(moments(found[n]), 0) for n in f2]
        return {"f1": _joined(places), "f2": _joined(textures)}

    return _signature(look, {"image_bytes": tf.string, "size": tf.int32})


def _joined(parts):
    """Tensors as one vector, each of length 1 within it."""
    flat = [tf.reshape(each, [-1]) for each in parts]
    return tf.concat([tf.math.l2_normalize(each) for each in flat], axis=0)


def _classify(extractor: Extractor, limits: Limits):
    """The likeliest classes of the middle square, as `classifying` has them."""
    names = tf.constant(classes.names())

    def look(image_bytes):
        image = decode(image_bytes, "picture", limits)
        side = tf.reduce_min(tf.shape(image)[1:3])
        top, left = tf.unstack((tf.shape(image)[1:3] - side) // 2)
        square = image[:, top : top + side, left : left + side]
        logits = extractor(to_size(square, tf.constant([SIDE, SIDE])))[LOGITS]
        probabilities = tf.nn.softmax(tf.reshape(logits, [-1]))
        best = tf.math.top_k(probabilities, TOP)
        return {"classes": tf.gather(names, best.indices), "probabilities": best.values}

    return _signature(look, {"image_bytes": tf.string})
