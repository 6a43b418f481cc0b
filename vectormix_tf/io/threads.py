"""How many threads TensorFlow takes: variables that it reads when it is imported."""

import os

# Threads within an operation, and operations at once.
NAMES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def variables(count: int) -> dict[str, str]:
    """Returns environment variables for a number of cores; none for 0, or all.

    They count for a process that has not imported TensorFlow yet.
    """
    return dict.fromkeys(NAMES, str(count)) if count else {}


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
