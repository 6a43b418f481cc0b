"""What a picture is pulled towards: objectives, and the statistics they compare."""

from vectormix_tf.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Statistic": "statistic",
        "Objective": "base",
        "amplify": "base",
        "gram": "statistics",
        "identity": "statistics",
        "match": "base",
        "total_variation": "base",
    },
)
