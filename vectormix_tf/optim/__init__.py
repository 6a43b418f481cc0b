"""The optimization loop and its parts: canvases, optimizers, transforms."""

from vectormix_tf.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        # What is minimized, and the loop.
        "Checkpoint": "loop",
        "Problem": "problem",
        "optimize": "loop",
        # How x is stored.
        "Canvas": "canvas",
        "direct": "canvas",
        "fourier": "canvas",
        "pixels": "canvas",
        # How it moves.
        "Optimizer": "optimizers",
        "adam": "optimizers",
        "blurred": "optimizers",
        "lbfgs": "optimizers",
        "normalized_descent": "optimizers",
        "smoothed": "optimizers",
        # How it is observed.
        "Observer": "observer",
        "Transforms": "transforms",
        "draw_transforms": "transforms",
    },
)
