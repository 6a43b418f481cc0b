"""An extractor that changes nothing, so that losses are exact arithmetic."""

import tensorflow as tf


def observe(x, layers):
    """Layers by name: how often x is taken."""
    return {name: x * float(name) for name in layers}


def parts(x, layers):
    """As a target sees x: in one part."""
    return [observe(x, layers)]


def value(objective, start, x):
    target = objective.target(parts, start)
    return float(objective.evaluate(x, observe(x, objective.layers), target))


X = tf.constant([[[[1.0, 2.0], [3.0, 4.0]]]])
Y = tf.constant([[[[2.0, 2.0], [0.0, 4.0]]]])
