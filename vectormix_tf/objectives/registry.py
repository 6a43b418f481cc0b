"""Registry: the statistics that `--statistic` can name, and how to add one."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from vectormix_tf.config import mix
from vectormix_tf.errors import InputError
from vectormix_tf.objectives.distances import relative_squared
from vectormix_tf.objectives.sums import Distance, Statistic, means, weighted

STATISTICS: dict[str, Statistic] = {}

# Of cells with which a statistic is tried: two parts of them, and the greatest
# difference between the sums of the parts and those of the whole, relative.
TRIED, SPLIT, SEED = 12, 5, (0, 0)
TOLERANCE = 1e-3


def register(name: str, statistic: Statistic) -> Statistic:
    """Makes a statistic known under a name, and returns it."""
    if name not in mix.STATISTICS:
        mix.STATISTICS.append(name)
    STATISTICS[name] = statistic
    return statistic


def statistic(
    name: str,
    *,
    finish: Callable[[tuple], Any] | None = None,
    distance: Distance | None = None,
    blends: bool = True,
) -> Callable[[Callable], Statistic]:
    """Decorates a function to make it a statistic that `mix` can compare styles by.

        @vm.objectives.statistic("energy")
        def energy(cells, weights):
            return tf.reduce_sum(weights * cells**2, axis=0), tf.reduce_sum(weights)

        vm.mix("photo.jpg", "painting.jpg", statistic="energy")

    The function maps cells [n, c] of a layer and their weights [n, 1] in [0, 1], both
    float32, to a tuple of sums over the cells, each cell times its weight, whose last
    is the total weight. Sums of two parts of a picture must add up to those of both.

    Args:
        name: For `statistic` of `mix` and `--statistic`, in this process.
        finish: The sums -> value, a tensor or a tuple of tensors; None divides each
            sum but the last by the total weight.
        distance: (value, target's value) -> scalar, 0 where they are equal; None takes
            the mean, over the tensors of the value, of the squared difference relative
            to the target's square.
        blends: Whether several styles may be blended by a weighted mean of their sums.

    Returns:
        A decorator; it returns a `Statistic`, for `match`.

    Raises:
        InputError: If the name is taken.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise InputError(
            "the name of a statistic must be a word, such as energy; received"
            f" {name!r}."
        )
    if name in mix.STATISTICS:
        raise InputError(
            f"there is a statistic {name} already; choose another name than"
            f" {', '.join(mix.STATISTICS)}."
        )

    def decorate(summarize):
        made = Statistic(
            lambda cells, weights: tuple(summarize(*weighted(cells, weights))),
            finish or (lambda sums: tuple(means(sums))),
            distance or relative_squares,
            blends=blends,
            check=lambda channels: check_sums(name, summarize, channels),
            made_from=(summarize, finish, distance, blends),
        )
        return register(name, made)

    return decorate


def relative_squares(value: Any, target: Any) -> tf.Tensor:
    """Mean over the tensors of a value of their `relative_squared` distance."""
    pairs = zip(tf.nest.flatten(value), tf.nest.flatten(target), strict=True)
    each = [relative_squared(one, other) for one, other in pairs]
    return tf.add_n(each) / len(each)


def check_sums(name: str, summarize: Callable, channels: int) -> None:
    """Tries a statistic on random cells.

    Raises:
        InputError: If it fails, does not return sums, or those of two parts do not add
            up to those of both.
    """
    cells = tf.random.stateless_uniform([TRIED, channels], SEED)
    weights = tf.random.stateless_uniform([TRIED, 1], SEED)
    try:
        whole = summarize(cells, weights)
        first = summarize(cells[:SPLIT], weights[:SPLIT])
        second = summarize(cells[SPLIT:], weights[SPLIT:])
    except Exception as error:  # whatever a user's function raises
        raise InputError(
            f"the statistic {name} failed on cells [{TRIED}, {channels}]:"
            f" {type(error).__name__}: {error}"
        ) from error
    if not isinstance(whole, list | tuple) or len(whole) < 2:
        raise InputError(
            f"the statistic {name} must return a tuple of sums, the total weight last;"
            f" it returned a {type(whole).__name__}."
        )
    for one, other, both in zip(first, second, whole, strict=True):
        same = one.shape == other.shape == both.shape  # else they are no sums
        if not same or not _close(one + other, both):
            raise InputError(
                f"the statistic {name} must return sums over cells times their weights:"
                " those of two parts of a picture do not add up to those of both."
            )
    if not _close(whole[-1], tf.reduce_sum(weights)):
        raise InputError(
            f"the last sum of the statistic {name} must be the total weight,"
            " tf.reduce_sum(weights)."
        )


def _close(one, other) -> bool:
    if one.shape != other.shape:
        return False
    apart = float(tf.norm(one - other))
    return apart <= TOLERANCE * float(tf.norm(other))  # False also for NaN
