"""Timing functions against each other, in alternating rounds.

The speed of a machine varies while it is measured: with its clock rate, its temperature
and what else runs. Functions that are compared are therefore called alternately, so
that a slow phase affects all of them.
"""

import time
from collections.abc import Callable, Hashable, Mapping

Clock = Callable[[], float]


def time_alternately(
    functions: Mapping[Hashable, Callable[[], object]],
    rounds: int,
    announce: Callable[[str], None] = lambda text: None,
    clock: Clock = time.perf_counter,
) -> dict[Hashable, list[float]]:
    """Calls every function once per round, and measures each call.

    Args:
        functions: Functions without arguments, by name.
        rounds: How many are measured. One more precedes them and is not measured: it
            includes work that is done only once, such as tracing.
        announce: Called with a line of text before each call.
        clock: Returns seconds.

    Returns:
        The seconds of each function's calls, in the order of the rounds.
    """
    seconds = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            announce(f"round {number} of {rounds}: {name}" if number else f"{name}")
            begin = clock()
            function()
            if number:
                seconds[name].append(clock() - begin)
    return seconds
