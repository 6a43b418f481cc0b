"""Copies of a Keras network with one thing changed."""

import tensorflow as tf

from vectormix_tf.backbone.environment import keras


def _cloned(network, clone):
    """Returns a copy with each layer replaced by `clone(layer)`, and the weights."""
    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy


def average_pooling(network: keras.Model) -> keras.Model:
    """Returns a copy with average for max pooling (Gatys et al. 2015, section 3)."""

    def clone(layer):
        kind = type(layer)
        if isinstance(layer, keras.layers.MaxPooling2D):
            kind = keras.layers.AveragePooling2D
        return kind.from_config(layer.get_config())

    return _cloned(network, clone)


def cast(network: keras.Model, dtype: str) -> keras.Model:
    """Returns a copy that stores its weights and computes in another type."""

    def clone(layer):
        return type(layer).from_config(layer.get_config() | {"dtype": dtype})

    return _cloned(network, clone)


def without_normalization(network: keras.Model) -> keras.Model:
    """Returns a copy with biases in its convolutions and no batch normalization.

    A step has a fifth less work, and tracing takes half of the time. The weights of the
    copy are random: set them from `load.fold`.
    """

    def clone(layer):
        config = layer.get_config()
        if isinstance(layer, keras.layers.Conv2D):
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.layers.BatchNormalization):
            return args[0]
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=clone, call_function=call)


def redirect_relu(network: keras.Model) -> keras.Model:
    """Returns a copy in which channels that are 0 everywhere have a gradient.

    A ReLU passes no gradient where its input is negative, so a channel that is 0 all
    over an image could never be raised. As lucid's `redirected_relu_grad` (Olah et al.
    2017, "Feature visualization"), a ReLU that would block the whole gradient of an
    image passes all of it.
    """

    def clone(layer):
        copy = type(layer).from_config(layer.get_config())
        if getattr(layer, "activation", None) is keras.activations.relu:
            copy.activation = redirected_relu
        return copy

    return _cloned(network, clone)


def redirected_relu(x: tf.Tensor) -> tf.Tensor:
    """Returns the ReLU of activations [B, h, w, c]; see `redirect_relu`."""
    return tf.ensure_shape(_TRACED[x.dtype](x), x.shape)


def _relu(x):
    @tf.custom_gradient
    def relu(x):
        def gradient(upstream):
            usual = tf.where(x > 0, upstream, tf.zeros_like(upstream))
            blocked = tf.reduce_all(
                usual == 0, [1, 2, 3], keepdims=True
            )  # [B, 1, 1, 1]
            return tf.where(blocked, upstream, usual)

        return tf.nn.relu(x), gradient

    return relu(x)


# Traced once for each type: TensorFlow never frees a custom gradient, nor its graph.
_TRACED = {
    dtype: tf.function(_relu, [tf.TensorSpec([None] * 4, dtype)], autograph=False)
    for dtype in (tf.float32, tf.bfloat16)
}
