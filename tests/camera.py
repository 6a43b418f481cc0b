"""Frames that a camera sees, for tests of films."""

import numpy as np


def moving(wide, count):
    """What a camera sees of a picture of 160 x 120 that moves right, 2 pixels a frame.

    Each is uint8 [84, 112, 3].
    """
    return [np.asarray(wide.crop((2 * i, 9, 2 * i + 112, 93))) for i in range(count)]


def apart(one, other):
    """Mean absolute difference."""
    return np.abs(np.float32(one) - np.float32(other)).mean()
