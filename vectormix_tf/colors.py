"""Colors: one picture's in another's."""

import tensorflow as tf

TINY = 1e-5  # keeps the covariance of a picture of few colors invertible


def recolor(image: tf.Tensor, palette: tf.Tensor) -> tf.Tensor:
    """Gives image [1, H, W, 3] the mean and covariance of the colors of `palette`.

    The linear map of Monge and Kantorovich: of all that do so, it moves colors least
    (Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping",
    equation 4). Values are clipped to [0, 1].
    """
    mean, covariance = _moments(image)
    goal, goal_covariance = _moments(palette)
    root = _root(covariance)
    inverse = tf.linalg.inv(root)
    matrix = inverse @ _root(root @ goal_covariance @ root) @ inverse
    colors = (tf.cast(image, tf.float64) - mean) @ matrix + goal
    return tf.cast(tf.clip_by_value(colors, 0.0, 1.0), tf.float32)


def hold_light(image: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Gives each channel of image [1, H, W, 3] its mean and spread in `reference`.

    What an amplified picture burns into black and white comes back from there.
    """
    mean, variance = tf.nn.moments(image, [1, 2], keepdims=True)
    goal, goal_variance = tf.nn.moments(reference, [1, 2], keepdims=True)
    scale = tf.sqrt((goal_variance + TINY) / (variance + TINY))
    return (image - mean) * scale + goal


def _moments(image):
    # Inverses of nearly gray pictures' covariances need the digits of float64.
    cells = tf.reshape(tf.cast(image, tf.float64), [-1, 3])
    mean = tf.reduce_mean(cells, axis=0)  # [3]
    cells -= mean
    count = tf.cast(tf.shape(cells)[0], tf.float64)
    covariance = tf.matmul(cells, cells, transpose_a=True) / count
    return mean, covariance + TINY * tf.eye(3, dtype=tf.float64)


def _root(matrix):
    """Symmetric root of a symmetric positive matrix."""
    values, vectors = tf.linalg.eigh(matrix)
    roots = tf.sqrt(tf.maximum(values, 0.0))
    return tf.matmul(vectors * roots, vectors, transpose_b=True)
