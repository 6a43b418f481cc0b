"""The optimization loop, and what it is made of: canvases and optimizers."""

from vectormix_tf.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Problem": "problem",
        "optimize": "loop",
    },
)
