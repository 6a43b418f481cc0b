"""Public names of `vectormix_tf.objectives`, for type checkers."""

from vectormix_tf.objectives.amplification import amplify as amplify
from vectormix_tf.objectives.amplification import amplify_each as amplify_each
from vectormix_tf.objectives.base import Objective as Objective
from vectormix_tf.objectives.distances import plain_norm as plain_norm
from vectormix_tf.objectives.distances import relative_l1 as relative_l1
from vectormix_tf.objectives.distances import relative_squared as relative_squared
from vectormix_tf.objectives.distances import squared_norm as squared_norm
from vectormix_tf.objectives.functions import from_function as from_function
from vectormix_tf.objectives.guidance import guide as guide
from vectormix_tf.objectives.matching import match as match
from vectormix_tf.objectives.registry import statistic as statistic
from vectormix_tf.objectives.regularization import differ as differ
from vectormix_tf.objectives.regularization import total_variation as total_variation
from vectormix_tf.objectives.regularization import (
    total_variation_each as total_variation_each,
)
from vectormix_tf.objectives.statistics import covariance as covariance
from vectormix_tf.objectives.statistics import gram as gram
from vectormix_tf.objectives.statistics import identity as identity
from vectormix_tf.objectives.statistics import moments as moments
from vectormix_tf.objectives.statistics import structure as structure
from vectormix_tf.objectives.sums import Statistic as Statistic
from vectormix_tf.objectives.transport import histogram as histogram
from vectormix_tf.objectives.transport import sliced as sliced
