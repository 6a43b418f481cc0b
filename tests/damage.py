"""Files with bytes that are wrong, for tests of readers."""

import numpy as np


def damaged(data, seed, cut, share, head, most):
    """Returns a file with some bytes replaced.

    Args:
        data: Content of the file.
        seed: Of the random choices.
        cut: Whether the end is cut off first.
        share: How often bytes of the whole file are replaced; else of its head.
        head: Bytes of the header, where decoders are surprised.
        most: Most bytes that are replaced.
    """
    random = np.random.default_rng(seed)
    data = bytearray(data)
    if cut:
        del data[random.integers(1, len(data)) :]
    reach = len(data) if random.random() < share else min(len(data), head)
    for place in random.integers(0, reach, random.integers(0 if cut else 1, most + 1)):
        data[place] = random.integers(256)
    return bytes(data)
