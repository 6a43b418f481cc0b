"""What a picture is pulled towards: objectives, and the statistics they compare."""

from vectormix_tf.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Objective": "base",
        "Statistic": "sums",
        # Objectives.
        "amplify": "amplification",
        "amplify_each": "amplification",
        "differ": "regularization",
        "from_function": "functions",
        "guide": "guidance",
        "hold": "regularization",
        "match": "matching",
        "total_variation": "regularization",
        "total_variation_each": "regularization",
        # Statistics, and a decorator that makes one.
        "covariance": "statistics",
        "gram": "statistics",
        "histogram": "transport",
        "identity": "statistics",
        "moments": "statistics",
        "sliced": "transport",
        "statistic": "registry",
        "structure": "statistics",
        # Distances.
        "plain_norm": "distances",
        "relative_l1": "distances",
        "relative_squared": "distances",
        "squared_norm": "distances",
    },
)
