"""A tiny network that is seen in tiles, and problems of every kind of objective."""

import keras
import numpy as np
import tensorflow as tf

from vectormix_tf.backbone.load import LayerInfo
from vectormix_tf.objectives.amplification import amplify
from vectormix_tf.objectives.distances import gatys_content, relative_squared
from vectormix_tf.objectives.functions import from_function
from vectormix_tf.objectives.guidance import guide
from vectormix_tf.objectives.matching import match
from vectormix_tf.objectives.regularization import total_variation
from vectormix_tf.objectives.statistics import STATISTICS, identity, structure
from vectormix_tf.ops import masks
from vectormix_tf.ops.border import pad
from vectormix_tf.optim.observer import Observer, middle
from vectormix_tf.optim.optimizers import adam
from vectormix_tf.optim.problem import Problem
from vectormix_tf.optim.transforms import draw_transforms

FULL = 24  # pixels: more than a cell of the tiny network sees on a side


class Tiny:
    """What an extractor is, with a network that pads with zeros and strides."""

    def __init__(self):
        image = keras.Input([None, None, 3])
        convolve = keras.layers.Conv2D
        seeds = iter(keras.initializers.GlorotUniform(seed=i) for i in range(9))
        x = convolve(5, 3, 2, "valid", activation="elu", kernel_initializer=next(seeds))
        a = x(image)
        x = convolve(6, 3, padding="same", kernel_initializer=next(seeds))(a)
        x = keras.layers.MaxPooling2D(3, 2)(x)
        x = convolve(7, 3, padding="same", activation="relu")(x)
        self.model = keras.Model(image, {"a": a, "b": x})
        self.model.trainable = False
        self.info = {"a": LayerInfo(2, 3, 5, 1), "b": LayerInfo(4, 19, 7, 3)}

    def __call__(self, image, layers):
        seen = self.model(image, training=False)
        return {name: seen[name] for name in layers}

    def sizes(self, height, width):
        shapes = self.model.compute_output_shape((1, height, width, 3))
        return {name: tuple(shapes[name][1:3]) for name in self.info}


def noise(seed, height, width, channels=3):
    drawn = np.random.default_rng(seed).random([1, height, width, channels])
    return tf.constant(drawn, tf.float32)


SIZE = 70, 55
TRANSFORMS = draw_transforms(0, 4, 5, flips=True)
LAYERS = {"a": 1.0, "b": 0.5, "b@2": 2.0}
START, OTHER = pad(noise(1, *SIZE)), pad(noise(2, *SIZE))
STYLE = pad(noise(3, 40, 90))
MASK = noise(4, *SIZE, 1)


def masked(where):
    return lambda layer, observed: (
        where(layer, observed) * observed[masks.at("mask", layer)]
    )


def objectives(where):
    """Every kind of objective, by name."""
    found = {
        name: match("m", LAYERS, lambda x: STYLE, statistic, where=where)
        for name, statistic in STATISTICS.items()
    }
    blend = [lambda x: STYLE, lambda x: OTHER]
    return found | {
        "masked": match(
            "m",
            LAYERS,
            lambda x: STYLE,
            where=where,
            here=masked(where),
            statistic=STATISTICS["covariance"],
        ),
        "blended": match(
            "m", LAYERS, blend, STATISTICS["gram"], where=where, shares=[1, 2]
        ),
        "all cells": match("m", LAYERS, lambda x: STYLE, STATISTICS["gram"]),
        "identity": match("m", LAYERS, lambda x: OTHER, identity, where=where),
        "squares": match("m", LAYERS, lambda x: OTHER, distance=relative_squared),
        "gatys": match("m", LAYERS, lambda x: OTHER, distance=gatys_content),
        "structure": match("m", LAYERS, lambda x: OTHER, structure, where=where),
        "masked content": match(
            "m", LAYERS, lambda x: OTHER, structure, where=masked(where)
        ),
        "amplify": amplify({"a": 1.0, "b#1-3": -0.5}, where),
        "square": amplify({"b": 1.0}, objective="square"),
        "neuron": amplify({"b": 1.0}, where, here=middle),
        "guide": guide({"a": 1.0, "b": 0.5}, lambda x: STYLE, where),
        "channels": guide({"b": 1.0}, lambda x: OTHER, mode="channels"),
        "total variation": total_variation(),
        "function": from_function("f", ["a"], squares_of("a")),
        "function at half size": from_function("f", ["b@2"], squares_of("b@2"), 2.0),
    }


def squares_of(layer):
    """The mean square of a layer, over cells that look at the picture."""
    return lambda activations: tf.reduce_mean(activations[layer] ** 2)


def problem(extractor, which, canvas, tile, overlap):
    observer = Observer(extractor, {"mask": MASK}, tile, overlap)
    return Problem(
        observe=observer,
        objectives=which,
        canvas=canvas,
        optimizer=adam(0.01),
        transforms=TRANSFORMS,
        steps=3,
    )
