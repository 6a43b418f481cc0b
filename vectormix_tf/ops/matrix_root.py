"""Square roots and eigenvalues of symmetric positive semidefinite matrices."""

import math

import tensorflow as tf

# Least eigenvalue over the Frobenius norm for which `trace_of_root` is accurate.
LEAST = 1e-3

# Of subspace iteration: vectors beyond those that are wanted, iterations, seed of the
# first vectors, and how many times as many channels as vectors it takes to be faster.
OVERSAMPLING, ITERATIONS, SEED, LARGE = 32, 4, (0, 0), 3

# By how much rounding may raise an eigenvalue of the product of both roots above 1.
ABOVE = 0.01


def symmetric_root(matrix: tf.Tensor) -> tf.Tensor:
    """Returns the symmetric root of a symmetric positive semidefinite matrix [c, c]."""
    values, vectors = tf.linalg.eigh(matrix)
    scaled = vectors * tf.sqrt(tf.maximum(values, 0.0))  # against rounding
    return tf.matmul(scaled, vectors, transpose_b=True)


def principal(matrix: tf.Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the greatest eigenvalues of a matrix, and their eigenvectors.

    Of a matrix that is much larger than `count` they are found by subspace iteration
    from random vectors (Halko et al. 2011, arXiv:0909.4061, algorithm 4.4) and the
    Rayleigh-Ritz method, in a fraction of the time: vectors whose eigenvalues are much
    above the last ones are accurate, the others are an orthonormal basis of nearly the
    same variance.

    Args:
        matrix: Symmetric and positive semidefinite, [c, c], c known.
        count: Number of eigenvalues; k is the smaller one of this and c.

    Returns:
        Eigenvalues [k], at least 0, ascending, and eigenvectors [c, k].
    """
    channels, tried = matrix.shape[0], count + OVERSAMPLING
    if channels < LARGE * tried:
        values, vectors = tf.linalg.eigh(matrix)
        return tf.maximum(values[-count:], 0.0), vectors[:, -count:]  # against rounding
    basis = tf.random.stateless_normal([channels, tried], SEED)
    for _ in range(ITERATIONS):
        basis = tf.linalg.qr(tf.matmul(matrix, basis))[0]
    ritz = tf.matmul(basis, tf.matmul(matrix, basis), transpose_a=True)
    values, vectors = tf.linalg.eigh(ritz)
    vectors = tf.matmul(basis, vectors[:, -count:])
    return tf.maximum(values[-count:], 0.0), vectors


def trace_of_root(matrix: tf.Tensor) -> tf.Tensor:
    """Returns the trace of the symmetric root of a matrix; differentiable.

    The gradient is half of the inverse root. It is attached by an added zero, as
    TensorFlow keeps every `tf.custom_gradient`, and the graph it is in, forever.

    Args:
        matrix: Symmetric, [c, c]; its eigenvalues should be at least `LEAST` times its
            Frobenius norm. Negative ones, which rounding makes, count as so many.
    """
    held = tf.stop_gradient(matrix)
    norm = tf.norm(held)
    trace, inverse = _root_of(held / norm)
    gradient = tf.stop_gradient(inverse / (2 * tf.sqrt(norm)))
    change = tf.reduce_sum(gradient * (matrix - held))  # 0, but has the gradient
    return tf.sqrt(norm) * tf.stop_gradient(trace) + change


# Traced once, as the graph of a mix has a dozen of these.
@tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)], autograph=False)
def _root_of(matrix):
    """Returns trace of the root and inverse root of [c, c], eigenvalues up to 1."""
    trace, inverse, converges = _newton_schulz(matrix)
    return tf.cond(
        converges, lambda: (trace, inverse), lambda: _root_by_eigenvalues(matrix)
    )


def _newton_schulz(matrix):
    """Returns trace of the root, inverse root, and whether all eigenvalues are >= 0.

    The coupled Newton-Schulz iteration (Higham 2008, "Functions of Matrices", equation
    6.35) with the scaling of Chen and Chow 2014, "A stable scaling of Newton-Schulz for
    improving the sign function computation of a Hermitian matrix". It costs 27 products
    of [c, c], 0.1 GFLOP for c = 128.

    It brings eigenvalues in [0, 1] of the product of both roots to 1 from below, and
    those below 0 to minus infinity. The sum of p (p - 1) over them tells which it was.
    """
    first, *middle, last = NEWTON_SCHULZ
    inverse = _correction(first, matrix)
    root = tf.matmul(matrix, inverse)
    for factor in middle:
        correction = _correction(factor, tf.matmul(inverse, root))
        root, inverse = tf.matmul(root, correction), tf.matmul(correction, inverse)
    product = tf.matmul(inverse, root)
    squares = tf.reduce_sum(product * tf.transpose(product))
    converges = squares <= (1 + ABOVE) * tf.linalg.trace(product)  # false for NaN
    correction = _correction(last, product)
    trace = tf.reduce_sum(root * tf.transpose(correction))
    return trace, tf.matmul(correction, inverse), converges


def _root_by_eigenvalues(matrix):
    """The first two of `_newton_schulz`, with eigenvalues of at least `LEAST`."""
    finite = tf.reduce_all(tf.math.is_finite(matrix))  # others have no eigenvalues
    values, vectors = tf.linalg.eigh(tf.where(finite, matrix, 0.0))
    roots = tf.sqrt(tf.maximum(values, LEAST))
    inverse = tf.matmul(vectors / roots, vectors, transpose_b=True)
    return tf.where(finite, tf.reduce_sum(roots), math.nan), inverse


def _correction(factor, product):
    return 1.5 * factor * tf.eye(tf.shape(product)[0]) - 0.5 * factor**3 * product


def _newton_schulz_factors(least: float, count: int) -> list[float]:
    """Factors of Chen and Chow for eigenvalues in [least, 1]."""
    factors = []
    for _ in range(count):
        factor = math.sqrt(3 / (1 + least + least**2))
        factors.append(factor)
        least = 0.5 * factor * least * (3 - (factor * least) ** 2)
    return factors


# Ten steps reach the precision of float32 (1e-5 of the trace, on layers of
# InceptionV3). Nine leave an error of up to 1 %; without the factors it takes twenty.
NEWTON_SCHULZ = _newton_schulz_factors(LEAST, 10)
